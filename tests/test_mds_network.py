"""mds on incomplete, anchored and partly wrong distances."""

from __future__ import annotations

import signal
import threading

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

import fastcv


def field(n, anchors=0, k=2, reach=np.inf, noise=0.0, seed=0):
    """Points in the unit cube, and the distances up to `reach`, NaN beyond; the last `anchors` are known."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, k))
    distances = cdist(x, x)
    errors = np.triu(rng.normal(0, noise, (n, n)), 1) if noise else 0.0
    measured = np.abs(np.triu(distances, 1) * (1 + errors))
    measured += measured.T
    measured[distances > reach] = np.nan
    return x, measured, np.arange(n - anchors, n)


def pairs(distances):
    """Each measured pair once."""
    i, j = np.nonzero(np.triu(~np.isnan(distances), 1))
    return sparse.coo_array((distances[i, j], (i, j)), shape=distances.shape)


def known(x, indices):
    return {"anchors": (indices, x[indices])} if len(indices) else {}


def rmse(result, x):
    """In the frame of the anchors."""
    return np.sqrt(((result.embedding - x) ** 2).sum(1).mean())


def aligned(result, x):
    return fastcv.procrustes(result.embedding, x).rmse


# ---- figures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_sensor_network(seed):
    """500 sensors and 50 anchors in the unit square, exact ranges up to 0.15."""
    x, distances, anchors = field(550, 50, reach=0.15, seed=seed)
    result = fastcv.mds(pairs(distances), **known(x, anchors))
    assert rmse(result, x) < 1e-6
    assert result.converged
    assert result.normalized_stress < 1e-11
    np.testing.assert_array_equal(result.embedding[anchors], x[anchors])


@pytest.mark.parametrize(("k", "reach"), [(2, 0.13), (2, 0.2), (3, 0.3)])
@pytest.mark.parametrize("seed", range(3))
def test_other_sensor_networks(k, reach, seed):
    x, distances, anchors = field(550, 50, k, reach, seed=seed)
    result = fastcv.mds(pairs(distances), k, **known(x, anchors))
    assert not result.unique or rmse(result, x) < 1e-6


@pytest.mark.parametrize("noise", [0.02, 0.1])
@pytest.mark.parametrize(("k", "reach"), [(2, 0.2), (3, 0.4)])
def test_noise_is_fitted_as_well_as_from_the_truth(k, reach, noise):
    x, distances, anchors = field(330, 30, k, reach, noise)
    result = fastcv.mds(pairs(distances), k, **known(x, anchors))
    best = fastcv.mds(pairs(distances), k, init=x, **known(x, anchors))
    assert result.stress <= best.stress * 1.01
    assert rmse(result, x) <= rmse(best, x) * 1.1


def test_without_anchors():
    x, distances, _ = field(300, reach=0.2)
    result = fastcv.mds(pairs(distances))
    assert aligned(result, x) < 1e-6
    assert result.unique
    np.testing.assert_allclose(result.embedding.mean(0), 0, atol=1e-12)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_randomly_missing(share, dtype):
    x, distances, _ = field(200, k=3)
    gaps = np.triu(np.random.default_rng(1).random((200, 200)) < share, 1)
    distances[gaps | gaps.T] = np.nan
    result = fastcv.mds(distances.astype(dtype), 3)
    assert result.embedding.dtype == dtype
    assert aligned(result, x) < (1e-6 if dtype == np.float64 else 1e-5)
    assert result.unique


def outliers(kind, seed=0, share=0.3, n=100):
    """Distances of `n` points with errors of 0.01, and the same with a share of wrong ones."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 2))
    clean = np.abs(cdist(x, x) + np.triu(rng.normal(0, 0.01, (n, n)), 1))
    wrong = rng.random((n, n))
    dirty = np.where(rng.random((n, n)) < share, {"longer": clean + wrong, "any": 1.4 * wrong}[kind], clean)
    clean, dirty = (np.triu(d, 1) + np.triu(d, 1).T for d in (clean, dirty))
    return x, clean, dirty


