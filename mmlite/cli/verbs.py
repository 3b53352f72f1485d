"""The verbs of the command line: their groups, and what each does in one line."""

from __future__ import annotations

import ast
from importlib.util import find_spec

from mmlite.cli.ending import STATUSES

# each is a module of this package and a script in tools/
GROUPS = {
    'Start': ('init',),
    'Train, test, predict': ('train', 'test', 'predict', 'demo'),
    'Look at a config and its data': (
        'doctor',
        'explain',
        'analyze_dataset',
        'browse_dataset',
        'model_info',
        'list_registry',
    ),
    'Look at results and trainings': ('report', 'compare', 'analyze_logs', 'replay'),
    'Bring in and take out': (
        'convert_dataset',
        'migrate_config',
        'convert_checkpoint',
        'export_onnx',
    ),
    'Housekeeping': ('cache',),
    'Second names': ('eval_results', 'get_flops'),
}
VERBS = tuple(verb for verbs in GROUPS.values() for verb in verbs)
# in lab/cli of a checkout, which the package does not import
LABORATORY = ('benchmark', 'ablate', 'verify_resume', 'scoreboard')


def summary(verb: str) -> str:
    """The first line of the docstring of a verb's module, which is not imported for it."""
    module = f'mmlite.cli.{verb}'
    text = find_spec(module).loader.get_source(module)
    return ast.get_docstring(ast.parse(text)).partition('\n')[0]


def listing() -> str:
    """All verbs with their lines, group by group."""
    width = max(map(len, VERBS))
    lines = ['usage: mmlite VERB ..., or python -m mmlite VERB ...']
    for title, verbs in GROUPS.items():
        lines += ['', f'{title}:', *(f'  {verb:{width}}  {summary(verb)}' for verb in verbs)]
    lines += ['', 'Exit status:', *(f'  {number:<3}  {what}' for number, what in STATUSES.items())]
    return '\n'.join([*lines, '', 'mmlite VERB --help: all flags of a verb'])
