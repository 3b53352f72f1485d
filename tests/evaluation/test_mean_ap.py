"""eval_map against hand-made cases, a plain loop over boxes, and mmdet's figures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlite.evaluation import overlaps as overlaps_module
from mmlite.evaluation.detections import flatten
from mmlite.evaluation.mean_ap import average_precision, eval_map, match_detections
from mmlite.evaluation.overlaps import Overlaps
from tests.runs import SHARED

GOLDEN = SHARED / 'golden'


def annotation(bboxes=(), labels=(), bboxes_ignore=(), labels_ignore=()) -> dict:
    return dict(
        bboxes=np.reshape(bboxes, (-1, 4)).astype(np.float32),
        labels=np.array(labels, np.int64),
        bboxes_ignore=np.reshape(bboxes_ignore, (-1, 4)).astype(np.float32),
        labels_ignore=np.array(labels_ignore, np.int64),
    )


def rows(*dets) -> np.ndarray:
    return np.array(dets, np.float32).reshape(-1, 5)


A, B = (0, 0, 9, 9), (20, 20, 29, 29)  # 10 x 10 inclusive pixels each


def test_one_found_one_missed_one_wrong():
    dets = [[rows((*A, 0.9), (50, 50, 59, 59, 0.8))]]
    figure, (result,) = eval_map(dets, [annotation([A, B], [1, 1])], eval_mode='area')
    # recall 1/2 at precision 1, then 1/2 at 1/2: area = 1/2 * 1
    assert figure == result['ap'] == 0.5
    assert (result['num_gts'], result['num_dets']) == (2, 2)
    assert result['recall'].tolist() == [0.5, 0.5]
    assert result['precision'].tolist() == [1.0, 0.5]
    # 11 points: recalls 0, 0.1, ..., 0.5 are reached at precision 1
    assert eval_map(dets, [annotation([A, B], [1, 1])])[0] == pytest.approx(6 / 11)


def test_pixels_are_inclusive():
    # 10 x 10 and 10 x 5 inclusive pixels: IoU 50 / 100, exactly the threshold
    half = (0, 0, 9, 4)
    assert eval_map([[rows((*half, 0.9))]], [annotation([A], [1])], iou_thr=0.5)[0] == 1.0
    assert eval_map([[rows((*half, 0.9))]], [annotation([A], [1])], iou_thr=0.51)[0] == 0.0
    # a box from 3 to 3 is one pixel, and the same pixel overlaps it wholly
    assert eval_map([[rows((3, 3, 3, 3, 0.9))]], [annotation([(3, 3, 3, 3)], [1])])[0] == 1.0


def test_second_detection_of_a_box_is_wrong_whatever_its_place_in_the_array():
    dets = [[rows((*A, 0.4), (*A, 0.6))]]
    _, (result,) = eval_map(dets, [annotation([A], [1])])
    assert result['precision'].tolist() == [1.0, 0.5]


def test_a_detection_goes_to_its_best_box_only():
    # the second detection overlaps A by 100/100 (taken) and `near` by 80/120 >= 0.5 (free): wrong
    near = (0, 2, 9, 11)
    dets = [[rows((*A, 0.9), (*A, 0.8))]]
    _, (result,) = eval_map(dets, [annotation([A, near], [1, 1])])
    assert result['recall'].tolist() == [0.5, 0.5]
    assert result['precision'].tolist() == [1.0, 0.5]


def test_detections_of_an_ignored_box_do_not_count():
    ann = annotation([A], [1], bboxes_ignore=[B], labels_ignore=[1])
    dets = [[rows((*B, 0.9), (*B, 0.8), (*A, 0.7))]]
    figure, (result,) = eval_map(dets, [ann])
    assert figure == 1.0
    assert (result['num_gts'], result['num_dets']) == (1, 3)
    assert result['precision'].tolist() == [0.0, 0.0, 1.0]


def test_an_ignored_box_of_another_class_does_not_shield():
    ann = annotation([A], [1], bboxes_ignore=[B], labels_ignore=[2])
    _, per_class = eval_map([[rows((*B, 0.9)), rows()]], [ann])
    assert per_class[0]['precision'].tolist() == [0.0]
    assert per_class[1]['num_gts'] == 0


def test_other_images_and_classes_do_not_meet():
    dets = [[rows((*A, 0.9)), rows()], [rows(), rows((*A, 0.9))]]
    anns = [annotation([A], [2]), annotation([A], [1])]
    assert eval_map(dets, anns)[0] == 0.0


def test_class_without_ground_truth_is_left_out_of_the_mean():
    figure, per_class = eval_map([[rows((*A, 0.9)), rows((*A, 0.9))]], [annotation([A], [1])])
    assert figure == 1.0
    assert per_class[1]['ap'] == 0.0
    assert per_class[1]['recall'].tolist() == [0.0]


def test_nothing_at_all():
    assert eval_map([], []) == (0.0, [])
    figure, per_class = eval_map([[rows()]], [annotation()])
    assert figure == 0.0
    assert per_class[0]['num_dets'] == per_class[0]['num_gts'] == 0
    assert eval_map([[rows()]], [annotation([A], [1])])[0] == 0.0


def test_ignored_boxes_may_be_left_unsaid():
    assert eval_map([[rows((*A, 0.9))]], [dict(bboxes=[A], labels=[1])])[0] == 1.0


def test_eleven_points_at_three_tenths_of_the_boxes():
    # 3 * 0.1 = 0.30000000000000004 > 3 / 10, in the devkit and in mmdet: points 0, 0.1, 0.2 only
    assert average_precision(np.array([0.3]), np.array([1.0]), '11points') == pytest.approx(3 / 11)


def test_precision_is_made_to_fall():
    recall, precision = np.array([0.5, 0.5, 1.0]), np.array([1.0, 0.5, 2 / 3])
    # half the recall at 1, the other half at 2/3
    assert average_precision(recall, precision, 'area') == pytest.approx(0.5 + 0.5 * 2 / 3)
    # points 0 to 0.5 at 1, 0.6 to 1.0 at 2/3
    expected = (6 * 1 + 5 * 2 / 3) / 11
    assert average_precision(recall, precision, '11points') == pytest.approx(expected)


def test_match_detections():
    overlaps = Overlaps(
        num_classes=1,
        det_class=np.zeros(5, int),
        best_iou=np.array([0.6, 0.9, 0.7, 0.4, 0.0]),
        best_gt=np.array([1, 1, 0, 1, -1]),
        gt_class=np.zeros(2, int),
        gt_ignored=np.array([True, False]),
    )
    right, wrong = match_detections(overlaps, 0.5)
    assert right.tolist() == [True, False, False, False, False]
    assert wrong.tolist() == [False, True, False, True, True]  # the third is on an ignored box


@pytest.mark.parametrize(
    ('dets', 'anns', 'message'),
    [
        ([[rows()]], [], '1 images, annotations 0'),
        ([[rows()], [rows(), rows()]], [annotation()] * 2, r'image 1 has 2 classes'),
        ([[rows(), np.ones((3, 4))]], [annotation()], r'image 0, class 1\): .*found \(3, 4\)'),
        ([[rows(), np.ones(5)]], [annotation()], r'image 0, class 1\): .*found \(5,\)'),
        ([[rows()]] * 2, [annotation(), annotation([A], [2])], r'image 1\).*1..1.*class 2'),
        ([[rows()]], [annotation([A], [0])], r'image 0\).*0 is background.*class 0'),
        (
            [[rows()]],
            [annotation([A, B], [1])],
            r"annotations\[0\]\['labels'\].*\(2, 4\) and \(1,\)",
        ),
        ([[rows()]], [annotation([], [], [A], [5])], r"\['labels_ignore'\] \(image 0\).*class 5"),
        ([[rows((*A, np.nan))]], [annotation()], 'det_results: image 0, class 0 .*not finite'),
    ],
)
def test_what_cannot_be_used_is_named(dets, anns, message):
    with pytest.raises(ValueError, match=message):
        eval_map(dets, anns)


@pytest.mark.parametrize('arguments', [dict(iou_thr=0), dict(iou_thr=1.5), dict(eval_mode='voc')])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        eval_map([[rows()]], [annotation()], **arguments)


def plain_eval_map(dets, anns, iou_thr, eval_mode):
    """The same by loops over classes and detections, as the devkit's text describes it."""
    aps = []
    for c in range(len(dets[0])):
        entries = [(i, row) for i, image in enumerate(dets) for row in image[c]]
        entries.sort(key=lambda entry: -entry[1][4])  # stable
        num_gts = sum(int((ann['labels'] == c + 1).sum()) for ann in anns)
        taken, right, wrong, curve = set(), 0, 0, []
        for i, row in entries:
            ann = anns[i]
            gts = [(*box, False) for box in ann['bboxes'][ann['labels'] == c + 1]]
            gts += [(*box, True) for box in ann['bboxes_ignore'][ann['labels_ignore'] == c + 1]]
            ious = [plain_iou(row, gt) for gt in gts]
            best = int(np.argmax(ious)) if gts else -1
            if best < 0 or ious[best] < iou_thr or (not gts[best][4] and (i, best) in taken):
                wrong += 1
            elif not gts[best][4]:
                taken.add((i, best))
                right += 1
            curve.append((right / max(num_gts, 1), right / max(right + wrong, 1)))
        if not num_gts:
            continue
        if eval_mode == '11points':
            points = [max((p for r, p in curve if r >= t * 0.1), default=0) for t in range(11)]
            aps.append(sum(points) / 11)
        else:
            area, last = 0.0, 0.0
            for k, (r, _) in enumerate(curve):
                area += (r - last) * max(p for _, p in curve[k:])
                last = r
            aps.append(area)
    return sum(aps) / len(aps) if aps else 0.0


