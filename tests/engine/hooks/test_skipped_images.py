"""SkippedImagesHook: what it counts, and when it stops a run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mmlite.engine.hooks import SkippedImagesHook
from mmlite.errors import DataError, RunError
from mmlite.parallel import DataContainer


class Data:
    """100 images, as the hook sees a data set."""

    num_listed = 100

    def __init__(self, known: tuple[str, ...] = (), max_bad: float = 0.03) -> None:
        self.bad_items = {name: f'{name}: no image' for name in known}
        self.max_bad = max_bad
        self.skip_bad_images = False


def run_of(data: Data) -> tuple[SimpleNamespace, list[str]]:
    warnings: list[str] = []
    loader = SimpleNamespace(dataset=data)
    return SimpleNamespace(
        logger=SimpleNamespace(warning=warnings.append),
        train_dataloader=loader,
        test_dataloader=loader,
        val_loop=SimpleNamespace(dataloader=loader),
    ), warnings


def batch(*files: tuple[str, ...]) -> dict:
    return dict(img_metas=[dict(skipped_files=names) for names in files])


def test_images_that_were_replaced_are_counted() -> None:
    hook, (runner, warnings) = SkippedImagesHook(), run_of(Data())
    hook.after_train_epoch(runner)
    assert warnings == []  # nothing to say
    metas = [dict(skipped_files=['b.jpg', 'a.jpg']), {}, dict(skipped_files=['a.jpg'])]
    hook.after_train_iter(runner, 0, dict(img_metas=DataContainer(metas, cpu_only=True)))
    hook.after_train_iter(runner, 1, batch(('c.jpg',)))
    hook.after_train_epoch(runner)
    assert warnings == [
        '3 of 100 images cannot be used and were replaced by others (4 times so far): a.jpg, '
        'b.jpg, c.jpg'
    ]


def test_those_known_from_the_start_count_once_and_too_many_stop_the_training() -> None:
    hook, (runner, warnings) = SkippedImagesHook(), run_of(Data(('a.jpg', 'b.jpg')))
    hook.after_train_iter(runner, 0, batch(('a.jpg', 'c.jpg')))
    hook.after_train_epoch(runner)
    assert warnings[0].startswith('3 of 100 images cannot be used')
    with pytest.raises(
        RunError, match=r'training data: 4 of 100 .* max_bad=0.03 allows 3.*a.jpg: no'
    ):
        hook.after_train_iter(runner, 1, batch(('d.jpg',)))


def test_validation_in_training_skips() -> None:
    hook, data = SkippedImagesHook(), Data()
    hook.before_train(run_of(data)[0])
    assert data.skip_bad_images
    runner, _ = run_of(data)
    runner.val_loop = None
    hook.before_train(runner)


def test_testing_refuses_bad_items_unless_they_may_be_skipped() -> None:
    hook, data = SkippedImagesHook(), Data(('a.jpg',))
    runner, _ = run_of(data)
    with pytest.raises(DataError, match=r'test data: 1 of 100.*a.jpg: no image.*--skip-bad-images'):
        hook.before_test(runner)
    data.skip_bad_images = True
    hook.before_test(runner)
    black = dict(img_metas=[dict(filename=f'{name}.jpg', bad_image=True) for name in 'abc'])
    hook.after_test_iter(runner, 0, black)
    data.max_bad = 0.0
    with pytest.raises(RunError, match='1 of 100'):
        hook.before_test(runner)
    black['img_metas'][0]['filename'] = 'd.jpg'
    with pytest.raises(RunError, match='4 of 100'):
        hook.after_test_iter(runner, 1, black)


def test_boxes_that_lost_their_size_are_counted_by_epoch() -> None:
    hook, (runner, warnings) = SkippedImagesHook(), run_of(Data())
    metas = [dict(lost_boxes=2), {}, dict(lost_boxes=1)]
    hook.after_train_iter(runner, 0, dict(img_metas=metas))
    hook.after_train_epoch(runner)
    hook.after_train_epoch(runner)  # none in this one
    assert warnings == [
        '3 boxes of this epoch had no width or no height after the transforms, or a number that '
        'is not finite: they were left out'
    ]
