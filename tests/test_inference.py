"""Inference: published and recomputed figures, identities between covariances, criteria and tests, and refusals."""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from test_golden import CASES, RECIPES, Line, read

import xentjax as xj
from xentjax import inference

FIGURES = json.loads((Path(__file__).parent / "golden" / "inference.json").read_text())
N = 200
rng = np.random.default_rng(11)
X = rng.gamma(2.0, 0.5, N)
# with weights, fewer points: repeated as often as they count they are N again, a size that is compiled already
SOME = X[:130]
WEIGHTS = rng.multinomial(N, np.full(130, 1 / 130)).astype(float)
CLUSTERS = rng.integers(-3, 20, 130)
EPS = np.finfo(float).eps
# the gap of a fit is at most 1e-12 nats, and Newton's last step leaves rounding
SAME = {"rtol": 1e-10, "atol": 1e-14}


@functools.cache
def gamma():
    return xj.fit_mle(xj.Gamma, X).check()


@functools.cache
def weighted_gamma():
    return xj.fit_mle(xj.Gamma, SOME, weights=WEIGHTS).check()


@functools.cache
def exponential(rate=None):
    return xj.fit_mle(xj.Exponential, X, fixed=None if rate is None else {"rate": rate}).check()


@functools.cache
def normal():
    return xj.fit_mle(xj.Normal, X).check()


def assert_close(found, wanted, **tolerance):
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


# published and recomputed figures


class WithErrors:
    """What a recipe reads off a fit, with the standard errors of another covariance."""

    def __init__(self, fit, covariance):
        self.model = fit.model
        self.standard_errors = covariance.standard_errors


@functools.cache
def golden(name):
    """The fit of a recipe with the data and weights that it gave."""
    calls, real = [], xj.fit_mle
    with pytest.MonkeyPatch.context() as patch:

        def fit_mle(model, data, weights=None):
            calls.append((real(model, data, weights=weights), data, weights))
            return calls[-1][0]

        patch.setattr(xj, "fit_mle", fit_mle)
        RECIPES[name](CASES[name]["data"])
    return calls[0]


@jax.jit
def by_scores(fit, data, weights):
    """Compiled together, they share the scores."""
    return (
        inference.opg_covariance(fit, data, weights),
        inference.sandwich_covariance(fit, data, weights),
        inference.tic(fit, data, weights),
    )


def test_every_case_has_its_figures():
    assert FIGURES.keys() == CASES.keys()


@pytest.mark.parametrize("name", RECIPES)
def test_errors_and_criteria_agree_with_recomputed_ones(name, monkeypatch):
    fit, data, weights = golden(name)
    figures = FIGURES[name]
    opg, sandwich, tic = by_scores(fit, data, weights)
    covariances = {"opg": opg, "sandwich": sandwich}
    for kind, covariance in covariances.items():
        stand_in = WithErrors(fit, covariance)
        monkeypatch.setattr(xj, "fit_mle", lambda *args, stand_in=stand_in, **options: stand_in)
        found = RECIPES[name](CASES[name]["data"])[1]
        for parameter, wanted in figures[kind].items():
            # as for the errors from the observed information
            np.testing.assert_allclose(found[parameter][1], wanted, rtol=1e-6, err_msg=f"{kind} of {parameter}")
    # the estimates enter squared at a minimum, in the trace to first order
    np.testing.assert_allclose(fit.aic, figures["aic"], rtol=1e-10)
    np.testing.assert_allclose(fit.bic, figures["bic"], rtol=1e-10)
    np.testing.assert_allclose(tic, figures["tic"], rtol=1e-8)


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


# covariances


def test_observed_covariance_is_the_inverse_of_the_observed_information():
    fit = gamma()
    covariance = fit.covariance()
    np.testing.assert_allclose(covariance.matrix, np.linalg.inv(N * np.asarray(fit.curvature)), rtol=1e-12)
    assert_close(covariance.standard_errors(), fit.standard_errors(), rtol=1e-12)
    a, b = float(fit.model.concentration), float(fit.model.rate)
    # textbook: the information of n gamma observations in the natural parameters
    information = N * np.array([[scipy.special.polygamma(1, a), -1 / b], [-1 / b, a / b**2]])
    np.testing.assert_allclose(covariance.natural(), np.linalg.inv(information), **SAME)
    assert covariance.names() == ["concentration", "rate"]
    error = np.sqrt(np.diagonal(covariance.natural()))
    np.testing.assert_allclose(covariance.correlation(), covariance.natural() / np.outer(error, error), rtol=1e-12)
    assert repr(covariance).startswith("Covariance of Gamma, standard errors Gamma(concentration=")


