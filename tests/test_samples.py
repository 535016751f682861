"""Samples have the moments, the support, the shape and the type of their distribution."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables import ROWS, Row, points

import xentjax as xj
from xentjax.parameters import CIRCLE

ORDINARY = [row for i, row in enumerate(ROWS) if row.family not in {other.family for other in ROWS[:i]}]

over = functools.partial(pytest.mark.parametrize, "row", ids=str, scope="module")
moments = jax.jit(lambda p: (p.mean, p.variance))
draw = jax.jit(lambda p, key, n: p.sample(key, (n,)), static_argnums=2)


@over([row for row in ROWS if row.family is not xj.Cauchy])  # which has neither
def test_samples_have_the_mean_and_the_variance(row: Row) -> None:
    p, n = row.make("float64"), 5000
    drawn = draw(p, jax.random.key(7), n)
    assert jnp.all(p.support.contains(drawn))
    sample = np.asarray(drawn, float)
    x, weights = points(row, "float64") if row.scalar else (sample, np.full(n, 1 / n))
    mean, variance = (np.asarray(a) for a in moments(p))
    if p.support == CIRCLE:  # on which they are those of the direction
        resultant = np.exp(1j * (sample - mean)).mean()
        along, across = (np.sqrt(weights @ part**2 / n) for part in (np.cos(x - mean) - 1 + variance, np.sin(x - mean)))
        assert abs(resultant.real - (1 - variance)) < 5 * along
        assert abs(resultant.imag) < 5 * across
        return
    with np.errstate(over="ignore"):  # the fourth moment of a heavy tail may be infinite
        fourth = np.tensordot(weights, (x - mean) ** 4, 1)
    # five standard errors: one in two million
    assert np.all(np.abs(sample.mean(0) - mean) < 5 * np.sqrt(variance / n))
    if not (row.family is xj.StudentT and row.parameters[0] < 4):  # which has no fourth moment
        assert np.all(np.abs(((sample - mean) ** 2).mean(0) - variance) < 5 * np.sqrt((fourth - variance**2) / n))


@over(ORDINARY)
def test_samples_have_the_shape_and_type_asked_for(row: Row) -> None:
    p = row.make("float32")
    found = jax.eval_shape(lambda key: p.sample(key, (2, 3)), jax.random.key(0))
    assert found.shape == (2, 3, *p.mean.shape)
    assert found.dtype == (int if row.family is xj.Categorical else "float32")