@pytest.mark.parametrize("kind", ["longer", "any"])
@pytest.mark.parametrize("seed", range(5))
def test_outliers(kind, seed):
    """30 % of wrong distances cost at most 1.6 times the error of clean ones."""
    x, clean, dirty = outliers(kind, seed)
    best = aligned(fastcv.mds(clean), x)
    assert aligned(fastcv.mds(dirty, loss="robust"), x) < 1.6 * best
    assert aligned(fastcv.mds(dirty), x) > 10 * best  # what they do to least squares
    assert aligned(fastcv.mds(clean, loss="robust"), x) < 1.15 * best


def test_outliers_among_neighbours():
    x, distances, anchors = field(330, 30, reach=0.22, noise=0.02, seed=1)
    measured = pairs(distances)
    clean = rmse(fastcv.mds(measured, **known(x, anchors)), x)
    rng = np.random.default_rng(2)
    wrong = rng.random(measured.nnz) < 0.1
    measured.data = np.where(wrong, 0.33 * rng.random(measured.nnz), measured.data)
    result = fastcv.mds(measured, loss="robust", **known(x, anchors))
    assert rmse(result, x) < 1.3 * clean


@pytest.mark.parametrize("kind", ["longer", "any"])
@pytest.mark.parametrize("anchored", [True, False])
def test_outliers_of_a_sensor_network(kind, anchored):
    """30 % of wrong ranges among neighbours cost no more than the knowledge that they held."""
    x, distances, anchors = field(330, 30, reach=0.22, noise=0.01, seed=3)
    measured = pairs(distances)
    options = known(x, anchors) if anchored else {}
    rng = np.random.default_rng(4)
    some, wrong = rng.random(measured.nnz) < 0.3, 0.33 * rng.random(measured.nnz)
    clean = measured.copy()
    clean.data = np.where(some, np.nan, measured.data)
    measured.data = np.where(some, {"longer": measured.data + wrong, "any": wrong}[kind], measured.data)

    def error(result):
        return rmse(result, x) if anchored else aligned(result, x)

    best = error(fastcv.mds(clean, 2, **options))
    assert error(fastcv.mds(measured, 2, loss="robust", **options)) < 1.3 * best


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "kind", "anchored", "least"),
    [
        (0.1, "longer", True, 10),
        (0.1, "longer", False, 10),
        (0.1, "any", True, 10),
        (0.1, "any", False, 10),
        (0.3, "longer", True, 10),
        (0.3, "longer", False, 10),
        (0.3, "any", True, 7),  # 8 and 9, give or take one where sums are rounded otherwise
        (0.3, "any", False, 8),
    ],
)
def test_ten_sensor_networks_with_wrong_ranges(share, kind, anchored, least):
    """The table of docs/mds.md."""
    good = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.random((550, 2))
        i, j = np.nonzero(np.triu(cdist(x, x) <= 0.15, 1))
        ranges = np.abs(np.linalg.norm(x[i] - x[j], axis=1) + 0.001 * rng.standard_normal(len(i)))
        some, wrong = rng.random(len(i)) < share, rng.random(len(i))
        ranges = np.where(some, {"longer": ranges + 0.3 * wrong, "any": 0.33 * wrong}[kind], ranges)
        measured = sparse.coo_array((ranges, (i, j)), shape=(550, 550))
        options = known(x, np.arange(500, 550)) if anchored else {}
        result = fastcv.mds(measured, loss="robust", **options)
        good += (rmse(result, x) if anchored else aligned(result, x)) < 0.001
    assert good >= least


# ---- the same measurements, said in another way ----------------------------------------------------


