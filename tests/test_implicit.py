"""Derivatives of fits, by the implicit-function rule, against finite differences of fits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import polygamma

import xentjax as xj

X = np.random.default_rng(0).gamma(2.0, 1.0, 30)
ONES = np.ones(30)
STEP = 1e-5


def concentration(x, weights):
    return xj.fit_mle(xj.Gamma, x, weights=weights).model.concentration


slopes = jax.jit(jax.grad(concentration, (0, 1)))


@jax.jit
def measures(x):
    fit = xj.fit_mle(xj.Gamma, x)
    return fit.cross_entropy, fit.standard_errors().rate


@jax.jit
def scale(df):
    return xj.fit_mle(xj.StudentT, X, fixed={"df": df}).model.scale


@jax.jit
def projected(spread):
    return xj.fit_kl(xj.Gamma, xj.LogNormal(0.0, spread)).model.concentration


def difference(f, x, direction=1.0):
    """A central difference, whose error is STEP² = 1e-10 of the size of the third derivative, and that of rounding."""
    x, moved = np.asarray(x), STEP * np.asarray(direction)
    return jax.tree.map(lambda a, b: (np.asarray(a) - np.asarray(b)) / (2 * STEP), f(x + moved), f(x - moved))


# a part in 1e5 of the step in x, whose rounding is 1e-11 of it
close = {"rtol": 1e-7, "atol": 1e-9}
UNITS = np.eye(30)[:3]


def test_in_the_data_and_in_the_weights() -> None:
    by_data, by_weights = map(np.asarray, slopes(X, ONES))
    for i, unit in enumerate(UNITS):
        np.testing.assert_allclose(by_data[i], difference(lambda x: concentration(x, ONES), X, unit), **close)
        np.testing.assert_allclose(by_weights[i], difference(lambda w: concentration(X, w), ONES, unit), **close)
    # a fit has no units, and its weights only shares: Euler's rule for homogeneous functions
    assert abs(by_data @ X) < 1e-13 * np.abs(by_data * X).sum() * 30
    assert abs(by_weights @ ONES) < 1e-13 * np.abs(by_weights).sum() * 30


def test_forward_is_reverse() -> None:
    forward = jax.jit(jax.jacfwd(concentration))(X, ONES)
    np.testing.assert_allclose(forward, slopes(X, ONES)[0], rtol=1e-12, atol=1e-14)


def test_of_the_value_and_of_standard_errors() -> None:
    value, error = jax.jit(jax.jacrev(measures))(X)
    for i, unit in enumerate(UNITS):
        expected = difference(measures, X, unit)
        np.testing.assert_allclose((value[i], error[i]), expected, **close)


def test_in_a_value_that_is_held() -> None:
    np.testing.assert_allclose(jax.jit(jax.grad(scale))(4.0), difference(scale, 4.0), **close)


def test_in_the_source_of_a_projection_twice() -> None:
    slope, spread = jax.jit(jax.grad(projected)), np.asarray(0.5)
    np.testing.assert_allclose(slope(spread), difference(projected, spread), **close)
    np.testing.assert_allclose(jax.jit(jax.grad(jax.grad(projected)))(spread), difference(slope, spread), **close)


def test_lanes() -> None:
    by_data, _ = jax.jit(jax.vmap(slopes, (0, None)))(np.stack([X, 2 * X]), ONES)
    np.testing.assert_allclose(by_data[1], np.asarray(by_data[0]) / 2, rtol=1e-12)


@pytest.mark.parametrize("size", [3, 70])  # with the Hessian, and past 64 parameters by its products
def test_of_a_minimum(size: int) -> None:
    def lowest(t):
        found = xj.minimize(lambda u, t: jnp.sum(jnp.cosh(u - t)) + jnp.sum(u) ** 2, jnp.zeros(size), t)
        return found.value, found.params[0]  # dû/dt is not needed for the value: the envelope theorem

    target, lowest = np.linspace(0.5, 2.0, size), jax.jit(lowest)
    of_value, of_first = jax.jit(jax.jacrev(lowest))(target)
    for i, unit in enumerate(np.eye(size)[:2]):
        np.testing.assert_allclose((of_value[i], of_first[i]), difference(lowest, target, unit), **close)


def test_influence_is_the_derivative_in_a_weight_and_moves_as_a_fit_without_the_point() -> None:
    fit = xj.fit_mle(xj.Gamma, X, weights=ONES)
    by_weights = np.asarray(slopes(X, ONES)[1])
    np.testing.assert_allclose(xj.inference.influence(fit, X).concentration, 30 * by_weights, rtol=1e-10, atol=1e-12)
    without = xj.inference.case_deletion(fit, X)
    for i in (int(np.argmax(X)), int(np.argmin(X)), 3):
        refit = xj.fit_mle(xj.Gamma, X, weights=np.where(np.arange(30) == i, 0.0, 1.0)).model
        for name in ("concentration", "rate"):
            before, after, step = (np.log(getattr(m, name)) for m in (fit.model, refit, without))
            # one Newton step: off by the square of the moves, of which that of the rate is the larger
            square = float(np.log(refit.rate / fit.model.rate)) ** 2
            np.testing.assert_allclose(step[i] - before, after - before, atol=2 * square)


def mean_log(concentration, rate):
    return xj.quadrature(xj.Gamma(concentration, rate)).expect(jnp.log)


def test_expectations_over_points_differentiate_in_both_modes() -> None:
    """E log x = ψ(a) − log r, where far points and their weights leave the range of floats."""
    curvature = jax.jit(jax.hessian(mean_log, (0, 1)))(2.5, 1.3)
    slope = jax.jit(jax.grad(mean_log, (0, 1)))(2.5, 1.3)
    # the rule is exact to a few roundings, of which derivatives have some more
    np.testing.assert_allclose(slope, [float(polygamma(1, 2.5)), -1 / 1.3], rtol=1e-12)
    expected = [[float(polygamma(2, 2.5)), 0.0], [0.0, 1 / 1.3**2]]
    np.testing.assert_allclose(curvature, expected, rtol=1e-11, atol=1e-11)


def test_a_median_moves_with_its_observation() -> None:
    x = X[:7]
    slope = jax.jit(jax.grad(lambda x: xj.fit_mle(xj.Laplace, x).model.loc))(x)
    np.testing.assert_array_equal(slope, np.argsort(np.argsort(x)) == 3)


def test_no_case_of_an_extreme_is_left_out_smoothly() -> None:
    fit = xj.fit_mle(xj.Pareto, X)
    with pytest.raises(ValueError, match=r"case_deletion: found a Pareto with scale from .* use cross_validation"):
        xj.inference.case_deletion(fit, X)
