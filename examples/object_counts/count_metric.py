"""A metric of your own: by how much the number of objects is off, where that is what counts."""

import numpy as np

from mmlite.evaluation.results_metric import ResultsMetric
from mmlite.registry import METRICS


@METRICS.register_module()
class CountMetric(ResultsMetric):
    """The absolute difference of the numbers found and annotated, in the mean over the images.

    Each class has a figure, and `MAE` is their mean; less is better. Objects that the annotation
    marks as difficult are not counted, wherever the detections are.

    Args:
        score_thr: what a detection must have to be counted.
        collect_device: 'cpu' or 'gpu': how distributed processes send their results.
    """

    default_prefix = 'count'

    def __init__(self, score_thr: float = 0.3, collect_device: str = 'cpu') -> None:
        super().__init__(collect_device)
        self.score_thr = score_thr

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Returns objects per image: the figure of each class, and last `MAE`, the headline."""
        images = self.covered(results)  # without the images that could not be read
        found = self.in_order(results)
        differences = [self._count_found(found[i]) - self._count_annotated(i) for i in images]
        per_class = np.abs(differences).reshape(-1, len(self.classes)).mean(axis=0)
        figures = dict(zip(self.classes, per_class.tolist(), strict=True))
        return {**self.coverage(images), **figures, 'MAE': float(per_class.mean())}

    def _count_found(self, per_class: list[np.ndarray]) -> np.ndarray:
        """(C,) from a (k, 5) array of x1, y1, x2, y2, score for each class."""
        return np.array([(rows[:, 4] >= self.score_thr).sum() for rows in per_class])

    def _count_annotated(self, i: int) -> np.ndarray:
        """(C,) of image i; labels count from 1."""
        labels = self.dataset.get_ann_info(i)['labels']
        return np.bincount(labels, minlength=len(self.classes) + 1)[1:]
