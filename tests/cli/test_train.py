from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest
import torch

from mmlite.cli.common import config_from
from mmlite.cli.train import apply_training_flags, build_parser
from mmlite.config import load_config
from mmlite.datasets import relocate
from mmlite.datasets.demo import draw_demo_set
from mmlite.datasets.transforms.compose import TransformError
from mmlite.datasets.voc import VOCDataset
from mmlite.errors import ConfigError
from tests.cli.conftest import first_image
from tests.runs import CHECKOUT, CLASSES, TINY, cli, equal, log, scalars, shell, weights

VOC = CHECKOUT / 'tests' / 'tiny_voc.py'
SSD300 = CHECKOUT / 'configs' / 'ssd' / 'ssd300_voc.py'
ONE_EPOCH = ('--cfg-options', 'train_cfg.max_epochs=1')


def train(*args: object):
    return cli('train', TINY, *args)


def refused(*args: object, config: Path = TINY) -> str:
    """The message of a command that must end with status 2, one message and no work dir."""
    ended = cli('train', config, '--work-dir', 'never', *args)
    assert ended.status == 2
    assert not Path('never').exists()
    assert 'Traceback' not in ended.err
    return ended.err


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# ---- what a run leaves behind -------------------------------------------------------------------


def test_a_training_from_another_folder(trained) -> None:
    ended, work_dir = trained
    assert ended.status == 0, ended.err
    names = {path.name for path in work_dir.iterdir()}
    assert {'tiny_ssd.py', 'epoch_1.pth', 'epoch_2.pth', 'last_checkpoint'} <= names
    assert [name for name in names if re.fullmatch(r'best_pascal_voc_mAP_epoch_[12]\.pth', name)]
    assert (work_dir / 'last_checkpoint').read_text() == 'epoch_2.pth'  # the folder may move
    assert load_config(work_dir / 'tiny_ssd.py').train_cfg.max_epochs == 2


def test_its_logs(trained) -> None:
    ended, work_dir = trained
    lines = scalars(work_dir)
    losses = [line for line in lines if 'loss' in line]
    assert [line['step'] for line in losses] == [1, 3, 6]  # the first iteration is there
    assert losses[0]['loss'] == pytest.approx(losses[0]['loss_cls'] + losses[0]['loss_bbox'])
    assert len([line for line in lines if 'pascal_voc/mAP' in line]) == 2
    for text in (ended.out, log(work_dir)):
        assert 'Epoch(train) [1][1/3]' in text
        assert 'DemoDataset(ImageSets/Main/trainval.txt): 12 images' in text
    assert 'Config:' in log(work_dir)
    assert 'Config:' not in ended.out  # only the file has all of it


def test_the_work_dir_is_named_after_the_config() -> None:
    assert train(*ONE_EPOCH, '--no-validate').status == 0
    assert Path('work_dirs/tiny_ssd/epoch_1.pth').is_file()
    assert not list(Path('work_dirs/tiny_ssd').glob('best_*'))
    assert 'pascal_voc/mAP' not in log(Path('work_dirs/tiny_ssd'))


def test_the_seed_decides_everything() -> None:
    for name, seed in (('a', 3), ('b', 3), ('c', 4)):
        assert train(*ONE_EPOCH, '--no-validate', '--seed', seed, '--work-dir', name).status == 0
    a, b, c = (weights(Path(name), 'epoch_1.pth') for name in 'abc')
    assert equal(a, b)
    assert not equal(a, c)


# ---- resume -------------------------------------------------------------------------------------


def test_resume_goes_on_to_the_same_end(trained) -> None:
    assert train('--work-dir', 'w', *ONE_EPOCH).status == 0
    shutil.copytree('w', 'v')
    assert train('--work-dir', 'w', '--resume').status == 0
    assert train('--work-dir', 'v', '--resume-from', 'w/epoch_1.pth').status == 0
    whole = weights(trained[1])
    assert equal(weights(Path('w')), whole)
    assert equal(weights(Path('v')), whole)


