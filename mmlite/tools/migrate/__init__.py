"""From a config of mmdet 1.x or 2.x to one that mmlite and mmdet 3.3 run.

    migration = migrate('old.py')
    migration.cfg, migration.notes.changes, migration.notes.unmapped, migration.text()

Rules take keys out of the old config and say what became of them; what no rule has taken is
reported, so nothing is lost silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmlite.config.text import config_text
from mmlite.registry import DATASETS
from mmlite.tools.migrate.data import DataMapper
from mmlite.tools.migrate.datasets import innermost
from mmlite.tools.migrate.evaluation import migrate_evaluators
from mmlite.tools.migrate.model import migrate_model
from mmlite.tools.migrate.notes import Change, Notes, Section, Unmapped
from mmlite.tools.migrate.parts import is_known
from mmlite.tools.migrate.runtime import migrate_runtime
from mmlite.tools.migrate.schedule import (
    migrate_loops,
    migrate_optimizer,
    migrate_rate,
    training_length,
)
from mmlite.tools.migrate.source import class_head, read_old_config, variables_of, version_of

__all__ = ['Change', 'Migration', 'Notes', 'Unmapped', 'migrate']

_VALUE_WIDTH = 60  # characters of a value in a comment


@dataclass(frozen=True)
class Migration:
    """A migrated config.

    Args:
        source: the old file.
        version: '1.x' or '2.x'.
        cfg: the new config.
        notes: what changed, and what could not be mapped.
    """

    source: Path
    version: str
    cfg: dict[str, Any]
    notes: Notes

    def text(self) -> str:
        """Returns the new file: a comment on where it comes from, then the config."""
        lines = [f'# Made by tools/migrate_config.py from {self.source} (mmdet {self.version}).']
        lines += [f'# TODO not mapped: {line}' for line in map(unmapped_text, self.notes.unmapped)]
        return '\n'.join([*lines, config_text(self.cfg)])


def unmapped_text(entry: Unmapped) -> str:
    """Returns one line on what could not be mapped: its key, its value, and why."""
    value = ' '.join(repr(entry.value).split())
    if len(value) > _VALUE_WIDTH:
        value = f'{value[:_VALUE_WIDTH]}...'
    return f'{entry.key} = {value}: {entry.why}'


def migrate(path: str | Path) -> Migration:
    """Returns what a config of mmdet 1.x or 2.x is in 3.x's spelling.

    Args:
        path: the old config; its bases are read with it.

    Raises:
        ConfigError: the file is missing or broken, is no 1.x or 2.x config, or its detector is
            not one of the three.
    """
    old = read_old_config(Path(path))
    version = version_of(old)
    notes = Notes()
    top = Section(old, '', notes)
    by_epoch, length = training_length(top)
    data = DataMapper(top, by_epoch)
    loaders = data.migrate()
    model = migrate_model(top, version, data.preprocessor())
    evaluation = top.section('evaluation') or Section({}, 'evaluation', notes)
    evaluators = migrate_evaluators(evaluation, loaders)
    loops = migrate_loops(evaluation, by_epoch, length, 'val_dataloader' in loaders)
    cfg = {
        # of mmdet 3.3, which needs it to find its own classes; mmlite has one scope only
        'default_scope': 'mmdet',
        'model': model,
        **loaders,
        **evaluators,
        **loops,
        'optim_wrapper': migrate_optimizer(top),
        'param_scheduler': migrate_rate(top, by_epoch, length),
        **migrate_runtime(top, evaluation, evaluators, by_epoch),
        **_test_time_augmentation(data, model),
    }
    evaluation.close('the evaluator has no such setting')
    _compare_classes(loaders, model, notes)
    _fold_variables(top, variables_of(Path(path)))
    return Migration(Path(path), version, cfg, notes)


def _test_time_augmentation(data: DataMapper, model: Mapping[str, Any]) -> dict[str, Any]:
    pipeline = data.tta_pipeline()
    if pipeline is None:
        return {}
    test_cfg = model.get('test_cfg') or {}
    test_cfg = test_cfg.get('rcnn') or test_cfg  # of two stages those of the second
    merging = {key: test_cfg[key] for key in ('nms', 'max_per_img') if key in test_cfg}
    return dict(tta_model=dict(type='DetTTAModel', tta_cfg=merging), tta_pipeline=pipeline)


def _compare_classes(loaders: Mapping[str, Any], model: Mapping[str, Any], notes: Notes) -> None:
    """Reports classes that were written into mmdet's own files, as its users often did."""
    dataset = innermost(loaders['train_dataloader']['dataset'])
    if 'metainfo' in dataset or not is_known(dataset['type'], DATASETS):
        return
    count = class_head(model).get('num_classes')
    if count is None:  # an RPN
        return
    own = len(DATASETS.find(dataset['type'], '').METAINFO.get('classes', ()))
    if own not in (0, count):
        why = (
            f'{dataset["type"]} has {own} classes, the head {count}: add metainfo=dict(classes=...)'
        )
        notes.not_mapped('data.train.classes', None, why)


def _fold_variables(top: Section, variables: set[str]) -> None:
    """Separates variables of the file, whose values are where they are used, from unknown keys."""
    for key in sorted(variables & top.left.keys()):
        top.drop(key, 'a variable of the file: its value is written where it was used')
    top.close('nothing in the config reads it, and neither did mmdet')
