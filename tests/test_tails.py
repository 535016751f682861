"""Distribution functions and quantiles, over the rows of `tables`."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from tables import ROWS, Row, conditioning, frozen, upcast

import xentjax as xj

SCALAR = [row for row in ROWS if row.scalar and row.family is not xj.Categorical]
# the inversion is one, and takes seconds to compile: a root in each kind of coordinate, closed forms, counts
INVERTED = (
    xj.Beta,
    xj.Exponential,
    xj.Gamma,
    xj.GeneralizedExtremeValue,
    xj.Mixture,
    xj.Normal,
    xj.Poisson,
    xj.StudentT,
)
PROBABILITIES = np.array([1e-12, 1e-3, 0.2, 0.5, 0.8, 0.999, 1 - 1e-9])

over = functools.partial(pytest.mark.parametrize, "row", ids=str, scope="module")


@jax.jit
def _tails(p: Any, x: jax.Array) -> tuple:
    return jax.vmap(lambda x: (p.log_cdf(x), p.log_survival(x)))(x)


@jax.jit
def _quantiles(p: Any, probabilities: jax.Array) -> tuple:
    """Quantiles, their slopes, and there the slope of the distribution function and the density."""
    x, pace = jax.vmap(jax.value_and_grad(p.quantile))(probabilities)
    return x, pace, jax.vmap(jax.grad(p.cdf))(x), jnp.exp(jax.vmap(p.log_prob)(x))


# of a member that is an argument: compiled once for a family
quantiles = jax.jit(lambda p, probabilities: jax.vmap(p.quantile)(probabilities))
moments = jax.jit(lambda p: (p.mean, p.variance))


@functools.cache
def places(row: Row) -> np.ndarray:
    """Points from one tail to the other: scipy's quantiles, or the mean and steps of deviations from it."""
    p = row.make("float64")
    if row.reference and hasattr(frozen(row, p), "cdf"):
        return np.asarray(frozen(row, p).ppf(PROBABILITIES), float)
    if row.reference:
        return np.asarray(quantiles(p, jnp.asarray(PROBABILITIES)))
    mean, variance = map(float, moments(p))
    return mean + np.linspace(-3, 3, len(PROBABILITIES)) * variance**0.5


@functools.cache
def tails(row: Row, dtype: str) -> tuple:
    return tuple(np.asarray(tail, float) for tail in _tails(row.make(dtype), jnp.asarray(places(row), dtype)))


def tolerance(row: Row, dtype: str) -> float:
    """A few dozen roundings, and what a rounding of the point is worth 7 deviations from the mean."""
    # close to π the distance from the end of the circle is rounded, for a density of 1e4 at a scale of 1e-4 by 1e-11
    circle = 1e-10 if row.family is xj.WrappedCauchy else 0.0
    return float(jnp.finfo(dtype).eps) * (256 + 64 * conditioning(row)) + circle


# scipy has 8 digits of the zeta distribution, and of BetaBinomial(20, 1e6, 3e6), beside a sum in mpmath, 5 (here: 13)
@over([row for row in SCALAR if row.reference and row.family is not xj.Zeta and row.parameters != (20.0, 1e6, 3e6)])
def test_distribution_functions_are_scipys(row: Row) -> None:
    dtype = "float64"  # the functions behind these have tests of their own in float32
    p = row.make(dtype)
    reference = frozen(row, upcast(p))
    if not hasattr(reference, "cdf"):
        pytest.skip("scipy has no such distribution")
    x = places(row).astype(dtype).astype(float)
    with np.errstate(divide="ignore"):
        expected = np.log(reference.cdf(x)), np.log(reference.sf(x))
    for found, exact in zip(tails(row, dtype), expected, strict=True):
        # scipy's own digits, of probabilities down to 1e-9; XLA takes denormal points as 0
        counts = (np.abs(x) > float(jnp.finfo(dtype).tiny)) & (exact > np.log(1e-9))
        found, exact = found[counts], exact[counts]
        np.testing.assert_allclose(found, exact, rtol=tolerance(row, dtype) + 1e-8, atol=64 * np.finfo(float).eps)


@over(SCALAR)
def test_tails_sum_to_one(row: Row) -> None:
    dtype = "float64"
    below, above = tails(row, dtype)
    np.testing.assert_allclose(np.exp(below) + np.exp(above), 1.0, rtol=tolerance(row, dtype))
    assert (np.diff(np.exp(below)) >= 0).all()


@over([row for row in SCALAR if row.family in INVERTED])
def test_quantiles_invert(row: Row) -> None:
    """Their slope is one over the density, which is the slope of the distribution function."""
    # closer to 1 a probability has lost the digits of its complement
    p, probabilities = row.make("float64"), np.minimum(PROBABILITIES, 0.9999)
    x, pace, slope, density = map(np.asarray, _quantiles(p, jnp.asarray(probabilities)))
    below = np.exp(_tails(p, jnp.asarray(x))[0])
    if p.support.discrete:
        assert (below >= probabilities * (1 - 1e-12)).all()
        assert (np.exp(_tails(p, jnp.asarray(x - 1))[0]) < probabilities).all()
        return
    allowed = tolerance(row, "float64")
    np.testing.assert_allclose(below, probabilities, rtol=allowed)
    np.testing.assert_allclose(slope, density, rtol=allowed)
    np.testing.assert_allclose(pace * density, 1.0, rtol=allowed)