def test_scores_are_derivatives_and_average_to_zero():
    fit = gamma()
    a, b = fit.model.concentration, fit.model.rate
    found = inference.scores(fit, X)
    in_rate = b * (a / b - X)  # ∂ / ∂ log rate
    np.testing.assert_allclose(found[:, 1], in_rate, rtol=1e-10, atol=1e-12)
    # the last Newton step leaves the rounding of the sum of n scores of order one
    np.testing.assert_allclose(found.sum(0), 0.0, atol=1e-8)
    none = inference.scores(xj.fit_mle(xj.Gamma(2.0, 1.0), X, fixed=["concentration", "rate"]), X)
    assert none.shape == (N, 0)


@pytest.mark.parametrize(("family", "x"), [(xj.Gamma, X), (xj.Poisson, np.floor(3 * X)), (xj.Normal, X)])
def test_expected_is_observed_information_in_an_exponential_family(family, x):
    fit = xj.fit_mle(family, x)
    # at the maximum the two agree in any coordinates: the mean statistics of data and model are equal
    np.testing.assert_allclose(inference.expected_covariance(fit).matrix, fit.covariance().matrix, **SAME)


def test_expected_information_by_points():
    fit = xj.fit_mle(xj.StudentT, X)
    expected = inference.expected_covariance(fit, xj.quadrature(fit.model))
    df, scale = float(fit.model.df), float(fit.model.scale)
    # textbook: the information about the location of t is (df + 1) / ((df + 3) scale²), apart from the others
    np.testing.assert_allclose(expected.standard_errors().loc, scale * np.sqrt((df + 3) / (df + 1) / N), rtol=1e-8)


def test_a_right_model_makes_the_sandwich_an_observed_covariance():
    # points that represent the model exactly, each of them an observation by its weight
    points = xj.quadrature(xj.Gamma(2.0, 3.0))
    weights = 1000 * points.weights
    fit = xj.fit_mle(xj.Gamma, points.data, weights=weights)
    observed = fit.covariance().matrix
    # the rule is exact to rounding, summed over 512 points
    for covariance in (inference.sandwich_covariance, inference.opg_covariance):
        np.testing.assert_allclose(covariance(fit, points.data, weights).matrix, observed, rtol=1e-9)


def test_frequency_weights_are_repeated_observations():
    fit = weighted_gamma()
    repeated = np.repeat(SOME, WEIGHTS.astype(int))
    long = xj.fit_mle(xj.Gamma, repeated)
    for covariance in (inference.sandwich_covariance, inference.opg_covariance):
        np.testing.assert_allclose(covariance(fit, SOME, WEIGHTS).matrix, covariance(long, repeated).matrix, **SAME)
    np.testing.assert_allclose(inference.tic(fit, SOME, WEIGHTS), inference.tic(long, repeated), rtol=1e-12)
    once = inference.leave_one_out(long, repeated)
    np.testing.assert_allclose(inference.leave_one_out(fit, SOME, WEIGHTS), once, rtol=1e-12)


def test_points_of_weight_zero_may_hold_anything():
    fit = weighted_gamma()
    spoilt = np.where(WEIGHTS == 0, np.nan, SOME)
    np.testing.assert_array_equal(
        inference.sandwich_covariance(fit, spoilt, WEIGHTS).matrix,
        inference.sandwich_covariance(fit, SOME, WEIGHTS).matrix,
    )
    assert np.isfinite(inference.leave_one_out(fit, spoilt, WEIGHTS))


def by_hand(fit, groups):
    """A⁻¹ B A⁻¹ / n, with the weighted scores summed over groups of observations."""
    scores = WEIGHTS[:, None] * np.asarray(inference.scores(fit, SOME))
    sums = np.stack([scores[groups == label].sum(0) for label in np.unique(groups)])
    bread = np.linalg.inv(WEIGHTS.sum() * np.asarray(fit.curvature))
    return bread @ (sums.T @ sums) @ bread


def test_clusters_sum_their_scores_and_singletons_are_sampling_weights():
    fit = weighted_gamma()
    for labels in (CLUSTERS, np.arange(130)):
        found = inference.sandwich_covariance(fit, SOME, WEIGHTS, clusters=labels)
        np.testing.assert_allclose(found.matrix, by_hand(fit, labels), rtol=1e-9)
    # sampling weights have no unit
    tenfold = xj.fit_mle(xj.Gamma, SOME, weights=10 * WEIGHTS)
    again = inference.sandwich_covariance(tenfold, SOME, 10 * WEIGHTS, clusters=jnp.arange(130))
    np.testing.assert_allclose(again.matrix, found.matrix, rtol=1e-9)


