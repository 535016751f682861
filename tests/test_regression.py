"""Regressions: parameters from covariates, what their fits say, and what cannot be fitted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from regression_rows import BOTH, CLASSES, COUNTS, NUMBERS, RNG, ROWS, N, X

import xentjax as xj


@pytest.mark.parametrize("row", ROWS)
def test_scores_vanish_at_the_fit(row):
    model, y = ROWS[row]
    fit = xj.fit_mle(model, (X, y)).check()
    slopes = xj.inference.scores(fit, (X, y)).mean(0)
    errors = np.sqrt(np.diagonal(fit.covariance().matrix))
    # in standard errors; columns of the size of 50 with a constant lose two digits
    assert np.all(np.abs(slopes) * errors < 1e-12)


def test_least_squares_is_one_newton_step():
    fit = xj.fit_mle(xj.Regression(xj.Normal(0.0, 2.0), loc=xj.Linear()), (BOTH, NUMBERS), fixed=["scale"])
    design = np.column_stack([np.ones(N), BOTH])
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
    x = {"dose": X["dose"], "age": np.log(X["age"])}
    offset = xj.fit_mle(ROWS["offset"][0], (x, COUNTS))
    held = xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Linear()), (x, COUNTS), fixed={"rate.age": 1.0})
    a, b = (fit.model.predictors["rate"].coefficients for fit in (offset, held))
    # rounding
    np.testing.assert_allclose([a["dose"], a["intercept"]], [b["dose"], b["intercept"]], rtol=1e-11)


def test_coefficients_can_be_held_and_nested_fits_compared():
    model = xj.Regression(xj.Normal, loc=xj.Linear())
    full = xj.fit_mle(model, (X, NUMBERS))
    without = xj.fit_mle(model, (X, NUMBERS), fixed={"loc.age": 0.0, "loc.intercept": 0.5})
    found = without.model.predictors["loc"].coefficients
    assert (found["age"], found["intercept"]) == (0, 0.5)
    # least squares by the dose alone, through 0.5
    dose, rest = X["dose"], NUMBERS - 0.5
    scale = np.std(rest - dose * (dose @ rest) / (dose @ dose), mean=0.0)
    log_likelihood = -N * (np.log(scale) + 0.5 * np.log(2 * np.pi) + 0.5)
    # rounding
    np.testing.assert_allclose(without.log_likelihood, log_likelihood, rtol=1e-13)
    test = xj.inference.likelihood_ratio_test(without, full)
    # a difference of log-likelihoods of 80 that is of the order of 1
    np.testing.assert_allclose(test.statistic, 2 * (full.log_likelihood - log_likelihood), rtol=1e-9)


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

    @jax.jit
    def losses_at(x):
        started = model.start(xj.Empirical((jnp.array([[0.0], [1.0]]), jnp.array([0.0, 1.0]))))
        return jax.vmap(lambda x: -started.log_prob((x[None], jnp.asarray(0.0))))(x)

    losses = losses_at(np.array([-100.0, 50.0, 800.0]))
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
    found, status = map(np.asarray, slopes(np.stack([NUMBERS, 3 * NUMBERS])))
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
    x = X | {"age": 2 * X["dose"]}
    fit = xj.fit_mle(xj.Regression(xj.Normal, loc=xj.Linear()), (x, NUMBERS))
    with pytest.raises(RuntimeError, match=r"FLAT \(loc.age, loc.dose\)"):
        fit.check()


def test_a_constant_column_that_floats_round_is_named():
    x = X | {"age": np.full(N, 0.1)}
    fit = xj.fit_mle(xj.Regression(xj.Normal, loc=xj.Linear()), (x, NUMBERS))
    with pytest.raises(RuntimeError, match=r"FLAT \(loc.age, loc.intercept\)"):
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
    fit = xj.fit_mle(xj.Regression(xj.Bernoulli, probs=xj.Linear(["dose"])), (X | {"dose": group}, y))
    with pytest.raises(RuntimeError, match=r"UNBOUNDED \(probs.dose → ∞\),"):
        fit.check()
    # the fit stops where the diverging coefficient gains nothing any more
    assert float(fit.model.predictors["probs"].coefficients["intercept"]) == pytest.approx(
        np.log(share / (1 - share)), rel=1e-9
    )
    other = xj.fit_mle(xj.Regression(xj.Bernoulli, probs=xj.Linear(["dose"])), (X | {"dose": 1 - group}, y))
    with pytest.raises(RuntimeError, match=r"UNBOUNDED \(probs.dose → −∞, probs.intercept → ∞\),"):
        other.check()


def test_distribution_at_covariates():
    fit = xj.fit_mle(xj.Regression(xj.Normal, loc=xj.Linear()), (X, NUMBERS))
    at = jax.jit(jax.vmap(fit.model.at))(X)
    found = fit.model.predictors["loc"].coefficients
    expected = float(found["intercept"]) + float(found["dose"]) * X["dose"] + float(found["age"]) * X["age"]
    # rounding
    np.testing.assert_allclose(at.loc, expected, rtol=1e-12)
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
    dose = X["dose"]

    def log_likelihood(intercept, slope):
        return scipy.stats.poisson(np.exp(intercept + slope * dose)).logpmf(COUNTS).sum()

    def held_slope(slope):
        return log_likelihood(np.log(COUNTS.sum() / np.exp(slope * dose).sum()), slope)

    def held_intercept(intercept):
        best = scipy.optimize.brentq(lambda b: dose @ (COUNTS - np.exp(intercept + b * dose)), -5, 5, xtol=1e-14)
        return log_likelihood(intercept, best)

    for name, held in (("rate.dose", held_slope), ("rate.intercept", held_intercept)):
        for end in xj.inference.profile_interval(fit, (X, COUNTS), name):
            # the quantile of χ²₁ at 0.95; an end is found to a tenth of √eps, where the ratio's slope is about 4
            np.testing.assert_allclose(2 * (fit.log_likelihood - held(float(end))), 3.841458820694124, rtol=1e-8)


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
    # an image beside the numbers that are used, whose missing values do no harm
    x = X | {"image": np.full((N, 2, 2), np.nan)}
    used = xj.Regression(xj.Categorical(jnp.zeros(3)), logits=xj.Linear(["age", "dose"]))
    plain = xj.fit_mle(ROWS["multinomial"][0], (X, CLASSES)).cross_entropy
    assert xj.fit_mle(used, (x, CLASSES)).cross_entropy == plain
    with pytest.raises(ValueError, match="numbers are needed"):
        xj.fit_mle(ROWS["offset"][0], (X | {"age": np.full(N, np.nan)}, COUNTS))


def test_a_column_that_is_a_parameter_is_a_covariate_where_it_is_named():
    x = {"dose": X["dose"], "n": np.full(N, 9.0) + np.arange(N) % 3}
    for columns, names in ((["n", "dose"], {"n", "dose", "intercept"}), ((), {"dose", "intercept"})):
        model = xj.Regression(xj.Binomial, total_count="n", probs=xj.Linear(columns))
        started = jax.eval_shape(model.start, xj.Empirical((x, COUNTS)))
        assert set(started.predictors["probs"].coefficients) == names


@pytest.mark.parametrize(("link", "relative"), [(None, True), (xj.links.log, True), (xj.links.identity, False)])
def test_coefficients_have_no_units_where_they_move_a_logarithm(link, relative):
    model = xj.Regression(xj.Poisson, rate=xj.Linear(["dose"], link=link))
    assert model.start(xj.Empirical((X, COUNTS))).predictors["rate"].support.relative == relative


def test_far_out_links_have_derivatives():
    for link, eta in ((xj.links.cloglog, -800.0), (xj.links.loglog, 800.0), (xj.links.cloglog, -40.0)):
        # log(p / (1 − p)) is ∓η there
        assert jax.jit(jax.grad(link.logit))(eta) == 1


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
