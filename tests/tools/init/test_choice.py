from __future__ import annotations

import numpy as np
import pytest

from mmlite.config import load_config
from mmlite.engine.parts import Parts
from mmlite.tools.init.choice import Sizes, choose
from mmlite.tools.init.config import config_of


def sizes(sides, pictures=100, longer=600, labels=None, most=5):
    """Objects of these sides in square pictures."""
    sides = np.array(sides, float)
    labels = np.ones(len(sides), int) if labels is None else np.array(labels)
    return Sizes(sides, sides * 300 / longer, np.full(len(sides), longer), labels, pictures, most)


def parts_of(choice):
    return [base.rsplit('/', 1)[-1].removesuffix('.py') for base in choice.bases]


def test_model_and_input_depend_on_small_objects():
    # 40 px of 600 are 20 px of 300
    assert parts_of(choose(sizes([40] * 20), False))[:2] == ['ssd_r18', 'pictures_300']
    # 24 px of 600 are 12 px of 300, too few, and 20.5 px of 512
    assert parts_of(choose(sizes([24] * 20), False))[:2] == ['ssd_r18_stride4', 'pictures_512']
    # 5 px of 600 are 4.3 px of 512, and 6.7 px of 800
    assert parts_of(choose(sizes([5] * 20), False))[:2] == ['ssd_r18_stride4', 'pictures_800']
    # on a GPU the larger input is taken earlier: 10 px of 600 are 8.5 px of 512
    assert parts_of(choose(sizes([10] * 20), True))[1] == 'pictures_800'
    assert parts_of(choose(sizes([10] * 20), False))[1] == 'pictures_512'
    assert parts_of(choose(sizes([100] * 20, 2000), True))[0] == 'retinanet_r18'
    assert not choose(sizes([5] * 20), False).notes
    assert 'tiles' in choose(sizes([2] * 20), False).notes[0]


def test_a_small_class_counts_although_it_has_few_objects():
    large, small = [200] * 300, [20] * 12
    labels = [1] * 300 + [2] * 12
    assert parts_of(choose(sizes(large + small, labels=labels), False))[0] == 'ssd_r18_stride4'


@pytest.mark.parametrize(
    ('pictures', 'on_cpu', 'on_gpu', 'batch'),
    [
        (1, 100, 100, 1),  # never 250 steps: the longest schedule
        (6, 100, 100, 2),  # 3 steps an epoch: 300
        (16, 64, 100, 4),  # 4 steps: 64 x 4 = 256 and 100 x 4 = 400
        (79, 32, 64, 8),  # 10 steps: 32 x 10 = 320 and 64 x 10 = 640
        (100, 32, 64, 8),  # 13 steps: 16 x 13 = 208 are too few
        (291, 8, 32, 8),  # 37 steps: 8 x 37 = 296; 16 x 37 = 592 are too few
        (600, 8, 8, 8),  # 75 steps: 600
        (90000, 8, 8, 8),
    ],
)
def test_epochs_and_batch_depend_on_the_number_of_pictures(pictures, on_cpu, on_gpu, batch):
    for gpu, epochs in ((False, on_cpu), (True, on_gpu)):
        choice = choose(sizes([60] * 20, pictures), gpu)
        assert (choice.epochs, choice.batch[0]) == (epochs, batch)
        assert parts_of(choice)[2] == f'short_{epochs}e'
        # the warm-up has 50 steps
        assert epochs * -(-pictures // batch) > 50


def test_crowded_pictures():
    assert choose(sizes([60] * 20, most=100), False).detections == 0
    choice = choose(sizes([60] * 20, most=140), False)  # twice as many may be found
    assert (choice.detections, choice.crowded) == (300, True)


@pytest.mark.parametrize('most', [5, 250])
@pytest.mark.parametrize('side', [4, 24, 60])
def test_config_is_short_and_builds(tmp_path, side, most):
    parts = {
        part: dict(type='CocoDataset', data_root='/data', ann_file=f'{part}.json')
        for part in ('train', 'val', 'test')
    }
    choice = choose(sizes([side] * 20, pictures=20, most=most), False)
    text = config_of('A title', choice, ['a', "b's"], parts, True, {})
    assert len(text.splitlines()) <= 15
    file = tmp_path / 'own.py'
    file.write_text(text, 'utf-8')
    cfg = load_config(file)
    built = Parts(cfg)
    _ = built.checked_cfg, built.checked_detector
    assert built.detector.bbox_head.num_classes == 2
    assert built.complexity().priors > 0
    assert cfg.test_dataloader.dataset.ann_file == 'test.json'
    # a smaller batch brings no warning about the learning rate
    assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size == 4
    assert cfg.train_dataloader.dataset.metainfo.classes == ('a', "b's")


def test_many_names_are_taken_from_the_data():
    parts = {part: dict(type='CocoDataset', data_root='/data') for part in ('train', 'val')}
    names = [f'class number {i}' for i in range(80)]
    choice = choose(sizes([60] * 20), False)
    text = config_of('', choice, names, parts, True, {})
    assert "num_classes='auto'" in text and "classes='auto'" in text
    # not where the data have others too
    assert 'class number 79' in config_of('', choice, names, parts, False, {})