def plain_iou(a, b) -> float:
    a, b = [float(v) for v in a[:4]], [float(v) for v in b[:4]]
    w = min(a[2], b[2]) - max(a[0], b[0]) + 1
    h = min(a[3], b[3]) - max(a[1], b[1]) + 1
    inner = max(w, 0) * max(h, 0)
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return inner / (sum(areas) - inner)


@st.composite
def data_sets(draw):
    """A few images on a coarse grid, so that equal overlaps and equal scores do occur."""
    rng = np.random.RandomState(draw(st.integers(0, 2**31)))
    num_classes, num_images = draw(st.integers(1, 3)), draw(st.integers(1, 4))

    def boxes(n):
        xy = rng.randint(0, 6, (n, 2))
        return np.concatenate([xy, xy + rng.randint(0, 6, (n, 2))], axis=1)

    dets, anns = [], []
    for _ in range(num_images):
        n = rng.randint(0, 12)
        labels, scores = rng.randint(1, num_classes + 1, n), rng.randint(0, 8, (n, 1)) / 8
        found = np.concatenate([boxes(n), scores], axis=1)
        dets.append([found[labels == c + 1] for c in range(num_classes)])
        g, k = rng.randint(0, 5), rng.randint(0, 3)
        all_labels = rng.randint(1, num_classes + 1, g + k)
        anns.append(annotation(boxes(g), all_labels[:g], boxes(k), all_labels[g:]))
    return dets, anns


