"""Derivatives of mixtures by way of their components, beside those through all coordinates."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import xentjax as xj
from xentjax.component_derivatives import turns_of
from xentjax.models.starts import started
from xentjax.objectives import PointObjective, _side_by_side

N = 1500  # more than a block
RNG = np.random.default_rng(0)
NUMBERS, PAIRS = RNG.gamma(2.0, size=N), RNG.normal(size=(N, 2))
HALVES, FIFTHS = jnp.array([0.4, 0.6]), jnp.array([0.1, 0.2, 0.3, 0.3, 0.1])
NORMALS = xj.Mixture(HALVES, xj.Normal(jnp.array([0.5, 2.0]), jnp.array([0.5, 1.5])))
TWO_KINDS = xj.Mixture(HALVES, (xj.Exponential(1.0), xj.Gamma(3.0, 1.0)))
LINE = xj.Regression(xj.Normal, loc=xj.Linear())
COVARIATES = (PAIRS + 3.0, NUMBERS)

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
    "regressions": (xj.Mixture(HALVES, LINE), (), COVARIATES),
    "different regressions": (xj.Mixture(HALVES, (LINE, LINE)), (), COVARIATES),
    "a single one": (xj.Mixture(jnp.ones(1), xj.Normal(jnp.zeros(1), jnp.ones(1))), (), NUMBERS),
    "of mixtures": (xj.Mixture(HALVES, (NORMALS, xj.Normal(1.0, 1.0))), (), NUMBERS),
    "single precision": (jax.tree.map(lambda a: a.astype("float32"), NORMALS), (), NUMBERS.astype("float32")),
    "some points excluded": (xj.Mixture(HALVES, (xj.Normal(0.0, 1.0), xj.Gamma(2.0, 1.0))), (), PAIRS[:, 0]),
    "a weight of 0": (xj.Mixture(jnp.array([1.0, 0.0]), NORMALS.components), ("weights",), NUMBERS),
}


@partial(jax.jit, static_argnums=0)
def derivatives(row, points, weights):
    """By components, and through all coordinates, at a point that is no minimum.

    The points are arguments: of constants the compiler would compute what it can, slowly.
    """
    model, held, _ = ROWS[row]
    model = started(model, xj.Empirical(points))
    free, constrain = xj.unconstrain(model, held)
    assert turns_of(model, free) is not None
    vector, unravel = ravel_pytree(free)
    vector = vector + 0.1 * jnp.cos(jnp.arange(vector.size)).astype(vector.dtype)

    def plain(vector):
        terms = jax.vmap(constrain(unravel(vector)).log_prob)(points)
        return -jnp.sum(weights.astype(terms.dtype) * terms) / weights.sum().astype(terms.dtype)

    by_components = PointObjective(constrain, xj.Empirical(points, weights)).second_order(vector, unravel)
    return by_components, _side_by_side(plain, vector)


@pytest.mark.parametrize("row", ROWS)
def test_derivatives_by_components_are_those_through_all_coordinates(row):
    found, expected = derivatives(row, ROWS[row][2], np.arange(float(N)) % 3)
    for own, plain in zip(found, expected, strict=True):
        # means of terms of some ten times their size, in another order
        eps = np.finfo(plain.dtype).eps
        np.testing.assert_allclose(own, plain, rtol=256 * eps, atol=256 * eps * np.abs(plain).max())


def test_coordinates_by_turns():
    def turns(model, held=()):
        return turns_of(model, xj.unconstrain(model, held)[0])

    # "components.loc", "components.scale", "weights", in this order
    np.testing.assert_array_equal(turns(NORMALS), [[4, -1], [0, 1], [2, 3]])
    np.testing.assert_array_equal(turns(TWO_KINDS), [[3, -1], [0, 1], [-1, 2]])
    np.testing.assert_array_equal(turns(NORMALS, ("weights", "components.loc")), [[-1, -1], [0, 1]])
    assert turns(xj.Gamma(1.0, 1.0)) is None
    assert turns(NORMALS, ("components.loc", "components.scale")) is None
    wide = xj.MultivariateNormal(jnp.zeros((2, 3)), jnp.stack([jnp.eye(3)] * 2))
    assert turns(xj.Mixture(HALVES, wide)) is None


class Tilted(xj.Mixture):
    def log_prob(self, x):
        return super().log_prob(x - 1.0)


@xj.record
class Named:
    """With names that parts of the library have."""

    log_probs: xj.Parameter = xj.logits()
    seen: xj.Parameter = xj.unit_interval(0.5)

    def log_prob(self, x):
        return jax.nn.log_softmax(self.log_probs)[x] + xj.Bernoulli(self.seen).log_prob(jnp.minimum(x, 1))


def test_what_has_a_density_of_its_own_is_no_plain_mixture():
    fit = xj.fit_mle(Tilted(HALVES, NORMALS.components), NUMBERS).check()
    np.testing.assert_allclose(-np.mean(jax.vmap(fit.model.log_prob)(NUMBERS)), fit.cross_entropy, rtol=1e-12)
    assert xj.fit_mle(Named(jnp.zeros(3)), RNG.integers(0, 3, N), fixed=["seen"]).converged


def test_components_and_weights_are_as_many():
    three = xj.Mixture(HALVES, (xj.Normal(0.0, 1.0),) * 3)
    with pytest.raises(ValueError, match="found 2 weights and a tuple of 3 components"):
        xj.fit_mle(three, NUMBERS)
