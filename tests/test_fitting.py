"""How a fit gets to its answer, and what it says when there is none."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import xentjax as xj

RNG = np.random.default_rng(20250302)
DATA = RNG.gamma(3.0, 2.0, 200)
TWO_HUMPS = np.concatenate([RNG.normal(-3.0, 1.0, 100), RNG.normal(3.0, 1.0, 100)])
EPS = float(jnp.finfo(float).eps)
# a gap of 1e-12 nats, squared by the last Newton step, leaves the rounding of sums over 200 points and its condition
SAME = {"rtol": 1e-10, "atol": 1e-12}


@functools.cache
def gamma_fit():
    return xj.fit_mle(xj.Gamma, DATA).check()


def assert_same_model(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, **SAME)


OPTIMIZERS = {
    "newton": xj.newton(),
    "adam": optax.adam(0.05),
    "lbfgs": optax.lbfgs(),
    "schedule": optax.adam(optax.exponential_decay(0.1, 200, 0.9)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_any_optimizer_reaches_the_same_fit(name):
    fit = xj.fit_mle(xj.Gamma(1.0, 1.0), DATA, optimizer=OPTIMIZERS[name]).check()
    assert_same_model(fit.model, gamma_fit().model)
    assert 0 < fit.steps < 10_000
    assert fit.gap <= 1e-12


def test_an_instance_is_where_the_fit_starts():
    for start in ((1.0, 1.0), (100.0, 0.01), (1e-2, 10.0)):
        assert_same_model(xj.fit_mle(xj.Gamma(*start), DATA).check().model, gamma_fit().model)
    # one evaluation is made at the start itself
    unmoved = xj.fit_mle(xj.Gamma(100.0, 0.01), DATA, max_steps=1)
    np.testing.assert_allclose(jax.tree.leaves(unmoved.model), [100.0, 0.01], rtol=16 * EPS)


# with the estimates in closed form, of logits with the last at 0
INTEGERS = {
    "Bernoulli": (xj.Bernoulli, np.array([True, False, True, True, False]), 3 / 5),
    "Categorical": (xj.Categorical(jnp.zeros(3)), np.array([0, 1, 1, 2, 1]), np.log([1, 3, 1])),
    "Poisson": (xj.Poisson, np.array([0, 3, 1, 2, 2]), 8 / 5),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_whole_numbers_may_be_of_any_type(name):
    model, x, expected = INTEGERS[name]
    np.testing.assert_allclose(jax.tree.leaves(xj.fit_mle(model, x).check().model)[0], expected, **SAME)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_fitted_in_single(dtype):
    x = jnp.array([1.0, 2.0, 3.0, 4.0, 6.0], dtype)
    fit = xj.fit_mle(xj.Normal, x).check()
    assert fit.model.loc.dtype == fit.gap.dtype == "float32"
    assert float(fit.model.loc) == pytest.approx(3.2, rel=1e-6)  # roundings of float32


def test_too_large_a_learning_rate_diverges_and_says_so():
    fit = xj.fit_mle(xj.Normal(1.0, 1.0), DATA, optimizer=optax.sgd(1e3))
    assert fit.status == xj.Status.DIVERGED
    assert not fit.converged
    # the best point seen is kept
    assert np.isfinite(fit.cross_entropy)
    with pytest.raises(RuntimeError, match=r"Fit.check: found the status DIVERGED.*lower the learning rate"):
        fit.check()


def test_too_few_steps_are_not_converged():
    fit = xj.fit_mle(xj.Gamma(1.0, 1.0), DATA, max_steps=1)
    assert fit.status == xj.Status.MAX_STEPS
    assert fit.steps == 1
    assert fit.gap > 1e-12
    with pytest.raises(RuntimeError, match=r"found the status MAX_STEPS, with a gap of .*raise max_steps"):
        fit.check()


NO_MINIMUM = {
    "concave": (lambda x: -x * x, xj.Status.UNBOUNDED),
    "linear": (lambda x: x, xj.Status.UNBOUNDED),
    "logarithm": (lambda x: jnp.log(x * x), xj.Status.STALLED),  # its pole is at a finite value
    "kink": (jnp.abs, xj.Status.STALLED),
}


@pytest.mark.parametrize("name", NO_MINIMUM)
def test_what_has_no_minimum_or_no_derivative_there_is_not_converged(name):
    objective, status = NO_MINIMUM[name]
    found = xj.minimize(objective, 1.0)
    assert found.status == status
    assert found.gap > 1e-12


EDGE = {"Bernoulli": (xj.Bernoulli, 1.0), "Geometric": (xj.Geometric, 0.0), "Poisson": (xj.Poisson, 0.0)}


@pytest.mark.parametrize("name", EDGE)
def test_a_maximum_at_the_edge_of_the_support_is_not_converged(name):
    family, value = EDGE[name]
    fit = xj.fit_mle(family, np.full(5, value))
    assert fit.status in (xj.Status.BOUNDARY, xj.Status.STALLED)


def test_unbounded_likelihood_is_not_converged():
    # a component on one point gains without bound as it narrows
    spike = xj.Mixture(jnp.array([0.5, 0.5]), xj.Normal(jnp.array([DATA[0], 5.0]), jnp.array([1e-3, 2.0])))
    assert not xj.fit_mle(spike, DATA).converged


def only_the_sum_matters(params, x):
    return xj.Normal(params["a"] + params["b"], jnp.ones(())).log_prob(x)


def test_parameters_that_the_data_do_not_determine_have_no_finite_standard_errors():
    fit = xj.fit_mle(xj.Density({"a": 0.0, "b": 1.0}, only_the_sum_matters), DATA)
    np.testing.assert_allclose(fit.model.params["a"] + fit.model.params["b"], DATA.mean(), **SAME)
    errors = fit.standard_errors().params
    assert not np.isfinite(errors["a"])
    assert not np.isfinite(errors["b"])


def two_normals(locs, scales):
    return xj.Mixture(jnp.array([0.5, 0.5]), xj.Normal(jnp.array(locs), jnp.array(scales)))


def test_a_saddle_is_left():
    apart = xj.fit_mle(two_normals([-2.0, 2.0], [1.0, 1.0]), TWO_HUMPS).check()
    mean, deviation = TWO_HUMPS.mean(), TWO_HUMPS.std()
    # two equal components at the fit of one normal: every derivative is zero, and it is no minimum
    fit = xj.fit_mle(two_normals([mean, mean], [deviation, deviation]), TWO_HUMPS).check()
    np.testing.assert_allclose(fit.cross_entropy, apart.cross_entropy, rtol=1e-12)
    np.testing.assert_allclose(np.sort(fit.model.components.loc), np.sort(apart.model.components.loc), **SAME)


def test_a_robust_loss_without_curvature_at_the_start_is_minimised():
    def huber(params, x):
        distance = jnp.abs(x - params["loc"])
        return -jnp.where(distance < 1, 0.5 * distance**2, distance - 0.5)

    # all data lie on the straight part of the loss
    fit = xj.fit_mle(xj.Density({"loc": 50.0}, huber), DATA).check()
    assert abs(np.mean(np.clip(DATA - float(fit.model.params["loc"]), -1, 1))) < 1e-12  # the mean score


def test_fixed_holds_parameters_by_value_and_by_name():
    by_value = xj.fit_mle(xj.Gamma, DATA, fixed={"concentration": 2.0}).check()
    by_name = xj.fit_mle(xj.Gamma(2.0, 1.0), DATA, fixed=["concentration"]).check()
    for fit in (by_value, by_name):
        assert fit.fixed == ("concentration",)
        assert fit.model.concentration == 2.0
        # closed form: the mean is matched, and the information about the rate is concentration / rate²
        rate = 2.0 / DATA.mean()
        np.testing.assert_allclose(fit.model.rate, rate, **SAME)
        errors = fit.standard_errors()
        assert errors.concentration == 0.0
        np.testing.assert_allclose(errors.rate, rate / np.sqrt(2.0 * len(DATA)), rtol=1e-10)


def test_everything_fixed_is_an_evaluation():
    fit = xj.fit_mle(xj.Normal(1.0, 2.0), DATA, fixed=["loc", "scale"]).check()
    assert (fit.model.loc, fit.model.scale) == (1.0, 2.0)
    expected = 0.5 * np.mean(((DATA - 1) / 2) ** 2) + np.log(2.0) + 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(fit.cross_entropy, expected, rtol=16 * EPS)
    assert jax.tree.leaves(fit.standard_errors()) == [0.0, 0.0]


NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(40)


def reverse_kl(q, p):
    """KL(q‖p) of a normal q by Gauss's rule."""
    points = xj.Empirical(q.loc + q.scale * NODES, NODE_WEIGHTS)
    return points.expect(lambda x: q.log_prob(x) - p.log_prob(x))


