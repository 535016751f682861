"""Distributions made from others: truncated, with zeros of their own, shifted, scaled, transformed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

import xentjax as xj

Status = xj.Status
RNG = np.random.default_rng(0)


@xj.record
class MinusLog:
    """y = −log x, a map of one's own, which falls."""

    def forward(self, x):
        return -jnp.log(x)

    def inverse(self, y):
        return jnp.exp(-y)


class WithZero:
    """A 0 with a probability of its own, next to a distribution of scipy; of counts given that they are not 0."""

    def __init__(self, zero, of, inflated=False):
        self.zero, self.of, self.counts = zero, of, hasattr(of, "logpmf")
        self.above = of.sf(0) if self.counts and not inflated else 1.0
        self.log_of_zero = np.log(zero + (1 - zero) * of.pmf(0) if inflated else zero)

    def log_prob(self, x):
        own = self.of.logpmf(x) if self.counts else self.of.logpdf(x)
        return np.where(x == 0, self.log_of_zero, np.log1p(-self.zero) + own - np.log(self.above))

    def log_survival(self, x):
        return np.log1p(-self.zero) + self.of.logsf(x) - np.log(self.above)


class Scipy:
    def __init__(self, of):
        self.log_prob = of.logpmf if hasattr(of, "logpmf") else of.logpdf
        self.log_survival, self.log_cdf = of.logsf, of.logcdf


class Conditional:
    """Whole numbers given a < x ≤ b, by sums."""

    def __init__(self, of, low, high):
        k = np.arange(200.0)
        self.of, self.kept = of, of.pmf(k[(k > low) & (k <= high)]).sum()

    def log_prob(self, x):
        return self.of.logpmf(x) - np.log(self.kept)


REALS, COUNTS = np.array([0.2, 0.7, 1.5, 2.4]), np.array([1.0, 2.0, 4.0, 7.0])
NORMAL, TAIL = xj.Normal(1.0, 2.0), xj.Normal(0.0, 1.0)
# a model, the same from elsewhere, and points within
ROWS = {
    "normal": (xj.Truncated(NORMAL, 0.0, 3.0), Scipy(stats.truncnorm(-0.5, 1.0, 1.0, 2.0)), REALS),
    "normal, upper tail": (xj.Truncated(TAIL, 9.0), Scipy(stats.truncnorm(9.0, np.inf)), 9 + REALS / 5),
    "normal, lower tail": (xj.Truncated(TAIL, -np.inf, -9.0), Scipy(stats.truncnorm(-np.inf, -9.0)), -9 - REALS / 5),
    "whole numbers": (xj.Truncated(xj.Poisson(3.0), 0.0, 7.5), Conditional(stats.poisson(3.0), 0, 7.5), COUNTS),
    "rare": (xj.Truncated(xj.Poisson(1e-9), 0.0), Conditional(stats.poisson(1e-9), 0, 199), COUNTS),
    "inflated": (xj.ZeroInflated(xj.Poisson(3.0), 0.3), WithZero(0.3, stats.poisson(3.0), True), COUNTS),
    "hurdle of counts": (xj.Hurdle(xj.Poisson(3.0), 0.3), WithZero(0.3, stats.poisson(3.0)), COUNTS),
    "hurdle": (xj.Hurdle(xj.Gamma(2.0, 1.5), 0.3), WithZero(0.3, stats.gamma(2.0, scale=1 / 1.5)), REALS),
    "shifted": (xj.Shifted(xj.Weibull(1.7, 2.0), 0.1), Scipy(stats.weibull_min(1.7, 0.1, 2.0)), REALS),
    "shifted, of a name": (xj.Shifted(xj.LogNormal(0.3, 0.7), 0.1), Scipy(stats.lognorm(0.7, 0.1, np.exp(0.3))), REALS),
    "shifted counts": (xj.Shifted(xj.Poisson(2.0), 1.0), Scipy(stats.poisson(2.0, 1.0)), COUNTS),
    "scaled": (xj.Scaled(xj.Beta(2.0, 3.0), 4.0), Scipy(stats.beta(2.0, 3.0, 0.0, 4.0)), REALS),
    "exp": (xj.Transformed(xj.Normal(0.3, 0.7), xj.Exp()), Scipy(stats.lognorm(0.7, 0.0, np.exp(0.3))), REALS),
    "falling": (xj.Transformed(xj.Gamma(2.0, 3.0), xj.Power(-1.0)), Scipy(stats.invgamma(2.0, 0.0, 3.0)), REALS),
    "falling line": (xj.Transformed(xj.Gumbel(0.5, 2.0), xj.Affine(1.0, -2.0)), Scipy(stats.gumbel_l(0.0, 4.0)), REALS),
    "own map": (xj.Transformed(xj.Exponential(2.0), MinusLog()), Scipy(stats.gumbel_r(np.log(2.0))), REALS),
}
over_rows = pytest.mark.parametrize(("model", "reference", "points"), ROWS.values(), ids=ROWS)
PROBABILITIES = np.array([0.01, 0.3, 0.6, 0.95])