@over([row for i, row in enumerate(SCALAR) if row.family not in {other.family for other in SCALAR[:i]}])
def test_ends(row: Row) -> None:
    p = row.make("float64")
    low, high = (float(end) for end in p.ends())
    far = jnp.asarray([low - 1 if np.isfinite(low) else -np.inf, high if np.isfinite(high) else np.inf, np.nan])
    found = _tails(p, jnp.asarray(np.pad(far, (0, len(PROBABILITIES) - 3), mode="edge")))
    found = [np.asarray(tail)[:3] for tail in found]
    np.testing.assert_array_equal(found[0], [-np.inf, 0.0, np.nan])
    np.testing.assert_array_equal(found[1], [0.0, -np.inf, np.nan])


def test_the_circle_takes_several_points_and_members() -> None:
    loc, x = jnp.asarray([[-1.0], [2.0]]), jnp.asarray([[-3.0, 0.0, 1.0]])
    found = xj.VonMises(loc, 2.0).log_cdf(x)
    each = [[xj.VonMises(one, 2.0).log_cdf(at) for at in x[0]] for one in loc[:, 0]]
    np.testing.assert_allclose(found, each, rtol=1e-6)  # the order of sums


def test_quantiles_where_floats_are_far_apart_or_the_density_is_0() -> None:
    # between 2e7 and its half the next float32 is 2 away
    p = xj.Truncated(xj.Poisson(jnp.float32(2e7)), 1.9999e7)
    middle = float(p.quantile(jnp.float32(0.5)))
    assert middle == pytest.approx(2e7, abs=4 * 2e7**0.5)
    # between the humps any number is a median
    apart = xj.Mixture(jnp.array([0.5, 0.5]), xj.Normal(jnp.array([-100.0, 100.0]), jnp.ones(2)))
    assert abs(float(apart.quantile(0.5))) < 100
    assert float(apart.cdf(apart.quantile(0.5))) == 0.5


def test_ends_of_quantiles() -> None:
    p = xj.Uniform(0.25, 2.0)
    assert [float(p.quantile(u)) for u in (0.0, 0.5, 1.0)] == [0.25, 1.125, 2.0]
    assert np.isnan(p.quantile(1.5))
    assert float(xj.Poisson(3.0).quantile(1.0)) == np.inf


@pytest.mark.parametrize(
    ("p", "probability", "expected"),
    [
        (xj.Geometric(1e-8), 0.5, np.log(2) / 1e-8),
        (xj.Poisson(1e8), 0.5, 1e8),
        # Σ k^−s over k > x is about x^(1 − s) / (s − 1)
        (xj.Zeta(1.5), 0.9999, (2 / (1e-4 * scipy.special.zeta(1.5))) ** 2),
    ],
    ids=str,
)
def test_quantiles_beyond_the_whole_numbers_that_float32_tells_apart(p, probability, expected) -> None:
    p = jax.tree.map(lambda leaf: jnp.asarray(leaf, "float32"), p)
    # a probability is met to 8 roundings, and it and the distribution function have one each: of a tail of 1e-4 that is
    # 1 percent, and of its quantile 2
    allowed = 2 * 10 * float(jnp.finfo("float32").eps) / (1 - probability)
    assert float(p.quantile(jnp.asarray(probability, "float32"))) == pytest.approx(expected, rel=allowed)


def test_quantiles_of_tails_that_reach_the_end_of_the_range() -> None:
    probabilities = np.logspace(-36, -1, 36)  # of a Cauchy variable: 1 / (π x)
    cauchy = xj.StudentT(*jnp.asarray([1.0, 0.0, 1.0], "float32"))
    x = -jax.vmap(cauchy.quantile)(jnp.asarray(probabilities, "float32"))
    # float32 forms logarithms of up to 80
    np.testing.assert_allclose(x, 1 / np.tan(np.pi * probabilities), rtol=80 * float(jnp.finfo("float32").eps))
    heavy = xj.StudentT(0.1, 0.0, 1.0)
    assert float(heavy.log_cdf(heavy.quantile(1e-6))) == pytest.approx(np.log(1e-6), rel=1e-13)
    assert np.isnan(xj.StudentT(1e-3, 0.0, 1.0).quantile(1e-6))  # 1e-3000


def test_the_density_of_t_beyond_the_root_of_the_range() -> None:
    # a few roundings of float32, of a slope some more
    for dtype, x in (("float32", 1e30), ("float64", 1e200)):
        p, point = xj.StudentT(*jnp.asarray([1.0, 0.0, 1.0], dtype)), jnp.asarray(x, dtype)
        value, slope = jax.jit(jax.value_and_grad(p.log_prob))(point)
        assert float(value) == pytest.approx(-np.log(np.pi) - 2 * np.log(x), rel=1e-6)
        assert float(slope) == pytest.approx(-2 / x, rel=1e-5)


@jax.debug_key_reuse(False)  # which traces at each call
def test_second_calls_outside_jit_compile_nothing() -> None:
    for p in (xj.Gamma(2.0, 1.0), xj.Zeta(2.5), xj.VonMises(0.0, 1.0), xj.ConwayMaxwellPoisson(3.0, 0.7)):
        for call in (p.quantile, lambda u, p=p: p.cdf(2 * u), lambda u, p=p: p.sample(jax.random.key(int(10 * u)))):
            call(0.4)
            with jax.no_tracing():
                call(0.3)