def test_covariance_of_a_mixture_is_carried_to_its_own_scale():
    _, data, weights = golden("london_deaths_poisson_mixture")
    start = xj.Mixture(jnp.array([0.5, 0.5]), xj.Poisson(jnp.array([1.0, 3.0])))
    mixture = xj.fit_mle(start, data, weights=weights)
    covariance = inference.sandwich_covariance(mixture, data, weights)
    assert covariance.names() == ["weights[0]", "weights[1]", "components.rate[0]", "components.rate[1]"]
    errors = np.sqrt(np.diagonal(covariance.natural()))
    figures = FIGURES["london_deaths_poisson_mixture"]["sandwich"]
    np.testing.assert_allclose(errors, [figures["a"], figures["a"], figures["m1"], figures["m2"]], rtol=1e-6)
    # one weight is 1 minus the other
    assert covariance.correlation()[0, 1] == pytest.approx(-1.0, abs=1e-12)
    low, high = mixture.interval()
    z = scipy.stats.norm.ppf(0.975)
    np.testing.assert_allclose(high.weights - low.weights, 2 * z * mixture.standard_errors().weights, rtol=1e-12)
    assert (low.components.rate > 0).all()


# intervals


def test_intervals_are_symmetric_in_the_unconstrained_coordinate():
    fit = gamma()
    low, high = fit.interval(0.9)
    z = scipy.stats.norm.ppf(0.95)
    errors = fit.standard_errors()
    for name in ("concentration", "rate"):
        value, error = getattr(fit.model, name), getattr(errors, name)
        np.testing.assert_allclose(getattr(low, name), value * np.exp(-z * error / value), rtol=1e-12)
        np.testing.assert_allclose(getattr(high, name), value * np.exp(z * error / value), rtol=1e-12)
    robust = inference.sandwich_covariance(fit, X)
    wide = inference.wald_interval(fit, robust)
    np.testing.assert_allclose(
        wide[1].rate / fit.model.rate, np.exp(1.959964 * np.sqrt(robust.matrix[1, 1])), rtol=1e-6
    )


def test_held_parameters_have_no_error():
    fit = xj.fit_mle(xj.Gamma, X, fixed={"concentration": 2.0})
    low, high = fit.interval()
    assert low.concentration == high.concentration == 2.0
    assert fit.covariance().standard_errors().concentration == 0.0
    assert fit.covariance().names() == ["rate"]
    assert low.rate < fit.model.rate < high.rate
    table = fit.summary()
    assert table.parameter.tolist() == ["concentration", "rate"]
    assert "held" in repr(table)
    everything = xj.fit_mle(xj.Gamma(2.0, 1.0), X, fixed=["concentration", "rate"])
    assert everything.covariance().natural().shape == (0, 0)
    assert everything.interval()[0].rate == 1.0
    assert everything.aic == -2 * everything.log_likelihood
    assert inference.leave_one_out(everything, X) == pytest.approx(float(everything.cross_entropy), rel=1e-14)


def mean_and_variance(q):
    return {"mean": q.mean, "both": jnp.stack([q.mean, q.variance])}


def test_delta_is_the_derivative_by_hand():
    fit = gamma()
    found = inference.delta(mean_and_variance, fit, level=0.9)
    a, b = float(fit.model.concentration), float(fit.model.rate)
    np.testing.assert_allclose(found.value["mean"], a / b, rtol=1e-14)
    slopes = np.array([[1 / b, -a / b**2], [1 / b**2, -2 * a / b**3]])
    errors = np.sqrt(np.diagonal(slopes @ np.asarray(fit.covariance().natural()) @ slopes.T))
    np.testing.assert_allclose(found.standard_error["both"], errors, rtol=1e-10)
    np.testing.assert_allclose(found.standard_error["mean"], errors[0], rtol=1e-10)
    z = scipy.stats.norm.ppf(0.95)
    np.testing.assert_allclose(found.high["both"] - found.low["both"], 2 * z * errors, rtol=1e-10)


# criteria


def test_numbers_of_parameters():
    assert inference.num_parameters(gamma()) == 2
    assert inference.num_parameters(xj.fit_mle(xj.Uniform, X)) == 2  # both ends, at the extremes
    assert inference.num_parameters(golden("iris_setosa_mvn")[0]) == 4 + 10
    assert inference.num_parameters(xj.fit_mle(xj.Gamma, X, fixed={"rate": 1.0})) == 1


def test_criteria_by_their_formulas():
    fit = gamma()
    assert float(inference.aicc(fit)) == pytest.approx(float(fit.aic) + 2 * 2 * 3 / (N - 3), rel=1e-14)
    assert float(fit.bic) == pytest.approx(2 * np.log(N) - 2 * float(fit.log_likelihood), rel=1e-14)
    three = xj.fit_mle(xj.Gamma, X[:3])
    assert inference.aicc(three) == np.inf


