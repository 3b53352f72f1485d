"""How large a detector is and how much it computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mmlite.config.nodes import walk
from mmlite.models.heads.dense_head import dense_head_of, head_with_priors
from mmlite.registry import without_scope


@dataclass(frozen=True)
class Complexity:
    """Of one image: `size` (w, h) of the padded input, numbers of parameters and operations."""

    size: tuple[int, int]
    parameters: int
    trained: int  # parameters that are not frozen
    multiply_adds: int  # what papers and mmdet call FLOPs
    priors: int | None  # None for a head that has none
    parts: dict[str, tuple[int, int]]  # parameters and multiply-adds of backbone, neck, heads


def measure(detector: nn.Module, size: tuple[int, int]) -> Complexity:
    """Counts by torch's own counter: only convolutions and products.

    A second stage is counted for as many RoIs as there may be proposals in testing.

    Args:
        detector: without memory, see `outline_of`.
        size: (w, h) of the input. It is padded as in training.

    Raises:
        ConfigError: a head with neither priors nor a `forward` of its own.
    """
    divisor = getattr(detector.data_preprocessor, 'pad_size_divisor', 1)
    width, height = (-(-side // divisor) * divisor for side in size)
    with torch.device('meta'), FlopCounterMode(display=False) as counter:
        feats = detector.extract_feat(torch.zeros(1, 3, height, width))
        priors = _priors_of(detector, feats)
        if hasattr(detector, 'roi_head'):
            _run_second_stage(detector, feats, priors)
    parameters = list(detector.parameters())
    return Complexity(
        (width, height),
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
        counter.get_total_flops() // 2,
        priors,
        {
            name: (sum(p.numel() for p in part.parameters()), _multiply_adds(counter, part))
            for name, part in detector.named_children()
            if name != 'data_preprocessor'
        },
    )


def _priors_of(detector: nn.Module, feats: Sequence[Tensor]) -> int | None:
    """Runs the head on the maps, and returns how many priors it has."""
    head = dense_head_of(detector)
    if not hasattr(head, 'prior_generator') and type(head).forward is not nn.Module.forward:
        head(feats)
        return None
    return head_with_priors(detector, 'this count')(feats)['cls_score'].shape[1]


def _run_second_stage(detector: nn.Module, feats: Sequence[Tensor], priors: int) -> None:
    """Runs the second stage on as many RoIs as there may be proposals in testing."""
    limit = detector.rpn_head.test_cfg['max_per_img']
    rois = torch.zeros(limit if limit >= 0 else priors, 5)
    detector.roi_head(feats, rois)
    for later in range(1, len(detector.roi_head.stages)):
        detector.roi_head(feats, rois, later)


def _multiply_adds(counter: FlopCounterMode, part: nn.Module) -> int:
    return sum(counter.get_flop_counts().get(type(part).__name__, {}).values()) // 2


def _is_resize(node: dict) -> bool:
    return without_scope(str(node.get('type'))) == 'Resize'


def input_size(cfg: Config) -> tuple[int, int]:
    """Returns the (w, h) that the test pipeline resizes to, or if it does not the training's."""
    for loader in ('test_dataloader', 'train_dataloader'):
        for _, node in walk(cfg.get(loader), loader):
            if isinstance(node, dict) and 'scale' in node and _is_resize(node):
                scale = node['scale']
                return (scale, scale) if isinstance(scale, int) else tuple(scale)
    return 1333, 800
