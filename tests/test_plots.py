"""Plots, read back from their axes: lines are formulas, envelopes hold what they should, and what cannot be drawn."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pytest
import scipy.stats as st
from matplotlib import pyplot as plt

import xentjax as xj
from xentjax import inference, plots
from xentjax.plots import quantiles

mpl.use("Agg")
X = np.random.default_rng(0).normal(3.0, 2.0, size=60)
COUNTS, FREQUENCIES = np.loadtxt(
    Path(__file__).parent / "golden" / "data" / "horse_kicks.csv", delimiter=",", skiprows=1
).T


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def normal():
    return xj.fit_mle(xj.Normal, X)


@pytest.fixture(scope="module")
def kicks():
    return xj.fit_mle(xj.Poisson, COUNTS, weights=FREQUENCIES)


def points(line):
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def test_importing_takes_no_matplotlib_and_drawing_says_what_is_missing():
    script = """
import sys
import xentjax as xj
from xentjax import plots
assert "matplotlib" not in sys.modules
sys.modules["matplotlib"] = None
try:
    plots.pp(xj.Normal(0.0, 1.0), [0.0, 1.0])
except ImportError as error:
    assert str(error) == "plots.pp: found no matplotlib, but it is what draws; pip install 'xentjax[plot]'."
else:
    raise AssertionError("drew without matplotlib")
assert not hasattr(xj, "matplotlib")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_the_density_is_that_of_the_model(normal):
    ax = plots.density(normal, X)
    at, values = points(ax.lines[0])
    # the standard deviation of a fit is that without n − 1; rounding
    np.testing.assert_allclose(values, st.norm(X.mean(), X.std()).pdf(at), rtol=1e-12)
    assert at.min() < X.min()
    assert X.max() < at.max()
    heights, edges, _ = ax.patches[0].get_data()
    np.testing.assert_allclose(np.sum(heights * np.diff(edges)), 1, rtol=1e-14)
    width = 2 * np.subtract(*np.interp([0.75, 0.25], (np.arange(60) + 0.5) / 60, np.sort(X))) / 60 ** (1 / 3)
    assert len(heights) == np.ceil(np.ptp(X) / width)


def test_bars_that_leave_data_out_do_not_raise_the_others(normal):
    heights, edges, _ = plots.density(normal, X, bins=[1.0, 3.0, 6.0]).patches[0].get_data()
    shares = [np.mean((X >= 1) & (X < 3)), np.mean((X >= 3) & (X <= 6))]
    np.testing.assert_allclose(heights * np.diff(edges), shares, rtol=1e-14)


def test_probabilities_of_counts_over_weighted_shares(kicks):
    ax = plots.density(kicks, COUNTS, weights=FREQUENCIES)
    at, values = points(ax.lines[0])
    # Bortkiewicz's rate is 0.61; one value beyond the data, none below 0; rounding
    np.testing.assert_array_equal(at, np.arange(6))
    np.testing.assert_allclose(values, st.poisson(0.61).pmf(at), rtol=1e-12)
    bars = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(bars, np.array([109, 65, 22, 3, 1]) / 200, rtol=1e-14)


def test_weights_count_observations(normal):
    x, w = X[:5], np.array([1.0, 2.0, 0.0, 3.0, 1.0])
    repeated = np.repeat(x, w.astype(int))
    bins = [-9.0, 2.0, 4.0, 12.0]
    unweighted = plots.density(normal.model, repeated, bins=bins).patches[0].get_data().values
    weighted = plots.density(normal.model, x, weights=w, bins=bins).patches[0].get_data().values
    np.testing.assert_allclose(weighted, unweighted, rtol=1e-14)
    _, positions = points(plots.qq(normal.model, x, weights=w).lines[0])
    np.testing.assert_array_equal(positions, np.unique(repeated))
    _, shares = points(plots.pp(normal.model, x, weights=w).lines[0])
    # the middle of the places that its copies take
    places = [np.mean(np.flatnonzero(np.sort(repeated) == value) + 0.5) / 7 for value in np.unique(repeated)]
    np.testing.assert_allclose(shares, places, rtol=1e-14)


