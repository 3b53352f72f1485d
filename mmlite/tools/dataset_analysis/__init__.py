"""What a data set holds, and whether the priors of a config fit it: no model is trained here.

Letters: G boxes of a split, P shapes of priors over all levels, T numbers that a config sets them
by. Boxes are xyxy, in pixels of the original image or of the network's input as a name says.
"""
