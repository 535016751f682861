"""Derivatives by way of predictors, dense and as products, beside those through all coefficients."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from regression_rows import CLASSES, NUMBERS, RNG, ROWS, N, X

import xentjax as xj
from xentjax.objectives import Penalized, _side_by_side, cross_entropy_objective


@partial(jax.jit, static_argnums=0)
def derivatives(row):
    """The Hessian by predictors, and through all coefficients, at a point that is no minimum."""
    model, y = ROWS[row]
    source = xj.Empirical((jax.tree.map(jnp.asarray, X), jnp.asarray(y)), jnp.linspace(0.0, 2.0, N))
    start = model.start(source)
    free, constrain = xj.unconstrain(start)
    vector, unravel = ravel_pytree(free)
    vector = vector + 0.1 * jnp.cos(jnp.arange(vector.size))
    objective = cross_entropy_objective(constrain, start, source)

    def plain(vector):
        return objective(unravel(vector))

    return objective.second_order(vector, unravel), _side_by_side(plain, vector)


@pytest.mark.parametrize("row", ROWS)
def test_derivatives_by_predictors_are_those_through_all_coefficients(row):
    found, expected = derivatives(row)
    for own, plain in zip(found, expected, strict=True):
        # sums of sixty terms, in another order
        np.testing.assert_allclose(own, plain, rtol=1e-11, atol=1e-12 * np.abs(plain).max())


@partial(jax.jit, static_argnums=0)
def products(model, data):
    """Products with the Hessian and with its rough inverse, and the Hessian, at a point that is no minimum."""
    source = xj.Empirical(data, jnp.linspace(0.0, 2.0, N))
    start = model.start(source)
    free, constrain = xj.unconstrain(start)
    vector, unravel = ravel_pytree(free)
    vector = vector + 0.1 * jnp.cos(jnp.arange(vector.size))
    plain = cross_entropy_objective(constrain, start, source)
    objective = Penalized(plain, lambda free: -sum(jnp.sum(u**2) for u in free.values()), source.total)
    value, gradient, product, rough = objective.products(vector, unravel)
    moved = jnp.sin(jnp.arange(vector.size))
    inverse = rough(jnp.zeros_like(vector))
    return moved, (value, gradient, product(moved)), inverse(moved), objective.second_order(vector, unravel)


CHOICES = {
    # each logit's coefficients: one constant and one of the column
    "multinomial": (xj.Regression(xj.Categorical(jnp.zeros(3)), logits=xj.Linear(["dose"])), X, [[0, 2], [1, 3]]),
    "normal": (xj.Regression(xj.Normal, loc=xj.Linear()), X, [[0, 1, 2], [3]]),
    "alternatives": (
        xj.Regression(xj.Categorical(jnp.zeros(3)), logits=xj.Linear(intercept=False)),
        RNG.normal(size=(N, 3, 2)),
        [[0, 1]],
    ),
}


@pytest.mark.parametrize("row", CHOICES)
def test_products_are_those_of_the_hessian(row):
    model, x, blocks = CHOICES[row]
    data = jax.tree.map(jnp.asarray, (x, NUMBERS if row == "normal" else CLASSES))
    moved, (value, gradient, product), inverse, (dense_value, dense_gradient, hessian) = products(model, data)
    # sums of sixty terms, in another order
    np.testing.assert_allclose(value, dense_value, rtol=1e-13)
    np.testing.assert_allclose(gradient, dense_gradient, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(product, hessian @ moved, rtol=1e-12, atol=1e-13)
    for block in blocks:
        # of the diagonal blocks, to the √eps that is added to them
        expected = np.linalg.solve(hessian[np.ix_(block, block)], moved[np.array(block)])
        np.testing.assert_allclose(inverse[np.array(block)], expected, rtol=1e-6)


def slope_of(model):
    return model.predictors["probs"].coefficients["x"]


def test_many_coefficients_are_those_of_newtons_method():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1500, 70))
    y = (rng.uniform(size=len(x)) < 1 / (1 + np.exp(-x @ rng.normal(size=70) / 5))).astype(float)
    fit = xj.fit_map(xj.Regression(xj.Bernoulli, probs=xj.Linear()), (x, y), lambda m: -jnp.sum(slope_of(m) ** 2))
    design, ridge, expected = np.column_stack([np.ones(len(x)), x]), np.diag(np.r_[0.0, np.full(70, 2.0)]), np.zeros(71)
    for _ in range(12):
        p = 1 / (1 + np.exp(-design @ expected))
        hessian = (design.T * (p * (1 - p))) @ design + ridge
        expected = expected - np.linalg.solve(hessian, design.T @ (p - y) + ridge @ expected)
    # rounding
    np.testing.assert_allclose(slope_of(fit.check().model), expected[1:], rtol=1e-10, atol=1e-12)
