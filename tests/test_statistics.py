"""Centres and spreads: exact over data however far from zero, over chunks and mixtures; what fits make of them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.special
from mpmath import mp
from tables import ROWS, exact, points

import xentjax as xj
from xentjax.cumulants import log_gamma_plus_one, power
from xentjax.statistics import (
    Center,
    Spread,
    distance,
    identity,
    log,
    log_square,
    minus_log,
    minus_log1m,
    move,
    outer,
    square,
    summarize,
)

N = 64
UNIT = np.random.default_rng(3).uniform(0.05, 0.95, N)
COUNTS = np.random.default_rng(4).poisson(3.0, N).astype(float)  # some are 0
CHUNKS = [(0, 5), (5, 40), (40, N)]
WEIGHTS = np.random.default_rng(5).integers(0, 4, N).astype(float)

# spread: data that it is defined for, its convex function and that function's derivative, of the centre, in mpmath
SPREADS: dict[Spread, tuple[np.ndarray, Callable, Callable]] = {
    square: (UNIT, lambda y: y * y, lambda y: 2 * y),
    minus_log: (UNIT, lambda y: -mp.log(y), lambda y: -1 / y),
    minus_log1m: (UNIT, lambda y: -mp.log(1 - y), lambda y: 1 / (1 - y)),
    log_gamma_plus_one: (COUNTS, lambda y: mp.loggamma(y + 1), lambda y: mp.digamma(y + 1)),
    log_square: (UNIT, lambda y: y * y, lambda y: 2 * y),
}
summary = jax.jit(summarize, static_argnums=1)
over_spreads = pytest.mark.parametrize("spread", SPREADS, ids=repr)
weighted = pytest.mark.parametrize("weights", [np.ones(N), WEIGHTS], ids=["equal", "unequal"])


def source(x: np.ndarray, weights: np.ndarray, dtype: str) -> xj.Empirical:
    return xj.Empirical(jnp.asarray(x, dtype), jnp.asarray(weights, dtype))


def exactly(x: np.ndarray, weights: np.ndarray, spread: Spread, f: Callable, slope: Callable) -> tuple[Any, Any]:
    """The mean of the centre and the spread about it, of data that are floats, in mpmath."""
    y = [mp.log(v) if spread.center is log else v for v in exact(x)]
    share, total = exact(weights), sum(exact(weights))
    mean = sum(w * v for w, v in zip(share, y, strict=True)) / total
    return mean, sum(w * (f(v) - f(mean) - slope(mean) * (v - mean)) for w, v in zip(share, y, strict=True)) / total


@weighted
@over_spreads
def test_summaries_of_data_are_exact(spread: Spread, weights: np.ndarray, dtype: str) -> None:
    x, f, slope = SPREADS[spread]
    data = source(x, weights, dtype)
    mean, value = summary(data, (spread.center, spread))
    assert mean.dtype == value.dtype == dtype
    with mp.workdps(40):
        expected = exactly(np.asarray(data.data), weights, spread, f, slope)
    eps = float(jnp.finfo(dtype).eps)
    assert float(mean) == pytest.approx(float(expected[0]), rel=4 * eps)
    # each of 64 gaps rounds a few times, and their errors do not all point the same way
    assert float(value) == pytest.approx(float(expected[1]), rel=32 * eps)


def test_outer_products_are_numpys(dtype: str) -> None:
    x = np.stack([UNIT, COUNTS], -1)
    mean, covariance = summary(source(x, WEIGHTS, dtype), (identity, outer))
    rounded = np.asarray(jnp.asarray(x, dtype), np.longdouble)
    eps = float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(mean, np.average(rounded, 0, WEIGHTS), rtol=4 * eps)
    expected = np.cov(rounded.astype(float).T, fweights=WEIGHTS.astype(int), ddof=0)
    np.testing.assert_allclose(covariance, expected, rtol=16 * eps, atol=16 * eps * np.abs(expected).max())


@pytest.mark.parametrize("far", [0.0, 1e3, 1e6])
def test_the_variance_does_not_see_the_mean(far: float, dtype: str) -> None:
    data = jnp.asarray(far + np.random.default_rng(0).normal(size=N), dtype)
    _, variance = summary(xj.Empirical(data), (identity, square))
    # differences of neighbouring floats are exact: what is left is the rounding of squares and of their sum
    expected = np.var(np.asarray(data, np.longdouble))
    assert float(variance) == pytest.approx(float(expected), rel=8 * float(jnp.finfo(dtype).eps))


def merge(weights: jax.Array, means: jax.Array, spread: Spread, values: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The parallel-variance rule of any convex function: the mean of the spreads and the spread of the means."""
    share = weights / jnp.sum(weights)
    mean = jnp.tensordot(share, means, 1)
    moved = jax.vmap(lambda value, m: move(spread, value, m, mean))(values, means)
    return mean, jnp.tensordot(share, moved, 1)


