"""Records as pytrees, and the way from natural parameters to unconstrained ones and back."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xentjax as xj
from xentjax.parameters import as_support, inside

SAME_FIELDS = [xj.Normal, xj.Laplace, xj.LogNormal]


def test_equal_field_names_are_no_equal_structure() -> None:
    structures = [jax.tree.structure(family(0.5, 2.0)) for family in SAME_FIELDS]
    assert len(set(structures)) == len(SAME_FIELDS)
    assert jax.tree.structure(xj.Normal(1.0, 3.0)) == structures[0]
    with pytest.raises(ValueError, match="different types"):
        jax.tree.map(lambda a, b: a, xj.Normal(0.5, 2.0), xj.Laplace(0.5, 2.0))


def test_a_jitted_function_answers_for_the_class_it_is_given() -> None:
    x = jnp.asarray(1.5)
    expected = [family(0.5, 2.0).log_prob(x) for family in SAME_FIELDS]
    log_prob = jax.jit(lambda model: model.log_prob(x))
    for order in [(0, 1, 2), (2, 1, 0), (1, 0, 2)] * 10:
        for i in order:
            assert float(log_prob(SAME_FIELDS[i](0.5, 2.0))) == pytest.approx(float(expected[i]), rel=1e-15)


@xj.record
class Curve:
    """A record of one's own."""

    height: xj.Parameter = xj.positive(1.0)
    shift: xj.Parameter = xj.real(0.0)
    power: int = xj.static(2)


def test_records_are_frozen() -> None:
    for record in (Curve(), xj.Normal(0.0, 1.0), xj.Empirical(jnp.ones(2))):
        field = dataclasses.fields(record)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field, 3.0)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(record, field)


def test_static_fields_are_structure() -> None:
    leaves, structure = jax.tree.flatten(Curve(2.0, 3.0, 4))
    assert [float(leaf) for leaf in leaves] == [2.0, 3.0]
    assert structure.unflatten(leaves).power == 4
    assert structure != jax.tree.structure(Curve(2.0, 3.0, 5))
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(Curve())[0]]
    assert paths == [".height", ".shift"]


def test_a_tree_is_rebuilt_whatever_its_leaves_are() -> None:
    """JAX puts placeholders into trees: rebuilding must neither check nor convert."""
    placeholder = object()
    rebuilt = jax.tree.map(lambda _: placeholder, Curve())
    assert rebuilt.height is placeholder
    assert jax.tree.structure(rebuilt) == jax.tree.structure(Curve())
    batch = jax.vmap(lambda x: Curve(x, 2 * x))(jnp.arange(1.0, 4.0))
    assert batch.shift.shape == (3,)


def test_lists_of_numbers_are_arrays() -> None:
    assert xj.Dirichlet([1, 2, 3]).concentration.shape == (3,)
    assert xj.Mixture([0.5, 0.5], xj.Normal([0.0, 1.0], [1.0, 2.0])).mean == 0.5
    assert xj.MultivariateNormal([0.0, 0.0], [[1, 0], [0, 1]]).covariance.dtype == "float64"
    assert xj.Empirical([1.0, 2.0], [3, 1]).expect(lambda x: x) == 1.25
    # a pair stays a pair, of arrays
    pair = xj.Empirical(([[1.0, 2.0], [3.0, 4.0]], [0.0, 1.0]))
    assert [leaf.shape for leaf in pair.data] == [(2, 2), (2,)]
    assert jax.vmap(lambda w: xj.Empirical([1.0, 2.0], w).total)(jnp.ones((3, 2))).shape == (3,)


# Supports: a declaration, and values [..., shape of one] inside
POSITIVE_DEFINITE = [[[2.0, 0.3], [0.3, 0.5]], [[1.0, -0.9], [-0.9, 1.0]]]
SUPPORTS = {
    "real": (xj.real(), [-1e3, 0.0, 2.5]),
    "positive": (xj.positive(), [1e-6, 1.0, 1e6]),
    "unit_interval": (xj.unit_interval(), [1e-6, 0.5, 0.999]),
    "interval": (xj.interval(-2.0, 3.0), [-1.999, 0.5, 2.99]),
    "simplex": (xj.simplex(), [[0.2, 0.3, 0.5], [0.9, 0.09, 0.01]]),
    "ordered": (xj.ordered(), [[-1.0, 0.0, 5.0], [1.0, 1.5, 1.6]]),
    "covariance": (xj.covariance(), POSITIVE_DEFINITE),
}
every_support = pytest.mark.parametrize("name", SUPPORTS)


def model(name: str, values: Any, dtype: str) -> Any:
    return xj.Built({"a": jnp.asarray(values, dtype)}, dict, {"a": SUPPORTS[name][0]})


@jax.jit
def round_trip(model: Any) -> tuple:
    free, constrain = xj.unconstrain(model)
    return free, constrain(free).params["a"]


@jax.jit
def leads_inside(model: Any, draws: jax.Array) -> jax.Array:
    _, constrain = xj.unconstrain(model)
    return jax.vmap(lambda u: inside(constrain({"a": u})))(draws)


@every_support
def test_to_unconstrained_and_back(name: str, dtype: str) -> None:
    values = np.asarray(SUPPORTS[name][1])
    # one, and a batch of batches: transforms act on the last axes
    for batch in (values[0], np.stack([values, values[::-1]])):
        free, back = round_trip(model(name, batch, dtype))
        assert set(free) == {"a"}
        assert free["a"].dtype == dtype
        assert jnp.isfinite(free["a"]).all()
        assert back.dtype == dtype
        # a logarithm of 1e6 loses 14 roundings, the last digits near an end of an interval some more
        np.testing.assert_allclose(back, jnp.asarray(batch, dtype), rtol=32 * float(jnp.finfo(dtype).eps), atol=1e-30)