@jax.jit
def measures(model, points):
    """All that there is, in one program: three logarithms, quantiles, P(X ≤ quantile) and P(X < quantile) of counts."""
    every = [jax.vmap(f)(points) for f in (model.log_prob, model.log_cdf, model.log_survival)]
    quantiles = jax.vmap(model.quantile)(PROBABILITIES.astype(points.dtype))
    return *every, quantiles, *jax.vmap(jax.vmap(model.cdf))(jnp.stack([quantiles, quantiles - 1]))


@jax.jit
def at_once(model, points):
    return model.log_prob(points), model.log_cdf(points), model.log_survival(points)


@pytest.mark.parametrize("name", ["normal", "hurdle"])
def test_of_an_array_of_points(name) -> None:
    model, _, points = ROWS[name]
    for found, expected in zip(at_once(model, points), measures(model, points), strict=False):
        np.testing.assert_allclose(found, expected, rtol=1e-14)  # a rounding or two


@jax.jit
def draws(model):
    return model.sample(jax.random.key(0), (400,))


@jax.jit
def total(model):
    """The probability of all values; of counts up to 64."""
    if model.support.discrete:
        return jnp.exp(jax.vmap(model.log_prob)(jnp.arange(0.0, 64.0))).sum()
    return xj.quadrature(model).weights.sum()


@over_rows
def test_values_and_quantiles(model, reference, points) -> None:
    log_prob, log_cdf, log_survival, _, reached, below = measures(model, points)
    # scipy's digits: a dozen, of sums of a few terms
    np.testing.assert_allclose(log_prob, reference.log_prob(points), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(np.logaddexp(log_cdf, log_survival), 0.0, atol=1e-12)
    if hasattr(reference, "log_survival"):
        np.testing.assert_allclose(log_survival, reference.log_survival(points), rtol=1e-10, atol=1e-11)
    if hasattr(reference, "log_cdf"):
        np.testing.assert_allclose(log_cdf, reference.log_cdf(points), rtol=1e-10, atol=1e-11)
    if model.support.discrete:
        assert np.all((reached >= PROBABILITIES - 1e-12) & (below < PROBABILITIES))
    else:
        # where a 0 has a probability, the quantiles of less are 0
        atom = float(model.zero) if isinstance(model, xj.Hurdle) else 0.0
        np.testing.assert_allclose(reached, np.maximum(PROBABILITIES, atom), rtol=1e-10)


# one for each way to draw: the others draw by the same code as one of these
DRAWN = ("normal", "normal, upper tail", "whole numbers", "inflated", "hurdle", "hurdle of counts", "shifted", "scaled")


@pytest.mark.parametrize("name", [*DRAWN, "falling"])
def test_draws(name) -> None:
    model, _, points = ROWS[name]
    *_, quantiles, reached, _ = measures(model, points)
    # the share of draws up to each quantile: five standard errors
    share = np.mean(np.asarray(draws(model))[:, None] <= np.asarray(quantiles) * (1 + 1e-12 * np.sign(quantiles)), 0)
    assert np.all(np.abs(share - reached) <= 5 * np.sqrt(reached * (1 - reached) / 400) + 1e-12)


@over_rows
def test_probabilities_sum_to_one(model, reference, points) -> None:
    np.testing.assert_allclose(total(model), 1.0, rtol=1e-9)


@jax.jit
def derivatives(model, points):
    def value(model, x):
        value = model.log_prob(x)
        return jnp.where(jnp.isfinite(value), value, 0.0)

    def slopes(model, x):
        first = jax.grad(value)(model, x)
        return first, first

    return jax.vmap(jax.jacfwd(slopes, has_aux=True), (None, 0))(model, points)


@pytest.mark.parametrize("name", ["normal, upper tail", "whole numbers", "inflated", "hurdle", "shifted", "exp"])
def test_derivatives_are_finite_outside_too(name) -> None:
    model, _, points = ROWS[name]
    found = derivatives(model, np.concatenate([points, [-1.0, 0.0, 1e6, np.inf]]))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))


