"""A table of trainings that differ in one thing each; `mmlite/cli/ablate.py` runs it."""
