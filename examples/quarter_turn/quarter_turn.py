"""A transform of your own: quarter turns, for pictures without an up and down.

Such are those of microscopes and satellites. A function does the work, the class draws the number.
"""

import numpy as np

from mmlite.datasets.transforms.resize_flip_pad import BOX_KEYS, set_image
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomQuarterTurn:
    """Turns `img` and its boxes by 0, 1, 2 or 3 quarters; width and height may change places.

    Args:
        prob: how likely a turn is, 0 to 1; its angles are equally likely.

    Raises:
        ConfigError: `prob` is no probability.
    """

    def __init__(self, prob: float = 0.75) -> None:
        if not 0 <= prob <= 1:
            raise ConfigError(f'RandomQuarterTurn.prob: 0 to 1 is expected, found {prob!r}')
        self.prob = prob

    def __call__(self, results: dict) -> dict:
        # numpy's global generator: mmlite seeds it for each sample, in every worker
        if np.random.random() >= self.prob:
            return results
        for _ in range(np.random.randint(1, 4)):
            img = results['img']
            for key in BOX_KEYS:
                if key in results:
                    results[key] = quarter_turn_bboxes(results[key], img.shape[1])
            set_image(results, np.ascontiguousarray(np.rot90(img)))
        return results


def quarter_turn_bboxes(bboxes: np.ndarray, width: int) -> np.ndarray:
    """Turns boxes (n, 4) xyxy by a quarter counterclockwise, as np.rot90 does the picture.

    A point (x, y) goes to (y, width - x); the old right side of a box becomes its top.

    Args:
        bboxes: in pixels; it is not changed.
        width: of the picture before the turn.
    """
    x1, y1, x2, y2 = bboxes.T
    return np.stack([y1, width - x2, y2, width - x1], axis=1)
