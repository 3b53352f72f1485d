from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config, ConfigDict, DictAction

from mmlite.config import load_config
from mmlite.config.nodes import find_value, walk
from mmlite.config.values import parse_value
from mmlite.errors import ConfigError
from tests.runs import CONFIGS

VOC, BCCD = CONFIGS / 'ssd' / 'ssd300_voc.py', CONFIGS / 'ssd' / 'ssd300_bccd.py'


def voc(*overrides: str) -> Config:
    return load_config(VOC, list(overrides))


# ---- values -------------------------------------------------------------------------------------

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(plain_values | st.text())
def test_what_python_prints_is_read_back(value: object) -> None:
    assert parse_value(repr(value)) == value


@given(st.text(alphabet=st.characters(exclude_characters='()[]{}')))
def test_no_text_without_brackets_is_refused(text: str) -> None:
    parse_value(text)


@pytest.mark.parametrize('text', ['[1,2', '1,2]', '[(a,b]', '(a', 'a(b', '[a)', '{', 'a]b['])
def test_a_bracket_without_a_partner_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match='has no partner'):
        parse_value(text)
    assert parse_value(repr(text)) == text  # in quotes it is a text


# without spaces inside texts and without quotes, which mmengine takes out
unquoted = st.recursive(
    st.integers() | st.booleans() | st.none() | st.sampled_from(['cat', 'coco/mAP', 'a.b', '1e-3']),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple),
    max_leaves=8,
)


def _as_typed(value: object) -> str:
    if isinstance(value, (list, tuple)):
        opening, closing = ('[', ']') if isinstance(value, list) else ('(', ')')
        return f'{opening}{",".join(map(_as_typed, value))}{closing}'
    return str(value)


@settings(deadline=None)
@given(unquoted | st.lists(unquoted, min_size=2).map(lambda items: ','.join(map(_as_typed, items))))
def test_brackets_and_commas_are_read_as_mmengine_reads_them(value: object) -> None:
    text = value if isinstance(value, str) else _as_typed(value)
    try:
        expected = DictAction._parse_iterable(text)
    except (AssertionError, RecursionError):  # of mmengine 0.10.7, over `[1],[2]`
        return
    assert parse_value(text) == expected


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('a,b', ['a', 'b']),
        ('coco/bbox_mAP,coco/bbox_mAP_50', ['coco/bbox_mAP', 'coco/bbox_mAP_50']),
        ('[(1,2),[a,b],c]', [(1, 2), ['a', 'b'], 'c']),
        ('[1,2],[3,4]', [[1, 2], [3, 4]]),
        ('(1),(2,3)', [(1,), (2, 3)]),
        ('(8)', (8,)),
        ('[]', []),
        ('', ''),
        ('08', 8),
        ("'a,b'", 'a,b'),
        ("it's, so", ["it's", 'so']),
        ("[dict(type='A', b=(1, 2)), c]", [dict(type='A', b=(1, 2)), 'c']),
        ('true', True),
        ('False', False),
        ('null', None),
        ('None', None),
        ('1e-3', 0.001),
        ('0.5,2', [0.5, 2]),
        ('SSDHead', 'SSDHead'),
        ('torchvision://resnet18', 'torchvision://resnet18'),
        ('C:\\new', 'C:\\new'),
        ('[cat, dog]', ['cat', 'dog']),
        ('(cat,)', ('cat',)),
        ('[0.1, true]', [0.1, True]),
        ("dict(type='EMAHook', momentum=0.01)", dict(type='EMAHook', momentum=0.01)),
        ("[dict(type='A', b=dict(c=1))]", [dict(type='A', b=dict(c=1))]),
        ('open("x")', 'open("x")'),  # nothing is ever called
    ],
)
def test_how_values_are_written(text: str, value: object) -> None:
    assert parse_value(text) == value


# ---- keys that exist ----------------------------------------------------------------------------