@pytest.mark.parametrize("name", ["normal", "inflated", "hurdle", "shifted", "falling"])
def test_single_precision(name) -> None:
    model, _, points = ROWS[name]
    single = measures(jax.tree.map(lambda leaf: jnp.asarray(leaf, "float32"), model), points.astype("float32"))
    double = measures(model, points)
    assert all(leaf.dtype == "float32" for leaf in single)
    for one, two in zip(single[:4], double[:4], strict=True):
        # some rounding of 6e-8 each
        np.testing.assert_allclose(one, two, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["inflated", "hurdle of counts", "hurdle"])
def test_at_zero(name) -> None:
    model, reference, _ = ROWS[name]
    log_prob, log_cdf, *_ = measures(model, np.array([-1.0, 0.0, 0.0, 0.0]))  # as many points as above
    for found in (log_prob, log_cdf):
        np.testing.assert_allclose(found[1:], reference.log_of_zero, rtol=1e-14)
        assert found[0] == -np.inf


def test_edges_of_the_probability_of_zero() -> None:
    at_zero = jax.jit(jax.value_and_grad(lambda model: model.log_prob(0.0)))
    # the derivative at no inflation, which a score test needs: 1 / P(0) − 1
    _, slope = at_zero(xj.ZeroInflated(xj.Poisson(2.0), 0.0))
    np.testing.assert_allclose(slope.zero, np.expm1(2.0), rtol=1e-14)
    # P(0) of the Poisson distribution is below the least float: all zeros are of the other kind
    assert at_zero(xj.ZeroInflated(xj.Poisson(1000.0), 0.25))[0] == np.log(0.25)
    assert at_zero(xj.ZeroInflated(xj.Poisson(1000.0), 0.0))[0] == -1000.0
    assert at_zero(xj.Hurdle(xj.Poisson(2.0), 0.0))[0] == -np.inf


def test_zero_inflated_fits_in_lanes_and_at_the_boundary() -> None:
    counts = RNG.poisson(np.array([[1.0], [4.0], [12.0]]), (3, 200)) * (RNG.uniform(size=(3, 200)) > 0.4)
    # the last lane has fewer zeros than a Poisson distribution of its mean
    counts = np.concatenate([counts, [np.resize([0.0, 1.0, 1.0, 2.0, 2.0], 200)]])
    fits = jax.jit(jax.vmap(lambda x: xj.fit_mle(xj.ZeroInflated(xj.Poisson), x)))(counts.astype(float))
    fits = jax.tree.map(np.asarray, fits)
    assert fits.status.tolist() == [Status.CONVERGED] * 3 + [Status.BOUNDARY]
    zero, rate = fits.model.zero[:3], fits.model.of.rate[:3]
    # the likelihood equations: the mean, and the share of zeros
    np.testing.assert_allclose((1 - zero) * rate, counts[:3].mean(1), rtol=1e-9)
    np.testing.assert_allclose(zero + (1 - zero) * np.exp(-rate), (counts[:3] == 0).mean(1), rtol=1e-9)
    assert "along zero → 0" in str(jax.tree.map(lambda leaf: leaf[3], fits))


