"""The losses that people know are cross-entropies of regressions; two families that are here for their losses."""

import pathlib
import re
import sys
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.scipy.special import gammaln
from mpmath import mp
from tables import OPTIMISED

import xentjax as xj

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "experiments"))

import losses_are_cross_entropies as experiment  # noqa: E402
from losses.comparison import Comparison, Published  # noqa: E402

RNG = np.random.default_rng(3)
N = 40
X = RNG.normal(size=(N, 2))
LINE = X @ [0.6, -0.4] + 0.3
MEAN = np.exp(LINE)
NUMBERS = LINE + RNG.normal(size=N)
BINARY = (RNG.uniform(size=N) < 1 / (1 + np.exp(-LINE))).astype(float)
CLASSES = RNG.integers(0, 3, N)
COUNTS = RNG.poisson(MEAN).astype(float)
POSITIVE = RNG.gamma(2.0, MEAN / 2)
TOTALS = np.where(RNG.uniform(size=N) < 0.3, 0.0, POSITIVE)
SHARES = RNG.beta(3 / (1 + np.exp(-LINE)), 3 / (1 + np.exp(LINE)))


class Loss(NamedTuple):
    """A loss of one response and its predictor, and the model: cross-entropies are `factor` losses and a constant."""

    loss: Callable[[Any, Any], Any]
    of: Any
    parameter: str
    y: np.ndarray
    factor: float = 1.0
    held: tuple[str, ...] = ()
    smooth: bool = True


def pinball(eta, y, level=0.8):
    return jnp.where(y > eta, level * (y - eta), (level - 1) * (y - eta))


def poisson(eta, y):
    return jnp.exp(eta) - y * eta


def gamma_deviance(eta, y):
    return 2 * (y * jnp.exp(-eta) - 1 - jnp.log(y) + eta)


def inverse_gaussian_deviance(eta, y):
    return (y - jnp.exp(eta)) ** 2 / (y * jnp.exp(2 * eta))


def tweedie_deviance(eta, y, p=1.6):
    parts = y ** (2 - p) / ((1 - p) * (2 - p)), -y * jnp.exp((1 - p) * eta) / (1 - p), jnp.exp((2 - p) * eta) / (2 - p)
    return 2 * sum(parts)


def negative_binomial(eta, y, alpha=0.5):
    return (y + 1 / alpha) * jnp.log1p(alpha * jnp.exp(eta)) - y * eta


def beta(eta, y, precision=3.0):
    a, b = precision * jax.nn.sigmoid(eta), precision * jax.nn.sigmoid(-eta)
    return gammaln(a) + gammaln(b) - a * jnp.log(y) - b * jnp.log1p(-y)


def softmax(eta, y):
    return optax.losses.softmax_cross_entropy_with_integer_labels(jnp.append(eta, 0.0), y)


def of_mean(family, **values):
    """A family by its mean and one more number."""
    second = next(name for name in values if name != "mean")
    supports = {"mean": xj.unit_interval if second == "precision" else xj.positive, second: xj.positive}
    return xj.Built(values, lambda p: family(p["mean"], p[second]), supports)


def gamma_of_mean(mean, shape):
    return xj.Gamma(shape, shape / mean)


def beta_of_mean(mean, precision):
    return xj.Beta(precision * mean, precision * (1 - mean))


def minus_huber(p, y):
    return -optax.losses.huber_loss(p["loc"], y)


LOSSES = {
    "squared error": Loss(
        optax.losses.squared_error, xj.Normal(0.0, 2.0), "loc", NUMBERS, factor=1 / (2 * 2.0**2), held=("scale",)
    ),
    "absolute error": Loss(
        lambda eta, y: jnp.abs(y - eta), xj.Laplace(0.0, 2.0), "loc", NUMBERS, 1 / 2.0, held=("scale",), smooth=False
    ),
    "pinball": Loss(
        pinball, xj.AsymmetricLaplace(0.0, 2.0, 0.8), "loc", NUMBERS, 1 / 2.0, held=("scale",), smooth=False
    ),
    "log-cosh": Loss(optax.losses.log_cosh, xj.Logistic(0.0, 0.5), "loc", NUMBERS, 2.0, held=("scale",)),
    "Huber": Loss(optax.losses.huber_loss, xj.Density({"loc": 0.0}, minus_huber), "loc", NUMBERS),
    "logistic": Loss(optax.losses.sigmoid_binary_cross_entropy, xj.Bernoulli(0.5), "probs", BINARY),
    "softmax": Loss(softmax, xj.Categorical(jnp.zeros(3)), "logits", CLASSES),
    "Poisson": Loss(poisson, xj.Poisson(1.0), "rate", COUNTS),
    "negative binomial": Loss(negative_binomial, xj.NegativeBinomial(1.0, 0.5), "mean", COUNTS, held=("dispersion",)),
    "gamma deviance": Loss(
        gamma_deviance, of_mean(gamma_of_mean, mean=1.0, shape=2.0), "mean", POSITIVE, 2.0 / 2, held=("shape",)
    ),
    "inverse Gaussian deviance": Loss(
        inverse_gaussian_deviance, xj.InverseGaussian(1.0, 3.0), "mean", POSITIVE, 3.0 / 2, held=("shape",)
    ),
    "Tweedie deviance": Loss(
        tweedie_deviance, xj.Tweedie(1.0, 1.3, 1.6), "mean", TOTALS, 1 / (2 * 1.3), held=("dispersion",)
    ),
    "beta": Loss(beta, of_mean(beta_of_mean, mean=0.5, precision=3.0), "mean", SHARES, held=("precision",)),
}
WIDTH = {"softmax": 2}


