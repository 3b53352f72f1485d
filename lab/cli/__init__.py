"""The laboratory's command lines, one file for each verb; `tools/NAME.py` starts them."""

VERBS = ('benchmark', 'ablate', 'verify_resume')