def test_lists_and_dicts_of_overrides_do_the_same() -> None:
    by_list = voc('model.bbox_head.num_classes=3', 'train_dataloader.batch_size=2')
    by_dict = load_config(VOC, {'model.bbox_head.num_classes': 3, 'train_dataloader.batch_size': 2})
    assert by_list.to_dict() == by_dict.to_dict()
    assert by_list.model.bbox_head.num_classes == 3


def test_a_value_may_hold_equal_signs() -> None:
    assert voc('load_from=http://host/a.pth?x=1').load_from == 'http://host/a.pth?x=1'


def test_a_number_is_the_index_of_a_list() -> None:
    assert voc('param_scheduler.1.milestones=[1,2]').param_scheduler[1].milestones == [1, 2]
    assert voc('model.bbox_head.anchor_generator.strides.0=4').model.bbox_head.anchor_generator[
        'strides'
    ][:2] == [4, 16]


def test_validation_and_test_do_not_share_their_dicts() -> None:
    cfg = voc('val_dataloader.batch_size=3')
    assert (cfg.val_dataloader.batch_size, cfg.test_dataloader.batch_size) == (3, 8)


def test_a_key_below_none_makes_the_dict() -> None:
    assert load_config(VOC).load_from is None
    cfg = voc('+optim_wrapper.clip_grad=None', 'optim_wrapper.clip_grad.max_norm=10')
    assert cfg.optim_wrapper.clip_grad == dict(max_norm=10)


def test_dicts_from_the_command_line_are_as_those_of_the_file() -> None:
    cfg = voc("custom_hooks=[dict(type='EMAHook', momentum=0.01)]")
    assert isinstance(cfg.custom_hooks[0], ConfigDict)
    assert cfg.custom_hooks[0].momentum == 0.01


# ---- keys that the class takes ------------------------------------------------------------------


@pytest.mark.parametrize(
    'override',
    [
        'model.backbone.norm_cfg.type=BN',
        'optim_wrapper.clip_grad.max_norm=10',
        'optim_wrapper.accumulative_counts=2',
        'optim_wrapper.paramwise_cfg.norm_decay_mult=0',
        'optim_wrapper.optimizer.nesterov=true',
        'param_scheduler.0.end_factor=1',
        'randomness.seed=3',
        'train_cfg.val_begin=3',
        'train_dataloader.persistent_workers=false',
        'val_dataloader.drop_last=false',
        'val_dataloader.dataset.skip_bad_images=true',
        'val_dataloader.dataset.metainfo.classes=[cat,dog]',
        'default_hooks.checkpoint.by_epoch=true',
        'default_hooks.progress=null',
        'custom_hooks=[]',
        'env_cfg.dist_cfg.timeout=60',
        'find_unused_parameters=true',
        'work_dir=here',
    ],
)
def test_need_no_plus(override: str) -> None:
    key, _, text = override.partition('=')
    node: object = voc(override)
    for name in key.split('.'):
        node = node[int(name)] if isinstance(node, list) else node[name]
    assert node == parse_value(text)


def test_amp_takes_what_the_plain_wrapper_takes() -> None:
    cfg = voc('optim_wrapper.type=AmpOptimWrapper', 'optim_wrapper.accumulative_counts=2')
    assert cfg.optim_wrapper.accumulative_counts == 2


# ---- keys that nobody takes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ('override', 'key', 'near'),
    [
        ('model.bbox_hed.num_classes=3', 'model.bbox_hed', 'bbox_head'),
        ('model.bbox_head.num_clases=3', 'model.bbox_head.num_clases', 'num_classes'),
        ('train_cfg.val_beginn=3', 'train_cfg.val_beginn', 'val_begin'),
        ('optim_wraper.clip_grad=None', 'optim_wraper', 'optim_wrapper'),
        ('optim_wrapper.clip_grad.maxnorm=10', 'optim_wrapper.clip_grad.maxnorm', 'max_norm'),
        ('optim_wrapper.optimizer.momentun=0', 'optim_wrapper.optimizer.momentun', 'momentum'),
        ('param_scheduler.1.gama=0.5', 'param_scheduler.1.gama', 'gamma'),
        ('val_dataloader.dataset.test_mod=1', 'val_dataloader.dataset.test_mod', 'test_mode'),
    ],
)
def test_an_unknown_key_names_the_nearest(override: str, key: str, near: str) -> None:
    with pytest.raises(ConfigError) as info:
        voc(override)
    message = str(info.value)
    assert f"the config has no key '{key}'. Did you mean '{near}'" in message
    assert message.endswith(f'To add it anyway: +{key}=...')