def test_missing_in_every_form():
    """NaN, a weight of 0, and an absent entry of a sparse matrix are the same: to the byte."""
    x, distances, anchors = field(120, 10, reach=0.35, noise=0.05)
    options = known(x, anchors)
    expected = fastcv.mds(distances, **options).embedding
    absent = np.isnan(distances)
    filled = np.where(absent, 123.0, distances)
    entries = pairs(distances)
    both = sparse.coo_array(entries + entries.T)
    one_sided = np.where(np.triu(np.ones_like(absent)), distances, np.nan)
    same = [
        (filled, {"weights": (~absent).astype(float)}),
        (filled, {"weights": sparse.csr_array((~absent).astype(float))}),
        (one_sided, {}),
        (one_sided.T, {}),
        (np.asfortranarray(distances), {}),
        (distances[:, ::-1][:, ::-1], {}),
        (entries, {}),
        (entries.T, {}),
        (both, {}),
        (sparse.coo_array(filled), {"weights": sparse.coo_array((~absent).astype(float))}),
        (sparse.coo_array(filled), {"weights": (~absent).astype(float)}),
    ]
    for form in ("csr", "csc", "lil", "dok", "bsr", "coo"):
        same += [(both.asformat(form), {}), (sparse.csr_matrix(both).asformat(form), {})]
    order = np.random.default_rng(0).permutation(entries.nnz)
    shuffled = (entries.data[order], (entries.row[order], entries.col[order]))
    same.append((sparse.coo_array(shuffled, shape=entries.shape), {}))
    for measured, more in same:
        # The diagonal of a sparse matrix of stored zeros, and of the dense one, is ignored alike.
        np.testing.assert_array_equal(fastcv.mds(measured, **options, **more).embedding, expected)


def test_diagonals():
    """Each point measured to the two behind it: in the format that is made for it."""
    x = np.cumsum(np.random.default_rng(0).random((30, 1)), 0)
    distances = cdist(x, x)
    chain = sparse.diags_array([distances.diagonal(1), distances.diagonal(2)], offsets=[1, 2], format="dia")
    result = fastcv.mds(chain, 1)
    assert aligned(result, x) < 1e-9
    assert result.unique


def test_stored_zeros_are_measured():
    x = np.array([[0.0, 0], [0, 0], [3, 0], [0, 4]])
    i, j = np.triu_indices(4, 1)
    entries = sparse.coo_array((cdist(x, x)[i, j], (i, j)), shape=(4, 4))
    assert entries.nnz == 6
    result = fastcv.mds(entries)
    assert aligned(result, x) < 1e-9
    assert result.unique


def test_weights():
    """A weight counts like so many measurements; a distance of weight 0 may be anything at all."""
    x, distances, anchors = field(80, 8, reach=0.5, noise=0.05)
    weights = np.triu(np.random.default_rng(3).integers(1, 4, distances.shape), 1).astype(float)
    weights += weights.T
    result = fastcv.mds(distances, weights=weights, tol=1e-12, **known(x, anchors))
    same = fastcv.mds(distances, weights=5 * weights, tol=1e-12, **known(x, anchors))
    np.testing.assert_allclose(same.embedding, result.embedding, atol=1e-6)
    assert same.stress == pytest.approx(5 * result.stress)
    residuals = np.where(np.isnan(distances), 0, cdist(result.embedding, result.embedding) - distances)
    np.fill_diagonal(residuals, 0)
    squares = weights * residuals**2
    assert result.stress == pytest.approx(squares.sum() / 2, rel=1e-12)
    np.testing.assert_allclose(result.stress_per_point, squares.sum(1), rtol=1e-9)
    # Stationary where points are free: sum over j of w (1 - D / d) (x_i - x_j) = 0.
    gaps = result.embedding[:, None] - result.embedding[None]
    lengths = np.linalg.norm(gaps, axis=2) + np.eye(len(x))
    pull = (weights * residuals / lengths)[:, :, None] * gaps
    assert np.abs(pull.sum(1)[: -len(anchors)]).max() < 1e-4


@pytest.mark.parametrize("loss", ["stress", "sstress", "robust"])
def test_losses_find_exact_points(loss):
    x, distances, anchors = field(120, 10, reach=0.4)
    result = fastcv.mds(distances, loss=loss, **known(x, anchors))
    assert rmse(result, x) < 1e-6
    assert result.unique


def test_float32():
    x, distances, anchors = field(150, 12, reach=0.35)
    measured = pairs(distances.astype(np.float32))
    result = fastcv.mds(measured, **known(x, anchors))
    assert result.embedding.dtype == np.float32
    assert rmse(result, x) < 1e-5
    assert result.converged


