"""What `tools/explain.py` shows: the way of one batch, and where a config value comes from."""
