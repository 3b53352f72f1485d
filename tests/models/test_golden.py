"""Models against mmdet 3.3.0: losses, gradients, raw outputs and detections of one batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.golden import Golden, check_detections, load_golden

CASES = ('ssd300_voc', 'retinanet_r18', 'retinanet_r18_uneven', 'fcos_r18')


@pytest.fixture(scope='module', params=CASES)
def golden(request) -> Golden:
    return load_golden(request.param)


@pytest.fixture(scope='module')
def losses(golden) -> dict[str, float]:
    """The losses in train mode; their sum's gradients stay in the model."""
    golden.model.train()
    losses = golden.model.loss(golden.img, golden.img_metas, golden.gt_bboxes, golden.gt_labels)
    sum(losses.values()).backward()
    return {key: value.item() for key, value in losses.items()}


def test_losses(golden, losses):
    # mmdet gives one number per level or image where it has them
    expected = {key: np.sum(values) for key, values in golden.facts['losses_train'].items()}
    assert losses == pytest.approx(expected, rel=1e-4)


def test_gradient_norms(golden, losses):
    # a frozen parameter has no gradient here and none in the file
    found = {
        name: p.grad.norm().item()
        for name, p in golden.model.named_parameters()
        if p.grad is not None
    }
    expected = golden.facts['grad_norms']
    assert set(found) == set(expected)
    zero = [name for name, norm in expected.items() if norm == 0]
    assert [found[name] for name in zero] == [0] * len(zero)
    assert found == pytest.approx(expected, rel=2e-3)


def test_saved_weights_are_those_of_the_file(golden):
    saved = golden.model.state_dict()
    assert set(saved) == set(golden.state_dict)
    assert all(torch.equal(saved[key], value) for key, value in golden.state_dict.items())


@pytest.fixture(scope='module')
def feats(golden) -> list[torch.Tensor]:
    golden.model.eval()
    with torch.no_grad():
        return golden.model.extract_feat(golden.img)


@pytest.fixture(scope='module')
def raw_outputs(golden, feats) -> dict[str, np.ndarray]:
    """`cls_score_{level}`, ... in mmdet's form: (N, A * K, H, W)."""
    head = golden.model.bbox_head
    with torch.no_grad():
        outs, _, num_per_level = head.forward_with_priors(feats)
    if head.num_outputs > head.num_classes:
        outs['cls_score'] = outs['cls_score'].roll(-1, dims=2)  # the background goes last
    if 'centerness' in outs:  # mmdet's FCOS has the coder's exponential in its head
        outs['bbox_pred'] = outs['bbox_pred'].exp()
    maps = {}
    for name, values in outs.items():
        for level, flat in enumerate(values.split(num_per_level, dim=1)):
            height, width = feats[level].shape[-2:]
            cells = flat.reshape(len(flat), height, width, -1)
            maps[f'{name}_{level}'] = cells.permute(0, 3, 1, 2).numpy()
    return maps


def test_raw_outputs(golden, raw_outputs):
    names = {key.removesuffix('_head') for key in golden.arrays if key.endswith('_head')}
    assert set(raw_outputs) == names
    for name, values in raw_outputs.items():
        found = values.astype(np.float64)
        largest = np.abs(found).max()
        figures = [found.mean(), found.std(ddof=1), largest]
        expected = golden.arrays[f'{name}_mean_std_absmax']
        np.testing.assert_allclose(figures, expected, rtol=1e-4, atol=1e-5 * largest, err_msg=name)
        head = golden.arrays[f'{name}_head']
        first = found.ravel()[: len(head)]
        np.testing.assert_allclose(first, head, rtol=1e-4, atol=1e-5 * largest, err_msg=name)


def test_detections(golden):
    golden.model.eval()
    check_detections(golden, golden.model)
