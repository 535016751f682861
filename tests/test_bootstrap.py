"""Bootstraps: their standard errors, their intervals against plain numpy, and what is left out or held."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import xentjax as xj
from xentjax.inference import (
    Replicates,
    bootstrap,
    parametric_bootstrap,
    resampling_bootstrap,
    sandwich_covariance,
)

X = np.random.default_rng(1).gamma(2.0, size=400)
B = 2000


@pytest.fixture(scope="module")
def fit():
    return xj.fit_mle(xj.Rayleigh, X)  # a wrong model, whose standard errors are wrong


@pytest.fixture(scope="module")
def replicates(fit):
    return bootstrap(fit, X, jax.random.key(0), B)


def test_bootstrap_errors_are_those_of_the_sandwich(fit, replicates):
    robust = sandwich_covariance(fit, X).standard_errors().scale
    # a standard deviation of B draws is off by 1/√(2B), five of which are 8 percent; of order 1/n besides
    assert abs(replicates.standard_errors().scale / robust - 1) < 0.08
    assert abs(fit.standard_errors().scale / robust - 1) > 0.1
    resampled = resampling_bootstrap(fit, X, jax.random.key(1), B)
    assert abs(resampled.standard_errors().scale / robust - 1) < 0.08


def test_simulated_data_have_the_errors_of_the_model():
    fit = xj.fit_mle(xj.Exponential, X)
    simulated = parametric_bootstrap(fit, jax.random.key(2), B)
    # tolerances as above
    assert abs(simulated.standard_errors().rate / fit.standard_errors().rate - 1) < 0.08
    fewer = parametric_bootstrap(fit, jax.random.key(2), B, num_observations=100)
    assert abs(fewer.standard_errors().rate / fit.standard_errors().rate - 2) < 0.16


def test_replicates_are_refits_and_exact(fit, replicates):
    # the closed form of the scale, at the same weights
    weights = jax.random.exponential(jax.random.key(0), (B, len(X)))
    expected = np.sqrt(weights @ X**2 / weights.sum(1) / 2)
    np.testing.assert_allclose(replicates.models.scale, expected, rtol=1e-12)
    assert replicates.converged.all()
    assert replicates.fit is not None
    assert isinstance(replicates, Replicates)


def numpy_bca(values, estimate, influence, level=0.95):
    bias = scipy.stats.norm.ppf(np.mean(values < estimate))
    acceleration = np.sum(influence**3) / (6 * np.sum(influence**2) ** 1.5)
    z = scipy.stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
    ends = scipy.stats.norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
    return np.quantile(values, ends)


def test_intervals_are_those_of_numpy(fit, replicates):
    values, estimate = np.asarray(replicates.models.scale), float(fit.model.scale)
    low, high = (end.scale for end in replicates.percentile_interval(0.9))
    np.testing.assert_allclose((low, high), np.quantile(values, [0.05, 0.95]), rtol=1e-12)
    low, high = (end.scale for end in replicates.basic_interval(0.9))
    np.testing.assert_allclose((low, high), 2 * estimate - np.quantile(values, [0.95, 0.05]), rtol=1e-12)
    low, high = (end.scale for end in replicates.bca_interval(X))
    # the scale is √(mean x² / 2): an observation moves it by (x² / 2 − scale²) / (2 scale)
    np.testing.assert_allclose((low, high), numpy_bca(values, estimate, X**2 / 2 - estimate**2), rtol=1e-12)
    # leaving out each in turn, as the jackknife does, agrees to 1/n
    jackknife = np.sqrt((np.sum(X**2) - X**2) / (len(X) - 1) / 2)
    expected = numpy_bca(values, estimate, jackknife.mean() - jackknife)
    np.testing.assert_allclose((low, high), expected, atol=0.01 * np.std(values))


def test_weights_are_frequencies():
    x, weights = np.arange(4.0), np.array([40.0, 60.0, 0.0, 20.0])
    fit = xj.fit_mle(xj.Poisson, x, weights=weights)
    robust = sandwich_covariance(fit, x, weights).standard_errors().rate
    for one in (bootstrap, resampling_bootstrap):
        replicates = one(fit, x, jax.random.key(3), B, weights)
        # as above; the Bayesian one has 1/√(n + 1)
        assert abs(replicates.standard_errors().rate / robust - 1) < 0.09
    repeated = np.repeat(x, weights.astype(int))
    low, high = replicates.bca_interval(x, weights=weights)
    rate = float(fit.model.rate)
    values = np.asarray(replicates.models.rate)
    values = np.where(np.abs(values - rate) < 1e-12, rate, values)
    bias = (np.mean(values < rate) + np.mean(values <= rate)) / 2
    assert 0.4 < bias < 0.6
    influence = repeated - rate
    z = scipy.stats.norm.ppf([0.025, 0.975]) + scipy.stats.norm.ppf(bias)
    acceleration = np.sum(influence**3) / (6 * np.sum(influence**2) ** 1.5)
    ends = scipy.stats.norm.cdf(scipy.stats.norm.ppf(bias) + z / (1 - acceleration * z))
    # counts make ties, at which a quantile may fall on the next value: one count in 120
    np.testing.assert_allclose((low.rate, high.rate), np.quantile(values, ends), atol=1.01 / 120)


def test_what_is_held_stays_and_what_data_give_moves():
    fit = xj.fit_mle(xj.Gamma, X, fixed={"concentration": 2.0})
    replicates = bootstrap(fit, X, jax.random.key(4), 200)
    assert (replicates.models.concentration == 2).all()
    assert replicates.standard_errors().concentration == 0
    low, high = replicates.bca_interval(X)
    assert low.concentration == high.concentration == 2
    assert low.rate < fit.model.rate < high.rate
    # the greatest of a resample is often less than the greatest of all; a bound that was held stays
    free = resampling_bootstrap(xj.fit_mle(xj.Uniform, X), X, jax.random.key(5), 200)
    assert 0.5 < np.mean(free.models.high == X.max()) < 0.8
    assert (free.models.high <= X.max()).all()
    held = resampling_bootstrap(xj.fit_mle(xj.Uniform, X, fixed={"low": 0.0}), X, jax.random.key(5), 200)
    assert (held.models.low == 0).all()
    assert (held.models.high == free.models.high).all()
    simulated = parametric_bootstrap(xj.fit_mle(xj.Uniform, X), jax.random.key(6), 200)
    assert (simulated.models.high < X.max()).all()
    assert (simulated.models.low > X.min()).all()
    simulated = parametric_bootstrap(xj.fit_mle(xj.Uniform, X, fixed={"low": 0.0}), jax.random.key(7), 200)
    assert (simulated.models.low == 0).all()


def test_no_refit_tells_the_error_of_an_end():
    fit = xj.fit_mle(xj.Pareto, X + 1.0).check()
    for replicates in (
        bootstrap(fit, X + 1.0, jax.random.key(8), 50),
        parametric_bootstrap(fit, jax.random.key(8), 50),
    ):
        low, high = replicates.percentile_interval()
        assert np.isnan([low.scale, high.scale, replicates.standard_errors().scale]).all()
        assert low.alpha < fit.model.alpha < high.alpha


def test_replicates_that_failed_are_left_out_and_counted(fit, replicates):
    good = np.arange(B) % 4 > 0
    models = dataclasses.replace(replicates.models, scale=jnp.where(good, replicates.models.scale, 1e9))
    partial = Replicates(models, jnp.asarray(good), fit)
    assert repr(partial) == "Replicates of Rayleigh: 1500 of 2000 converged, 500 left out"
    values = np.asarray(replicates.models.scale)[good]
    np.testing.assert_allclose(partial.standard_errors().scale, values.std(ddof=1), rtol=1e-12)
    np.testing.assert_allclose(partial.percentile_interval(0.5)[1].scale, np.quantile(values, 0.75), rtol=1e-12)
    low, _ = partial.bca_interval(X)
    expected = numpy_bca(values, float(fit.model.scale), X**2 / 2 - float(fit.model.scale) ** 2)
    np.testing.assert_allclose(low.scale, expected[0], rtol=1e-12)


def test_resamples_without_a_maximum_are_found_out():
    x = np.array([0.0, 0, 0, 0, 1])
    fit = xj.fit_mle(xj.Poisson, x)
    replicates = resampling_bootstrap(fit, x, jax.random.key(7), 500)
    # a third of the resamples, (4/5)⁵, hold zeros only
    assert 0.25 < 1 - replicates.converged.mean() < 0.41
    assert "left out" in repr(replicates)
    assert np.isfinite(replicates.standard_errors().rate)


def test_under_jit_and_vmap():
    rows = X.reshape(4, 100)

    def error(x, key):
        replicates = bootstrap(xj.fit_mle(xj.Rayleigh, x), x, key, 50)
        assert repr(replicates) == "Replicates(traced)"
        return replicates.standard_errors().scale, replicates.percentile_interval()[0].scale

    keys = jax.random.split(jax.random.key(8), 4)
    together = jax.jit(jax.vmap(error))(rows, jax.random.clone(keys))
    for i in range(2):
        # as in the replicates above, in closed form
        weights = np.asarray(jax.random.exponential(jax.random.clone(keys[i]), (50, 100)))
        scales = np.sqrt(weights @ rows[i] ** 2 / weights.sum(1) / 2)
        np.testing.assert_allclose(together[0][i], scales.std(ddof=1), rtol=1e-10)  # sums round differently
        np.testing.assert_allclose(together[1][i], np.quantile(scales, 0.025), rtol=1e-10)


@xj.record
class Decay:
    rate: xj.Parameter = xj.positive(1.0)

    def log_prob(self, x):
        return jnp.log(self.rate) - self.rate * x


def test_what_cannot_be_asked(fit, replicates):
    key = jax.random.key(9)
    with pytest.raises(TypeError, match=r"bootstrap: found key=0, but a random key is needed, as jax.random.key"):
        bootstrap(fit, X, 0)
    with pytest.raises(ValueError, match=r"bootstrap: found num_samples=0, but a whole number ≥ 1 is needed; it is"):
        bootstrap(fit, X, key, 0)
    with pytest.raises(ValueError, match=r"resampling_bootstrap: found data that count 399 .* 400 .*; give the data"):
        resampling_bootstrap(fit, X[1:], key)
    with pytest.raises(TypeError, match=r"parametric_bootstrap: found a Decay, which has no sample.*; use bootstrap"):
        parametric_bootstrap(dataclasses.replace(fit, model=Decay()), key)
    with pytest.raises(ValueError, match=r"parametric_bootstrap: found num_observations=1.5, but a whole number"):
        parametric_bootstrap(fit, key, num_observations=1.5)
    half = dataclasses.replace(fit, observations=jnp.asarray(399.5))
    with pytest.raises(ValueError, match=r"found 399.5 observations, but a whole number is needed; give num_obser"):
        parametric_bootstrap(half, key)
    with pytest.raises(ValueError, match=r"found a number of observations that is traced, but a whole .*; give num"):
        jax.jit(parametric_bootstrap)(fit, key)
    with pytest.raises(ValueError, match=r"percentile_interval: found level=95, but a probability .*; for 95 percent"):
        replicates.percentile_interval(95)
    with pytest.raises(ValueError, match=r"basic_interval: found level=0, but a probability"):
        replicates.basic_interval(0)
    with pytest.raises(ValueError, match=r"bca_interval: found data that count 399 .*; give the data"):
        replicates.bca_interval(X[1:])
    batch = jax.tree.map(lambda leaf: np.stack([leaf] * 4), fit)
    with pytest.raises(ValueError, match=r"bootstrap: found a batch of fits of shape \(4,\), but one fit is needed"):
        bootstrap(batch, X, key)