def test_a_hurdle_is_two_fits() -> None:
    rain = np.where(RNG.uniform(size=80) < 0.4, 0.0, RNG.gamma(2.0, 1.0, 80))
    fit = xj.fit_mle(xj.Hurdle(xj.Gamma), rain).check()
    np.testing.assert_allclose(fit.model.zero, np.mean(rain == 0), rtol=1e-10)
    # the likelihood equations of a gamma fit to what is not 0
    a, rate, wet = fit.model.of.concentration, fit.model.of.rate, rain[rain > 0]
    expected = [wet.mean(), np.log(wet).mean()]
    np.testing.assert_allclose([a / rate, special.digamma(a) - np.log(rate)], expected, rtol=1e-9)
    # one that is held keeps its value
    held = xj.fit_mle(xj.Hurdle(xj.Gamma), rain, fixed={"zero": 0.5, "rate": 1.0}).check()
    assert (held.model.zero, held.model.of.rate) == (0.5, 1.0)


def test_a_hurdle_of_counts_is_a_truncated_fit() -> None:
    counts = RNG.poisson(1.5, 100).astype(float)
    fit = xj.fit_mle(xj.Hurdle(xj.Poisson), counts).check()
    positive = xj.fit_mle(xj.Truncated(xj.Poisson, 0.0), counts[counts > 0]).check()
    np.testing.assert_allclose(fit.model.of.rate, positive.model.of.rate, rtol=1e-8)
    np.testing.assert_allclose(fit.model.mean, counts.mean(), rtol=1e-9)
    # by the two parts, P(0) apart
    share = np.mean(counts == 0)
    parts = stats.bernoulli(share).logpmf(counts == 0).sum() + positive.log_likelihood
    np.testing.assert_allclose(fit.log_likelihood, parts, rtol=1e-12)


@jax.jit
def moments(p):
    """Mean and variance, and the same of points."""
    points = xj.quadrature(p)
    mean = points.expect(lambda x: x)
    return (p.mean, p.variance), (mean, points.expect(lambda x: (x - mean) ** 2))


def test_moments_of_zeros() -> None:
    for name in ("inflated", "hurdle of counts", "hurdle"):
        own, found = moments(ROWS[name][0])
        np.testing.assert_allclose(own, found, rtol=1e-9)


def test_a_truncated_normal_fit_matches_moments() -> None:
    x = stats.truncnorm(-0.5, 1.5).ppf((np.arange(200) + 0.5) / 200)
    fit = xj.fit_mle(xj.Truncated(xj.Normal, -0.5, 1.5), x).check()
    assert (fit.model.low, fit.model.high) == (-0.5, 1.5)
    loc, scale = fit.model.of.loc, fit.model.of.scale
    same = stats.truncnorm((-0.5 - loc) / scale, (1.5 - loc) / scale, loc, scale)
    # an exponential family: the likelihood equations say that mean and variance are those of the data
    np.testing.assert_allclose([same.mean(), same.var()], [x.mean(), x.var()], rtol=1e-8)


def test_a_three_parameter_weibull_from_data() -> None:
    p = stats.weibull_min(2.5, 50.0, 20.0)
    x = p.ppf((np.arange(100) + 0.5) / 100)
    fit = xj.fit_mle(xj.Shifted(xj.Weibull), x).check()
    assert fit.model.shift < x.min()
    # stratified data: the estimates are near the truth, within half a standard error
    errors = fit.standard_errors()
    for found, error, truth in ((fit.model.shift, errors.shift, 50.0), (fit.model.of.scale, errors.of.scale, 20.0)):
        assert abs(found - truth) < 0.5 * error
    # below a concentration of 1 the likelihood grows as the shift approaches the least observation
    pole = stats.weibull_min(0.5, 50.0, 20.0).ppf((np.arange(100) + 0.5) / 100)
    assert not xj.fit_mle(xj.Shifted(xj.Weibull), pole).converged


def test_the_shift_of_whole_numbers_is_the_least() -> None:
    counts = 3 + RNG.poisson(2.0, 50).astype(float)
    fit = xj.fit_mle(xj.Shifted(xj.Poisson), counts).check()
    np.testing.assert_allclose([fit.model.shift, fit.model.of.rate], [3.0, counts.mean() - 3], rtol=1e-12)


