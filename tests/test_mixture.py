"""Mixtures: published maxima from open starts, components of any kind, what a fit says where one is idle; and EM."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st
from eruptions import ERUPTIONS, WAITING, em_in_numpy
from golden_recipes import CASES, observed
from tables import OPTIMISED

import xentjax as xj
from xentjax.estimators import expectation_maximization

Status = xj.Status
HALVES, THIRDS = jnp.array([0.5, 0.5]), jnp.ones(3) / 3
RNG = np.random.default_rng(0)
PEOPLE = RNG.normal(size=29)


@functools.cache
def two_normals() -> xj.Fit:
    return xj.fit_mle(xj.Mixture(HALVES, xj.Normal), WAITING)


def test_waiting_times_from_the_open_start() -> None:
    fit = two_normals().check()
    # as printed by mixtools: weights 0.3609 and 0.6391, means 54.61 and 80.09, deviations 5.87, log-likelihood -1034.00
    assert [round(float(v), 4) for v in fit.model.weights] == [0.3609, 0.6391]
    assert [round(float(v), 2) for v in fit.model.components.loc] == [54.61, 80.09]
    assert [round(float(v), 2) for v in fit.model.components.scale] == [5.87, 5.87]
    short = (WAITING < 68)[:, None]
    groups = np.concatenate([short, ~short], 1).astype(float)
    weights, means, spreads, log_likelihood = em_in_numpy(WAITING[:, None], groups, 300)
    # EM closes a constant share of the distance in each step: after 300 it is rounding, of sums of 272 terms
    np.testing.assert_allclose(fit.log_likelihood, log_likelihood, rtol=1e-13)
    np.testing.assert_allclose(fit.model.weights, weights, rtol=1e-9)
    np.testing.assert_allclose(fit.model.components.loc, means[:, 0], rtol=1e-9)
    np.testing.assert_allclose(fit.model.components.scale, np.sqrt(spreads[:, 0, 0]), rtol=1e-9)


def test_eruptions_in_two_dimensions_from_the_open_start() -> None:
    fit = xj.fit_mle(xj.Mixture(HALVES, xj.MultivariateNormal), ERUPTIONS).check()
    # mclust prints this for two ellipsoids of any volume, shape and orientation (VVV)
    assert round(float(fit.log_likelihood), 3) == -1130.264
    short = (ERUPTIONS[:, 0] < 3)[:, None]
    groups = np.concatenate([short, ~short], 1).astype(float)
    weights, means, spreads, log_likelihood = em_in_numpy(ERUPTIONS, groups, 200)
    found = fit.model.sorted_by("loc")
    # as above
    np.testing.assert_allclose(fit.log_likelihood, log_likelihood, rtol=1e-13)
    np.testing.assert_allclose(found.weights, weights, rtol=1e-9)
    np.testing.assert_allclose(found.components.loc, means, rtol=1e-9)
    np.testing.assert_allclose(found.components.covariance, spreads, rtol=1e-8)


@pytest.mark.parametrize("estimator", [xj.fit_mle, expectation_maximization])
def test_london_deaths_from_the_open_start(estimator) -> None:
    data, weights = observed("london_deaths_poisson_mixture")
    fit = estimator(xj.Mixture(HALVES, xj.Poisson), data, weights=weights).check()
    wanted = CASES["london_deaths_poisson_mixture"]["recomputed"]
    found = [fit.model.weights[0], *fit.model.components.rate]
    # the reference stopped at a scaled gradient of 1e-9, and the curvature is slight
    np.testing.assert_allclose(found, [wanted["estimates"][k] for k in ("a", "m1", "m2")], rtol=1e-8)
    np.testing.assert_allclose(fit.log_likelihood, wanted["log_likelihood"], rtol=1e-13)


def test_in_float32() -> None:
    fit = xj.fit_mle(xj.Mixture(HALVES, xj.Normal), WAITING.astype("float32")).check()
    assert {leaf.dtype for leaf in jax.tree.leaves(fit.model)} == {jnp.dtype("float32")}
    # a gap of eps is a distance of the order of its root, in standard errors of one observation
    wanted = two_normals().model
    np.testing.assert_allclose(fit.model.components.loc, wanted.components.loc, rtol=1e-3)
    np.testing.assert_allclose(fit.model.weights, wanted.weights, rtol=3e-3)


@jax.jit
def at_points(mixture, x):
    return [f(x) for f in (mixture.log_prob, mixture.log_cdf, mixture.responsibilities)]


@pytest.mark.parametrize(
    "mixture",
    [
        xj.Mixture(HALVES, xj.Normal(jnp.array([0.0, 2.0]), jnp.array([1.0, 3.0]))),
        xj.Mixture(jnp.array([0.1, 0.2, 0.3, 0.4]), xj.Normal(jnp.arange(4.0), jnp.ones(4))),
        xj.Mixture(HALVES, (xj.Normal(0.0, 1.0), xj.Logistic(1.0, 2.0))),
    ],
    ids=["two", "four", "of two kinds"],
)
def test_of_an_array_of_points(mixture) -> None:
    x = np.array([-1.0, 0.5, 2.0, 7.0])
    one_by_one = jax.jit(jax.vmap(at_points, (None, 0)))(mixture, x)
    for found, expected in zip(at_points(mixture, x), one_by_one, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)  # a rounding or two


LINE = xj.Regression(xj.Normal, loc=xj.Linear())


@pytest.mark.parametrize("components", [LINE, (LINE, LINE)], ids=["a batch", "a tuple"])
def test_two_lines_are_told_apart(components) -> None:
    rng = np.random.default_rng(0)
    x, first = 5.0 + 2.0 * rng.normal(size=200), rng.uniform(size=200) < 0.4
    y = np.where(first, 2.0 - x, 2.0 * x - 1.0) + 0.5 * rng.normal(size=200)
    fit = xj.fit_mle(xj.Mixture(HALVES, components), (x, y)).check()
    found = np.sort(np.asarray(jax.jit(jax.vmap(lambda x: means(fit.model, x)))(np.array([0.0, 5.0]))))
    # the means at 0 and 5, to five standard errors of some 0.15 and 0.05
    np.testing.assert_allclose(found, [[-1.0, 2.0], [-3.0, 9.0]], atol=0.75)
    # where responsibilities are 0 and 1 each line is the least squares of its own
    by_line = [np.polyfit(x[own], y[own], 1) for own in (first, ~first)]
    np.testing.assert_allclose(found[1], np.sort([np.polyval(line, 5.0) for line in by_line]), atol=0.1)


def means(mixture, x):
    """The means of the components at a covariate."""
    found = mixture.at(x).components
    return jnp.stack([part.loc for part in found]) if isinstance(found, tuple) else found.loc


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"weights": [0.5, 0.6]}, r"found fixed=\{'weights': \[0.5 0.6\]\}, but .* that sum to 1 is needed"),
        ({"components.scale": -1.0}, r"found fixed=\{'components.scale': .*\}, but a finite number > 0 is needed"),
        ({"components.loc": [1.0, 2.0, 3.0]}, r"found fixed=\{'components.loc': ...\} of shape \(3,\), but \(2,\) is"),
    ],
)
def test_what_is_held_of_an_open_start_is_checked(held, message) -> None:
    with pytest.raises(ValueError, match=message):
        xj.fit_mle(xj.Mixture(HALVES, xj.Normal), WAITING, fixed=held)


def test_a_missing_value_that_no_component_looks_at_does_no_harm() -> None:
    line = xj.Regression(xj.Normal, loc=xj.Linear(["x"]))
    x, y = np.linspace(0.0, 1.0, 40), np.where(np.arange(40) % 2, 5.0, -5.0) + np.cos(np.arange(40.0))
    columns = {"x": x, "unused": np.full(40, np.nan)}
    for components in (line, (line, line)):
        assert xj.fit_mle(xj.Mixture(HALVES, components), (columns, y)).converged


# Starts


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (xj.Mixture(jnp.array([0.2, 0.3, 0.5]), xj.Normal), WAITING[:50]),
        (xj.Mixture(THIRDS, xj.MultivariateNormal), ERUPTIONS[:50]),
        (xj.Mixture(HALVES, (xj.Gamma, xj.LogNormal)), WAITING[:50]),
    ],
    ids=["numbers", "vectors", "different"],
)
def test_weights_of_a_start_are_counts(model, data) -> None:
    counts = RNG.integers(0, 3, 50).astype(float)
    started = jax.jit(lambda x, w: model.start(xj.Empirical(x, w)))
    weighted, halved = (jax.tree.leaves(started(data, w)) for w in (counts, counts / 2))
    written_out = jax.tree.leaves(started(np.repeat(data, counts.astype(int), 0), None))
    for a, b, c in zip(weighted, written_out, halved, strict=True):
        # sums in another order; variances about means lose a few more digits
        np.testing.assert_allclose(a, b, rtol=1e-11)
        np.testing.assert_allclose(a, c, rtol=1e-11)


def started(model, x):
    return jax.jit(lambda x: model.start(xj.Empirical(x)).components)(x)


def test_components_of_a_start_differ_and_none_is_degenerate() -> None:
    # three quarters of the counts are equal, so that two groups hold nothing else
    counts = np.concatenate([np.zeros(75), np.arange(1.0, 26.0)])
    rates = started(xj.Mixture(THIRDS, xj.Poisson), counts).rate
    assert (rates > 0).all()
    assert np.all(np.diff(rates) > 0.05)  # what is shared is tilted: by half the share times the mean of 3
    clusters = np.concatenate([RNG.normal(size=(20, 2)) + centre for centre in ([0, 0], [50, 0], [0, 90])])
    found = started(xj.Mixture(THIRDS, xj.MultivariateNormal), clusters)
    centres = np.asarray(found.loc)[np.lexsort(np.asarray(found.loc).round(-1).T)]
    # a twentieth of the data, whose centre is (17, 30), is everyone's
    np.testing.assert_allclose(centres, [[0, 0], [50, 0], [0, 90]], atol=5)
    assert np.linalg.eigvalsh(found.covariance).min() > 0.1


def test_a_start_in_shares_holds_what_is_held() -> None:
    model = xj.Mixture(jnp.array([0.36, 0.64]), xj.Normal)
    fit = xj.fit_mle(model, WAITING, fixed={"components.scale": 5.87, "weights": model.weights}).check()
    np.testing.assert_array_equal(fit.model.components.scale, [5.87, 5.87])
    np.testing.assert_array_equal(fit.model.weights, model.weights)
    np.testing.assert_allclose(fit.model.components.loc, two_normals().model.components.loc, atol=0.05)


def test_several_starts_around_the_open_one() -> None:
    fit = xj.fit_mle(xj.Mixture(HALVES, xj.Normal), WAITING, num_starts=4, key=jax.random.key(0)).check()
    np.testing.assert_allclose(fit.log_likelihood, two_normals().log_likelihood, rtol=1e-13)
    assert fit.agreed >= 1


# Components of any kind

BATCH = xj.Mixture([0.3, 0.7], xj.Normal([-1.0, 2.0], [0.5, 1.0]))
PAIR = xj.Mixture([0.3, 0.7], (xj.Normal(-1.0, 0.5), xj.Normal(2.0, 1.0)))
MANY = xj.Mixture([0.3, 0.0, 0.2, 0.4, 0.1], xj.Normal([-1.0, 9.0, 2.0, 0.0, 1.0], [0.5, 1e-9, 1.0, 3.0, 0.1]))


@jax.jit
def described(p, x):
    derivatives = jax.jacfwd(jax.grad(lambda p: p.log_prob(x)))(p)
    flat = jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(derivatives)])
    return p.log_prob(x), p.cdf(x), p.log_survival(x), p.quantile(0.3), p.mean, p.variance, flat


def test_a_tuple_of_equal_kinds_is_a_batch() -> None:
    for x in (-50.0, 0.3, 40.0):
        batch, pair = (jax.tree.map(np.asarray, described(p, x)) for p in (BATCH, PAIR))
        for a, b in zip(batch[:-1], pair[:-1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)  # roundings
        np.testing.assert_allclose(np.sort(batch[-1][batch[-1] != 0]), np.sort(pair[-1][pair[-1] != 0]), rtol=1e-10)


def test_densities_of_many_components_and_their_derivatives() -> None:
    with_weight = np.asarray(MANY.weights) > 0

    def direct(p, x):
        each = jax.vmap(lambda component: component.log_prob(x))(p.components)
        return jax.nn.logsumexp(each, b=p.weights)

    @jax.jit
    def with_slopes(p, x):
        return [jax.value_and_grad(f)(p, x) for f in (lambda p, x: p.log_prob(x), direct)]

    for x in (-60.0, 0.4, 9.0, 1e4):
        (value, found), (wanted_value, wanted) = with_slopes(MANY, x)
        np.testing.assert_allclose(value, wanted_value, rtol=1e-14)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            assert np.isfinite(a).all()
            # of terms that cancel
            np.testing.assert_allclose(a[with_weight], b[with_weight], rtol=1e-12, atol=1e-300)


DIFFERENT = {
    "numbers": xj.Mixture([0.4, 0.6], (xj.Normal(-1.0, 2.0), xj.Weibull(3.0, 1.5))),
    "positive": xj.Mixture([0.2, 0.8], (xj.HalfNormal(2.0), xj.Weibull(0.9, 3.0))),
    "with a coordinate of its own": xj.Mixture([0.5, 0.5], (xj.Pareto(2.0, 3.0), xj.LogNormal(0.0, 0.5))),
    "interval": xj.Mixture([0.5, 0.5], (xj.Kumaraswamy(2.0, 5.0), xj.Exponential(1.0))),
}


@jax.jit
def described_by_points(p, probabilities, key):
    quantiles = jax.vmap(p.quantile)(probabilities)
    draws = p.sample(key, (2000,))
    return jnp.sum(p.quadrature_rule(256)[1]), jax.vmap(p.cdf)(quantiles), jax.vmap(p.cdf)(draws)


@pytest.mark.parametrize("name", DIFFERENT)
def test_mixtures_of_different_families(name) -> None:
    probabilities = jnp.array([1e-6, 0.2, 0.7, 0.999])
    mass, found, below = described_by_points(DIFFERENT[name], probabilities, jax.random.key(1))
    assert float(mass) == pytest.approx(1.0, abs=1e-8)  # as exact as the rules of the components
    # the root is found to the rounding of its coordinate
    np.testing.assert_allclose(found, probabilities, rtol=1e-9)
    # 2.2 / √n is exceeded once in 8000 samples
    assert st.kstest(np.asarray(below), "uniform").statistic < 2.2 / 2000**0.5


@jax.jit
def log_prob(p, x):
    return p.log_prob(x)


@jax.jit
def of_counts(p):
    return p.log_prob(7), xj.quadrature(p).expect(lambda x: x), p.quantile(0.999)


def test_supports_of_different_families() -> None:
    assert DIFFERENT["numbers"].support == xj.Normal.support
    assert DIFFERENT["positive"].support == xj.HalfNormal.support  # it holds 0
    below = log_prob(xj.Mixture([0.4, 0.6], (xj.Gamma(3.0, 1.5), xj.Normal(-1.0, 2.0))), -2.0)
    assert float(below) == pytest.approx(np.log(0.6) + float(log_prob(xj.Normal(-1.0, 2.0), -2.0)), rel=1e-15)
    counts = xj.Mixture([0.25, 0.75], (xj.Bernoulli(0.3), xj.Poisson(2.0)))
    of_seven, mean, quantile = of_counts(counts)
    assert float(of_seven) == pytest.approx(np.log(0.75) + st.poisson.logpmf(7, 2.0), rel=1e-14)
    assert float(mean) == pytest.approx(0.25 * 0.3 + 0.75 * 2.0, rel=1e-14)
    assert float(quantile) == 7  # P(X ≤ 6) = 0.9966, P(X ≤ 7) = 0.9992
    with pytest.raises(TypeError, match=r"Mixture: found components on a finite number and on a whole number ≥ 0, but"):
        xj.fit_mle(xj.Mixture(HALVES, (xj.Normal, xj.Poisson)), WAITING)


@jax.jit
def of_a_pair(p, x):
    """Density, moments and draws of a mixture, densities and means of its two components."""
    draws = p.sample(jax.random.key(0), (500,))
    of_parts = jax.vmap(lambda part: (part.log_prob(x), part.mean))(p.components)
    return (p.log_prob(x), p.mean, p.variance, draws), of_parts


@pytest.mark.parametrize(
    ("components", "x"),
    [
        (xj.Dirichlet(jnp.array([[1.0, 2.0, 3.0], [4.0, 1.0, 0.5]])), jnp.array([0.2, 0.5, 0.3])),
        (xj.Independent(xj.Gamma(jnp.array([[1.0, 2.0], [4.0, 1.0]]), jnp.ones((2, 2)))), jnp.array([0.2, 3.0])),
        (xj.MultivariateNormal(jnp.eye(2), jnp.stack([jnp.eye(2), 3 * jnp.eye(2)])), jnp.array([0.2, 3.0])),
    ],
    ids=["Dirichlet", "Independent", "MultivariateNormal"],
)
def test_mixtures_of_vectors(components, x) -> None:
    found, (logs, means) = of_a_pair(xj.Mixture([0.25, 0.75], components), x)
    log_density, mean, variance, draws = map(np.asarray, found)
    np.testing.assert_allclose(log_density, np.log(np.exp(logs) @ [0.25, 0.75]), rtol=1e-14)
    np.testing.assert_allclose(mean, [0.25, 0.75] @ np.asarray(means), rtol=1e-14)
    assert draws.shape == (500, len(x))
    assert np.all(np.abs(draws.mean(0) - mean) < 5 * np.sqrt(variance / 500))  # five standard errors


@xj.record
class Line:
    slope: xj.Parameter = xj.real(0.0)
    scale: xj.Parameter = xj.positive(1.0)

    @classmethod
    def start(cls, source):
        slope = source.expect(lambda p: p[0] * p[1]) / source.expect(lambda p: p[0] ** 2)
        return cls(slope, jnp.sqrt(source.expect(lambda p: (p[1] - slope * p[0]) ** 2)))

    def log_prob(self, point):
        x, y = point
        return xj.Normal(self.slope * x, self.scale).log_prob(y)


def test_mixtures_of_conditional_models() -> None:
    x = RNG.uniform(1.0, 3.0, 80)
    up = np.arange(80) % 2 == 0
    y = np.where(up, 2.0, -1.0) * x + 0.1 * RNG.normal(size=80)
    fit = xj.fit_mle(xj.Mixture(HALVES, Line), (x, y)).check()
    # the two do not overlap, so that each is the least-squares line of its own points
    own = [np.sum((x * y)[group]) / np.sum((x * x)[group]) for group in (~up, up)]
    np.testing.assert_allclose(fit.model.sorted_by("slope").components.slope, own, rtol=1e-9)
    shares = jax.jit(lambda model: jax.vmap(model.sorted_by("slope").responsibilities)((x, y)))(fit.model)
    np.testing.assert_array_equal(np.argmax(shares, 1), up)


# Responsibilities and labels


responsibilities = jax.jit(xj.Mixture.responsibilities)


def test_responsibilities() -> None:
    x = np.array([-40.0, 0.3, 2.0])
    shares = np.asarray(jax.jit(jax.vmap(xj.Mixture.responsibilities, (None, 0)))(BATCH, x))
    joint = np.stack([0.3 * st.norm.pdf(x, -1.0, 0.5), 0.7 * st.norm.pdf(x, 2.0, 1.0)], 1)[1:]
    np.testing.assert_allclose(shares[1:], joint / joint.sum(1, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(np.sum(shares, 1), 1.0, rtol=1e-15)
    # far out, where both densities are 0 in floats
    logs = np.asarray(jax.jit(xj.Mixture.log_responsibilities)(BATCH, -40.0))
    odds = np.log(0.3 / 0.7) + st.norm.logpdf(-40.0, -1.0, 0.5) - st.norm.logpdf(-40.0, 2.0, 1.0)
    np.testing.assert_allclose(logs[0] - logs[1], odds, rtol=1e-14)
    different = DIFFERENT["numbers"]
    np.testing.assert_array_equal(responsibilities(different, -2.0), [1.0, 0.0])
    assert np.isnan(responsibilities(DIFFERENT["positive"], -1.0)).all()
    assert responsibilities(MANY, 9.0)[1] == 0


def test_labels_in_order() -> None:
    swapped = xj.Mixture([0.7, 0.3], xj.Normal([2.0, -1.0], [1.0, 0.5]))
    for a, b in zip(jax.tree.leaves(swapped.sorted_by("loc")), jax.tree.leaves(BATCH), strict=True):
        np.testing.assert_array_equal(a, b)
    assert jax.jit(lambda p: p.sorted_by("weights"))(swapped).components.loc.tolist() == [-1.0, 2.0]
    with pytest.raises(
        ValueError, match=r"Mixture.sorted_by: found 'rate', but the parameters are loc, scale, weights;"
    ):
        swapped.sorted_by("rate")
    with pytest.raises(TypeError, match=r"Mixture.sorted_by: found a tuple of components to sort by 'loc', but"):
        PAIR.sorted_by("loc")


# Where no maximum lies inside


# compiled as users do: how far a scale runs until the other curvatures overflow depends on rounding
collapsing = jax.jit(lambda x: xj.fit_mle(xj.Mixture(HALVES, xj.Normal), x), compiler_options=OPTIMISED)


@pytest.mark.parametrize("outliers", [[8.0], [8.0, 8.0, 8.0]])
def test_a_component_that_collapses(outliers) -> None:
    people = PEOPLE[: 30 - len(outliers)]
    fit = collapsing(np.append(people, outliers))
    assert fit.status == Status.UNBOUNDED
    assert "along components.scale[1] → 0" in str(fit)
    assert float(fit.model.components.loc[1]) == pytest.approx(8.0, abs=1e-6)


def test_a_component_that_is_empty() -> None:
    # no observation is near the second, which stays where it is
    away = xj.Mixture(HALVES, xj.Normal(jnp.array([0.0, 30.0]), jnp.ones(2)))
    fit = xj.fit_mle(away, np.append(PEOPLE, 0.0), fixed=["components.loc", "components.scale"])
    assert fit.status == Status.BOUNDARY
    assert "along weights → " in str(fit)
    assert fit.model.weights[1] < 1e-6


def test_components_that_are_the_same() -> None:
    counts = RNG.binomial(10, 0.5, 30).astype(float)
    equal = xj.Mixture(HALVES, xj.Poisson(jnp.array([5.0, 5.0])))
    fit = xj.fit_mle(equal, counts, fixed=["components.rate"])
    assert fit.status == Status.FLAT
    assert "among weights" in str(fit)


def test_components_that_become_the_same_leave_the_weights_undetermined() -> None:
    # counts that vary less than those of one Poisson distribution: two that differ are no better
    counts = np.stack([np.random.default_rng(seed).binomial(10, 0.5, 30) for seed in range(4)]).astype(float)
    fits = jax.vmap(lambda x: xj.fit_mle(xj.Mixture(HALVES, xj.Poisson), x))(counts)
    np.testing.assert_allclose(fits.model.components.rate[:, 0], counts.mean(1), rtol=1e-4)
    # between the same components the curvature of the weights is rounding, of either sign
    assert fits.status.tolist() == [Status.FLAT] * 4


# Messages


def test_messages_of_mixtures() -> None:
    with pytest.raises(ValueError, match=r"Mixture: found 3 weights and a tuple of 2 components, Normal, Normal, but"):
        xj.Mixture(jnp.ones(3) / 3, PAIR.components).log_prob(0.0)
    with pytest.raises(ValueError, match=r"Mixture: found 3 weights and a tuple of 2 components, .*, but one model"):
        xj.fit_mle(xj.Mixture(jnp.ones(3) / 3, (xj.Normal, xj.Laplace)), WAITING)
    with pytest.raises(TypeError, match=r"fit: found Gamma as the source of a Mixture .* use quadrature\(p\) or monte"):
        xj.fit_kl(xj.Mixture(HALVES, xj.Normal), xj.Gamma(2.0, 1.0))


def test_what_is_no_mixture_to_fit() -> None:
    pair = [xj.Normal(0.0, 1.0), xj.Normal(1.0, 1.0)]
    assert xj.Mixture([0.5, 0.5], pair).log_prob(0.0) == xj.Mixture([0.5, 0.5], tuple(pair)).log_prob(0.0)
    with pytest.raises(ValueError, match=r"Mixture: found one weight, 0.3, .*; write \[0.3, 0.7\] for two"):
        xj.Mixture(0.3, xj.Normal)
    for components in ("Normal", None):
        with pytest.raises(
            TypeError, match=rf"Mixture: found {components!r} as the components, but a model with log_prob"
        ):
            xj.Mixture([0.5, 0.5], components)
    for components in (xj.Normal, (xj.Normal, xj.Gamma)):
        with pytest.raises(ValueError, match=r"Mixture: found components that are to start from data, .*; fit it"):
            xj.Mixture([0.5, 0.5], components).log_prob(0.0)
    x = jnp.array([1.0, 2.0, 4.0, 3.5, 7.0, 2.5])
    for components, names in (
        (xj.Uniform, "components.low, components.high"),
        ((xj.Normal, xj.Pareto), "components.1.scale"),
    ):
        with pytest.raises(ValueError, match=rf"Mixture: found {names} to fit, but .* smooth .*; hold them"):
            xj.fit_mle(xj.Mixture([0.5, 0.5], components), x)
    ends = {"components.low": [0.0, 2.0], "components.high": [5.0, 9.0]}
    start = xj.Mixture([0.5, 0.5], xj.Uniform(*ends.values()))
    assert xj.fit_mle(start, x, fixed=ends).converged
