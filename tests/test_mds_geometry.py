"""Distances of known points, configurations moved onto each other, and the shapes to try them on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import spatial

import fastcv
from fastcv import datasets

FLOATS = [np.float32, np.float64]


def points(n, k, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=(n, k)).astype(dtype)


# ---- pairwise_distances --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("k", [1, 2, 3, 9])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 65), (130, 33)])
def test_as_scipy_says(n, m, k, dtype):
    x, y = points(n, k, 1, dtype), points(m, k, 2, dtype)
    ours = fastcv.pairwise_distances(x, y)
    assert ours.dtype == dtype
    assert ours.flags.c_contiguous
    right = spatial.distance.cdist(x.astype(np.float64), y.astype(np.float64))
    np.testing.assert_allclose(ours, right, rtol=(k / 2 + 2) * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", FLOATS)
def test_of_a_set_to_itself(dtype):
    distances = fastcv.pairwise_distances(points(77, 3, 3, dtype))
    assert np.array_equal(distances, distances.T)
    assert not distances.diagonal().any()


def test_near_points_keep_their_digits():
    x = np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-50]])
    assert fastcv.pairwise_distances(x)[0, 1] == 2.0**-50


def test_distances_of_any_layout():
    x = points(40, 4)
    wanted = fastcv.pairwise_distances(x[::-2, 1:3].copy())
    assert np.array_equal(fastcv.pairwise_distances(x[::-2, 1:3]), wanted)
    assert np.array_equal(fastcv.pairwise_distances(np.asfortranarray(x)[::-2, 1:3]), wanted)
    off = np.frombuffer(b"x" + x.tobytes(), np.float64, offset=1).reshape(x.shape)
    assert not off.flags.aligned
    assert np.array_equal(fastcv.pairwise_distances(off[::-2, 1:3]), wanted)


@given(threads=st.integers(1, 5), n=st.integers(0, 300))
def test_distances_are_the_same_for_any_thread_count(threads, n):
    x = points(n, 2, 5, np.float32)
    assert np.array_equal(fastcv.pairwise_distances(x, num_threads=threads), fastcv.pairwise_distances(x))


def test_distances_of_no_points():
    assert fastcv.pairwise_distances(np.zeros((0, 2)), np.zeros((3, 2))).shape == (0, 3)


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        ([[0.0]], None, TypeError, "x must be a NumPy array"),
        (np.zeros((2, 2), int), None, TypeError, "x: expected dtype float32, float64, got int64"),
        (np.zeros(2), None, ValueError, r"x must have shape \(points, dimensions\), got 1 dimension"),
        (np.zeros((2, 0)), None, ValueError, "x must have at least 1 coordinate"),
        (np.zeros((2, 2)), np.zeros((2, 3)), ValueError, "y must have as many coordinates as x, 2, got 3"),
        (np.zeros((2, 2)), np.zeros((2, 2), np.float32), TypeError, "y: expected dtype float64"),
        (np.ma.zeros((2, 2)), None, TypeError, "x must not be a masked array"),
    ],
)
def test_distances_refuse(x, y, error, words):
    with pytest.raises(error, match=words):
        fastcv.pairwise_distances(x, y)


# ---- procrustes ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_a_moved_configuration_is_moved_back(k, dtype):
    x = points(20, k, 1, dtype)
    turn = np.linalg.qr(points(k, k, 2))[0]
    y = (2.5 * x @ turn + np.arange(k)).astype(dtype)
    alignment = fastcv.procrustes(x, y, scale=True)
    tolerance = float(30 * np.finfo(dtype).eps)
    np.testing.assert_allclose(alignment.rotation, turn, atol=tolerance)
    assert alignment.scale == pytest.approx(2.5, abs=tolerance)
    assert alignment.rmse < tolerance
    assert alignment.reflected == (np.linalg.det(turn) < 0)
    np.testing.assert_allclose(alignment.aligned, y, atol=tolerance)
    np.testing.assert_allclose(alignment.apply(x), alignment.aligned)


@given(st.integers(0, 1000), st.booleans(), st.booleans())
def test_the_error_is_what_it_says(seed, reflection, scale):
    x, y = points(7, 3, seed), points(7, 3, seed + 5000)
    alignment = fastcv.procrustes(x, y, reflection=reflection, scale=scale)
    left = np.sqrt(np.square(alignment.aligned - y).sum(axis=1).mean())
    assert alignment.rmse == pytest.approx(left, rel=1e-12)
    determinant = np.linalg.det(alignment.rotation)
    assert determinant == pytest.approx(-1 if alignment.reflected else 1)
    assert reflection or not alignment.reflected
    assert scale or alignment.scale == 1
    # A small turn away makes it worse.
    a = 1e-3
    turn = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
    worse = alignment.scale * (x - x.mean(0)) @ alignment.rotation @ turn + y.mean(0)
    assert np.sqrt(np.square(worse - y).sum(axis=1).mean()) >= alignment.rmse - 1e-12


def test_as_scipys_disparity():
    x, y = points(15, 3, 1), points(15, 3, 2)
    disparity = spatial.procrustes(y, x)[2]
    spread = np.square(y - y.mean(0)).sum()
    assert fastcv.procrustes(x, y, scale=True).rmse == pytest.approx(np.sqrt(disparity * spread / 15))


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "words"),
    [
        (np.zeros((2, 2)), [[0, 0], [1, 1]], {}, TypeError, "y must be a NumPy array"),
        (np.zeros((2, 2)), np.zeros((3, 2)), {}, ValueError, "y must have the shape of x"),
        (np.zeros((0, 2)), np.zeros((0, 2)), {}, ValueError, "x must have at least 1 point"),
        (np.full((2, 2), np.nan), np.zeros((2, 2)), {}, ValueError, "x must be finite"),
        (np.zeros((2, 2)), np.full((2, 2), np.inf, np.float32), {}, ValueError, "y must be finite"),
        (
            np.zeros((2, 2), np.int32),
            np.zeros((2, 2)),
            {},
            TypeError,
            "x: expected dtype float32, float64, got int32",
        ),
        (np.zeros(2), np.zeros(2), {}, ValueError, "x must have shape"),
        (np.zeros((2, 2)), np.zeros((2, 2)), {"scale": 1}, TypeError, "scale must be a bool, got int"),
        (np.zeros((2, 2)), np.zeros((2, 2)), {"reflection": None}, TypeError, "reflection must be a bool"),
    ],
)
def test_procrustes_refuses(x, y, options, error, words):
    with pytest.raises(error, match=words):
        fastcv.procrustes(x, y, **options)


# ---- datasets ------------------------------------------------------------------------------


def test_circle():
    np.testing.assert_allclose(datasets.circle(4, radius=2), [[2, 0], [0, 2], [-2, 0], [0, -2]], atol=1e-15)
    assert datasets.circle(10).shape == (10, 2)
    np.testing.assert_allclose(np.hypot(*datasets.circle(10).T), 0.5)


def test_sphere():
    x = datasets.sphere(100)
    assert x.shape == (100, 3)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 0.5)
    np.testing.assert_allclose(x[0], [0, 0, 0.5])
    np.testing.assert_allclose(x[:, 2], 0.5 * (1 - 2 * np.arange(100) / 100), atol=1e-15)


@pytest.mark.parametrize("shape", [datasets.circle, datasets.sphere])
def test_shapes_refuse(shape):
    assert len(shape(0)) == 0
    for n, error in ((-1, ValueError), (2.5, TypeError), (True, TypeError), (None, TypeError)):
        with pytest.raises(error, match=f"{shape.__name__}: n must be"):
            shape(n)
    for radius, error in ((0, ValueError), (np.nan, ValueError), ("a", TypeError), (None, TypeError)):
        with pytest.raises(error, match=f"{shape.__name__}: radius must be"):
            shape(3, radius)