@pytest.mark.parametrize(
    ('flags', 'resume', 'load_from'),
    [
        (['--resume'], True, None),
        (['--auto-resume'], True, None),
        (['--resume', 'a.pth'], True, 'a.pth'),
        (['--resume-from', 'a.pth'], True, 'a.pth'),
        ([], False, None),
    ],
)
def test_spellings_of_resume(flags: list[str], resume: bool, load_from: str | None) -> None:
    args = build_parser().parse_args([str(TINY), *flags])
    cfg = config_from(args)
    apply_training_flags(cfg, args)
    assert (cfg.resume, cfg.load_from) == (resume, load_from)


def test_auto_resume_takes_no_value() -> None:
    assert build_parser().parse_args(['--auto-resume', 'c.py']).config == 'c.py'


def test_a_checkpoint_to_resume_that_is_not_there() -> None:
    assert 'train: checkpoint nowhere.pth: no such file' in refused('--resume', 'nowhere.pth')


# ---- flags --------------------------------------------------------------------------------------


def flagged(*flags: str, config: Path = SSD300):
    args = build_parser().parse_args([str(config), *flags])
    cfg = config_from(args)
    apply_training_flags(cfg, args)
    return cfg


def test_pretrained_weights_are_left_out_where_they_are_not_needed() -> None:
    def init_cfg(*flags: str):
        return flagged(*flags).model.backbone.init_cfg

    assert init_cfg().type == 'Pretrained'
    assert init_cfg('--from-scratch') is None
    assert init_cfg('--resume', 'a.pth') is None
    assert init_cfg('--resume').type == 'Pretrained'  # there may be nothing to resume


def test_seed_and_deterministic() -> None:
    assert flagged('--seed', '5').randomness == dict(seed=5, deterministic=False)
    assert flagged('--deterministic').randomness == dict(deterministic=True)


def test_debug_loads_in_the_main_process() -> None:
    cfg = flagged('--debug')
    assert [cfg[f'{loop}_dataloader'].num_workers for loop in ('train', 'val', 'test')] == [0, 0, 0]


def test_auto_scale_lr_needs_a_base() -> None:
    assert flagged('--auto-scale-lr').auto_scale_lr.enable is True
    with pytest.raises(ConfigError, match=r'has no auto_scale_lr.base_batch_size'):
        flagged('--auto-scale-lr', config=TINY)


def test_amp_is_the_wrappers_type() -> None:
    wrapper = flagged('--amp').optim_wrapper
    assert (wrapper.type, wrapper.loss_scale) == ('AmpOptimWrapper', 'dynamic')


# ---- plugins ------------------------------------------------------------------------------------

PLUGIN = """
import os
from mmlite.registry import HEADS, TRANSFORMS
from neighbour import NAN

@HEADS.register_module()
class HeadOfThePlugin(HEADS.get('SSDHead')):
    def loss_terms(self, *args):
        losses = super().loss_terms(*args)
        self.iteration = getattr(self, 'iteration', 0) + 1
        return {**losses, 'loss_own': losses['loss_cls'] * (NAN if self.iteration == 3 else 0)}

@TRANSFORMS.register_module()
class Fail:
    def __call__(self, results):
        raise RuntimeError(f'process {os.getpid()}')
"""


@pytest.fixture
def plugin(modules: Path) -> Path:
    (modules / 'plugin_of_cli.py').write_text(PLUGIN)
    (modules / 'neighbour.py').write_text("NAN = float('nan')")
    return modules / 'plugin_of_cli.py'


def test_a_plugin_and_a_loss_that_turns_nan(plugin: Path) -> None:
    head = 'model.bbox_head.type=HeadOfThePlugin'
    assert "model.bbox_head: type 'HeadOfThePlugin' is not in the" in refused('--cfg-options', head)
    ended = train('--plugin', plugin, '--work-dir', 'w', '--cfg-options', head)
    assert ended.status == 1
    assert 'train: the loss is not finite: ' in ended.err
    assert 'loss_own = nan (epoch 1, iteration 3, images: ' in ended.err
    assert 'Traceback' not in ended.err
    again = train('--plugin', plugin, '--work-dir', 'w', '--traceback', '--cfg-options', head)
    assert again.status == 1  # the same file twice is no mistake
    assert 'Traceback' in again.err

    steps = load_config(TINY).train_dataloader.dataset.pipeline
    fails = [*steps[:2], dict(type='Fail'), *steps[2:]]
    with pytest.raises(TransformError, match=rf'Fail .*\.jpg: RuntimeError: process {os.getpid()}'):
        train(
            *('--plugin', plugin, '--work-dir', 'w', '--debug', '--cfg-options'),
            f'train_dataloader.dataset.pipeline={[dict(step) for step in fails]}',
            'train_dataloader.num_workers=1',
        )


