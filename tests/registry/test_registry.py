from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

from mmlite.config import load_config
from mmlite.errors import ArgumentError, ConfigError, UnknownTypeError
from mmlite.registry import (
    BACKBONES,
    DATASETS,
    DETECTORS,
    HEADS,
    HOOKS,
    LOSSES,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
    find_anywhere,
    parameters_of,
    registries,
)
from tests.runs import CHECKOUT

TINY = CHECKOUT / 'tests' / 'tiny_ssd.py'


def tiny_model(**overrides: object) -> dict:
    return load_config(TINY, {f'+model.{key}': value for key, value in overrides.items()}).model


# ---- unknown types ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('key', 'value', 'path', 'name', 'near'),
    [
        ('bbox_head.type', 'SDDHead', 'model.bbox_head', 'head', 'SSDHead'),
        ('backbone.type', 'Resnet', 'model.backbone', 'backbone', 'ResNet'),
        (
            'bbox_head.anchor_generator.type',
            'SSDAnchorGen',
            'model.bbox_head.anchor_generator',
            'task util',
            'SSDAnchorGenerator',
        ),
        (
            'train_cfg.assigner.type',
            'MaxIouAsigner',
            'model.train_cfg.assigner',
            'task util',
            'MaxIoUAssigner',
        ),
    ],
)
def test_an_unknown_type_is_found_in_the_config(
    key: str, value: str, path: str, name: str, near: str
) -> None:
    with pytest.raises(UnknownTypeError) as info:
        DETECTORS.build(tiny_model(**{key: value}), at='model')
    message = str(info.value)
    assert message.startswith(f"{path}: type '{value}' is not in the registry '{name}'.")
    assert f"Did you mean '{near}'" in message
    for way in ('custom_imports', '--plugin', "type='my_package.my_module."):
        assert way in message


def test_a_transform_has_the_path_of_its_place_in_the_pipeline() -> None:
    dataset = load_config(TINY).train_dataloader.dataset
    dataset.pipeline[2]['type'] = 'Resise'
    with pytest.raises(UnknownTypeError, match=r'^train_dataloader\.dataset\.pipeline\[2\]: type'):
        DATASETS.build(dataset, at='train_dataloader.dataset')


def test_a_nested_data_set_has_its_own_path() -> None:
    wrapped = dict(type='RepeatDataset', times=2, dataset=dict(type='VOCDataSet'))
    with pytest.raises(UnknownTypeError, match=r"^d\.dataset: .* Did you mean 'VOCDataset'"):
        DATASETS.build(wrapped, at='d')


@pytest.mark.parametrize('cfg', [None, 'SSDHead', dict(num_classes=3), []])
def test_what_is_no_dict_with_a_type_is_refused(cfg: object) -> None:
    with pytest.raises(ConfigError, match=r"^model\.bbox_head: a dict with the key 'type'"):
        HEADS.build(cfg, at='model.bbox_head')


def test_a_type_must_be_a_name_or_a_class() -> None:
    with pytest.raises(ConfigError, match=r'^model\.type: a name or a class is expected, found 3'):
        DETECTORS.build(dict(type=3), at='model')


# ---- arguments ----------------------------------------------------------------------------------


def test_an_unknown_argument_names_class_argument_and_the_accepted_ones() -> None:
    with pytest.raises(ArgumentError) as info:
        DETECTORS.build(tiny_model(**{'backbone.depht': 18}), at='model')
    message = str(info.value)
    assert message.startswith("model.backbone: ResNet takes no argument 'depht'.")
    assert "Did you mean 'depth'?" in message
    assert 'It takes: depth, num_stages' in message


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"^b: ResNet needs the argument 'depth'\.$"):
        BACKBONES.build(dict(type='ResNet'), at='b')


def test_defaults_fill_in_what_the_dict_leaves_out_and_the_dict_is_not_changed() -> None:
    cfg = dict(type='SmoothL1Loss', beta=0.5)
    loss = LOSSES.build(cfg, dict(beta=2.0), at='loss')
    assert loss.beta == 0.5
    assert cfg == dict(type='SmoothL1Loss', beta=0.5)


def test_an_error_of_the_class_itself_passes_as_it_is() -> None:
    with pytest.raises(ConfigError, match=r'^ResNet: depth 19 is unknown'):
        BACKBONES.build(dict(type='ResNet', depth=19), at='b')


def test_after_an_error_paths_start_again() -> None:
    with pytest.raises(UnknownTypeError, match=r'^one\.backbone:'):
        DETECTORS.build(tiny_model(**{'backbone.type': 'X'}), at='one')
    with pytest.raises(UnknownTypeError, match=r"^backbone: type 'X'"):  # the registry's name
        BACKBONES.build(dict(type='X'))


class Any:
    def __init__(self, first: int, **others: int) -> None:
        self.others = others


def test_a_class_with_keyword_arguments_of_its_own_takes_any() -> None:
    assert HEADS.build(dict(type=Any, first=1, more=2), at='h').others == dict(more=2)
    assert parameters_of(Any) is None


