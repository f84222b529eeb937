"""mds on complete distances: the definition, laws, peers, awkward input, refusals."""

from __future__ import annotations

import inspect
import itertools
import os
import signal
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastcv
from fastcv import _core

FLOATS = [np.float32, np.float64]


def cube(n, k, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).random((n, k)).astype(dtype)


def noisy(n, k, noise=0.1, seed=0, dtype=np.float64):
    """Distances of points in a cube, each off by a share of itself."""
    errors = np.random.default_rng(seed + 1).normal(0, noise, (n, n))
    errors = np.triu(errors, 1)
    distances = fastcv.pairwise_distances(cube(n, k, seed))
    return np.maximum(distances * (1 + errors + errors.T), 0).astype(dtype)


def stress(distances, x, weights=1.0):
    x = np.asarray(x, np.float64)
    residuals = np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1)) - np.asarray(distances, np.float64)
    np.fill_diagonal(residuals, 0)
    return float((weights * residuals**2).sum() / 2)


def rmse(result, x):
    return fastcv.procrustes(result.embedding, x).rmse


# ---- exact distances ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 10, 31, 32, 33, 100, 1000])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_exact_distances_are_solved(n, k, dtype):
    x = cube(n, k)
    result = fastcv.mds(fastcv.pairwise_distances(x).astype(dtype), k)
    assert result.embedding.dtype == dtype
    assert result.embedding.shape == (n, k)
    assert result.normalized_stress < (1e-6 if dtype == np.float32 else 1e-10)
    assert result.converged
    assert result.unique
    assert rmse(result, x) < (2e-6 if dtype == np.float32 else 1e-12)
    np.testing.assert_allclose(result.embedding.mean(0), 0, atol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [1000])
def test_exact_distances_from_random_starts(n, dtype):
    x = cube(n, 3)
    result = fastcv.mds(fastcv.pairwise_distances(x).astype(dtype), 3, init="random", random_state=1)
    assert result.normalized_stress < (1e-6 if dtype == np.float32 else 1e-10)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("loss", ["stress", "sstress"])
def test_more_dimensions_than_the_points_need(dtype, loss):
    for n in (2, 3, 20, 100):
        line = np.linspace(0, 3, n)[:, None]
        result = fastcv.mds(fastcv.pairwise_distances(line).astype(dtype), 3, loss=loss)
        assert result.normalized_stress < 1e-6
        x = fastcv.mds(np.abs(line - line.T).astype(dtype), 1, loss=loss).embedding
        np.testing.assert_allclose(np.abs(np.diff(x, axis=0)), 3 / (n - 1), rtol=1e-4)
    result = fastcv.mds(fastcv.pairwise_distances(cube(4, 2)).astype(dtype), 6, loss=loss)
    assert result.embedding.shape == (4, 6)
    assert result.normalized_stress < 1e-6


@pytest.mark.parametrize("dtype", FLOATS)
def test_coincident_points(dtype):
    x = np.repeat(cube(20, 2), 3, axis=0)
    result = fastcv.mds(fastcv.pairwise_distances(x).astype(dtype))
    assert result.normalized_stress < 1e-6
    assert rmse(result, x) < 1e-5
    result = fastcv.mds(np.zeros((7, 7), dtype), 2)
    np.testing.assert_array_equal(result.embedding, 0)
    assert (result.stress, result.normalized_stress, result.reason) == (0, 0, "exact")


def test_all_equal_distances_do_not_collapse():
    """Every point is as far from all landmarks as every other: classical scaling puts them in one place."""
    n = 50
    result = fastcv.mds(1 - np.eye(n), 2)
    assert len(np.unique(result.embedding, axis=0)) == n
    assert result.normalized_stress < 0.41


