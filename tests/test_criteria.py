"""Criteria that compare models, the tables that show them, and refusals."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from golden_recipes import golden
from inference_cases import N, X, exponential, gamma, normal
from regression_rows import Logistic

import xentjax as xj
from xentjax import inference


def test_numbers_of_parameters():
    assert inference.num_parameters(gamma()) == 2
    assert inference.num_parameters(xj.fit_mle(xj.Uniform, X)) == 2  # both ends, at the extremes
    assert inference.num_parameters(xj.fit_mle(xj.Gamma, X, fixed={"rate": 1.0})) == 1


def first_points(n):
    """The fit to the first n points, in one shape for all n."""
    return xj.fit_mle(xj.Gamma, X, weights=np.where(np.arange(N) < n, 1.0, 0.0))


def test_criteria_by_their_formulas():
    fit = gamma()
    assert float(inference.aicc(fit)) == pytest.approx(float(fit.aic) + 2 * 2 * 3 / (N - 3), rel=1e-14)
    assert float(fit.bic) == pytest.approx(2 * np.log(N) - 2 * float(fit.log_likelihood), rel=1e-14)
    three = first_points(3)
    assert inference.aicc(three) == np.inf


@jax.jit
def refits(weights):
    """Out-of-sample loss by fits, each without one of the points that count."""

    def without(i):
        model = xj.fit_mle(xj.Gamma, X, weights=jnp.where(jnp.arange(N) == i, 0.0, weights)).model
        return -model.log_prob(jnp.asarray(X)[i])

    return weights @ jax.vmap(without)(jnp.arange(N)) / weights.sum()


def test_leave_one_out_is_within_a_square_of_refits():
    errors = []
    for n in (50, N):
        fit, weights = first_points(n), np.where(np.arange(N) < n, 1.0, 0.0)
        found, exact = inference.leave_one_out(fit, X, weights), refits(weights)
        # the optimism itself is of order 1 / n
        assert abs(found - exact) < 0.05 * (exact - fit.cross_entropy)
        errors.append(float(abs(found - exact)))
    assert errors[1] < errors[0] / 4**2 * 3  # a factor of 16, of which chance may take 3


RNG = np.random.default_rng(0)
NOISE, COVARIATES = RNG.normal(size=20), RNG.normal(size=(30, 3))
LABELS = RNG.uniform(size=30) < 1 / (1 + np.exp(-COVARIATES[:, 1]))
COVARIATES[3, 1], LABELS[3] = 8.0, False  # far out, on the wrong side
OUTLIER = np.append(NOISE[1:], 10.0)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (xj.Normal, OUTLIER),  # one step of the outlier is off by 7e5 nats
        (xj.StudentT, np.append(NOISE[1:], 25.0)),
        (xj.Gamma, np.exp(0.5 * OUTLIER)),
        (Logistic(jnp.zeros(3)), (COVARIATES, LABELS)),
    ],
    ids=["normal", "student", "gamma", "logistic"],
)
def test_an_outlier_is_left_out_by_a_refit(model, data):
    n = len(jax.tree.leaves(data)[0])

    @jax.jit  # one program
    def losses_of(data):
        # to all, and to all but each in turn
        fits = jax.vmap(lambda weights: xj.fit_mle(model, data, weights=weights))(1.0 - jnp.eye(n + 1, n, -1))
        fit, others = (jax.tree.map(lambda leaf, part=part: leaf[part], fits) for part in (0, slice(1, None)))
        exact, losses = (
            -jax.vmap(lambda q, x: q.log_prob(x))(models, data)
            for models in (others.model, inference.case_deletion(fit, data))
        )
        return fit, inference.leave_one_out(fit, data), losses, exact

    fit, found, losses, exact = losses_of(jax.tree.map(jnp.asarray, data))
    fit.check()
    # what steps of a tenth of a nat neglect is 0.01 nats of a single point, and less of the mean
    np.testing.assert_allclose(losses, exact, atol=0.01)
    np.testing.assert_allclose(found, losses.mean(), rtol=1e-12)  # rounding
    assert abs(found - exact.mean()) < 0.01 * (exact.mean() - fit.cross_entropy)


def test_leaving_one_out_under_jit_and_vmap():
    data = np.stack([OUTLIER, NOISE])
    fits = jax.tree.map(np.asarray, jax.vmap(lambda x: xj.fit_mle(xj.Normal, x))(data))
    lanes = [jax.tree.map(lambda leaf, i=i: leaf[i], fits) for i in (0, 1)]
    alone = [inference.leave_one_out(fit, x) for fit, x in zip(lanes, data, strict=True)]
    # rounding
    np.testing.assert_allclose(jax.jit(jax.vmap(inference.leave_one_out))(fits, data), alone, rtol=1e-12)


def test_a_fit_that_did_not_converge_is_not_refitted():
    separated = COVARIATES[:, 1] > 0.1
    fit = xj.fit_mle(Logistic(jnp.zeros(3)), (COVARIATES, separated))
    assert fit.status == xj.Status.UNBOUNDED
    assert np.isnan(inference.leave_one_out(fit, (COVARIATES, separated)))


def test_cross_validation_of_one_point_each_is_leaving_one_out():
    found = inference.cross_validation(gamma(), X, jax.random.key(0), folds=N)
    # starts and so the last digits differ
    assert float(found) == pytest.approx(float(refits(np.ones(N))), rel=1e-9)


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
    short = xj.fit_mle(xj.Gamma, X, max_steps=1)
    assert repr(inference.compare({"gamma": gamma(), "short": short})).endswith("not converged: short")


# summaries


def test_a_summary_is_a_table():
    fit, data, _ = golden("tmb_linreg")
    table = inference.summary(fit, inference.sandwich_covariance(fit, data), level=0.9)
    columns = table.to_dict()
    assert columns["parameter"].tolist() == ["scale", "loc.intercept", "loc.x[0]"]
    assert {column.shape for column in columns.values()} == {(3,)}
    # nobody asks whether a scale is 0
    assert np.isnan(table.z).tolist() == [True, False, False]
    np.testing.assert_allclose(table.z[1:], table.estimate[1:] / table.standard_error[1:], rtol=1e-14)
    np.testing.assert_allclose(table.p_value, 2 * scipy.stats.norm.sf(abs(table.z)), rtol=1e-12)
    lines = repr(table).splitlines()
    assert lines[0] == "Regression fitted to 10 observations: converged"
    assert lines[1].split() == ["estimate", "std.", "error", "z", "p", "90%", "interval"]
    assert lines[-1].split()[0] == "log-likelihood"
    assert "<table>" in table._repr_html_()
    # a positive number is not tested for 0
    positive = gamma().summary()
    assert np.isnan(positive.z).all()
    assert float(positive.aic) == float(gamma().aic)


# refusals


@pytest.mark.parametrize("name", ["aic", "aicc", "bic"])
def test_criteria_need_data(name):
    with pytest.raises(ValueError, match=rf"^{name}: found a fit to a known distribution, but .* fit_mle"):
        getattr(inference, name)(dataclasses.replace(gamma(), observations=None))


def test_weights_that_are_not_those_of_the_fit():
    with pytest.raises(ValueError, match=r"^tic: found data that count 400 for a fit to 200 observations"):
        inference.tic(gamma(), X, np.full(N, 2))
    with pytest.raises(ValueError, match=r"^tic: found weights\[0\] = -1.0, but finite weights"):
        inference.tic(gamma(), X, np.full(N, -1.0))


def test_folds_and_keys():
    with pytest.raises(ValueError, match=r"^cross_validation: found folds=1, but a whole number from 2 to the 200"):
        inference.cross_validation(gamma(), X, jax.random.key(0), folds=1)
    with pytest.raises(TypeError, match=r"^cross_validation: found key=0, but a random key is needed, as jax.random"):
        inference.cross_validation(gamma(), X, 0)


def test_a_fold_without_which_there_is_no_fit():
    x = np.array([1.0, 1.0, 1.0, 2.0])
    fit = xj.fit_mle(xj.Gamma, x)
    with pytest.raises(RuntimeError, match=r"^Fit.check: found the status .* in lane 2, the first of 1 in 4"):
        inference.cross_validation(fit, x, jax.random.key(0), folds=4)
    inside = jax.jit(lambda fit, x: inference.cross_validation(fit, x, jax.random.key(0), folds=4))
    assert np.isnan(inside(fit, x))


def test_comparisons_that_cannot_be_made():
    with pytest.raises(TypeError, match=r"^compare: found list, but fits by name are needed; write compare"):
        inference.compare([gamma()])
    with pytest.raises(TypeError, match=r"^compare: found an empty mapping, but fits"):
        inference.compare({})
    with pytest.raises(
        ValueError, match=r"^compare: found 200 observations in 'a' and 50 in 'b', but the same .*; fit"
    ):
        inference.compare({"a": gamma(), "b": first_points(50)})


def test_tables_need_numbers():
    with pytest.raises(ValueError, match=r"^summary: found a fit that is being traced, but numbers .*; return the fit"):
        jax.jit(lambda fit: inference.summary(fit).aic)(gamma())


def test_ends_that_were_held_stay_held_in_cross_validation():
    x = np.linspace(0.1, 2.5, 30)
    fit = xj.fit_mle(xj.Uniform, x, fixed={"low": 0.0, "high": 3.0})
    for validate in (inference.cross_validation, jax.jit(inference.cross_validation)):
        assert float(validate(fit, x, jax.random.key(0))) == pytest.approx(np.log(3), rel=1e-15)


def test_ends_count_unless_they_were_held():
    x = np.linspace(0.1, 2.5, 30)
    free, held = xj.fit_mle(xj.Uniform, x), xj.fit_mle(xj.Uniform, x, fixed={"low": 0.0})
    assert [inference.num_parameters(fit) for fit in (free, held)] == [2, 1]
    assert ["(held)" in line for line in str(held).splitlines()[1:3]] == [True, False]
    with pytest.raises(ValueError, match=r"tic: found a Uniform with high from single .*cross_validation"):
        inference.tic(held, x)


def test_no_observation_can_be_where_the_model_excludes_it():
    assert np.isnan(inference.influence(gamma(), np.array([-1.0, np.nan])).rate).all()
