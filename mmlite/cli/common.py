"""What the verbs share: flags, what they do to the config, and how a command ends."""

from __future__ import annotations

import argparse
import io
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mmengine.config import Config

from mmlite.cli.ending import ended
from mmlite.cli.parser import VerbParser, grouped_parser
from mmlite.cli.verbs import LABORATORY
from mmlite.config import check_files, is_pretrained, load_config
from mmlite.config.own_files import find_config
from mmlite.config.safe import check_holds_values_only, check_registered_types_only
from mmlite.config.schema import LOADERS
from mmlite.datasets.paths import MissingDataError
from mmlite.datasets.relocate import allow_bad_items, relocate, skip_bad_images, use_demo_data
from mmlite.engine.process.launch import explaining_lost_processes, leave_processes
from mmlite.errors import ConfigError
from mmlite.registry.plugins import import_plugins
from mmlite.support.torchvision_ops import explaining_torchvision

Main = Callable[[argparse.Namespace], None]


def verb_parser(verb: str, summary: str, *examples: str) -> VerbParser:
    """Makes the parser of a verb, which `run` parses with.

    Args:
        verb: its name.
        summary: the docstring of its module.
        examples: what comes after the verb on a command line, one for each.
    """
    lines = [f'example: {shlex.join(command(verb))} {text}'.rstrip() for text in examples]
    return grouped_parser(prog=verb, description=summary, epilog='\n'.join(lines))


def config_parser(verb: str, summary: str, *examples: str) -> VerbParser:
    """Makes the parser of a verb on a config: what one of them takes all take.

    Arguments as of `verb_parser`.
    """
    parser = verb_parser(verb, summary, *examples)
    parser.add_argument(
        'config', metavar='CONFIG', help='a config file, such as configs/ssd/ssd300_voc.py'
    )
    add = parser.group('output')
    add(
        '--work-dir',
        metavar='DIR',
        help='where everything is written (work_dirs/<config stem>)',
    )
    add = parser.group('running')
    add(
        '--launcher', choices=('none', 'pytorch', 'slurm'), default='none', help='several processes'
    )
    add(
        '--gpu-ids',
        nargs='+',
        action='extend',
        type=int,
        metavar='N',
        help='GPUs for this one process; several processes are faster (tools/dist_train.sh)',
    )
    add('--local-rank', '--local_rank', type=int, default=0, help=argparse.SUPPRESS)
    add_config_flags(parser)
    return parser


def run(parser: argparse.ArgumentParser, main: Main, argv: Sequence[str] | None = None) -> int:
    """Parses, runs and returns the exit status, see `mmlite.cli.ending`."""

    def work() -> None:
        args = parser.parse_args(argv)
        if isinstance(sys.stdout, io.TextIOWrapper):  # Windows' encoding lacks some class names
            sys.stdout.reconfigure(errors='backslashreplace')
        try:
            with explaining_torchvision(), explaining_lost_processes():
                main(args)
        except MissingDataError as error:
            error.next_step = f'To try it now: {_with_demo_data(parser.prog, argv)}'
            raise
        finally:
            leave_processes()

    return ended(parser.prog, work, '--traceback' in (sys.argv if argv is None else argv))


def _with_demo_data(verb: str, argv: Sequence[str] | None) -> str:
    """The command that was given, with --demo-data in the place of --data-root."""
    words = list(sys.argv[1:] if argv is None else argv)
    kept = []
    while words:
        word = words.pop(0)
        if word == '--data-root':
            words.pop(0)
        elif not word.startswith('--data-root='):
            kept.append(word)
    return shlex.join([*command(verb), *kept, '--demo-data'])


def command(verb: str) -> list[str]:
    """The words that start a verb in the way in which this process was started."""
    program = Path(sys.argv[0])
    if program.suffix == '.py' and program.parent.name == 'tools':
        return ['python', str(program.with_name(f'{verb}.py'))]
    if verb in LABORATORY:
        return ['python', f'tools/{verb}.py']
    return ['mmlite', verb] if program.stem == 'mmlite' else ['python', '-m', 'mmlite', verb]


def add_config_flags(parser: VerbParser) -> None:
    """Adds the flags that `config_from` applies to the config."""
    add = parser.group('data')
    add(
        '--data-root', metavar='DIR', help='use this folder in place of the data_root of the config'
    )
    add('--demo-data', action='store_true', help='use the embedded set, drawn on the spot')
    add('--skip-bad-images', action='store_true', help='leave bad items out in testing, and say so')
    add(
        '--max-bad',
        type=float,
        metavar='SHARE',
        help='share of bad images or annotations above which a run stops (0.01)',
    )
    add_flags(parser, '--cfg-options', '--plugin', '--safe-config')
    add = parser.group('running')
    add('--debug', action='store_true', help='load in the main process, so that breakpoints work')


# flags that verbs share one by one
_FLAGS = {
    '--cfg-options': dict(
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE',
        help='override keys of the config, e.g. train_cfg.max_epochs=5; a,b and [a,b] are lists; '
        '+key=value adds a key',
    ),
    '--plugin': dict(
        action='append', default=[], metavar='FILE', help='a Python file to import first'
    ),
    '--safe-config': dict(
        action='store_true',
        help='refuse a config that holds code, custom_imports or types by their import path',
    ),
}


