"""How the pages of the docs are built, and how all pages of mmlite are checked."""
