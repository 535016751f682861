"""Published maximum-likelihood results: estimates, errors, criteria and intervals. See golden/README.md."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from golden_recipes import CASES, GOLDEN, RECIPES, golden, observed

import xentjax as xj
from xentjax import inference

FIGURES = json.loads((GOLDEN / "inference.json").read_text())


@functools.partial(jax.jit, static_argnums=3)
def inferred(fit, data, weights, published):
    """What is published, by each kind of standard errors, and TIC: compiled together, they share the scores."""
    errors = {
        "standard_errors": fit.standard_errors(),
        "opg": inference.opg_covariance(fit, data, weights).standard_errors(),
        "sandwich": inference.sandwich_covariance(fit, data, weights).standard_errors(),
    }
    return {kind: published(fit.model, error) for kind, error in errors.items()}, inference.tic(fit, data, weights)


def within_print(value, printed):
    """Whether a value agrees with a number as printed, to one unit of its last digit."""
    digits = len(printed.partition(".")[2])
    # twelve printed digits of a program that stopped iterating are not all right; a relative 1e-6 of them are
    return abs(float(value) - float(printed)) <= max(10.0**-digits, 1e-6 * abs(float(printed)))


def test_every_case_has_a_recipe_and_its_figures():
    assert RECIPES.keys() == CASES.keys() == FIGURES.keys()


@pytest.mark.parametrize("name", RECIPES)
def test_fit_agrees_with_published_and_recomputed_results(name):
    case, figures = CASES[name], FIGURES[name]
    fit, data, weights = golden(name)
    found, tic = inferred(fit, data, weights, RECIPES[name].published)
    recomputed = case["recomputed"]
    assert fit.check() is fit
    assert found["standard_errors"].keys() == recomputed["estimates"].keys()
    for parameter, (estimate, _) in found["standard_errors"].items():
        # the reference stopped at a scaled gradient of 1e-9; a relative 1e-8 leaves room for the conditioning
        np.testing.assert_allclose(estimate, recomputed["estimates"][parameter], rtol=1e-8, err_msg=parameter)
    errors = {"standard_errors": recomputed["standard_errors"], "opg": figures["opg"], "sandwich": figures["sandwich"]}
    for kind, wanted in errors.items():
        for parameter, error in wanted.items():
            # second derivatives carry the errors of the estimates about a hundredfold
            note = f"{kind} of {parameter}"
            np.testing.assert_allclose(found[kind][parameter][1], error, rtol=1e-6, err_msg=note)
    # at the maximum the errors of the estimates enter squared: what is left is the rounding of the sum
    np.testing.assert_allclose(fit.log_likelihood, recomputed["log_likelihood"], rtol=1e-10)
    np.testing.assert_allclose(fit.aic, figures["aic"], rtol=1e-10)
    np.testing.assert_allclose(fit.bic, figures["bic"], rtol=1e-10)
    # they enter the trace to first order
    np.testing.assert_allclose(tic, figures["tic"], rtol=1e-8)

    published = case.get("published", {})
    for parameter, printed in published.get("estimates", {}).items():
        assert within_print(found["standard_errors"][parameter][0], printed), parameter
    for parameter, printed in published.get("standard_errors", {}).items():
        assert within_print(found["standard_errors"][parameter][1], printed), parameter
    if "log_likelihood" in published:
        assert within_print(fit.log_likelihood, published["log_likelihood"])
    if "aic" in published:
        assert within_print(fit.aic, published["aic"])


def test_mixture_of_the_library_finds_the_published_mixture():
    data, weights = observed("london_deaths_poisson_mixture")
    recomputed, figures = CASES["london_deaths_poisson_mixture"]["recomputed"], FIGURES["london_deaths_poisson_mixture"]
    start = xj.Mixture(jnp.array([0.5, 0.5]), xj.Poisson(jnp.array([1.0, 3.0])))
    fit = xj.fit_mle(start, data, weights=weights).check()
    errors = fit.standard_errors()
    found = [fit.model.weights[0], *fit.model.components.rate]
    found_errors = [errors.weights[0], *errors.components.rate]
    order = ("a", "m1", "m2")
    # tolerances as above
    np.testing.assert_allclose(found, [recomputed["estimates"][k] for k in order], rtol=1e-8)
    np.testing.assert_allclose(found_errors, [recomputed["standard_errors"][k] for k in order], rtol=1e-6)
    np.testing.assert_allclose(fit.log_likelihood, recomputed["log_likelihood"], rtol=1e-10)

    covariance = inference.sandwich_covariance(fit, data, weights)
    assert covariance.names() == ["weights[0]", "weights[1]", "components.rate[0]", "components.rate[1]"]
    robust = np.sqrt(np.diagonal(covariance.natural()))
    np.testing.assert_allclose(robust, [figures["sandwich"][k] for k in ("a", "a", "m1", "m2")], rtol=1e-6)
    # one weight is 1 minus the other
    assert covariance.correlation()[0, 1] == pytest.approx(-1.0, abs=1e-12)
    low, high = fit.interval()
    z = scipy.stats.norm.ppf(0.975)
    logits, spread = scipy.special.logit(fit.model.weights), z * errors.weights / np.prod(fit.model.weights)
    np.testing.assert_allclose(low.weights, scipy.special.expit(logits - spread), rtol=1e-12)
    np.testing.assert_allclose(high.weights, scipy.special.expit(logits + spread), rtol=1e-12)
    assert (low.components.rate > 0).all()


def return_levels(q):
    return {f"return_level_{years}": q.quantile(1 - 1 / years) for years in (10, 100)}


def success(q):
    size = 1 / q.dispersion
    return {"prob": size / (size + q.mean)}


@pytest.mark.parametrize(("name", "fn"), [("portpirie_gev", return_levels), ("federalist_nbinom", success)])
def test_derived_quantities_and_their_errors(name, fn):
    found = inference.delta(fn, golden(name)[0])
    derived = FIGURES[name]["derived"]
    assert found.value.keys() == derived.keys()
    for key, wanted in derived.items():
        np.testing.assert_allclose(found.value[key], wanted["value"], rtol=1e-8)
        np.testing.assert_allclose(found.standard_error[key], wanted["se_delta"], rtol=1e-6)


# {published name: path} of what has a recomputed profile
PROFILES = {
    "egypt_weibull": {"shape": "concentration", "scale": "scale"},
    "ball_bearing_weibull": {"shape": "concentration", "scale": "scale"},
    "portpirie_gev": {"mu": "loc", "sigma": "scale", "xi": "shape"},
    "rain_gpd": {"sigma": "scale", "xi": "shape"},
    "dowjones_gpd": {"sigma": "scale", "xi": "shape"},
    "london_deaths_poisson_mixture": {"a": "a", "m1": "m1", "m2": "m2"},
}


def test_every_published_profile_is_tested():
    assert PROFILES.keys() == {name for name, case in CASES.items() if "profile_intervals" in case["recomputed"]}


@pytest.mark.parametrize("name", PROFILES)
def test_profile_intervals_agree_with_recomputed_ones(name):
    fit, data, weights = golden(name)
    for published, path in PROFILES[name].items():
        low, high = inference.profile_interval(fit, data, path, weights=weights)
        # the reference solved for the ends to a relative 1e-9 or so
        np.testing.assert_allclose((low, high), CASES[name]["recomputed"]["profile_intervals"][published], rtol=1e-8)
