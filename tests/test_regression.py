"""Regressions: parameters from covariates, what their fits say, and what cannot be fitted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from regression_rows import BOTH, CLASSES, COUNTS, NUMBERS, RNG, ROWS, N, X

import xentjax as xj


@jax.jit
def slopes_and_errors(fit, y):
    slope = jax.grad(lambda model: jnp.mean(jax.vmap(model.log_prob)((X, y))), allow_int=True)(fit.model)
    return jax.tree.leaves(slope.predictors), jax.tree.leaves(fit.standard_errors().predictors)


@pytest.mark.parametrize("row", ROWS)
def test_scores_vanish_at_the_fit(row):
    model, y = ROWS[row]
    fit = xj.fit_mle(model, (X, y)).check()
    for leaf, error in zip(*slopes_and_errors(fit, y), strict=True):
        # in standard errors; columns of the size of 50 with a constant lose two digits
        assert np.all(np.abs(leaf) * error < 1e-12)


def test_least_squares_is_one_newton_step():
    fit = xj.fit_mle(xj.Regression(xj.Normal(0.0, 2.0), loc=xj.Linear()), (BOTH, NUMBERS), fixed=["scale"])
    design = np.column_stack([np.ones(N), BOTH])
    found = np.append(*fit.model.predictors["loc"].coefficients.values())
    constant, slopes = (fit.model.predictors["loc"].coefficients[name] for name in ("intercept", "x"))
    found = np.array([constant, *slopes])
    # columns of 50 ± 10 with a constant lose two digits
    np.testing.assert_allclose(found, np.linalg.lstsq(design, NUMBERS)[0], rtol=1e-12)
    # the start, the step, and the evaluation that finds nothing left
    assert fit.steps <= 3


def test_an_array_and_named_columns_are_the_same_fit():
    model = xj.Regression(xj.Poisson, rate=xj.Linear())
    array, named = (xj.fit_mle(model, (x, COUNTS)).model.predictors["rate"].coefficients for x in (BOTH, X))
    # rounding
    np.testing.assert_allclose(array["x"], [named["dose"], named["age"]], rtol=1e-12)


def test_units_and_offsets_of_columns_do_not_matter():
    model = xj.Regression(xj.Poisson, rate=xj.Linear())
    plain = xj.fit_mle(model, (X, COUNTS))
    moved = xj.fit_mle(model, ({"dose": 1e-9 * X["dose"], "age": 1e6 + 1e-3 * X["age"]}, COUNTS)).check()
    found, expected = (fit.model.predictors["rate"].coefficients for fit in (moved, plain))
    # an offset of 1e8 standard deviations has cost the column eight of its sixteen digits
    np.testing.assert_allclose(
        [1e-9 * found["dose"], 1e-3 * found["age"]], [expected["dose"], expected["age"]], rtol=1e-6
    )
    found, expected = (fit.standard_errors().predictors["rate"].coefficients for fit in (moved, plain))
    np.testing.assert_allclose(
        [1e-9 * found["dose"], 1e-3 * found["age"]], [expected["dose"], expected["age"]], rtol=1e-6
    )


def test_offset_is_a_column_with_the_coefficient_one():
    x = {"dose": X["dose"], "log_exposure": np.log(X["age"])}
    offset = xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Linear(offset="log_exposure")), (x, COUNTS))
    held = xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Linear()), (x, COUNTS), fixed={"rate.log_exposure": 1.0})
    a, b = (fit.model.predictors["rate"].coefficients for fit in (offset, held))
    # rounding
    np.testing.assert_allclose([a["dose"], a["intercept"]], [b["dose"], b["intercept"]], rtol=1e-11)


def test_coefficients_can_be_held_and_nested_fits_compared():
    model = xj.Regression(xj.Normal, loc=xj.Linear())
    full = xj.fit_mle(model, (X, NUMBERS))
    without = xj.fit_mle(model, (X, NUMBERS), fixed={"loc.age": 0.0})
    alone = xj.fit_mle(model, ({"dose": X["dose"]}, NUMBERS))
    assert without.model.predictors["loc"].coefficients["age"] == 0
    # rounding
    np.testing.assert_allclose(without.log_likelihood, alone.log_likelihood, rtol=1e-13)
    test = xj.inference.likelihood_ratio_test(without, full)
    # a difference of log-likelihoods of 80 that is of the order of 1
    np.testing.assert_allclose(test.statistic, 2 * (full.log_likelihood - alone.log_likelihood), rtol=1e-9)
    through = xj.fit_mle(model, (X, NUMBERS), fixed={"loc.intercept": 0.5})
    assert through.model.predictors["loc"].coefficients["intercept"] == 0.5


def test_conditional_logit_has_common_coefficients():
    alternatives = RNG.normal(size=(N, 3, 2))
    fit = xj.fit_mle(
        xj.Regression(xj.Categorical(jnp.zeros(3)), logits=xj.Linear(intercept=False)), (alternatives, CLASSES)
    )
    fit.check()
    chances = jax.nn.softmax(alternatives @ np.asarray(fit.model.predictors["logits"].coefficients["x"]), -1)
    seen, expected = alternatives[np.arange(N), CLASSES], np.einsum("nj,njk->nk", chances, alternatives)
    # the likelihood equations: what was chosen is what was expected, on average
    np.testing.assert_allclose(seen.mean(0), expected.mean(0), atol=1e-13)


def test_logistic_loss_far_out_is_its_true_value():
    model = xj.Regression(xj.Bernoulli(0.5), probs=xj.Linear(coefficients={"intercept": 0.0, "x": [1.0]}))
    model = model.start(xj.Empirical((jnp.array([[0.0], [1.0]]), jnp.array([0.0, 1.0]))))
    loss = jax.jit(jax.vmap(lambda x: -model.log_prob((x[None], jnp.asarray(0.0)))))
    losses = loss(jnp.array([-100.0, 50.0, 800.0]))
    # log(1 + exp(x)): exp(−100), and x itself
    np.testing.assert_allclose(losses, [np.exp(-100.0), 50.0, 800.0], rtol=1e-15)


def test_binomial_counts_take_their_trials_from_a_column():
    trials = np.full(N, 3.0)
    x = {"dose": X["dose"], "n": trials}
    y = np.minimum(COUNTS, trials)
    fit = xj.fit_mle(xj.Regression(xj.Binomial, total_count="n", probs=xj.Linear(["dose"])), (x, y)).check()
    each = xj.fit_mle(
        xj.Regression(xj.Bernoulli, probs=xj.Linear()),
        ({"dose": np.tile(X["dose"], 2)}, np.repeat([1.0, 0.0], N)),
        weights=np.concatenate([y, trials - y]),
    )
    a, b = (fit.model.predictors["probs"].coefficients for fit in (fit, each))
    # rounding
    np.testing.assert_allclose([a["dose"], a["intercept"]], [b["dose"], b["intercept"]], rtol=1e-11)


@jax.jit
def slopes(y):
    fit = jax.vmap(lambda y: xj.fit_mle(xj.Regression(xj.Normal, loc=xj.Linear()), (X, y)))(y)
    return fit.model.predictors["loc"].coefficients["dose"], fit.status


def test_fits_can_be_mapped():
    found, status = slopes(jnp.stack([jnp.asarray(NUMBERS), 3 * jnp.asarray(NUMBERS)]))
    assert np.all(status == xj.Status.CONVERGED)
    # rounding
    np.testing.assert_allclose(found[1], 3 * found[0], rtol=1e-12)


def test_float32_stays_float32():
    x, y = jax.tree.map(jnp.float32, X), jnp.asarray(COUNTS, jnp.float32)
    model = xj.Regression(xj.Poisson, rate=xj.Linear())
    fit, exact = xj.fit_mle(model, (x, y)).check(), xj.fit_mle(model, (X, COUNTS))
    found, expected = (f.model.predictors["rate"].coefficients["dose"] for f in (fit, exact))
    assert found.dtype == jnp.float32
    # a gap of eps leaves √eps standard errors at most
    np.testing.assert_allclose(
        found, expected, atol=4e-4 * exact.standard_errors().predictors["rate"].coefficients["dose"]
    )


def test_collinear_columns_are_named():
    x = X | {"twice": 2 * X["dose"]}
    fit = xj.fit_mle(xj.Regression(xj.Normal, loc=xj.Linear()), (x, NUMBERS))
    with pytest.raises(RuntimeError, match=r"FLAT \(loc.dose, loc.twice\)"):
        fit.check()


def test_a_constant_column_that_floats_round_is_named():
    x = {"dose": X["dose"], "constant": np.full(len(NUMBERS), 0.1)}
    fit = xj.fit_mle(xj.Regression(xj.Normal, loc=xj.Linear()), (x, NUMBERS))
    with pytest.raises(RuntimeError, match=r"FLAT \(loc.constant, loc.intercept\)"):
        fit.check()


def test_separated_classes_are_named():
    y = (X["dose"] > 0.1).astype(float)
    fit = xj.fit_mle(xj.Regression(xj.Bernoulli, probs=xj.Linear(["dose"])), (X, y))
    with pytest.raises(RuntimeError, match=r"UNBOUNDED \(probs.dose → ∞"):
        fit.check()


def test_an_intercept_with_a_limit_is_not_said_to_diverge():
    """All of one group and some of the other: the intercept is the logit of the share of the other."""
    group = (np.arange(len(NUMBERS)) % 2).astype(float)
    y = np.where(group == 1, 1.0, X["dose"] > 0)
    share = y[group == 0].mean()
    fit = xj.fit_mle(xj.Regression(xj.Bernoulli, probs=xj.Linear(["dose"])), ({"dose": group}, y))
    with pytest.raises(RuntimeError, match=r"UNBOUNDED \(probs.dose → ∞\),"):
        fit.check()
    # the fit stops where the diverging coefficient gains nothing any more
    assert float(fit.model.predictors["probs"].coefficients["intercept"]) == pytest.approx(
        np.log(share / (1 - share)), rel=1e-9
    )
    other = xj.fit_mle(xj.Regression(xj.Bernoulli, probs=xj.Linear(["dose"])), ({"dose": 1 - group}, y))
    with pytest.raises(RuntimeError, match=r"UNBOUNDED \(probs.dose → −∞, probs.intercept → ∞\),"):
        other.check()


def test_distribution_at_covariates():
    fit = xj.fit_mle(xj.Regression(xj.Normal, loc=xj.Linear(["dose"])), (X, NUMBERS))
    at = jax.vmap(fit.model.at)(jax.tree.map(jnp.asarray, X))
    coefficients = fit.model.predictors["loc"].coefficients
    # rounding
    np.testing.assert_allclose(at.mean, coefficients["intercept"] + coefficients["dose"] * X["dose"], rtol=1e-12)
    assert repr(fit.model).startswith("Regression(Normal, scale=")


@pytest.mark.parametrize(
    "link", ["identity", "log", "inverse", "sqrt", "softplus", "logit", "probit", "cloglog", "loglog"]
)
def test_links_are_inverses(link):
    link, p = getattr(xj.links, link), np.array([0.1, 0.4, 0.9])
    # functions of numbers near 1
    np.testing.assert_allclose(jax.jit(lambda p: link.value(link.predictor(p)))(p), p, rtol=1e-13)
    if link.logit is not None:
        found = jax.jit(lambda p: link.logit(link.predictor(p)))(p)
        np.testing.assert_allclose(found, np.log(p) - np.log1p(-p), rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "data", "message"),
    [
        (lambda: xj.Regression(xj.Normal), None, "Regression: found .* with 0 predictors"),
        (lambda: xj.Regression(xj.Normal, loc=xj.Linear), None, "Regression: found loc=<class"),
        (lambda: xj.Regression(xj.Normal, loc=2.0), None, "Regression: found loc=2.0"),
        (lambda: xj.Linear("dose"), None, "Linear: found columns='dose'"),
        (lambda: xj.Linear(intercept=1.0), None, "Linear: found intercept=1.0"),
        (lambda: xj.Linear(link="probit"), None, "Linear: found link='probit'"),
        (
            lambda: xj.Regression(xj.Normal, mu=xj.Linear()),
            (X, NUMBERS),
            "predictor of 'mu', but Normal has the parameters",
        ),
        (lambda: xj.Regression(xj.Normal, loc=xj.Linear(["sex"])), (X, NUMBERS), "no column 'sex' among age, dose"),
        (lambda: xj.Regression(xj.Normal, loc=xj.Linear(["dose"])), (BOTH, NUMBERS), "covariates without names"),
        (lambda: xj.Regression(xj.Normal, loc=xj.Linear()), NUMBERS, "a pair is needed: covariates and responses"),
        (
            lambda: xj.Regression(xj.Normal, loc=xj.Linear()),
            ({"intercept": X["age"]}, NUMBERS),
            "column of the name 'inter",
        ),
        (
            lambda: xj.Regression(xj.Gamma, rate=xj.Linear()),
            (X, np.append(-1.0, COUNTS[1:] + 1)),
            r"found data\[0\] = ",
        ),
        (
            lambda: xj.Regression(xj.Categorical(jnp.zeros(3)), logits=xj.Linear()),
            (np.ones((N, 3, 2)), CLASSES),
            "alternat",
        ),
    ],
)
def test_messages(build, data, message):
    with pytest.raises((TypeError, ValueError), match=message):
        xj.fit_mle(build(), data)


def test_a_predictor_without_values_says_so():
    with pytest.raises(ValueError, match="a predictor without coefficients"):
        xj.Linear()(np.ones(2))


def test_profile_intervals_are_those_of_the_likelihood():
    fit = xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Linear(["dose"])), (X, COUNTS))
    for name in ("rate.dose", "rate.intercept"):
        for end in xj.inference.profile_interval(fit, (X, COUNTS), name):
            held = xj.fit_mle(fit.model, (X, COUNTS), fixed={name: end})
            # the quantile of χ²₁ at 0.95; an end is found to a tenth of √eps, where the ratio's slope is about 4
            np.testing.assert_allclose(2 * (fit.log_likelihood - held.log_likelihood), 3.841458820694124, rtol=1e-8)


def test_a_fit_asks_for_its_own_columns():
    model = xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Linear()), (X, COUNTS)).model
    assert np.isfinite(model.at({"dose": 1.0, "age": 40.0, "unused": 3.0}).rate)
    with pytest.raises(ValueError, match="found no column 'age' among dose"):
        model.at({"dose": 1.0})
    array = xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Linear()), (BOTH, COUNTS)).model
    with pytest.raises(ValueError, match="found 1 numbers in the column 'x' for 2 coefficients"):
        array.at(jnp.ones(1))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ({0: X["age"], 1: X["dose"]}, COUNTS, "found columns with the names 0, 1"),
        (X | {"dose": np.append(np.inf, X["dose"][1:])}, COUNTS, r"found data\[0\] = .* finite covariates are needed"),
        (X, np.append(-1.0, COUNTS[1:]), r"found data\[0\] = .* each response must be a whole number ≥ 0"),
        (X, COUNTS[:, None], "a log-density of shape"),
        (X, np.ones(N) * np.nan, "numbers are needed"),
    ],
)
def test_bad_data(x, y, message):
    with pytest.raises((ValueError, TypeError), match=message):
        xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Linear()), (x, y))


def test_a_class_without_a_start_asks_for_an_instance():
    with pytest.raises(TypeError, match="found the class Ordinal, whose structure the data do not determine"):
        xj.Regression(xj.Ordinal, loc=xj.Linear(intercept=False))


def test_only_columns_that_are_used_are_alternatives():
    # an image beside the numbers that are used
    x = X | {"image": np.ones((N, 2, 2))}
    used = xj.Regression(xj.Categorical(jnp.zeros(3)), logits=xj.Linear(["dose"]))
    plain = xj.fit_mle(used, (X, CLASSES)).cross_entropy
    assert xj.fit_mle(used, (x, CLASSES)).cross_entropy == plain


def test_a_column_that_is_a_parameter_is_a_covariate_where_it_is_named():
    x = {"dose": X["dose"], "n": np.full(N, 9.0) + np.arange(N) % 3}
    model = xj.Regression(xj.Binomial, total_count="n", probs=xj.Linear(["n", "dose"]))
    assert set(model.start(xj.Empirical((x, COUNTS))).predictors["probs"].coefficients) == {"n", "dose", "intercept"}
    model = xj.Regression(xj.Binomial, total_count="n", probs=xj.Linear())
    assert set(model.start(xj.Empirical((x, COUNTS))).predictors["probs"].coefficients) == {"dose", "intercept"}


@pytest.mark.parametrize(("link", "relative"), [(None, True), (xj.links.log, True), (xj.links.identity, False)])
def test_coefficients_have_no_units_where_they_move_a_logarithm(link, relative):
    model = xj.Regression(xj.Poisson, rate=xj.Linear(["dose"], link=link))
    assert model.start(xj.Empirical((X, COUNTS))).predictors["rate"].support.relative == relative


def test_far_out_links_have_derivatives():
    for link, eta in ((xj.links.cloglog, -800.0), (xj.links.loglog, 800.0), (xj.links.cloglog, -40.0)):
        # log(p / (1 − p)) is ∓η there
        assert jax.grad(link.logit)(eta) == 1


@pytest.mark.parametrize(
    ("coefficients", "message"),
    [
        (jnp.ones(2), "a dict by column is needed"),
        ({"dose": 1.0}, "found coefficients of dose, but those of dose, intercept are needed"),
        ({"intercept": 1.0}, "found coefficients of intercept, but those of dose, intercept are needed"),
    ],
)
def test_coefficients_to_start_from_are_checked(coefficients, message):
    with pytest.raises((TypeError, ValueError), match=message):
        xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Linear(["dose"], coefficients=coefficients)), (X, COUNTS))


def test_names_to_hold_need_values():
    with pytest.raises(ValueError, match=r"names to hold without values, \['scale'\]"):
        xj.fit_mle(xj.Regression(xj.Normal, loc=xj.Linear()), (X, NUMBERS), fixed=["scale"])
