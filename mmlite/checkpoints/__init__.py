"""Files of weights: safe reading and atomic writing, and names of other frameworks."""