# ---- the optimum -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [2, 3, 4, 10, 57, 300])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_report_is_the_definition(n, dtype, weighted):
    distances = noisy(n, 3, dtype=dtype)
    weights = None
    if weighted:
        weights = np.random.default_rng(4).uniform(0.1, 2, (n, n)).astype(dtype)
        weights = (weights + weights.T) / 2
    result = fastcv.mds(distances, 2, weights=weights)
    w = np.ones((n, n)) if weights is None else weights.astype(np.float64)
    assert result.stress == pytest.approx(stress(distances, result.embedding, w), rel=1e-12, abs=1e-30)
    assert result.normalized_stress == pytest.approx(
        np.sqrt(result.stress / np.triu(w * distances.astype(float) ** 2, 1).sum()), rel=1e-12
    )
    x = result.embedding.astype(np.float64)
    shares = w * (fastcv.pairwise_distances(x) - distances) ** 2
    np.testing.assert_allclose(result.stress_per_point, shares.sum(1), rtol=1e-9, atol=1e-30)
    assert result.stress_per_point.sum() == pytest.approx(2 * result.stress)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("loss", ["stress", "sstress"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_result_is_stationary(dtype, loss, weighted):
    n = 40
    distances = noisy(n, 2).astype(dtype)
    weights = np.ones((n, n), dtype)
    if weighted:
        weights = np.random.default_rng(4).uniform(0.1, 2, (n, n)).astype(dtype)
        weights = (weights + weights.T) / 2
    result = fastcv.mds(distances, 2, weights=weights, loss=loss, tol=1e-12, max_iter=2000)
    x = result.embedding.astype(np.float64)
    gap = x[:, None] - x[None]
    d = np.sqrt((gap**2).sum(-1)) + np.eye(n)
    measured = distances + np.eye(n)
    factor = 2 * (1 - measured / d) if loss == "stress" else 4 * (d**2 - measured**2)
    terms = (weights * factor)[..., None] * gap
    assert np.abs(terms.sum(1)).max() < (2e-4 if dtype == np.float32 else 1e-5) * np.abs(terms).sum(1).max()


def test_within_the_tolerance_of_the_optimum():
    distances = noisy(300, 3)
    best = fastcv.mds(distances, 3, tol=1e-13, max_iter=5000).stress
    for tol in (1e-3, 1e-4, 1e-5, 1e-6):
        for options in ({}, {"init": "random", "random_state": 3}):
            found = fastcv.mds(distances, 3, tol=tol, **options).stress
            assert best * (1 - 1e-9) <= found <= best * (1 + 10 * tol)
    single = fastcv.mds(distances.astype(np.float32), 3).stress
    assert single <= best * (1 + 1e-4)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("loss", ["stress", "sstress"])
def test_the_loss_never_rises(dtype, loss):
    rng = np.random.default_rng(0)
    for n, k in ((12, 2), (60, 3), (130, 1)):
        distances = rng.random((n, n)).astype(dtype)  # of no points at all
        distances += distances.T.copy()
        for init in ("classical", "random", rng.random((n, k))):
            seen = []
            fastcv.mds(
                distances,
                k,
                init=init,
                loss=loss,
                random_state=0,
                callback=lambda i, x, value, seen=seen: seen.append(value),
            )
            assert np.all(np.diff(seen) <= 0)
            assert seen[-1] < seen[0]


@pytest.mark.parametrize("loss", ["stress", "sstress"])
def test_more_steps_are_never_worse_where_the_first_are_float32s(loss):
    """No callback watches here: complete float64 matrices of 100 points and more begin in float32."""
    distances = noisy(150, 3, 0.2)
    whole = fastcv.mds(distances, 3, init="random", random_state=1, loss=loss)
    watched = []
    other = fastcv.mds(
        distances, 3, init="random", random_state=1, loss=loss, callback=lambda *step: watched.append(step)
    )
    assert other.stress == pytest.approx(whole.stress, rel=1e-4)
    assert not np.array_equal(other.embedding, whole.embedding)  # another way
    losses = []
    for steps in range(whole.n_iter + 1):
        result = fastcv.mds(distances, 3, init="random", random_state=1, loss=loss, max_iter=steps)
        assert result.n_iter <= steps
        assert result.converged == (result.reason != "max_iter")
        square = loss == "sstress"
        d = fastcv.pairwise_distances(result.embedding)
        losses.append(((d**2 - distances**2) ** 2).sum() if square else ((d - distances) ** 2).sum())
    assert np.all(np.diff(losses) <= 1e-6 * np.array(losses[:-1]))
    assert losses[-1] < 0.25 * losses[0]
    assert result.reason == whole.reason


def test_textbook_step_of_scikit_learn():
    """From its tests, after Borg and Groenen, "Modern Multidimensional Scaling", page 154: one step of SMACOF.

    Ours must get at least as low from the same start in one step, and to the same minimum in the end.
    """
    distances = np.array([[0, 5, 3, 4], [5, 0, 2, 2], [3, 2, 0, 1], [4, 2, 1, 0.0]])
    start = np.array([[-0.266, -0.539], [0.451, 0.252], [0.016, -0.238], [-0.200, 0.524]])
    theirs = np.array([[-1.415, -2.471], [1.633, 1.107], [0.249, -0.067], [-0.468, 1.431]])
    steps = []
    fastcv.mds(distances, 2, init=start, callback=lambda i, x, value: steps.append((x, value)))
    np.testing.assert_allclose(steps[0][0], start - start.mean(0), atol=1e-12)
    assert steps[0][1] == pytest.approx(stress(distances, start))
    # The first direction is that of SMACOF, and a step as long as SMACOF's or longer.
    move, guttman = steps[1][0] - steps[0][0], theirs - start
    cosine = (move * guttman).sum() / np.linalg.norm(move) / np.linalg.norm(guttman)
    assert cosine > 1 - 1e-5
    assert steps[1][1] <= stress(distances, theirs) + 1e-3
    assert steps[-1][1] < 1e-3 * steps[0][1]


EKMAN = """86
42 50
42 44 81
18 22 47 54
6 9 17 25 61
7 7 10 10 31 62
4 7 8 9 26 45 73
2 2 2 2 7 14 22 33
7 4 1 1 2 8 14 19 58
9 7 2 0 2 2 5 4 37 74
12 11 1 1 1 2 2 3 27 50 76
13 13 5 2 2 2 2 2 20 41 62 85
16 14 3 4 0 1 0 2 23 28 55 68 76"""


def ekman():
    """Dissimilarities of 14 colours from 434 to 674 nm: G. Ekman, "Dimensions of color vision" (1954), table 1."""
    similar = np.eye(14)
    for i, row in enumerate(EKMAN.splitlines(), 1):
        for j, percent in enumerate(row.split()):
            similar[i, j] = similar[j, i] = int(percent) / 100
    return 1 - similar


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("init", ["classical", "random"])
def test_ekmans_colours(dtype, init):
    """The least stress is 2.1114 over ordered pairs (J. de Leeuw, "Accelerated least squares MDS", 2025)."""
    runs = [fastcv.mds(ekman().astype(dtype), 2, init=init, random_state=seed) for seed in range(5)]
    result = min(runs, key=lambda run: run.stress)
    if init == "classical":
        assert result.stress == runs[0].stress
    assert 2 * result.stress == pytest.approx(2.1114, abs=5e-5)
    # The colours lie on a circle in the order of their wavelengths.
    x = result.embedding.astype(np.float64)
    turns = np.diff(np.unwrap(np.arctan2(x[:, 1], x[:, 0])))
    assert np.all(turns * np.sign(turns.sum()) > 0)


def test_not_worse_than_scikit_learn():
    smacof = pytest.importorskip("sklearn.manifold").smacof
    for n, k, noise in ((30, 2, 0.2), (100, 3, 0.1), (60, 2, 0.5)):
        distances = noisy(n, k, noise)
        start = fastcv.mds(distances, k, max_iter=0).embedding
        ours = fastcv.mds(distances, k)
        options = {"n_components": k, "n_init": 1}
        _, theirs = smacof(
            distances, init=start, max_iter=2000, eps=1e-12, normalized_stress=False, **options
        )
        assert ours.stress <= theirs * (1 + 1e-5)
        _, step = smacof(distances, init=ours.embedding, max_iter=1, normalized_stress=False, **options)
        assert step == pytest.approx(ours.stress, rel=1e-6)


# ---- laws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_permutation(dtype):
    distances = noisy(80, 2, dtype=dtype)
    order = np.random.default_rng(2).permutation(80)
    one, other = fastcv.mds(distances), fastcv.mds(np.ascontiguousarray(distances[np.ix_(order, order)]))
    assert other.stress == pytest.approx(one.stress, rel=1e-5)
    assert fastcv.procrustes(other.embedding, one.embedding[order]).rmse < 2e-3


def test_rigid_motion_of_the_start():
    distances, start = noisy(50, 3), cube(50, 3)
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]  # or a reflection
    one, other = (fastcv.mds(distances, 3, init=x) for x in (start, start @ rotation + 7))
    assert other.stress == pytest.approx(one.stress, rel=1e-6)
    np.testing.assert_allclose(other.embedding, one.embedding @ rotation, atol=1e-3)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("noise", [0, 0.1])
def test_unit(dtype, noise):
    """A power of two changes nothing but the unit; no unit overflows."""
    distances = noisy(70, 2, noise, dtype=dtype)
    one = fastcv.mds(distances)
    for power in (-1, 3, -100, 100) + (() if dtype == np.float32 else (-900, 900)):
        scale = dtype(2.0) ** power
        other = fastcv.mds(distances * scale)
        assert other.converged
        assert other.normalized_stress == pytest.approx(one.normalized_stress, rel=1e-5, abs=1e-7)
        np.testing.assert_allclose(other.embedding / scale, one.embedding, atol=0 if abs(power) < 4 else 2e-3)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("loss", ["stress", "sstress"])
def test_loss_of_a_unit_whose_power_overflows(loss, missing):
    """The loss that the callback sees is 0, finite or infinite, and never rises; not NaN."""
    unit = 2.0**600
    distances, exact = np.array([[0, 2, 3], [2, 0, 5], [3, 5, 0]]) * unit, np.array([[0], [2], [-3]]) * unit
    if missing:
        distances[0, 2] = distances[2, 0] = np.nan
    losses = []
    for init in ("classical", exact, exact + unit * np.eye(3, 1, -1)):
        losses.append(np.inf)
        fastcv.mds(distances, 1, loss=loss, init=init, callback=lambda i, x, value: losses.append(value))
    assert len(losses) > 6
    assert all(b == np.inf or b <= a for a, b in itertools.pairwise(losses)), losses


@pytest.mark.parametrize("dtype", FLOATS)
def test_same_bytes_for_any_threads_strides_and_target(dtype, many_threads):
    for n, noise in ((33, 0), (150, 0.1), (400, 0.1)):
        distances = noisy(n, 3, noise, dtype=dtype)
        for target in _core.simd_detected():
            _core.simd_force(target)
            want = fastcv.mds(distances, 3, num_threads=1)
            assert want.normalized_stress < (1e-6 if noise == 0 else 0.11)
            wide = np.full((n, 2 * n + 3), np.nan, dtype)
            wide[:, 1 : 2 * n + 1 : 2] = distances
            bytes_at_odd_places = np.empty(n * n * distances.itemsize + 1, np.uint8)
            unaligned = bytes_at_odd_places[1:].view(dtype).reshape(n, n)
            unaligned[:] = distances
            frozen = distances.copy()
            frozen.flags.writeable = False
            layouts = [
                np.asfortranarray(distances),
                wide[:, 1 : 2 * n + 1 : 2],
                distances[::-1, ::-1].copy()[::-1, ::-1],
                unaligned,
                frozen,
            ]
            others = [fastcv.mds(distances, 3, num_threads=t) for t in (2, 7)]
            for other in others + [fastcv.mds(layout, 3, num_threads=2) for layout in layouts]:
                np.testing.assert_array_equal(other.embedding, want.embedding)
                np.testing.assert_array_equal(other.stress_per_point, want.stress_per_point)
                assert other.stress == want.stress


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 4),
    st.integers(0, 2**31),
    st.sampled_from(["stress", "sstress"]),
    st.sampled_from(FLOATS),
)
def test_any_small_matrix(n, k, seed, loss, dtype):
    rng = np.random.default_rng(seed)
    distances = rng.choice([0, 0, 1, 1, 2, rng.random(), 1e-3, 50], (n, n))
    distances = np.triu(distances, 1)
    distances = (distances + distances.T).astype(dtype)
    np.fill_diagonal(distances, rng.choice([0, np.nan, -3, np.inf]))  # ignored
    seen = []
    result = fastcv.mds(distances, k, loss=loss, callback=lambda i, x, value: seen.append(value))
    assert np.isfinite(result.embedding).all()
    measured = np.where(np.eye(n, dtype=bool), 0, distances)
    wanted = stress(measured, result.embedding)
    rounding = (
        1e-14 * float(measured.max()) * np.sqrt(wanted)
    )  # a distance's own, in the squares of small residuals
    assert result.stress == pytest.approx(wanted, rel=1e-9, abs=rounding + 1e-25)
    assert np.all(np.diff(seen) <= 0)


