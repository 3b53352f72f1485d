"""Weights of other programs and older versions, made from the golden ones, find their places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from torch import Tensor, nn

from mmlite.checkpoints.loading import load_checkpoint
from mmlite.checkpoints.weight_names import from_own, recognise, to_own
from mmlite.config import load_config
from mmlite.errors import DataError
from mmlite.models import build_detector
from tests.golden import Golden, check_detections, load_golden
from tests.runs import CONFIGS

TESTS = Path(__file__).parents[1]
META_3X = ConfigDict(mmengine_version='0.10.3', epoch=12, dataset_meta=dict(classes=('a', 'b')))


@pytest.fixture(scope='module', params=['ssd300_voc', 'retinanet_r18', 'fcos_r18'])
def golden(request) -> Golden:
    return load_golden(request.param)


@pytest.fixture(scope='module')
def ssd() -> Golden:
    return load_golden('ssd300_voc')


def fresh(golden: Golden) -> nn.Module:
    return build_detector(golden.facts['model']).eval()


def saved(path: Path, weights: dict[str, Tensor], **meta: object) -> Path:
    torch.save(dict(meta=meta, state_dict=weights), path)
    return path


def equal(model: nn.Module, weights: dict[str, Tensor]) -> bool:
    own = model.state_dict()
    return set(own) == set(weights) and all(torch.equal(own[k], v) for k, v in weights.items())


# ---- mmdet --------------------------------------------------------------------------------------


def test_a_checkpoint_of_3x_gives_the_golden_detections(golden: Golden, tmp_path: Path) -> None:
    """As mmengine's Runner writes it: history buffers, NumPy values, a ConfigDict for meta."""
    hub = dict(
        log_scalars={'train/loss': HistoryBuffer([2.0], [1])}, runtime_info=dict(lr=np.float64(1))
    )
    torch.save(
        dict(meta=META_3X, state_dict=golden.state_dict, message_hub=hub), tmp_path / 'a.pth'
    )
    model = fresh(golden)
    report = load_checkpoint(model, tmp_path / 'a.pth', strict=True)
    assert (report.layout, report.share) == ('mmdet-3.x', 1.0)
    check_detections(golden, model)


def test_the_same_weights_in_the_order_of_1x(golden: Golden, tmp_path: Path) -> None:
    old = from_own(golden.state_dict, 'mmdet-1.x', golden.model)
    assert set(old) != set(golden.state_dict) or 'bbox_head.retina_cls.weight' in old
    model = fresh(golden)
    report = load_checkpoint(
        model, saved(tmp_path / 'a.pth', old, mmdet_version='1.2.0+abc'), strict=True
    )
    assert report.layout == 'mmdet-1.x'
    assert equal(model, golden.state_dict)
    check_detections(golden, model)


def first_background(weights: dict[str, Tensor], num_classes: int) -> dict[str, Tensor]:
    """SSD's weights with each prior's last class channel moved to the front, by hand."""
    moved = dict(weights)
    for key, value in weights.items():
        if 'cls_convs' in key:
            rows = torch.arange(len(value)).view(-1, num_classes + 1)
            order = torch.cat([rows[:, -1:], rows[:, :-1]], dim=1).flatten()
            moved[key] = value[order]
    return moved


def test_the_order_of_1x_under_names_of_today(ssd: Golden, tmp_path: Path) -> None:
    weights = first_background(ssd.state_dict, ssd.model.bbox_head.num_classes)
    model = fresh(ssd)
    load_checkpoint(model, saved(tmp_path / 'a.pth', weights, mmdet_version='1.0rc1'), strict=True)
    assert equal(model, ssd.state_dict)


def test_ssd_names_of_2x_before_2_14(ssd: Golden, tmp_path: Path) -> None:
    old = from_own(ssd.state_dict, 'mmdet-1.x', ssd.model)
    names = [
        'backbone.extra.0.weight', 'backbone.extra.7.bias', 'backbone.l2_norm.weight',
        'bbox_head.cls_convs.0.weight', 'bbox_head.reg_convs.5.bias', 'backbone.features.33.bias',
    ]  # fmt: skip
    assert set(names) <= set(old)
    for key in old:  # 2.x has the background last
        if 'cls_convs' in key:
            old[key] = ssd.state_dict[
                key.replace('.weight', '.0.weight').replace('.bias', '.0.bias')
            ]
    model = fresh(ssd)
    report = load_checkpoint(
        model, saved(tmp_path / 'a.pth', old, mmdet_version='2.4.0'), strict=True
    )
    assert report.layout == 'mmdet-2.x'
    assert equal(model, ssd.state_dict)