def test_a_high_peak_leaves_the_bars_in_sight():
    ax = plots.density(xj.Exponential(20.0), np.abs(X))
    bars = ax.patches[0].get_data().values.max()
    assert points(ax.lines[0])[1].max() > 10 * bars
    assert ax.get_ylim() == (0, 2 * bars)
    assert points(ax.lines[0])[0].min() > 0


def test_probabilities_against_probabilities(normal, kicks):
    u, shares = points(plots.pp(normal, X).lines[0])
    np.testing.assert_allclose(u, st.norm(X.mean(), X.std()).cdf(np.sort(X)), rtol=1e-12)  # rounding
    np.testing.assert_allclose(shares, (np.arange(60) + 0.5) / 60, rtol=1e-14)
    u, shares = points(plots.pp(kicks, COUNTS, weights=FREQUENCIES).lines[0])
    np.testing.assert_allclose(u, st.poisson(0.61).cdf(np.arange(5)), rtol=1e-12)
    np.testing.assert_allclose(shares, np.cumsum([109, 65, 22, 3, 1]) / 200, rtol=1e-14)


def test_quantiles_against_order_statistics(normal):
    expected, data = points(plots.qq(normal, X).lines[0])
    np.testing.assert_array_equal(data, np.sort(X))
    # the quantile of a probability that differs in its last digit
    np.testing.assert_allclose(expected, st.norm(X.mean(), X.std()).ppf((np.arange(60) + 0.5) / 60), rtol=1e-12)


def test_residuals_of_the_normal_are_standardised_data_also_far_out(normal):
    x = np.append(X, 3.0 + 2.0 * 20)  # 20 standard deviations, where F rounds to 1
    expected, r = points(plots.residuals(xj.Normal(3.0, 2.0), x).lines[0])
    np.testing.assert_allclose(r, (np.sort(x) - 3) / 2, rtol=1e-8)  # Φ⁻¹ of about 1e-89 keeps ten digits
    np.testing.assert_allclose(expected, st.norm.ppf((np.arange(61) + 0.5) / 61), rtol=1e-12)


def test_residuals_of_counts_are_drawn_between_the_jumps(kicks):
    x = np.repeat(COUNTS, FREQUENCIES.astype(int))
    key = jax.random.key(0)
    _, r = points(plots.residuals(xj.Poisson(0.61), x, key=key).lines[0])
    u = inference.probability_integral_transform(xj.Poisson(0.61), x, jax.random.clone(key))
    np.testing.assert_allclose(st.norm.cdf(r), np.sort(u), rtol=1e-12)  # rounding of Φ⁻¹ and back


def envelope(ax):
    """{expected: (low, high)}, from the outline of the band."""
    outline = np.unique(ax.collections[0].get_paths()[0].vertices, axis=0)
    at = points(ax.lines[0])[0]
    return np.array([[outline[outline[:, 0] == x, 1].min(), outline[outline[:, 0] == x, 1].max()] for x in at])


def test_the_band_of_uniform_numbers_is_that_of_beta_quantiles():
    # of a model that was not fitted, F of the i-th of n is Beta(i, n + 1 − i)
    n = 20
    ax = plots.qq(xj.Uniform(0.0, 1.0), np.linspace(0.1, 0.9, n), key=jax.random.key(0), num_samples=3999)
    i = np.arange(1, n + 1)
    exact = np.stack([st.beta.cdf(end, i, n + 1 - i) for end in envelope(ax).T])
    # a share of 0.025 of 3999 draws is off by 0.0025, five of which allow for 40 of them
    np.testing.assert_allclose(exact, [[0.025] * n, [0.975] * n], atol=0.0125)


REPEATS = 400


@jax.jit
def simulations(key):
    """F of refitted normals at their ordered samples [n]: a location and a scale make no difference."""
    x = jnp.sort(jax.random.normal(key, (REPEATS, 30)), 1)
    mean, sd = jnp.mean(x, 1, keepdims=True), jnp.std(x, 1, keepdims=True)
    return jax.scipy.stats.norm.cdf((x - mean) / sd)


