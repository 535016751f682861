"""Samples have the moments, the support, the shape and the type of their distribution."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st
from tables import ROWS, Row, points

import xentjax as xj
from xentjax.supports import CIRCLE

ORDINARY = [row for i, row in enumerate(ROWS) if row.family not in {other.family for other in ROWS[:i]}]

over = functools.partial(pytest.mark.parametrize, "row", ids=str, scope="module")
NUM_SAMPLES = 5000


@jax.jit
def draw(p: Any, key: jax.Array) -> tuple:
    """Samples, whether all are values of p, and the moments that they should have."""
    drawn = p.sample(key, (NUM_SAMPLES,))
    return drawn, jnp.all(p.support.contains(drawn)), p.mean, p.variance


@over([row for row in ROWS if row.family is not xj.Cauchy])  # which has neither
def test_samples_have_the_mean_and_the_variance(row: Row) -> None:
    p, n = row.make("float64"), NUM_SAMPLES
    drawn, contained, *moments = draw(p, jax.random.key(7))
    assert contained
    sample, mean, variance = np.asarray(drawn, float), *map(np.asarray, moments)
    # a sample tells its own errors, but of values that it may not hold
    x, weights = points(row, "float64") if row.scalar and p.support.discrete else (sample, np.full(n, 1 / n))
    if p.support == CIRCLE:  # on which they are those of the direction
        resultant = np.exp(1j * (sample - mean)).mean()
        along, across = (np.sqrt(weights @ part**2 / n) for part in (np.cos(x - mean) - 1 + variance, np.sin(x - mean)))
        assert abs(resultant.real - (1 - variance)) < 5 * along
        assert abs(resultant.imag) < 5 * across
        return
    fourth = np.tensordot(weights, (x - mean) ** 4, 1)
    # five standard errors: one in two million
    assert np.all(np.abs(sample.mean(0) - mean) < 5 * np.sqrt(variance / n))
    if not (row.family is xj.StudentT and row.parameters[0] < 4):  # which has no fourth moment
        assert np.all(np.abs(((sample - mean) ** 2).mean(0) - variance) < 5 * np.sqrt((fourth - variance**2) / n))


@over(ORDINARY)
def test_samples_have_the_shape_and_type_asked_for(row: Row) -> None:
    p = row.make("float32")
    found, mean = jax.eval_shape(lambda p, key: (p.sample(key, (2, 3)), p.mean), p, jax.random.key(0))
    assert found.shape == (2, 3, *mean.shape)
    assert found.dtype == (int if row.family is xj.Categorical else "float32")


def test_parameters_that_are_arrays_have_a_draw_for_each() -> None:
    loc, scale = jnp.asarray([[[0.0], [50.0]]]), jnp.asarray([[[2.0, 3.0, 4.0]]])
    found = np.asarray(xj.Normal(loc, scale).sample(jax.random.key(5), (400, 2, 3))).reshape(400, 6)
    # correlations of mean 0 and variance 1 / 400, to five standard errors; shared draws have 1
    assert np.abs(np.corrcoef(found.T) - np.eye(6)).max() < 5 / np.sqrt(400)
    for parameters, shape in ((3,), ()), ((3,), 1), ((1, 3), (4, 1)):
        with pytest.raises(ValueError, match=r"Normal.sample: .* would share a draw; give a shape that ends in"):
            xj.Normal(jnp.zeros(parameters), 1.0).sample(jax.random.key(5), shape)


def test_rejection_ends_where_nothing_has_a_meaning() -> None:
    drawn = jax.jit(lambda concentration: xj.VonMises(0.0, concentration).sample(jax.random.key(0), (3,)))
    assert np.isnan(drawn(jnp.nan)).all()
    assert np.isnan(drawn(-1.0)).all()


def test_draws_that_are_rounded_to_an_end() -> None:
    """In float32 a quantile of 0.001 is 129 units in the last place from the end, and a search for it passes that."""
    p = xj.Truncated(xj.Normal(jnp.float32(0.0), jnp.float32(1.0)), 8.0)
    drawn = np.asarray(p.sample(jax.random.key(0), (5000,)), float)
    assert np.isfinite(drawn).all()
    expected = st.norm.isf((1 - 1e-3) * st.norm.sf(8.0))
    assert float(p.quantile(jnp.float32(1e-3))) == pytest.approx(expected, abs=2e-6)  # two units in the last place


def test_samples_of_more_numbers_than_a_table_holds() -> None:
    @jax.jit
    def sample_and_moments(p: xj.ConwayMaxwellPoisson) -> tuple:
        return p.sample(jax.random.key(0), (400,)), p.mean, p.variance

    sample, mean, variance = map(np.asarray, sample_and_moments(xj.ConwayMaxwellPoisson(5e4, 0.5)))
    # five standard errors, of a distribution that is nearly normal
    assert abs(sample.mean() - mean) < 5 * np.sqrt(variance / 400)
    assert abs(sample.var() / variance - 1) < 5 * np.sqrt(2 / 400)


def test_standard_error_of_an_expectation() -> None:
    p, q = xj.LogNormal(0.5, 0.3), xj.Gamma(2.5, 1.3)
    exact = xj.cross_entropy(p, q)

    @jax.jit
    @jax.vmap
    def error(key: jax.Array) -> jax.Array:
        points = xj.monte_carlo(p, key, 400)
        return (xj.cross_entropy(points, q) - exact) / points.standard_error(q.log_prob)

    # of mean 0 and variance 1, to five standard errors of 2000 repetitions, and to what skewness does to a mean in
    # units of its own error: about skewness / √n and skewness² / n
    errors = np.asarray(error(jax.random.split(jax.random.key(3), 2000)))
    assert abs(errors.mean()) < 5 / np.sqrt(2000) + 1 / np.sqrt(400)
    assert abs(errors.var() - 1) < 5 * np.sqrt(2 / 2000) + 0.02


def test_standard_error_counts_by_weights_and_keeps_the_tree(dtype: str) -> None:
    x, weights = np.asarray([1.0, 2.0, 4.0], dtype), np.asarray([2, 0, 3])

    @jax.jit
    def errors(x: jax.Array, weights: jax.Array) -> dict:
        return xj.Empirical(x, weights).standard_error(lambda x: {"x": x, "square": jnp.stack([x, x * x])})

    found = errors(x, weights)
    repeated = np.asarray([1.0, 1.0, 4.0, 4.0, 4.0])
    rounding = float(8 * jnp.finfo(dtype).eps)
    assert found["x"].dtype == dtype
    assert float(found["x"]) == pytest.approx(st.sem(repeated), rel=rounding)
    assert np.asarray(found["square"]) == pytest.approx([st.sem(repeated), st.sem(repeated**2)], rel=rounding)


def test_points_that_were_not_drawn_have_no_standard_error() -> None:
    with pytest.raises(TypeError, match=r"points that were not drawn.*monte_carlo"):
        xj.quadrature(xj.Normal(0.0, 1.0)).standard_error(lambda x: x)
