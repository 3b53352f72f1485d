"""Kills trainings, resumes them and compares the end with a training never interrupted."""
