"""A table of trainings that differ in one thing each; `lab/cli/ablate.py` runs it."""
