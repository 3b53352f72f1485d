"""What surrounds a run: its processes, work dir, random numbers and the signals that stop it."""