def test_envelopes_hold_data_of_a_fitted_model():
    x = np.random.default_rng(3).normal(size=30)
    fit = xj.fit_mle(xj.Normal, x)
    u = np.asarray(simulations(jax.random.key(1)))
    inside = {}
    for simultaneous in (False, True):
        ax = plots.qq(fit, x, key=jax.random.key(0), simultaneous=simultaneous)
        low, high = st.norm(x.mean(), x.std()).cdf(envelope(ax)).T
        inside[simultaneous] = (u >= low) & (u <= high)
        plt.close(ax.figure)
    # 12000 numbers, about 30 · 400 / 10 of them independent; five standard errors of √(0.05 · 0.95 / 1200)
    assert abs(np.mean(inside[False]) - 0.95) < 0.03
    # five standard errors of 400 data sets, and as much again for the 999 simulations: √(0.0475 (1/400 + 1/999))
    assert abs(np.mean(inside[True].all(1)) - 0.95) < 0.065
    assert np.mean(inside[False].all(1)) < 0.85
    # what was not fitted varies more
    free = envelope(plots.qq(fit.model, x, key=jax.random.key(0)))
    fitted = envelope(plots.qq(fit, x, key=jax.random.key(0)))
    assert np.ptp(free[15]) > 1.5 * np.ptp(fitted[15])


def test_ends_of_a_support_that_are_fitted_are_not_in_doubt():
    u = np.random.default_rng(4).uniform(size=(99, 5))
    u[:, 0], u[:, -1] = 0.0, 1.0
    for simultaneous in (False, True):
        low, high = quantiles._envelope(u, 0.9, simultaneous)
        # 0 and 1 to the machine epsilon
        np.testing.assert_allclose([low[0], high[0], low[-1], high[-1]], [0, 0, 1, 1], atol=1e-15)
        assert np.all(low[1:-1] < high[1:-1])


def test_the_profile_passes_through_the_ends_of_its_interval(normal):
    ax = plots.profile(normal, X, "scale")
    values, curve = points(ax.lines[0])
    # 1 − n/2 log σ² and so on: the profile of σ has the location at the mean
    expected = [st.norm(X.mean(), scale).logpdf(X).sum() for scale in values]
    np.testing.assert_allclose(curve, expected, rtol=1e-10)  # rounding of a sum of 60
    cutoff = points(ax.lines[1])[1][0]
    np.testing.assert_allclose(cutoff, float(normal.log_likelihood) - st.chi2.ppf(0.95, 1) / 2, rtol=1e-12)
    estimate, *ends = (points(line)[0][0] for line in ax.lines[2:])
    assert estimate == float(normal.model.scale)
    np.testing.assert_allclose(ends, inference.profile_interval(normal, X, "scale"), rtol=1e-12)
    # linear between 101 values of a curve that bends by 2 nats between them and its top
    np.testing.assert_allclose(np.interp(ends, values, curve), cutoff, atol=0.01)


@xj.record
class Half:
    """Half of the points are about `loc`, the others about 0: the likelihood levels off as `loc` leaves the data."""

    loc: xj.Parameter = xj.positive(1.0)

    def log_prob(self, x):
        return jnp.logaddexp(-0.5 * (x - self.loc) ** 2, -0.5 * x**2)


def test_ends_that_are_never_reached_are_not_drawn():
    x = np.array([0.8, 1.0])
    fit = xj.fit_mle(Half(), x)
    assert [float(end) for end in inference.profile_interval(fit, x, "loc")] == [0, np.inf]
    ax = plots.profile(fit, x, "loc")
    values, curve = points(ax.lines[0])
    assert len(ax.lines) == 3  # the curve, the cutoff and the estimate
    best, error = float(fit.model.loc), float(fit.standard_errors().loc)
    # a hundredth of the way from the end of the support, and nine standard errors
    np.testing.assert_allclose(values[[0, -1]], [0.01 * best, best + 9 * error], rtol=1e-12)
    expected = jax.vmap(lambda loc: jnp.sum(jax.vmap(Half(loc).log_prob)(jnp.asarray(x))))(jnp.asarray(values))
    np.testing.assert_allclose(curve, expected, rtol=1e-12)


