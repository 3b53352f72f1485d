"""python -m mmlite VERB ...: the command lines of `tools/`, from an installed package."""

from __future__ import annotations

import importlib
import sys

from mmlite.errors import did_you_mean

VERBS = (
    'train',
    'test',
    'eval_results',
    'demo',
    'model_info',
    'convert_checkpoint',
    'convert_dataset',
    'migrate_config',
    'replay',
    'report',
    'compare',
    'analyze_logs',
    'predict',
    'export_onnx',
    'get_flops',
    'analyze_dataset',
    'browse_dataset',
    'explain',
    'doctor',
    'list_registry',
)


def main(argv: list[str]) -> int:
    verb = argv[0] if argv else ''
    if verb not in VERBS:
        print(
            f'usage: python -m mmlite VERB ...\nverbs: {", ".join(VERBS)}'
            f'{did_you_mean(verb, VERBS)}',
            file=sys.stderr,
        )
        return 0 if verb in ('-h', '--help') else 2
    return importlib.import_module(f'mmlite.cli.{verb}').main(argv[1:])


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