def test_a_key_of_deeper_dicts_is_shown_at_its_place() -> None:
    with pytest.raises(ConfigError, match=r'There is train_dataloader\S*\.0\.data_root'):
        voc('data_root=/data')


def test_plus_adds_what_nobody_takes() -> None:
    cfg = voc('+my.own.key=1', '+model.backbone.extra=[1,2]')
    assert cfg.my.own.key == 1
    assert cfg.model.backbone.extra == [1, 2]


@pytest.mark.parametrize(
    ('override', 'message'),
    [
        ('param_scheduler.5.gamma=1', "'param_scheduler' is a list of 2: a number from 0 to 1"),
        ('param_scheduler.one.gamma=1', "a number from 0 to 1 is expected, found 'one'"),
        ('model.backbone.depth.x=1', "'model.backbone.depth' is 16, which has no keys"),
        ('model.neck.out_channels.0=3', 'is a tuple: set it as a whole'),
        (
            'model.bbox_head.anchor_generator.strides.0.x=3',
            "'model.bbox_head.anchor_generator.strides.0' is 8, which has no keys",
        ),
        ('model', "--cfg-options 'model': 'key=value' is expected"),
    ],
)
def test_a_path_that_leads_nowhere(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as info:
        voc(override)
    assert message in str(info.value)


# ---- variables of the file ----------------------------------------------------------------------


@pytest.mark.parametrize('plus', ['', '+'])
def test_an_expanded_variable_is_refused_with_the_keys_that_are_read(plus: str) -> None:
    with pytest.raises(ConfigError) as info:
        voc(f'{plus}test_pipeline=[]')
    message = str(info.value)
    assert "'test_pipeline' is a variable that the config file has already used" in message
    for key in ('val_dataloader.dataset.pipeline', 'test_dataloader.dataset.pipeline'):
        assert key in message
    assert 'train_dataloader' not in message


def test_also_inside_of_it() -> None:
    with pytest.raises(ConfigError, match=r'Set the key that is read: train_dataloader\S*pipeline'):
        voc('train_pipeline.0.to_float32=true')


def test_a_tuple_of_classes() -> None:
    with pytest.raises(ConfigError, match=r'read: train_dataloader\S*\.metainfo\.classes'):
        load_config(BCCD, ['classes=(1,)'])


def test_a_data_root_is_found_inside_of_paths(tmp_path: Path) -> None:
    (tmp_path / 'c.py').write_text(
        "data_root = 'data/x/'\n"
        "train_dataloader = dict(dataset=dict(data_root=data_root, ann_file=data_root + 'a.txt'))\n"
        "list_root = 'data/lists/'\n"
        "val_dataloader = dict(dataset=dict(ann_file=list_root + 'val.txt'))\n"
    )
    with pytest.raises(ConfigError, match=r'is read: train_dataloader\.dataset\.data_root$'):
        load_config(tmp_path / 'c.py', ['data_root=y'])
    with pytest.raises(ConfigError, match=r'is read: val_dataloader\.dataset\.ann_file$'):
        load_config(tmp_path / 'c.py', ['list_root=y'])


def test_find_value_prefers_the_same_name() -> None:
    cfg = dict(model=dict(head=dict(num_classes=3, depth=3)))
    assert find_value(cfg, 'num_classes', 3) == ['model.head.num_classes']
    assert find_value(cfg, 'other', 3) == ['model.head.num_classes', 'model.head.depth']


def test_walk_visits_dicts_and_lists() -> None:
    assert dict(walk(dict(a=[1, dict(b=2)]))) == {
        '': dict(a=[1, dict(b=2)]),
        'a': [1, dict(b=2)],
        'a.0': 1,
        'a.1': dict(b=2),
        'a.1.b': 2,
    }