def refits(x):
    """Out-of-sample loss by n fits, each without one point."""

    def without(i):
        model = xj.fit_mle(xj.Gamma, x, weights=jnp.where(jnp.arange(len(x)) == i, 0.0, 1.0)).model
        return -model.log_prob(x[i])

    return jax.vmap(without)(jnp.arange(len(x))).mean()


def test_leave_one_out_is_within_a_square_of_refits():
    errors = []
    for n in (50, N):
        fit = xj.fit_mle(xj.Gamma, X[:n])
        found, exact = inference.leave_one_out(fit, X[:n]), jax.jit(refits)(X[:n])
        # the optimism itself is of order 1 / n
        assert abs(found - exact) < 0.05 * (exact - fit.cross_entropy)
        errors.append(float(abs(found - exact)))
    assert errors[1] < errors[0] / 4**2 * 3  # a factor of 16, of which chance may take 3


def test_cross_validation_of_one_point_each_is_leaving_one_out():
    fit = xj.fit_mle(xj.Gamma, X[:50])
    found = inference.cross_validation(fit, X[:50], jax.random.key(0), folds=50)
    # starts and so the last digits differ
    assert float(found) == pytest.approx(float(jax.jit(refits)(X[:50])), rel=1e-9)


def test_criteria_estimate_one_quantity():
    fit = gamma()
    optimism = float(inference.leave_one_out(fit, X) - fit.cross_entropy)
    by_tic = float(inference.tic(fit, X) / (2 * N) - fit.cross_entropy)
    assert optimism == pytest.approx(by_tic, rel=0.1)  # they agree to O(1/n²)
    by_folds = inference.cross_validation(fit, X, jax.random.key(3))
    # its own noise is of the order of the optimism, 2 / n
    assert abs(float(by_folds - fit.cross_entropy)) < 5 * 2 / N


def test_comparison_puts_the_best_first():
    fits = {"normal": normal(), "gamma": gamma(), "exponential": exponential()}
    found = inference.compare(fits)
    values = np.array([float(fits[name].aic) for name in found.name])
    assert found.name[0] == "gamma"
    assert (np.diff(found.aic) > 0).all()
    np.testing.assert_array_equal(found.aic, values)
    weights = np.exp(-0.5 * (values - values[0]))
    np.testing.assert_allclose(found.weight, weights / weights.sum(), rtol=1e-12)
    assert repr(found).splitlines()[0] == "3 models of 200 observations"
    assert repr(found).splitlines()[2].split()[0] == "gamma"
    assert {len(column) for column in found.to_dict().values()} == {3}
    assert "<td" in found._repr_html_()
    short = xj.fit_mle(xj.Gamma(1.0, 1.0), X, max_steps=1)
    assert repr(inference.compare({"gamma": gamma(), "short": short})).endswith("not converged: short")


# tests of hypotheses


def test_textbook_statistics_of_an_exponential_sample():
    rate, fit = 1.2, exponential()
    ratio = rate * X.mean()
    likelihood_ratio = inference.likelihood_ratio_test(exponential(rate), fit)
    assert float(likelihood_ratio.statistic) == pytest.approx(2 * N * (ratio - 1 - np.log(ratio)), rel=1e-9)
    wald = inference.wald_test(fit, lambda q: q.rate - rate)
    assert float(wald.statistic) == pytest.approx(N * (1 - ratio) ** 2, rel=1e-9)
    in_logs = inference.wald_test(fit, lambda q: jnp.log(q.rate / rate))
    assert float(in_logs.statistic) == pytest.approx(N * np.log(ratio) ** 2, rel=1e-9)
    score = inference.score_test(exponential(rate), X)
    assert float(score.statistic) == pytest.approx(N * (1 - ratio) ** 2, rel=1e-9)
    for result in (likelihood_ratio, wald, score):
        assert result.degrees_of_freedom == 1
        assert float(result.p_value) == pytest.approx(scipy.stats.chi2.sf(float(result.statistic), 1), rel=1e-10)
    outer = inference.opg_score_test(exponential(rate), X)
    scores = 1 - rate * X
    assert float(outer.statistic) == pytest.approx(scores.sum() ** 2 / np.sum(scores**2), rel=1e-9)
    assert repr(wald).startswith("TestResult: ")
    assert "on 1 degree of freedom, p = " in repr(wald)


def near_truth(n):
    """Quantiles of Gamma(2, 2), as regular as a sample can be."""
    return scipy.stats.gamma.ppf((np.arange(n) + 0.5) / n, 2.0, scale=0.5)


