#!/usr/bin/env bash
# A box that overlaps a better one by exactly the threshold is kept by ONNX Runtime and dropped by
# OpenVINO.
#
# One would guess: NonMaxSuppression of one ONNX file keeps the same boxes in each runtime.
# What happens: ONNX Runtime and ONNX's own reference drop a box if its IoU is greater than
#   iou_threshold, as torchvision and mmcv do. OpenVINO's CPU plugin also drops it if the IoU is
#   equal. This is no matter of rounding: boxes on whole pixels often have an IoU of exactly 0.5. Of
#   2,000 pairs of boxes with sides of 1 to 16 pixels, both differ in the 23 with this IoU only.
# Versions: onnx 1.23.2, onnxruntime 1.32.0, openvino 2026.4.1, each on a CPU.
# Source: src/plugins/intel_cpu/src/nodes/non_max_suppression.cpp of OpenVINO;
#   onnxruntime/core/providers/cpu/ object_detection/non_max_suppression_helper.h.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

PAIRS = 2000
rng = np.random.default_rng(0)
# all pairs in one call, as the images of a batch: the second box lies in the first one's corner
first = np.concatenate([np.zeros((PAIRS, 2)), rng.integers(1, 17, (PAIRS, 2))], 1)
second = np.concatenate([np.zeros((PAIRS, 2)), rng.integers(1, 17, (PAIRS, 2))], 1)
boxes = np.stack([first, second], 1).astype(np.float32)  # (pairs, 2, 4)
scores = np.tile(np.float32([0.9, 0.8]), (PAIRS, 1))[:, None]  # (pairs, 1 class, 2)

node = helper.make_node('NonMaxSuppression', ['boxes', 'scores', 'most', 'iou'], ['kept'])
graph = helper.make_graph(
    [node],
    'nms',
    [
        helper.make_tensor_value_info('boxes', TensorProto.FLOAT, boxes.shape),
        helper.make_tensor_value_info('scores', TensorProto.FLOAT, scores.shape),
    ],
    [helper.make_tensor_value_info('kept', TensorProto.INT64, [None, 3])],
    [
        helper.make_tensor('most', TensorProto.INT64, [1], [2]),
        helper.make_tensor('iou', TensorProto.FLOAT, [1], [0.5]),
    ],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, 'nms.onnx')

session = onnxruntime.InferenceSession('nms.onnx', providers=['CPUExecutionProvider'])
compiled = openvino.Core().compile_model('nms.onnx', 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
inputs = dict(boxes=boxes, scores=scores)
kept = {
    'ONNX reference': ReferenceEvaluator(model).run(None, inputs)[0],
    'ONNX Runtime': session.run(None, inputs)[0],
    'OpenVINO': compiled(inputs)[0],
}
common = np.minimum(first, second)[:, 2:].prod(1)
union = first[:, 2:].prod(1) + second[:, 2:].prod(1) - common
equal = set(np.flatnonzero(2 * common == union).tolist())
print(f'{len(equal)} of {PAIRS} pairs have an IoU of exactly 0.5')
both = {}
for name, rows in kept.items():
    both[name] = {int(image) for image, _, box in rows if box == 1}
    print(f'{name} keeps both boxes of {len(both[name])} pairs')
assert both['ONNX reference'] == both['ONNX Runtime']
assert both['ONNX Runtime'] - both['OpenVINO'] == equal and len(equal) == 23
assert not both['OpenVINO'] - both['ONNX Runtime']
PYTHON
