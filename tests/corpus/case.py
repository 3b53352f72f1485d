"""What a case of the corpus is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

# the answers that docs/bad_input.md describes
ANSWERS = ('read', 'skipped', 'refused', 'stopped')


@dataclass(frozen=True)
class Case:
    """One kind of bad input.

    Args:
        family: what is bad: 'images', 'voc', 'coco', ...
        name: in words, unique in the family.
        answer: 'read' correctly; 'skipped', named and counted; 'refused' as a mistake of the
            user's (UserError, status 2, one message); 'stopped' (RunError, status 1).
        check: makes the input in an empty folder and asserts that the answer is as documented.
    """

    family: str
    name: str
    answer: str
    check: Callable[[Path], None]

    def __post_init__(self) -> None:
        assert self.answer in ANSWERS, self.answer

    def __str__(self) -> str:
        return f'{self.family}: {self.name}'


def named_cases(
    family: str, checks: Mapping[str, tuple[str, Callable[[Path], None]]]
) -> list[Case]:
    """Returns the cases of a table: name -> answer and check."""
    return [Case(family, name, answer, check) for name, (answer, check) in checks.items()]
