"""Small helpers that know nothing of detection; every other room may use them."""
