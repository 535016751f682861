"""Derivatives of mixtures by way of their components, beside those through all coordinates."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import xentjax as xj
from xentjax.component_derivatives import turns_of
from xentjax.objectives import cross_entropy_objective

N = 60
RNG = np.random.default_rng(0)
NUMBERS, PAIRS = RNG.gamma(2.0, size=N), RNG.normal(size=(N, 2))
HALVES, FIFTHS = jnp.array([0.4, 0.6]), jnp.array([0.1, 0.2, 0.3, 0.3, 0.1])
NORMALS = xj.Mixture(HALVES, xj.Normal(jnp.array([0.5, 2.0]), jnp.array([0.5, 1.5])))
TWO_KINDS = xj.Mixture(HALVES, (xj.Exponential(1.0), xj.Gamma(3.0, 1.0)))

# a mixture, what is held of it, and points
ROWS = {
    "normals": (NORMALS, (), NUMBERS),
    "weights held": (NORMALS, ("weights",), NUMBERS),
    "scales held": (NORMALS, ("components.scale",), NUMBERS),
    "five": (xj.Mixture(FIFTHS, xj.Gamma(jnp.linspace(1.0, 5.0, 5), jnp.linspace(1.0, 2.0, 5))), (), NUMBERS),
    "of two kinds": (TWO_KINDS, (), NUMBERS),
    "one of them held": (
        xj.Mixture(HALVES, (xj.Exponential(1.0), xj.Gamma(3.0, 1.0))),
        ("components.0.rate",),
        NUMBERS,
    ),
    "vectors": (
        xj.Mixture(HALVES, xj.MultivariateNormal(jnp.array([[0.0, 0.0], [1.0, -1.0]]), jnp.stack([jnp.eye(2)] * 2))),
        (),
        PAIRS,
    ),
    "some points excluded": (xj.Mixture(HALVES, (xj.Normal(0.0, 1.0), xj.Gamma(2.0, 1.0))), (), PAIRS[:, 0]),
    "a weight of 0": (xj.Mixture(jnp.array([1.0, 0.0]), NORMALS.components), ("weights",), NUMBERS),
}


@partial(jax.jit, static_argnums=0)
def derivatives(row):
    """By components, and through all coordinates, at a point that is no minimum."""
    model, held, points = ROWS[row]
    free, constrain = xj.unconstrain(model, held)
    assert turns_of(model, free) is not None
    vector, unravel = ravel_pytree(free)
    vector = vector + 0.1 * jnp.cos(jnp.arange(vector.size))
    objective = cross_entropy_objective(constrain, model, xj.Empirical(jnp.asarray(points), jnp.arange(float(N)) % 3))

    def plain(vector):
        return objective(unravel(vector))

    return objective.second_order(vector, unravel), (plain(vector), jax.grad(plain)(vector), jax.hessian(plain)(vector))


@pytest.mark.parametrize("row", ROWS)
def test_derivatives_by_components_are_those_through_all_coordinates(row):
    found, expected = derivatives(row)
    for own, plain in zip(found, expected, strict=True):
        # sums of sixty terms, in another order
        np.testing.assert_allclose(own, plain, rtol=1e-11, atol=1e-12 * np.abs(plain).max())


def test_coordinates_by_turns():
    def turns(model, held=()):
        return turns_of(model, xj.unconstrain(model, held)[0])

    # "components.loc", "components.scale", "weights", in this order
    np.testing.assert_array_equal(turns(NORMALS), [[0, 1], [2, 3]])
    np.testing.assert_array_equal(turns(TWO_KINDS), [[0, 1], [-1, 2]])
    assert turns(xj.Gamma(1.0, 1.0)) is None
    assert turns(NORMALS, ("components.loc", "components.scale")) is None
    wide = xj.MultivariateNormal(jnp.zeros((2, 3)), jnp.stack([jnp.eye(3)] * 2))
    assert turns(xj.Mixture(HALVES, wide)) is None
