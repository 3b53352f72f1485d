"""Pure functions and small classes on boxes and pixels: no registry, no config, no model.

Letters used in every file: N images, R priors over all levels, C classes, g boxes in an image.
Boxes are xyxy in pixels unless a name says otherwise.
"""
