"""How the published cases of golden/cases.json are fitted, and how their numbers follow from a fit."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

import xentjax as xj

GOLDEN = Path(__file__).parent / "golden"
CASES = {case["id"]: case for case in json.loads((GOLDEN / "cases.json").read_text())}


# with numbers for parameters, of which a profile can be taken; `Mixture` fits the same data in test_golden.py
def two_poissons(params, x):
    first = jnp.log(params["a"]) + xj.Poisson(params["m1"]).log_prob(x)
    second = jnp.log1p(-params["a"]) + xj.Poisson(params["m2"]).log_prob(x)
    return jnp.logaddexp(first, second)


@xj.record
class LogGamma:
    """log x has a gamma distribution."""

    shape: xj.Parameter = xj.positive(1.0)
    rate: xj.Parameter = xj.positive(1.0)

    def log_prob(self, x):
        return xj.Gamma(self.shape, self.rate).log_prob(jnp.log(x)) - jnp.log(x)


@xj.record
class Prentice:
    """The generalised gamma distribution in parameters of the size of a normal distribution's."""

    mu: xj.Parameter = xj.real(0.0)
    sigma: xj.Parameter = xj.positive(1.0)
    shape: xj.Parameter = xj.positive(1.0)

    def log_prob(self, x):
        power, concentration = self.shape / self.sigma, self.shape**-2
        return xj.GeneralizedGamma(concentration, jnp.exp(self.mu) * concentration ** (-1 / power), power).log_prob(x)


@xj.record
class Linkage:
    """Four cells whose probabilities depend on one recombination fraction."""

    theta: xj.Parameter = xj.unit_interval(0.5)

    def log_prob(self, cell):
        t = self.theta
        return xj.Categorical.from_probs(jnp.stack([2 + t, 1 - t, 1 - t, t]) / 4).log_prob(cell)


class Recipe(NamedTuple):
    """How to fit a case, and its numbers.

    Attributes:
      model: what to fit.
      data: the data and the weights, from the columns of the file.
      published: {published name: (estimate, standard error)} from the fitted parameters and their standard errors.
    """

    model: Any
    data: Callable[..., tuple]
    published: Callable[[Any, Any], dict]


def read(name):
    """The columns [k, n] of a data file."""
    return np.loadtxt(GOLDEN / "data" / name, delimiter=",", skiprows=1, ndmin=2).T


def sample(x):
    return x, None


def counts(x, frequency):
    return x, frequency


def excesses(threshold):
    return lambda x: (x - threshold, None)


def line(y, x):
    return (x[:, None], y), None


def features(y, *x):
    *covariates, one = x
    assert np.all(one == 1)  # what `Linear` adds itself
    return (np.stack(covariates, 1), y), None


def fields(**names):
    """The published names of fields."""

    def published(model, errors):
        return {new: (getattr(model, own), getattr(errors, own)) for new, own in names.items()}

    return published


def coefficients(parameter, *names):
    """The published names of the columns, and that of the constant, which comes last."""

    def published(model, errors):
        value, error = (each.predictors[parameter].coefficients for each in (model, errors))
        columns = {name: (value["x"][i], error["x"][i]) for i, name in enumerate(names[:-1])}
        return columns | {names[-1]: (value["intercept"], error["intercept"])}

    return published


def line_and_log_scale(model, errors):
    log_scale = (jnp.log(model.of.scale), errors.of.scale / model.of.scale)
    return coefficients("loc", "b", "a")(model, errors) | {"logSigma": log_scale}


def params(model, errors):
    return {name: (value, errors.params[name]) for name, value in model.params.items()}


# the delta method, of functions of one parameter by hand


def frechet(model, errors):
    rate = (1 / model.scale, errors.scale / model.scale**2)
    return {"shape": (model.concentration, errors.concentration), "rate": rate}


def conway_maxwell_poisson(model, errors):
    return {
        "logmu": (jnp.log(model.rate), errors.rate / model.rate),
        "lognu": (jnp.log(model.dispersion), errors.dispersion / model.dispersion),
    }


def negative_binomial(model, errors):
    size = 1 / model.dispersion
    return {"mu": (model.mean, errors.mean), "size": (size, size**2 * errors.dispersion)}


