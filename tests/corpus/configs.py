"""Configs with a mistake in them, and configs of strangers: refused with one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mmlite.config import load_config
from mmlite.engine.parts import Parts
from tests.corpus.case import Case, named_cases
from tests.corpus.commands import checkpoint, refused, run_test, train
from tests.runs import CHECKOUT, TINY, cli

BASE = f'_base_ = {str(TINY)!r}\n'
NAMES = ('square', 'triangle', 'cross', 'ring', 'hourglass')

# name: option, and what the message holds
OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    'misspelt type of the model': (
        'model.type=SingleStageDetecter',
        (
            "model: type 'SingleStageDetecter'",
            "Did you mean 'SingleStageDetector' or 'TwoStageDetector'?",
        ),
    ),
    'misspelt type of a head': (
        'model.bbox_head.type=SSDHed',
        ("model.bbox_head: type 'SSDHed'", "Did you mean 'SSDHead'"),
    ),
    'misspelt type deep in a pipeline': (
        'train_dataloader.dataset.pipeline.2.type=Resise',
        ("train_dataloader.dataset.pipeline[2]: type 'Resise'", "Did you mean 'Resize'?"),
    ),
    'misspelt type of a hook': (
        "+custom_hooks=[dict(type='EMAHok')]",
        ("custom_hooks[0]: type 'EMAHok'", "Did you mean 'EMAHook'"),
    ),
    'misspelt type of an optimiser': (
        'optim_wrapper.optimizer.type=SDG',
        ("optim_wrapper.optimizer: type 'SDG'", "Did you mean 'SGD'?"),
    ),
    'misspelt section': ('modle.type=X', ("no key 'modle'", "Did you mean 'model'?")),
    'misspelt part of the model': (
        'model.bbox_hed.num_classes=5',
        ("no key 'model.bbox_hed'", "Did you mean 'bbox_head'?"),
    ),
    'misspelt argument of an optimiser': (
        'optim_wrapper.optimizer.lrr=0.1',
        ("no key 'optim_wrapper.optimizer.lrr'", "Did you mean 'lr'"),
    ),
    'misspelt argument of a transform': (
        'train_dataloader.dataset.pipeline.2.scael=(96,96)',
        ("pipeline.2.scael'", "Did you mean 'scale'?"),
    ),
    'misspelt argument of a hook': (
        'default_hooks.checkpoint.intervall=3',
        ("no key 'default_hooks.checkpoint.intervall'", "Did you mean 'interval'"),
    ),
    'misspelt key of a loop': ('train_cfg.max_epoch=3', ("Did you mean 'max_epochs'",)),
    'override into a number': (
        'optim_wrapper.optimizer.lr.x=1',
        ("'optim_wrapper.optimizer.lr' is 0.01, which has no keys",),
    ),
    'override beyond the end of a list': (
        'param_scheduler.7.gamma=0.5',
        ("'param_scheduler' is a list of 2: a number from 0 to 1 is expected, found '7'",),
    ),
    'override of a variable that is spent': (
        'resize.scale=(64,64)',
        ("'resize.scale' is a variable that the config file has already used",),
    ),
    'override without a value': ('model', ("--cfg-options 'model': 'key=value' is expected",)),
    'a name for a tuple of class names': (
        '+train_dataloader.dataset.classes=cat',
        ('train_dataloader.dataset.classes: a list of texts', "('cat',) is expected, found 'cat'"),
    ),
    'class count unlike the data': (
        'model.bbox_head.num_classes=4',
        ('model.bbox_head.num_classes is 4, train_dataloader.dataset has 5 classes: square',),
    ),
    'class count as text': (
        "model.bbox_head.num_classes='5'",
        ("model.bbox_head.num_classes: a whole number is expected, found '5'",),
    ),
    'too few strides': (
        'model.bbox_head.anchor_generator.strides=[8,16]',
        ('one entry per level is expected, found 2 strides, 3 ratios, 3 min_sizes',),
    ),
    'strides unlike the feature maps': (
        'model.bbox_head.anchor_generator.strides=[8,16,64]',
        ('level 2 has 3 cells for 96 pixels, a stride of about 32; its priors are 64 apart',),
    ),
    'fewer levels out of the backbone than into the neck': (
        'model.backbone.out_indices=[1]',
        ('model.neck.in_channels: the backbone hands on 1 levels of [16] channels, found (16, 32',),
    ),
    'a level that the backbone does not have': (
        'model.backbone.out_indices=[1,5]',
        ('out_indices (1, 5) need 6 stages, num_stages is 3',),
    ),
    'channels of the neck unlike the backbone': (
        'model.backbone.base_channels=16',
        ('model.neck.in_channels: the backbone hands on 2 levels of [32, 64] channels',),
    ),
    'channels of the head unlike the neck': (
        'model.bbox_head.in_channels=[16,32,64]',
        ('model.bbox_head.in_channels: the part before it hands on 3 levels of [16, 32, 32]',),
    ),
    'depth as a word': (
        'model.backbone.depth=eighteen',
        ("model.backbone.depth: a whole number is expected, found 'eighteen'",),
    ),
    'epochs as a word': ('train_cfg.max_epochs=ten', ('train_cfg.max_epochs: a whole number',)),
    'no epochs': ('train_cfg.max_epochs=0', ('a number from 1 up is expected, found 0',)),
    'learning rate as a word': (
        'optim_wrapper.optimizer.lr=fast',
        ("optim_wrapper.optimizer.lr: a number or a tensor is expected, found 'fast'",),
    ),
    'learning rate below zero': (
        'optim_wrapper.optimizer.lr=-1',
        ('optim_wrapper.optimizer: SGD: Invalid learning rate: -1',),
    ),
    'milestones as a word': (
        'param_scheduler.1.milestones=x',
        ('param_scheduler[1].milestones: a list of whole numbers is expected',),
    ),
    'interval of checkpoints as a word': (
        'default_hooks.checkpoint.interval=often',
        ("default_hooks.checkpoint.interval: a whole number is expected, found 'often'",),
    ),
    'seed as a word': ('+randomness.seed=x', ('randomness.seed: a whole number is expected',)),
    'unknown log level': ('+log_level=INFOO', ("log_level: 'CRITICAL' or", "Did you mean 'INFO'?")),
    'batch of no images': (
        'train_dataloader.batch_size=0',
        ('train_dataloader.batch_size: a number from 1 up is expected, found 0',),
    ),
    'workers below zero': (
        'train_dataloader.num_workers=-1',
        ('train_dataloader.num_workers: a number from 0 up is expected, found -1',),
    ),
    'no model': ('model=None', ("the config has no 'model', which the task 'train' needs",)),
    'no head': ('model.bbox_head=None', ("model: a dict with the key 'type' is expected",)),
    'no sampler': ('train_dataloader.sampler=None', ("the key 'sampler' is missing",)),
    'no optimiser': (
        'optim_wrapper.optimizer=None',
        ("optim_wrapper.optimizer: a dict with the key 'type' is expected",),
    ),
    'a pipeline that packs nothing': (
        'train_dataloader.dataset.pipeline=[]',
        ("it must end in dict(type='PackDetInputs')",),
    ),
}

# name: text of the file, and what the message holds; '{folder}' in it is the case's folder
FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    'circular _base_': (
        "_base_ = './other.py'",
        ('other.py: its _base_ {folder}/c.py includes it in turn',),
    ),
    '_base_ that is missing': (
        "_base_ = './bse.py'",
        ('bse.py (a _base_ of {folder}/c.py): no such file.', "Did you mean 'base.py'"),
    ),
    '_base_ that is a number': ('_base_ = 5', ('a path or a list of paths is expected, found 5',)),
    '_base_ that is computed': (
        "_base_ = 'a' + '.py'",
        ('c.py, line 1: _base_ is read before the file runs', "found 'a' + '.py'"),
    ),
    'syntax error': ('a = 1\nb = (2\n', ("c.py, line 2: '(' was never closed: b = (2",)),
    'null bytes': ('a = 1\0\n', ('c.py', 'null bytes')),
    'error of the code': ('a = 1\nb = a / 0', ('c.py, line 2: ZeroDivisionError: division by',)),
    'a config that ends the program': (
        'import sys\nsys.exit(0)',
        ('c.py, line 2: SystemExit: 0',),
    ),
    'absolute path of Windows as a _base_': (
        "_base_ = 'C:/Users/me/base.py'",
        ('C:/Users/me/base.py is a path of Windows, and this is',),
    ),
    'backslashes that are escapes': (
        "_base_ = 'C:\\Users\\me\\base.py'",
        ("c.py, line 1: (unicode error) 'unicodeescape' codec",),
    ),
    'empty config': ('', ("the config has no 'model', which the task 'train' needs",)),
    'config of mmdet 1.x': (
        "model = dict(type='SingleStageDetector')\ndata = dict(imgs_per_gpu=8)",
        ("no 'train_dataloader'", 'one of mmdet 1.x or 2.x', 'tools/migrate_config.py'),
    ),
    'one key in two bases': (
        "_base_ = ['./base.py', './twin.py']",
        ("c.py: KeyError: \"Duplicate key is not allowed among bases. Duplicate keys: {'a'}",),
    ),
    'a reserved name': ("filename = 'x'", ('filename is reserved for config file',)),
    'a module of custom_imports that is missing': (
        "custom_imports = dict(imports=['not_installed'])",
        ("custom_imports: No module named 'not_installed'",),
    ),
    'default_hooks that are a list': (
        BASE + 'default_hooks = [1]',
        ('default_hooks',),
    ),
}

# what --safe-config refuses, and what the message holds
UNSAFE: dict[str, tuple[str, str]] = {
    'an import': ('import os', 'found: import os'),
    'a call': ("x = __import__('os').mkdir('pwned')", 'found: __import__'),
    'custom_imports': ("custom_imports = dict(imports=['pwned'])", 'found: custom_imports'),
    'dict under another meaning': ("dict = eval\nx = dict('1 + 1')", 'line 1'),
    'a way by attributes': ('x = dict.__class__.__base__', 'found: dict.__class__'),
    'a way by the attributes of _base_': ('x = _base_.__class__', 'found: _base_.__class__'),
    'a comprehension': ('x = [i for i in (1, 2)]', 'found: [i for i'),
    'a template that opens a string': (
        'x = "\\{{$N:}}" + "+__import__(\'os\').mkdir(\'pwned\')+"',
        'of templates, a safe config holds {{_base_.name}} only',
    ),
    'a type by its import path': (BASE + "model = dict(type='os.mkdir', path='pwned')", 'os.mkdir'),
    'a list as large as the memory': ('x = [0] * 100000000000', 'holds up to'),
    'lists of lists of lists': (
        '\n'.join(['a = [1, 1, 1, 1, 1, 1, 1, 1]', *['a = [a, a, a, a, a, a, a, a]'] * 12]),
        'holds up to',
    ),
}


def with_option(option: str, texts: tuple[str, ...]) -> Callable[[Path], None]:
    return lambda folder: refused(train(folder, option), *texts)


def with_file(text: str, texts: tuple[str, ...]) -> Callable[[Path], None]:
    def check(folder: Path) -> None:
        for name, content in dict(base='a = 1', twin='a = 2', other="_base_ = './c.py'").items():
            (folder / f'{name}.py').write_text(content)
        (folder / 'c.py').write_text(text)
        ended = cli('train', folder / 'c.py', '--work-dir', folder / 'w')
        refused(
            ended, *(text.format(folder=folder) if '{folder}' in text else text for text in texts)
        )
        assert not (folder / 'w').exists()

    return check


def unsafe(text: str, found: str) -> Callable[[Path], None]:
    def check(folder: Path) -> None:
        (folder / 'c.py').write_text(text)
        ended = cli('train', folder / 'c.py', '--safe-config', '--work-dir', folder / 'w')
        refused(ended, found)
        assert not Path('pwned').exists()

    return check


def a_folder(folder: Path) -> None:
    (folder / 'ssd.py').touch()
    refused(train(folder, config=folder), f'config {folder}: it is a folder', 'It has ssd.py')


def another_ending(folder: Path) -> None:
    (folder / 'c.txt').write_text('a = 1')
    refused(train(folder, config=folder / 'c.txt'), 'a file .py, .json, .yaml or .yml is expected')


def a_metric(folder: Path) -> None:
    ended = run_test(folder, checkpoint(folder), 'test_evaluator.type=VOCMetrik')
    refused(ended, "test_evaluator: type 'VOCMetrik'", "Did you mean 'VOCMetric'")


def a_windows_path(folder: Path) -> None:
    ended = train(folder, config=Path(r'C:\Users\me\ssd.py'))
    refused(ended, r'C:\Users\me\ssd.py is a path of Windows')


def broken_json(folder: Path) -> None:
    (folder / 'c.json').write_text('{"model": ')
    refused(train(folder, config=folder / 'c.json'), 'c.json: Expecting value: line 1 column')


def yaml_that_calls(folder: Path) -> None:
    (folder / 'c.yaml').write_text(f'a: !!python/object/apply:os.mkdir ["{folder}/pwned"]\n')
    for flags in ((), ('--safe-config',)):
        ended = train(folder, config=folder / 'c.yaml', flags=flags)
        refused(ended, 'could not determine a constructor for the tag', 'os.mkdir')
    assert not (folder / 'pwned').exists()


def yaml_of_references(folder: Path) -> None:
    lines = ['a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]']
    lines += [f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 9)}]' for i in range(1, 12)]
    (folder / 'c.yaml').write_text('\n'.join(lines))
    ended = train(folder, config=folder / 'c.yaml')
    refused(ended, 'c.yaml: its references come to more than 200000 values')


def code_in_the_base_of_json(folder: Path) -> None:
    (folder / 'base.py').write_text(f"import os\nos.mkdir('{folder}/pwned')")
    (folder / 'c.json').write_text('{"_base_": "./base.py"}')
    ended = train(folder, config=folder / 'c.json', flags=('--safe-config',))
    refused(ended, 'base.py, line 1: a safe config holds values', 'found: import os')
    assert not (folder / 'pwned').exists()


def a_safe_config(folder: Path) -> None:
    (folder / 'c.py').write_text(
        BASE + 'lr = 0.01 * 2\noptim_wrapper = dict(optimizer=dict(lr=lr))'
    )
    ended = train(folder, config=folder / 'c.py', flags=('--safe-config',))
    assert ended.status == 0, ended.err


def another_class_order(folder: Path) -> None:
    names = list(reversed(NAMES))
    ended = run_test(folder, checkpoint(folder), f'+test_dataloader.dataset.classes={names}')
    refused(ended, 'was trained in another order', str(list(NAMES)), str(names))


def strides_of_an_fpn(folder: Path) -> None:
    cfg = load_config(CHECKOUT / 'tests' / 'tiny_retinanet.py')
    cfg.model.neck.num_outs = 5
    try:
        _ = Parts(cfg).checked_detector
    except Exception as error:
        assert 'it gets 5 levels, and its priors have 4 strides' in str(error)
        assert getattr(error, 'status', None) == 2
    else:
        raise AssertionError('5 levels were given to 4 strides')


CHECKS: dict[str, tuple[str, Callable[[Path], None]]] = {
    'misspelt type of a metric': ('refused', a_metric),
    'a folder': ('refused', a_folder),
    'another ending': ('refused', another_ending),
    'absolute path of Windows': ('refused', a_windows_path),
    'JSON that is cut off': ('refused', broken_json),
    'YAML that asks for a call': ('refused', yaml_that_calls),
    'YAML of references to references': ('refused', yaml_of_references),
    'safe config: code in the _base_ of a JSON file': ('refused', code_in_the_base_of_json),
    'safe config: only values': ('read', a_safe_config),
    'class order unlike that of the training': ('refused', another_class_order),
    'more levels out of an FPN than strides': ('refused', strides_of_an_fpn),
}

CASES = [
    *(Case('configs', name, 'refused', with_option(*case)) for name, case in OPTIONS.items()),
    *(Case('configs', name, 'refused', with_file(*case)) for name, case in FILES.items()),
    *(Case('configs', f'safe config: {n}', 'refused', unsafe(*case)) for n, case in UNSAFE.items()),
    *named_cases('configs', CHECKS),
]
