"""Questions to a config before hours are spent on it: `examine` asks, `Finding`s answer.

from mmlite.tools.doctor.examine import examine
"""

# The checks by name, cheap ones first; `examine.CHECKS` has their functions.
QUESTIONS = dict(
    parts='can every part be built, and do the parts fit each other?',
    classes='do the classes of all splits, their annotations and the labels agree?',
    annotations='are the boxes x1, y1, x2, y2 inside their images?',
    splits='is an image of the test set in the training set too?',
    normalisation='do mean, std and channel order fit each other and the origin of the weights?',
    frozen='is a part frozen that has no weights?',
    learning_rate='does the learning rate fit the batch?',
    units='do schedules, log and checkpoints count what the training counts?',
    schedule='do schedules, validations and checkpoints fit the length of the training?',
    sampling='are images drawn as training and testing need it?',
    input='does the network see pictures of the usual mean and spread, in training and testing?',
    boxes='do boxes and pixels stay together through the pipeline?',
    priors='is there a prior near every object, by class and size?',
    coder='decode(encode(gt)) = gt, and does it survive post-processing?',
    ground_truth='does the ground truth, taken for detections, score mAP 1?',
    weights='which tensors do the pretrained weights fill?',
    rois='does a second stage get proposals, and from more than one level?',
    step='one step: are losses and gradients finite, and does every part learn?',
    evaluation='one evaluation: are there boxes in their images, and figures?',
    overfit='can eight images be learnt by heart?',
)
