"""Bad images and annotations in a run: how many they are, and when it must stop; lost boxes."""

from __future__ import annotations

from collections import Counter

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.datasets.bad_items import bad_items, first_reasons, leaves, num_listed, too_many
from mmlite.engine.hooks.arguments import DataBatch, Outputs
from mmlite.errors import DataError, RunError
from mmlite.parallel import unwrapped
from mmlite.registry import HOOKS


@HOOKS.register_module()
class SkippedImagesHook(Hook):
    """Counts the items that cannot be used, and stops a run in which they are too many.

    In training others take their place; validation leaves them out, and never stops the run; in
    testing they are errors, unless the data set has `skip_bad_images`. Too many are more than the
    share `max_bad` of the data set's images. It also counts the boxes that have no size after the
    transforms, which no loss sees.
    """

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()  # how often each was met in training
        self.left_out: set[str] = set()  # met in testing
        self.lost_boxes = 0  # in this epoch

    def before_train(self, runner: Runner) -> None:
        for leaf in leaves(runner.val_loop.dataloader.dataset if runner.val_loop else None):
            leaf.skip_bad_images = True  # its workers are not started yet

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None, outputs: Outputs = None
    ) -> None:
        known = len(self.skipped)
        for meta in unwrapped(data_batch['img_metas']):
            self.skipped.update(meta.get('skipped_files', ()))
            self.lost_boxes += meta.get('lost_boxes', 0)
        if len(self.skipped) > known:
            dataset = runner.train_dataloader.dataset
            _stop_if_too_many(dataset, {**bad_items(dataset), **self.skipped}, 'training data')

    def after_train_epoch(self, runner: Runner) -> None:
        skipped = sum(all_gather_object(self.skipped), Counter())  # of all processes
        lost, self.lost_boxes = sum(all_gather_object(self.lost_boxes)), 0
        if lost:
            runner.logger.warning(
                f'{lost} boxes of this epoch had no width or no height after the transforms, or a '
                'number that is not finite: they were left out'
            )
        dataset = runner.train_dataloader.dataset
        bad = {**bad_items(dataset), **skipped}
        if bad:
            names = ', '.join(sorted(bad)[:5])
            more = ', ...' if len(bad) > 5 else ''
            runner.logger.warning(
                f'{len(bad)} of {num_listed(dataset)} images cannot be used and were replaced by '
                f'others ({sum(skipped.values())} times so far): {names}{more}'
            )
        _stop_if_too_many(dataset, bad, 'training data')

    def before_test(self, runner: Runner) -> None:
        dataset = runner.test_dataloader.dataset
        bad = bad_items(dataset)
        if bad and not all(leaf.skip_bad_images for leaf in leaves(dataset)):
            raise DataError(
                f'test data: {len(bad)} of {num_listed(dataset)} images cannot be used. '
                f'The first: {first_reasons(bad, bad)}. Repair them, or leave them out with '
                '--skip-bad-images'
            )
        _stop_if_too_many(dataset, bad, 'test data')

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: list | None = None,
    ) -> None:
        known = len(self.left_out)
        self.left_out.update(
            m['filename'] for m in unwrapped(data_batch['img_metas']) if m.get('bad_image')
        )
        if len(self.left_out) > known:
            dataset = runner.test_dataloader.dataset
            _stop_if_too_many(
                dataset, dict.fromkeys([*bad_items(dataset), *self.left_out]), 'test data'
            )


def _stop_if_too_many(dataset: object, bad: dict, what: str) -> None:
    refusal = too_many(dataset, bad)
    if refusal:
        raise RunError(f'{what}: {refusal}')