def test_given_axes_are_drawn_into_and_returned(normal):
    figure, axs = plt.subplots(1, 2)
    assert plots.pp(normal, X, ax=axs[0]) is axs[0]
    assert plots.density(normal, X, ax=axs[0]) is axs[0]
    assert plt.get_fignums() == [figure.number]


@xj.record
class Line:
    slope: xj.Parameter = xj.real(0.0)

    def log_prob(self, point):
        x, y = point
        return xj.Normal(self.slope * x, 1.0).log_prob(y)


@xj.record
class Decay:
    rate: xj.Parameter = xj.positive(1.0)

    def log_prob(self, x):
        return jnp.log(self.rate) - self.rate * x


def test_a_model_of_ones_own_has_a_density(normal):
    at, values = points(plots.density(Decay(2.0), np.abs(X)).lines[0])
    np.testing.assert_allclose(values, 2 * np.exp(-2 * at), rtol=1e-12)
    with pytest.raises(TypeError, match=r"plots.qq: found a Decay, which has no quantile, but it .*; use density"):
        plots.qq(Decay(2.0), X)


def test_what_cannot_be_drawn(normal, kicks):
    with pytest.raises(
        TypeError, match=r"plots.density: found data of 2 variables, but a distribution of single .*; d"
    ):
        plots.density(Line(), (X, X))
    vector = xj.MultivariateNormal(jnp.zeros(2), jnp.eye(2))
    with pytest.raises(TypeError, match=r"plots.pp: found MultivariateNormal, a distribution of vectors, but a dist"):
        plots.pp(vector, np.zeros((3, 2)))
    with pytest.raises(TypeError, match=r"plots.density: found the class Normal, but a fit or an instance is .*; fit"):
        plots.density(xj.Normal, X)
    with pytest.raises(
        ValueError, match=r"plots.density: found a batch of models of shape \(2,\), but one is needed; d"
    ):
        plots.density(xj.Normal(jnp.zeros(2), jnp.ones(2)), X)
    with pytest.raises(ValueError, match=r"plots.pp: found data of shape \(5, 12\), but numbers \[n\] are .*; flatten"):
        plots.pp(normal.model, X.reshape(5, 12))
    with pytest.raises(ValueError, match=r"plots.pp: found the observation nan, but finite numbers are needed; leave"):
        plots.pp(normal.model, np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match=r"plots.qq: found data that count 59 for a fit to 60 observations, but the"):
        plots.qq(normal, X[1:])
    with pytest.raises(TypeError, match=r"plots.qq: found Poisson, a distribution of whole numbers, .*; use residuals"):
        plots.qq(kicks, COUNTS, weights=FREQUENCIES)
    with pytest.raises(ValueError, match=r"found no key for Poisson, .*; give a key"):
        plots.residuals(kicks, COUNTS, weights=FREQUENCIES)
    with pytest.raises(ValueError, match=r"plots.qq: found weights and a key, but an envelope .*; repeat them"):
        plots.qq(normal.model, X, weights=np.ones(60), key=jax.random.key(0))
    with pytest.raises(TypeError, match=r"plots.qq: found key=1, but a random key is needed, as jax"):
        plots.qq(normal, X, key=1)
    with pytest.raises(ValueError, match=r"qq: found level=95, but a probability .*; for 95 percent write"):
        plots.qq(normal, X, key=jax.random.key(0), level=95)
    with pytest.raises(
        ValueError, match=r"plots.qq: found 38 simulations, but 39 or more, .* level of 0.95; raise num"
    ):
        quantiles._envelope(np.full((38, 3), 0.5), 0.95, False)
    with pytest.raises(TypeError, match=r"plots.density: found traced values, inside jit or vmap, but .*; return the"):
        jax.jit(lambda x: plots.density(normal, x))(X)
    with pytest.raises(ValueError, match=r"profile_interval: found name='rate', .* Normal has loc, scale; use"):
        plots.profile(normal, X, "rate")
    with pytest.raises(ValueError, match=r"plots.profile: found num_points=0, but a whole number ≥ 1 is needed"):
        plots.profile(normal, X, "loc", num_points=0)
    with pytest.raises(RuntimeError, match=r"Fit.check: found the status MAX_STEPS"):
        plots.profile(xj.fit_mle(xj.Gumbel, X, max_steps=1), X, "loc")