def test_plugins_that_cannot_be_imported(modules: Path) -> None:
    assert 'train: --plugin nowhere.py: no such file' in refused('--plugin', 'nowhere.py')
    (modules / 'json.py').touch()
    assert "another module is named 'json': rename" in refused('--plugin', modules / 'json.py')
    (modules / 'needy.py').write_text('import not_installed')
    with pytest.raises(ModuleNotFoundError, match='not_installed'):
        train('--plugin', modules / 'needy.py')


# ---- the user's mistakes ------------------------------------------------------------------------


def test_no_data() -> None:
    text = refused('--data-root', 'gone/VOCdevkit', '--cfg-options', 'log_level=INFO', config=VOC)
    root = Path.cwd() / 'gone' / 'VOCdevkit'
    assert f"there is no '{root}" in text
    assert f"The nearest folder that exists is '{Path.cwd()}'" in text
    assert 'To get VOC 2007 and 2012: download' not in text  # the classes are others
    lines = text.strip().splitlines()
    assert lines[-1] == (
        f'To try it now: python -m mmlite train {VOC} --work-dir never --cfg-options '
        'log_level=INFO --demo-data'
    )


def test_no_data_by_the_tool_itself(tmp_path: Path) -> None:
    ended = shell([CHECKOUT / 'tools/train.py', VOC, '--data-root=gone'], cwd=tmp_path)
    assert ended.status == 2
    assert ended.out == ''
    assert ended.err.endswith(
        f'To try it now: python {CHECKOUT / "tools/train.py"} {VOC} --demo-data\n'
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (
            ('--cfg-options', 'model.bbox_head.num_classes=4'),
            'model.bbox_head.num_classes is 4, train_dataloader.dataset has 5 classes: square',
        ),
        (('--cfg-options', 'model.bbox_hed.num_classes=4'), "Did you mean 'bbox_head'"),
        (('--cfg-options', 'model'), "'key=value' is expected"),
        (
            (
                '--cfg-options',
                "val_dataloader.dataset.pipeline=[dict(type='Normalize', mean=[0,0,0], "
                'std=[1,1,1])]',
            ),
            'images are normalised twice: by val_dataloader.dataset.pipeline.0 (Normalize)',
        ),
        (('--data-root', 'x', '--demo-data'), 'exclude each other'),
        (('--data-root', 'x'), 'no data set of the config has a data_root: it draws its data'),
        (('--launcher', 'pytorch'), '--launcher pytorch: RANK is not set; start the command with'),
        (('--launcher', 'slurm'), '--launcher slurm: SLURM_PROCID is not set'),
    ],
)
def test_mistakes(args: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('RANK', raising=False)
    assert message in refused(*args)


def test_a_config_that_is_not_there() -> None:
    text = refused(config=TINY.with_name('tiny_sdd.py'))
    assert text.startswith(f'train: config {TINY.with_name("tiny_sdd.py")}: no such file. Did you')


def test_an_unknown_flag() -> None:
    assert 'unrecognized arguments: --sed' in refused('--sed', '3')


def test_torchrun_without_a_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'x')
    monkeypatch.setenv('WORLD_SIZE', '2')
    assert 'add --launcher pytorch' in refused()


# ---- other data ---------------------------------------------------------------------------------


def test_a_damaged_image_is_replaced_and_counted(damaged: Path) -> None:
    ended = cli(
        *('train', VOC, '--data-root', damaged, '--work-dir', 'w', '--no-validate', *ONE_EPOCH),
        'train_dataloader.dataset.times=1',
        *(f'+train_dataloader.dataset.dataset.datasets.{i}.max_bad=0.2' for i in (0, 1)),
    )
    assert ended.status == 0, ended.err
    image = first_image(damaged, 'trainval')
    for text in (ended.out, log(Path('w'))):
        assert f'{image}: the JPEG file is cut off after' in text
        assert (
            '1 of 12 images cannot be used and were replaced by others (1 times so far): '
            f'{image}' in text
        )