def test_minimize_finds_a_hump_by_the_reverse_divergence():
    p = two_normals([-3.0, 3.0], [1.0, 1.0])
    right = xj.minimize(reverse_kl, xj.Normal(2.0, 1.0), p)
    left = xj.minimize(reverse_kl, xj.Normal(-2.0, 1.0), p)
    assert right.converged
    assert left.converged
    # by symmetry
    np.testing.assert_allclose(left.params.loc, -right.params.loc, **SAME)
    np.testing.assert_allclose(left.params.scale, right.params.scale, **SAME)
    # each hump is nearly alone: the other adds about exp(-9/2) = 0.01
    np.testing.assert_allclose(right.params.loc, 3.0, atol=0.03)
    np.testing.assert_allclose(right.value, np.log(2.0), atol=0.03)
    # args are arguments: another p of the same structure moves the answer
    moved = xj.minimize(reverse_kl, xj.Normal(4.0, 1.0), two_normals([-1.0, 5.0], [1.0, 1.0]))
    np.testing.assert_allclose(moved.params.loc, right.params.loc + 2.0, **SAME)


def test_minimize_holds_what_is_fixed():
    found = xj.minimize(lambda q: (q.loc - q.scale) ** 2, xj.Normal(0.0, 2.0), fixed=["scale"])
    assert found.converged
    assert found.params.scale == 2.0
    np.testing.assert_allclose(found.params.loc, 2.0, **SAME)