# ---- frames ------------------------------------------------------------------------------------


def test_anchors_anywhere_and_in_any_order():
    x, distances, _ = field(100, reach=0.4)
    rng = np.random.default_rng(4)
    indices = rng.permutation(100)[:9]
    result = fastcv.mds(distances, anchors=(indices, x[indices]))
    assert rmse(result, x) < 1e-6
    far = 1e6 + 1000 * x
    result = fastcv.mds(1000 * distances, anchors=(list(indices), far[indices].tolist()))
    assert rmse(result, far) < 1e-3
    np.testing.assert_array_equal(result.embedding[indices], far[indices])


def test_complete_distances_with_anchors():
    x, distances, anchors = field(60, 5, k=3)
    result = fastcv.mds(distances, 3, **known(x, anchors))
    assert rmse(result, x) < 1e-9
    assert result.unique


def test_all_points_are_anchors():
    x, distances, anchors = field(5, 5)
    result = fastcv.mds(distances, **known(x, anchors))
    np.testing.assert_array_equal(result.embedding, x)
    assert result.unique
    assert result.stress < 1e-28


def test_every_part_has_its_anchors():
    """Two networks that nothing connects but their anchors' frame."""
    x, distances, _ = field(120, reach=0.4)
    distances[:60, 60:] = distances[60:, :60] = np.nan
    indices = np.r_[:5, 60:65]
    result = fastcv.mds(distances, anchors=(indices, x[indices]))
    assert rmse(result, x) < 1e-6
    assert result.unique


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_anchors_leave_a_mirror_image(count):
    x, distances, anchors = field(40, count)
    result = fastcv.mds(distances, **known(x, anchors))
    assert aligned(result, x) < 1e-6
    np.testing.assert_array_equal(result.embedding[anchors], x[anchors])
    assert not result.unique
    assert "mirror image" in result.reason
    assert result.reason.startswith(("exact", "precision", "tolerance"))


def test_anchors_in_a_line_leave_a_mirror_image():
    x, _, anchors = field(40, 6)
    x[anchors, 1] = 0.5 * x[anchors, 0]
    result = fastcv.mds(cdist(x, x), anchors=(anchors, x[anchors]))
    assert not result.unique
    assert "the anchors lie in one line" in result.reason


def test_a_point_of_two_distances_is_not_unique():
    x, distances, anchors = field(60, 6, reach=0.5)
    neighbours = np.flatnonzero(~np.isnan(distances[7]))
    for j in neighbours[neighbours != 7][2:]:
        distances[7, j] = distances[j, 7] = np.nan
    result = fastcv.mds(distances, **known(x, anchors))
    assert not result.unique
    assert "too few distances to point 7" in result.reason
    others = np.arange(60) != 7
    assert np.abs(result.embedding - x)[others].max() < 1e-6


def test_parts_are_named():
    _, distances, _ = field(6)
    distances[:4, 4:] = distances[4:, :4] = np.nan
    with pytest.raises(ValueError, match=r"mds: distances must connect all points.*\{0, 1, 2, 3\}, \{4, 5\}"):
        fastcv.mds(distances)
    with pytest.raises(ValueError, match=r"mds: distances must connect all points with anchors.*\{4, 5\}"):
        fastcv.mds(distances, anchors=([0, 1, 2], np.eye(3, 2)))
    with pytest.raises(ValueError, match="mds: distances must connect all points"):
        fastcv.mds(sparse.coo_array((3, 3), dtype=np.float64))


# ---- the call ------------------------------------------------------------------------------------


def test_starts_of_the_caller():
    x, distances, anchors = field(120, 10, reach=0.4)
    near = x + np.random.default_rng(5).normal(0, 0.01, x.shape)
    result = fastcv.mds(distances, init=near, **known(x, anchors))
    assert rmse(result, x) < 1e-6
    again = fastcv.mds(distances, init=result.embedding, **known(x, anchors))
    assert again.n_iter == 0
    np.testing.assert_allclose(again.embedding, result.embedding, atol=1e-14)
    drawn = [fastcv.mds(distances, init="random", random_state=3, **known(x, anchors)) for _ in range(2)]
    np.testing.assert_array_equal(drawn[0].embedding, drawn[1].embedding)
    other = fastcv.mds(distances, init="random", random_state=4, **known(x, anchors))
    assert not np.array_equal(other.embedding, drawn[0].embedding)


