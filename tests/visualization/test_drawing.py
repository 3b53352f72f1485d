from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlite.visualization import class_colour, contact_sheet, draw_detections, draw_ground_truth
from mmlite.visualization import drawing as drawing_module

CLASSES = ('cat', 'dog')
GREY = 127


def image(height: int = 240, width: int = 320) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=-1)


def has_colour(img: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((img == colour).all(axis=-1).any())


def test_the_line_is_where_the_box_is():
    img = image()
    drawn = draw_detections(img, [[50, 60, 200, 180]], [2], [0.9], CLASSES)
    assert (img == GREY).all()  # the caller's image is left alone
    for x, y in ((50, 120), (200, 120), (125, 60), (125, 180)):
        assert tuple(drawn[y, x]) == class_colour(2)
    where = changed(img, drawn)
    assert not where[62:178, 52:198].any()  # nothing inside ...
    assert where[:58].any()  # ... and the name above
    assert not where[184:].any()


def test_lines_grow_with_the_image():
    def thickness(scale: int) -> int:
        img = image(240 * scale, 320 * scale)
        box = np.array([[50, 60, 200, 180]]) * scale
        middle = changed(img, draw_detections(img, box, [1]))[120 * scale]
        return int(middle[: 100 * scale].sum())

    # OpenCV draws even widths one pixel wider
    assert thickness(1) in (2, 3)  # at least 2, to be seen
    assert thickness(4) in (4, 5)  # 960 / 250


def test_low_scores_are_left_out():
    img = image()
    boxes, scores = [[50, 60, 100, 180], [150, 60, 200, 180]], [0.29, 0.31]
    drawn = draw_detections(img, boxes, [1, 2], scores, CLASSES)
    assert not has_colour(drawn, class_colour(1))
    assert has_colour(drawn, class_colour(2))
    both = draw_detections(img, boxes, [1, 2], scores, CLASSES, score_thr=0.0)
    assert has_colour(both, class_colour(1))


def test_the_surest_is_on_top():
    box = [[50, 60, 200, 180]] * 2
    drawn = draw_detections(image(), box, [1, 2], [0.9, 0.5], CLASSES)
    assert tuple(drawn[180, 150]) == class_colour(1)


def test_tensors_and_nothing():
    img = image()
    arrays = [[[50, 60, 200, 180]], [1], [0.9]]
    tensors = [torch.tensor(values) for values in arrays]
    np.testing.assert_array_equal(draw_detections(img, *tensors), draw_detections(img, *arrays))
    nothing = torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0)
    np.testing.assert_array_equal(draw_detections(img, *nothing), img)
    np.testing.assert_array_equal(draw_ground_truth(img, *nothing[:2]), img)


def test_ground_truth_is_dashed_and_of_no_class_colour():
    img = image()
    drawn = draw_ground_truth(img, [[50, 60, 250, 180]], [1], CLASSES)
    top = changed(img, drawn)[60, 50:250]
    assert 0.4 < top.mean() < 0.9  # dashes and gaps
    assert (np.ptp(drawn, axis=-1) == 0).all()  # black, white and greys only


def test_a_name_that_cannot_be_drawn_becomes_a_number(monkeypatch):
    written = []
    put_text = cv2.putText
    monkeypatch.setattr(cv2, 'putText', lambda *a: (written.append(a[1]), put_text(*a)))
    monkeypatch.setattr(drawing_module, '_CAN_DRAW_ANY_LETTER', False)
    box = [[50, 60, 200, 180]]
    for label in (1, 2, 3):
        draw_detections(image(), box, [label], [0.5], ('红细胞', 'WBC'))
    assert written == ['#1 0.50', 'WBC 0.50', '#3 0.50']


@settings(max_examples=60, deadline=None)
@given(
    st.integers(20, 200),
    st.integers(20, 200),
    st.lists(st.tuples(*[st.floats(-100, 300)] * 4), min_size=1, max_size=4),
    st.booleans(),
)
def test_names_stay_inside_the_image(height, width, boxes, below):
    canvas, taken = image(height, width), []
    for box in boxes:
        pixels = drawing_module._pixels(np.array(box), canvas)
        name = 'a rather long name 0.99'
        drawing_module._write(canvas, name, pixels, (0, 0, 0), (9, 9, 9), taken, below)
    assert len(taken) == len(boxes)
    for x1, y1, x2, y2 in taken:
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height


def test_names_of_equal_boxes_do_not_hide_each_other():
    canvas, taken = image(), []
    for name in ('cat 0.90', 'dog 0.80', 'cow 0.70'):
        drawing_module._write(canvas, name, (50, 60, 200, 180), (0, 0, 0), (9, 9, 9), taken)
    tops = [plate[1] for plate in taken]
    assert len(set(tops)) == 3
    assert tops[0] < 60 <= tops[1]  # above first, then inside


def test_the_ink_can_be_read_on_every_colour():
    for label in range(1, 81):
        paper = class_colour(label)
        ink = drawing_module._ink_on(paper)
        weights = np.array([0.114, 0.587, 0.299])  # BGR luma
        assert abs(weights @ np.subtract(paper, ink)) >= 100


def test_colours_are_stable_and_differ():
    assert class_colour(1) == (0, 0, 255)
    colours = np.array([class_colour(label) for label in range(1, 81)])
    assert len(np.unique(colours, axis=0)) == 80
    lab = cv2.cvtColor(np.float32(colours[None, :20] / 255), cv2.COLOR_BGR2LAB)[0]
    distance = np.linalg.norm(lab[:, None] - lab, axis=-1)[np.triu_indices(20, 1)]
    assert distance.min() > 25  # 2.3 is what an eye just notices
    assert class_colour(10_000) == class_colour(10_000)


def test_sheet():
    red, tall = np.full((100, 200, 3), (0, 0, 255), np.uint8), np.zeros((200, 100, 3), np.uint8)
    sheet = contact_sheet([red, tall, red], columns=2, cell=(80, 60), gap=10)
    assert sheet.shape == (2 * 70 + 10, 2 * 90 + 10, 3)
    is_red = (sheet == (0, 0, 255)).all(axis=-1)
    # 200 x 100 fits 80 x 60 as 80 x 40, centred: rows 10 + 10 to 60
    assert np.argwhere(is_red[:75]).min(axis=0).tolist() == [20, 10]
    assert is_red.sum() == 2 * 80 * 40
    assert (sheet == 0).all(axis=-1).sum() == 30 * 60  # 100 x 200 as 30 x 60


def test_a_small_sheet_has_no_empty_columns():
    assert contact_sheet([image()], columns=4, cell=(80, 60), gap=10).shape == (80, 100, 3)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: draw_detections(image().astype(float), [], []), r'uint8 is expected.*float64'),
        (lambda: draw_ground_truth(image()[..., 0], [], []), r'found \(240, 320\)'),
        (lambda: draw_detections(image(), [[0, 0, 1, 1]], []), '1 bboxes, but 0 labels'),
        (lambda: contact_sheet([]), 'at least one image'),
    ],
)
def test_what_cannot_be_drawn(call, message):
    with pytest.raises(ValueError, match=message):
        call()
