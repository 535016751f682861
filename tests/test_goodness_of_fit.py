"""Statistics of fit against scipy and by hand, and p-values that are uniform when the model is right."""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import xentjax as xj
from xentjax.inference import (
    anderson_darling,
    chi_squared,
    cramer_von_mises,
    g_squared,
    goodness_of_fit,
    kolmogorov_smirnov,
    probability_integral_transform,
)

GOLDEN = Path(__file__).parent / "golden"
X = np.random.default_rng(2).normal(1.0, 2.0, size=50)


transform = jax.jit(probability_integral_transform)


def assert_uniform(u):
    """Mean and variance of uniform numbers, within five standard errors."""
    n = len(u)
    assert abs(np.mean(u) - 1 / 2) < 5 / np.sqrt(12 * n)
    # (u − ½)² has the mean 1/12 and the variance 1/180
    assert abs(np.mean((u - 0.5) ** 2) - 1 / 12) < 5 / np.sqrt(180 * n)


@pytest.mark.parametrize(
    "p", [xj.Weibull(1.5, 2.0), xj.Poisson(1.3), xj.Bernoulli(0.3)], ids=lambda p: type(p).__name__
)
def test_the_transform_of_a_right_model_is_uniform(p):
    x = jax.jit(lambda p: p.sample(jax.random.key(0), (5000,)))(p)
    assert_uniform(np.asarray(transform(p, x, jax.random.key(1))))


def test_the_transform_is_the_distribution_function():
    p = xj.Normal(1.0, 2.0)
    u = transform(p, X)
    # rounding
    np.testing.assert_allclose(u, scipy.stats.norm.cdf(X, 1, 2), rtol=1e-14)
    counts = np.array([0, 1, 4])
    u = transform(xj.Poisson(2.0), counts, jax.random.key(0))
    low, high = (scipy.stats.poisson.cdf(counts - shift, 2) for shift in (1, 0))
    assert np.all((low < u) & (u < high))


@jax.jit
def by_distribution_functions(p, x):
    return kolmogorov_smirnov(p, x), cramer_von_mises(p, x), anderson_darling(p, x)


def test_statistics_agree_with_scipy():
    mean, sd = X.mean(), X.std(ddof=1)  # those of scipy.stats.anderson
    cdf = scipy.stats.norm(mean, sd).cdf
    distance, squares, weighted_squares = by_distribution_functions(xj.Normal(mean, sd), X)
    # rounding
    np.testing.assert_allclose(distance, scipy.stats.kstest(X, cdf).statistic, rtol=1e-12)
    np.testing.assert_allclose(squares, scipy.stats.cramervonmises(X, cdf).statistic, rtol=1e-12)
    np.testing.assert_allclose(weighted_squares, anderson(X), rtol=1e-12)


def anderson(x):
    keywords = {"method": "interpolate"} if tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 17) else {}
    return scipy.stats.anderson(x, "norm", **keywords).statistic


def test_far_tails_count_for_what_they_are():
    # 1 − F underflows at 800; in one point, −1 − log F − log(1 − F) = −1 + 800
    statistic = jax.jit(anderson_darling)
    assert statistic(xj.Exponential(1.0), np.array([800.0])) == 799
    assert statistic(xj.Exponential(1.0), np.array([-1.0])) == np.inf
    assert np.isnan(statistic(xj.Exponential(1.0), np.array([np.nan, 1.0])))
    single = statistic(xj.Exponential(jnp.float32(1.0)), X.astype(np.float32) + 10)
    assert single.dtype == np.float32


def test_published_likelihood_ratio_of_cells():
    (case,) = (c for c in json.loads((GOLDEN / "cases.json").read_text()) if c["id"] == "horsekicks_poisson")
    published = case["published"]["likelihood_ratio"]
    x, counts = np.loadtxt(GOLDEN / "data" / case["data"], delimiter=",", skiprows=1).T
    x = np.repeat(x, counts.astype(int))
    p = xj.fit_mle(xj.Poisson, x).model
    value = jax.jit(g_squared)(p, x, np.arange(5.0))
    # as printed
    assert f"{value:.4f}" == published["statistic"]
    assert f"{scipy.stats.chi2.sf(value, int(published['degrees_of_freedom'])):.4f}" == published["p_value"]
    # Pearson's, with five or more expected in the last cell
    shares = scipy.stats.poisson.pmf([0, 1], 0.61)
    expected = 200 * np.array([*shares, 1 - shares.sum()])
    by_hand = scipy.stats.chisquare([109, 65, 26], expected).statistic
    pearson = jax.jit(chi_squared)
    np.testing.assert_allclose(pearson(p, x, np.array([0.0, 1.0])), by_hand, rtol=1e-10)  # rounding of 1 − Σ
    np.testing.assert_allclose(pearson(p, x), by_hand, rtol=1e-10)


def test_cells_of_equal_probability():
    p = xj.Normal(0.0, 1.0)
    number = int(2 * 50**0.4)
    edges = scipy.stats.norm.ppf(np.arange(1, number) / number)
    counts = np.bincount(np.searchsorted(edges, X), minlength=number)
    pearson, ratio = jax.jit(chi_squared), jax.jit(g_squared)
    np.testing.assert_allclose(pearson(p, X), scipy.stats.chisquare(counts).statistic, rtol=1e-10)
    # a cell where the model has nothing
    assert pearson(xj.Uniform(0.0, 1.0), np.array([0.5, 2.0]), np.array([1.0])) == np.inf
    assert ratio(xj.Uniform(0.0, 1.0), np.array([0.5, 2.0]), np.array([1.0])) == np.inf
    # and one where neither has
    assert pearson(xj.Uniform(0.0, 1.0), np.array([0.5, 0.7]), np.array([0.5, 1.0])) == 0


