"""One table of keys for files and overrides; a misspelt key is refused wherever it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mmlite.config import load_config
from mmlite.config.schema import KINDS, SCHEMA, Keys, ListOf, Part, Value
from mmlite.engine.parts import Parts
from mmlite.errors import ConfigError
from mmlite.models import build_detector
from tests.config_keys import PAGE, page, rows
from tests.runs import CHECKOUT, TINY

# sections that the tiny config does not have, so that there is something to override
WHOLE = f"""
_base_ = {str(TINY)!r}
custom_hooks = [dict(type='EMAHook')]
custom_imports = dict(imports=['json'])
default_hooks = dict(pictures=dict(_delete_=True, type='RunPicturesHook'))
visualizer = dict(type='DetLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')])
tta_model = dict(type='DetTTAModel', tta_cfg=dict(max_per_img=10))
tta_pipeline = [dict(type='LoadImageFromFile')]
param_scheduler = [dict(type='MultiStepLR', milestones=[1])]
test_dataloader = dict(dataset=dict(
    _delete_=True, type='CocoDataset', ann_file='a.json', metainfo=dict(classes=('a',))))
"""
SAMPLES = dict(
    any=[1], switch=True, count=2, number=0.5, pixels=8, text='text', path='a/b.pth', list=[0]
)


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('whole') / 'whole.py'
    path.write_text(WHOLE)
    return path


def nested(path: str, value: object) -> str:
    """The line of a file that sets a dotted key; a list is replaced by one with a single item."""
    section, *steps = path.split('.')
    node = repr(value)
    for step in reversed(steps):
        node = f'[{node}]' if step == 'N' else f'{{{step!r}: {node}}}'
    return f'{section} = {node}\n'


def sample(path: str, spec: Value) -> object:
    if path == 'custom_imports.imports':
        return ['json']
    return spec.only[-1] if spec.only else SAMPLES[spec.kind]


def values() -> list[tuple[str, Value]]:
    return [(row.path, row.spec) for row in rows() if isinstance(row.spec, Value)]


@pytest.mark.parametrize('section', SCHEMA)
def test_every_key_of_a_section_is_taken_in_a_file_and_on_the_command_line(
    section: str, whole: Path, tmp_path: Path
) -> None:
    for path, spec in values():
        elsewhere = '.metainfo.' in path and section != 'test_dataloader'  # DemoDataset has none
        if path.split('.')[0] != section or elsewhere:
            continue
        value = sample(path, spec)
        path = path.replace('custom_keys.NAME', 'custom_keys.backbone')
        (tmp_path / 'child.py').write_text(f'_base_ = {str(whole)!r}\n' + nested(path, value))
        load_config(tmp_path / 'child.py')
        if path != 'train_cfg.max_iters' and '.rcnn.N' not in path:  # of another loop, or detector
            load_config(whole, {path.replace('.N', '.0'): value})


@pytest.mark.parametrize('kind', [kind for kind in KINDS if kind not in ('any', 'pixels')])
def test_a_value_of_another_kind_is_refused_in_both(kind: str, whole: Path, tmp_path: Path) -> None:
    of_kind = [p for p, s in values() if s.kind == kind and not s.only]
    late = ('model.', 'train_dataloader.dataset.filter_cfg')  # checked by the class that reads it
    path = next(path for path in of_kind if not path.startswith(late))
    wrong = 'wrong' if kind in ('switch', 'count', 'number', 'list') else 7
    words = f'{path}: {KINDS[kind][1]} is expected, found {wrong!r}'
    (tmp_path / 'child.py').write_text(f'_base_ = {str(whole)!r}\n' + nested(path, wrong))
    with pytest.raises(ConfigError) as in_file:
        load_config(tmp_path / 'child.py')
    assert str(in_file.value) == f'config {tmp_path / "child.py"}, line 2: {words}'
    with pytest.raises(ConfigError) as in_override:
        load_config(whole, {path: wrong})
    assert str(in_override.value) == f'--cfg-options {words}'


# ---- misspelt keys ------------------------------------------------------------------------------

MISSPELT = {
    # sections
    'modell': 'model',
    'train_dataloder': 'train_dataloader',
    'val_evalutor': 'val_evaluator',
    'optim_wraper': 'optim_wrapper',
    'param_schedulers': 'param_scheduler',
    'default_hook': 'default_hooks',
    'custom_hook': 'custom_hooks',
    'env_cg': 'env_cfg',
    'visualiser': 'visualizer',
    'log_procesor': 'log_processor',
    'randomnes': 'randomness',
    'auto_scale_rl': 'auto_scale_lr',
    'tta_modle': 'tta_model',
    'find_unused_parameter': 'find_unused_parameters',
    # the model
    'model.bbox_hed': 'bbox_head',
    'model.data_preprocesor': 'data_preprocessor',
    'model.data_preprocessor.bgr_2_rgb': 'bgr_to_rgb',
    'model.data_preprocessor.pad_size_divisr': 'pad_size_divisor',
    'model.backbone.dept': 'depth',
    'model.neck.in_chanels': 'in_channels',
    'model.bbox_head.num_clases': 'num_classes',
    'model.bbox_head.bbox_coder.target_std': 'target_stds',
    'model.train_cfg.asigner': 'assigner',
    'model.train_cfg.neg_pos_ration': 'neg_pos_ratio',
    'model.train_cfg.assigner.pos_iou_thresh': 'pos_iou_thr',
    'model.test_cfg.score_thresh': 'score_thr',
    'model.test_cfg.max_per_image': 'max_per_img',
    'model.test_cfg.nms.iou_thresold': 'iou_threshold',
    # data
    'train_dataloader.batchsize': 'batch_size',
    'train_dataloader.num_worker': 'num_workers',
    'train_dataloader.persistant_workers': 'persistent_workers',
    'val_dataloader.drop_lst': 'drop_last',
    'test_dataloader.colate_fn': 'collate_fn',
    'train_dataloader.sampler.shufle': 'shuffle',
    'train_dataloader.dataset.spilt': 'split',
    'train_dataloader.dataset.filter_cfg.filter_empty': 'filter_empty_gt',
    'train_dataloader.dataset.filter_cfg.min_siz': 'min_size',
    'test_dataloader.dataset.metainfo.clases': 'classes',
    # training
    'optim_wrapper.optimiser': 'optimizer',
    'optim_wrapper.optimizer.weight_decy': 'weight_decay',
    'optim_wrapper.clip_grad.maxnorm': 'max_norm',
    'optim_wrapper.accumulative_count': 'accumulative_counts',
    'optim_wrapper.paramwise_cfg.norm_decay': 'norm_decay_mult',
    'optim_wrapper.paramwise_cfg.bias_lr_mul': 'bias_lr_mult',
    'optim_wrapper.paramwise_cfg.custom_key': 'custom_keys',
    'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mul': 'lr_mult',
    'param_scheduler.0.gama': 'gamma',
    'param_scheduler.0.milestone': 'milestones',
    'train_cfg.max_epoch': 'max_epochs',
    'train_cfg.val_intervall': 'val_interval',
    'auto_scale_lr.base_batchsize': 'base_batch_size',
    'auto_scale_lr.enabled': 'enable',
    'randomness.seeds': 'seed',
    'randomness.determinstic': 'deterministic',
    'compile.fulgraph': 'fullgraph',
    # around it
    'default_hooks.chekpoint': 'checkpoint',
    'default_hooks.checkpoint.intervals': 'interval',
    'default_hooks.logger.intervl': 'interval',
    'custom_hooks.0.momentun': 'momentum',
    'env_cfg.cudn_benchmark': 'cudnn_benchmark',
    'env_cfg.mp_cfg.opencv_num_thread': 'opencv_num_threads',
    'env_cfg.dist_cfg.backnd': 'backend',
    'log_processor.windows_size': 'window_size',
    'visualizer.vis_backend': 'vis_backends',
    'val_evaluator.iou_thr': 'iou_thrs',
    'tta_model.tta_cfg.max_per_image': 'max_per_img',
    'custom_imports.import': 'imports',
}


def test_the_mistakes_are_of_all_sections() -> None:
    assert len(MISSPELT) >= 60
    text_or_list = [name for name, spec in SCHEMA.items() if isinstance(spec, (Part, Keys, ListOf))]
    touched = {path.split('.')[0] for path in MISSPELT} | {*MISSPELT.values()}
    same_as_another = {'val_cfg', 'test_cfg', 'test_evaluator', 'tta_pipeline'}
    assert set(text_or_list) - touched <= same_as_another


@pytest.mark.parametrize(('path', 'right'), MISSPELT.items())
def test_a_misspelt_key_is_refused_with_the_nearest_in_a_file(
    path: str, right: str, whole: Path
) -> None:
    cfg = load_config(whole)
    cfg.optim_wrapper.setdefault('paramwise_cfg', {})
    child = whole.with_name('child.py')
    value = {'type': 'CheckpointHook'} if path.startswith('default_hooks.chek') else {'a': 1}
    line = nested(path.replace('.0.', '.N.'), value)
    if '.0.' in path:  # a list replaces that of the base
        first = cfg[path.split('.')[0]][0]
        line = nested(path.split('.')[0] + '.N', {**first, path.split('.')[-1]: 1})
    child.write_text(f'_base_ = {str(whole)!r}\n{line}')
    with pytest.raises(ConfigError) as info:
        read = load_config(child)
        _ = Parts(read, 'train').checked_cfg
        build_detector(read.model)
        from mmlite.datasets import build_dataloader

        for loop in ('train', 'val', 'test'):
            build_dataloader(read[f'{loop}_dataloader'], seed=0, at=f'{loop}_dataloader')
    message = str(info.value)
    assert f"'{path.split('.')[-1]}'" in message or path in message
    assert f"Did you mean '{right}'" in message, message


@pytest.mark.parametrize(('path', 'right'), MISSPELT.items())
def test_a_misspelt_key_is_refused_with_the_nearest_on_the_command_line(
    path: str, right: str, whole: Path
) -> None:
    with pytest.raises(ConfigError) as info:
        load_config(whole, {path: {'type': 'CheckpointHook'} if 'chek' in path else 1})
    message = str(info.value)
    assert path.split('.')[-1] in message
    assert f"Did you mean '{right}'" in message, message


# ---- the table ----------------------------------------------------------------------------------


def test_the_page_of_all_keys_is_the_schema() -> None:
    assert PAGE.read_text(encoding='utf-8') == page(), 'python -m tests.config_keys'


# the table itself, names of mmdet 1.x and 2.x with those of today, and flags of the command line
_OTHER_TABLES = (
    'mmlite/config/schema.py',
    'mmlite/tools/migrate/',
    'mmlite/tools/explain/origins.py',
)


def test_no_other_module_has_a_table_of_these_keys() -> None:
    """A tuple, list, set or dict at the top of a module with three or more keys of one dict."""
    dicts = [set(row.spec.keys) for row in rows() if isinstance(row.spec, Keys)] + [set(SCHEMA)]
    found = []
    for file in sorted((CHECKOUT / 'mmlite').rglob('*.py')):
        for statement in ast.parse(file.read_text(encoding='utf-8')).body:
            words = _words(statement) if isinstance(statement, (ast.Assign, ast.AnnAssign)) else []
            if any(len(keys & set(words)) >= 3 for keys in dicts):
                found.append(f'{file.relative_to(CHECKOUT)}:{statement.lineno}')
    assert any(place.startswith('mmlite/config/schema.py') for place in found)
    elsewhere = [place for place in found if not place.startswith(_OTHER_TABLES)]
    assert elsewhere == []


def _words(statement: ast.stmt) -> list[str]:
    found = [
        node.value
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return found + [node.arg for node in ast.walk(statement) if isinstance(node, ast.keyword)]
