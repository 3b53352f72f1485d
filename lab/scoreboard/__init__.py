"""How many of mmdet's published configs run here, and why the others do not."""