def test_the_three_tests_agree_to_leading_order():
    x = near_truth(4000)
    full = xj.fit_mle(xj.Gamma, x)
    close = float(full.model.concentration) * (1 + 1 / np.sqrt(4000))
    restricted = xj.fit_mle(xj.Gamma, x, fixed={"concentration": close})
    likelihood_ratio = float(inference.likelihood_ratio_test(restricted, full).statistic)
    wald = float(inference.wald_test(full, lambda q: q.concentration - close).statistic)
    score = float(inference.score_test(restricted, x).statistic)
    # alternatives of order 1/√n: the statistics are of order one, and their differences of order 1/√n
    assert 0.1 < likelihood_ratio < 10
    assert wald == pytest.approx(likelihood_ratio, rel=0.05)
    assert score == pytest.approx(likelihood_ratio, rel=0.05)
    outer = float(inference.opg_score_test(restricted, x).statistic)
    assert outer == pytest.approx(likelihood_ratio, rel=0.05)


def test_tests_have_their_level():
    x = np.random.default_rng(5).exponential(size=(2000, 50))

    def one(x):
        restricted = xj.fit_mle(xj.Exponential, x, fixed={"rate": 1.0})
        full = xj.fit_mle(xj.Exponential, x)
        tests = inference.likelihood_ratio_test(restricted, full), inference.score_test(restricted, x)
        return jnp.stack([test.p_value for test in tests])

    rejected = (jax.jit(jax.vmap(one))(x) < 0.05).mean(0)
    # 2000 samples: the share has a standard error of 0.005; n = 50 leaves less than that
    np.testing.assert_allclose(rejected, 0.05, atol=4 * 0.005)


def test_wald_test_of_a_vector_by_hand():
    fit = gamma()
    found = inference.wald_test(fit, two_hypotheses)
    r = np.array([float(fit.model.concentration) - 2.1, float(fit.model.rate) - 4.1])
    wanted = r @ np.linalg.solve(np.asarray(fit.covariance().natural()), r)
    assert float(found.statistic) == pytest.approx(wanted, rel=1e-9)
    assert found.degrees_of_freedom == 2
    assert float(found.p_value) == pytest.approx(scipy.stats.chi2.sf(wanted, 2), rel=1e-9)


def two_hypotheses(q):
    return {"a": q.concentration - 2.1, "b": q.rate - 4.1}


def test_information_matrix_test_of_a_normal_looks_at_skewness_and_kurtosis():
    fit = normal()
    found = inference.information_matrix_test(fit, X)
    z = (X - float(fit.model.loc)) / float(fit.model.scale)
    # by hand, in (loc / scale, log scale): indicators, their mean derivatives and the scores
    d = np.stack([z**2 - 1, z**3 - 3 * z, z**4 - 4 * z**2 + 1], 1)
    along_loc = np.stack([-2 * z, -3 * z**2 + 3, -4 * z**3 + 8 * z], 1).mean(0)
    along_scale = np.stack([-2 * z**2 - 2 * (z**2 - 1), -3 * z**3 + 3 * z - (z**3 - 3 * z), -4 * z**4 + 8 * z**2], 1)
    scores = np.stack([z, z**2 - 1], 1)
    bread = np.linalg.inv(np.array([[1.0, 2 * z.mean()], [2 * z.mean(), 2 * np.mean(z**2)]]))
    own = d + scores @ bread @ np.stack([along_loc, along_scale.mean(0)])
    own, mean = own[:, 1:], d.mean(0)[1:]  # the first vanishes for any data
    assert found.degrees_of_freedom == 2
    wanted = N * mean @ np.linalg.solve(own.T @ own / N, mean)
    assert float(found.statistic) == pytest.approx(wanted, rel=1e-6)


def test_information_matrix_test_tells_a_wrong_model_from_a_right_one():
    x = near_truth(N)
    assert inference.information_matrix_test(xj.fit_mle(xj.Gamma, x), x).p_value > 0.05
    assert inference.information_matrix_test(xj.fit_mle(xj.Exponential, x), x).p_value < 1e-6


# summaries


def test_a_summary_is_a_table():
    fit, data, _ = golden("tmb_linreg")
    table = inference.summary(fit, inference.sandwich_covariance(fit, data), level=0.9)
    columns = table.to_dict()
    assert columns["parameter"].tolist() == ["a", "b", "log_sigma"]
    assert {column.shape for column in columns.values()} == {(3,)}
    np.testing.assert_allclose(table.z, table.estimate / table.standard_error, rtol=1e-14)
    np.testing.assert_allclose(table.p_value, 2 * scipy.stats.norm.sf(abs(table.z)), rtol=1e-12)
    lines = repr(table).splitlines()
    assert lines[0] == "Line fitted to 10 observations: converged"
    assert lines[1].split() == ["estimate", "std.", "error", "z", "p", "90%", "interval"]
    assert lines[-1].split()[0] == "log-likelihood"
    assert "<table>" in table._repr_html_()
    # a positive number is not tested for 0
    positive = gamma().summary()
    assert np.isnan(positive.z).all()
    assert float(positive.aic) == float(gamma().aic)