# ---- input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_asymmetry(dtype):
    distances = noisy(50, 2, dtype=dtype)
    nearly = distances.copy()
    nearly[3, 8] += dtype(0.5e-5) * distances.max()
    result = fastcv.mds(nearly)
    mean = (nearly.astype(np.float64) + nearly.T) / 2
    assert result.stress == pytest.approx(stress(mean, result.embedding), rel=1e-6)

    far = distances.copy()
    far[3, 8] *= dtype(1.5)
    with pytest.raises(ValueError, match=r"^mds: distances must be symmetric .* pass symmetrize=True"):
        fastcv.mds(far)
    result = fastcv.mds(far, symmetrize=True)
    mean = (far.astype(np.float64) + far.T) / 2
    assert result.stress == pytest.approx(stress(mean, result.embedding), rel=1e-6)
    other = fastcv.mds(mean.astype(dtype))
    assert result.stress == pytest.approx(other.stress, rel=1e-5)

    exact = fastcv.pairwise_distances(cube(50, 2)).astype(dtype)  # no shortcut for what is to be refused
    exact[3, 8] *= dtype(1.01)
    with pytest.raises(ValueError, match=r"^mds: distances must be symmetric"):
        fastcv.mds(exact)


def test_weight_0_is_nan_is_absent():
    sparse = pytest.importorskip("scipy.sparse")
    x = cube(40, 2)
    distances = fastcv.pairwise_distances(x)
    keep = np.triu(np.random.default_rng(1).random((40, 40)) < 0.7, 1)
    keep |= keep.T
    first, second = np.nonzero(keep)
    pairs = sparse.coo_array((distances[keep], (first, second)), shape=(40, 40))
    ways = [
        fastcv.mds(np.where(keep, distances, np.nan)),
        fastcv.mds(distances, weights=keep.astype(float)),
        fastcv.mds(pairs),
        fastcv.mds(sparse.triu(pairs, format="csr")),
        fastcv.mds(distances, weights=sparse.coo_array(keep.astype(float))),
        fastcv.mds(pairs, weights=keep.astype(float)),
        fastcv.mds(sparse.tril(pairs), weights=sparse.csr_array(keep.astype(float))),
    ]
    for way in ways:
        assert way.normalized_stress < 1e-10
        assert rmse(way, x) < 1e-7
        np.testing.assert_allclose(way.embedding, ways[0].embedding, atol=1e-7)


