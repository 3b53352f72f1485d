"""The command lines: argument parsers, one module per verb. `tools/*.py` call them."""
