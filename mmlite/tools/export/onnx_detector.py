"""Detections by onnxruntime, from nothing but the file that `export_onnx` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mmlite.errors import DataError
from mmlite.inference.detections import Detections
from mmlite.support.extras import needed
from mmlite.support.files import near_files
from mmlite.tools.export.network import keep_best
from mmlite.tools.export.onnx_file import FOR_ONNX, read_description


class OnnxDetector:
    """An exported detector; `classes` are the names of labels 1..C.

    Args:
        path: the file.
        providers: where it computes, as onnxruntime names them, the first that is there.

    Raises:
        ConfigError: onnxruntime is missing.
        DataError: the file is missing, or not one of mmlite's.
    """

    def __init__(
        self, path: str | Path, providers: Sequence[str] = ('CPUExecutionProvider',)
    ) -> None:
        if not Path(path).is_file():
            raise DataError(f'{path}: no such ONNX file.{near_files(Path(path), "*.onnx")}')
        runtime = needed('onnxruntime', *FOR_ONNX)
        try:
            self.session = runtime.InferenceSession(str(path), providers=list(providers))
        except Exception as error:  # onnxruntime has a class of its own for each status
            raise DataError(f'{path}: onnxruntime cannot read it: {error}') from error
        found = read_description(self.session.get_modelmeta().custom_metadata_map, path)
        self.classes = tuple(found['classes'])
        self.preprocessing = found['preprocessing']
        self.postprocessing = found['postprocessing']
        size = self.session.get_inputs()[0].shape[0]
        self.batch_size = size if isinstance(size, int) else None  # None: any

    def __call__(self, imgs: Sequence[np.ndarray]) -> list[Detections]:
        """Returns the detections in images (h, w, 3) BGR uint8, boxes in pixels of each."""
        found = []
        step = self.batch_size or max(len(imgs), 1)
        for start in range(0, len(imgs), step):
            found += self._detect(imgs[start : start + step])
        return found

    def _detect(self, imgs: Sequence[np.ndarray]) -> list[Detections]:
        pictures, shapes, factors = zip(*map(self.preprocessing, imgs), strict=True)
        batch, shapes = np.stack(pictures), np.array(shapes, np.float32)
        missing = (self.batch_size or len(imgs)) - len(imgs)  # a fixed batch is filled up
        batch, shapes = (np.concatenate([a, a[:1].repeat(missing, 0)]) for a in (batch, shapes))
        bboxes, scores, labels = self._best(batch, shapes)
        counts = (scores[: len(imgs)] > 0).sum(axis=1)
        return [
            Detections(bboxes[i, :n] / factors[i], scores[i, :n], labels[i, :n], self.classes)
            for i, n in enumerate(counts)
        ]

    def _best(self, batch: np.ndarray, shapes: np.ndarray) -> Sequence[np.ndarray]:
        """What `keep_best` returns, from the graph or from here."""
        inputs = dict(img=batch, img_shape=shapes)
        names = [given.name for given in self.session.get_inputs()]
        outputs = self.session.run(None, {name: inputs[name] for name in names})
        cfg = self.postprocessing
        if cfg['nms_in_graph']:
            return outputs
        bboxes, scores, *factors = map(torch.from_numpy, outputs)
        best = keep_best(bboxes, scores, *(factors or [None]), cfg['num_per_level'], cfg)
        return [values.numpy() for values in best]
