"""MDS where scikit-learn's is used."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

import fastcv

FLOATS = [np.float32, np.float64]


def samples(n=40, features=5, dtype=np.float64):
    return np.random.default_rng(0).random((n, features)).astype(dtype)


def test_sklearn_is_not_imported():
    code = "import fastcv, sys, numpy; fastcv.MDS().fit(numpy.eye(3)[:, :2]); print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("dtype", FLOATS)
def test_fit(dtype):
    x = samples(dtype=dtype)
    model = fastcv.MDS(3)
    assert model.fit(x) is model
    assert model.embedding_.shape == (40, 3)
    assert model.embedding_.dtype == dtype
    assert model.n_features_in_ == 5
    np.testing.assert_allclose(model.dissimilarity_matrix_, fastcv.pairwise_distances(x))
    want = fastcv.mds(fastcv.pairwise_distances(x), 3)
    np.testing.assert_array_equal(model.embedding_, want.embedding)
    assert (model.stress_, model.n_iter_) == (want.stress, want.n_iter)
    assert model.result_.converged
    np.testing.assert_array_equal(model.fit_transform(x, y=np.arange(40)), want.embedding)

    distances = fastcv.pairwise_distances(x)
    model = fastcv.MDS(3, metric="precomputed", normalized_stress=True).fit(distances)
    np.testing.assert_array_equal(model.embedding_, want.embedding)
    found = fastcv.pairwise_distances(want.embedding.astype(np.float64))
    assert model.stress_ == pytest.approx(np.sqrt(2 * want.stress / (found**2).sum()), rel=1e-4)
    assert model.n_features_in_ == 40
    assert model.dissimilarity_matrix_ is distances

    start = samples(features=3)
    model = fastcv.MDS(3, metric="precomputed").fit(distances, init=start)
    np.testing.assert_array_equal(model.embedding_, fastcv.mds(distances, 3, init=start).embedding)


def test_what_is_not_float_becomes_float64():
    x = np.random.default_rng(0).integers(0, 9, (20, 3))
    for data in (x, x.tolist(), x.astype(np.uint8), x.astype(np.float16), x.astype(object)):
        found = fastcv.MDS().fit_transform(data)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, fastcv.MDS().fit_transform(x.astype(np.float64)))


def test_random_starts():
    distances = fastcv.pairwise_distances(samples(30, 8))
    options = {"metric": "precomputed", "init": "random"}
    one = fastcv.MDS(random_state=3, **options).fit(distances)
    np.testing.assert_array_equal(
        one.embedding_, fastcv.MDS(random_state=3, **options).fit(distances).embedding_
    )
    best = fastcv.MDS(random_state=3, n_init=8, **options).fit(distances)
    assert best.stress_ <= one.stress_
    generator = np.random.RandomState(0)
    a, b = (fastcv.MDS(random_state=generator, **options).fit_transform(distances) for _ in range(2))
    assert not np.array_equal(a, b)


def test_missing_distances():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    x = samples(30, 2)
    distances = fastcv.pairwise_distances(x)
    gaps = distances.copy()
    gaps[3, 20] = gaps[20, 3] = np.nan
    found = fastcv.MDS(metric="precomputed").fit_transform(gaps)
    assert fastcv.procrustes(found, x).rmse < 1e-6
    pairs = scipy_sparse.csr_array(np.triu(np.nan_to_num(gaps), 1))
    found = fastcv.MDS(metric="precomputed").fit_transform(pairs)
    assert fastcv.procrustes(found, x).rmse < 1e-6


def test_metrics():
    pytest.importorskip("scipy")
    x = samples()
    city = np.abs(x[:, None] - x[None]).sum(-1)
    for metric in ("cityblock", "manhattan", lambda a, b: np.abs(a - b).sum()):
        model = fastcv.MDS(metric=metric).fit(x)
        np.testing.assert_allclose(model.dissimilarity_matrix_, city)
    model = fastcv.MDS(metric="minkowski", metric_params={"p": 1}).fit(x)
    np.testing.assert_allclose(model.dissimilarity_matrix_, city)


def test_dissimilarity_is_deprecated():
    distances = fastcv.pairwise_distances(samples())
    with pytest.warns(FutureWarning, match="dissimilarity is deprecated"):
        old = fastcv.MDS(dissimilarity="precomputed").fit_transform(distances)
    np.testing.assert_array_equal(old, fastcv.MDS(metric="precomputed").fit_transform(distances))
    with pytest.raises(ValueError, match="give metric, and not dissimilarity"):
        fastcv.MDS(dissimilarity="euclidean", metric="precomputed").fit(distances)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"metric_mds": False}, "metric_mds must be True"),
        ({"metric": True}, "metric must be a str or callable"),
        ({"n_components": 0}, "n_components must be an int of at least 1"),
        ({"n_components": 2.5}, "n_components must be an int of at least 1"),
        ({"n_init": 0}, "n_init must be an int of at least 1"),
        ({"max_iter": 0}, "max_iter must be an int of at least 1"),
        ({"init": "pca"}, "init must be 'classical_mds' or 'random'"),
        ({"normalized_stress": "yes"}, "normalized_stress must be"),
        ({"dissimilarity": "cosine"}, "dissimilarity must be"),
        ({"eps": -1.0}, "tol must be finite and at least 0"),
    ],
)
def test_refused_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        fastcv.MDS(**parameters).fit(samples())


def test_refused_data():
    with pytest.raises(ValueError, match="must be finite"):
        fastcv.MDS().fit(np.full((4, 2), np.nan))
    with pytest.raises(ValueError, match="square matrix"):
        fastcv.MDS(metric="precomputed").fit(samples())
    with pytest.raises(ValueError, match="symmetric"):
        fastcv.MDS(metric="precomputed").fit(samples(6, 6))
    with pytest.raises(ValueError, match="expected 2D array"):
        fastcv.MDS().fit(np.arange(4.0))
    with pytest.warns(UserWarning, match="is a square matrix, and is taken as samples"):
        fastcv.MDS().fit(samples(6, 6))


def test_parameters():
    model = fastcv.MDS(3, n_init=2)
    assert model.get_params()["n_components"] == 3
    assert model.set_params(n_components=1, eps=1e-3) is model
    assert (model.n_components, model.eps) == (1, 1e-3)
    with pytest.raises(ValueError, match="Invalid parameter 'alpha'"):
        model.set_params(alpha=1)
    assert repr(model) == "MDS(n_components=1, n_init=2, eps=0.001)"
    assert repr(fastcv.MDS()) == "MDS()"


def test_verbose_prints_runs_and_steps(capsys):
    x = samples()
    silent = fastcv.MDS(init="random", n_init=2, random_state=0).fit(x)
    assert capsys.readouterr().out == ""
    fastcv.MDS(init="random", n_init=2, random_state=0, verbose=1).fit(x)
    runs = capsys.readouterr().out.splitlines()
    assert len(runs) == 2
    assert any(line.endswith(f"after {silent.n_iter_} steps, stress {silent.stress_:.6g}") for line in runs)
    model = fastcv.MDS(verbose=2).fit(x)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_ + 2  # before the first step, and the run
    assert lines[0].startswith("step 0, stress ")
    losses = [float(line.split()[-1]) for line in lines]
    assert losses == sorted(losses, reverse=True)


# ---- with scikit-learn -------------------------------------------------------------------------


def test_its_own_checks():
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of estimators not derived from BaseEstimator, of square samples
        for model in (fastcv.MDS(), fastcv.MDS(init="random")):
            results = checks.check_estimator(model, on_fail=None, on_skip=None)
            assert len(results) > 30
            failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
            assert not failed


def test_same_parameters_as_its_mds():
    theirs = pytest.importorskip("sklearn.manifold").MDS().get_params()
    assert set(fastcv.MDS().get_params()) <= set(theirs)
    for name, value in theirs.items():
        if name != "init":  # of 1.10
            assert fastcv.MDS().get_params()[name] == value


def test_clone_and_pipeline():
    sklearn = pytest.importorskip("sklearn")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    model = fastcv.MDS(3, init="random", random_state=5)
    assert sklearn.clone(model).get_params() == model.get_params()
    x = samples()
    chain = pipeline.make_pipeline(preprocessing.StandardScaler(), fastcv.MDS(2))
    found = chain.fit_transform(x)
    np.testing.assert_allclose(found, fastcv.MDS(2).fit_transform((x - x.mean(0)) / x.std(0)), atol=1e-3)
    chain.set_params(mds__n_components=3)
    assert chain.fit_transform(x).shape == (40, 3)
    assert "MDS" in repr(chain)


def test_not_worse_than_its_mds():
    manifold = pytest.importorskip("sklearn.manifold")
    x = samples(60, 10)
    theirs = manifold.MDS(init="random", n_init=4, random_state=0, max_iter=1000).fit(x)
    ours = fastcv.MDS(init="random", n_init=4, random_state=0, max_iter=1000).fit(x)
    assert ours.stress_ <= theirs.stress_ * 1.002
    again = manifold.smacof(
        ours.dissimilarity_matrix_,
        n_components=2,
        init=ours.embedding_,
        n_init=1,
        max_iter=1,
        normalized_stress=False,
    )[1]
    assert again == pytest.approx(ours.stress_, rel=1e-3)
    one = fastcv.MDS(normalized_stress=True, eps=1e-10, max_iter=2000).fit(x)
    again = manifold.smacof(
        one.dissimilarity_matrix_,
        n_components=2,
        init=one.embedding_,
        n_init=1,
        max_iter=1,
        normalized_stress=True,
    )[1]
    assert again == pytest.approx(one.stress_, rel=1e-4)
