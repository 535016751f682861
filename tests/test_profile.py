"""Profile-likelihood intervals: ends that are infinite, batches, and what cannot be asked; see also test_golden."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.stats

import xentjax as xj
from xentjax.inference import profile, profile_interval, profiles

YEAST = (np.arange(6.0), np.array([213.0, 128, 37, 18, 3, 1]))  # cells of yeast, "Student" (1907)


def test_the_interval_does_not_depend_on_how_the_parameter_is_written():
    x, weights = YEAST
    fit = xj.fit_mle(xj.NegativeBinomial, x, weights=weights)
    # recomputed in the parameters log mean and size = 1 / dispersion, as R's MASS has them
    low, high = profile_interval(fit, x, "mean", weights=weights)
    np.testing.assert_allclose((jnp.log(low), jnp.log(high)), (-0.5137028002298936, -0.2539937189223946), rtol=1e-8)
    low, high = profile_interval(fit, x, "dispersion", weights=weights)
    np.testing.assert_allclose((1 / high, 1 / low), (1.7074399834857517, 21.328737183664828), rtol=1e-8)


def test_ends_that_are_never_reached_are_those_of_the_support():
    x, weights = np.arange(6.0), np.array([3.0, 3, 2, 0, 1, 1])  # hardly more dispersed than Poisson
    fit = xj.fit_mle(xj.NegativeBinomial, x, weights=weights).check()
    low, high = profile_interval(fit, x, "dispersion", weights=weights)
    assert low == 0
    assert fit.model.dispersion < high < 5
    x = scipy.stats.t.ppf((np.arange(20) + 0.5) / 20, 4)  # too few to tell its tails from normal ones
    fit = xj.fit_mle(xj.StudentT, x).check()
    low, high = profile_interval(fit, x, "df")
    assert 1 < low < fit.model.df
    assert high == np.inf


def gamma_ends(x):
    """The ends for the concentration, with the profile over the rate in closed form."""

    def loss(a):
        return -2 * np.sum(scipy.stats.gamma.logpdf(x, a, scale=np.mean(x) / a))

    best = scipy.optimize.minimize_scalar(loss, bounds=(0.1, 30), method="bounded")
    ends = [(1e-2, best.x), (best.x, 1e2)]
    return [scipy.optimize.brentq(lambda a: loss(a) - best.fun - 3.841458820694124, *end, xtol=1e-12) for end in ends]


def gamma_interval(x):
    return profile_interval(xj.fit_mle(xj.Gamma, x), x, "concentration")


BATCH = np.random.default_rng(0).gamma(3.0, size=(8, 40))


def test_a_batch_is_the_intervals_one_by_one():
    low, high = jax.jit(jax.vmap(gamma_interval))(BATCH)
    searches = profiles._searched._cache_size()
    single = np.array([gamma_interval(x) for x in BATCH[:3]])
    assert profiles._searched._cache_size() == searches  # Newton's steps find most ends, and compile no search
    # batched sums round differently, and the ratio's 3.84 is a difference of sums of about 200
    np.testing.assert_allclose(np.stack([low, high], 1)[:3], single, rtol=1e-10)
    for x, *found in zip(BATCH, low, high, strict=True):
        # the minimum is found to 1e-5 in the coordinate, which enters squared
        np.testing.assert_allclose(found, gamma_ends(x), rtol=1e-7)


def test_float32_stays_float32():
    x = BATCH[0].astype(np.float32)
    low, high = gamma_interval(x)
    assert low.dtype == high.dtype == np.float32
    # 2 n ΔH = 3.84 is a difference of sums of 200 with seven digits
    np.testing.assert_allclose((low, high), gamma_ends(BATCH[0]), rtol=1e-3)


def test_the_curve_passes_through_the_minimum_and_the_ends():
    x = BATCH[1]
    fit = xj.fit_mle(xj.Gamma, x)
    low, high = gamma_interval(x)
    height = profile(fit, x, "concentration", jnp.array([high, fit.model.concentration, low, 2 * high]))
    # rounding of sums of 40 terms
    np.testing.assert_allclose(
        2 * 40 * (height[:3] - fit.cross_entropy), [3.841458820694124, 0, 3.841458820694124], atol=1e-10
    )
    assert height[3] > height[0]


def test_a_wider_level_gives_a_wider_interval_and_held_parameters_stay_held():
    x = BATCH[2]
    fit = xj.fit_mle(xj.Gamma, x)
    narrow, wide = (profile_interval(fit, x, "rate", level=level) for level in (0.5, 0.99))
    assert wide[0] < narrow[0] < fit.model.rate < narrow[1] < wide[1]
    held = xj.fit_mle(xj.Gamma, x, fixed={"concentration": 3.0})
    low, high = profile_interval(held, x, "rate")
    # a rate alone: 2 n a (r − 1 − log r) with r the ratio to the estimate
    for end in (low, high):
        r = end / held.model.rate
        np.testing.assert_allclose(2 * 40 * 3 * (r - 1 - jnp.log(r)), 3.841458820694124, rtol=1e-10)


def test_no_interval_without_a_minimum():
    x = BATCH[3]
    fit = xj.fit_mle(xj.Gamma, x, max_steps=1)
    assert not fit.converged
    assert np.isnan(profile_interval(fit, x, "rate")).all()


def two_wells(params, x):
    a = params["a"]
    return -0.5 * (a * a - 1) ** 2 - 0.3 * a + 0 * x


def test_no_interval_around_a_local_minimum():
    x = np.zeros(2)
    low, high = (xj.fit_mle(xj.Density({"a": a}, two_wells), x).check() for a in (-1.0, 1.0))
    assert low.cross_entropy < high.cross_entropy
    assert np.isnan(profile_interval(high, x, "a")).all()
    assert np.isfinite(profile_interval(low, x, "a")).all()


GROUPS = np.concatenate([np.random.default_rng(1).normal(m, s, 60) for m, s in ((-2.0, 0.7), (1.5, 1.0))])


def test_a_number_of_a_batch_of_components_has_a_name():
    start = xj.Mixture(jnp.array([0.5, 0.5]), xj.Normal(jnp.array([-1.0, 1.0]), jnp.ones(2)))
    fit = xj.fit_mle(start, GROUPS).check()
    low, high = profile_interval(fit, GROUPS, "components.loc[1]")
    # the same mixture, of two components that are parts of their own, so that one number can be held
    apart = xj.Mixture(jnp.array([0.5, 0.5]), (xj.Normal(-1.0, 1.0), xj.Normal(1.0, 1.0)))
    for end in (low, high):
        held = xj.fit_mle(apart, GROUPS, fixed={"components.1.loc": end}).check()
        np.testing.assert_allclose(2 * (fit.log_likelihood - held.log_likelihood), 3.841458820694124, rtol=1e-8)
    np.testing.assert_allclose(profile(fit, GROUPS, "components.loc[1]", [high])[0], held.cross_entropy, rtol=1e-8)


def test_a_coefficient_of_an_array_of_columns_has_a_name():
    x = np.stack([GROUPS[:40], GROUPS[:40] ** 2], 1)
    y = 1.0 + x @ [1.0, -0.1] + np.random.default_rng(2).normal(size=40)
    fit = xj.fit_mle(xj.Regression(xj.Normal, loc=xj.Linear()), (x, y)).check()
    for end in profile_interval(fit, (x, y), "loc.x[1]"):
        # least squares with the coefficient held: n log(RSS / RSS₀) is the likelihood ratio
        rest = np.column_stack([np.ones(40), x[:, 0]])
        residuals = (y - end * x[:, 1]) - rest @ np.linalg.lstsq(rest, y - end * x[:, 1])[0]
        ratio = 40 * np.log(np.mean(residuals**2) / fit.model.of.scale**2)
        np.testing.assert_allclose(ratio, 3.841458820694124, rtol=1e-8)


def test_what_cannot_be_asked():
    x = BATCH[4]
    fit = xj.fit_mle(xj.Gamma, x)
    with pytest.raises(
        ValueError, match=r"profile_interval: found name='scale', .* Gamma has concentration, rate; use"
    ):
        profile_interval(fit, x, "scale")
    with pytest.raises(
        ValueError, match=r"profile_interval: found level=95, but a probability .*; for 95 percent write"
    ):
        profile_interval(fit, x, "rate", level=95)
    with pytest.raises(
        ValueError, match=r"profile_interval: found data that count 39 .* 40 observations, but the same"
    ):
        profile_interval(fit, x[1:], "rate")
    with pytest.raises(
        ValueError, match=r"profile: found values\[1\] = -1.0, but a finite number > 0 is needed; leave"
    ):
        profile(fit, x, "rate", [1.0, -1.0])
    with pytest.raises(
        ValueError, match=r"profile: found values of shape \(\), but numbers \[k\] are needed; write \["
    ):
        profile(fit, x, "rate", 1.0)
    held = xj.fit_mle(xj.Gamma, x, fixed={"concentration": 3.0})
    with pytest.raises(ValueError, match=r"profile: found name='concentration', .* fitted .* Gamma has rate; use"):
        profile(held, x, "concentration", [1.0])
    with pytest.raises(TypeError, match=r"profile: found a Gamma, but a fit is needed; make one with fit_mle"):
        profile(fit.model, x, "rate", [1.0])
    with pytest.raises(ValueError, match=r"profile_interval: found a fit to a known distribution, but a number of obs"):
        profile_interval(dataclasses.replace(fit, observations=None), x, "rate")
    vector = xj.Mixture(jnp.array([0.5, 0.5]), xj.Exponential(jnp.array([1.0, 2.0])))
    many = dataclasses.replace(fit, model=vector)
    with pytest.raises(ValueError, match=r"found name='weights', .* Mixture has components.rate\[0\], comp"):
        profile(many, x, "weights", [0.5])
