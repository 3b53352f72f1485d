"""Whether a model is strong enough to question annotations, class by class.

Whatever a model does not find, or finds at another place, contradicts an annotation. Of a weak
model these are its own mistakes. The limits are those from which at least half of the suspects
were wrong labels, in data with wrong labels planted (docs/tools.md has the measurement).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmlite.evaluation.class_curves import class_curves
from mmlite.evaluation.error_types import Judged
from mmlite.evaluation.suspicious import NOTHING_THERE, Suspicion

LEAST_AP50, LEAST_AP75 = 0.7, 0.3
LEAST_BOXES = 20  # of a class: an AP over fewer says little
LEAST_AP50_NOTHING = 0.9  # to say that nothing is there: what is hard to see is not found either
RULE = (
    f'Only classes with an AP of {LEAST_AP50} at IoU 0.5, {LEAST_AP75} at IoU 0.75 and '
    f'{LEAST_BOXES} boxes are asked about ({NOTHING_THERE!r}: an AP of {LEAST_AP50_NOTHING})'
)


@dataclass(frozen=True)
class Strength:
    """What the results are worth for one class, on the data whose annotations are questioned.

    Attributes:
        name: of the class.
        boxes: how many are annotated.
        ap50, ap75: the average precision at these IoUs.
    """

    name: str
    boxes: int
    ap50: float
    ap75: float

    @property
    def why_not(self) -> str:
        """Why the model is not asked about this class; '' where it is."""
        if self.boxes < LEAST_BOXES:
            return f'{self.boxes} boxes'
        if self.ap50 < LEAST_AP50:
            return f'AP {self.ap50:.2f} at IoU 0.5'
        return f'AP {self.ap75:.2f} at IoU 0.75' if self.ap75 < LEAST_AP75 else ''

    def may_say(self, suspicion: Suspicion) -> bool:
        """Whether it is strong enough for this one."""
        limit = LEAST_AP50_NOTHING if suspicion.reason == NOTHING_THERE else LEAST_AP50
        return not self.why_not and self.ap50 >= limit


def strengths(judged50: Judged, judged75: Judged, classes: Sequence[str]) -> list[Strength]:
    """Returns that of each class.

    Args:
        judged50, judged75: the same results, judged at an IoU of 0.5 and of 0.75.
        classes: names of the labels.
    """
    curves = zip(classes, class_curves(judged50), class_curves(judged75), strict=True)
    return [Strength(name, at50.num_gts, at50.ap, at75.ap) for name, at50, at75 in curves]


def trusted(suspicions: Sequence[Suspicion], found: Sequence[Strength]) -> list[Suspicion]:
    """Returns the suspicions that come from a class that is strong enough, in their order."""
    of_class = {strength.name: strength for strength in found}
    return [s for s in suspicions if of_class[s.detected or s.annotated].may_say(s)]


def gate_text(found: Sequence[Strength]) -> str:
    """Says which classes are left out and why, after the rule."""
    closed = [f'{strength.name}: {strength.why_not}' for strength in found if strength.why_not]
    if not closed:
        return f'{RULE}: all classes are.'
    which = 'No class is strong enough' if len(closed) == len(found) else 'Left out'
    shown = ', '.join(closed[:10]) + (f' and {len(closed) - 10} more' if len(closed) > 10 else '')
    return f'{RULE}. {which}: {shown}.'
