"""Centres that follow from few numbers."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.ops.priors import AnchorGenerator, LegacyAnchorGenerator, SSDAnchorGenerator
from mmlite.tools.dataset_analysis.suggest import tied_shapes
from mmlite.tools.dataset_analysis.tied_kmeans import Boxes, TiedShapes, fit, moved

RETINA = dict(octave_base_scale=4, scales_per_octave=3, ratios=[0.5, 1.0, 2.0])


def sides_of(generator) -> np.ndarray:
    base = np.concatenate([level.numpy() for level in generator.base_priors])
    return base[:, 2:] - base[:, :2]


def boxes(sides: np.ndarray, count: int, thr: float = 0.5) -> Boxes:
    """Boxes that have a prior of each of `count` shapes right at their centre."""
    weights = np.full(len(sides), 1 / len(sides))
    return Boxes(sides, np.zeros((len(sides), count, 2)), weights, thr)


@pytest.mark.parametrize('scale_major', [True, False])
def test_the_numbers_of_a_config_give_its_anchors(scale_major: bool) -> None:
    cfg = dict(RETINA, strides=[8, 16, 32], scale_major=scale_major)
    generator = AnchorGenerator(**cfg)
    shapes = tied_shapes(generator, cfg)
    np.testing.assert_allclose(shapes.wh(shapes.start), sides_of(generator), rtol=1e-5)
    # the shapes of a ratio that is doubled are sqrt(2) narrower and higher
    moved = shapes.start + np.log([1, 1, 1, 2, 1, 1])
    other = AnchorGenerator(**dict(cfg, ratios=[1.0, 1.0, 2.0]))
    np.testing.assert_allclose(shapes.wh(moved), sides_of(other), rtol=1e-5)


def test_the_numbers_of_a_config_give_its_default_boxes() -> None:
    args = dict(min_sizes=[20, 50], max_sizes=[50, 90])
    generator = SSDAnchorGenerator([16, 32], [[2], [2, 3]], **args)
    shapes = tied_shapes(generator, args)
    # min and middle square of both levels, then the ratios
    expected = [20, np.sqrt(20 * 50), 50, np.sqrt(50 * 90), 2, 2, 3]
    np.testing.assert_allclose(np.exp(shapes.start), expected, rtol=1e-5)
    np.testing.assert_allclose(shapes.offset, 0, atol=1e-5)
    np.testing.assert_allclose(shapes.wh(shapes.start), sides_of(generator), rtol=1e-5)


def test_whole_pixels_of_old_anchors_stay_an_offset() -> None:
    cfg = dict(RETINA, strides=[8, 16], center_offset=0.5)
    generator = LegacyAnchorGenerator(**cfg)
    shapes = tied_shapes(generator, cfg)
    np.testing.assert_allclose(shapes.wh(shapes.start), sides_of(generator), rtol=1e-5)


def free_shapes() -> TiedShapes:
    """Two shapes, each with a width and a height of its own."""
    matrix = np.zeros((2, 2, 4))
    matrix[0, 0, 0] = matrix[0, 1, 1] = matrix[1, 0, 2] = matrix[1, 1, 3] = 1
    start = np.log([12.0, 12, 60, 60])
    return TiedShapes(matrix, np.zeros((2, 2)), start, sizes=4, ascending=False)


def test_free_centres_move_to_the_mean_of_what_they_won() -> None:
    shapes = free_shapes()
    logs = np.log([[16.0, 30], [20, 34], [70, 80], [90, 78]])
    found = np.exp(moved(shapes, shapes.start, logs, np.array([0, 0, 1, 1]), np.ones(4)))
    # the geometric means of 16 and 20, of 30 and 34 ...; 1e-3 boxes hold on to the start
    expected = np.sqrt([16 * 20, 30 * 34, 70 * 90, 80 * 78])
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_what_wins_no_box_stays() -> None:
    shapes = free_shapes()
    found = moved(shapes, shapes.start, np.log([[16.0, 30]]), np.array([0]), np.ones(1))
    np.testing.assert_allclose(np.exp(found[2:]), [60, 60])


def test_two_clusters_are_found() -> None:
    sides = np.array([[18.0, 32]] * 30 + [[80, 79]] * 5)
    found = np.exp(fit(free_shapes(), boxes(sides, 2)))
    np.testing.assert_allclose(found, [18, 32, 80, 79], rtol=1e-2)


def test_a_box_that_is_not_covered_counts_more_than_one_that_could_be_better() -> None:
    """One square for 9 boxes of 10 px and one of 18 px: at 10 it would leave the last one out."""
    shape = TiedShapes(np.ones((1, 2, 1)), np.zeros((1, 2)), np.log([18.0]), 1, False)
    sides = np.array([[10.0, 10]] * 9 + [[18, 18]])
    side = np.exp(fit(shape, boxes(sides, 1)))[0]
    assert 10**2 / side**2 >= 0.5  # up to 14.1
    assert side**2 / 18**2 >= 0.5  # from 12.7


def test_levels_keep_their_order() -> None:
    args = dict(min_sizes=[20, 50], max_sizes=[50, 90])
    shapes = tied_shapes(SSDAnchorGenerator([16, 32], [[2], [2]], **args), args)
    rng = np.random.default_rng(0)
    sides = np.exp(rng.normal(np.log(60), 0.5, (200, 2)))
    sizes = fit(shapes, boxes(sides, 8))[:4]
    assert (np.diff(sizes) >= 0).all()


def test_what_covers_all_is_not_made_worse() -> None:
    args = dict(min_sizes=[20, 50], max_sizes=[50, 90])
    generator = SSDAnchorGenerator([16, 32], [[2], [2]], **args)
    shapes = tied_shapes(generator, args)
    exact = boxes(sides_of(generator).astype(np.float64), 8)
    np.testing.assert_allclose(np.exp(fit(shapes, exact)), np.exp(shapes.start), rtol=1e-3)
