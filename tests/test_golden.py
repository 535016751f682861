"""Published maximum-likelihood results: estimates, standard errors and log-likelihoods. See golden/README.md."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xentjax as xj

GOLDEN = Path(__file__).parent / "golden"
CASES = {case["id"]: case for case in json.loads((GOLDEN / "cases.json").read_text())}


@xj.record
class Line:
    """A straight line with normal errors, in the coordinates of the published fit."""

    a: xj.Parameter = xj.real(0.0)
    b: xj.Parameter = xj.real(0.0)
    log_sigma: xj.Parameter = xj.real(0.0)

    def log_prob(self, point):
        x, y = point
        return xj.Normal(self.a + self.b * x, jnp.exp(self.log_sigma)).log_prob(y)


@xj.record
class Logit:
    """A logistic regression."""

    coefficients: xj.Parameter = xj.real()

    def log_prob(self, point):
        x, y = point
        score = x @ self.coefficients
        return y * score - jax.nn.softplus(score)


@xj.record
class LogLinear:
    """A Poisson regression with logarithmic link."""

    coefficients: xj.Parameter = xj.real()

    def log_prob(self, point):
        x, y = point
        return xj.Poisson(jnp.exp(x @ self.coefficients)).log_prob(y)


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


def read(name):
    """The columns [k, n] of a data file."""
    return np.loadtxt(GOLDEN / "data" / name, delimiter=",", skiprows=1, ndmin=2).T


def sample(model, file):
    (x,) = read(file)
    return xj.fit_mle(model, x)


def counts(model, file):
    x, frequency = read(file)
    return xj.fit_mle(model, x, weights=frequency)


def fields(fit, **names):
    """{published name: (estimate, standard error)} of the fields that the two share."""
    errors = fit.standard_errors()
    return {new: (getattr(fit.model, own), getattr(errors, own)) for new, own in names.items()}


def named(fit_to, model, **names):
    """A fit whose published names are those of fields."""

    def run(file):
        fit = fit_to(model, file)
        return fit, fields(fit, **names)

    return run


def frechet(file):
    fit = sample(xj.Frechet, file)
    scale = fit.model.scale
    # delta method: d rate / d scale = -1 / scale²
    rate = (1 / scale, fit.standard_errors().scale / scale**2)
    return fit, fields(fit, shape="concentration") | {"rate": rate}


def excesses(threshold):
    def run(file):
        (x,) = read(file)
        fit = xj.fit_mle(xj.GeneralizedPareto, x - threshold)
        return fit, fields(fit, sigma="scale", xi="shape")

    return run


def conway_maxwell_poisson(file):
    fit = counts(xj.ConwayMaxwellPoisson, file)
    rate, dispersion, errors = fit.model.rate, fit.model.dispersion, fit.standard_errors()
    # delta method: d log rate / d rate = 1 / rate
    return fit, {
        "logmu": (jnp.log(rate), errors.rate / rate),
        "lognu": (jnp.log(dispersion), errors.dispersion / dispersion),
    }


def negative_binomial(file):
    fit = counts(xj.NegativeBinomial, file)
    size = 1 / fit.model.dispersion
    # delta method: d size / d dispersion = -size²
    return fit, fields(fit, mu="mean") | {"size": (size, size**2 * fit.standard_errors().dispersion)}


def multivariate_normal(file):
    fit = xj.fit_mle(xj.MultivariateNormal, read(file).T)
    errors = fit.standard_errors()
    found = {f"mean{i + 1}": (fit.model.loc[i], errors.loc[i]) for i in range(4)}
    pairs = [(i, j) for i in range(4) for j in range(i + 1)]
    cov = {f"cov{i + 1}{j + 1}": (fit.model.covariance[i, j], errors.covariance[i, j]) for i, j in pairs}
    return fit, found | cov


def line(file):
    y, x = read(file)
    fit = xj.fit_mle(Line(), (x, y))
    return fit, fields(fit, a="a", b="b", logSigma="log_sigma")


def regression(model):
    def run(file):
        y, *x = read(file)
        header = (GOLDEN / "data" / file).read_text().partition("\n")[0]
        _, *names = header.split(",")
        fit = xj.fit_mle(model(np.zeros(len(names))), (np.stack(x, 1), y))
        errors = fit.standard_errors().coefficients
        return fit, {name: (fit.model.coefficients[i], errors[i]) for i, name in enumerate(names)}

    return run


def poisson_mixture(file):
    supports = {"a": xj.unit_interval, "m1": xj.positive, "m2": xj.positive}
    fit = counts(xj.Density({"a": 0.5, "m1": 1.0, "m2": 3.0}, two_poissons, supports), file)
    errors = fit.standard_errors().params
    return fit, {name: (value, errors[name]) for name, value in fit.model.params.items()}


RECIPES = {
    "egypt_weibull": named(sample, xj.Weibull, shape="concentration", scale="scale"),
    "egypt_gamma": named(sample, xj.Gamma, shape="concentration", rate="rate"),
    "egypt_exp": named(sample, xj.Exponential, rate="rate"),
    "egypt_lnorm": named(sample, xj.LogNormal, meanlog="loc", sdlog="scale"),
    "egypt_rayleigh": named(sample, xj.Rayleigh, sigma="scale"),
    "egypt_invgauss": named(sample, xj.InverseGaussian, mean="mean", shape="shape"),
    "egypt_invgamma": named(sample, xj.InverseGamma, alpha="concentration", beta="scale"),
    "egypt_betapr": named(sample, xj.BetaPrime, shape1="alpha", shape2="beta"),
    "egypt_invweibull": frechet,
    "egypt_lgamma": named(sample, LogGamma(3.0, 1.0), shapelog="shape", ratelog="rate"),
    "ball_bearing_weibull": named(sample, xj.Weibull, shape="concentration", scale="scale"),
    "ball_bearing_gengamma": named(sample, Prentice(4.0, 0.5, 1.0), mu="mu", sigma="sigma", **{"lambda": "shape"}),
    "portpirie_gev": named(sample, xj.GeneralizedExtremeValue, mu="loc", sigma="scale", xi="shape"),
    "rain_gpd": excesses(30.0),
    "dowjones_gpd": excesses(2.0),
    "horsekicks_poisson": named(counts, xj.Poisson, **{"lambda": "rate"}),
    "federalist_nbinom": negative_binomial,
    "saxony_binomial": named(counts, xj.Binomial(12, 0.5), p="probs"),
    "saxony_betabinomial": named(counts, xj.BetaBinomial(12, 10.0, 10.0), a="alpha", b="beta"),
    "linkage_multinomial": named(counts, Linkage(0.5), theta="theta"),
    "tmb_compois_mode": conway_maxwell_poisson,
    "iris_setosa_mvn": multivariate_normal,
    "tmb_linreg": line,
    "spector_logit": regression(Logit),
    "randhie_poisson": regression(LogLinear),
    "london_deaths_poisson_mixture": poisson_mixture,
}


def within_print(value, printed):
    """Whether a value agrees with a number as printed, to one unit of its last digit."""
    digits = len(printed.partition(".")[2])
    # twelve printed digits of a program that stopped iterating are not all right; a relative 1e-6 of them are
    return abs(float(value) - float(printed)) <= max(10.0**-digits, 1e-6 * abs(float(printed)))


def test_every_case_has_a_recipe():
    assert RECIPES.keys() == CASES.keys()


@pytest.mark.parametrize("name", RECIPES)
def test_fit_agrees_with_published_and_recomputed_results(name):
    case = CASES[name]
    fit, found = RECIPES[name](case["data"])
    recomputed = case["recomputed"]
    assert fit.check() is fit
    assert found.keys() == recomputed["estimates"].keys()
    for parameter, (estimate, error) in found.items():
        # the reference stopped at a scaled gradient of 1e-9; a relative 1e-8 leaves room for the conditioning
        np.testing.assert_allclose(estimate, recomputed["estimates"][parameter], rtol=1e-8, err_msg=parameter)
        # second derivatives carry the errors of the estimates about a hundredfold
        np.testing.assert_allclose(error, recomputed["standard_errors"][parameter], rtol=1e-6, err_msg=parameter)
    # at the maximum the errors of the estimates enter squared: what is left is the rounding of the sum
    np.testing.assert_allclose(fit.log_likelihood, recomputed["log_likelihood"], rtol=1e-10)

    published = case.get("published", {})
    for parameter, printed in published.get("estimates", {}).items():
        assert within_print(found[parameter][0], printed), parameter
    for parameter, printed in published.get("standard_errors", {}).items():
        assert within_print(found[parameter][1], printed), parameter
    if "log_likelihood" in published:
        assert within_print(fit.log_likelihood, published["log_likelihood"])
    if "aic" in published:
        assert within_print(2 * len(found) - 2 * fit.log_likelihood, published["aic"])


def test_mixture_of_the_library_finds_the_published_mixture():
    case = CASES["london_deaths_poisson_mixture"]
    start = xj.Mixture(jnp.array([0.5, 0.5]), xj.Poisson(jnp.array([1.0, 3.0])))
    fit = counts(start, case["data"]).check()
    errors = fit.standard_errors()
    found = [fit.model.weights[0], *fit.model.components.rate]
    found_errors = [errors.weights[0], *errors.components.rate]
    order = ("a", "m1", "m2")
    # tolerances as above
    np.testing.assert_allclose(found, [case["recomputed"]["estimates"][k] for k in order], rtol=1e-8)
    np.testing.assert_allclose(found_errors, [case["recomputed"]["standard_errors"][k] for k in order], rtol=1e-6)
    np.testing.assert_allclose(fit.log_likelihood, case["recomputed"]["log_likelihood"], rtol=1e-10)