@every_support
def test_whatever_is_unconstrained_leads_inside(name: str, dtype: str) -> None:
    example = model(name, SUPPORTS[name][1], dtype)
    shape = jax.eval_shape(lambda: round_trip(example)[0]["a"]).shape
    # beyond 15 a float32 sigmoid rounds to 1; a step of exp(-5) beside exp(5) is still seen, and no matrix singular
    size = 2.5 if name in ("covariance", "ordered") else 10.0
    draws = np.random.default_rng(0).uniform(-size, size, (200, *shape)).astype(dtype)
    assert np.all(leads_inside(example, draws))


@every_support
def test_what_is_outside_is_seen(name: str) -> None:
    declared, values = SUPPORTS[name]
    support, good = as_support(declared), np.asarray(values, float)
    assert support.contains(jnp.asarray(good)).all()
    assert not support.contains(jnp.full_like(good, jnp.nan)).any()
    assert not support.contains(jnp.full_like(good, jnp.inf)).any()
    if name != "real":
        assert not support.contains(jnp.asarray(-1e4 * good - (name != "ordered"))).any()


def test_logits_keep_their_differences(dtype: str) -> None:
    p = xj.Categorical(jnp.asarray([0.5, -1.0, 2.0], dtype))
    free, constrain = xj.unconstrain(p)
    assert free["logits"].shape == (2,)
    back = constrain(free)
    assert back.logits[-1] == 0
    np.testing.assert_allclose(back.probs, p.probs, rtol=16 * float(jnp.finfo(dtype).eps))


def test_paths_and_what_is_held() -> None:
    p = xj.Mixture(jnp.array([0.3, 0.7]), xj.Normal(jnp.array([-1.0, 1.0]), jnp.ones(2)))
    free, constrain = xj.unconstrain(p, fixed=["components.scale"])
    assert {name: value.shape for name, value in free.items()} == {"weights": (1,), "components.loc": (2,)}
    moved = constrain({"weights": free["weights"], "components.loc": free["components.loc"] + 1})
    np.testing.assert_allclose(moved.components.loc, [0.0, 2.0])
    np.testing.assert_array_equal(moved.components.scale, [1.0, 1.0])


def test_an_interval_without_inside() -> None:
    with pytest.raises(
        ValueError, match=r"interval: found low = 2, high = 1, but finite numbers low < high are needed; exchange them"
    ):
        xj.interval(2, 1)


def test_a_support_that_is_none() -> None:
    with pytest.raises(TypeError, match=r"supports: found 3, but a support is needed; write for example supports="):
        xj.Built({"a": 1.0}, dict, {"a": 3})


def test_whole_numbers_of_numpy_do_not_wrap_in_float32() -> None:
    with jax.enable_x64(False):
        assert float(xj.Normal(np.int64(2**40), 1.0).loc) == 2.0**40
        points = xj.Empirical(np.array([2**33, 2**34]))
        expected = -np.log(1e-9) + 1e-9 * (2**33 + 2**34) / 2
        assert float(xj.cross_entropy(points, xj.Exponential(1e-9))) == pytest.approx(expected, rel=1e-6)


def test_numpy_weights_of_points_that_a_compiled_function_closes_over() -> None:
    points = xj.Empirical(np.array([1.0, 2.0, 3.0]), np.array([1, 2, 0]))
    found = jax.jit(lambda q: xj.cross_entropy(points, q))(xj.Normal(0.0, 1.0))
    assert float(found) == pytest.approx(1.5 + 0.5 * np.log(2 * np.pi), rel=1e-15)


def test_a_start_written_as_a_whole_number_moves() -> None:
    model = xj.Density({"loc": 0}, lambda params, x: xj.Normal(params["loc"], 1.0).log_prob(x))
    fit = xj.fit_mle(model, np.array([1.0, 2.0, 6.0])).check()
    assert float(fit.model.params["loc"]) == pytest.approx(3.0, rel=1e-15)


def test_a_component_of_weight_zero() -> None:
    one, two = xj.Pareto(1.0, 3.0), xj.Mixture([1.0, 0.0], xj.Pareto([1.0, 1.0], [3.0, 0.5]))
    assert two.mean == one.mean
    assert float(two.log_prob(1.7)) == pytest.approx(float(one.log_prob(1.7)), rel=1e-14)
    slope = jax.grad(lambda w: xj.Mixture(w, two.components).log_prob(1.7))(two.weights)
    ratio = np.exp(float(xj.Pareto(1.0, 0.5).log_prob(1.7) - one.log_prob(1.7)))
    assert np.asarray(slope) == pytest.approx([1.0, ratio], rel=1e-14)
    ends = xj.Mixture([1.0, 0.0], xj.Uniform([0.0, 0.0], [1.0, 5.0]))
    assert float(xj.cross_entropy(ends, xj.Uniform(0.0, 2.0))) == pytest.approx(np.log(2), rel=1e-15)


def test_frequencies_beside_a_distribution_on_counts() -> None:
    found = xj.kl_divergence([0.5, 0.5], xj.Bernoulli(0.3))
    assert float(found) == pytest.approx(float(xj.kl_divergence([0.5, 0.5], [0.7, 0.3])), rel=1e-14)
