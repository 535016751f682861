"""Fits with a prior: modes, ridges, and what supposes a maximum of the likelihood refuses them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xentjax as xj


def ridge(model):
    return -0.5 * 2.0 * model.predictors["loc"].coefficients["x"] @ model.predictors["loc"].coefficients["x"]


def test_ridge_is_a_normal_prior():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(30, 3))
    y = x @ np.array([1.0, -1.0, 0.5]) + rng.normal(size=30)
    model = xj.Regression(xj.Normal(0.0, 1.0), loc=xj.Linear(intercept=False))
    fit = xj.fit_map(model, (x, y), ridge, fixed=["scale"]).check()
    found = fit.model.predictors["loc"].coefficients["x"]
    precision = x.T @ x + 2.0 * np.eye(3)
    # rounding
    np.testing.assert_allclose(found, np.linalg.solve(precision, x.T @ y), rtol=1e-12)
    # of the posterior; rounding again
    errors = fit.standard_errors().predictors["loc"].coefficients["x"]
    np.testing.assert_allclose(errors, np.sqrt(np.diag(np.linalg.inv(precision))), rtol=1e-12)
    plain = np.mean(0.5 * (y - x @ found) ** 2) + 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(fit.cross_entropy, plain, rtol=1e-12)
    with pytest.raises(TypeError, match="sandwich_covariance: found a fit with a prior"):
        xj.inference.sandwich_covariance(fit, (x, y))


def test_map_needs_a_function():
    with pytest.raises(TypeError, match="fit_map: found log_prior="):
        xj.fit_map(xj.Normal, np.ones(3), xj.Normal(0.0, 1.0))


def loc_about_zero(model):
    return xj.Normal(0.0, 0.1).log_prob(model.loc)


def low_about_zero(model):
    return xj.Normal(0.0, 0.1).log_prob(model.low)


def scale_about_one(model):
    return xj.InverseGamma(3.0, 2.0).log_prob(model.scale)


def test_a_prior_moves_what_the_likelihood_alone_decides():
    # equal observations have no maximum of the likelihood, but with a prior a mode
    fit = xj.fit_map(xj.Normal(0.0, 1.0), np.full(3, 2.0), scale_about_one).check()
    assert "Normal fitted, with a prior, to 3 observations" in str(fit.summary())
    assert "AIC" not in str(fit.summary())
    for refused in (
        lambda: xj.inference.influence(fit, np.full(3, 2.0)),
        lambda: xj.inference.parametric_bootstrap(fit, jax.random.key(0)),
    ):
        with pytest.raises(TypeError, match=r"found a fit with a prior, but one that maximises the likelihood alone"):
            refused()
    # d/ds of −3 log s − 4 log s − 2/s is 0; a gap of 1e-12 leaves 1e-6 standard errors, and a last step squares that
    np.testing.assert_allclose([fit.model.loc, fit.model.scale], [2.0, 2 / 7], rtol=1e-9)
    moved = jax.grad(lambda x: xj.fit_map(xj.Laplace(0.0, 1.0), x, loc_about_zero, fixed=["scale"]).model.loc)
    # three observations on one side pull alike, wherever they are
    np.testing.assert_allclose(moved(jnp.array([1.0, 2.0, 3.5])), 0.0, atol=1e-12)
    with pytest.raises(TypeError, match="fit_map: found Uniform, whose low, high a fit takes from single observations"):
        xj.fit_map(xj.Uniform, np.array([1.0, 2.0, 3.0]), low_about_zero)
