"""What a benchmark found: a table, and the machine it was found on."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from terminaltables import AsciiTable

from mmlite.support.files import write_text

Cell = float | int | str | None

_PACKAGES = ('torch', 'torchvision', 'mmengine', 'numpy', 'opencv-python', 'faster-coco-eval')


@dataclass
class Report:
    """The result of one verb of tools/benchmark.py.

    Args:
        verb: its name.
        rows: each a dict from column to figure, with the same columns; None where one is missing.
        settings: what it was measured with: rounds, threads, sizes.
        notes: sentences that belong to the figures.
    """

    verb: str
    rows: list[dict[str, Cell]]
    settings: dict[str, Cell] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The table, with settings above it and machine and notes below."""
        columns = list(self.rows[0])
        table = AsciiTable([columns, *([_cell(row[key]) for key in columns] for row in self.rows)])
        machine = describe_machine()
        lines = [
            f'{self.verb}: ' + ', '.join(f'{key} {value}' for key, value in self.settings.items()),
            table.table,
            *self.notes,
            'on ' + ', '.join(f'{key} {value}' for key, value in machine.items()),
        ]
        return '\n'.join(lines)

    def save(self, path: Path) -> None:
        """Writes all of it as JSON."""
        content = dict(
            verb=self.verb,
            command=' '.join(sys.argv),
            machine=describe_machine(),
            settings=self.settings,
            rows=self.rows,
            notes=self.notes,
        )
        write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + '\n')


def describe_machine() -> dict[str, str]:
    """Processor, its cores, GPU, and the versions of the software the figures depend on."""
    found = {'CPU': _cpu_name(), 'threads': str(torch.get_num_threads())}
    if torch.cuda.is_available():
        found['GPU'] = torch.cuda.get_device_name()
    found['bf16 instructions'] = 'yes' if has_bfloat16_instructions() else 'no'
    found['Python'] = platform.python_version()
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def has_bfloat16_instructions() -> bool:
    """Whether the processor says that it computes in bfloat16; only Linux is asked."""
    flags = {flag for line in _cpuinfo('flags', 'Features') for flag in line.split()}
    return not flags.isdisjoint({'avx512_bf16', 'amx_bf16', 'bf16', 'svebf16'})


def _cpu_name() -> str:
    names = _cpuinfo('model name')
    return f'{names[0] if names else platform.machine()} ({os.cpu_count()} cores)'


def _cpuinfo(*keys: str) -> list[str]:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:  # no Linux
        return []
    pairs = [line.partition(':') for line in lines]
    return [value.strip() for key, _, value in pairs if key.strip() in keys]


def _cell(value: Cell) -> str:
    if value is None:
        return '-'
    return f'{value:.4g}' if isinstance(value, float) else str(value)
