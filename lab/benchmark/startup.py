"""How soon a training starts: imports, --help, the first iteration, a large annotation file.

Each figure is of a fresh process, which first imports what mmlite cannot do without (the floor)
and then times the rest; the processes take turns.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.benchmark.made_up import write_coco_file
from lab.benchmark.report import Cell, Report
from lab.processes import CHECKOUT
from mmlite.config.own_files import CONFIGS
from mmlite.errors import RunError

_SCRIPT = """
import json, pathlib, sys, time

def done():
    seconds = [middle - begin, time.perf_counter() - middle]
    modules = [name for name, module in sys.modules.items() if getattr(module, '__spec__', None)]
    pathlib.Path(sys.argv[1]).write_text(json.dumps([*seconds, modules]))

begin = time.perf_counter()
{floor}
middle = time.perf_counter()
{work}
done()
"""
_HELP = """
from mmlite.cli.train import main
try:
    main(['--help'])
except SystemExit:
    pass
"""
_FIRST_ITERATION = """
from mmengine.hooks import Hook
from mmlite.cli.train import main
from mmlite.registry import HOOKS

@HOOKS.register_module()
class EndHere(Hook):
    def after_train_iter(self, *args, **kwargs):
        done()
        raise SystemExit

arguments = [{config!r}, '--work-dir', {work_dir!r}]
option = '+default_hooks.end_here.type=EndHere'
sys.exit(main([*arguments, '--cfg-options', option]) or 'no iteration was run')
"""
_READ = """
CocoDataset(ann_file={name!r}, data_root={folder!r}, pipeline=[])
"""
_TORCH = 'import torch, torchvision'


@dataclass
class _Case:
    """A process to time: `floor` and then `work`, both Python; `cached` keeps mmlite's cache."""

    floor: str
    work: str
    cached: bool = True


def measure(
    config: str | None = None, images: int = 120_000, rounds: int = 5, timeout: float = 600
) -> Report:
    """Times the start of a training.

    Args:
        config: what is trained for an iteration; None: configs/ssd/ssd_demo.py.
        images: in the COCO file that is made up.
        rounds: processes for each figure.
        timeout: seconds after which a process is given up.
    """
    config = config or str(CONFIGS / 'ssd/ssd_demo.py')
    with tempfile.TemporaryDirectory() as folder:
        first = _Case(_TORCH, _FIRST_ITERATION.format(config=config, work_dir=f'{folder}/work'))
        # untimed: draws the demo set, and says which modules there are at the first iteration
        there = _run(_Case(_TORCH, ''), folder, timeout)[2]
        needed = [name for name in _run(first, folder, timeout)[2] if name not in set(there)]
        boxes = write_coco_file(Path(folder, 'made_up.json'), images, outlines=True)
        read = _READ.format(name='made_up.json', folder=folder)
        reader = 'from mmlite.datasets import CocoDataset'
        cases = {
            'import': _Case(_TORCH, 'import mmlite'),
            'needed': _Case(_TORCH, _import_all(needed)),
            'help': _Case('import torch', _HELP),
            'first': first,
            'new file': _Case(reader, read, cached=False),
            'known file': _Case(reader, read),
        }
        if importlib.util.find_spec('pycocotools'):
            peer = f'COCO({folder + "/made_up.json"!r})'
            cases['peer'] = _Case('from pycocotools.coco import COCO', peer)
        _run(cases['known file'], folder, timeout)  # fills the cache
        floor, rest = _medians(cases, folder, rounds, timeout)
    return Report(
        'startup',
        [
            _row('import mmlite', rest['import'], floor['import'], 0.15),
            _row('import what a training needs', rest['needed'], floor['needed'], 0.8),
            _row('answer train --help', rest['help'], floor['help'], 1.0),
            _row('train one iteration', rest['first'], floor['first']),
            _row('read a COCO file for the first time', rest['new file'], peer=rest.get('peer')),
            _row(
                'take it from the cache in a later run', rest['known file'], peer=rest.get('peer')
            ),
        ],
        dict(rounds=rounds, images=images, boxes=boxes, config=config, modules=len(needed)),
        [
            "mmlite's seconds come on top of the floor: import torch, torchvision (--help: torch).",
            'The peer is COCO(file) of pycocotools, which builds its index in each run.',
            'mmdet 3.3 does not install beside this torch; measured earlier, beside an older one, '
            'its imports took 1.6 to 2.1 s on top of torch.',
        ],
    )


def _row(
    what: str,
    mmlite: float,
    floor: float | None = None,
    target: float | None = None,
    peer: float | None = None,
) -> dict[str, Cell]:
    return {'seconds to': what, 'mmlite': mmlite, 'target': target, 'floor': floor, 'peer': peer}


def _import_all(names: list[str]) -> str:
    return f'import importlib\nfor name in {names!r}: importlib.import_module(name)'


def _medians(
    cases: dict[str, _Case], folder: str, rounds: int, timeout: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Returns the seconds of each case's floor, and those of its work."""
    floor: dict[str, list[float]] = {name: [] for name in cases}
    work: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            seconds = _run(case, folder, timeout)
            floor[name].append(seconds[0])
            work[name].append(seconds[1])
    return _median_of_each(floor), _median_of_each(work)


def _median_of_each(seconds: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in seconds.items()}


def _run(case: _Case, folder: str, timeout: float) -> tuple[float, float, list[str]]:
    """Runs a process; returns the seconds of floor and work, and the modules it has in the end."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        result = Path(own, 'result.json')
        script = _SCRIPT.format(floor=case.floor, work=case.work)
        ended = subprocess.run(
            [sys.executable, '-c', script, str(result)],
            env={**os.environ, 'MMLITE_CACHE': f'{folder if case.cached else own}/cache'},
            cwd=CHECKOUT,
            stdout=subprocess.DEVNULL,
            timeout=timeout,
        )
        if ended.returncode:
            raise RunError(
                f'a process that was to be timed ended with status {ended.returncode}, see above'
            )
        return tuple(json.loads(result.read_text(encoding='utf-8')))