@settings(max_examples=150, deadline=None)
@given(data_sets(), st.sampled_from([0.3, 0.5, 0.75]), st.sampled_from(['11points', 'area']))
def test_equals_the_plain_loops(data, iou_thr, eval_mode):
    figure, _ = eval_map(*data, iou_thr, eval_mode)
    assert figure == pytest.approx(plain_eval_map(*data, iou_thr, eval_mode), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(data_sets())
def test_the_size_of_the_blocks_changes_nothing(data):
    whole = overlaps_module.best_overlaps(*data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlaps_module, '_PAIRS_AT_ONCE', 3)
        in_blocks = overlaps_module.best_overlaps(*data)
    np.testing.assert_array_equal(whole.best_gt, in_blocks.best_gt)
    np.testing.assert_array_equal(whole.best_iou, in_blocks.best_iou)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([np.float32, np.float64]), st.integers(0, 300))
def test_order_of_scores_is_the_stable_one(seed, dtype, count):
    rng = np.random.default_rng(seed)
    scores = rng.choice(rng.normal(size=1 + count // 2).astype(dtype), count)  # many are equal
    classes = rng.integers(0, 300, count)
    order = overlaps_module._by_class_and_score(classes, scores, 300)
    np.testing.assert_array_equal(order, np.lexsort((-scores, classes)))


def test_flat_detections_give_the_same():
    dets = [[rows((*A, 0.9)), rows()], [rows((*B, 0.4)), rows((*A, 0.8))]]
    anns = [annotation([A], [1]), annotation([A, B], [2, 1])]
    figure, per_class = eval_map(flatten(dets), anns)
    expected, expected_per_class = eval_map(dets, anns)
    assert figure == expected == 1.0
    assert [row['ap'] for row in per_class] == [row['ap'] for row in expected_per_class]


@pytest.mark.parametrize('name', ['voc_map_1', 'chain_bccd', 'chain_tiny_coco'])
def test_equals_mmdet(name):
    if not (GOLDEN / f'{name}.npz').is_file():
        pytest.skip(f'needs {GOLDEN / name}.npz')
    arrays = np.load(GOLDEN / f'{name}.npz')
    golden = json.loads((GOLDEN / f'{name}.json').read_text())
    num_images = golden.get('num_images') or len(golden['files'])
    num_classes = golden.get('num_classes') or len(golden['classes'])
    gt, det = arrays['gt'], arrays['det']
    dets, anns = [], []
    for i in range(num_images):
        mine = det[det[:, 0] == i]
        dets.append([mine[mine[:, 1] == c, 2:] for c in range(num_classes)])
        keep, ignore = (gt[(gt[:, 0] == i) & (gt[:, 6] == flag)] for flag in (0, 1))
        labels = [part[:, 1].astype(int) + 1 for part in (keep, ignore)]
        anns.append(annotation(keep[:, 2:6], labels[0], ignore[:, 2:6], labels[1]))
    for expected in golden.get('expected') or golden['voc']:
        figure, per_class = eval_map(dets, anns, expected['iou_thr'], expected['eval_mode'])
        assert figure == pytest.approx(expected['mAP'], abs=1e-6)
        if 'per_class' in expected:
            for result, wanted in zip(per_class, expected['per_class'], strict=True):
                assert result['ap'] == pytest.approx(wanted['ap'], abs=1e-6)
                assert result['recall'].max() == pytest.approx(wanted['max_recall'], abs=1e-6)
                assert result['num_gts'] == wanted['num_gts']
                assert result['num_dets'] == wanted['num_dets']
        else:
            aps = [result['ap'] for result in per_class]
            assert aps == pytest.approx(expected['ap'], abs=1e-6)
            assert [result['num_gts'] for result in per_class] == expected['num_gts']
