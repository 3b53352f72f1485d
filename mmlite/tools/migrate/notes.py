"""What a migration notes down, and dicts that know which of their keys nobody has taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_MISSING = object()


@dataclass(frozen=True)
class Change:
    """One thing that is spelt otherwise now; `new` is '' where it is no longer needed."""

    old: str
    new: str
    why: str


@dataclass(frozen=True)
class Unmapped:
    """One thing that is not in the new config; `value` is as the old one has it."""

    key: str
    value: Any
    why: str


@dataclass
class Notes:
    """All of them, in the order of the rules, each once."""

    changes: list[Change] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)

    def changed(self, old: str, new: str, why: str) -> None:
        change = Change(old, new, why)
        if change not in self.changes:
            self.changes.append(change)

    def not_mapped(self, key: str, value: Any, why: str) -> None:
        entry = Unmapped(key, value, why)
        if entry not in self.unmapped:
            self.unmapped.append(entry)


class Section:
    """A dict of the old config. Rules take keys out of it; `close` reports those that are left.

    Args:
        values: the dict; it is not changed.
        path: its dotted path in the old config, '' for the top.
        notes: where changes go.
    """

    def __init__(self, values: Mapping[str, Any], path: str, notes: Notes) -> None:
        self.left = dict(values)
        self.taken: dict[str, Any] = {}
        self.path = path
        self.notes = notes

    def __contains__(self, key: str) -> bool:
        return key in self.left

    def at(self, key: str) -> str:
        """Returns the dotted path of a key."""
        return f'{self.path}.{key}' if self.path else key

    def get(self, key: str, default: Any = None) -> Any:
        """Returns a value and leaves it where it is."""
        return self.left.get(key, default)

    def take(self, key: str, default: Any = None) -> Any:
        """Returns a value that the new config has under the same name, or needs no note."""
        if key not in self.left:
            return default
        self.taken[key] = self.left[key]
        return self.left.pop(key)

    def move(self, key: str, new: str, why: str, default: Any = None) -> Any:
        """Returns a value that the new config has elsewhere, and notes the change."""
        if key in self.left:
            self.notes.changed(self.at(key), new, why)
        return self.take(key, default)

    def drop(self, key: str, why: str) -> None:
        """Takes a value that is no longer needed, and says why."""
        self.move(key, '', why)

    def refuse(self, key: str, why: str) -> None:
        """Takes a value that cannot be mapped, and says why."""
        value = self.take(key, _MISSING)
        if value is not _MISSING:
            self.notes.not_mapped(self.at(key), value, why)

    def section(self, key: str) -> Section | None:
        """Takes a dict as a section of its own; None where there is none."""
        value = self.take(key)
        return Section(value, self.at(key), self.notes) if isinstance(value, Mapping) else None

    def close(self, why: str) -> None:
        """Reports every key that no rule has taken; those set to None say nothing."""
        for key in list(self.left):
            if self.left[key] is None:
                self.drop(key, 'None is the same as leaving it out')
            else:
                self.refuse(key, why)
