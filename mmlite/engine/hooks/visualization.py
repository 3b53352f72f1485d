"""Pictures of detections while a run validates or tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.parallel import unwrapped
from mmlite.registry import HOOKS
from mmlite.visualization import check_display, drawn_image, write_jpeg


@HOOKS.register_module()
class DetVisualizationHook(Hook):
    """Draws detections over the ground truth.

    In validation the first image of every `interval`-th batch goes to the visualizer's backends
    (LocalVisBackend: `vis_data/vis_image` in the work dir; TensorBoard), in testing every image.

    Args:
        draw: without it nothing is drawn.
        interval: of validation batches.
        score_thr: lowest score drawn.
        show: open a window instead, for `wait_time` seconds, or until a key is pressed for 0.
        wait_time: seconds.
        test_out_dir: in testing write JPEGs to this folder of the work dir instead.

    Raises:
        ConfigError: `show` where there is no display.
    """

    priority = 'LOW'

    def __init__(
        self,
        draw: bool = False,
        interval: int = 50,
        score_thr: float = 0.3,
        show: bool = False,
        wait_time: float = 0.0,
        test_out_dir: str | None = None,
    ) -> None:
        if draw and show:
            check_display()
        self.draw = draw
        self.interval = interval
        self.score_thr = score_thr
        self.show = show
        self.wait_time = wait_time
        self.test_out_dir = test_out_dir

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: list[dict]
    ) -> None:
        step = runner.iter + batch_idx
        if self.draw and step % self.interval == 0:
            dataset = runner.val_dataloader.dataset
            _, img = next(self._pictures(dataset, data_batch, outputs))
            self._show_or_hand_on(runner, 'val_img', img, step)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: list[dict]
    ) -> None:
        if not self.draw:
            return
        dataset = runner.test_dataloader.dataset
        for index, img in self._pictures(dataset, data_batch, outputs):
            if self.test_out_dir is None:
                self._show_or_hand_on(runner, 'test_img', img, index)
            else:
                folder = Path(runner.work_dir, runner.timestamp, self.test_out_dir)
                folder.mkdir(parents=True, exist_ok=True)
                write_jpeg(img, folder / f'{index:05d}_{Path(dataset.filename(index)).stem}.jpg')

    def _pictures(
        self, dataset: Any, data_batch: dict, outputs: list[dict]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yields index in the data set and picture (h, w, 3) BGR of each image of a batch."""
        for meta, det in zip(unwrapped(data_batch['img_metas']), outputs, strict=True):
            index = int(meta['img_id'])
            yield index, drawn_image(dataset, index, det, self.score_thr)

    def _show_or_hand_on(self, runner: Runner, name: str, img: np.ndarray, step: int) -> None:
        if self.show:
            cv2.imshow('mmlite', img)
            cv2.waitKey(int(self.wait_time * 1000))
        else:
            runner.visualizer.add_image(name, img[..., ::-1], step)  # it takes RGB