def multivariate_normal(model, errors):
    pairs = [(i, j) for i in range(4) for j in range(i + 1)]
    mean = {f"mean{i + 1}": (model.loc[i], errors.loc[i]) for i in range(4)}
    return mean | {f"cov{i + 1}{j + 1}": (model.covariance[i, j], errors.covariance[i, j]) for i, j in pairs}


WEIBULL = Recipe(xj.Weibull, sample, fields(shape="concentration", scale="scale"))
PARETO = fields(sigma="scale", xi="shape")
POISSONS = {"a": xj.unit_interval, "m1": xj.positive, "m2": xj.positive}
RECIPES = {
    "egypt_weibull": WEIBULL,
    "egypt_gamma": Recipe(xj.Gamma, sample, fields(shape="concentration", rate="rate")),
    "egypt_exp": Recipe(xj.Exponential, sample, fields(rate="rate")),
    "egypt_lnorm": Recipe(xj.LogNormal, sample, fields(meanlog="loc", sdlog="scale")),
    "egypt_rayleigh": Recipe(xj.Rayleigh, sample, fields(sigma="scale")),
    "egypt_invgauss": Recipe(xj.InverseGaussian, sample, fields(mean="mean", shape="shape")),
    "egypt_invgamma": Recipe(xj.InverseGamma, sample, fields(alpha="concentration", beta="scale")),
    "egypt_betapr": Recipe(xj.BetaPrime, sample, fields(shape1="alpha", shape2="beta")),
    "egypt_invweibull": Recipe(xj.Frechet, sample, frechet),
    "egypt_lgamma": Recipe(LogGamma(3.0, 1.0), sample, fields(shapelog="shape", ratelog="rate")),
    "ball_bearing_weibull": WEIBULL,
    "ball_bearing_gengamma": Recipe(
        Prentice(4.0, 0.5, 1.0), sample, fields(mu="mu", sigma="sigma", **{"lambda": "shape"})
    ),
    "portpirie_gev": Recipe(xj.GeneralizedExtremeValue, sample, fields(mu="loc", sigma="scale", xi="shape")),
    "rain_gpd": Recipe(xj.GeneralizedPareto, excesses(30.0), PARETO),
    "dowjones_gpd": Recipe(xj.GeneralizedPareto, excesses(2.0), PARETO),
    "horsekicks_poisson": Recipe(xj.Poisson, counts, fields(**{"lambda": "rate"})),
    "federalist_nbinom": Recipe(xj.NegativeBinomial, counts, negative_binomial),
    "saxony_binomial": Recipe(xj.Binomial(12, 0.5), counts, fields(p="probs")),
    "saxony_betabinomial": Recipe(xj.BetaBinomial(12, 10.0, 10.0), counts, fields(a="alpha", b="beta")),
    "linkage_multinomial": Recipe(Linkage(0.5), counts, fields(theta="theta")),
    "tmb_compois_mode": Recipe(xj.ConwayMaxwellPoisson, counts, conway_maxwell_poisson),
    "iris_setosa_mvn": Recipe(xj.MultivariateNormal, lambda *x: (np.stack(x, 1), None), multivariate_normal),
    "tmb_linreg": Recipe(xj.Regression(xj.Normal, loc=xj.Linear()), line, line_and_log_scale),
    "spector_logit": Recipe(
        xj.Regression(xj.Bernoulli, probs=xj.Linear()), features, coefficients("probs", "GPA", "TUCE", "PSI", "const")
    ),
    "randhie_poisson": Recipe(
        xj.Regression(xj.Poisson, rate=xj.Linear()),
        features,
        coefficients("rate", "lncoins", "idp", "lpi", "fmde", "physlm", "disea", "hlthg", "hlthf", "hlthp", "const"),
    ),
    "london_deaths_poisson_mixture": Recipe(
        xj.Density({"a": 0.5, "m1": 1.0, "m2": 3.0}, two_poissons, POISSONS), counts, params
    ),
}


def observed(name):
    """The data of a case and their weights."""
    return RECIPES[name].data(*read(CASES[name]["data"]))


@functools.cache
def golden(name):
    """The fit of a case, its data and their weights."""
    data, weights = observed(name)
    return xj.fit_mle(RECIPES[name].model, data, weights=weights), data, weights
