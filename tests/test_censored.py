"""Censored observations: the four kinds, entries, derivatives and fits; the functions that encode data."""

from functools import partial

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mp
from scipy import stats

import xentjax as xj

INF = np.inf
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}
# (low, high) in units of the scale: each kind, in both tails, wide and narrow down to a few units of the last place
ENDS = [(0.3, 0.3), (-20.0, -20.0), (1.0, INF), (25.0, INF), (-INF, 0.5), (-INF, -25.0), (-INF, INF)]
ENDS += [(z, z + h) for z in (-25.0, -1.0, 0.0, 3.0, 25.0) for h in (3.0, 0.1, 1e-3, 1e-5)]
ENDS = np.array(ENDS, np.float32)  # numbers of both precisions


@jax.jit
def normal(loc, scale, low, high):
    """Values, gradients and Hessians in the parameters [n, 2]."""

    def value(parameters, low, high):
        return xj.Censored(xj.Normal(parameters[0], parameters[1])).log_prob((low, high))

    def first(parameters, low, high):
        value_and_slope = jax.value_and_grad(value)(parameters, low, high)
        return value_and_slope[1], value_and_slope

    derived = jax.vmap(jax.jacfwd(first, has_aux=True), (None, 0, 0))
    bends, (values, slopes) = derived(jnp.stack([loc, scale]), low, high)
    return values, slopes, bends


def exactly(low, high, loc, scale):
    """The same in 50 digits; the log-density of a point, else the probability from the tails that are small."""
    low, high = ((mp.mpf(float(end)) - loc) / scale for end in (low, high))
    if low == high:
        return -low * low / 2 - mp.log(scale) - mp.log(2 * mp.pi) / 2
    if low == -mp.inf and high == mp.inf:
        return mp.mpf(0)
    if low > 0:
        low, high = -high, -low
    return mp.log(mp.ncdf(high) - mp.ncdf(low))


@mpmath.workdps(50)
def test_all_kinds_and_their_derivatives(dtype) -> None:
    arguments = (np.asarray(a, dtype) for a in (0.0, 1.0, ENDS[:, 0], ENDS[:, 1]))
    values, slopes, bends = map(np.asarray, normal(*arguments))
    assert values.dtype == dtype
    # an interval at the switch to the density has lost a quarter of the digits of the difference, and the tails some
    allowed = 8 * EPS[dtype] ** 0.75
    for (low, high), value, slope, bend in zip(ENDS, values, slopes, bends, strict=True):

        def f(loc, scale, low=low, high=high):
            return exactly(low, high, loc, scale)

        # derivatives by the scale are z or z² times as large as those by the location, and so are their errors
        size = max([1.0] + [abs(end) for end in (low, high) if np.isfinite(end)])
        one, two = f(0, 1), [mp.diff(f, (0, 1), order) for order in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))]
        np.testing.assert_allclose(value, float(one), rtol=allowed, atol=allowed, err_msg=f"{low}, {high}")
        found = np.array([*slope, bend[0, 0], bend[0, 1], bend[1, 1]]) / size ** np.array([1, 2, 2, 3, 4])
        exact = np.array(two, float) / size ** np.array([1, 2, 2, 3, 4])
        np.testing.assert_allclose(found, exact, rtol=0, atol=2 * allowed, err_msg=f"{low}, {high}")


@partial(jax.jit, static_argnums=0)
def log_probs(kinds, of, point):
    return jax.vmap(xj.Censored(of, kinds).log_prob)(point)


ALL = ("exact", "right", "left", "interval")


def test_whole_numbers() -> None:
    p = stats.poisson(3.0)
    low = np.array([2.0, 0.0, 0.5, -1.0, 2.0, 4.0, -INF, 40.0, 2.2])
    high = np.array([2.0, 1.0, 3.7, 0.0, INF, 4.0, 1.0, 43.0, 2.9])
    found = log_probs(ALL, xj.Poisson(3.0), (low, high))
    # as lists of the whole numbers that are in; none is between 2.2 and 2.9
    members = [[2], [1], [1, 2, 3], [0], None, [4], [0, 1], [41, 42, 43], []]
    with np.errstate(divide="ignore"):
        expected = [p.logsf(2) if k is None else np.log(np.sum(p.pmf(k))) for k in members]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_what_is_no_observation() -> None:
    low, high = np.array([1.0, 2.0, INF, np.nan]), np.array([1.0, 1.0, INF, 1.0])
    found = log_probs(ALL, xj.Normal(0.0, 1.0), (low, high))
    assert np.isfinite(found[0])
    assert np.isnan(found[1:]).all()


def test_kinds_that_are_left_out_are_not_mistaken_for_others() -> None:
    low, high = np.array([1.0, 1.0, -INF, 0.0]), np.array([1.0, INF, 1.0, 2.0])
    every = log_probs(ALL, xj.Gumbel(0.0, 1.0), (low, high))
    for i, kind in enumerate(ALL):
        alone = log_probs((kind,), xj.Gumbel(0.0, 1.0), (low, high))
        np.testing.assert_allclose(alone, np.where(np.arange(4) == i, every, np.nan), rtol=1e-15)