KEY = functools.partial(jax.random.key, 3)


@pytest.mark.parametrize(
    ("family", "statistic"),
    [(xj.Exponential(1.0), anderson_darling), (xj.Geometric(0.3), chi_squared)],
    ids=["continuous", "discrete"],
)
def test_p_values_of_right_models_are_uniform(family, statistic):
    def p_value(key):
        first, second = jax.random.split(key)
        x = family.sample(first, (40,))
        return goodness_of_fit(xj.fit_mle(family, x), x, second, statistic, 99).p_value

    p_values = np.asarray(jax.jit(jax.vmap(p_value))(jax.random.split(KEY(), 200)))
    # they are 1/100, ..., 1
    assert_uniform(p_values - 0.005)


def test_wrong_models_are_found_out():
    x = np.random.default_rng(4).gamma(4.0, size=100)
    fit = xj.fit_mle(xj.Exponential, x)
    found = goodness_of_fit(fit, x, KEY())
    assert found.p_value == 1 / 1000
    assert found.simulations == 999
    assert repr(found).startswith(f"GoodnessOfFit: {float(found.statistic):.6g}, p = 0.001 by 999 simulations")
    np.testing.assert_allclose(found.statistic, anderson_darling(fit.model, x), rtol=1e-12)


def largest(model, x):
    """A statistic of one's own, of a model without distribution function."""
    return jnp.max(x)


@xj.record
class Decay:
    rate: xj.Parameter = xj.positive(1.0)

    def log_prob(self, x):
        return jnp.log(self.rate) - self.rate * x

    def sample(self, key, shape):
        return jax.random.exponential(key, shape) / self.rate


def test_statistics_and_models_of_ones_own():
    x = np.append(np.full(30, 1.0), 30.0)
    found = goodness_of_fit(xj.fit_mle(Decay(), x), x, KEY(), largest, 199)
    assert found.statistic == 30
    assert found.p_value < 0.02


def test_no_p_value_without_a_fit():
    x = np.append(np.full(30, 1.0), 30.0)
    fit = xj.fit_mle(Decay(), x, max_steps=1)
    assert not fit.converged
    assert np.isnan(goodness_of_fit(fit, x, KEY(), largest, 199).p_value)


def test_no_p_value_of_a_statistic_that_is_always_infinite():
    x = np.random.default_rng(3).uniform(2.0, 5.0, 40) ** 4
    fit = xj.fit_mle(xj.Uniform, x)
    found = goodness_of_fit(fit, x, KEY(), num_samples=99)
    assert found.statistic == np.inf
    assert np.isnan(found.p_value)
    assert goodness_of_fit(fit, x, KEY(), kolmogorov_smirnov, 99).p_value < 0.1


@xj.record
class Logit:
    slope: xj.Parameter = xj.real(0.0)

    def log_prob(self, point):
        x, y = point
        return -jax.nn.softplus(jnp.where(y, -1.0, 1.0) * self.slope * x)


def test_what_cannot_be_asked():
    counts = np.array([0, 1, 2])
    with pytest.raises(ValueError, match=r"integral_transform: found no key for Poisson, but .* drawn .*; give a key"):
        probability_integral_transform(xj.Poisson(1.0), counts)
    with pytest.raises(TypeError, match=r"integral_transform: found key=1, but a random key is needed, as jax"):
        probability_integral_transform(xj.Poisson(1.0), counts, 1)
    with pytest.raises(
        TypeError, match=r"kolmogorov_smirnov: found Poisson, .* whole numbers, but .*; use chi_squared"
    ):
        kolmogorov_smirnov(xj.Poisson(1.0), counts)
    with pytest.raises(TypeError, match=r"anderson_darling: found a Decay, but a distribution .* needed; choose such"):
        anderson_darling(Decay(), X)
    vector = xj.MultivariateNormal(jnp.zeros(2), jnp.eye(2))
    with pytest.raises(TypeError, match=r"cramer_von_mises: found a MultivariateNormal, but a distribution of single"):
        cramer_von_mises(vector, np.zeros((3, 2)))
    with pytest.raises(
        ValueError, match=r"chi_squared: found data of shape \(5, 10\), but numbers \[n\] are .*; flatten"
    ):
        chi_squared(xj.Normal(0.0, 1.0), X.reshape(5, 10))
    with pytest.raises(
        ValueError, match=r"g_squared: found edges \[1. 1.\], but increasing numbers \[k\] .*; sort them"
    ):
        g_squared(xj.Normal(0.0, 1.0), X, [1.0, 1.0])
    fit = xj.fit_mle(xj.Normal, X)
    with pytest.raises(TypeError, match=r"goodness_of_fit: found key=0, but a random key is needed, as jax"):
        goodness_of_fit(fit, X, 0)
    with pytest.raises(ValueError, match=r"goodness_of_fit: found num_samples=0, but a whole number ≥ 1 is needed"):
        goodness_of_fit(fit, X, KEY(), num_samples=0)
    with pytest.raises(ValueError, match=r"goodness_of_fit: found data that count 49 for a fit to 50 observations"):
        goodness_of_fit(fit, X[1:], KEY())
    with pytest.raises(TypeError, match=r"goodness_of_fit: found a Logit, which has no sample.*; use bootstrap"):
        goodness_of_fit(xj.fit_mle(Logit(), (X, X > 1)), (X, X > 1), KEY())
    with pytest.raises(TypeError, match=r"anderson_darling: found Poisson, .* whole numbers, .*; use chi_squared"):
        goodness_of_fit(xj.fit_mle(xj.Poisson, counts), counts, KEY())