# what jax does to it


def everything(fit, x):
    return (
        inference.observed_covariance(fit),
        inference.expected_covariance(fit).matrix,
        inference.opg_covariance(fit, x).natural(),
        inference.sandwich_covariance(fit, x, clusters=jnp.arange(x.shape[0]) // 2).correlation(),
        inference.wald_interval(fit),
        inference.delta(mean_and_variance, fit),
        inference.tic(fit, x),
        inference.leave_one_out(fit, x),
        inference.cross_validation(fit, x, jax.random.key(1), folds=4),
        inference.wald_test(fit, two_hypotheses),
        inference.information_matrix_test(fit, x),
    )


def test_a_batch_is_one_by_one_and_a_second_call_compiles_nothing():
    batch = np.stack([X, X**1.1, 2 * X])
    together = jax.jit(jax.vmap(lambda x: everything(xj.fit_mle(xj.Gamma, x), x)))(batch)
    singly = [everything(xj.fit_mle(xj.Gamma, x), x) for x in batch[:1]]
    before = compilations()
    singly += [everything(xj.fit_mle(xj.Gamma, x), x) for x in batch[1:]]
    assert compilations() == before
    for i, single in enumerate(singly):
        lane = jax.tree.map(lambda leaf, i=i: leaf[i], together)
        # the fits differ in their last digits, which a nearly singular V magnifies
        assert_close(lane, single, rtol=1e-6, atol=1e-12)
    fits = jax.vmap(lambda x: xj.fit_mle(xj.Gamma, x))(batch)
    assert fits.aic.shape == fits.bic.shape == (3,)
    assert float(fits.aic[1]) == pytest.approx(float(xj.fit_mle(xj.Gamma, batch[1]).aic), rel=1e-12)


def compilations():
    """How many programs the jitted functions of the package hold."""
    modules = (
        inference.covariance,
        inference.matrices,
        inference.intervals,
        inference.criteria,
        inference.hypothesis_tests,
    )
    functions = [f for module in modules for f in vars(module).values() if hasattr(f, "_cache_size")]
    assert len(functions) > 10
    return sum(f._cache_size() for f in functions)


def test_float32():
    x = X.astype("float32")
    single = everything(xj.fit_mle(xj.Gamma, x), x)
    assert {leaf.dtype for leaf in jax.tree.leaves(single) if jnp.issubdtype(leaf.dtype, jnp.floating)} == {
        jnp.dtype("float32")
    }
    double = everything(gamma(), X)
    # float32 estimates are right to √eps, as their gap is closed to eps; all but the last test depend smoothly on them
    assert_close(single[:-1], double[:-1], rtol=5e-3, atol=1e-5)
    assert float(single[-1].statistic) == pytest.approx(float(double[-1].statistic), rel=0.05)


@pytest.mark.parametrize("size", [1e-5, 1e5])
def test_scales_in_float32(size):
    x = (size * (X[:40] - 1)).astype("float32")
    fit, plain = xj.fit_mle(xj.Normal, x), xj.fit_mle(xj.Normal, (X[:40] - 1).astype("float32"))
    for errors in (
        lambda fit, x: fit.standard_errors(),
        lambda fit, x: inference.sandwich_covariance(fit, x).standard_errors(),
    ):
        found, wanted = errors(fit, x), errors(plain, (X[:40] - 1).astype("float32"))
        # estimates to √eps
        np.testing.assert_allclose(found.loc / np.float32(size), wanted.loc, rtol=1e-3)


# refusals

COVARIANCES = {
    "observed_covariance": lambda fit: inference.observed_covariance(fit),
    "expected_covariance": lambda fit: inference.expected_covariance(fit),
    "opg_covariance": lambda fit: inference.opg_covariance(fit, X),
    "sandwich_covariance": lambda fit: inference.sandwich_covariance(fit, X),
    "wald_interval": lambda fit: inference.wald_interval(fit),
    "delta": lambda fit: inference.delta(mean_and_variance, fit),
    "tic": lambda fit: inference.tic(fit, X),
    "leave_one_out": lambda fit: inference.leave_one_out(fit, X),
    "cross_validation": lambda fit: inference.cross_validation(fit, X, jax.random.key(0)),
    "likelihood_ratio_test": lambda fit: inference.likelihood_ratio_test(fit, fit),
    "wald_test": lambda fit: inference.wald_test(fit, two_hypotheses),
    "score_test": lambda fit: inference.score_test(fit, X),
    "opg_score_test": lambda fit: inference.opg_score_test(fit, X),
    "information_matrix_test": lambda fit: inference.information_matrix_test(fit, X),
    "summary": lambda fit: inference.summary(fit),
    "compare": lambda fit: inference.compare({"it": fit}),
}


@pytest.mark.parametrize("name", COVARIANCES)
def test_what_is_no_single_fit_to_data(name):
    with pytest.raises(TypeError, match=rf"^{name}: found a Gamma, but a fit is needed; make one with fit_mle"):
        COVARIANCES[name](xj.Gamma(2.0, 1.0))
    with pytest.raises(ValueError, match=rf"^{name}: found a fit to a known distribution, but .* fit_mle"):
        COVARIANCES[name](projection())
    with pytest.raises(ValueError, match=rf"^{name}: found a batch of fits of shape \(2,\), but one fit .* jax.vmap"):
        COVARIANCES[name](jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), gamma()))


