"""What a config may hold: its sections, their keys, kinds and defaults. The only table of keys.

A dict with a `type` takes the arguments of that class: the registries know them. All other keys
are in SCHEMA: those of dicts without a `type`, and those that are read beside the arguments of a
class. `config/keys.py` reads SCHEMA: it refuses unknown keys in files and overrides, and answers
which keys a dict takes. `docs/config_keys.md` shows it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Union


@dataclass(frozen=True)
class Value:
    """A key that holds a value; None is always one.

    Args:
        kind: a name in KINDS.
        note: what the key does, for the docs.
        default: the value where the key is left out.
        only: the values that it may have; empty for all of its kind.
        least: the smallest number.
    """

    kind: str
    note: str = ''
    default: Any = None
    only: tuple = ()
    least: float | None = None


@dataclass(frozen=True)
class Keys:
    """A dict without a `type`.

    Args:
        keys: what each key may hold.
        note: what the dict does, for the docs.
        others: what any other key may hold; None where there is no other key.
        arguments_of: path of a dict with a `type`; the arguments of its class are keys here too.
        late: only the class that reads the dict checks it, as another class may read other keys.
        or_switch: True or False may be in the place of the dict.
    """

    keys: Mapping[str, Spec]
    note: str = ''
    others: Spec | None = None
    arguments_of: str = ''
    late: bool = False
    or_switch: bool = False


@dataclass(frozen=True)
class Part:
    """A dict with a `type`, from which an object is built.

    Args:
        registry: the name of the registry in `mmlite.registry`; empty for the names in `types`.
        note: what the object does, for the docs.
        type: the class where the dict has no `type`; empty where it needs one.
        usual: the class that is built where the config does not name the part.
        types: the names that a `type` may have where no registry has them.
        given: arguments that the object gets when it is built, beside those of the dict.
        beside: keys that are read before the object is built.
        inside: arguments of the class that are dicts without a `type`, or are checked early.
    """

    registry: str = ''
    note: str = ''
    type: str = ''
    usual: str = ''
    types: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    beside: Mapping[str, Spec] = field(default_factory=dict)
    inside: Mapping[str, Spec] = field(default_factory=dict)


@dataclass(frozen=True)
class ListOf:
    """A list of these, or a single one in its place."""

    item: Spec
    note: str = ''


Spec = Union[Value, Keys, Part, ListOf]  # noqa: UP007  the classes name it before it is there

# kind -> (types, the words for it); a bool is no number here
KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    'any': ((object,), 'any value'),
    'switch': ((bool,), 'True or False'),
    'count': ((int,), 'a whole number'),
    'number': ((int, float), 'a number'),
    'pixels': ((int, float), 'a number of pixels, 0 or from 1 up,'),
    'text': ((str,), 'a text'),
    'path': ((str, os.PathLike), 'a path'),
    'list': ((list, tuple), 'a list'),
}

# the note of keys of mmdet's configs that have one value here, and change nothing
AS_IN_MMDET = 'as in mmdet; no effect'
# keys that any dict may have: its class, and the scope that mmengine writes into it
ALWAYS = ('type', '_scope_')

# ---- data ---------------------------------------------------------------------------------------

_DATASET_ARGUMENTS: dict[str, Spec] = {}
_DATASET = Part('DATASETS', 'the images, their boxes and the pipeline', inside=_DATASET_ARGUMENTS)
FILTERS = Keys(
    {
        'filter_empty_gt': Value('switch', 'leave out images without boxes', True),
        'min_size': Value('pixels', 'the shorter side of an image', 0),
        'bbox_min_size': Value('pixels', 'the shorter side of a box', 0),
    },
    'which images and boxes are left out of a training',
    late=True,
)
_DATASET_ARGUMENTS.update(
    filter_cfg=FILTERS,
    metainfo=Keys(
        {
            'classes': Value('any', "the class names, in the order of the labels; or 'auto'"),
            'palette': Value('any', 'a colour for each class'),
        },
        'what the data set is',
        others=Value('any'),
    ),
    pipeline=ListOf(Part('TRANSFORMS'), 'the transforms, first to last'),
    dataset=_DATASET,
    datasets=ListOf(_DATASET),
)
# what only worker processes read
WORKER_OPTIONS: dict[str, Spec] = {
    'persistent_workers': Value('switch', 'keep the workers between epochs'),
    'prefetch_factor': Value('count', 'batches that a worker loads in advance', least=1),
    'timeout': Value('number', 'seconds to wait for a batch', least=0),
    'multiprocessing_context': Value('any', "how workers start, such as 'spawn'"),
}
LOADER = Keys(
    {
        'dataset': _DATASET,
        'sampler': Part('DATA_SAMPLERS', 'the order of the images', given=('dataset',)),
        'batch_size': Value('count', 'images in a batch of one process', 1, least=1),
        'num_workers': Value('count', 'processes that load; 0: none', 0, least=0),
        'batch_sampler': Part('DATA_SAMPLERS', 'groups images in another way than in order'),
        'drop_last': Value('switch', 'leave out a last batch that is smaller', False),
        'collate_fn': Value('any', 'a function from a list of samples to a batch'),
        'pin_memory': Value('switch', 'copy to a GPU without waiting', True),
        **WORKER_OPTIONS,
    },
    'the data of one loop',
)

# ---- the model ----------------------------------------------------------------------------------

# keys of mmdet with one value here, which is `only`
_AS_IN_MMDET: dict[str, Spec] = {
    'allowed_border': Value('any', AS_IN_MMDET, only=(-1,)),
    'pos_weight': Value('any', AS_IN_MMDET, only=(-1,)),
    'debug': Value('any', AS_IN_MMDET, only=(False,)),
}


def _stage(boxes: str, priors: str) -> Keys:
    assigner = Part('TASK_UTILS', f'which {priors} is for which box')
    note = f'RepPointsHead: the assignment of {boxes}'
    return Keys({'assigner': assigner, **_AS_IN_MMDET}, note, late=True)


# of `model.train_cfg`, what a DenseHead reads
TRAIN_CFG = Keys(
    {
        'assigner': Part('TASK_UTILS', 'which prior is for which box'),
        'reg_assigner': Part('TASK_UTILS', 'DDODHead: the assigner of the boxes'),
        'initial_assigner': Part('TASK_UTILS', 'TOODHead: the assigner of the first epochs'),
        'initial_epoch': Value('count', 'TOODHead: the number of those epochs', 4),
        'alpha': Value('number', 'TOODHead: the exponent of the score', 1),
        'beta': Value('number', 'TOODHead: the exponent of the IoU', 6),
        'neg_pos_ratio': Value('number', 'SSDHead: negatives for each positive'),
        'smoothl1_beta': Value('number', 'SSDHead: where the box loss becomes linear'),
        'init': _stage('the first boxes', 'prior'),
        'refine': _stage('the refined boxes', 'first box'),
        'sampler': Value('any', AS_IN_MMDET, only=(None, {'type': 'PseudoSampler'})),
        **_AS_IN_MMDET,
    },
    'assignment and sampling',
    late=True,
)
# of `model.train_cfg.rpn`, what an RPNHead reads
RPN_TRAIN_CFG = Keys(
    {
        **{key: spec for key, spec in TRAIN_CFG.keys.items() if key in ('assigner', 'debug')},
        'sampler': Part('TASK_UTILS', 'which anchors count', 'PseudoSampler'),
        'allowed_border': Value('number', 'pixels by which an anchor may leave the image', -1),
        'pos_weight': _AS_IN_MMDET['pos_weight'],
    },
    'assignment and sampling of the first stage',
    late=True,
)
# of `model.train_cfg.rcnn.dynamic_rcnn`
DYNAMIC_RCNN = Keys(
    {
        'iou_topk': Value('count', 'which largest IoU of an image counts', 75, least=1),
        'beta_topk': Value('count', 'which smallest error counts, of each image', 10, least=1),
        'update_iter_interval': Value('count', 'steps between two changes', 100, least=1),
        'initial_iou': Value('number', 'the lowest IoU threshold', 0.4),
        'initial_beta': Value('number', 'the largest beta', 1.0),
    },
    'DynamicRoIHead: how threshold and beta follow the training',
    late=True,
)
# of `model.train_cfg.rcnn`, what a stage of a RoI head reads
RCNN_TRAIN_CFG = Keys(
    {
        **{key: spec for key, spec in RPN_TRAIN_CFG.keys.items() if key != 'allowed_border'},
        'sampler': Part('TASK_UTILS', 'which proposals count', 'PseudoSampler'),
        'dynamic_rcnn': DYNAMIC_RCNN,
    },
    'assignment and sampling of the second stage',
    late=True,
)
# of `model.test_cfg`, what a DenseHead reads
# what only `type='soft_nms'` has
SOFT_NMS: dict[str, Spec] = {
    'method': Value(
        'text',
        'soft_nms: scores are multiplied by 1 - IoU, by exp(-IoU * IoU / sigma), or by 0',
        'linear',
        only=('linear', 'gaussian', 'naive'),
    ),
    'sigma': Value('number', 'soft_nms: the width of gaussian', 0.5),
    'min_score': Value('number', 'soft_nms: the least score of a box that is kept', 1e-3),
}
NMS = Keys(
    {
        'type': Value('text', 'the rule', 'nms', only=('nms', 'soft_nms')),
        'iou_threshold': Value(
            'number',
            'a box that overlaps more with a better one is dropped; soft_nms: that overlaps as '
            'much or more loses score (0.3 where left out; gaussian: all that overlap)',
        ),
        **SOFT_NMS,
        'max_num': Value('count', 'boxes left by NMS; -1: all', -1),
        'class_agnostic': Value('switch', 'boxes of other classes count too', False),
        'offset': Value('count', 'pixels by which the sides of a box count as longer', 0, (0, 1)),
        'split_thr': Value('number', AS_IN_MMDET),
    },
    late=True,
)
TEST_CFG = Keys(
    {
        'score_thr': Value('number', 'the least score of a detection', 0.05),
        'nms_pre': Value('count', 'candidates of each level; -1: all', 1000),
        'nms': NMS,
        'iou_thr': Value('number', 'nms.iou_threshold, where nms is left out', 0.5),
        'max_per_img': Value('count', 'detections of an image; -1: all', 100),
        'min_bbox_size': Value('number', 'the shorter side of a detection, in pixels', 0),
        'max_per_class': Value('count', 'candidates of each class, in place of nms_pre', -1),
        'conf_thr': Value('number', 'YOLOV3Head: the least objectness of a candidate', -1),
        'geometric_score': Value('switch', "torchvision's FCOS: how two scores are joined", False),
    },
    'from the outputs of the head to detections',
    late=True,
)
# of `model.test_cfg.rpn` and `model.train_cfg.rpn_proposal`
PROPOSALS = Keys(
    {
        'nms_pre': Value('count', 'candidates of each level; -1: all', 1000),
        'nms': NMS,
        'iou_thr': Value('number', 'nms.iou_threshold, where nms is left out', 0.7),
        'max_per_img': Value('count', 'proposals of an image; -1: all', 1000),
        'min_bbox_size': Value('number', 'the shorter side of a proposal, in pixels', 0),
        'score_thr': Value('number', 'the least score of a proposal', 0),
    },
    'from the outputs of the first stage to proposals',
    late=True,
)
# of `model.test_cfg.rcnn`
RCNN_TEST_CFG = Keys(
    {
        **{key: TEST_CFG.keys[key] for key in ('score_thr', 'nms', 'iou_thr', 'max_per_img')},
        'min_bbox_size': replace(TEST_CFG.keys['min_bbox_size'], default=-1),
    },
    'from the outputs of the second stage to detections',
    late=True,
)
# of `roi_head.bbox_roi_extractor`
ROI_LAYER = Keys(
    {
        'type': Value('text', 'how a RoI is pooled', only=('RoIAlign', 'RoIPool')),
        'output_size': Value('any', 'cells of a side of what is pooled', 7),
        'sampling_ratio': Value('count', 'points of a side of a cell; 0: by its size', 0),
        'aligned': Value('switch', 'half a pixel is taken off, as mmdet 2 and 3 do', True),
        'pool_mode': Value('text', AS_IN_MMDET, only=('avg',)),
        'use_torchvision': Value('switch', AS_IN_MMDET),
    },
    'how a RoI is pooled',
    late=True,
)
# what a CenterNetHead reads in its place
HEAT_MAP_TEST_CFG = Keys(
    {
        'topk': Value('count', 'CenterNetHead: peaks of an image', 100, least=1),
        'local_maximum_kernel': Value(
            'count', 'CenterNetHead: cells of the square whose best is a peak', 3, (1, 3, 5, 7, 9)
        ),
        'with_nms': Value('switch', 'CenterNetHead: NMS after the peaks are found', False),
        **{key: TEST_CFG.keys[key] for key in ('nms', 'iou_thr', 'max_per_img')},
    },
    'from a heat map to detections',
    late=True,
)
_TWO_STAGES_TRAIN: dict[str, Spec] = {
    'rpn': RPN_TRAIN_CFG,
    'rpn_proposal': PROPOSALS,
    'rcnn': ListOf(RCNN_TRAIN_CFG, 'of the second stage, or of each stage of a cascade'),
}
_TWO_STAGES_TEST: dict[str, Spec] = {'rpn': PROPOSALS, 'rcnn': RCNN_TEST_CFG}
_MODEL = Part(
    'DETECTORS',
    'the detector',
    inside={
        'data_preprocessor': Part('TASK_UTILS', 'what happens to a batch', 'DetDataPreprocessor'),
        'train_cfg': replace(TRAIN_CFG, keys={**TRAIN_CFG.keys, **_TWO_STAGES_TRAIN}),
        'test_cfg': replace(
            TEST_CFG, keys={**TEST_CFG.keys, **HEAT_MAP_TEST_CFG.keys, **_TWO_STAGES_TEST}
        ),
    },
)
_TTA_MODEL = Part(
    types=('DetTTAModel',),
    note='test.py --tta: how the detections of several versions of an image are merged',
    inside={
        'tta_cfg': Keys(
            {
                'nms': NMS,
                'iou_thr': Value('number', 'nms.iou_threshold, where nms is left out', 0.5),
                'max_per_img': Value('count', 'detections of an image; -1: all', 100),
            }
        ),
        'module': Value('any', AS_IN_MMDET),
    },
)

# ---- training -----------------------------------------------------------------------------------

_CUSTOM_KEY = Keys(
    {
        'lr_mult': Value('number', 'times the learning rate'),
        'decay_mult': Value('number', 'times the weight decay'),
    },
    arguments_of='optim_wrapper.optimizer',
)
_PARAMWISE_CFG = Keys(
    {
        'custom_keys': Keys({}, 'a piece of parameter names, and what counts there', _CUSTOM_KEY),
        'bias_lr_mult': Value('number', 'times the learning rate, of biases'),
        'bias_decay_mult': Value('number', 'times the weight decay, of biases'),
        'norm_decay_mult': Value('number', 'times the weight decay, of norm layers'),
        'dwconv_decay_mult': Value('number', 'times the weight decay, of depthwise convolutions'),
        'flat_decay_mult': Value('number', 'times the weight decay, of vectors'),
        'dcn_offset_lr_mult': Value('number', 'times the learning rate, of offsets of DCN'),
        'bypass_duplicate': Value('switch', 'count a parameter with two names once'),
    },
    'learning rates and weight decays by parameter',
)
CLIP_GRAD = Keys(
    {
        'type': Value('text', 'by norm or by value', 'norm', only=('norm', 'value')),
        'max_norm': Value('number', 'the largest norm of all gradients'),
        'norm_type': Value('any', 'which norm', 2),
        'clip_value': Value('number', 'the largest gradient, by value'),
        'error_if_nonfinite': Value('switch', 'stop at a norm that is infinite or NaN'),
        'foreach': Value('switch', "torch's"),
    },
    'limits the gradients',
)
_OPTIM_WRAPPER = Part(
    'OPTIM_WRAPPERS',
    'the optimiser and what is around it',
    'OptimWrapper',
    beside={
        'constructor': Value('any', 'a class that reads paramwise_cfg in another way'),
        'paramwise_cfg': _PARAMWISE_CFG,
    },
    inside={
        'optimizer': Part('OPTIMIZERS', 'the optimiser', given=('params',)),
        'clip_grad': CLIP_GRAD,
        'accumulative_counts': Value('count', 'batches that make one step', 1, least=1),
    },
)
# of the class of a constructor that reads `paramwise_cfg` as it is described here
DEFAULT_CONSTRUCTOR = 'DefaultOptimWrapperConstructor'
_SCHEDULER = Part(
    'PARAM_SCHEDULERS',
    'a rule by which the learning rate changes',
    given=('optimizer', 'param_name'),
    beside={'convert_to_iter_based': Value('switch', 'count epochs, and step at iterations')},
)
_LENGTHS = {
    'max_epochs': Value('count', 'passes through the data', least=1),
    'max_iters': Value('count', 'iterations', least=1),
    'val_interval': Value('count', 'how often it validates', least=1),
}


def _loop(type_name: str, note: str, *given: str) -> Part:
    beside = {'by_epoch': Value('switch', 'which of the two loops, without a type')}
    return Part(
        'LOOPS',
        note,
        type_name,
        given=('runner', 'dataloader', *given),
        beside=beside if type_name == 'EpochBasedTrainLoop' else {},
        inside=_LENGTHS if type_name == 'EpochBasedTrainLoop' else {},
    )


# ---- hooks and logs -----------------------------------------------------------------------------

# the default hooks by name: mmengine's, then those that mmlite adds. They check the loss, count
# unreadable images, show the progress on a terminal, have all processes validate the same model,
# and save pictures
MMENGINE_HOOKS = {
    'runtime_info': 'RuntimeInfoHook',
    'timer': 'IterTimerHook',
    'sampler_seed': 'DistSamplerSeedHook',
    'logger': 'LoggerHook',
    'param_scheduler': 'ParamSchedulerHook',
    'checkpoint': 'CheckpointHook',
}
OWN_HOOKS = {
    'invalid_loss': 'CheckInvalidLossHook',
    'skipped_images': 'SkippedImagesHook',
    'progress': 'ProgressHook',
    'same_buffers': 'SameBuffersHook',
    'pictures': 'RunPicturesHook',
}
_PRIORITY = {'priority': Value('any', 'a name or a number: the order of hooks')}


def _hook(usual: str = '') -> Part:
    return Part('HOOKS', usual=usual, beside=_PRIORITY)


_METRICS = ListOf(Part('METRICS'), 'the metrics of a loop')

# ---- the whole ----------------------------------------------------------------------------------

SCHEMA: dict[str, Spec] = {
    'model': _MODEL,
    'train_dataloader': LOADER,
    'val_dataloader': LOADER,
    'test_dataloader': LOADER,
    'optim_wrapper': _OPTIM_WRAPPER,
    'param_scheduler': ListOf(_SCHEDULER, 'how the learning rate changes'),
    'train_cfg': _loop('EpochBasedTrainLoop', 'how long a training is'),
    'val_cfg': _loop('ValLoop', 'the validation', 'evaluator'),
    'test_cfg': _loop('TestLoop', 'the test', 'evaluator'),
    'val_evaluator': _METRICS,
    'test_evaluator': _METRICS,
    'default_hooks': Keys(
        {name: _hook(usual) for name, usual in {**MMENGINE_HOOKS, **OWN_HOOKS}.items()},
        'hooks by name; None leaves one out',
        others=_hook(),
    ),
    'custom_hooks': ListOf(
        Part(
            'HOOKS',
            beside=_PRIORITY,
            inside={'switch_pipeline': ListOf(Part('TRANSFORMS'), 'of PipelineSwitchHook')},
        ),
        'more hooks',
    ),
    'custom_imports': Keys(
        {
            'imports': Value('any', 'modules to import'),
            'allow_failed_imports': Value('switch', 'go on without a module that fails', False),
        },
        'modules with classes of your own',
    ),
    'env_cfg': Keys(
        {
            'cudnn_benchmark': Value('switch', 'let cuDNN choose by trying', False),
            'mp_cfg': Keys(
                {
                    'mp_start_method': Value(
                        'text', 'how workers start', only=('fork', 'spawn', 'forkserver')
                    ),
                    'opencv_num_threads': Value('count', 'threads of OpenCV', 0),
                },
                'processes that load data',
            ),
            'dist_cfg': Keys(
                {
                    'backend': Value('text', "'nccl'; on CPUs always gloo", 'nccl'),
                    'timeout': Value('number', 'seconds to wait for other processes', 1800),
                },
                'training in several processes',
            ),
            'resource_limit': Value('count', 'files that may be open', 4096),
        },
        'the process',
    ),
    'visualizer': Part(
        'VISUALIZERS',
        'where figures and pictures of a run go',
        given=('name', 'save_dir'),
        inside={'vis_backends': ListOf(Part('VISBACKENDS', given=('save_dir',)))},
    ),
    'log_processor': Part('LOG_PROCESSORS', 'what the log shows', 'LogProcessor'),
    'log_level': Value(
        'text',
        'what the log leaves out',
        'INFO',
        only=('CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'NOTSET'),
    ),
    'load_from': Value('path', 'a checkpoint to start from'),
    'resume': Value('switch', 'go on with the last checkpoint, or with that of load_from', False),
    'randomness': Keys(
        {
            'seed': Value('count', 'of everything that is drawn'),
            'deterministic': Value('switch', 'equal runs bit for bit', False),
            'diff_rank_seed': Value('switch', 'another seed for each process', False),
        },
        'random numbers',
    ),
    'default_scope': Value('text', "mmengine's; mmlite's registries are asked directly"),
    'work_dir': Value('path', 'where everything is written'),
    'auto_scale_lr': Keys(
        {
            'enable': Value('switch', 'scale the learning rate', False),
            'base_batch_size': Value('count', 'images of a step that it is meant for', least=1),
        },
        'the learning rate against the images of a step',
    ),
    'experiment_name': Value('text', 'the name of a run in its log'),
    'find_unused_parameters': Value('switch', 'some parameters take no part in a step', False),
    'sync_bn': Value('text', 'batch norms share their statistics', only=('torch',)),
    'compile': Keys(
        {
            'fullgraph': Value('switch', "torch.compile's"),
            'dynamic': Value('switch', "torch.compile's"),
            'backend': Value('any', "torch.compile's"),
            'mode': Value('text', "torch.compile's"),
            'options': Value('any', "torch.compile's"),
            'disable': Value('switch', "torch.compile's"),
        },
        'True, or options: compile backbone, neck and head',
        or_switch=True,
    ),
    'tta_model': _TTA_MODEL,
    'tta_pipeline': ListOf(Part('TRANSFORMS'), 'test.py --tta: the versions of an image'),
    'launcher': Value('text', 'set by --launcher'),
    'gpu_ids': Value('list', 'set by --gpu-ids'),
}

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# sections that say where and how a run begins, not what it trains
BEGINNING = ('load_from', 'resume', 'log_level', 'default_scope', 'experiment_name')
# sections that the optimiser and its schedules are made of
OPTIMISATION = ('optim_wrapper', 'auto_scale_lr', 'param_scheduler')
# sections that nothing of a computation depends on
ONLY_WHERE = ('work_dir', 'launcher', 'gpu_ids')
# names of variables that are as good as never a section misspelt, such as tta_pipeline
USUAL_VARIABLES = ('train_pipeline', 'val_pipeline', 'test_pipeline')
# what a task cannot do without
NEEDED = {
    'train': ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper'),
    'test': ('model', 'test_dataloader', 'test_cfg', 'test_evaluator'),
}
# the sections of each task whose parts are built after the work dir is made
BUILT_LATE = {
    'train': ('optim_wrapper', 'param_scheduler', 'train_cfg', 'val_cfg', 'visualizer'),
    'test': ('test_cfg', 'visualizer'),
}