def test_an_ssd_file_that_says_nothing_is_refused(ssd: Golden, tmp_path: Path) -> None:
    torch.save(ssd.state_dict, tmp_path / 'bare.pth')
    model = fresh(ssd)
    with pytest.raises(DataError, match=r'bare\.pth: nothing in it says.*--checkpoint-layout 1\.x'):
        load_checkpoint(model, tmp_path / 'bare.pth')
    load_checkpoint(model, tmp_path / 'bare.pth', strict=True, layout='3.x')
    assert equal(model, ssd.state_dict)
    load_checkpoint(model, tmp_path / 'bare.pth', strict=True, layout='1.x')
    assert not equal(model, ssd.state_dict)


def test_sigmoid_heads_need_no_version(tmp_path: Path) -> None:
    golden = load_golden('retinanet_r18')
    torch.save(golden.state_dict, tmp_path / 'bare.pth')
    assert load_checkpoint(fresh(golden), tmp_path / 'bare.pth', strict=True).share == 1


@pytest.mark.parametrize(
    ('meta', 'layout'),
    [
        (dict(mmlite_version='0.1.0', mmengine_version='0.10.7'), 'mmdet-3.x'),
        (dict(mmdet_version='3.3.0'), 'mmdet-3.x'),
        (dict(mmdet_version='2.28.2+e9cae2d'), 'mmdet-2.x'),
        (dict(mmdet_version='0.6.0'), 'mmdet-1.x'),
    ],
)
def test_the_version_is_in_the_meta(ssd: Golden, meta: dict, layout: str) -> None:
    assert recognise(ssd.state_dict, meta, ssd.model, 'a.pth') == layout


# ---- torchvision --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'config',
    [
        'ssd/ssd300_coco_torchvision.py',
        'retinanet/retinanet_r50_fpn_v2_coco_torchvision.py',
        'fcos/fcos_r50_fpn_coco_torchvision.py',
        'faster_rcnn/faster-rcnn_r50_fpn_v2_coco_torchvision.py',
        'faster_rcnn/faster-rcnn_mobilenetv3-large_fpn_coco_torchvision.py',
    ],
)
@pytest.mark.parametrize('layout', ['torchvision', 'mmdet-1.x', 'mmdet-2.x', 'mmdet-3.x'])
def test_there_and_back(config: str, layout: str) -> None:
    model = build_detector(load_config(CONFIGS / config).model)
    own = {key: value.clone() for key, value in model.state_dict().items()}
    back = to_own(from_own(own, layout, model), layout, model)
    assert set(back) == set(own)
    assert all(torch.equal(back[key], value) for key, value in own.items())


def test_torchvisions_names_before_0_13(tmp_path: Path) -> None:
    """Its RetinaNet file has a level of names less, in the FPN and in the towers."""
    model = build_detector(
        load_config(CONFIGS / 'retinanet/retinanet_r50_fpn_coco_torchvision.py').model
    )
    weights = {}
    for key, value in from_own(model.state_dict(), 'torchvision', model).items():
        parts = key.split('.')
        if '_blocks.' in key and parts[-2] == '0':
            key = '.'.join([*parts[:-2], parts[-1]])
        if '_head.conv.' in key:
            key = '.'.join([*parts[:3], str(2 * int(parts[3])), parts[-1]])
        if 'num_batches_tracked' not in key:  # frozen batch norm does not count
            weights[key] = value + 1
    assert 'backbone.fpn.inner_blocks.0.weight' in weights
    assert 'head.classification_head.conv.6.weight' in weights
    expected = {key: value + 1 for key, value in model.state_dict().items()}
    torch.save(weights, tmp_path / 'a.pth')
    report = load_checkpoint(model, tmp_path / 'a.pth')
    assert (report.share, report.unexpected) == (1.0, [])
    for key in report.loaded:
        assert torch.equal(model.state_dict()[key], expected[key]), key


def test_a_second_stage_has_the_background_first_and_a_box_for_it() -> None:
    model = build_detector(load_config(TESTS / 'tiny_faster_rcnn.py').model)
    own = {key: torch.rand_like(value.float()) for key, value in model.state_dict().items()}
    theirs = from_own(own, 'torchvision', model)
    assert recognise(theirs, {}, model, 'a.pth') == 'torchvision'
    classes, boxes = own['roi_head.bbox_head.fc_cls.bias'], own['roi_head.bbox_head.fc_reg.bias']
    found = theirs['roi_heads.box_predictor.cls_score.bias']
    assert torch.equal(found, torch.cat([classes[-1:], classes[:-1]]))
    found = theirs['roi_heads.box_predictor.bbox_pred.bias']
    assert torch.equal(found, torch.cat([torch.zeros(4), boxes]))
    old = {key.replace('rpn.head.conv.0.0.', 'rpn.head.conv.'): v for key, v in theirs.items()}
    assert set(old) != set(theirs)
    assert set(to_own(old, 'torchvision', model)) == set(own)