def add_length_flags(parser: VerbParser) -> None:
    """Adds the flags that make a training longer or shorter; `config_from` applies them."""
    length = parser.group_of('running').add_mutually_exclusive_group()
    length.add_argument(
        '--epochs', type=int, metavar='N', help='train for N epochs, and stretch the schedules'
    )
    length.add_argument(
        '--iters', type=int, metavar='N', help='the same in a training that counts iterations'
    )


def add_flags(parser: VerbParser, *names: str) -> None:
    """Adds some of the flags that mean the same in each verb that has them."""
    for name in names:
        parser.group('config and plugins')(name, **_FLAGS[name])


def score(text: str) -> float:
    """Reads a score of the command line.

    Raises:
        argparse.ArgumentTypeError: it is no number from 0 to 1.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'a number from 0 to 1 is expected, found {text}')
    return value


def add_checkpoint_arguments(parser: VerbParser) -> None:
    """Adds the flags of verbs that read a checkpoint."""
    add = parser.group('model and weights')
    add(
        '--allow-partial',
        action='store_true',
        help='go on where only a part of a checkpoint fits the model',
    )
    add(
        '--trust-checkpoint',
        action='store_true',
        help="read more than plain data from a checkpoint: this can run its author's code",
    )
    add(
        '--checkpoint-layout',
        choices=('1.x', '3.x'),
        help='which mmdet wrote an SSD checkpoint that does not say so itself',
    )


def config_from(args: argparse.Namespace) -> Config:
    """Loads the config of a command line and applies the flags of `config_parser`."""
    import_plugins(args.plugin)
    cfg = _config_of_length(args)
    if args.data_root and args.demo_data:
        raise ConfigError('--data-root and --demo-data exclude each other')
    if args.data_root:
        relocate(cfg, args.data_root)
    if args.demo_data:
        print(f'The embedded set is used: {use_demo_data(cfg) or "the config draws it by itself"}')
    if args.skip_bad_images:
        skip_bad_images(cfg)
    if args.max_bad is not None:
        allow_bad_items(cfg, args.max_bad)
    if args.debug:
        for section in LOADERS:
            if cfg.get(section):
                cfg[section].num_workers = 0
    own = vars(args)  # a verb that starts no run has no such flags
    work_dir = own.get('work_dir') or cfg.get('work_dir')
    cfg.work_dir = work_dir or f'work_dirs/{Path(args.config).stem}'
    cfg.launcher = own.get('launcher', 'none')
    cfg.gpu_ids = own.get('gpu_ids')
    return cfg


def _config_of_length(args: argparse.Namespace) -> Config:
    """The config with --cfg-options, and of the length of --epochs or --iters."""
    lengths = {unit: vars(args).get(unit) for unit in ('epochs', 'iters')}
    unit = next((unit for unit, number in lengths.items() if number is not None), None)
    if unit is None:
        return load_config_of(args.config, args.safe_config, args.cfg_options)
    key = f'train_cfg.max_{unit}'
    if any(option.strip(' +').startswith((f'{key}=', 'train_cfg=')) for option in args.cfg_options):
        raise ConfigError(f'--{unit} and {key} in --cfg-options exclude each other')
    options = [*args.cfg_options, f'+{key}={lengths[unit]}']
    cfg = load_config_of(args.config, args.safe_config, options)
    other = {'epochs': 'iters', 'iters': 'epochs'}[unit]
    if f'max_{other}' in cfg.train_cfg:
        raise ConfigError(
            f'--{unit}: the training counts the other unit, train_cfg.max_{other} is '
            f'{cfg.train_cfg[f"max_{other}"]}. Its length is given by --{other}'
        )
    return cfg


def load_config_of(path: str | Path, safe: bool, overrides: Sequence[str] = ()) -> Config:
    """Loads a config; with `safe` it is refused where it is more than values, see safe_config."""
    if safe:
        check_holds_values_only(check_files(find_config(path)))
    cfg = load_config(path, overrides)
    if safe:
        check_registered_types_only(cfg)
    return cfg


def train_from_scratch(cfg: Config) -> None:
    """Takes the pretrained weights out of the config; the initialisers of the parts stay."""
    for part in _pretrained_parts(cfg):
        if is_pretrained(part.get('init_cfg')):
            part.init_cfg = None
        if part.get('pretrained') is True:
            part.pretrained = False


def starts_from_weights(cfg: Config) -> bool:
    """Whether the detector or a part of it starts from weights of a file or a URL."""
    return bool(_pretrained_parts(cfg))


def _pretrained_parts(cfg: Config) -> list[dict]:
    model = cfg.get('model') or {}
    parts = [model, *(part for part in model.values() if isinstance(part, dict))]
    return [
        part
        for part in parts
        # the latter is how the weights of timm are asked for
        if is_pretrained(part.get('init_cfg')) or part.get('pretrained') is True
    ]
