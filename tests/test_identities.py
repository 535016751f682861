"""Identities that every fit obeys: stationarity, invariances of the weights, one minimum by several ways.

All data have one shape and weights are always given, so that each family compiles once.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import xentjax as xj
from xentjax.estimation import _fit

N = 300
EPS = float(jnp.finfo(float).eps)
# a mean of terms that are sums of several parts of up to ten nats
NATS = 64 * EPS
ADAM = optax.adam(0.05)

_normals = xj.Normal(jnp.array([-2.0, 2.0]), jnp.array([0.8, 1.2]))
_mixture = xj.Mixture(jnp.array([0.4, 0.6]), _normals)


def _unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _squares(z):
    return z @ np.swapaxes(z, -1, -2)


# name: what to fit, data of a given size, and a value that the model excludes
TABLE = {
    "Bernoulli": (xj.Bernoulli, lambda rng, n: rng.binomial(1, 0.3, n), 0.5),
    "Beta": (xj.Beta, lambda rng, n: rng.beta(2.0, 3.0, n), 1.5),
    "BetaPrime": (xj.BetaPrime, lambda rng, n: rng.gamma(2.0, 1.0, n) / rng.gamma(3.0, 1.0, n), -1.0),
    "Categorical": (xj.Categorical(jnp.zeros(3)), lambda rng, n: rng.choice(3, n, p=[0.5, 0.2, 0.3]), 3),
    "Cauchy": (xj.Cauchy, lambda rng, n: 1.0 + 2.0 * rng.standard_cauchy(n), jnp.inf),
    "Chi": (xj.Chi, lambda rng, n: np.sqrt(rng.chisquare(2.5, n)), -1.0),
    "ChiSquared": (xj.ChiSquared, lambda rng, n: rng.chisquare(2.5, n), -1.0),
    "BurrXII": (xj.BurrXII, lambda rng, n: 2.0 * (rng.uniform(size=n) ** -0.5 - 1) ** (1 / 3), -1.0),
    "ContinuousBernoulli": (xj.ContinuousBernoulli, lambda rng, n: rng.beta(2.0, 3.0, n), 1.5),
    "BetaBinomial": (
        xj.BetaBinomial(9.0, 1.0, 1.0),
        lambda rng, n: rng.binomial(9, rng.beta(2.0, 3.0, n)),
        9.5,
    ),
    "ConwayMaxwellPoisson": (xj.ConwayMaxwellPoisson, lambda rng, n: rng.negative_binomial(4, 0.5, n), -1.0),
    "Dirichlet": (xj.Dirichlet, lambda rng, n: rng.dirichlet([2.0, 3.5, 1.2], n), 0.7),
    "Exponential": (xj.Exponential, lambda rng, n: rng.exponential(2.0, n), -1.0),
    "Frechet": (xj.Frechet, lambda rng, n: 2.0 / rng.weibull(1.5, n), 0.0),
    "Gamma": (xj.Gamma, lambda rng, n: rng.gamma(3.0, 2.0, n), -1.0),
    "GeneralizedExtremeValue": (
        xj.GeneralizedExtremeValue,
        lambda rng, n: (rng.exponential(size=n) ** -0.2 - 1) / 0.2,
        jnp.inf,
    ),
    "GeneralizedNormal": (
        xj.GeneralizedNormal,
        lambda rng, n: rng.choice([-1, 1], n) * rng.gamma(0.25, size=n) ** 0.25,
        jnp.inf,
    ),
    "Geometric": (xj.Geometric, lambda rng, n: rng.geometric(0.3, n) - 1, 0.5),
    "Gumbel": (xj.Gumbel, lambda rng, n: rng.gumbel(1.0, 2.0, n), jnp.inf),
    "GeneralizedPareto": (xj.GeneralizedPareto, lambda rng, n: 2.0 * rng.pareto(3.0, n), -1.0),
    "Gompertz": (xj.Gompertz, lambda rng, n: 2.0 * np.log1p(rng.exponential(2.0, n)), -1.0),
    "Kumaraswamy": (xj.Kumaraswamy, lambda rng, n: rng.beta(2.0, 3.0, n), 1.5),
    "Independent": (
        xj.Independent(xj.Gamma(jnp.ones(2), jnp.ones(2))),
        lambda rng, n: rng.gamma(3.0, [1.0, 5.0], (n, 2)),
        -1.0,
    ),
    "Laplace": (xj.Laplace, lambda rng, n: rng.laplace(1.0, 2.0, n), jnp.inf),
    "LogLogistic": (xj.LogLogistic, lambda rng, n: np.exp(rng.logistic(1.0, 0.5, n)), 0.0),
    "LogNormal": (xj.LogNormal, lambda rng, n: rng.lognormal(2.0, 0.5, n), 0.0),
    "Logistic": (xj.Logistic, lambda rng, n: rng.logistic(1.0, 2.0, n), jnp.inf),
    "GeneralizedGamma": (xj.GeneralizedGamma, lambda rng, n: 2.0 * np.sqrt(rng.gamma(0.7, 1.0, n)), -1.0),
    "HalfNormal": (xj.HalfNormal, lambda rng, n: np.abs(rng.normal(0.0, 2.0, n)), -1.0),
    "InverseGamma": (xj.InverseGamma, lambda rng, n: 2.0 / rng.gamma(3.0, 1.0, n), 0.0),
    "InverseGaussian": (xj.InverseGaussian, lambda rng, n: rng.wald(2.0, 3.0, n), 0.0),
    "Maxwell": (xj.Maxwell, lambda rng, n: 2.0 * np.sqrt(rng.chisquare(3.0, n)), -1.0),
    "LogitNormal": (xj.LogitNormal, lambda rng, n: 1 / (1 + np.exp(rng.normal(1.0, 2.0, n))), 1.5),
    "Lomax": (xj.Lomax, lambda rng, n: 2.0 * rng.pareto(3.0, n), -1.0),
    "Mixture": (_mixture, lambda rng, n: rng.choice([-2.0, 2.0], n) + rng.normal(size=n), jnp.inf),
    "Moyal": (xj.Moyal, lambda rng, n: 1.0 - 4.0 * np.log(abs(rng.normal(size=n))), jnp.inf),
    "LogarithmicSeries": (xj.LogarithmicSeries, lambda rng, n: rng.logseries(0.7, n), 0.0),
    "Multinomial": (xj.Multinomial, lambda rng, n: rng.multinomial(6, [0.2, 0.5, 0.3], n), 0.5),
    "MultivariateNormal": (
        xj.MultivariateNormal,
        lambda rng, n: rng.multivariate_normal([1.0, 1.0], [[2.0, 0.6], [0.6, 1.0]], n),
        jnp.inf,
    ),
    "Nakagami": (xj.Nakagami, lambda rng, n: np.sqrt(rng.gamma(2.0, 1.5, n)), -1.0),
    "MultivariateStudentT": (
        xj.MultivariateStudentT,
        lambda rng, n: (
            rng.multivariate_normal([1.0, 1.0], [[2.0, 0.6], [0.6, 1.0]], n) / rng.gamma(2.0, 0.5, (n, 1)) ** 0.5
        ),
        jnp.inf,
    ),
    "NegativeBinomial": (xj.NegativeBinomial, lambda rng, n: rng.negative_binomial(2, 1 / 3, n), -1.0),
    "Normal": (xj.Normal, lambda rng, n: rng.normal(1.0, 2.0, n), jnp.inf),
    "Poisson": (xj.Poisson, lambda rng, n: rng.poisson(3.0, n), 1.5),
    "SkewNormal": (xj.SkewNormal, lambda rng, n: 3.0 * abs(rng.normal(size=n)) + rng.normal(size=n), jnp.inf),
    "Rayleigh": (xj.Rayleigh, lambda rng, n: rng.rayleigh(2.0, n), -1.0),
    "StudentT": (xj.StudentT, lambda rng, n: 1.0 + 2.0 * rng.standard_t(3.0, n), jnp.inf),
    "Uniform": (xj.Uniform, lambda rng, n: rng.uniform(1.0, 3.0, n), jnp.inf),
    "VonMises": (xj.VonMises, lambda rng, n: rng.vonmises(3.0, 2.0, n), 7.0),
    "Weibull": (xj.Weibull, lambda rng, n: 2.0 * rng.weibull(1.5, n), -1.0),
    "WrappedCauchy": (xj.WrappedCauchy, lambda rng, n: 2 * np.arctan(0.3 * rng.standard_cauchy(n)), 7.0),
    "VonMisesFisher": (xj.VonMisesFisher, lambda rng, n: _unit(rng.normal([1.0, 0.5, -1.0], 0.7, (n, 3))), 0.3),
    "Wishart": (xj.Wishart, lambda rng, n: _squares(rng.normal(size=(n, 2, 5))), -1.0),
    "Zeta": (xj.Zeta, lambda rng, n: rng.zipf(3.0, n), 0.0),
}
# scalars whose start is already the answer, up to the rounding of the means
CLOSED = (
    *("Bernoulli", "Exponential", "Geometric", "HalfNormal", "Laplace", "LogNormal", "Maxwell", "Normal", "Poisson"),
    "Rayleigh",
)

every_family = pytest.mark.parametrize("name", TABLE)


@functools.cache
def draw(name, seed=0):
    """Data of a family: N numbers, or N vectors for Dirichlet and MultivariateNormal."""
    x = TABLE[name][1](np.random.default_rng(seed), N)
    return x if name == "Categorical" else np.asarray(x, float)


@functools.cache
def fitted(name, seed=0):
    return fit(name, draw(name, seed))


def fit(name, x, weights=np.ones(N)):  # noqa: B008 - never written to
    return xj.fit_mle(TABLE[name][0], x, weights=weights).check()


def coordinates(model):
    return np.asarray(ravel_pytree(xj.unconstrain(model)[0])[0])


def assert_same(one, other, roundings=16):
    """Two fits of the same data agree, in unconstrained coordinates."""
    a, b = coordinates(one.model), coordinates(other.model)
    # sums over 300 points round by about sqrt(300) = 17 eps; solving for the parameters multiplies by the condition
    condition = np.linalg.cond(np.asarray(one.curvature)) if one.curvature.size else 1.0
    np.testing.assert_allclose(a, b, rtol=0, atol=roundings * EPS * condition * (1 + np.max(np.abs(a))))
    # errors of the parameters enter squared; what is left is the rounding of the terms, of the order of one nat
    np.testing.assert_allclose(one.cross_entropy, other.cross_entropy, rtol=0, atol=NATS)


@jax.jit
def cross_entropy_and_score(model, x):
    """The cross-entropy point by point, and the mean score in unconstrained coordinates, ends put at extremes aside."""
    free, constrain = xj.unconstrain(model, getattr(model, "edges", ()))
    return jax.value_and_grad(lambda free: -jnp.mean(jax.vmap(constrain(free).log_prob)(x)))(free)


@every_family
def test_mean_score_is_zero_and_gap_is_closed(name):
    found = fitted(name)
    cross_entropy, score = cross_entropy_and_score(found.model, draw(name))
    # after the last Newton step what is left of the gradient is the rounding of sums over 300 points
    np.testing.assert_allclose(ravel_pytree(score)[0], 0.0, atol=EPS * 300)
    np.testing.assert_allclose(found.cross_entropy, cross_entropy, rtol=0, atol=NATS)
    assert 0 <= found.gap <= 1e-12
    assert found.observations == N


# one family for each way to an objective: statistics read once, subgradients, points in blocks
@pytest.mark.parametrize("optimizer", [None, ADAM])
def test_a_median_is_found_from_anywhere(optimizer):
    """The kink lies on a point of the data when their number is odd."""
    x = jnp.asarray(np.random.default_rng(3).laplace(1.0, 2.0, 51))
    fit = xj.fit_mle(xj.Laplace(-20.0, 5.0), x, optimizer=optimizer)
    assert fit.converged
    assert float(fit.model.loc) == float(np.median(x))
    assert float(fit.model.scale) == pytest.approx(np.mean(np.abs(x - np.median(x))), rel=1e-12)


@pytest.mark.parametrize("name", ["Gamma", "Laplace", "Weibull"])
def test_weights_of_one_are_no_weights(name):
    assert_same(fit(name, draw(name), None), fitted(name))


@every_family
def test_only_ratios_of_weights_count(name):
    x = draw(name)
    weights = np.random.default_rng(1).uniform(0.2, 1.8, N)
    assert_same(fit(name, x, weights), fit(name, x, 0.3 * weights))


def test_standard_errors_know_the_total_of_the_weights():
    x = draw("Gamma")
    one, four = (fit("Gamma", x, np.full(N, weight)).standard_errors() for weight in (1.0, 4.0))
    # as many digits as the inverse of the curvature has
    np.testing.assert_allclose(one.rate, 2 * four.rate, rtol=1e-10)


@every_family
def test_weight_two_is_a_repeated_point_and_weight_zero_a_removed_one(name):
    half = draw(name)[: N // 2]
    junk = np.full_like(half, TABLE[name][2])
    junk[::2] = np.nan if junk.dtype == float else -1
    weights = np.repeat([2.0, 0.0], N // 2)
    assert_same(fit(name, np.concatenate([half, half])), fit(name, np.concatenate([half, junk]), weights))


@every_family
def test_repeated_points_are_weighted_distinct_points(name):
    rng = np.random.default_rng(2)
    distinct = draw(name)[:51]
    times = 1 + rng.multinomial(N - 51, np.ones(51) / 51)
    repeated = rng.permutation(np.repeat(distinct, times, axis=0))
    padding = np.repeat(distinct[:1], N - 51, axis=0)
    weights = np.concatenate([times, np.zeros(N - 51)])
    one, other = fit(name, repeated), fit(name, np.concatenate([distinct, padding]), weights)
    assert_same(one, other, roundings=4)
    if name in CLOSED:
        for a, b in zip(jax.tree.leaves(one.model), jax.tree.leaves(other.model), strict=True):
            # means with a second pass over the residuals: one rounding each of sum, division, square root and exp
            np.testing.assert_array_max_ulp(np.asarray(a), np.asarray(b), maxulp=4)


@every_family
def test_order_does_not_matter(name):
    assert_same(fitted(name), fit(name, np.random.default_rng(3).permutation(draw(name))))


@every_family
def test_maximum_likelihood_is_the_projection_of_the_data(name):
    projection = xj.fit_kl(TABLE[name][0], xj.Empirical(draw(name), np.ones(N)))
    for a, b in zip(jax.tree.leaves(fitted(name)), jax.tree.leaves(projection), strict=True):
        np.testing.assert_array_equal(a, b)


@every_family
def test_new_data_of_the_same_shape_compile_nothing(name):
    fitted(name)
    compiled = _fit._cache_size()
    other = fitted(name, seed=1)
    assert _fit._cache_size() == compiled
    assert np.all(coordinates(other.model) != coordinates(fitted(name).model))


def test_users_functions_are_traced_once_for_data_of_one_shape():
    calls = []

    def log_prob(params, x):
        calls.append(x)
        return xj.Normal(params["loc"], jnp.ones(())).log_prob(x)

    x = draw("Normal")
    first = xj.fit_mle(xj.Density({"loc": 0.0}, log_prob), x)
    traced = len(calls)
    second = xj.fit_mle(xj.Density({"loc": 0.5}, log_prob), x + 1.0)
    assert len(calls) == traced > 0
    np.testing.assert_allclose(second.model.params["loc"], first.model.params["loc"] + 1.0, rtol=16 * EPS)


@pytest.mark.parametrize("name", ["Gamma", "Normal", "Weibull"])
def test_float32_fit_is_within_1e_6_nats_of_the_minimum(name):
    x = draw(name).astype(np.float32)
    found = fit(name, x, np.ones(N, np.float32))
    assert {leaf.dtype for leaf in jax.tree.leaves(found.model)} == {jnp.dtype("float32")}
    # the same data in float64: their minimum, and the value there of the float32 parameters
    exact = fit(name, x.astype(float))
    wide = jax.tree.map(lambda leaf: leaf.astype(float), found.model)
    reached, _ = cross_entropy_and_score(wide, x.astype(float))
    # parameters are wrong by some eps = 1e-7, which enter squared; 1e-6 is what the toolkit promises
    assert -NATS <= reached - exact.cross_entropy <= 1e-6
    np.testing.assert_allclose(found.cross_entropy, exact.cross_entropy, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["Cauchy", "GeneralizedPareto", "Gumbel", "InverseGaussian", "Logistic", "Normal", "Rayleigh"]
)
def test_float32_fits_have_no_units(name):
    x, weights = draw(name).astype(np.float32), np.ones(N, np.float32)
    own = fit(name, x, weights).check()
    for exponent in (-56, -27, 27, 56):  # factors of 1e-17 to 1e17, which round nothing
        found = fit(name, np.ldexp(x, exponent), weights).check()
        moved = float(found.cross_entropy) - exponent * np.log(2)
        # roundings of the logarithm of the scale, up to 40
        np.testing.assert_allclose(moved, own.cross_entropy, atol=8 * 40 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("name", ["Gamma", "Weibull"])
def test_vmap_of_fits_is_fits_one_by_one(name):
    lanes = jax.vmap(lambda x: xj.fit_mle(TABLE[name][0], x))(np.stack([draw(name, seed) for seed in range(4)]))
    assert lanes.check() is lanes
    assert lanes.status.shape == (4,)
    for seed in range(4):
        assert_same(fitted(name, seed), jax.tree.map(lambda leaf, seed=seed: leaf[seed], lanes))


def test_jit_changes_nothing():
    found = jax.jit(lambda x: xj.fit_mle(xj.Gamma, x))(draw("Gamma"))
    assert found.check() is found
    assert_same(fitted("Gamma"), found)


# the closed form of the first column's expectations against the same from points
PAIRS = [
    (xj.LogNormal(0.3, 0.6), "Gamma"),
    (xj.Weibull(1.7, 1.2), "Gamma"),
    (xj.Gamma(2.5, 1.3), "Normal"),
    (xj.Beta(2.0, 3.5), "Normal"),
    (_mixture, "Normal"),
    (xj.Gamma(2.5, 1.3), "LogNormal"),
    (xj.Gamma(2.5, 1.3), "Weibull"),
    (xj.LogNormal(0.3, 0.6), "Weibull"),
    (xj.Gamma(2.5, 1.3), "Exponential"),
    (xj.NegativeBinomial(3.0, 0.5), "Geometric"),
]


quadrature = jax.jit(xj.quadrature, static_argnums=1)


@pytest.mark.parametrize(("p", "name"), PAIRS, ids=[f"{type(p).__name__}-{name}" for p, name in PAIRS])
def test_projection_in_closed_form_is_the_projection_of_its_quadrature(p, name):
    count = N // 2 if isinstance(p, xj.Mixture) else N  # a mixture takes this many of each component
    closed, points = xj.fit_kl(TABLE[name][0], p).check(), quadrature(p, count)
    # as data: a projection of them is the same, which is tested above and would be compiled again
    numeric = fit(name, points.data, points.weights)
    for a, b in zip(jax.tree.leaves(closed.model), jax.tree.leaves(numeric.model), strict=True):
        # 300 points of the double-exponential rule integrate smooth functions to about 1e-13
        np.testing.assert_allclose(a, b, rtol=1e-10)
    np.testing.assert_allclose(closed.cross_entropy, numeric.cross_entropy, rtol=1e-10)
