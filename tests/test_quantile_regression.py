"""Regression of a quantile, whose likelihood has corners: the best one is found, and proven to be."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog
from tables import eps

import xentjax as xj
from xentjax.models.quantiles import MANY, quantile_coefficients

found = jax.jit(quantile_coefficients)
fitted = partial(jax.jit, static_argnums=0)(lambda model, x, y: xj.fit_mle(model, (x, y)))


def loss(b, x, y, weights, level):
    residual = y - x @ b
    return np.sum(weights * np.where(residual > 0, level, level - 1) * residual)


def least_loss(x, y, weights, level):
    """By linear programming: positive and negative parts of the residuals are variables of their own."""
    n, p = x.shape
    costs = np.concatenate([np.zeros(p), level * weights, (1 - level) * weights])
    equal = np.concatenate([x, np.eye(n), -np.eye(n)], 1)
    return linprog(costs, A_eq=equal, b_eq=y, bounds=[(None, None)] * p + [(0, None)] * (2 * n)).fun


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("kind", ["continuous", "ties", "groups", "heavy tails", "weights"])
def test_no_line_has_a_smaller_loss(kind, level, dtype):
    rng = np.random.default_rng(3)
    n, p = 120, 4
    columns = rng.integers(0, 2, (n, p - 1)) if kind == "groups" else rng.normal(size=(n, p - 1))
    x = np.concatenate([np.ones((n, 1)), columns], 1).astype(dtype).astype(float)
    y = {"continuous": rng.normal(size=n), "heavy tails": 100 * rng.standard_cauchy(n)}.get(kind, rng.integers(0, 5, n))
    y = y.astype(dtype).astype(float)
    weights = rng.integers(0, 3, n).astype(float) if kind == "weights" else np.ones(n)
    b = found(*(jnp.asarray(a, dtype) for a in (x, y, weights, level)))
    assert b.dtype == dtype
    least = least_loss(x, y, weights, level)
    # the coefficients are rounded, and with them each residual
    assert loss(np.asarray(b, float), x, y, weights, level) <= least + 256 * eps(dtype) * np.sum(np.abs(y))


def test_how_far_outliers_are_does_not_matter(dtype):
    """They would spoil the rounding of residuals about the line of least squares, which they drag away."""
    rng = np.random.default_rng(0)
    x = np.stack([np.ones(120), *rng.normal(size=(3, 120))], 1)
    y, far = x @ np.array([1.0, 2.0, 3.0, 4.0]) + rng.normal(size=120), rng.permutation(120)[:6]
    lines = []
    for size in (1e2, 1e6, 1e12):
        y[far] = size
        lines.append(np.asarray(found(*(jnp.asarray(a, dtype) for a in (x, y, np.ones(120), 0.5)))))
    # one corner, solved from the same four rows
    np.testing.assert_allclose(lines, [lines[0]] * 3, rtol=64 * eps(dtype))
    y[far] = 1e2
    assert loss(lines[0].astype(float), x, y, np.ones(120), 0.5) <= least_loss(x, y, np.ones(120), 0.5) * (
        1 + 256 * eps(dtype)
    )


def test_data_that_scatter_far_from_zero_are_no_line():
    x, y = {"a": np.asarray(X["a"], "float32")}, np.asarray(1e5 + X["a"] + 0.3 * Y, "float32")
    fit = xj.fit_mle(xj.Regression(xj.Laplace, loc=xj.Linear()), (x, y)).check()
    # responses of 1e5 are known to 0.004
    residual = y.astype(float) - np.asarray(jax.vmap(fit.model.predictors["loc"])(x), float)
    assert float(fit.model.of.scale) == pytest.approx(np.mean(np.abs(residual)), abs=0.01)
    assert fit.model.of.scale > 0.05


def test_of_many_rows_a_part_is_solved_first():
    rng = np.random.default_rng(5)
    x = np.stack([np.ones(MANY + 1), rng.normal(size=MANY + 1)], 1)
    y = x @ np.array([1.0, 2.0]) + rng.standard_t(3, size=MANY + 1)
    b, ones = np.asarray(found(x, y, np.ones(len(y)), 0.3)), np.ones(len(y))
    # the loss is convex, so that it is enough to look around
    angles = 2 * np.pi * np.arange(12) / 12
    around = b + 1e-6 * np.stack([np.cos(angles), np.sin(angles)], 1)
    assert all(loss(other, x, y, ones, 0.3) > loss(b, x, y, ones, 0.3) for other in around)
    assert np.sum(np.abs(y - x @ b) < 1e-12) == 2  # rounding
    # where the part holds no row that counts, it is no guide
    held_out = np.where(np.arange(MANY + 1) % 2 == 0, 0.0, 1.0)  # the part is every sixth row
    b = np.asarray(found(x, y, held_out, 0.3))
    around = b + 1e-6 * np.stack([np.cos(angles), np.sin(angles)], 1)
    assert all(loss(other, x, y, held_out, 0.3) > loss(b, x, y, held_out, 0.3) for other in around)


# Brownlee (1965), Statistical Theory and Methodology in Science and Engineering, section 13.12: air flow, water
# temperature, acid concentration, and loss of ammonia over 21 days of a plant.
STACK_LOSS = np.array([
    [80, 80, 75, 62, 62, 62, 62, 62, 58, 58, 58, 58, 58, 58, 50, 50, 50, 50, 50, 56, 70],
    [27, 27, 25, 24, 22, 23, 24, 24, 23, 18, 18, 17, 18, 19, 18, 18, 19, 19, 20, 20, 20],
    [89, 88, 90, 87, 87, 87, 93, 93, 87, 80, 89, 88, 82, 93, 89, 86, 72, 79, 80, 82, 91],
    [42, 37, 37, 28, 18, 18, 19, 20, 15, 14, 14, 13, 11, 12, 8, 7, 8, 8, 9, 15, 15],
], float)  # fmt: skip


def test_stack_loss():
    air, water, acid, y = STACK_LOSS
    x = {"air": air, "water": water, "acid": acid}
    fit = xj.fit_mle(xj.Regression(xj.Laplace, loc=xj.Linear()), (x, y)).check()
    line = fit.model.predictors["loc"].coefficients
    # the corner passes through four days, so that the coefficients are fractions: of 345, by Cramer's rule
    published = {"intercept": -39.68985507, "air": 0.83188406, "water": 0.57391304, "acid": -0.06086957}
    for name, value in published.items():
        # eight decimals were printed
        assert abs(line[name] - value) <= 0.5e-8
    residual = y - np.asarray(jax.vmap(fit.model.predictors["loc"])(x))
    np.testing.assert_allclose(fit.model.of.scale, np.mean(np.abs(residual)), rtol=1e-12)  # rounding
    np.testing.assert_allclose(np.sum(np.abs(residual)), 42.08116, atol=0.5e-5)


MODEL = xj.Regression(xj.AsymmetricLaplace(level=0.7), loc=xj.Linear(offset="known"))
RNG = np.random.default_rng(0)
X = {name: jnp.asarray(RNG.normal(size=40)) for name in ("a", "known")}
Y = jnp.asarray(np.asarray(X["a"] + X["known"]) + RNG.normal(size=40))


def slope(fit):
    return fit.model.predictors["loc"].coefficients["a"]


def test_a_batch_and_units():
    fits = jax.vmap(lambda y: fitted(MODEL, X, y))(jnp.stack([Y, Y + 3.0, X["known"] + 1e3 * (Y - X["known"])]))
    assert fits.converged.all()
    # rounding of numbers a thousand times as large
    np.testing.assert_allclose(slope(fits), slope(fits)[0] * np.array([1.0, 1.0, 1e3]), rtol=1e-10)


def test_the_corner_is_differentiated():
    def both(y):
        fit = fitted(MODEL, X, y)
        return jnp.stack([slope(fit), fit.model.of.scale])

    exact, step = np.asarray(jax.jacrev(both)(Y)), 1e-5
    assert np.sum(exact[0] != 0) == 2  # the observations that the line passes through
    for k in [*np.flatnonzero(exact[0]), 0]:
        bump = step * np.eye(40)[k]
        # a corner moves linearly: what is left is rounding over the step
        np.testing.assert_allclose(exact[:, k], (both(Y + bump) - both(Y - bump)) / (2 * step), atol=1e-9)


def test_a_bootstrap_moves_the_corner():
    fit = fitted(MODEL, X, Y)
    drawn = xj.inference.bootstrap(fit, (X, Y), jax.random.key(0), num_samples=400)
    slopes = np.asarray(drawn.models.predictors["loc"].coefficients["a"])
    # normal errors of standard deviation 1: √(0.7 · 0.3) / (density at the quantile · √n), within a factor of 2
    expected = np.sqrt(0.21) / (0.348 * np.sqrt(40))
    assert expected / 2 < slopes.std() < expected * 2
    with pytest.raises(ValueError, match=r"profile_interval: found name='loc.a', .*; use inference.bootstrap"):
        xj.inference.profile_interval(fit, (X, Y), "loc.a")
    # a constant that makes up for large centres rounds otherwise than it did in the fit, and moves all the same
    years = {"a": 1950.0 + 50 * (X["a"] - X["a"].min()), "known": X["known"]}
    fit = fitted(MODEL, years, Y)
    drawn = xj.inference.bootstrap(fit, (years, Y), jax.random.key(0), num_samples=400)
    errors = drawn.standard_errors().predictors["loc"].coefficients
    assert errors["intercept"] > 1000 * errors["a"] > 0
    held = xj.fit_mle(MODEL, (X, Y), fixed={"loc.a": 1.0, "loc.intercept": 0.5})
    drawn = xj.inference.bootstrap(held, (X, Y), jax.random.key(0), num_samples=400)
    assert np.all(np.asarray(drawn.models.predictors["loc"].coefficients["a"]) == 1.0)


def nearly_flat(model):
    return -(model.predictors["loc"].coefficients["a"] ** 2)


def test_what_a_corner_cannot_be_asked():
    with pytest.raises(ValueError, match=r"Regression: found that loc\.a of a quantile regression is to be held"):
        xj.fit_mle(MODEL, (X, Y), fixed={"loc.a": 1.0})
    with pytest.raises(TypeError, match=r"fit_map: found Regression, whose loc\.a, loc\.intercept a fit takes from"):
        xj.fit_map(MODEL, (X, Y), nearly_flat)
    with pytest.raises(ValueError, match="fit_mle: found no corner of the likelihood of Regression"):
        xj.fit_mle(MODEL, (X | {"twice": 2.0 * X["a"]}, Y))
    with pytest.raises(ValueError, match=r"found a Regression with loc\.a and loc\.intercept from single"):
        xj.inference.leave_one_out(fitted(MODEL, X, Y), (X, Y))
    held = xj.fit_mle(MODEL, (X, Y), fixed={"loc.a": 1.0, "loc.intercept": 0.5}).check()
    assert slope(held) == 1.0


def test_a_line_through_all_observations():
    line = X["known"] + 1.0 + 2.0 * X["a"]
    with pytest.raises(ValueError, match="fit_mle: found a line through all 40 observations, but Regression needs"):
        xj.fit_mle(MODEL, (X, line))
    assert fitted(MODEL, X, line).status == xj.Status.BAD_START
    # of a known scale it is the best
    held = xj.fit_mle(MODEL, (X, line), fixed={"scale": 1.0}).check()
    np.testing.assert_allclose(slope(held), 2.0, rtol=1e-14)  # rounding