def test_a_devkit_of_two_years(voc_part: Path) -> None:
    for year in (2007, 2012):
        shutil.copytree(voc_part, f'VOCdevkit/VOC{year}')
    ended = cli('train', VOC, '--data-root', 'VOCdevkit', '--work-dir', 'w', *ONE_EPOCH)
    assert ended.status == 0, ended.err
    assert 'Epoch(train) [1][12/12]' in ended.out  # 2 times 2 * 12 images, 4 in a batch
    assert 'pascal_voc/mAP' in ended.out


def test_demo_data_for_any_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        relocate, 'DEMO_SIZE', dict(num_train=12, num_test=6, size=(112, 96), seed=0)
    )
    ended = cli('train', VOC, '--demo-data', '--work-dir', 'w', *ONE_EPOCH)
    assert ended.status == 0, ended.err
    assert 'The embedded set is used: ' in ended.out
    assert 'Epoch(train) [1][6/6]' in ended.out  # 2 times 12 images: one folder stands for both
    names = torch.load('w/epoch_1.pth', weights_only=True)['meta']['dataset_meta']['classes']
    assert names == CLASSES


def test_ssd300_steps_on_demo_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        relocate, 'DEMO_SIZE', dict(num_train=2, num_test=1, size=(112, 96), seed=0)
    )
    ended = cli(
        *('train', SSD300, '--demo-data', '--debug', '--no-validate', '--work-dir', 'w'),
        *('--cfg-options', 'train_cfg.max_epochs=1', 'train_dataloader.batch_size=2'),
        *('train_dataloader.dataset.times=1', 'default_hooks.checkpoint=null'),
    )
    assert ended.status == 0, ended.err
    assert 'the weights are drawn, not fetched' in ended.out
    losses = [line for line in scalars(Path('w')) if 'loss' in line]
    assert [set(line) >= {'loss_cls', 'loss_bbox'} for line in losses] == [True]


def test_weights_that_cannot_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError('no route to host')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', fail)
    names = VOCDataset.METAINFO['classes']
    root = draw_demo_set(tmp_path / 'voc', names, 2, 1, (112, 96))
    ended = cli('train', SSD300, '--data-root', root, '--debug')
    assert ended.status == 2
    assert 'open-mmlab://vgg16_caffe cannot be fetched: <urlopen error no route' in ended.err
    assert f'to:   {tmp_path / "torch" / "hub" / "checkpoints"}' in ended.err
    assert ended.err.endswith('Or train without them: --from-scratch\n')


def test_demo_data_is_no_news_to_a_config_that_draws_its_own() -> None:
    args = build_parser().parse_args([str(TINY), '--demo-data'])
    assert config_from(args).train_dataloader.dataset.type == 'DemoDataset'


# ---- signals to stop ----------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == 'win32', reason='signals of POSIX')
@pytest.mark.parametrize(('number', 'status'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_batch_system_signals_all_processes(number: int, status: int) -> None:
    """The workers too; the training still ends its iteration, and saves."""
    options = ['train_dataloader.num_workers=2', 'train_cfg.max_epochs=500']
    words = [sys.executable, CHECKOUT / 'tools/train.py', TINY, '--no-validate', '--work-dir', 'w']
    process = subprocess.Popen(
        [*map(str, words), '--cfg-options', *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, 'PYTHONUNBUFFERED': '1'},
    )
    for line in process.stdout:
        if 'Epoch(train)' in line:
            break
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert err.startswith(f'train: stopped by {signal.Signals(number).name} after iteration')
    assert 'Traceback' not in err
    saved = Path('w', Path('w/last_checkpoint').read_text(encoding='utf-8'))
    ended = train('--resume', '--no-validate', '--work-dir', 'w', *ONE_EPOCH)
    assert ended.status == 0, ended.err
    assert str(saved) in err