def test_keyword_arguments_of_mmengines_classes_are_those_of_their_bases() -> None:
    milestones = parameters_of(PARAM_SCHEDULERS.find('MultiStepLR', ''))
    assert {'milestones', 'gamma', 'begin', 'end', 'by_epoch'} <= milestones.keys()
    amp = parameters_of(OPTIM_WRAPPERS.find('AmpOptimWrapper', ''))
    assert {'loss_scale', 'clip_grad', 'accumulative_counts'} <= amp.keys()


# ---- where classes come from --------------------------------------------------------------------


@pytest.mark.parametrize(
    ('name', 'key'),
    [
        ('DATA_SAMPLERS', 'InfiniteSampler'),
        ('OPTIMIZERS', 'SGD'),
    ],
)
def test_mmengines_own_are_found_in_a_fresh_process(name: str, key: str) -> None:
    code = f"from mmlite import registry; print(registry.{name}.find({key!r}, '').__name__)"
    found = subprocess.run(
        [sys.executable, '-c', code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == key


def test_ours_come_before_mmengines_of_the_same_name() -> None:
    assert HOOKS.find('LoggerHook', '').__module__.startswith('mmlite.')
    assert DATASETS.find('ConcatDataset', '').__module__.startswith('mmlite.')


@pytest.mark.parametrize('scope', ['mmdet.', 'mmlite.', 'mmengine.'])
def test_scopes_of_other_configs_mean_this_package(scope: str) -> None:
    assert TRANSFORMS.find(f'{scope}Resize', '') is TRANSFORMS.find('Resize', '')


def test_get_is_what_mmengines_builders_call() -> None:
    assert HOOKS.get('CheckpointHook').__name__ == 'CheckpointHook'
    with pytest.raises(UnknownTypeError, match="Did you mean 'CheckpointHook'"):
        HOOKS.get('CheckpointHok')


def test_a_class_or_its_dotted_name_needs_no_registration(modules: Path) -> None:
    (modules / 'parts.py').write_text(
        'class Own:\n    def __init__(self, a):\n        self.a = a\n'
    )
    built = HEADS.build(dict(type='parts.Own', a=3), at='h')
    assert built.a == 3
    assert HEADS.build(dict(type=type(built), a=4), at='h').a == 4
    with pytest.raises(ArgumentError, match=r"^h: Own takes no argument 'b'"):
        HEADS.build(dict(type='parts.Own', b=3), at='h')


def test_a_dotted_name_that_leads_nowhere(modules: Path) -> None:
    (modules / 'somewhere.py').write_text('class Head: ...\n')
    with pytest.raises(UnknownTypeError, match=r"^h: .* there is no module 'nowhere'"):
        HEADS.build(dict(type='nowhere.else_.Head'), at='h')
    with pytest.raises(UnknownTypeError, match=r"module 'somewhere' has no 'Haed'.*'Head'"):
        HEADS.build(dict(type='somewhere.Haed'), at='h')


def test_an_import_error_inside_a_plugin_keeps_its_traceback(modules: Path) -> None:
    (modules / 'needy.py').write_text('import not_installed\n')
    with pytest.raises(ModuleNotFoundError, match='not_installed') as info:
        HEADS.build(dict(type='needy.Head'), at='h')
    assert Path(info.traceback[-1].path).name == 'needy.py'


def test_registered_classes_are_found_by_name() -> None:
    @HEADS.register_module()
    class HeadOfThisTest(nn.Module):
        pass

    try:
        assert isinstance(HEADS.build(dict(type='HeadOfThisTest'), at='h'), HeadOfThisTest)
    finally:
        del HEADS.module_dict['HeadOfThisTest']


def test_find_anywhere() -> None:
    assert find_anywhere('SSDHead').__name__ == 'SSDHead'
    assert find_anywhere('AdamW').__name__ == 'AdamW'
    assert find_anywhere('Nothing') is None


def test_every_registry_can_name_what_it_holds() -> None:
    assert len(registries()) == 19
    for name, registry in registries().items():
        assert registry.names(), name


# ---- dicts that mmengine builds -----------------------------------------------------------------


def test_check_finds_what_build_would_find() -> None:
    OPTIMIZERS.check(dict(type='SGD', lr=0.1, momentum=0.9), 'o', given=('params',))
    with pytest.raises(ArgumentError) as info:
        OPTIMIZERS.check(dict(type='SGD', lr=0.1, momentun=0.9), 'o', given=('params',))
    assert str(info.value).startswith(
        "o: SGD takes no argument 'momentun'. Did you mean 'momentum'? It takes: lr, momentum"
    )
    with pytest.raises(ArgumentError, match=r"^s: MultiStepLR needs the argument 'milestones'"):
        PARAM_SCHEDULERS.check(dict(type='MultiStepLR'), 's', given=('optimizer', 'param_name'))
    with pytest.raises(UnknownTypeError, match=r"^s: type 'StepLr' .* Did you mean 'StepLR'"):
        PARAM_SCHEDULERS.check(dict(type='StepLr'), 's')


def test_a_default_of_none_is_left_out_where_the_class_has_no_such_argument() -> None:
    assert HEADS.build(dict(type=Plain, first=1), dict(second=None), at='h').first == 1
    with pytest.raises(ArgumentError, match=r"^h: Plain takes no argument 'second'"):
        HEADS.build(dict(type=Plain, first=1), dict(second=2), at='h')


class Plain:
    def __init__(self, first: int) -> None:
        self.first = first