@pytest.mark.parametrize("spread", [*SPREADS, power(jnp.asarray(1.7)), distance(jnp.asarray(0.4)), outer], ids=repr)
def test_spreads_merge_exactly(spread: Spread) -> None:
    """Three chunks of unequal size and weight are the whole."""
    x = SPREADS[spread][0] if spread in SPREADS else UNIT
    x = jnp.asarray(np.stack([x, x**2], -1) if spread is outer else x)
    # a weight of 0 leaves a point out: one shape for every chunk
    weights = jnp.stack([np.where((i <= np.arange(N)) & (np.arange(N) < j), WEIGHTS, 0.0) for i, j in CHUNKS])

    @jax.jit
    def both(weights: jax.Array) -> tuple:
        parts = jax.vmap(lambda w: summarize(xj.Empirical(x, w), (spread.center, spread)))(weights)
        whole = summarize(xj.Empirical(x, weights.sum(0)), (spread.center, spread))
        return merge(weights.sum(1), parts[0], spread, parts[1]), whole

    merged, whole = both(weights)
    # sums of 64 terms in another order
    for found, expected in zip(merged, whole, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("row", [row for row in ROWS if row.family is xj.Mixture], ids=str)
def test_a_mixture_knows_what_its_components_know(row: Any) -> None:
    p = row.make("float64")
    by_points = xj.Empirical(*map(jnp.asarray, points(row, "float64")))
    positive = type(p.components) is xj.Gamma
    candidates = [minus_log, log_square, power(jnp.asarray(1.7))] if positive else [distance(jnp.asarray(0.3))]

    @jax.jit
    def both(p: xj.Mixture, by_points: xj.Empirical) -> list:
        return [
            [summarize(source, (spread.center, spread)) for source in (p, by_points)]
            for spread in (square, *candidates)
        ]

    for spread, (closed, numeric) in zip((square, *candidates), both(p, by_points), strict=True):
        # across the kink of a distance the points err by h² / 12 with h = 8.4 π/2 / 2048
        np.testing.assert_allclose(closed, numeric, rtol=1e-13 if positive or spread is square else 5e-6)


def test_weights(dtype: str) -> None:
    """A weight of 2 is the point twice, of 0 none, even of an infinite value; the scale of weights is none."""
    x = jnp.asarray([1.0, 2.0, jnp.inf], dtype)
    twice = summary(xj.Empirical(jnp.asarray([1.0, 2.0, 2.0], dtype)), (identity, square))
    for scale in (1.0, 10.0):
        found = summary(xj.Empirical(x, scale * jnp.asarray([1.0, 2.0, 0.0], dtype)), (identity, square))
        np.testing.assert_allclose(found, twice, rtol=4 * float(jnp.finfo(dtype).eps))
    assert float(xj.Empirical(x, jnp.asarray([1.0, 2.0, 0.0])).total) == 3.0
    assert float(xj.Empirical(x).total) == 3.0


def test_a_function_of_a_point_may_return_a_tree() -> None:
    data = xj.Empirical({"a": jnp.arange(4.0), "b": jnp.ones((4, 2))}, jnp.array([1.0, 0.0, 0.0, 3.0]))
    found = data.expect(lambda x: {"sum": x["a"] + x["b"], "a": x["a"]})
    np.testing.assert_allclose(found["sum"], [3.25, 3.25])
    assert float(found["a"]) == 2.25


@pytest.mark.parametrize("center", [identity, log])
def test_a_single_point_has_no_spread(center: Center) -> None:
    for spread in (s for s in SPREADS if s.center is center):
        assert summary(xj.Empirical(jnp.array([0.3])), (center, spread))[1] == 0


# Fits to float32 data far from zero, against float64 arithmetic on the same numbers

RNG = np.random.default_rng(6)
FAR = {
    xj.Normal: 1e6 + RNG.normal(size=1000),
    xj.LogNormal: np.exp(10 + 1e-3 * RNG.normal(size=1000)),
    xj.Gamma: RNG.gamma(1e4, 0.5, size=1000),
}


def _normal(x: np.ndarray) -> tuple:
    return x.mean(), x.std()


def _gamma(x: np.ndarray) -> tuple:
    # the ratios are exact to 1e-16, so that the gap, 1 / 2a = 5e-5, has 12 digits
    gap = np.mean(x / x.mean() - 1 - np.log(x / x.mean()))
    a = scipy.optimize.brentq(lambda a: np.log(a) - scipy.special.digamma(a) - gap, 1.0, 1e7, xtol=1e-6)
    return a, a / x.mean()


REFERENCES = {xj.Normal: _normal, xj.LogNormal: lambda x: _normal(np.log(x)), xj.Gamma: _gamma}


@pytest.mark.parametrize("family", FAR)
def test_fits_far_from_zero_in_float32(family: type) -> None:
    x = FAR[family].astype("float32")
    fit = xj.fit_mle(family, jnp.asarray(x))
    assert fit.converged
    expected = REFERENCES[family](x.astype(float))
    found = jax.tree.leaves(fit.model)
    assert all(leaf.dtype == "float32" for leaf in found)
    # a spread has the relative accuracy of its gaps; 1e-5 is 100 roundings
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_blocks_of_an_accelerator_are_larger_and_sum_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=5000)
    source, sizes = xj.Empirical(jnp.asarray(x), jnp.ones(5000)), []

    def square(points: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        sizes.append(len(points))
        return jnp.sum(weights * points**2), points + 1

    for backend in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda backend=backend: backend)
        total, kept = source.reduce_and_keep(square, 1024)
        np.testing.assert_allclose(total, np.sum(x**2), rtol=1e-14)
        np.testing.assert_array_equal(kept, x + 1)
    assert max(sizes) == 5000
    assert min(sizes) == 1000
