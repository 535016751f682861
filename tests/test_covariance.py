"""Covariances of estimates, the intervals and errors that they give, and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from golden_recipes import RECIPES, golden
from inference_cases import (
    CLUSTERS,
    SAME,
    SOME,
    WEIGHTS,
    N,
    X,
    assert_close,
    gamma,
    mean_and_variance,
    normal,
    weighted_gamma,
)

import xentjax as xj
from xentjax import inference
from xentjax.results import in_digits


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
    expected = inference.expected_covariance(fit, jax.jit(xj.quadrature)(fit.model))
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


def scale_and_alpha(q):
    return {"scale": q.scale, "alpha": q.alpha, "median": q.quantile(0.5)}


def test_what_single_observations_gave_has_an_unknown_error():
    x = X + 1.0
    fit = xj.fit_mle(xj.Pareto, x)
    assert fit.ends == ("scale",)
    for errors in (fit.standard_errors(), fit.covariance().standard_errors()):
        assert np.isnan(errors.scale)
        np.testing.assert_allclose(errors.alpha, fit.model.alpha / np.sqrt(len(x)), rtol=1e-9)
    low, high = fit.interval()
    assert np.isnan(low.scale)
    assert np.isnan(high.scale)
    assert low.alpha < fit.model.alpha < high.alpha
    # a function of the two has no error either, whichever covariance is given
    own = inference.Covariance(fit.model, inference.sandwich_covariance(fit, x).matrix, fit.fixed)
    for covariance in (None, own):
        found = inference.delta(scale_and_alpha, fit, covariance)
        assert np.isnan(found.standard_error["scale"])
        assert np.isnan(found.standard_error["median"])
        assert found.standard_error["alpha"] > 0
    assert np.isnan(inference.wald_test(fit, lambda q: q.scale - 1.0).p_value)
    assert inference.wald_test(fit, lambda q: q.alpha - 1.0).p_value < 1
    scale, alpha = repr(fit.summary()).splitlines()[2:4]
    assert "none" in scale
    assert "nan" not in scale
    assert " to " in alpha


def test_numbers_are_written_to_the_digits_of_their_errors():
    fit = xj.fit_mle(xj.Normal, 1e6 + 1e-3 * X)
    for text in (repr(fit), repr(fit.summary())):
        shown = next(word for word in text.split() if word.startswith("1000000."))
        assert abs(float(shown) - fit.model.loc) < 0.01 * fit.standard_errors().loc
    assert "1000000.00" in repr(fit.summary()).split("interval")[1].split(" to ")[0]


def undetermined(p, x):
    return xj.Normal(p["a"] + p["b"], 1.0).log_prob(x)


def test_what_the_data_do_not_determine_is_not_shown_as_held():
    flat = xj.fit_mle(xj.Density({"a": 0.0, "b": 1.0}, undetermined), X).summary()
    assert flat.remark.tolist() == ["", ""]
    assert repr(flat).count("nan") == 6


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (1e6, 1e-3, "1000000"),
        (1 / 3, 0.1, "0.333333"),
        (1e6 + 1 / 3, 1e-3, "1000000.33333"),
        (0.0, 1.0, "0"),
        (1.5, np.inf, "1.5"),
        (np.nan, 1.0, "nan"),
        (1e300, 5e-324, "1.0000000000000001e+300"),
    ],
)
def test_digits_follow_the_error(value, error, shown):
    assert in_digits(value, error) == shown


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


# refusals


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


def test_scores_of_what_is_no_data():
    with pytest.raises(TypeError, match=r"^scores: found the source Empirical"):
        inference.scores(gamma(), xj.Empirical(X))


def test_one_observation_or_cluster_leaves_no_doubt_and_is_refused():
    with pytest.raises(
        ValueError, match=r"^sandwich_covariance: found a single cluster, but several .*; leave clusters="
    ):
        inference.sandwich_covariance(gamma(), X, clusters=np.zeros(200, int))
    x, weights = np.array([1.0, 2.0, 3.0]), np.array([3.0, 0.0, 0.0])
    fit = xj.fit_mle(xj.Exponential, x, weights=weights)
    for function in (inference.opg_covariance, inference.tic, inference.case_deletion):
        with pytest.raises(ValueError, match=rf"^{function.__name__}: found a single observation, .* several"):
            function(fit, x, weights)


def test_clusters_that_are_no_labels():
    with pytest.raises(TypeError, match=r"^sandwich_covariance: found clusters of type float64, but whole .*unique"):
        inference.sandwich_covariance(gamma(), X, clusters=X)
    with pytest.raises(ValueError, match=r"found clusters of shape \(3,\) for 200 observations, but one .*; repeat"):
        inference.sandwich_covariance(gamma(), X, clusters=[1, 2, 3])


def test_models_whose_fisher_information_is_not_known():
    fit, data, _ = golden("tmb_linreg")
    with pytest.raises(
        TypeError, match=r"^expected_covariance: found a Regression, .* a family is needed; use sandwich_cov"
    ):
        inference.expected_covariance(fit)
    student = xj.fit_mle(xj.StudentT, X)
    with pytest.raises(
        TypeError, match=r"^expected_covariance: found no closed form .* StudentT.*quadrature.*sandwich"
    ):
        inference.expected_covariance(student)
    held = xj.fit_mle(RECIPES["tmb_linreg"].model, data, fixed={"loc.intercept": 0.0})
    with pytest.raises(TypeError, match=r"^score_test: found a Regression, .* a family is needed; .* opg_score_test"):
        inference.score_test(held, data)
    assert inference.opg_score_test(held, data).degrees_of_freedom == 1


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
