"""A training that goes on from a checkpoint: what is read back, compared and said."""
