"""The step that went wrong, kept in a folder: written, shown and repeated."""