def test_a_minimum_says_how_it_ended():
    found = xj.minimize(lambda q: (q.loc - q.scale) ** 2 + q.scale**2 - q.scale, xj.Normal(0.0, 2.0)).check()
    first, loc, scale, last = repr(found).splitlines()
    assert first == "Minimum: converged"
    assert (loc.split(), scale.split()) == (["loc", "0.5"], ["scale", "0.5"])
    assert last.startswith("  value  -0.25, about ")
    short = xj.minimize(lambda x: jnp.sum(jnp.cosh(x)), 3.0 * jnp.ones(2), max_steps=1)
    with pytest.raises(RuntimeError, match=r"Minimum.check: found the status MAX_STEPS.*, but CONVERGED is needed; "):
        short.check()
    lanes = jax.vmap(lambda c: xj.minimize(lambda x, c: (x - c) ** 2, 0.0, c))(jnp.arange(3.0)).check()
    assert repr(lanes) == "3 minima\n  3: converged"


def test_another_number_of_steps_compiles_nothing():
    traces = []

    def objective(x):
        traces.append(x)
        return jnp.cosh(x - 1.0)

    assert xj.minimize(objective, 0.0, max_steps=1).steps == 1
    count = len(traces)
    assert xj.minimize(objective, 0.0, max_steps=2).steps == 2
    assert xj.minimize(objective, 0.0).converged
    assert len(traces) == count


def test_newton_in_a_loop_of_ones_own():
    free, constrain = xj.unconstrain(xj.Gamma(jnp.asarray(1.0), jnp.asarray(1.0)))
    source = xj.Empirical(DATA)
    optimizer = xj.newton()

    def objective(free):
        return xj.cross_entropy(source, constrain(free))

    @jax.jit
    def step(free, state):
        updates, state = optimizer.update(free, state, free, value_fn=objective)
        return optax.apply_updates(free, updates), state

    state = optimizer.init(free)
    for _ in range(20):
        free, state = step(free, state)
    assert_same_model(constrain(free), gamma_fit().model)


def linear(params, point):
    x, y = point
    return xj.Normal(x @ params["slopes"], params["scale"]).log_prob(y)


