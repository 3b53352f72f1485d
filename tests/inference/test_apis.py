"""init_detector and inference_detector on the demo model with drawn weights."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmlite.config import load_config
from mmlite.errors import ConfigError, DataError
from mmlite.inference.apis import draw_result, inference_detector, init_detector
from mmlite.inference.detections import Detections
from mmlite.models import build_detector
from tests.runs import CONFIGS

CONFIG = CONFIGS / 'ssd/ssd_demo.py'


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    cfg = load_config(CONFIG, {'model.test_cfg.score_thr': 0.0})
    detector = init_detector(cfg)
    detector.init_weights()
    return detector


def test_a_path_and_its_array_give_the_same(model, tmp_path: Path) -> None:
    img = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), img)  # PNG: lossless
    by_path, by_array = inference_detector(model, path), inference_detector(model, img)
    assert len(by_path['bboxes']) > 0
    for key in ('bboxes', 'scores', 'labels'):
        np.testing.assert_array_equal(by_path[key], by_array[key])


def test_boxes_are_in_pixels_of_each_image(model) -> None:
    small, large = np.zeros((40, 50, 3), np.uint8), np.zeros((400, 500, 3), np.uint8)
    dets = inference_detector(model, [small, large])
    # both become the same input, so the boxes differ only by the size of the image
    np.testing.assert_allclose(dets[0]['bboxes'] * 10, dets[1]['bboxes'], rtol=1e-3, atol=1e-2)
    assert dets[1]['bboxes'].max() <= 500
    assert set(np.unique(dets[0]['labels'])) <= {1, 2, 3, 4, 5}
    assert (np.diff(dets[0]['scores']) <= 0).all()


def test_lists_of_mmdet_2x(model) -> None:
    img = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    found = inference_detector(model, img)
    lists = found.to_lists()
    assert [rows.shape[1] for rows in lists] == [5] * 5
    assert sum(map(len, lists)) == len(found) > 0
    np.testing.assert_array_equal(lists[1][:, :4], found.bboxes[found.labels == 2])


def test_no_images_no_detections(model) -> None:
    assert inference_detector(model, []) == []


def test_an_array_that_is_no_picture(model) -> None:
    with pytest.raises(ConfigError, match=r'image 1: .* an array \(h, w, 3\).*\(4, 4\)'):
        inference_detector(model, [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)])


@pytest.mark.parametrize(
    ('img', 'found'),
    [
        (np.zeros((4, 4, 3)), 'float64. Its values have to be 0 to 255'),
        (np.zeros((4, 4, 3), np.int64), 'int64'),
        (torch.zeros(4, 4, 3), 'Tensor'),
        (None, 'NoneType'),
    ],
)
def test_what_is_no_picture_in_python(model, img, found) -> None:
    with pytest.raises(ConfigError, match=f'image 0: a path or an array .* found {found}'):
        inference_detector(model, img)
    with pytest.raises(ConfigError, match=f'draw_result: img: a path or .* found {found}'):
        draw_result(img, TWO)


def test_a_path_in_the_place_of_the_detector() -> None:
    with pytest.raises(ConfigError, match='init_detector is expected first, found str'):
        inference_detector('epoch_8.pth', 'a.jpg')


def test_the_config_and_the_names_come_from_the_checkpoint(model, tmp_path: Path) -> None:
    names = ['a', 'b', 'c', 'd', 'e']
    meta = dict(mmlite_version='0.1', cfg=model.cfg.pretty_text, dataset_meta=dict(classes=names))
    torch.save(dict(meta=meta, state_dict=model.state_dict()), tmp_path / 'a.pth')
    found = init_detector(None, tmp_path / 'a.pth', overrides={'model.test_cfg.max_per_img': 7})
    assert found.classes == tuple(names)
    assert found.cfg.model.test_cfg.max_per_img == 7
    img = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    few, all_of_them = inference_detector(found, img), inference_detector(model, img)
    np.testing.assert_array_equal(few.bboxes, all_of_them.bboxes[:7])
    assert set(few.names) <= set(names)


def test_names_without_a_checkpoint_are_those_of_the_data_or_numbers(model) -> None:
    assert model.classes == ('1', '2', '3', '4', '5')
    coco = init_detector(CONFIGS / 'ssd/ssdlite_mobilenetv2_coco.py')
    assert coco.classes[:2] == ('person', 'bicycle') and len(coco.classes) == 80


def test_neither_config_nor_checkpoint() -> None:
    with pytest.raises(ConfigError, match='a config, or a checkpoint that holds one'):
        init_detector(None)


def test_half_a_model_is_no_detector(tmp_path: Path) -> None:
    weights = build_detector(load_config(CONFIG).model).state_dict()
    kept = {key: value for key, value in weights.items() if not key.startswith('bbox_head.cls')}
    torch.save(dict(meta=dict(mmengine_version='0.10'), state_dict=kept), tmp_path / 'a.pth')
    with pytest.raises(DataError, match=r'(?s)bbox_head\.cls_convs.*100% of the model'):
        init_detector(CONFIG, tmp_path / 'a.pth')


# ---- a checkpoint as the only argument --------------------------------------------------------


def test_a_checkpoint_is_enough(model, tmp_path: Path) -> None:
    meta = dict(mmlite_version='0.1', cfg=model.cfg.pretty_text)
    torch.save(dict(meta=meta, state_dict=model.state_dict()), tmp_path / 'a.pth')
    img = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    expected = inference_detector(model, img)
    for given in (tmp_path / 'a.pth', str(tmp_path / 'a.pth')):
        found = inference_detector(init_detector(given), img)
        np.testing.assert_array_equal(found.bboxes, expected.bboxes)


def test_a_checkpoint_without_a_config_says_what_to_give(model, tmp_path: Path) -> None:
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'a.pth')
    with pytest.raises(ConfigError, match=r'a\.pth does not hold .* init_detector\(CONFIG, CHECK'):
        init_detector(tmp_path / 'a.pth')
    with pytest.raises(DataError, match=r'b\.pth: no such file'):
        init_detector(str(tmp_path / 'b.pth'))


def test_config_and_checkpoint_in_the_places_of_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config comes first: init_detector\('a\.py', 'a\.pt"):
        init_detector('a.pth', 'a.py')


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"init_detector: device gpu: .* Did you mean 'cuda'"):
        init_detector(CONFIG, device='gpu')
    with pytest.raises(ConfigError, match='init_detector: device None: there is no such device'):
        init_detector(CONFIG, device=None)


# ---- drawing ----------------------------------------------------------------------------------

TWO = Detections(
    np.array([[10, 30, 60, 80], [70, 30, 110, 80]], np.float32),
    np.array([0.9, 0.2], np.float32),
    np.array([1, 2]),
    ('cat', 'dog'),
)


def test_detections_are_drawn_from_the_threshold_on(tmp_path: Path) -> None:
    img = np.zeros((100, 120, 3), np.uint8)
    drawn = draw_result(img, TWO)
    assert drawn.shape == img.shape and drawn.dtype == np.uint8
    assert not img.any()  # a copy
    assert drawn[:, :65].any() and not drawn[:, 66:].any()  # 0.2 is below 0.3
    both = draw_result(img, TWO, score_thr=0.2)
    assert both[:, 66:].any()
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), img)
    np.testing.assert_array_equal(draw_result(path, TWO), drawn)
    other = draw_result(img, TWO, classes=('a much longer name', 'dog'))
    assert (other != drawn).any()


def test_the_picture_is_written_in_the_format_of_its_ending(tmp_path: Path) -> None:
    img = np.zeros((100, 120, 3), np.uint8)
    drawn = draw_result(img, TWO, out_file=tmp_path / 'new' / 'a.png')
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'new' / 'a.png')), drawn)
    draw_result(img, TWO, out_file=str(tmp_path / 'a.jpg'))
    assert (tmp_path / 'a.jpg').read_bytes().startswith(b'\xff\xd8')
    with pytest.raises(ConfigError, match=r"a\.doc: OpenCV writes no images of the ending '\.doc'"):
        draw_result(img, TWO, out_file=tmp_path / 'a.doc')


def test_what_cannot_be_drawn() -> None:
    img = np.zeros((100, 120, 3), np.uint8)
    with pytest.raises(ConfigError, match=r'detections of one image are expected.* found list'):
        draw_result(img, [TWO])
    with pytest.raises(ConfigError, match=r'array \(h, w, 3\).*\(100, 120\)\. cv2\.cvtColor'):
        draw_result(img[..., 0], TWO)