@pytest.mark.parametrize("noise", [0, 0.1])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("place", [(0, 1), (4, 3), (39, 38), (17, 30)])
def test_refused_distances(noise, dtype, place):
    good = noisy(40, 2, noise, dtype=dtype)
    for value, message in ((-1, "at least 0"), (-1e-3, "at least 0"), (np.inf, "finite")):
        bad = good.copy()
        bad[place] = bad[place[::-1]] = value
        with pytest.raises(ValueError, match=f"^mds: distances must be {message}"):
            fastcv.mds(bad)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fastcv.mds([[0, 1], [1, 0]]), TypeError, "distances must be a NumPy array, got list"),
        (lambda: fastcv.mds(np.eye(3, dtype=int)), TypeError, "distances: expected dtype float32, float64, got int64"),
        (lambda: fastcv.mds(np.ma.masked_array(np.zeros((2, 2)))), TypeError, "distances must not be a masked array"),
        (lambda: fastcv.mds(np.zeros((2, 3))), ValueError, r"distances must be a square matrix, got shape \(2, 3\)"),
        (lambda: fastcv.mds(np.zeros(4)), ValueError, r"distances must be a square matrix, got shape \(4,\)"),
        (lambda: fastcv.mds(np.zeros((2, 2, 2))), ValueError, "distances must be a square matrix, got shape"),
        (lambda: fastcv.mds(np.zeros((0, 0))), ValueError, "distances must be of at least 1 point"),
        (lambda: fastcv.mds(np.zeros((2, 2)), 0), ValueError, "n_components must be at least 1, got 0"),
        (lambda: fastcv.mds(np.zeros((2, 2)), 2.0), TypeError, "n_components must be an int, got float"),
        (lambda: fastcv.mds(np.zeros((2, 2)), loss="l2"), ValueError, 'loss must be one of "stress"'),
        (lambda: fastcv.mds(np.zeros((2, 2)), max_iter=-1), ValueError, "max_iter must be at least 0, got -1"),
        (lambda: fastcv.mds(np.zeros((2, 2)), max_iter=1.5), TypeError, "max_iter must be an int"),
        (lambda: fastcv.mds(np.zeros((2, 2)), tol=-1), ValueError, "tol must be finite and at least 0, got -1"),
        (lambda: fastcv.mds(np.zeros((2, 2)), tol=np.nan), ValueError, "tol must be finite and at least 0"),
        (lambda: fastcv.mds(np.zeros((2, 2)), tol="1"), TypeError, "tol must be a number, got str"),
        (lambda: fastcv.mds(np.zeros((2, 2)), init="pca"), ValueError, 'init must be "classical", "random" or an array'),
        (lambda: fastcv.mds(np.zeros((2, 2)), init=np.zeros((2, 3))), ValueError, r"init must have shape \(2, 2\)"),
        (lambda: fastcv.mds(np.zeros((2, 2)), init=[[0, 1], [1, np.inf]]), ValueError, "init must be finite"),
        (lambda: fastcv.mds(np.zeros((2, 2)), init=[["a", "b"]] * 2), TypeError, "init must be an array of real"),
        (lambda: fastcv.mds(np.zeros((2, 2)), symmetrize=1), TypeError, "symmetrize must be a bool, got int"),
        (lambda: fastcv.mds(np.zeros((2, 2)), callback=3), TypeError, "callback must be callable or None, got int"),
        (lambda: fastcv.mds(np.zeros((2, 2)), num_threads=0), ValueError, "num_threads must be at least 1, got 0"),
        (lambda: fastcv.mds(np.zeros((2, 2)), random_state="x"), TypeError, "random_state must be an int"),
        (lambda: fastcv.mds(np.zeros((2, 2)), random_state=-1), ValueError, "random_state must be at least 0"),
        (lambda: fastcv.mds(np.zeros((2, 2)), weights=np.ones((3, 3))), ValueError, "weights must have the shape"),
        (lambda: fastcv.mds(np.zeros((2, 2)), weights=np.ones(2)), ValueError, "weights must be a square matrix"),
        (
            lambda: fastcv.mds(np.zeros((2, 2)), weights=np.ones((2, 2), np.float32)),
            TypeError,
            "weights: expected dtype float64, got float32",
        ),
        (lambda: fastcv.mds(np.ones((2, 2)), weights=-np.ones((2, 2))), ValueError, "weights must be finite and"),
        (
            lambda: fastcv.mds(np.ones((2, 2)), weights=np.array([[0, 1.0], [2, 0]])),
            ValueError,
            "weights must be symmetric",
        ),
        (lambda: fastcv.mds(np.zeros((2, 2)), anchors=[0]), TypeError, r"anchors must be a pair"),
        (lambda: fastcv.mds(np.zeros((2, 2)), anchors=([0], [1, 2])), ValueError, r"anchors: positions must have shape"),
        (lambda: fastcv.mds(np.zeros((2, 2)), anchors=([0.5], [[1, 2]])), TypeError, "anchors: indices must be"),
        (lambda: fastcv.mds(np.zeros((2, 2)), anchors=([2], [[1, 2]])), ValueError, "anchors: ind"),
        (lambda: fastcv.mds(np.zeros((2, 2)), anchors=([0, 0], [[1, 2]] * 2)), ValueError, "anchors: ind"),
        (lambda: fastcv.mds(np.zeros((2, 2)), anchors=([0], [[1, np.nan]])), ValueError, "anchors: positions must be"),
    ],
)  # fmt: skip
def test_refusals(call, error, message):
    with pytest.raises(error, match=f"^mds: {message}"):
        call()