def coefficients(name, b):
    """Of a vector of all: a number of each, or one for each class but the last."""
    if name not in WIDTH:
        return {"intercept": b[0], "x": b[1:]}
    return {"intercept": b[: WIDTH[name]], "x": b[WIDTH[name] :].reshape(-1, 2)}


def flat(found):
    return np.concatenate([np.ravel(found["intercept"]), np.ravel(found["x"])])


@partial(jax.jit, static_argnums=0)
def both(name, b, x, y):
    """The mean loss and the cross-entropy, their gradients, and the Hessian of the loss, at coefficients b."""
    row = LOSSES[name]

    def loss(b):
        c = coefficients(name, b)
        return jnp.mean(jax.vmap(lambda x, y: row.loss(c["x"] @ x + c["intercept"], y))(x, y))

    def cross_entropy(b):
        model = xj.Regression(row.of, **{row.parameter: xj.Linear(coefficients=coefficients(name, b))})
        source = xj.Empirical((x, y))
        return xj.cross_entropy(source, model.start(source))

    def slope(b):
        value_and_slope = jax.value_and_grad(loss)(b)
        return value_and_slope[1], value_and_slope

    hessian, value_and_slope = jax.jacfwd(slope, has_aux=True)(b)
    return value_and_slope, jax.value_and_grad(cross_entropy)(b), hessian


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_a_cross_entropy_up_to_a_factor_and_a_constant(name):
    row, size = LOSSES[name], 3 * WIDTH.get(name, 1)
    data = jnp.asarray(X), jnp.asarray(row.y)
    first, second = (both(name, b, *data) for b in (0.1 * np.arange(size), 0.3 - 0.2 * np.arange(size)))
    differences = [second[i][0] - first[i][0] for i in (0, 1)]
    # rounding of means of forty terms of size 1 to 10
    np.testing.assert_allclose(differences[1], row.factor * differences[0], rtol=1e-12, atol=1e-13)
    for (_, slope), (_, score), _ in (first, second):
        # likewise
        np.testing.assert_allclose(score, row.factor * slope, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES[name].smooth])
def test_the_fit_is_the_minimum_of_the_loss(name):
    row = LOSSES[name]
    model = xj.Regression(row.of, **{row.parameter: xj.Linear()})
    fit = xj.fit_mle(model, (X, row.y), fixed=row.held).check()
    b = flat(fit.model.predictors[row.parameter].coefficients)
    (_, slope), _, hessian = both(name, jnp.asarray(b), jnp.asarray(X), jnp.asarray(row.y))
    # what Newton's method would still move: a fit is within 1e-12 nats, which is 1e-6 in units of the curvature of
    # each; its last step is quadratic and leaves far less
    assert np.abs(np.linalg.solve(hessian, slope)).max() < 1e-8
    assert np.linalg.eigvalsh(hessian).min() > 0


def test_quantile_regression_without_covariates_is_the_quantile():
    fit = xj.fit_mle(xj.AsymmetricLaplace(level=0.8), NUMBERS).check()
    below = NUMBERS - fit.model.loc
    assert np.mean(below < 0) <= 0.8 <= np.mean(below <= 0)
    # the mean of the loss, to rounding
    np.testing.assert_allclose(fit.model.scale, np.mean(pinball(fit.model.loc, NUMBERS)), rtol=1e-13)


@pytest.mark.parametrize("loc", [-50.0, 3.0])
def test_a_quantile_is_found_from_anywhere_among_ties_and_weights(loc):
    x, weights = np.array([1.0, 2.0, 2.0, 2.0, 5.0, 9.0]), np.array([1.0, 1.0, 1.0, 2.0, 3.0, 0.0])
    fit = xj.fit_mle(xj.AsymmetricLaplace(loc, 7.0, 0.4), x, weights=weights).check()
    assert fit.model.loc == 2
    assert fit.model.level == 0.4
    # the curvature is the model's own: level (1 − level) / scale²
    expected = fit.model.scale / np.sqrt(0.4 * 0.6 * weights.sum())
    np.testing.assert_allclose(fit.standard_errors().loc, expected, rtol=1e-12)