def test_random_state_is_reproducible():
    x, distances, anchors = field(24, 4, reach=0.5, noise=0.1, seed=3)
    results = [fastcv.mds(distances, random_state=s, **known(x, anchors)) for s in (0, 0, 1)]
    np.testing.assert_array_equal(results[0].embedding, results[1].embedding)
    assert results[2].stress == pytest.approx(results[0].stress, rel=0.5)


@pytest.mark.parametrize("loss", ["stress", "robust"])
def test_same_bytes_for_any_threads(many_threads, loss):
    _, distances, _ = field(420, reach=1.3, noise=0.05)
    options = {"loss": loss, "max_iter": 20}
    expected = fastcv.mds(distances, num_threads=1, **options)
    for threads in (2, 7):
        result = fastcv.mds(distances, num_threads=threads, **options)
        np.testing.assert_array_equal(result.embedding, expected.embedding)
        np.testing.assert_array_equal(result.stress_per_point, expected.stress_per_point)


def test_callback():
    x, distances, anchors = field(120, 10, reach=0.35, noise=0.05)
    losses, seen = [], []

    def record(iteration, positions, loss):
        seen.append(iteration)
        losses.append(loss)
        np.testing.assert_array_equal(positions[anchors], x[anchors])
        assert positions.shape == x.shape

    result = fastcv.mds(distances, callback=record, **known(x, anchors))
    assert seen == list(range(len(seen)))
    assert np.all(np.diff(losses) <= 0)
    between = np.triu(cdist(x[anchors], x[anchors]) - distances[np.ix_(anchors, anchors)], 1)
    assert losses[-1] == pytest.approx(result.stress - np.nansum(between**2), rel=1e-6)
    stopped = fastcv.mds(distances, callback=lambda i, p, loss: i == 3, **known(x, anchors))
    assert stopped.reason.startswith("callback")
    assert not stopped.converged
    with pytest.raises(ZeroDivisionError):
        fastcv.mds(distances, callback=lambda i, p, loss: 1 / 0, **known(x, anchors))


def test_input_is_not_written():
    x, distances, anchors = field(60, 6, reach=0.5)
    positions = x[anchors].copy()
    for array in (distances, anchors, positions):
        array.flags.writeable = False
    entries = pairs(distances)
    entries.data.flags.writeable = False
    before = entries.data.copy()
    fastcv.mds(distances, anchors=(anchors, positions))
    fastcv.mds(entries, anchors=(anchors, positions))
    np.testing.assert_array_equal(entries.data, before)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
def test_interrupt():
    _, distances, _ = field(1200, reach=0.4, noise=0.1)
    main = threading.main_thread().ident
    timer = threading.Timer(0.1, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()

    def work():
        for _ in range(1000):
            fastcv.mds(distances, loss="robust", tol=0)

    with pytest.raises(KeyboardInterrupt):
        work()
    timer.join()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"anchors": ([0, 0], np.eye(2))}, ValueError, "anchors"),
        ({"anchors": ([0, 99], np.eye(2))}, ValueError, "anchors"),
        ({"anchors": ([0, -1], np.eye(2))}, ValueError, "anchors"),
        ({"anchors": ([0, 1], np.eye(3))}, ValueError, "anchors"),
        ({"anchors": ([0.5, 1], np.eye(2))}, TypeError, "anchors"),
        ({"anchors": [0, 1, 2]}, TypeError, "anchors"),
        ({"anchors": ([0, 1], np.full((2, 2), np.nan))}, ValueError, "anchors"),
        ({"anchors": ([0, 1], np.full((2, 2), np.inf))}, ValueError, "anchors"),
        ({"loss": "huber"}, ValueError, "loss"),
        ({"init": np.zeros((3, 2))}, ValueError, "init"),
        ({"weights": np.ones((3, 3))}, ValueError, "weights"),
        ({"weights": -np.ones((10, 10))}, ValueError, "weights"),
    ],
)
@pytest.mark.parametrize("form", [np.asarray, pairs])
def test_refusals(change, error, message, form):
    _, distances, _ = field(10)
    with pytest.raises(error, match=f"mds: {message}"):
        fastcv.mds(form(distances), **change)


