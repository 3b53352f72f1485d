#!/usr/bin/env bash
# RoiAlign with mode='max' of ONNX gives less than each value of the map.
#
# One would guess: mode='max' is the maximum over the points of a cell, of the values that
#   mode='avg' takes the mean of; on a map that is 8 everywhere, both modes give 8.
# What happens: ONNX Runtime, and ONNX's own reference, take for each point the largest of its four
#   neighbours times their weights in place of the sum of the four: between four pixels of 8 a point
#   counts 2. mode='avg' gives 8. ONNX Runtime warns that this "will be fixed in the next ORT 1.13
#   release"; it is as it was in 1.32, while OpenVINO takes the maximum that one would guess.
# Versions: onnx 1.23.2, onnxruntime 1.32.0, each on a CPU, RoiAlign of opset 16.
# Source: onnxruntime/core/providers/cpu/object_detection/roialign.cc;
#   onnx/reference/ops/op_roi_align.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
venv/bin/python - 2>log <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator


def cell(mode):
    """One cell of one region, by 2 x 2 points that lie between four pixels each, of a map of 8."""
    node = helper.make_node(
        'RoiAlign', ['map', 'regions', 'images'], ['out'], mode=mode, output_height=1,
        output_width=1, sampling_ratio=2, coordinate_transformation_mode='half_pixel',
    )
    inputs = dict(
        map=np.full((1, 1, 6, 6), 8, np.float32),
        regions=np.float32([[2.5, 2.5, 4.5, 4.5]]),  # less half a pixel 2 to 4: points at 2.5 and 3.5
        images=np.int64([0]),
    )
    kinds = dict(map=TensorProto.FLOAT, regions=TensorProto.FLOAT, images=TensorProto.INT64)
    given = [helper.make_tensor_value_info(k, kinds[k], v.shape) for k, v in inputs.items()]
    out = [helper.make_tensor_value_info('out', TensorProto.FLOAT, [1, 1, 1, 1])]
    graph = helper.make_graph([node], 'roi_align', given, out)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 16)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    return [
        float(run(None, inputs)[0].item()) for run in (session.run, ReferenceEvaluator(model).run)
    ]


found = {mode: cell(mode) for mode in ('avg', 'max')}
for mode, (runtime, reference) in found.items():
    print(f'{mode}: ONNX Runtime {runtime:g}, reference {reference:g}')
assert found == dict(avg=[8, 8], max=[2, 2]), found
PYTHON
grep --only-matching 'will be fixed in the next ORT 1.13 release' "$folder/log" | head -1