def test_what_torchvision_has_no_name_for_is_refused() -> None:
    model = build_detector(load_config(TESTS / 'tiny_cascade_rcnn.py').model)
    with pytest.raises(DataError, match=r'no detector with a layer such as roi_head\.bbox_head\.0'):
        from_own(model.state_dict(), 'torchvision', model)


def test_scales_that_torchvision_cannot_have_are_refused() -> None:
    model = build_detector(load_config(CONFIGS / 'fcos/fcos_r50_fpn_coco_torchvision.py').model)
    with torch.no_grad():
        model.bbox_head.scales[1].scale.fill_(2)
    with pytest.raises(DataError, match=r'bbox_head\.scales\.1\.scale is not 1'):
        from_own(model.state_dict(), 'torchvision', model)


# ---- classifiers, and what does not fit ---------------------------------------------------------


def test_a_classifier_fills_the_backbone(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    golden = load_golden('retinanet_r18')
    classifier = resnet18()
    torch.save(classifier.state_dict(), tmp_path / 'resnet18.pth')
    model = fresh(golden)
    report = load_checkpoint(model, tmp_path / 'resnet18.pth')
    assert report.layout == 'backbone'
    assert (report.share, report.unexpected) == (1.0, [])
    assert all(key.startswith('backbone.') for key in report.loaded)
    assert torch.equal(model.backbone.layer4[1].conv2.weight, classifier.layer4[1].conv2.weight)


def test_another_class_count_is_reported_and_the_head_drawn_again(
    ssd: Golden, tmp_path: Path
) -> None:
    cfg = dict(ssd.facts['model'])
    cfg['bbox_head'] = dict(cfg['bbox_head'], num_classes=3)
    model = build_detector(cfg)
    with torch.no_grad():
        model.bbox_head.cls_convs[0][0].weight.fill_(7)
    old = from_own(ssd.state_dict, 'mmdet-1.x', ssd.model)
    report = load_checkpoint(model, saved(tmp_path / 'a.pth', old, mmdet_version='1.1.0'))
    assert report.wrong_shape == [
        f'bbox_head.cls_convs.{i}.0.{p}' for i in range(6) for p in ('weight', 'bias')
    ]
    assert report.counts()['wrong shape'] == {'bbox_head.cls_convs': 12}
    assert 'bbox_head.cls_convs.0.0.weight: (84, 512, 3, 3) in the file, (16, 512, 3, 3)' in str(
        report
    )
    drawn = model.bbox_head.cls_convs[0][0].weight
    # Xavier, uniform: |w| <= sqrt(6 / (fan_in + fan_out)) = sqrt(6 / (9 * (512 + 16))) = 0.0355
    assert 0.02 < drawn.abs().max() <= 0.0356
    loaded = model.bbox_head.reg_convs[0][0].weight
    assert torch.equal(loaded, ssd.state_dict['bbox_head.reg_convs.0.0.weight'])


def test_a_second_stage_for_other_classes_is_drawn_again(tmp_path: Path) -> None:
    cfg = load_config(TESTS / 'tiny_faster_rcnn.py').model
    torch.save(dict(state_dict=build_detector(cfg).state_dict()), tmp_path / 'a.pth')
    cfg.roi_head.bbox_head.num_classes = 3
    model = build_detector(cfg)
    with torch.no_grad():
        model.roi_head.bbox_head.fc_cls.weight.fill_(7)
    report = load_checkpoint(model, tmp_path / 'a.pth')
    assert report.wrong_shape == [
        f'roi_head.bbox_head.{layer}.{p}'
        for layer in ('fc_cls', 'fc_reg')
        for p in ('weight', 'bias')
    ]
    assert model.roi_head.bbox_head.fc_cls.weight.abs().max() < 0.1  # a deviation of 0.01


def test_too_little_is_refused_unless_asked(ssd: Golden, tmp_path: Path) -> None:
    few = {key: value for key, value in ssd.state_dict.items() if key.startswith('neck.')}
    path = saved(tmp_path / 'a.pth', few, mmengine_version='0.10')
    model = fresh(ssd)
    before = model.neck.extra_layers[0][0].conv.weight.clone()
    with pytest.raises(DataError, match=r'(?s)50% of the model are expected.*--allow-partial'):
        load_checkpoint(model, path)
    assert torch.equal(model.neck.extra_layers[0][0].conv.weight, before)  # nothing was loaded
    assert load_checkpoint(model, path, min_share=0).share < 0.5