def test_a_median_stays_on_its_kink(dtype):
    """Compiled as users do: a step of rounding on the way to the best scale once led off the kink."""
    rng = np.random.default_rng(0)
    x, weights = np.round(2 * rng.normal(size=(300, 12))), rng.integers(0, 4, (300, 12))
    start = xj.AsymmetricLaplace(3.0, 7.0, 0.4)
    fits = jax.jit(jax.vmap(lambda x, w: xj.fit_mle(start, x, weights=w)), compiler_options=OPTIMISED)
    assert fits(x.astype(dtype), weights.astype(dtype)).converged.all()


# Tweedie


def tweedie_by_the_sum(x, mean, dispersion, power):
    """log q(x) for x > 0 to forty digits: over the number of gamma variables, until terms no longer count."""
    with mp.workdps(40):
        x, mean, dispersion, p = map(mp.mpf, (x, mean, dispersion, power))
        number, a = mean ** (2 - p) / (dispersion * (2 - p)), (2 - p) / (p - 1)
        scale = dispersion * (p - 1) * mean ** (p - 1)

        def term(n):
            log_gamma_density = (n * a - 1) * mp.log(x) - x / scale - n * a * mp.log(scale) - mp.loggamma(n * a)
            return mp.exp(n * mp.log(number) - number - mp.loggamma(n + 1) + log_gamma_density)

        middle = int(max(1, x ** (2 - p) / (dispersion * (2 - p))))
        width = int(40 * middle**0.5) + 40
        return mp.log(mp.fsum(term(n) for n in range(max(1, middle - width), middle + width)))


CASES = [
    (1.0, 2.0, 1.0, 1.5),
    (1e-6, 2.0, 1.0, 1.5),
    (50.0, 2.0, 1.0, 1.5),
    (3.0, 3.1, 1e-3, 1.3),  # a sum that is thinned out
    (10.0, 9.0, 0.21, 1.9),  # and one that is just so
    (3.0, 3.0, 2.0, 1.99),
    (2.3, 3.0, 0.5, 1.02),  # nearly a lattice
    (0.001, 0.001, 50.0, 1.2),
]
log_density = jax.jit(lambda case: xj.Tweedie(*case[1:]).log_prob(case[0]))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_tweedie_densities_are_the_sum(case):
    expected = float(tweedie_by_the_sum(*case))
    # near a lattice a rounding of x counts concentration · x / scale = 4000 times
    np.testing.assert_allclose(log_density(jnp.array(case)), expected, rtol=1e-12, atol=1e-12)
    single = log_density(jnp.array(case, jnp.float32))
    exact = float(tweedie_by_the_sum(*map(float, np.array(case, np.float32))))
    assert single.dtype == jnp.float32
    # likewise in float32, of the parameters too
    np.testing.assert_allclose(single, exact, rtol=1e-4, atol=1e-4)


TWEEDIES = [(2.0, 1.0, 1.5), (0.3, 4.0, 1.2), (5.0, 0.2, 1.9)]


@jax.jit
def facts(v, power):
    p = xj.Tweedie(*v, power)
    source = xj.quadrature(p, 512)

    def at(x):
        derive = jax.grad(lambda v: xj.Tweedie(*v, power).log_prob(x))
        return x, derive(v), jnp.outer(derive(v), derive(v)), jax.jacfwd(derive)(v), jnp.exp(0.1 * (x - p.mean))

    mean, score, information, hessian, growth = source.expect(at)
    second = source.expect(lambda x: (x - p.mean) ** 2)
    cumulant = p.expectations()[xj.cumulants.cumulant](jnp.asarray(0.1))
    return (mean, second, jnp.log(growth)), (p.mean, p.variance, cumulant), score, information, hessian


@pytest.mark.parametrize("case", TWEEDIES, ids=str)
def test_tweedie_moments_scores_and_information(case):
    found, expected, score, information, hessian = facts(jnp.array(case[:2]), case[2])
    # sums over 512 points, exact to rounding for smooth densities
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    unit = np.sqrt(np.diagonal(information))
    np.testing.assert_array_less(np.abs(score) / unit, 1e-10)
    np.testing.assert_array_less(np.abs(information + hessian) / np.outer(unit, unit), 1e-10)


def test_tweedie_samples():
    p, n = xj.Tweedie(2.0, 1.0, 1.5), 100_000

    @jax.jit
    def draw(p):
        return p.sample(jax.random.key(0), (n,)), jnp.exp(p.log_prob(0.0)), p.mean, p.variance

    x, none, mean, variance = map(np.asarray, draw(p))
    # five standard errors, that of the variance from the sample's own fourth moment
    assert abs(x.mean() - mean) < 5 * np.sqrt(variance / n)
    assert abs(np.mean(x == 0) - none) < 5 * np.sqrt(none * (1 - none) / n)
    squares = (x - mean) ** 2
    assert abs(squares.mean() - variance) < 5 * squares.std() / np.sqrt(n)