def test_signature():
    assert str(inspect.signature(fastcv.mds)).startswith("(distances: ")
    names = list(inspect.signature(fastcv.mds).parameters)
    assert names == [
        "distances",
        "n_components",
        "weights",
        "anchors",
        "symmetrize",
        "init",
        "loss",
        "max_iter",
        "tol",
        "random_state",
        "callback",
        "num_threads",
    ]


def test_input_is_not_written():
    distances, start = noisy(40, 2), cube(40, 2)
    before = distances.copy(), start.copy()
    fastcv.mds(distances, init=start, weights=np.ones_like(distances))
    np.testing.assert_array_equal(distances, before[0])
    np.testing.assert_array_equal(start, before[1])


# ---- starts, callback, interruption ------------------------------------------------------------


def test_random_state():
    distances = noisy(40, 2)
    for make in (int, np.int64, np.random.default_rng, np.random.RandomState):
        one, same = (fastcv.mds(distances, init="random", random_state=make(3)) for _ in range(2))
        np.testing.assert_array_equal(one.embedding, same.embedding)
    other = fastcv.mds(distances, init="random", random_state=4)
    assert not np.array_equal(one.embedding, other.embedding)
    generator = np.random.default_rng(3)
    first, second = (fastcv.mds(distances, init="random", random_state=generator) for _ in range(2))
    assert not np.array_equal(first.embedding, second.embedding)


