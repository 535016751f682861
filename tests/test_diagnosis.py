"""What a fit says where the likelihood has no maximum inside, or none that the data determine."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from regression_rows import Logistic

import xentjax as xj
from xentjax.certificates import gap_tolerance
from xentjax.diagnosis import diagnose, ending
from xentjax.minimization import run

Status = xj.Status
RNG = np.random.default_rng(0)
N = 50
X = RNG.normal(size=(N, 3))
X[:, 0] = 1.0
COIN = RNG.uniform(size=N) < 1 / (1 + np.exp(-X[:, 1]))
COLLINEAR = np.stack([X[:, 0], X[:, 1], 2 * X[:, 1] + 1], 1)
# an intercept and covariates of sizes that differ by 12 orders
SIZES = X * np.array([1.0, 1e6, 1e-6])


@xj.record
class Line:
    beta: xj.Parameter = xj.real()
    scale: xj.Parameter = xj.positive(1.0)

    def log_prob(self, point):
        x, y = point
        return xj.Normal(x @ self.beta, self.scale).log_prob(y)


@jax.jit
def logistic(x, y):
    return xj.fit_mle(Logistic(jnp.zeros(3, x.dtype)), (x, y))


@pytest.mark.parametrize(
    ("x", "y", "status", "words"),
    [
        (X, COIN, Status.CONVERGED, "converged"),
        (SIZES, COIN, Status.CONVERGED, "converged"),
        (X, X[:, 1] > 0.1, Status.UNBOUNDED, "along beta[0] → −∞, beta[1] → ∞"),
        (COLLINEAR, COIN, Status.FLAT, "among beta[0], beta[1], beta[2]"),
    ],
    ids=["regular", "sizes", "separated", "collinear"],
)
def test_logistic_regression(x, y, status, words) -> None:
    fit = logistic(x, y)
    assert fit.status == status
    assert words in str(fit)
    if status != Status.CONVERGED:
        with pytest.raises(RuntimeError, match=rf"status {status.name} \(beta\[0\]"):
            fit.check()


def test_covariates_of_any_size_give_the_same_fit() -> None:
    plain, scaled = logistic(X, COIN), logistic(SIZES, COIN)
    # a dozen digits are left of the sixteen that sums of 50 terms carry
    np.testing.assert_allclose(np.asarray(scaled.model.beta) * [1.0, 1e6, 1e-6], plain.model.beta, rtol=1e-12)
    np.testing.assert_allclose(scaled.cross_entropy, plain.cross_entropy, rtol=1e-14)


def test_lanes_have_their_own_diagnosis() -> None:
    lanes = jax.vmap(logistic)(np.stack([X, COLLINEAR, X]), np.stack([COIN, COIN, X[:, 1] > 0.1]))
    assert lanes.status.tolist() == [Status.CONVERGED, Status.FLAT, Status.UNBOUNDED]
    assert not lanes.going[0].any()
    assert lanes.going[1].all()
    with pytest.raises(
        RuntimeError, match=r"FLAT \(beta\[0\], beta\[1\], beta\[2\]\) in lane 1, the first of 2 in 3 that did"
    ):
        lanes.check()


def test_separation_in_float32() -> None:
    assert logistic(X.astype("float32"), X[:, 1] > 0.1).status == Status.UNBOUNDED
    assert logistic(X.astype("float32"), COIN).status == Status.CONVERGED


def test_an_exact_line_in_float32() -> None:
    """The scale falls to the rounding of the residuals, and no further."""
    line = (X @ np.arange(3.0)).astype("float32")
    fit = xj.fit_mle(Line(jnp.zeros(3, "float32")), (X.astype("float32"), line))
    with pytest.raises(RuntimeError, match=r"UNBOUNDED \(scale → 0\)"):
        fit.check()


UNDERDISPERSED = RNG.binomial(10, 0.9, N)
SPIKE = xj.Mixture(jnp.array([0.01, 0.99]), xj.Normal(jnp.array([5.0, 0.0]), jnp.array([0.001, 1.0])))


@pytest.mark.parametrize(
    ("model", "data", "status", "words"),
    [
        (xj.Poisson, np.zeros(N), Status.BOUNDARY, "along rate → 0"),
        (xj.NegativeBinomial, UNDERDISPERSED, Status.BOUNDARY, "along dispersion → 0"),  # Poisson is the limit
        (xj.StudentT, np.linspace(0.0, 1.0, N), Status.UNBOUNDED, "along df → ∞"),  # Normal is the limit
        (xj.Zeta, np.ones(N), Status.UNBOUNDED, "along exponent → ∞"),
        (SPIKE, np.append(RNG.normal(size=N - 1), 5.0), Status.UNBOUNDED, "along components.scale[0] → 0"),
        # without an error
        (Line(jnp.zeros(3)), (X[:48], X[:48] @ np.arange(3.0)), Status.UNBOUNDED, "along scale → 0"),
    ],
    ids=["zeros", "underdispersed", "light tails", "ones", "spike", "exact line"],
)
def test_no_maximum_inside(model, data, status, words) -> None:
    fit = xj.fit_mle(model, data)
    assert fit.status == status
    assert words in str(fit)


def test_an_estimate_of_exactly_zero_is_a_maximum() -> None:
    x = np.stack([np.ones(48), np.resize([-1.0, 1.0], 48), np.resize([1.0, 1.0, -1.0, -1.0], 48)], 1)
    fit = xj.fit_mle(Line(jnp.ones(3)), (x, np.resize([1.0, 1.0, 2.0, 2.0, 0.0, 0.0, 4.0, 4.0], 48)))
    assert fit.check() is fit
    assert abs(float(fit.model.beta[1])) < 1e-15


def test_parameters_that_do_not_matter_or_only_together() -> None:
    both = xj.minimize(lambda p: (p["a"] + p["b"] - 1) ** 2 + p["c"] ** 2, {"a": 0.0, "b": 0.0, "c": 1.0})
    assert both.status == Status.FLAT
    assert "among a, b\n" in str(both)
    unused = xj.minimize(lambda p: (p["a"] - 1) ** 2, {"a": 0.0, "b": 2.0})
    assert unused.status == Status.FLAT
    assert "among b\n" in str(unused)


@pytest.mark.parametrize(("bend", "status"), [(1e-13, Status.FLAT), (1e-10, Status.CONVERGED)])
def test_a_direction_along_which_an_e_fold_costs_less_than_a_closed_gap_is_not_determined(bend, status) -> None:
    def valley(q, bend):
        a, b = jnp.log(q.concentration), jnp.log(q.rate)
        return (a + b - 1.0) ** 2 + bend * (a - b - 1.0) ** 2

    found = xj.minimize(valley, xj.Gamma(2.0, 1.0), bend)
    assert found.status == status
    assert (found.going != 0).tolist() == [status == Status.FLAT] * 2


def test_an_objective_without_a_minimum() -> None:
    found = xj.minimize(lambda p: p["a"] ** 2 + p["b"], {"a": 1.0, "b": 0.0}, max_steps=300)
    assert found.status == Status.UNBOUNDED
    assert "along b → −∞" in str(found)


@pytest.mark.parametrize("size", [3, 65])  # past 64 without the matrix
def test_where_an_objective_goes(size) -> None:
    falling, rising = (lambda q: 1 + jnp.sum(q.rate)), (lambda q: 1 + jnp.sum(1 / q.rate))
    for objective, status, way in ((falling, Status.BOUNDARY, -1), (rising, Status.UNBOUNDED, 1)):
        found = xj.minimize(objective, xj.Exponential(jnp.ones(size)))
        assert found.status == status
        assert found.going.tolist() == [way] * size


# on both sides of what makes an end plain: for two coordinates eigenvalues 3e-8 of the largest, a diagonal of 1.22e-4
CURVATURES = {
    "plain": [[2.0, 0.5], [0.5, 1.0]],
    "nearly flat": [[1.0, 1.0], [1.0, 1.0 + 1e-6]],
    "hardly firm": [[1.0, 1.0], [1.0, 1.0 + 1.3e-7]],
    "flat": [[1.0, 1.0], [1.0, 1.0]],
    "hardly steep": [[1.3e-4, 0.0], [0.0, 1.3e-4]],
    "shallow": [[1.0, 0.0], [0.0, 1e-13]],
    "both": [[1.3e-4, 1.3e-4], [1.3e-4, 1.3e-4 * (1 + 1.3e-7)]],
}


@jax.jit
def ended(hessian):
    def bowl(point, hessian):
        u = jnp.log(jnp.stack([point.concentration, point.rate]))
        return 1.0 + 0.5 * u @ hessian @ u

    free, constrain = xj.unconstrain(xj.Gamma(1.0, 1.0))
    best, status, _, settled = run(lambda free: bowl(constrain(free), hessian), free, None, None, 100)
    end = ending(xj.Gamma(1.0, 1.0), free, best, status, settled, gap_tolerance(None, best.value.dtype))
    return end.plain, *diagnose(end)


@pytest.mark.parametrize("name", CURVATURES)
def test_a_plain_end_has_no_other_cause(name) -> None:
    plain, status, going = ended(jnp.array(CURVATURES[name]))
    assert plain == (name in ("plain", "nearly flat", "hardly firm", "hardly steep", "both"))
    if plain:
        assert status == Status.CONVERGED
        assert not going.any()


def test_a_saddle_is_left_and_a_start_on_its_ridge_is_no_minimum() -> None:
    found = xj.minimize(lambda p: p["a"] ** 2 - p["b"] ** 2 + p["b"] ** 4, {"a": 1.0, "b": 0.0})
    assert found.check() is found
    assert abs(float(found.params["b"])) == pytest.approx(0.5**0.5, rel=1e-12)


def test_rounding_in_float32_is_no_direction() -> None:
    z = np.asarray(1e4 + np.random.default_rng(1).normal(size=500), "float32")
    for family in (xj.SkewNormal, xj.StudentT):
        xj.fit_mle(family, z).check()


def test_a_maximum_of_many_parameters_is_no_minimum() -> None:
    found = xj.minimize(lambda q: jnp.sum(q**4 - q**2), jnp.zeros(65))
    assert found.status == Status.SADDLE


MANY = RNG.normal(size=(300, 80))
MANY_COINS = RNG.uniform(size=300) < 1 / (1 + np.exp(-MANY[:, 1]))


def wide(x, y):
    return xj.fit_mle(xj.Regression(xj.Bernoulli, probs=xj.Linear()), (x, y.astype(x.dtype)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_copy_of_a_column_among_many_is_named(dtype) -> None:
    x = MANY.copy()
    x[:, 7] = x[:, 3]
    sizes = 2.0 ** np.random.default_rng(1).integers(-8, 9, 80)  # exact, so that the copy is one
    fit = wide((x * sizes).astype(dtype), MANY_COINS)
    assert fit.status == Status.FLAT
    assert re.search(r"among probs\S*3\], probs\S*7\]\n", str(fit))
    assert wide((MANY * sizes).astype(dtype), MANY_COINS).status == Status.CONVERGED


def test_columns_that_nearly_depend_on_one_another_are_no_flat_direction() -> None:
    x = MANY.copy()
    x[:, 7] = x[:, 3] + 1e-4 * x[:, 7]  # a curvature of 1e-8, far above rounding
    assert wide(x, MANY_COINS).status == Status.CONVERGED


def test_a_model_without_predictors_that_are_known() -> None:
    copied = np.concatenate([MANY[:, :79], MANY[:, :1]], 1)
    fits = jax.vmap(lambda x: xj.fit_mle(Logistic(jnp.zeros(80)), (x, MANY_COINS)))(np.stack([copied, MANY]))
    assert fits.status.tolist() == [Status.FLAT, Status.CONVERGED]
    assert np.flatnonzero(fits.going[0]).tolist() == [0, 79]


def test_fewer_observations_than_coefficients() -> None:
    x, counts = MANY[:30], RNG.poisson(2.0, 30) + 1.0
    fit = xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Linear()), (x, counts))
    assert fit.status == Status.FLAT
    assert np.count_nonzero(fit.going) > 40  # all but those in which the random direction is small


@pytest.mark.parametrize(("hidden", "columns"), [(5, 4), (15, 10)], ids=["35 parameters", "195 parameters"])
def test_a_network_that_separates_classes_has_no_minimum(hidden, columns) -> None:
    def layers(params, x):
        return params["out"] @ jnp.tanh(params["in"] @ x + params["shift"])

    rng = np.random.default_rng(1)
    params = {"in": rng.normal(size=(hidden, columns)), "out": rng.normal(size=(2, hidden)), "shift": np.zeros(hidden)}
    model = xj.Regression(xj.Categorical(jnp.zeros(3)), logits=xj.Network(jax.tree.map(jnp.asarray, params), layers))
    fit = xj.fit_mle(model, (MANY[:, :columns], np.digitize(MANY[:, 1], [-0.5, 0.5])), max_steps=2000)
    assert fit.cross_entropy < 1e-10
    assert fit.status == Status.UNBOUNDED


@pytest.mark.parametrize("power", [2, 4, 8])
def test_a_minimum_whose_value_is_zero_is_one(power) -> None:
    found = xj.minimize(lambda q: jnp.sum((q["a"] - 1) ** power) + (q["b"] - 2) ** 2, {"a": jnp.zeros(2), "b": 0.0})
    assert found.check() is found