def test_a_hundred_features_reach_the_normal_equations():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(300, 100))
    y = x @ rng.normal(size=100) + rng.normal(size=300)
    start = xj.Density({"slopes": np.zeros(100), "scale": 1.0}, linear, {"scale": xj.positive})
    fit = xj.fit_mle(start, (x, y)).check()
    solution = np.linalg.lstsq(x, y, rcond=None)[0]
    # the gap of 1e-12 allows steps of 1e-6, whose conjugate-gradient solution is good to 1e-6 of that
    np.testing.assert_allclose(fit.model.params["slopes"], solution, rtol=0, atol=1e-10)
    np.testing.assert_allclose(fit.model.params["scale"], np.sqrt(np.mean((y - x @ solution) ** 2)), rtol=1e-10)
    assert fit.curvature is None
    with pytest.raises(ValueError, match=r"standard_errors: found more than 64 free parameters.*hold some of them"):
        fit.standard_errors()
    assert "... and 77 more" in repr(fit)


def test_the_text_of_a_fit_says_what_was_found_and_how_well():
    fit = gamma_fit()
    errors = fit.standard_errors()
    first, concentration, rate, last = repr(fit).splitlines()
    assert first == "Fit of Gamma to 200 observations: converged"
    assert concentration.split() == [
        "concentration",
        f"{fit.model.concentration:.6g}",
        "±",
        f"{errors.concentration:.3g}",
    ]
    assert rate.split() == ["rate", f"{fit.model.rate:.6g}", "±", f"{errors.rate:.3g}"]
    assert last.startswith(f"  cross-entropy  {fit.cross_entropy:.6g} nats per observation, about")

    held = repr(xj.fit_mle(xj.Gamma, DATA, fixed={"concentration": 2.0})).splitlines()
    assert held[1].split() == ["concentration", "2", "(held)"]
    short = repr(xj.fit_mle(xj.Gamma(1.0, 1.0), DATA, max_steps=1))
    assert "the steps ran out before the gap was closed; raise max_steps" in short
    assert "±" not in short
    assert "to a known distribution: converged" in repr(xj.fit_kl(xj.Normal, xj.Gamma(4.0, 2.0)))


def test_one_failing_lane_leaves_the_others_alone():
    other = np.random.default_rng(8).gamma(2.0, 1.0, 200)
    lanes = jax.vmap(lambda x: xj.fit_mle(xj.Gamma, x))(np.stack([DATA, np.ones(200), other]))
    assert lanes.status.tolist() == [xj.Status.CONVERGED, xj.Status.BAD_START, xj.Status.CONVERGED]
    for lane, x in ((0, DATA), (2, other)):
        single = xj.fit_mle(xj.Gamma, x)
        assert_same_model(jax.tree.map(lambda leaf, lane=lane: leaf[lane], lanes.model), single.model)
        np.testing.assert_allclose(lanes.cross_entropy[lane], single.cross_entropy, rtol=16 * EPS)
    with pytest.raises(RuntimeError, match=r"found the status BAD_START in lane 1, the first of 1 in 3 that did"):
        lanes.check()
    assert repr(lanes).splitlines()[:2] == ["3 fits of Gamma", "  2: converged"]


def test_inside_jit_nothing_raises_and_the_status_tells():
    status = jax.jit(lambda x: xj.fit_mle(xj.Gamma, x).status)
    assert status(DATA) == xj.Status.CONVERGED
    assert status(np.ones(200)) == xj.Status.BAD_START
    assert status(np.where(np.arange(200) == 3, np.nan, DATA)) == xj.Status.BAD_DATA
    assert status(-DATA) == xj.Status.BAD_DATA


def test_a_start_where_the_likelihood_is_0_gives_way_to_that_of_the_class():
    far = 1e6 * np.random.default_rng(5).gumbel(size=50)  # exp(1e6) is infinite
    fit = xj.fit_mle(xj.Gumbel(0.0, 1.0), far).check()
    assert_same_model(fit.model, xj.fit_mle(xj.Gumbel, far).model)
    # what is held stays
    held = xj.fit_mle(xj.Gumbel(0.0, 1.0), far, fixed=["loc"]).check()
    assert held.model.loc == 0.0
    with pytest.raises(ValueError, match=r"found 50 equal observations, 2.0, but Gumbel needs data that differ"):
        xj.fit_mle(xj.Gumbel(0.0, 1.0), np.full(50, 2.0))