def test_methods_of_a_fit_name_themselves():
    for name in ("covariance", "summary"):
        with pytest.raises(ValueError, match=rf"^{name}: found a fit to a known distribution, but .* fit_mle"):
            getattr(projection(), name)()


@functools.cache
def projection():
    return xj.fit_kl(xj.Gamma, xj.Gamma(2.0, 1.0))


@pytest.mark.parametrize("name", ["aic", "aicc", "bic"])
def test_criteria_need_data(name):
    with pytest.raises(ValueError, match=rf"^{name}: found a fit to a known distribution, but .* fit_mle"):
        getattr(inference, name)(projection())


def many(params, x):
    return xj.Normal(params["loc"][0], jnp.ones(())).log_prob(x) - 0.5 * jnp.sum(params["loc"][1:] ** 2)


@functools.cache
def large():
    return xj.fit_mle(xj.Density({"loc": np.zeros(65)}, many), X)


@pytest.mark.parametrize(
    "name", ["observed_covariance", "sandwich_covariance", "tic", "leave_one_out", "information_matrix_test"]
)
def test_more_parameters_than_a_curvature_is_kept_for(name):
    with pytest.raises(ValueError, match=rf"^{name}: found more than 64 free parameters.*; hold some of them"):
        COVARIANCES[name](large())


