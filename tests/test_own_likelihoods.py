"""Likelihoods of one's own: tied parameters, random effects by quadrature, sequences by `lax.scan`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.optimize
import scipy.special
from scipy import stats

import xentjax as xj

RNG = np.random.default_rng(0)
TWO_GROUPS = np.r_[RNG.normal(-2.0, 1.0, 40), RNG.normal(2.0, 1.0, 60)]
COVARIATE, EFFECTS = RNG.normal(size=(20, 5)), RNG.normal(0.0, 0.8, 20)
VISITS = RNG.poisson(np.exp(0.3 + 0.5 * COVARIATE + EFFECTS[:, None])).astype(float)


def same_scale(p):
    return xj.Mixture(p["weights"], xj.Normal(p["loc"], p["scale"] * jnp.ones(2)))


def test_a_tied_scale_is_that_of_expectation_maximization() -> None:
    start = {"weights": jnp.array([0.5, 0.5]), "loc": jnp.array([-1.0, 1.0]), "scale": 1.0}
    model = xj.Built(start, same_scale, {"weights": xj.simplex, "scale": xj.positive})
    found = xj.fit_mle(model, TWO_GROUPS).check().model.params
    weights, loc, scale = np.full(2, 0.5), np.array([-1.0, 1.0]), 1.0
    for _ in range(100):  # each step takes off a good half of the error
        joint = weights * stats.norm(loc, scale).pdf(TWO_GROUPS[:, None])
        share = joint / joint.sum(1, keepdims=True)
        weights, loc = share.mean(0), share.T @ TWO_GROUPS / share.sum(0)
        scale = np.sqrt((share * (TWO_GROUPS[:, None] - loc) ** 2).sum(1).mean())
    for name, value in (("weights", weights), ("loc", loc), ("scale", scale)):
        np.testing.assert_allclose(found[name], value, rtol=1e-8)


def random_intercepts(points):
    """Poisson counts of a group whose common effect is normal; a point is a group."""

    def log_prob(p, group):
        x, y = group

        def given(effect):
            rates = jnp.exp(p["intercept"] + p["slope"] * x + p["deviation"] * effect)
            return jnp.sum(xj.Poisson(rates).log_prob(y))

        return jax.nn.logsumexp(jax.vmap(given)(points.data), b=points.weights)

    return log_prob


def by_adaptive_quadrature(p, x, y):
    """log ∫ of one group, by scipy about the mode."""

    intercept, slope, deviation = (float(p[name]) for name in ("intercept", "slope", "deviation"))

    def log_joint(u):
        eta = intercept + slope * x + deviation * u
        return np.sum(y * eta - np.exp(eta) - scipy.special.gammaln(y + 1)) - u * u / 2

    mode = scipy.optimize.minimize_scalar(lambda u: -log_joint(u), bounds=(-6, 6), method="bounded").x
    top = log_joint(mode)
    integral = scipy.integrate.quad(lambda u: np.exp(log_joint(u) - top), mode - 5, mode + 5, epsabs=0, epsrel=1e-10)
    return top + np.log(integral[0] / np.sqrt(2 * np.pi))


def test_random_intercepts_by_quadrature() -> None:
    start = {"intercept": 0.0, "slope": 0.0, "deviation": 1.0}
    quadrature = jax.jit(xj.quadrature, static_argnums=1)
    rules = [random_intercepts(quadrature(xj.Normal(0.0, 1.0), number)) for number in (512, 1024)]
    model = xj.Density(start, rules[0], {"deviation": xj.positive})
    fit = xj.fit_mle(model, (COVARIATE, VISITS)).check()
    p = fit.model.params

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def finer(p):
        groups = jax.vmap(lambda group: rules[1](p, group))((COVARIATE, VISITS))
        return groups.mean(), groups

    slopes, groups = finer(p)
    np.testing.assert_allclose(groups.mean(), -fit.cross_entropy, rtol=1e-9)
    np.testing.assert_allclose(list(slopes.values()), 0.0, atol=1e-8)
    for i in (0, 7, int(VISITS.sum(1).argmax())):
        np.testing.assert_allclose(groups[i], by_adaptive_quadrature(p, COVARIATE[i], VISITS[i]), rtol=1e-8)
    # 20 nodes of Gauss and Hermite lie too far apart for the group that says most about its effect
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    coarse = jax.jit(random_intercepts(xj.Empirical(jnp.asarray(nodes), jnp.asarray(weights / weights.sum()))))
    assert abs(coarse(p, (COVARIATE[i], VISITS[i])) - groups[i]) > 0.01


AUTOREGRESSION = np.zeros(80)
for t in range(1, 80):
    AUTOREGRESSION[t] = 0.4 + 0.6 * AUTOREGRESSION[t - 1] + RNG.normal()


def autoregression(p, y):
    """The exact log-density of a stationary AR(1) per step; the sequence is one point."""

    def step(before, now):
        return now, xj.Normal(p["mean"] + p["phi"] * (before - p["mean"]), p["scale"]).log_prob(now)

    first = xj.Normal(p["mean"], p["scale"] / jnp.sqrt(1 - p["phi"] ** 2)).log_prob(y[0])
    return (first + jnp.sum(jax.lax.scan(step, y[0], y[1:])[1])) / y.size


def jointly_normal(parameters, y):
    mean, phi, scale = parameters
    covariance = scale**2 / (1 - phi**2) * scipy.linalg.toeplitz(phi ** np.arange(len(y)))
    return stats.multivariate_normal(np.full(len(y), mean), covariance).logpdf(y)


VOLATILITY, variance = np.zeros(400), 1.0
for t in range(400):
    VOLATILITY[t] = np.sqrt(variance) * RNG.normal()
    variance = 0.1 + 0.15 * VOLATILITY[t] ** 2 + 0.75 * variance


def garch(p, y):
    """The log-density of a GARCH(1, 1) per step, from its stationary variance on."""
    omega = p["variance"] * (1 - p["persistence"])
    alpha, beta = p["persistence"] * p["share"], p["persistence"] * (1 - p["share"])

    def step(variance, y):
        return omega + alpha * y**2 + beta * variance, xj.Normal(0.0, jnp.sqrt(variance)).log_prob(y)

    return jnp.mean(jax.lax.scan(step, p["variance"], y)[1])


def garch_by_a_loop(parameters, y):
    persistence, share, variance = parameters
    omega, total = variance * (1 - persistence), 0.0
    for value in y:
        total -= 0.5 * (np.log(2 * np.pi * variance) + value**2 / variance)
        variance = omega + persistence * (share * value**2 + (1 - share) * variance)
    return total


def differences(x):
    return np.diag(2e-4 * np.maximum(np.abs(x), 0.1))


def curvature(f, x):
    """By central differences."""
    steps = differences(x)
    pairs = [[f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b) for a in steps] for b in steps]
    return np.array(pairs) / (4 * np.outer(steps.diagonal(), steps.diagonal()))


@pytest.mark.parametrize(
    ("log_prob", "start", "supports", "reference", "y"),
    [
        (
            autoregression,
            {"mean": 0.0, "phi": 0.0, "scale": 1.0},
            {"phi": xj.interval(-1.0, 1.0), "scale": xj.positive},
            jointly_normal,
            AUTOREGRESSION,
        ),
        (
            garch,
            {"persistence": 0.9, "share": 0.1, "variance": 1.0},
            {"persistence": xj.unit_interval, "share": xj.unit_interval, "variance": xj.positive},
            garch_by_a_loop,
            VOLATILITY,
        ),
    ],
    ids=["AR(1)", "GARCH(1, 1)"],
)
def test_a_sequence_is_one_point_weighted_by_its_length(log_prob, start, supports, reference, y) -> None:
    weights = np.array([float(y.size)])
    fit = xj.fit_mle(xj.Density(start, log_prob, supports), y[None], weights=weights).check()
    found = np.array(list(fit.model.params.values()))
    np.testing.assert_allclose(fit.log_likelihood, reference(found, y), rtol=1e-11)
    errors = np.array(list(fit.standard_errors().params.values()))
    covariance = np.linalg.inv(-curvature(lambda x: reference(x, y), found))
    # the square of the steps of the differences, over the distance of a persistence of nearly 1 from 1
    np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=1e-3)
    # how far the best is, by a Newton step, in standard errors; again with the square of the steps
    slopes = [(reference(found + h, y) - reference(found - h, y)) / (2 * h.sum()) for h in differences(found)]
    np.testing.assert_allclose(covariance @ slopes / errors, 0.0, atol=1e-3)
    # so many steps, not one point
    np.testing.assert_allclose(xj.inference.bic(fit), 3 * np.log(y.size) - 2 * fit.log_likelihood, rtol=1e-14)
    with pytest.raises(ValueError, match=r"sandwich_covariance: found a single observation"):
        xj.inference.sandwich_covariance(fit, y[None], weights)


TIMES = RNG.exponential(1.0, (6, 10)) * RNG.exponential(1.0, (6, 1))


def waiting(p, times):
    """Exponential waiting times of one subject, per time."""
    return jnp.mean(xj.Exponential(p["rate"]).log_prob(times))


def test_several_sequences_are_clusters() -> None:
    weights = np.full(6, 10.0)
    fit = xj.fit_mle(xj.Density({"rate": 1.0}, waiting, {"rate": xj.positive}), TIMES, weights=weights).check()
    robust = xj.inference.sandwich_covariance(fit, TIMES, weights, clusters=np.arange(6))
    # of log rate: the information is the number of times, the score of a subject its excess over the expected time
    scores = 10 - TIMES.sum(1) / TIMES.mean()
    np.testing.assert_allclose(robust.matrix, np.sum(scores**2) / 60**2, rtol=1e-9)
