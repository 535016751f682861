"""EM: no step lowers the likelihood, and it ends where Newton's method does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from eruptions import WAITING, em_in_numpy

import xentjax as xj
from xentjax.estimators import expectation_maximization
from xentjax.estimators.expectation_maximization import em_step

HALVES = jnp.array([0.5, 0.5])
step = jax.jit(em_step)


def test_no_step_of_em_lowers_the_likelihood() -> None:
    source = xj.Empirical(WAITING)
    mixture = xj.Mixture(HALVES, xj.Normal(jnp.array([60.0, 61.0]), jnp.array([10.0, 10.0])))
    groups = np.asarray(jax.vmap(mixture.responsibilities)(WAITING))
    values = []
    for _ in range(40):
        mixture, value = step(mixture, source)
        values.append(float(value))
        if len(values) == 1:
            weights, means, spreads, _ = em_in_numpy(WAITING[:, None], groups, 1)
            np.testing.assert_allclose(mixture.weights, weights, rtol=1e-13)
            # ten evaluations of Newton's method bring each component to its best
            np.testing.assert_allclose(mixture.components.loc, means[:, 0], rtol=1e-9)
            np.testing.assert_allclose(mixture.components.scale, np.sqrt(spreads[:, 0, 0]), rtol=1e-9)
    # the sum of 272 terms rounds
    assert np.all(np.diff(values) <= 1e-14)
    assert values[0] - values[-1] > 0.1


def test_em_of_different_components_ends_in_the_certified_maximum() -> None:
    model = xj.Mixture(HALVES, (xj.Normal, xj.Logistic))
    fit = expectation_maximization(model, WAITING).check()
    direct = xj.fit_mle(model, WAITING).check()
    np.testing.assert_allclose(fit.log_likelihood, direct.log_likelihood, rtol=1e-13)
    assert fit.steps < direct.steps


def test_em_is_differentiated_at_the_maximum() -> None:
    ones = jnp.ones(len(WAITING))
    model = xj.Mixture(HALVES, xj.Normal)

    def first_weight(estimator):
        return jax.jit(jax.grad(lambda w: estimator(model, WAITING, weights=w).model.weights[0]))(ones)

    # one rule, at points that differ by rounding
    np.testing.assert_allclose(first_weight(expectation_maximization), first_weight(xj.fit_mle), rtol=1e-6, atol=1e-12)


def test_messages_of_em() -> None:
    with pytest.raises(
        TypeError, match=r"expectation_maximization: found Normal as the model, but a Mixture is needed;"
    ):
        expectation_maximization(xj.Normal, WAITING)
    with pytest.raises(ValueError, match=r"expectation_maximization: found data\[3\] = nan, but numbers are needed"):
        expectation_maximization(xj.Mixture(HALVES, xj.Normal), np.where(np.arange(272) == 3, np.nan, WAITING))
    with pytest.raises(ValueError, match=r"expectation_maximization: found max_steps=0, but a whole number"):
        expectation_maximization(xj.Mixture(HALVES, xj.Normal), WAITING, max_steps=0)