BAD_DATA = {
    "source": (xj.Empirical(X), TypeError, r"found the source Empirical as the data, but arrays .*; give the data"),
    "distribution": (xj.Gamma(1.0, 1.0), TypeError, r"found the source Gamma as the data, but arrays .*; give"),
    "strings": (np.array(["1"] * N), TypeError, r"found data of type <U1, but numbers are needed; convert"),
    "scalar": (1.0, ValueError, r"found data of shape \(\), but .* leading axis"),
    "other data": (
        X[:50],
        ValueError,
        r"found data that count 50 for a fit to 200 observations, but the same .*; give",
    ),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_data_that_are_not_those_of_the_fit(name):
    data, kind, message = BAD_DATA[name]
    with pytest.raises(kind, match="^sandwich_covariance: " + message):
        inference.sandwich_covariance(gamma(), data)


def test_weights_that_are_not_those_of_the_fit():
    with pytest.raises(ValueError, match=r"^tic: found data that count 400 for a fit to 200 observations"):
        inference.tic(gamma(), X, np.full(N, 2))
    with pytest.raises(ValueError, match=r"^tic: found weights\[0\] = -1.0, but finite weights"):
        inference.tic(gamma(), X, np.full(N, -1.0))


def test_scores_of_what_is_no_data():
    with pytest.raises(TypeError, match=r"^scores: found the source Empirical"):
        inference.scores(gamma(), xj.Empirical(X))


def test_clusters_that_are_no_labels():
    with pytest.raises(TypeError, match=r"^sandwich_covariance: found clusters of type float64, but whole .*unique"):
        inference.sandwich_covariance(gamma(), X, clusters=X)
    with pytest.raises(ValueError, match=r"found clusters of shape \(3,\) for 200 observations, but one .*; repeat"):
        inference.sandwich_covariance(gamma(), X, clusters=[1, 2, 3])


def test_models_whose_fisher_information_is_not_known():
    fit, *_ = golden("tmb_linreg")
    with pytest.raises(TypeError, match=r"^expected_covariance: found a Line, .* a family is needed; use sandwich_cov"):
        inference.expected_covariance(fit)
    student = xj.fit_mle(xj.StudentT, X)
    with pytest.raises(
        TypeError, match=r"^expected_covariance: found no closed form .* StudentT.*quadrature.*sandwich"
    ):
        inference.expected_covariance(student)
    y, x = read("linreg.csv")
    held = xj.fit_mle(Line(), (x, y), fixed=["b"])
    with pytest.raises(TypeError, match=r"^score_test: found a Line, .* a family is needed; .* opg_score_test"):
        inference.score_test(held, (x, y))
    assert inference.opg_score_test(held, (x, y)).degrees_of_freedom == 1


def test_levels_that_are_no_probabilities():
    with pytest.raises(ValueError, match=r"^wald_interval: found level=95, but a probability .*; .* write 0.95"):
        gamma().interval(95)
    with pytest.raises(ValueError, match=r"^delta: found level=1.0, but a probability"):
        inference.delta(mean_and_variance, gamma(), level=1.0)


def test_functions_that_are_none():
    with pytest.raises(TypeError, match=r"^delta: found a Gamma in place of the function, but .*; write for example"):
        inference.delta(gamma().model, gamma())
    with pytest.raises(TypeError, match=r"^wald_test: found a float in place of the function"):
        inference.wald_test(gamma(), 0.0)
    with pytest.raises(ValueError, match=r"^wald_test: found a function that returns 3 numbers for 2 free .*; leave"):
        inference.wald_test(gamma(), lambda q: jnp.stack([q.mean, q.rate, q.concentration]))


def test_covariances_of_something_else():
    with pytest.raises(
        TypeError, match=r"^wald_interval: found covariance of type ndarray, but a Cov.*; give sandwich"
    ):
        inference.wald_interval(gamma(), np.eye(2))
    with pytest.raises(ValueError, match=r"^delta: found a covariance of Normal .* of this fit of Gamma .*; make it"):
        inference.delta(mean_and_variance, gamma(), normal().covariance())
    several = inference.Covariance(gamma().model, jnp.ones((3, 2, 2)))
    for method in ("standard_errors", "natural", "correlation", "names"):
        with pytest.raises(
            ValueError, match=rf"^Covariance.{method}: found a batch of .* \(3, 2, 2\), but .* jax.vmap"
        ):
            getattr(several, method)()


def test_folds_and_keys():
    with pytest.raises(ValueError, match=r"^cross_validation: found folds=1, but a whole number from 2 to the 200"):
        inference.cross_validation(gamma(), X, jax.random.key(0), folds=1)
    with pytest.raises(TypeError, match=r"^cross_validation: found key=0, but a random key is needed, as jax.random"):
        inference.cross_validation(gamma(), X, 0)


def test_a_fold_without_which_there_is_no_fit():
    x = np.array([1.0, 1.0, 1.0, 2.0])
    fit = xj.fit_mle(xj.Gamma, x)
    with pytest.raises(RuntimeError, match=r"^Fit.check: found the status .* in 1 of 4 lanes"):
        inference.cross_validation(fit, x, jax.random.key(0), folds=4)
    inside = jax.jit(lambda fit, x: inference.cross_validation(fit, x, jax.random.key(0), folds=4))
    assert np.isnan(inside(fit, x))


def test_models_that_are_not_nested():
    with pytest.raises(ValueError, match=r"^likelihood_ratio_test: found 2 free .* and 1 in the full .*; exchange"):
        inference.likelihood_ratio_test(gamma(), exponential())
    with pytest.raises(ValueError, match=r"^likelihood_ratio_test: found a full model with a .* below .*; check that"):
        inference.likelihood_ratio_test(xj.fit_mle(xj.Gamma, X, fixed={"concentration": 2.0}), normal())
    with pytest.raises(
        ValueError, match=r"^likelihood_ratio_test: found fits to 50 and 200 observations, .*; fit both"
    ):
        inference.likelihood_ratio_test(xj.fit_mle(xj.Exponential, X[:50]), gamma())


def test_a_score_test_needs_something_held():
    with pytest.raises(ValueError, match=r"^score_test: found a fit that holds no parameter against .* none, .*; hold"):
        inference.score_test(gamma(), X)
    with pytest.raises(ValueError, match=r"^score_test: found fixed='scale', but Exponential has the parameters rate"):
        inference.score_test(exponential(1.2), X, fixed=["scale"])


def test_an_information_matrix_test_needs_a_parameter():
    with pytest.raises(
        ValueError, match=r"^information_matrix_test: found a fit without free parameters, .*; hold fewer"
    ):
        inference.information_matrix_test(exponential(1.2), X)


def test_comparisons_that_cannot_be_made():
    with pytest.raises(TypeError, match=r"^compare: found list, but fits by name are needed; write compare"):
        inference.compare([gamma()])
    with pytest.raises(TypeError, match=r"^compare: found an empty mapping, but fits"):
        inference.compare({})
    with pytest.raises(
        ValueError, match=r"^compare: found 200 observations in 'a' and 50 in 'b', but the same .*; fit"
    ):
        inference.compare({"a": gamma(), "b": xj.fit_mle(xj.Gamma, X[:50])})


def test_tables_need_numbers():
    with pytest.raises(ValueError, match=r"^summary: found a fit that is being traced, but numbers .*; return the fit"):
        jax.jit(lambda fit: inference.summary(fit).aic)(gamma())