def test_a_beta_distribution_in_units_of_its_own() -> None:
    x = stats.beta(2.0, 3.0, 0.0, 7.0).ppf((np.arange(200) + 0.5) / 200)
    fit = xj.fit_mle(xj.Scaled(xj.Beta), x).check()
    np.testing.assert_allclose([fit.model.scale, fit.model.of.alpha, fit.model.of.beta], [7.0, 2.0, 3.0], rtol=0.1)
    held = xj.fit_mle(xj.Scaled(xj.Beta, 7.0), x, fixed=["scale"]).check()
    # the likelihood equations of a beta fit
    a, b = held.model.of.alpha, held.model.of.beta
    found = [special.digamma(a) - special.digamma(a + b), special.digamma(b) - special.digamma(a + b)]
    np.testing.assert_allclose(found, [np.log(x / 7).mean(), np.log1p(-x / 7).mean()], rtol=1e-9)


def test_transformed_fits() -> None:
    x = RNG.lognormal(0.3, 0.7, 60)
    fit = xj.fit_mle(xj.Transformed(xj.Normal, xj.Exp()), x).check()
    loc, scale = np.log(x).mean(), np.log(x).std()
    np.testing.assert_allclose(jax.tree.leaves(fit.model.of), [loc, scale], rtol=1e-10)
    log_likelihood = stats.lognorm(scale, 0.0, np.exp(loc)).logpdf(x).sum()
    np.testing.assert_allclose(fit.log_likelihood, log_likelihood, rtol=1e-13)
    # a power of an exponential variable is a Weibull one; the map's exponent is fitted too
    power = xj.fit_mle(xj.Transformed(xj.Gamma(1.0, 1.0), xj.Power(1.0)), x, fixed={"concentration": 1.0}).check()
    # the likelihood equation of its concentration, and the scale that belongs to it
    exponent = power.model.bijection.exponent
    raised = x ** (1 / exponent)
    np.testing.assert_allclose(exponent, np.average(np.log(x), weights=raised) - np.log(x).mean(), rtol=1e-9)
    log_likelihood = stats.weibull_min(1 / exponent, 0.0, raised.mean() ** exponent).logpdf(x).sum()
    np.testing.assert_allclose(power.log_likelihood, log_likelihood, rtol=1e-12)


def test_combinations_of_combinations() -> None:
    x = np.append(stats.weibull_min(2.0, 0.0, 1.0).ppf((np.arange(60) + 0.5) / 60) + 5.0, 6.0)
    data = xj.right_censored(x, np.append(np.ones(60), 0.0))
    fit = xj.fit_mle(xj.Censored(xj.Shifted(xj.Weibull), ("exact", "right")), data).check()
    assert 4.5 < fit.model.of.shift < x.min()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda: xj.ZeroInflated(xj.Gamma(1.0, 1.0), 0.1).log_prob(1.0),
            r"ZeroInflated: .* > 0, but .* whole .*; a Hurd",
        ),
        (lambda: xj.ZeroInflated(xj.Zeta(2.0), 0.1).log_prob(1.0), r"ZeroInflated: .*≥ 1, but .* with 0, .*; a Hurdle"),
        (
            lambda: xj.fit_mle(xj.Hurdle(xj.Normal), np.ones(3)),
            r"Hurdle: found .* a finite number, but .* ≥ 0 .*; a Mix",
        ),
        (
            lambda: xj.fit_kl(xj.ZeroInflated(xj.Poisson), xj.Poisson(1.0)),
            r"ZeroInflated: found the source .*; pass quad",
        ),
        (
            lambda: xj.fit_kl(xj.Shifted(xj.Weibull), xj.Gamma(1.0, 1.0)),
            r"Shifted: found the source Gamma.*; pass quad",
        ),
        (lambda: xj.Transformed(xj.Poisson(1.0), xj.Exp()).log_prob(1.0), r"Transformed: found Poisson.*; Shifted and"),
        (lambda: xj.Shifted(xj.Dirichlet(jnp.ones(2)), 1.0).log_prob(1.0), r"Shifted: .* a vector .*; write a record"),
        (lambda: xj.Truncated(xj.Categorical(jnp.zeros(3)), 0.0).log_prob(1.0), r"Truncated: found a Categ.*; choose"),
    ],
)
def test_messages(call, match) -> None:
    with pytest.raises(TypeError, match=match):
        jax.eval_shape(call)