def test_refused_pairs():
    def entries(*values):
        d, i, j = zip(*values, strict=True)
        return sparse.coo_array((np.array(d, float), (i, j)), shape=(3, 3))

    good = [(1.0, 0, 1), (1.0, 1, 2)]
    fastcv.mds(entries(*good, (1.0, 1, 0)))
    with pytest.raises(ValueError, match=r"mds: distances must .*\(0, 1\)"):
        fastcv.mds(entries(*good, (1.1, 1, 0)))
    averaged = fastcv.mds(entries(*good, (1.1, 1, 0)), symmetrize=True)
    assert np.linalg.norm(averaged.embedding[0] - averaged.embedding[1]) == pytest.approx(1.05)
    for bad in (-1.0, np.inf):
        with pytest.raises(ValueError, match="mds: distances must be"):
            fastcv.mds(entries(*good, (bad, 0, 2)))
    with pytest.raises(TypeError, match="mds: distances"):
        fastcv.mds(sparse.coo_array((np.ones(2, np.int64), ([0, 1], [1, 2])), shape=(3, 3)))
    with pytest.raises(ValueError, match="mds: distances must be a square matrix"):
        fastcv.mds(sparse.coo_array((2, 3), dtype=np.float64))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("side", ["one", "lower", "upper"])
def test_a_distance_in_one_direction_is_enough(dtype, side):
    _, distances, _ = field(30, noise=0.1)
    distances = distances.astype(dtype)
    expected = fastcv.mds(distances)
    halved = distances.copy()
    places = {"one": ([0], [1]), "lower": np.tril_indices(30, -1), "upper": np.triu_indices(30, 1)}[side]
    halved[places] = np.nan
    result = fastcv.mds(halved)
    assert result.normalized_stress == pytest.approx(expected.normalized_stress, abs=1e-5)
    assert np.isfinite(result.embedding).all()


def test_a_pair_has_one_weight_whatever_else_is_missing():
    _, distances, _ = field(12, noise=0.2)
    weights = np.random.default_rng(1).random(distances.shape)
    weights[0, 1], weights[2, 3] = 0, 0  # the mean counts, not the direction
    distances[4, 5] = np.nan  # the other direction is there
    distances[6, 7] = distances[7, 6] = np.nan
    result = fastcv.mds(distances, weights=weights, symmetrize=True)
    found = fastcv.pairwise_distances(result.embedding)
    measured = np.where(np.isnan(distances), distances.T, distances)
    measured, mean = (measured + measured.T) / 2, (weights + weights.T) / 2
    stress = np.nansum(np.triu(mean * (found - measured) ** 2, 1))
    assert result.stress == pytest.approx(stress, rel=1e-9)


def test_weights_are_checked_on_every_way():
    _, distances, _ = field(12)
    gaps = np.where(distances > 0.9, np.nan, distances)
    for loss in ("stress", "robust"):
        for given in (distances, gaps):
            weights = np.ones_like(given)
            weights[0, 1] = weights[1, 0] = np.nan
            with pytest.raises(ValueError, match="mds: weights must be finite and at least 0"):
                fastcv.mds(given, weights=weights, loss=loss)
            weights[0, 1] = weights[1, 0] = 1
            weights[2, 3] = 0
            with pytest.raises(ValueError, match="mds: weights must be symmetric"):
                fastcv.mds(given, weights=weights, loss=loss)


def test_no_share_of_an_infinite_stress_is_nan():
    far = np.full((4, 4), 1.0)
    far[0, 1] = far[1, 0] = np.finfo(np.float64).max
    far[2, 3] = far[3, 2] = np.nan
    result = fastcv.mds(far)
    assert np.isfinite(result.embedding).all()
    assert not np.isnan(result.stress)
    assert not np.isnan(result.stress_per_point).any()