with_slopes = jax.jit(jax.value_and_grad(lambda v, x: xj.Tweedie(v[0], v[1], 1.5).log_prob(x), (0, 1)))


@pytest.mark.parametrize("x", [-1.0, jnp.inf, jnp.nan, 0.0])
def test_tweedie_at_the_ends(x):
    value, (scores, slope) = with_slopes(jnp.array([2.0, 1.0]), x)
    assert slope == 0
    if x == 0:
        # −2 √mean / dispersion
        np.testing.assert_allclose(value, -2 * 2**0.5, rtol=1e-15)
        np.testing.assert_allclose(scores, [-(2**-0.5), 2 * 2**0.5], rtol=1e-15)
    else:
        assert np.isnan(value) if np.isnan(x) else value == -np.inf
        assert not np.any(scores)


def test_tweedie_fits_all_but_the_power():
    fit = xj.fit_mle(xj.Tweedie(1.0, 1.0, 1.7), TOTALS).check()
    assert fit.model.power == 1.7
    # the maximum over the mean is the mean of the data
    np.testing.assert_allclose(fit.model.mean, TOTALS.mean(), rtol=1e-10)


def test_tweedie_of_nothing_but_zeros_goes_to_zero():
    fit = xj.fit_mle(xj.Tweedie(1.0, 1.0, 1.5), np.zeros(5), fixed=["dispersion"])
    assert not fit.converged


# The page of models, and the experiment

LINES = re.findall(r"`(xj\.Regression\([^`]*\))`", (ROOT / "docs" / "models.md").read_text())
COUNTED = ("Bernoulli", "Binomial", "Poisson", "Categorical", "Ordinal")


def test_the_page_has_all_its_lines():
    assert len(LINES) > 25


@pytest.mark.parametrize("line", LINES)
def test_lines_of_the_page_are_models_of_their_data(line):
    """All parameters have the names that the line gives them: traced from the start to the cross-entropy."""
    known = {
        "gamma_of_mean": of_mean(gamma_of_mean, mean=1.0, shape=1.0),
        "huber": xj.Density({"loc": 0.0}, minus_huber),
    }
    known["beta_of_mean"] = of_mean(beta_of_mean, mean=0.5, precision=5.0)
    model = eval(line, {"xj": xj, "jnp": jnp, **known})
    y = BINARY if any(name in line for name in COUNTED) else SHARES
    y = (y, y) if "Censored" in line else y
    columns = {"x": X, "n": np.full(N, 3.0), "age": X[:, 0], "year": X[:, 1], "log_exposure": X[:, 0]}
    x = columns if '"' in line.replace('"exact"', "").replace('"left"', "").replace('"right"', "") else X
    x = RNG.normal(size=(N, 3, 2)) if "Categorical" in line and "intercept=False" in line else x

    def cross_entropy(data):
        source = xj.Empirical(data)
        return xj.cross_entropy(source, model.start(source))

    assert jax.eval_shape(cross_entropy, jax.tree.map(jnp.asarray, (x, y))).shape == ()


@pytest.mark.parametrize(("ours", "holds"), [([1.0, 2.0], True), ([1.0, 2.0002], False), ([np.nan, 2.0], False)])
def test_other_coefficients_than_those_of_the_loss_are_caught(ours, holds):
    found = Comparison("", "", "", "", np.array([1.0, 2.0]), np.array(ours), 0.0, (5e-5, ""))
    assert found.check().holds == holds


@pytest.mark.parametrize(("value", "holds"), [(0.73249, True), (0.73251, False)])
def test_other_values_than_those_published_are_caught(value, holds):
    assert Published("", "3.516 0.732", np.array([3.516, value])).check().holds == holds


@pytest.mark.parametrize(("ours", "gap", "code"), [(1.0, 0.0, 0), (1.1, 0.0, 1), (1.0, np.inf, 1)])
def test_a_failed_comparison_is_the_exit_code(monkeypatch, capsys, ours, gap, code):
    found = [Comparison("", "", "", "", np.array([1.0]), np.array([ours]), gap, (1e-9, "why"))]
    monkeypatch.setattr(experiment, "PARTS", (SimpleNamespace(__doc__="A part.", measure=lambda: found),))
    monkeypatch.setattr(experiment, "draw", lambda comparisons: None)
    monkeypatch.setattr(experiment.jax.config, "update", lambda name, value: None)  # the tests keep their own
    assert experiment.main() == code
    assert ("FAILS" in capsys.readouterr().out) == bool(code)