def test_entries_are_conditions() -> None:
    of = xj.Weibull(1.5, 2.0)
    # exact, right, left (so known to lie between entry and end), interval before, across and after its entry; no entry
    low, high = np.array([3.0, 3.0, -INF, 2.0, 0.5, 2.0, 0.5]), np.array([3.0, INF, 3.0, 3.0, 3.0, 3.0, 0.5])
    entry = np.array([1.0, 1.0, 1.0, 1.0, 1.0, -INF, 1.0])
    later = np.where((low < high) & (low < 1.0) & (entry > -INF), 1.0, low)
    expected = log_probs(ALL, of, (later, high)) - np.where(entry > -INF, float(of.log_survival(1.0)), 0.0)
    # what was there before its entry was never under watch
    expected = np.where(high <= entry, -INF, expected)
    np.testing.assert_allclose(log_probs(ALL, of, (low, high, entry)), expected, rtol=1e-14)


@pytest.mark.parametrize("of", [xj.Weibull(0.7, 2.0), xj.Gamma(0.3, 1.0), xj.GeneralizedPareto(1.0, -0.5)], ids=repr)
def test_derivatives_are_finite_at_and_beyond_the_ends(of) -> None:
    low = np.array([0.0, -1.0, 0.0, 1e-30, 5.0, 5.0, -INF, 1.0])
    high = np.array([1.0, 0.5, INF, 1e-20, INF, 6.0, 0.0, 1.0])

    @jax.jit
    def derivatives(of):
        def total(of, low, high):
            value = xj.Censored(of).log_prob((low, high))
            return jnp.where(jnp.isfinite(value), value, 0.0)

        def first(of, low, high):
            slope = jax.grad(total)(of, low, high)
            return slope, slope

        return jax.vmap(jax.jacfwd(first, has_aux=True), (None, 0, 0))(of, low, high)

    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(derivatives(of)))


RNG = np.random.default_rng(0)
N = 60
TIMES, LIMITS, ENTRIES = (RNG.weibull(1.5, (3, N)), RNG.uniform(0.5, 2.0, (3, N)), RNG.uniform(0.0, 0.4, (3, N)))
SEEN = np.minimum(TIMES, LIMITS)
EVENT = TIMES <= LIMITS
ENTRIES = np.minimum(ENTRIES, 0.5 * SEEN)


@jax.jit
def survival(time, event, entry):
    return xj.fit_mle(xj.Censored(xj.Exponential, ("exact", "right")), xj.right_censored(time, event, entry))


def test_exponential_rates_are_events_over_time() -> None:
    fits = jax.jit(jax.vmap(survival))(SEEN, EVENT, ENTRIES)
    np.testing.assert_allclose(fits.model.of.rate, EVENT.sum(1) / (SEEN - ENTRIES).sum(1), rtol=1e-12)
    assert fits.converged.all()
    one = survival(SEEN[0], EVENT[0], ENTRIES[0])
    np.testing.assert_allclose(one.model.of.rate, np.asarray(fits.model.of.rate)[0], rtol=1e-14)


def test_a_held_parameter_has_the_name_that_it_has_in_the_part() -> None:
    data = xj.right_censored(SEEN[0], EVENT[0])
    weibull = xj.fit_mle(xj.Censored(xj.Weibull, ("exact", "right")), data, fixed={"concentration": 1.0}).check()
    np.testing.assert_allclose(weibull.model.of.scale, SEEN[0].sum() / EVENT[0].sum(), rtol=1e-12)
    single = xj.fit_mle(xj.Censored(xj.Weibull, ("exact", "right")), tuple(np.float32(part) for part in data)).check()
    double = xj.fit_mle(xj.Censored(xj.Weibull, ("exact", "right")), data).check()
    assert single.model.of.scale.dtype == "float32"
    # a cross-entropy to eps leaves its root for the parameters, and a curvature of about 1
    np.testing.assert_allclose(single.model.of.scale, double.model.of.scale, rtol=EPS["float32"] ** 0.5)


def test_nothing_censored_is_the_plain_fit() -> None:
    exact = xj.fit_mle(xj.Censored(xj.Gumbel), (TIMES[0], TIMES[0])).check()
    plain = xj.fit_mle(xj.Gumbel, TIMES[0])
    np.testing.assert_allclose(jax.tree.leaves(exact.model), jax.tree.leaves(plain.model), rtol=1e-10)
    np.testing.assert_allclose(exact.log_likelihood, plain.log_likelihood, rtol=1e-13)


def test_current_status_data_at_two_times_are_two_equations() -> None:
    # seen before 1.0 of 100: 30; before 3.0 of 100: 80
    low, high = np.array([-INF, 1.0, -INF, 3.0]), np.array([1.0, INF, 3.0, INF])
    weights = np.array([30.0, 70.0, 80.0, 20.0])
    fit = xj.fit_mle(xj.Censored(xj.Normal, ("left", "right")), (low, high), weights=weights).check()
    z = stats.norm.ppf([0.3, 0.8])
    scale = 2 / (z[1] - z[0])
    np.testing.assert_allclose([fit.model.of.loc, fit.model.of.scale], [1 - scale * z[0], scale], rtol=1e-9)


