"""What the verbs share: flags, what they do to the config, and how a command ends."""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from mmengine.config import Config

from mmlite.config import load_config
from mmlite.datasets.base import MissingDataError
from mmlite.datasets.relocate import dataset_dicts, relocate, use_demo_data
from mmlite.engine.hooks.invalid_loss import NonFiniteLossError
from mmlite.errors import ConfigError, UserError

Main = Callable[[argparse.Namespace], None]


def run(parser: argparse.ArgumentParser, main: Main, argv: Sequence[str] | None = None) -> int:
    """Parses, runs and returns the exit status: 0 done, 1 failed, 2 a mistake of the user's."""
    args = parser.parse_args(argv)
    try:
        main(args)
    except UserError as error:
        if args.traceback:
            traceback.print_exc()
        print(f'{parser.prog}: {without_worker_traceback(str(error))}', file=sys.stderr)
        if isinstance(error, MissingDataError):
            print(f'To try it now: {_command(parser)} --demo-data', file=sys.stderr)
        return 2
    except NonFiniteLossError as error:
        if args.traceback:
            traceback.print_exc()
        print(f'{parser.prog}: {error}', file=sys.stderr)
        return 1
    return 0


def without_worker_traceback(message: str) -> str:
    """An error in a data-loading worker arrives with the worker's traceback around it."""
    if not message.startswith('Caught '):
        return message
    return re.split(r'\n[\w.]+Error: ', message)[-1].strip()


def _command(parser: argparse.ArgumentParser) -> str:
    return ' '.join(['python', *sys.argv])


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that every verb on a config takes."""
    add = parser.add_argument
    add('config', help='a config file, such as configs/ssd/ssd300_voc.py')
    add('--work-dir', help='where everything is written (work_dirs/<config stem>)')
    add(
        '--data-root', metavar='DIR', help='use this folder in place of the data_root of the config'
    )
    add('--demo-data', action='store_true', help='use the embedded set, drawn on the spot')
    add(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='override keys of the config, e.g. train_cfg.max_epochs=5; +key=value adds one',
    )
    add(
        '--plugin',
        metavar='FILE',
        action='append',
        default=[],
        help='a Python file to import first',
    )
    add(
        '--launcher', choices=('none', 'pytorch', 'slurm'), default='none', help='several processes'
    )
    add('--local-rank', '--local_rank', type=int, default=0, help=argparse.SUPPRESS)
    add('--skip-bad-images', action='store_true', help='go on in testing where an image is broken')
    add('--debug', action='store_true', help='load in the main process, so that breakpoints work')
    add('--traceback', action='store_true', help='show the traceback of a mistake too')


def config_from(args: argparse.Namespace) -> Config:
    """Loads the config of a command line and applies the flags of `add_common_arguments`."""
    for file in args.plugin:
        import_plugin(file)
    cfg = load_config(args.config, args.cfg_options)
    if args.data_root and args.demo_data:
        raise ConfigError('--data-root and --demo-data exclude each other')
    if args.data_root:
        relocate(cfg, args.data_root)
    if args.demo_data:
        print(f'The embedded set is used: {use_demo_data(cfg)}')
    if args.skip_bad_images:
        for _, dataset in dataset_dicts(cfg):
            dataset['skip_bad_images'] = True
    if args.debug:
        for section in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            if cfg.get(section):
                cfg[section].num_workers = 0
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or f'work_dirs/{Path(args.config).stem}'
    cfg.launcher = args.launcher
    return cfg


def import_plugin(file: str) -> None:
    """Imports a Python file, so that what it registers can be named in a config.

    Raises:
        ConfigError: there is no such file. Errors inside it keep their own traceback.
    """
    path = Path(file)
    if not path.is_file():
        raise ConfigError(f'--plugin {file}: no such file')
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # workers that are spawned find the classes under this name
    spec.loader.exec_module(module)


def train_from_scratch(cfg: Config) -> None:
    """Takes the pretrained weights out of the config; the initialisers of the parts stay."""
    backbone = cfg.model.backbone
    if (backbone.get('init_cfg') or {}).get('type') == 'Pretrained':
        backbone.init_cfg = None
