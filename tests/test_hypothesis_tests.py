"""Tests of hypotheses about parameters and about models, and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from inference_cases import N, X, exponential, gamma, near_truth, normal, two_hypotheses

import xentjax as xj
from xentjax import inference


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


# refusals


def test_models_that_are_not_nested():
    with pytest.raises(ValueError, match=r"^likelihood_ratio_test: found 2 free .* and 1 in the full .*; exchange"):
        inference.likelihood_ratio_test(gamma(), exponential())
    with pytest.raises(ValueError, match=r"^likelihood_ratio_test: found a full model with a .* below .*; check that"):
        inference.likelihood_ratio_test(xj.fit_mle(xj.Gamma, X, fixed={"concentration": 2.0}), normal())
    with pytest.raises(
        ValueError, match=r"^likelihood_ratio_test: found fits to 50 and 200 observations, .*; fit both"
    ):
        inference.likelihood_ratio_test(xj.fit_mle(xj.Exponential, X[:50]), gamma())


def test_an_end_of_the_support_has_no_chi_squared_test():
    x = X + 1.0
    full = xj.fit_mle(xj.Pareto, x)
    with pytest.raises(ValueError, match=r"^likelihood_ratio_test: found a full model that takes scale from single"):
        inference.likelihood_ratio_test(xj.fit_mle(xj.Pareto, x, fixed={"scale": 1.0}), full)
    assert inference.likelihood_ratio_test(xj.fit_mle(xj.Pareto, x, fixed={"alpha": 1.0}), full).p_value < 1
    with pytest.raises(ValueError, match=r"^wald_test: found a function that returns 1 numbers for 0 free parameters"):
        inference.wald_test(xj.fit_mle(xj.Uniform, x), lambda q: q.low)


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
