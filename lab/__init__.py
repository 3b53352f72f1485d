"""The laboratory: measurements of mmlite itself. It is not part of the installed package."""
