"""Sheets, on images of one colour: what is not that colour was drawn."""

from __future__ import annotations

import numpy as np
import torch

from mmlite.parallel import DataContainer
from mmlite.visualization.drawing import class_colour
from mmlite.visualization.sheets import batch_sheet, beside_truth, predictions_sheet

CLASSES = ('cat', 'dog')


def has(img: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((np.abs(img.astype(int) - colour) <= 2).all(axis=-1).any())


def batch(**more: object) -> dict:
    return dict(
        img=DataContainer(torch.full((2, 3, 60, 80), 40, dtype=torch.uint8), stack=True),
        gt_bboxes=DataContainer([torch.tensor([[10.0, 10, 40, 40]]), torch.zeros(0, 4)]),
        gt_labels=DataContainer([torch.tensor([2]), torch.zeros(0, dtype=torch.int64)]),
        img_metas=DataContainer([dict(img_shape=(60, 80, 3)), dict(img_shape=(30, 80, 3))]),
        **more,
    )


def test_a_batch() -> None:
    sheet = batch_sheet(batch(), CLASSES)
    # two cells of 320 x 240 with gaps of 6; the second image is without its padding: 320 x 120
    assert sheet.shape == (252, 658, 3)
    assert has(sheet[:, :329], class_colour(2))
    assert not has(sheet, class_colour(1))
    assert (sheet[6:60, 332:652] == 245).all()  # beside the lower image is nothing
    assert (sheet[70:180, 340:640] == 40).all()


def test_ignored_boxes_are_dashed_white() -> None:
    ignored = DataContainer([torch.tensor([[50.0, 10, 70, 50]]), torch.zeros(0, 4)])
    assert not has(batch_sheet(batch(), CLASSES)[10:240, 10:320], (255, 255, 255))
    sheet = batch_sheet(batch(gt_bboxes_ignore=ignored), CLASSES)
    assert has(sheet[10:240, 10:320], (255, 255, 255))


class OneImage:
    """A data set of one grey image of 80 x 60 with a box of class 1."""

    classes = CLASSES

    def __init__(self, file: str) -> None:
        self.file = file

    def get_data_info(self, i: int) -> dict:
        return dict(filename=self.file, width=80, height=60)

    def get_ann_info(self, i: int) -> dict:
        return dict(
            bboxes=np.array([[10, 10, 40, 40]], np.float32),
            labels=np.array([1]),
            bboxes_ignore=np.zeros((0, 4), np.float32),
            labels_ignore=np.zeros(0, np.int64),
        )


def test_the_truth_is_left_and_the_detections_right(tmp_path) -> None:
    import cv2

    file = str(tmp_path / 'grey.png')
    cv2.imwrite(file, np.full((60, 80, 3), 40, np.uint8))
    det = dict(
        bboxes=np.array([[10, 10, 40, 40], [50, 10, 70, 40]], np.float32),
        scores=np.array([0.5, 0.5]),
        labels=np.array([1, 2]),
    )
    img = beside_truth(OneImage(file), 0, det, np.array([0.6, 0.4]))
    left, right = img[:, : img.shape[1] // 2 - 4], img[:, img.shape[1] // 2 + 4 :]
    assert left.shape == right.shape
    assert (has(left, class_colour(1)), has(left, class_colour(2))) == (True, False)
    # of class 1 a score of 0.5 is too low
    assert (has(right, class_colour(1)), has(right, class_colour(2))) == (False, True)


def test_where_nothing_is_sure_the_surest_is_shown(tmp_path) -> None:
    import cv2

    file = str(tmp_path / 'grey.png')
    cv2.imwrite(file, np.full((60, 80, 3), 40, np.uint8))
    rows = [np.array([[10, 10, 40, 40, 0.1]], np.float32), np.array([[50, 10, 70, 40, 0.2]])]
    sheet = predictions_sheet([rows], OneImage(file))
    assert has(sheet[:, sheet.shape[1] // 2 :], class_colour(2))
    assert not has(sheet[:, sheet.shape[1] // 2 :], class_colour(1))
