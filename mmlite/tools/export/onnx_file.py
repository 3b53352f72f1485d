"""Writing a detector into one ONNX file that says itself how it is used.

Its metadata hold, as JSON: `classes`, the names of labels 1..C; `preprocessing`, see
`Preprocessing`; `postprocessing`, what is still to be done where the graph has no NMS; and
`mmlite_version`.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError, DataError
from mmlite.models.deform_conv import DeformConv2d
from mmlite.models.heads.fitting import nms_rule
from mmlite.support.extras import needed
from mmlite.support.files import whole_file
from mmlite.support.quiet import quiet_log
from mmlite.tools.export.network import ExportNetwork
from mmlite.tools.export.preprocessing import Preprocessing
from mmlite.tools.export.two_stages import TwoStageNetwork
from mmlite.version import __version__

FOR_ONNX = ('an ONNX file', "'mmlite[export]'")  # for `needed`
WITH_NMS = ('bboxes', 'scores', 'labels')
WITHOUT_NMS = ('bboxes', 'scores', 'factors')  # the last one for heads that have it


def export_onnx(
    detector: nn.Module,
    preprocessing: Preprocessing,
    path: str | Path,
    batch_size: int | None = 1,
    with_nms: bool = True,
    opset: int | None = None,
) -> None:
    """Writes an ONNX file of the detector for one size of input.

    Inputs and outputs are those of `ExportNetwork.forward`; `img_shape` is an input where pictures
    are padded. Priors are constants of the graph.

    Args:
        detector: from `mmlite.inference.apis.load_detector`, with its `classes`; it is not changed.
        preprocessing: from `preprocessing_of`.
        path: the file; it appears whole or not at all.
        batch_size: images in each call; None for any number.
        with_nms: end with the detections, not with all boxes and scores.
        opset: version of ONNX's operators; None for the least that has those of the detector.

    Raises:
        ConfigError: onnx or onnxscript is missing, `opset` is too low, or the model cannot be
            exported.
    """
    for name in ('onnx', 'onnxscript'):
        needed(name, *FOR_ONNX)
    least = _least_opset(detector)
    if opset is not None and opset < least:
        raise ConfigError(f'--opset {opset}: {least} or above is expected for this model')
    detector = copy.deepcopy(detector)
    detector.memory_format = torch.contiguous_format  # the order of a file's tensors
    detector.to(memory_format=torch.contiguous_format)
    kind = TwoStageNetwork if hasattr(detector, 'roi_head') else ExportNetwork
    network = kind(detector, with_nms).eval()
    inputs = _example(preprocessing, batch_size)
    with torch.no_grad():  # priors and other constants are made and kept: none during the export
        outputs = network(*inputs.values())
    names = (WITH_NMS if with_nms else WITHOUT_NMS)[: len(outputs)]
    any_number = {} if batch_size else {0: torch.export.Dim('batch')}
    with _quietly():
        program = torch.onnx.export(
            network,
            tuple(inputs.values()),
            dynamo=True,
            input_names=list(inputs),
            output_names=list(names),
            dynamic_shapes=(any_number,) * len(inputs),
            opset_version=opset or least,
            custom_translation_table={torch.ops.mmlite.nms_per_class.default: _onnx_nms},
            verbose=False,
        )
    model = program.model_proto
    postprocessing = dict(network.detector.classifier.test_cfg, nms_in_graph=with_nms)
    _describe(
        model,
        dict(
            classes=list(detector.classes),
            preprocessing=asdict(preprocessing),
            postprocessing=dict(postprocessing, num_per_level=network.num_per_level),
            mmlite_version=__version__,
        ),
    )
    with whole_file(path) as file:
        file.write(model.SerializeToString())


def _least_opset(detector: nn.Module) -> int:
    """DeformConv came to ONNX's operators in version 19."""
    return 19 if any(isinstance(part, DeformConv2d) for part in detector.modules()) else 18


def read_description(metadata: Mapping[str, str], path: str | Path) -> dict[str, Any]:
    """The inverse of what is written into the metadata of a file.

    Raises:
        DataError: they are not of an ONNX file of mmlite's.
    """
    try:
        keys = ('classes', 'preprocessing', 'postprocessing')
        found = {key: json.loads(metadata[key]) for key in keys}
        found['preprocessing'] = Preprocessing.from_dict(found['preprocessing'])
        # files from before soft NMS have `iou_thr` in its place
        found['postprocessing'].setdefault('nms', nms_rule(found['postprocessing'], 'nms'))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f'{path}: its metadata do not hold classes, preprocessing and postprocessing as '
            f'tools/export_onnx.py writes them ({error!r})'
        ) from error
    return found


def _example(preprocessing: Preprocessing, batch_size: int | None) -> dict[str, Tensor]:
    """Inputs to run the network on; what is left open must not be 1, which stands for itself."""
    width, height = preprocessing.size
    img = torch.zeros(batch_size or 2, 3, height, width)
    if not preprocessing.pads:
        return dict(img=img)
    return dict(img=img, img_shape=img.new_tensor([[height, width]]).repeat(len(img), 1))


def _onnx_nms(bboxes: Any, scores: Any, iou_thr: float) -> Any:
    """`nms_per_class` in ONNX: the same arguments and result."""
    from onnxscript import opset18 as op

    unlimited = op.Constant(value_ints=[2**31 - 1])
    iou_thr, score_thr = (op.Constant(value_floats=[value]) for value in (iou_thr, 0.0))
    return op.NonMaxSuppression(bboxes, scores, unlimited, iou_thr, score_thr)


def _describe(model: Any, description: Mapping[str, Any]) -> None:
    for key, value in description.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value, ensure_ascii=False)


@contextmanager
def _quietly() -> Iterator[None]:
    """The exporter prints much that its users cannot change."""
    with warnings.catch_warnings(), quiet_log():
        warnings.simplefilter('ignore')
        yield
