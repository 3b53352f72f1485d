"""Which figure of a config is the one that matters, and how its metric counts AP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEADLINES = ('mAP', 'bbox_mAP')  # last parts of names: VOC's and COCO's


@dataclass(frozen=True)
class ApRule:
    """How a metric turns detections into the AP of a class.

    Attributes:
        iou_thrs: AP is the mean over these IoU thresholds.
        points: recalls at which the best precision is read: 11 (VOC 2007) or 101 (COCO); 0 for the
            area under the curve (VOC since 2010).
    """

    iou_thrs: tuple[float, ...] = (0.5,)
    points: int = 0

    def __str__(self) -> str:
        low, high = f'{min(self.iou_thrs):g}', f'{max(self.iou_thrs):g}'
        iou = f'an IoU of {low}' if low == high else f'IoUs from {low} to {high}'
        way = f'read at {self.points} recalls' if self.points else 'as the area under the curve'
        return f'AP at {iou}, {way}'


def headline(
    figures: Mapping[str, float], save_best: str | Sequence[str] | None = None
) -> str | None:
    """Returns the name of the figure that says most: that of save_best, else the first mAP.

    Args:
        figures: by their names with prefix, such as 'coco/bbox_mAP'.
        save_best: that of the config's checkpoint hook; names that are no figures do not count.

    Returns:
        a name; the last one where there is no mAP, None where there are no figures.
    """
    wanted = [save_best] if isinstance(save_best, str) else list(save_best or ())
    mean_aps = [name for name in figures if name.rsplit('/', 1)[-1] in HEADLINES]
    return next(
        (name for name in (*wanted, *mean_aps, *reversed(figures)) if name in figures), None
    )