def test_classes_of_equal_width_start_with_a_spread() -> None:
    low = np.array([0.0, 1.0, 2.0])
    fit = xj.fit_mle(xj.Censored(xj.Normal, ("interval",)), (low, low + 1), weights=np.array([1.0, 8.0, 1.0])).check()
    np.testing.assert_allclose(fit.model.of.loc, 1.5, rtol=1e-12)

    def total(scale):
        inner, outer = stats.norm.cdf(0.5 / scale), stats.norm.cdf(1.5 / scale)
        return 8 * np.log(2 * inner - 1) + 2 * np.log(outer - inner)

    scale = fit.model.of.scale
    np.testing.assert_allclose(fit.log_likelihood, total(scale), rtol=1e-12)
    assert total(scale) > max(total(scale * 0.999), total(scale * 1.001))


def test_rounding_adds_a_twelfth_of_the_square_of_its_unit() -> None:
    x = np.round(stats.norm.ppf((np.arange(500) + 0.5) / 500), 1)
    fit = xj.fit_mle(xj.Censored(xj.Normal, ("interval",)), xj.rounded(x, 0.1)).check()
    # Sheppard's correction, of fourth order in unit / scale
    np.testing.assert_allclose(fit.model.of.scale**2, x.var() - 0.1**2 / 12, rtol=0.1**4)


def test_unit_intervals_of_a_whole_number_are_the_number() -> None:
    x = RNG.poisson(4.0, N).astype(float)
    fit = xj.fit_mle(xj.Censored(xj.Poisson, ("interval",)), (x - 1, x)).check()
    np.testing.assert_allclose(fit.model.of.rate, x.mean(), rtol=1e-10)


def test_encodings() -> None:
    low, high, entry = xj.right_censored([1, 2], [True, False], [0, 0.5])
    np.testing.assert_array_equal([low, high, entry], [[1, 2], [1, INF], [0, 0.5]])
    np.testing.assert_array_equal(xj.interval_censored([1, -INF], [2, 3]), [[1, -INF], [2, 3]])
    np.testing.assert_array_equal(xj.rounded([1.0, 2.0], [0.5, 1.0]), [[0.75, 1.5], [1.25, 2.5]])
    traced = jax.jit(xj.right_censored)(np.array([1.0, 2.0]), np.array([1, 0]))
    np.testing.assert_array_equal(traced, [[1, 2], [1, INF]])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: xj.right_censored([1.0, 2.0], [1]), r"right_censored: found time of shape \(2,\), event of .* equal"),
        (lambda: xj.right_censored([1.0, np.nan], [1, 0]), r"right_censored: found time = nan.* observation 1, .*le"),
        (lambda: xj.right_censored([1.0, 2.0], [1, 2]), r"event = 2.0 in observation 1, but an event of 1 .*; encode"),
        (lambda: xj.right_censored([INF], [0]), r"right_censored: found time = inf, .* a finite time is needed; "),
        (lambda: xj.right_censored([1.0], [1], [2.0]), r"time = 1.0, event = 1.0, entry = 2.0 .* an entry before"),
        (lambda: xj.interval_censored([2.0], [1.0]), r"low = 2.0, high = 1.0 in observation 0, but low ≤ high .*; ex"),
        (lambda: xj.interval_censored([INF], [INF]), r"interval_censored: found low = inf, high = inf .*; an exact"),
        (lambda: xj.interval_censored([0.0], [1.0], [1.0]), r"interval_censored: found .*entry = 1.0 .*; leave out"),
        (lambda: xj.rounded([1.0], 0.0), r"rounded: found x = 1.0, to = 0.0 in observation 0, but a unit > 0 .*; give"),
        (lambda: xj.Censored(xj.Normal, ("upper",)), r"Censored: found kinds=\('upper',\), but some of exact, .*; "),
        (lambda: xj.Censored(xj.Normal, "upper"), r"Censored: found kinds='upper', but some of exact"),
        (lambda: xj.fit_mle(xj.Censored(xj.Normal), np.ones(3)), r"found a single array of shape \(3,\) .*; rig"),
        (lambda: xj.Censored(xj.Normal(0.0, 1.0)).log_prob((1.0, np.ones(2))), r"shape \(\), \(2,\) as the observ"),
    ],
)
def test_messages(call, match) -> None:
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize(
    ("model", "point", "match"),
    [
        (xj.MultivariateNormal(jnp.zeros(2), jnp.eye(2)), (1.0, INF), "MultivariateNormal, which has no distribut"),
        (xj.Density({"a": 1.0}, lambda p, x: -p["a"] * x), (1.0, INF), "found a Density, .* log_cdf is needed; choose"),
    ],
)
def test_models_without_distribution_function(model, point, match) -> None:
    with pytest.raises(TypeError, match=f"Censored: .*{match}"):
        xj.Censored(model).log_prob(point)


def test_a_start_needs_points() -> None:
    with pytest.raises(TypeError, match=r"Censored: found the source Normal.*, but points are needed .*; pass quad"):
        xj.fit_kl(xj.Censored(xj.Normal), xj.Normal(0.0, 1.0))
