"""Golden cases: a model with the weights of the rule, its inputs, and what mmdet made of them."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import box_iou

from mmlite.models import build_detector

FOLDER = Path(__file__).parent / 'data/golden'

_spec = importlib.util.spec_from_file_location('golden_rule', FOLDER / 'rule.py')
rule = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rule)


@dataclass
class Golden:
    """One case. `facts` is its JSON, `arrays` its NPZ; see data/golden/README.md."""

    facts: dict
    arrays: dict[str, np.ndarray]
    model: nn.Module
    state_dict: dict[str, Tensor]  # as on disk: background last
    img: Tensor  # (N, 3, H, W), normalised
    img_metas: list[dict]
    gt_bboxes: list[Tensor]
    gt_labels: list[Tensor]  # 1..C


def load_golden(name: str) -> Golden:
    facts = json.loads((FOLDER / f'{name}.json').read_text())
    with np.load(FOLDER / f'{name}.npz') as file:
        arrays = dict(file)
    model = build_detector(facts['model'])
    # `buffers_as_built` are no draw: the class computes them; an alias is the tensor of another key
    built, adjust = model.state_dict(), facts.get('adjust', [])
    aliases = facts.get('aliases', {})
    state_dict = {
        key: torch.as_tensor(
            rule.adjusted(aliases.get(key, key), tuple(shape), facts['salt'], adjust)
        )
        for key, shape in facts['state_dict'].items()
    } | {key: built[key].clone() for key in facts.get('buffers_as_built', [])}
    model.load_state_dict(state_dict)
    if 'epoch' in facts:
        model.bbox_head.set_epoch(facts['epoch'])
    height, width, num_classes = facts['height'], facts['width'], facts['num_classes']
    img = torch.from_numpy(rule.image_batch(facts['batch'], height, width, facts['image_seed']))
    # of each image: its own height and width, then those it is padded to in its own right
    shapes = facts.get('shapes') or [(height, width, height, width)] * facts['batch']
    drawn = [
        rule.boxes(case['num'], shape[0], shape[1], num_classes, case['seed'])
        for case, shape in zip(facts['boxes'], shapes, strict=True)
    ]
    for picture, (own_height, own_width, *_) in zip(img, shapes, strict=True):
        picture[:, own_height:] = 0
        picture[:, :, own_width:] = 0
    return Golden(
        facts=facts,
        arrays=arrays,
        model=model,
        state_dict=state_dict,
        img=img,
        img_metas=[dict(img_shape=(*shape[:2], 3), pad_shape=(*shape[2:], 3)) for shape in shapes],
        gt_bboxes=[torch.from_numpy(bboxes) for bboxes, _ in drawn],
        gt_labels=[torch.from_numpy(labels) + 1 for _, labels in drawn],
    )


@torch.no_grad()
def check_detections(golden: Golden, model: nn.Module) -> None:
    """Asserts that a model in eval mode finds in the golden images what mmdet found."""
    for image, found in enumerate(model.predict(golden.img, golden.img_metas)):
        expected = {
            key: torch.from_numpy(golden.arrays[f'pred{image}_{key}'])
            for key in ('bboxes', 'scores', 'labels0')
        }
        torch.testing.assert_close(found['scores'], expected['scores'], rtol=1e-4, atol=0)
        # scores that are nearly equal may change places, so each box is looked for among all
        ious = box_iou(expected['bboxes'], found['bboxes'])
        same_label = expected['labels0'][:, None] + 1 == found['labels']
        assert (ious * same_label).max(dim=1).values.min() > 0.99