def test_a_start_from_two_groups_of_data_finds_the_higher_of_two_maxima():
    """The other is at a shape of −0.14, 0.015 nats per observation lower."""
    x = jnp.array([0.02, -0.12, 5.61, 8.3, 4.02, 2.16, 5.88, 0.19, 5.26, -0.39])
    fit = xj.fit_mle(xj.GeneralizedExtremeValue, x).check()
    assert float(fit.cross_entropy) == pytest.approx(2.46737, abs=1e-5)
    assert float(fit.model.shape) == pytest.approx(1.0473, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_a_naive_start_far_from_the_data_is_left(seed):
    # at a scale of 1 the likelihood of these is linear in the location: what curvature there is says nothing
    x = 1e6 + 2e6 * np.random.default_rng(seed).logistic(size=50)
    fit = xj.fit_mle(xj.Logistic(0.0, 1.0), x).check()
    # a gap of 1e-12 leaves 1e-6 standard errors, and the last steps square that
    np.testing.assert_allclose(jax.tree.leaves(fit.model), jax.tree.leaves(xj.fit_mle(xj.Logistic, x).model), rtol=1e-9)


def test_what_a_compiled_function_closes_over_is_checked_too() -> None:
    """JAX traces every operation inside `jit`, on known numbers as well: a check must not ask a traced one."""
    x, start = jnp.linspace(-1.0, 2.0, 50), xj.Normal(0.2, 1.0)
    by_start = jax.jit(lambda x: xj.fit_mle(start, x))(x)
    by_points = jax.jit(lambda start: xj.fit_mle(start, x))(start)
    for fit in (by_start, by_points):
        assert fit.model.loc == pytest.approx(0.5, abs=1e-14)
    held = jax.jit(lambda x: xj.fit_mle(xj.Normal, x, fixed={"scale": 2.0}))(x)
    assert held.model.scale == 2.0
    with pytest.raises(ValueError, match=r"found fixed=\{'scale': -1\.0\}"):
        jax.jit(lambda x: xj.fit_mle(xj.Normal, x, fixed={"scale": -1.0}))(x)
    wrong = xj.Normal(0.2, -1.0)
    with pytest.raises(ValueError, match=r"found scale = -1\.0"):
        jax.jit(lambda x: xj.fit_mle(wrong, x))(x)


def test_a_start_is_asked_in_its_own_precision_and_only_for_what_it_gives() -> None:
    x = jnp.concatenate([jnp.linspace(-5.0, -3.0, 20), jnp.linspace(0.0, 1.0, 20), jnp.linspace(4.0, 7.0, 20)])
    thirds = jnp.full(3, 1 / 3, "float32")  # their sum is 1 to the rounding of float32
    start = xj.Mixture(thirds, xj.Normal(jnp.array([-4.0, 0.0, 5.0]), jnp.ones(3)))
    assert xj.fit_mle(start, x).converged
    # the scale that is held takes the place of the wrong one
    wrong = xj.Normal(0.2, -1.0)
    assert xj.fit_mle(wrong, x, fixed={"scale": 1.0}).converged
    assert jax.jit(lambda x: xj.fit_mle(wrong, x, fixed={"scale": 1.0}).converged)(x)
    status = jax.vmap(lambda scale: xj.fit_mle(xj.Normal(0.2, scale), x).status)(jnp.array([1.0, -1.0]))
    assert status.tolist() == [xj.Status.CONVERGED, xj.Status.BAD_START]
    with pytest.raises(ValueError, match=r"found total_count = -1\.0 in the Binomial to start from"):
        xj.fit_mle(xj.Binomial(-1.0, 0.5), jnp.array([0.0, 1.0]))


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_standard_errors_over_the_range_of_float32(size):
    """A rate of 1e-30 has a variance that float32 cannot hold."""
    x = np.array([1.0, 2.0, 3.0, 2.0], "float32")
    errors, moved = (xj.fit_mle(xj.Gamma, s * x).standard_errors() for s in (np.float32(1), np.float32(size)))
    # the gap closes to one rounding of the objective, where the estimates have half the digits
    assert float(moved.rate) == pytest.approx(float(errors.rate) / size, rel=1e-3)
