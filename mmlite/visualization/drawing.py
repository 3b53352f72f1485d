"""Boxes drawn into images: detections solid in their class's colour, ground truth dashed.

Images are (h, w, 3) BGR uint8; boxes are (n, 4) xyxy in the image's pixels; labels are 1..C.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np

PixelBox = tuple[int, int, int, int]  # x1, y1, x2, y2 in pixels

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAN_DRAW_ANY_LETTER = hasattr(cv2, 'FontFace')  # OpenCV 5; 4 draws '?' for what is not ASCII


def draw_detections(
    img: np.ndarray,
    bboxes: Any,
    labels: Any,
    scores: Any = None,
    classes: Sequence[str] = (),
    score_thr: float = 0.3,
) -> np.ndarray:
    """Returns a copy of `img` with the detections, the surest on top.

    Args:
        img: (h, w, 3) BGR uint8.
        bboxes: (n, 4) xyxy in pixels of `img`; these three are arrays or tensors.
        labels: (n,) 1..C.
        scores: (n,) in [0, 1]; None draws all, without scores.
        classes: their names; a label without a name is written as a number.
        score_thr: detections of a lower score are left out.
    """
    canvas = _canvas(img)
    bboxes, labels = _boxes_and_labels(bboxes, labels)
    order = np.arange(len(labels))
    if scores is not None:
        scores = _to_numpy(scores)
        order = np.argsort(-scores, kind='stable')
        order = order[scores[order] >= score_thr]
    for i in order[::-1]:
        x1, y1, x2, y2 = _pixels(bboxes[i], canvas)
        cv2.rectangle(canvas, (x1, y1), (x2, y2), class_colour(labels[i]), _line_width(canvas))
    taken: list[PixelBox] = []  # the surest first: it gets the best place for its text
    for i in order:
        text = _name(labels[i], classes)
        if scores is not None:
            text += f' {scores[i]:.2f}'
        colour = class_colour(labels[i])
        _write(canvas, text, _pixels(bboxes[i], canvas), _ink_on(colour), colour, taken)
    return canvas


def draw_ground_truth(
    img: np.ndarray, bboxes: Any, labels: Any, classes: Sequence[str] = ()
) -> np.ndarray:
    """Returns a copy of `img` with ground-truth boxes: white dashes, names below.

    Arguments as of `draw_detections`; both can be drawn into one image.
    """
    canvas = _canvas(img)
    bboxes, labels = _boxes_and_labels(bboxes, labels)
    boxes = [_pixels(bbox, canvas) for bbox in bboxes]
    for box in boxes:
        _dashed_rectangle(canvas, box)
    taken: list[PixelBox] = []
    for box, label in zip(boxes, labels, strict=True):
        _write(canvas, _name(label, classes), box, _BLACK, _WHITE, taken, below=True)
    return canvas


def class_colour(label: int) -> tuple[int, int, int]:
    """Returns the BGR colour of a label (1, 2, ...): always the same, unlike the ones before."""
    palette = _palette()
    return palette[(int(label) - 1) % len(palette)]


@cache
def _palette() -> list[tuple[int, int, int]]:
    """Returns BGR colours, red first, each the one that looks least like all before it.

    Greys and dark colours are left out: photographs are full of them.
    """
    steps = np.arange(0, 256, 51)
    bgr = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    bgr = bgr[(np.ptp(bgr, axis=1) >= 102) & (bgr.max(axis=1) >= 153)]
    # distances in L*a*b* are distances to the eye
    lab = cv2.cvtColor(np.float32(bgr[None] / 255), cv2.COLOR_BGR2LAB)[0]
    order = [int(np.flatnonzero((bgr == (0, 0, 255)).all(axis=1))[0])]
    distance = np.full(len(lab), np.inf)
    for _ in range(len(lab) - 1):
        distance = np.minimum(distance, np.linalg.norm(lab - lab[order[-1]], axis=1))
        order.append(int(distance.argmax()))
    return [tuple(colour) for colour in bgr[order].tolist()]


def contact_sheet(
    images: Sequence[np.ndarray],
    columns: int = 4,
    cell: tuple[int, int] = (320, 240),
    gap: int = 6,
) -> np.ndarray:
    """Returns one image with all of `images` in rows, each scaled to fit and centred.

    Args:
        images: (h, w, 3) BGR uint8, of any sizes.
        columns: images in a row.
        cell: (w, h) in pixels that each image gets.
        gap: pixels between and around them.

    Raises:
        ValueError: there are no images, or an argument is not positive.
    """
    if not len(images) or columns < 1 or min(cell) < 1:
        raise ValueError('images, columns and cell: at least one image and one pixel are needed')
    width, height = cell
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    outline = (rows * (height + gap) + gap, columns * (width + gap) + gap, 3)
    sheet = np.full(outline, 245, np.uint8)
    for i, img in enumerate(images):
        scale = min(width / img.shape[1], height / img.shape[0])
        w, h = (max(1, int(side * scale)) for side in (img.shape[1], img.shape[0]))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(_canvas(img), (w, h), interpolation=way)
        top = gap + i // columns * (height + gap) + (height - h) // 2
        left = gap + i % columns * (width + gap) + (width - w) // 2
        sheet[top : top + h, left : left + w] = small
    return sheet


def _canvas(img: np.ndarray) -> np.ndarray:
    """Returns a copy that OpenCV can draw into."""
    if img.dtype != np.uint8 or img.ndim != 3 or img.shape[2] != 3 or not img.size:
        raise ValueError(f'img: (h, w, 3) uint8 is expected, found {img.shape} {img.dtype}')
    return np.array(img, order='C')


def _boxes_and_labels(bboxes: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    bboxes, labels = _to_numpy(bboxes).reshape(-1, 4), _to_numpy(labels)
    if len(bboxes) != len(labels):
        raise ValueError(f'{len(bboxes)} bboxes, but {len(labels)} labels')
    return bboxes, labels


def _to_numpy(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if hasattr(values, 'detach') else np.asarray(values)


def _pixels(bbox: np.ndarray, canvas: np.ndarray) -> PixelBox:
    """Returns the box in whole pixels; what sticks out is drawn at the image's border."""
    height, width = canvas.shape[:2]
    last = np.array([width - 1, height - 1, width - 1, height - 1])
    x1, y1, x2, y2 = np.clip(np.round(bbox), 0, last).astype(int).tolist()
    return x1, y1, x2, y2


