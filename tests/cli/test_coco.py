"""RetinaNet and FCOS on files in COCO's layout, by the real command lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runs import CHECKOUT, cli, log, scalars, weights

CONFIGS = {name: CHECKOUT / f'tests/tiny_{name}.py' for name in ('retinanet', 'fcos')}


@pytest.mark.parametrize('name', CONFIGS)
def test_trains_tests_and_evaluates_results(name: str, voc_part: Path, tmp_path: Path) -> None:
    data = ('--data-root', voc_part)  # it holds the same annotations in COCO's form
    run = tmp_path / 'run'
    ended = cli('train', CONFIGS[name], *data, '--work-dir', run)
    assert ended.status == 0, ended.err
    assert 'CocoDataset(instances_train2017.json): ' in log(run) and '12 images' in log(run)
    losses = {'loss_cls', 'loss_bbox'} | ({'loss_centerness'} if name == 'fcos' else set())
    assert losses <= set(scalars(run)[0])
    assert any(key.startswith('neck.lateral_convs.2.') for key in weights(run))

    out, figures = tmp_path / 'found.pkl', tmp_path / 'figures.json'
    test = (run / 'epoch_2.pth', *data, '--work-dir', tmp_path / 'test')
    ended = cli('test', CONFIGS[name], *test, '--out', out, '--out-json', figures)
    assert ended.status == 0, ended.err
    last = ended.out.splitlines()[-1]
    assert last.startswith('coco/bbox_mAP: ')
    # the same figure in training, in testing, and from the file of results
    tested = json.loads(figures.read_text())
    assert tested['coco/bbox_mAP'] == pytest.approx(scalars(run)[-1]['coco/bbox_mAP'], abs=1e-6)
    ended = cli('eval_results', CONFIGS[name], out, *data, '--work-dir', tmp_path / 'eval')
    assert ended.out.splitlines()[-1] == last


@pytest.mark.parametrize(
    ('config', 'own_classes'),
    [
        (CHECKOUT / 'configs/retinanet/retinanet_r18_fpn_1x_coco.py', False),
        (CONFIGS['retinanet'], True),
    ],
)
def test_missing_data_say_where_to_get_them_and_how_to_try_without(
    config: Path, own_classes: bool, tmp_path: Path
) -> None:
    missing = ('--data-root', tmp_path / 'not-there')
    ended = cli('train', config, *missing, '--work-dir', tmp_path / 'run')
    assert ended.status == 2 and not (tmp_path / 'run').exists()
    # COCO's download serves COCO's classes only
    assert ('cocodataset.org' in ended.err) is not own_classes
    assert '--demo-data' in ended.err