@pytest.mark.parametrize("dtype", FLOATS)
def test_warm_start(dtype):
    distances = noisy(200, 3, dtype=dtype)
    result = fastcv.mds(distances, 3)
    again = fastcv.mds(distances, 3, init=result.embedding)
    assert again.n_iter <= 3
    assert again.stress <= result.stress
    moved = fastcv.mds(distances, 3, init=np.asfortranarray(result.embedding) + 5)
    assert moved.n_iter <= 3
    moved = fastcv.mds(distances, 3, init=result.embedding.tolist())
    np.testing.assert_array_equal(moved.embedding, again.embedding)


def test_starts_that_see_no_gradient():
    distances = fastcv.pairwise_distances(cube(40, 2))
    assert fastcv.mds(distances, init=np.zeros((40, 2))).normalized_stress < 0.5
    flat = np.zeros((40, 2))
    flat[:, 0] = np.arange(40)
    assert fastcv.mds(distances, init=flat).normalized_stress < 0.3


@pytest.mark.parametrize("dtype", FLOATS)
def test_callback(dtype):
    distances = noisy(60, 2, dtype=dtype)
    seen = []
    result = fastcv.mds(distances, callback=lambda i, x, value: seen.append((i, x, value)))
    assert [i for i, _, _ in seen] == list(range(result.n_iter + 1))
    assert all(x.shape == (60, 2) and x.dtype == dtype for _, x, _ in seen)
    assert seen[-1][2] == pytest.approx(result.stress, rel=1e-5)
    np.testing.assert_allclose(seen[-1][1], result.embedding, atol=1e-6)
    for i, x, value in seen:
        assert value == pytest.approx(stress(distances, x), rel=1e-5), i

    result = fastcv.mds(distances, callback=lambda i, x, value: i == 2)
    assert (result.n_iter, result.converged, result.reason) == (2, False, "callback")
    np.testing.assert_allclose(result.embedding, seen[2][1], atol=1e-6)
    result = fastcv.mds(distances, max_iter=2)
    assert (result.n_iter, result.converged, result.reason) == (2, False, "max_iter")
    result = fastcv.mds(distances, max_iter=0)
    assert (result.n_iter, result.reason) == (0, "max_iter")

    def fail(i, x, value):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fastcv.mds(distances, callback=fail)
    exact = []
    fastcv.mds(fastcv.pairwise_distances(cube(30, 2)), callback=lambda *a: exact.append(a[0]))
    assert exact == [0]


def test_interrupt():
    distances = fastcv.pairwise_distances(cube(2000, 3))

    def work():  # nearly all of its time is within calls, however late the signal comes
        while True:
            fastcv.mds(distances, 3, init="random", random_state=0, num_threads=1)

    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        work()
    timer.join()
    assert fastcv.mds(np.ascontiguousarray(distances[:50, :50]), 3).converged