def _name(label: int, classes: Sequence[str]) -> str:
    name = classes[label - 1] if 1 <= label <= len(classes) else ''
    drawable = name and (name.isascii() or _CAN_DRAW_ANY_LETTER)
    return name if drawable else f'#{label}'


def _line_width(canvas: np.ndarray) -> int:
    return max(2, round(min(canvas.shape[:2]) / 250))


def _ink_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Returns black or white, whichever is easier to read on a BGR colour (ITU-R 601 luma)."""
    blue, green, red = colour
    return _BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else _WHITE


def _dashed_rectangle(canvas: np.ndarray, box: PixelBox) -> None:
    """Draws white dashes with black edges: they show on any background, and it between them."""
    x1, y1, x2, y2 = box
    width = _line_width(canvas) - 1
    dash, step = 4 * width + 2, 8 * width + 8  # the gap has room for the round ends of two dashes
    across = [((x, y), (min(x + dash, x2), y)) for x in range(x1, x2 + 1, step) for y in (y1, y2)]
    down = [((x, y), (x, min(y + dash, y2))) for y in range(y1, y2 + 1, step) for x in (x1, x2)]
    for colour, line_width in ((_BLACK, width + 2), (_WHITE, width)):
        for start, end in across + down:
            cv2.line(canvas, start, end, colour, line_width)


def _write(
    canvas: np.ndarray,
    text: str,
    box: PixelBox,
    ink: tuple[int, int, int],
    paper: tuple[int, int, int],
    taken: list[PixelBox],
    below: bool = False,
) -> None:
    """Writes on a filled plate at the box, inside the image, off the plates in `taken`."""
    height, width = canvas.shape[:2]
    scale = max(0.4, min(height, width) / 900)
    (text_width, _), _ = cv2.getTextSize(text, _FONT, scale, 1)
    scale *= min(1.0, (width - 4) / max(text_width, 1))  # a long name in a small image
    thickness = max(1, round(scale))
    (text_width, _), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    (_, ascent), descent = cv2.getTextSize('Ag', _FONT, scale, thickness)  # equal for all texts
    plate_width, plate_height = min(text_width + 4, width), min(ascent + descent + 4, height)

    x1, y1, _, y2 = box
    left = min(max(x1 - _line_width(canvas) // 2, 0), width - plate_width)
    tops = [y1 - plate_height, y1, y2 - plate_height, y2]
    if below:
        tops.reverse()
    tops = [top for top in tops if 0 <= top <= height - plate_height]
    tops.append(min(y1, height - plate_height))  # inside the image whatever the box
    plates = [(left, top, left + plate_width, top + plate_height) for top in tops]
    plate = next((p for p in plates if not any(_meet(p, t) for t in taken)), plates[0])
    taken.append(plate)
    cv2.rectangle(canvas, plate[:2], (plate[2] - 1, plate[3] - 1), paper, cv2.FILLED)
    at = (plate[0] + 2, plate[1] + 2 + ascent)
    cv2.putText(canvas, text, at, _FONT, scale, ink, thickness, cv2.LINE_AA)


def _meet(a: PixelBox, b: PixelBox) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
