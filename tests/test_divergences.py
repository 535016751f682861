"""Divergences and measures with an order, of probability vectors: values, identities, zeros, accuracy, masks."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp
from tables import UNOPTIMISED, exact

import xentjax as xj

ORDERS = [0.0, 0.3, 0.5, 0.9, 1.0, 1.1, 2.0, 5.0, np.inf]
ALPHAS = [-3.0, -1.0, -0.2, 0.0, 1.0, 3.0]


def eps(dtype: str) -> float:
    return float(jnp.finfo(dtype).eps)


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    """Of divergences of 1e-14, which the textbook formulas take as differences of terms of order 1."""
    with mp.workdps(60):
        yield


# What the measures are, in mpmath. A rounded vector does not sum to exact 1, so that all are the sums of their
# non-negative terms.


def power(p: Any, q: Any, a: Any) -> Any:
    """One term of the power divergence of order a."""
    p, q, a = mp.mpf(p), mp.mpf(q), mp.mpf(a)
    if a in (0, 1):
        p, q = (p, q) if a == 1 else (q, p)
        return mp.inf if q == 0 < p else (p * mp.log(p / q) if p else 0) - p + q
    if (p == 0 and a < 0) or (q == 0 and a > 1):
        return 0 if p == q else mp.inf
    return (a * p + (1 - a) * q - (p**a * q ** (1 - a) if p and q else 0)) / (a * (1 - a))


def half(p: Any, q: Any) -> Any:
    return (power(p, (p + q) / 2, 1) + power(q, (p + q) / 2, 1)) / 2


TERMS: dict[str, tuple[Callable, Callable]] = {
    "jensen_shannon": (xj.jensen_shannon, half),
    "jeffreys": (xj.jeffreys_divergence, lambda p, q: power(p, q, 1) + power(p, q, 0)),
    "squared_hellinger": (xj.squared_hellinger, lambda p, q: power(p, q, 0.5) / 4),
    "total_variation": (xj.total_variation, lambda p, q: abs(p - q) / 2),
    "pearson": (xj.pearson_chi_squared, lambda p, q: 2 * power(p, q, 2)),
    "neyman": (xj.neyman_chi_squared, lambda p, q: 2 * power(p, q, -1)),
    "f": (
        functools.partial(xj.f_divergence, f=lambda t: t * jnp.log(t), limits=(0.0, jnp.inf)),
        lambda p, q: power(p, q, 1),
    ),
}
FAMILIES: dict[str, tuple[Callable, list[float]]] = {
    "tsallis": (xj.tsallis_divergence, [0.0, 0.3, 0.9999999, 1.0, 1.0000001, 5.0]),
    "alpha": (xj.alpha_divergence, ALPHAS),
    "renyi": (xj.renyi_divergence, ORDERS),
}
SYMMETRIC = ["jensen_shannon", "jeffreys", "squared_hellinger", "total_variation", "alpha 0.0"]


def of_all(apply: Callable, dtype: Any) -> dict[str, Any]:
    """What `apply` gives for each divergence; one computation for all orders of a family."""
    found = {name: apply(function) for name, (function, _) in TERMS.items()}
    for family, (function, orders) in FAMILIES.items():
        each = jax.vmap(lambda a, f=function: apply(lambda p, q: f(p, q, a)))(jnp.asarray(orders, dtype))
        found |= {f"{family} {a}": jax.tree.map(lambda x, i=i: x[i], each) for i, a in enumerate(orders)}
    return found


@jax.jit
def divergences(p: jax.Array, q: jax.Array) -> dict[str, jax.Array]:
    """All divergences of two batches [8, 5]."""
    bregman = {"bregman": xj.bregman_divergence(p, q, lambda p: p @ jnp.log(p))}
    return of_all(lambda f: f(p, q), p.dtype) | bregman


def exactly(name: str, p: Any, q: Any, dtype: str) -> Any:
    """The divergence `name` of two exact vectors, of the order as rounded to the type."""
    if name in TERMS or name == "bregman":
        return sum(map(TERMS[name.replace("bregman", "f")][1], p, q))
    family, order = name.split()
    a = mp.mpf(float(np.asarray(order, dtype)))
    a = (1 - a) / 2 if family == "alpha" else a
    if a == mp.inf:
        return max(mp.log(x / y) for x, y in zip(p, q, strict=True))
    total = sum(power(x, y, a) for x, y in zip(p, q, strict=True))
    if family != "alpha":
        total = a * total
    return total if family != "renyi" or a == 1 else mp.log(1 + (a - 1) * total) / (a - 1)


@jax.jit
def entropies(p: jax.Array) -> dict[str, jax.Array]:
    """By orders, [9, 8]."""
    orders = jnp.asarray(ORDERS, p.dtype)
    renyi = jax.vmap(lambda a: xj.renyi_entropy(p, a))(orders)
    return {
        "renyi": renyi,
        "tsallis": jax.vmap(lambda a: xj.tsallis_entropy(p, a))(orders),
        "perplexity": xj.perplexity(p),
    }


def vectors(dtype: str, seed: int = 0) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(seed)
    return tuple(jnp.asarray(rng.dirichlet(0.5 * np.ones(5), 8) * 0.999 + 0.0002, dtype) for _ in range(2))


def nearby(dtype: str) -> tuple[jax.Array, jax.Array]:
    """Pairs at distances from 0.1 to 1e-7, and equal ones."""
    p = np.random.default_rng(1).dirichlet(np.ones(5))
    tilt = np.array([1.0, -1.0, 0.5, -0.5, 0.3])
    q = np.stack([p * (1 + d * (tilt - p @ tilt)) for d in [*10.0 ** -np.arange(1, 8), 0]]).astype(dtype)
    return jnp.asarray(np.broadcast_to(p.astype(dtype), q.shape)), jnp.asarray(q)


@pytest.mark.parametrize("pairs", [vectors, nearby])
def test_values_are_mpmaths_however_close_the_vectors(pairs: Callable, dtype: str) -> None:
    p, q = pairs(dtype)
    rows = list(zip(exact(p), exact(q), strict=True))
    for name, found in divergences(p, q).items():
        expected = np.array([exactly(name, a, b, dtype) for a, b in rows], float)
        # of equal vectors, 60 digits leave 1e-60
        rtol = {"float32": 1e-6, "float64": 1e-13}[dtype]
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-50, err_msg=name)


def test_entropies_are_mpmaths(dtype: str) -> None:
    p, _ = vectors(dtype)
    found = entropies(p)
    for i, a in enumerate(ORDERS):
        order = mp.mpf(float(np.asarray(a, dtype)))
        for j, row in enumerate(exact(p)):
            shannon = -sum(x * mp.log(x) for x in row)
            if a == np.inf:
                assert float(found["renyi"][i, j]) == pytest.approx(float(-mp.log(max(row))), rel=4 * eps(dtype))
                continue
            tsallis = shannon if a == 1 else sum(x * (1 - x ** (order - 1)) for x in row) / (order - 1)
            renyi = shannon if a == 1 else mp.log(1 + (1 - order) * tsallis) / (1 - order)
            assert float(found["tsallis"][i, j]) == pytest.approx(float(tsallis), rel=16 * eps(dtype))
            assert float(found["renyi"][i, j]) == pytest.approx(float(renyi), rel=16 * eps(dtype))
    np.testing.assert_allclose(found["perplexity"], np.exp(xj.entropy(p)), rtol=4 * eps(dtype))


# Identities


def test_symmetry_bounds_and_monotonicity_in_the_order() -> None:
    p, q = vectors("float64")
    found, back = divergences(p, q), divergences(q, p)
    for name in SYMMETRIC:
        np.testing.assert_allclose(found[name], back[name], rtol=1e-13)
    for a in ALPHAS:
        mirrored = xj.alpha_divergence(q, p, -a)
        np.testing.assert_allclose(found[f"alpha {a}"], mirrored, rtol=1e-13)
    for name, value in found.items():
        assert np.all(value >= 0), name
    assert np.all(found["jensen_shannon"] <= np.log(2))
    assert np.all(found["squared_hellinger"] <= 1)
    kl, tv = xj.kl_divergence(p, q), found["total_variation"]
    assert np.all(kl >= 2 * tv**2)  # Pinsker
    assert np.all(found["squared_hellinger"] <= tv)
    assert np.all(tv <= np.sqrt(2 * found["squared_hellinger"]))
    assert np.all(kl <= np.log1p(found["pearson"]))
    # of one vector, all orders
    assert np.all(np.diff([found[f"renyi {a}"] for a in ORDERS], axis=0) >= -1e-15)
    assert np.all(np.diff(entropies(p)["renyi"], axis=0) <= 1e-15)


def test_special_orders_are_the_other_measures() -> None:
    p, q = vectors("float64")
    found, kl, same = (
        divergences(p, q),
        xj.kl_divergence(p, q),
        functools.partial(np.testing.assert_allclose, rtol=1e-13),
    )
    same(found["renyi 1.0"], kl)
    same(found["tsallis 1.0"], kl)
    same(found["alpha -1.0"], kl)
    same(found["alpha 1.0"], xj.kl_divergence(q, p))
    same(found["alpha 0.0"], 4 * found["squared_hellinger"])
    same(found["alpha -3.0"], found["pearson"] / 2)
    same(found["alpha 3.0"], found["neyman"] / 2)
    same(found["renyi 2.0"], np.log1p(found["pearson"]))
    same(found["renyi 0.5"], -2 * np.log1p(-found["squared_hellinger"]))
    same(found["jeffreys"], kl + xj.kl_divergence(q, p))
    h = entropies(p)
    same(h["renyi"][ORDERS.index(1.0)], xj.entropy(p))
    same(h["tsallis"][ORDERS.index(2.0)], 1 - np.sum(p * p, -1))
    same(h["tsallis"][0], 4.0)
    m = (p + q) / 2
    same(found["jensen_shannon"], xj.entropy(m) - (xj.entropy(p) + xj.entropy(q)) / 2, rtol=1e-12)


def test_merging_outcomes_loses_information() -> None:
    p, q = vectors("float64", seed=3)
    # two outcomes made one; the freed place is 0 in both
    merge = np.eye(5)
    merge[4, 3], merge[4, 4] = 1.0, 0.0
    fine, coarse = divergences(p, q), divergences(p @ merge, q @ merge)
    for name in fine.keys() - {"bregman"}:
        assert np.all(coarse[name] <= fine[name] * (1 + 1e-13)), name


def test_more_than_two_vectors() -> None:
    rng = np.random.default_rng(5)
    ps, w = rng.dirichlet(np.ones(4), 3), np.array([0.5, 0.3, 0.2])
    found = xj.jensen_shannon(*ps, weights=w)
    expected = xj.entropy(w @ ps) - w @ np.asarray(xj.entropy(ps))
    assert float(found) == pytest.approx(float(expected), rel=1e-13)
    assert xj.jensen_shannon(*np.eye(3)) == pytest.approx(np.log(3), rel=1e-15)  # at most H(w)
    assert xj.jensen_shannon(ps[0], ps[0], ps[0]) == 0
    # one of weight 0 is not there, not even with an outcome of its own
    alone = xj.jensen_shannon([0.5, 0.5, 0.0], [0.25, 0.75, 0.0], [0.0, 0.0, 1.0], weights=[0.5, 0.5, 0.0])
    assert alone == xj.jensen_shannon([0.5, 0.5], [0.25, 0.75])


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=10, max_size=10))
def test_never_negative_and_exactly_zero_for_equal_vectors(x: list) -> None:
    for dtype in ("float32", "float64"):
        p, q = (jnp.broadcast_to(jnp.asarray(part, dtype)[None], (8, 5)) for part in (x[:5], x[5:]))
        # these vectors do not sum to 1, which Rényi's logarithm needs, and p log p has no value at 0
        for name, value in divergences(p, q).items():
            assert name[:5] in ("renyi", "bregm") or np.all(value >= 0), name
        for name, value in divergences(p, p).items():
            assert name[:5] in ("renyi", "bregm") or np.all(value == 0), name


# Zeros, NaN and derivatives. One hand-made table [6, 4] of edge cases.

EDGES = {
    "p zero": ([0.0, 0.25, 0.5, 0.25], [0.25, 0.25, 0.25, 0.25]),
    "q zero": ([0.25, 0.25, 0.25, 0.25], [0.0, 0.25, 0.5, 0.25]),
    "both zero": ([0.0, 0.5, 0.25, 0.25], [0.0, 0.25, 0.5, 0.25]),
    "equal": ([0.0, 0.5, 0.5, 0.0], [0.0, 0.5, 0.5, 0.0]),
    "apart": ([0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]),
}
INF_WITHOUT_Q = [
    "jeffreys",
    "pearson",
    "f",
    "alpha -1.0",
    "alpha -3.0",
    *(f"tsallis {a}" for a in (1.0, 1.0000001, 5.0)),
]
INF_WITHOUT_P = ["jeffreys", "neyman", "alpha 1.0", "alpha 3.0"]
NAMES = [*TERMS, *(f"{family} {a}" for family, (_, orders) in FAMILIES.items() for a in orders)]
# one of every kind
KINDS = {name: TERMS[name][0] for name in ("jensen_shannon", "squared_hellinger", "f")} | {
    "renyi": lambda p, q, **keywords: xj.renyi_divergence(p, q, 2.0, **keywords)
}


@functools.cache
def edges() -> dict:
    """{measure: {case: (value, gradients [2, 4], Hessians)}}: all of them differentiated in one compilation."""

    def jet(f: Callable, x: jax.Array) -> tuple:
        def slope(x: jax.Array) -> tuple:
            value, gradient = jax.value_and_grad(lambda x: f(*x))(x)
            return gradient, (value, gradient)

        hessian, (value, gradient) = jax.jacfwd(slope, has_aux=True)(x)
        return value, gradient, hessian

    def jets(x: jax.Array) -> dict:
        return of_all(lambda f: jet(f, x), x.dtype)

    found = jax.jit(jax.vmap(jets), compiler_options=UNOPTIMISED)(jnp.array(list(EDGES.values())))
    return {
        name: {case: jax.tree.map(lambda x, i=i: np.asarray(x[i]), jet) for i, case in enumerate(EDGES)}
        for name, jet in found.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_zeros(name: str) -> None:
    for case, (value, gradient, hessian) in edges()[name].items():
        order = float(name.split()[1]) if name.startswith("renyi") else None
        infinite = {
            "p zero": name in INF_WITHOUT_P,
            "q zero": name in INF_WITHOUT_Q or (order is not None and order >= 1),
            "apart": name in INF_WITHOUT_P + INF_WITHOUT_Q or order is not None,
        }.get(case, False)
        assert (value == np.inf) == infinite, case
        assert case != "equal" or value == 0
        if np.isfinite(value):
            for slope in jax.tree.leaves((gradient, hessian)):
                assert np.isfinite(slope).all(), case
        else:
            assert not np.isnan(gradient).any(), case


def test_gradients_are_right_beside_zeros() -> None:
    """Of Σ p log p − p + q and its like: at p = 0 the slope in q is the limit, that in p is 0 where there is none."""
    p, q = (np.array(x) for x in EDGES["p zero"])
    at = {name: found["p zero"][1] for name, found in edges().items()}
    np.testing.assert_allclose(
        at["squared_hellinger"][0], [0, *(0.5 - np.sqrt(q / np.where(p, p, 1)) / 2)[1:]], atol=1e-15
    )
    np.testing.assert_allclose(at["squared_hellinger"][1], (1 - np.sqrt(p / q)) / 2, atol=1e-15)
    np.testing.assert_allclose(at["pearson"][0], 2 * (p - q) / q, rtol=1e-15)
    np.testing.assert_allclose(at["pearson"][1], 1 - (p / q) ** 2, rtol=1e-15)
    np.testing.assert_allclose(at["alpha -3.0"][0], at["pearson"][0] / 2, atol=1e-15)  # with its limit at p = 0
    np.testing.assert_allclose(at["alpha -3.0"][1], at["pearson"][1] / 2, atol=1e-15)
    m = (p + q) / 2
    np.testing.assert_allclose(at["jensen_shannon"][0][1:], np.log(p[1:] / m[1:]) / 2, atol=1e-15)
    np.testing.assert_allclose(at["jensen_shannon"][1], np.log(q / m) / 2, atol=1e-15)
    np.testing.assert_allclose(at["f"][0][1:], np.log(p[1:] / q[1:]), atol=1e-15)


def test_gradients_are_as_accurate_as_values() -> None:
    """d/dp of Σ (p log(p/m) + q log(q/m)) / 2 is log(p/m) / 2: of float32 vectors that differ by 1e-6."""
    p, q = (x[5] for x in nearby("float32"))
    found = jax.jit(jax.grad(xj.jensen_shannon))(p, q)
    expected = [mp.log(2 * x / (x + y)) / 2 for x, y in zip(exact(p), exact(q), strict=True)]
    np.testing.assert_allclose(found, np.array(expected, float), rtol=1e-6)
    found = jax.jit(jax.jacfwd(xj.squared_hellinger))(p, q)
    expected = [(1 - mp.sqrt(y / x)) / 2 for x, y in zip(exact(p), exact(q), strict=True)]
    np.testing.assert_allclose(found, np.array(expected, float), rtol=1e-6)


def test_derivatives_in_the_order() -> None:
    p, q = (jnp.asarray(x) for x in ([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]))

    @functools.partial(jax.jit, compiler_options=UNOPTIMISED)
    @jax.vmap
    def jets(a: jax.Array) -> list:
        functions = [lambda a: xj.renyi_divergence(p, q, a), lambda a: xj.renyi_entropy(p, a)]
        return [jax.value_and_grad(f)(a) for f in functions]

    # at each order, and 1e-5 to both sides
    orders = jnp.array([0.2, 0.5, 0.99, 1.0, 1.01, 2.0, 20.0])
    for values, slopes in jets(jnp.concatenate([orders, orders + 1e-5, orders - 1e-5])):
        _, above, below = values.reshape(3, -1)
        # the central difference has a relative 1e-9 from its third derivative, and 1e-16 / 1e-5 from rounding
        np.testing.assert_allclose(slopes[:7], (above - below) / 2e-5, rtol=1e-8, atol=1e-10)
    # at order 1 it is half the variance of log p(x): of a Rényi entropy, and with the other sign
    surprise = -jnp.log(p)
    assert jax.grad(lambda a: xj.renyi_entropy(p, a))(1.0) == pytest.approx(
        -(p @ surprise**2 - (p @ surprise) ** 2) / 2
    )


def test_nan_gives_nan() -> None:
    p = jnp.broadcast_to(jnp.array([0.5, 0.5, 0.0, 0.0, 0.0])[None], (8, 5))
    q = jnp.broadcast_to(jnp.array([0.5, 0.0, 0.5, 0.0, 0.0])[None], (8, 5))
    # also beside a zero, and next to what would be +inf: jax.scipy.special.rel_entr(nan, q) is inf
    broken = [x.at[jnp.arange(5), jnp.arange(5)].set(jnp.nan) for x in (p, q)]
    for pair in ((broken[0], q), (p, broken[1])):
        for name, value in divergences(*pair).items():
            assert np.isnan(value[:5]).all(), name
    for value in entropies(broken[0]).values():
        assert np.isnan(value[..., :5]).all()


# Shapes, types, masks


def test_axis_where_and_broadcasting() -> None:
    functions = {
        **KINDS,
        "bregman": functools.partial(xj.bregman_divergence, potential=lambda p: jnp.sum(p**3)),
    }

    @functools.partial(jax.jit, compiler_options=UNOPTIMISED)
    def ways(p: jax.Array, q: jax.Array) -> dict:
        p7, q7 = (jnp.pad(x, ((0, 0), (0, 2)), constant_values=jnp.nan) for x in (p, q))
        where = (jnp.arange(7) < 5)[None]
        return {
            name: (f(p, q), f(p.T, q.T, axis=0), f(p7, q7, where=where), f(p[0], q), f(p, q[0]))
            for name, f in functions.items()
        }

    for name, (whole, *same, first, second) in ways(*vectors("float64")).items():
        assert whole.shape == (8,)
        for found in same:
            np.testing.assert_allclose(found, whole, rtol=1e-13, err_msg=name)
        np.testing.assert_allclose([first[0], second[0]], [whole[0]] * 2, rtol=1e-13, err_msg=name)


def test_a_masked_entry_has_no_derivative() -> None:
    p, q, where = jnp.array([0.5, 0.5, jnp.nan]), jnp.array([0.25, 0.75, jnp.nan]), jnp.array([True, True, False])

    @functools.partial(jax.jit, compiler_options=UNOPTIMISED)
    def slopes(p: jax.Array, q: jax.Array) -> list:
        return [jax.grad(lambda p, q, f=f: f(p, q, where=where), (0, 1))(p, q) for f in KINDS.values()]

    for slope in jax.tree.leaves(slopes(p, q)):
        assert jnp.isfinite(slope).all()
        assert slope[2] == 0


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_half_precision_is_kept_and_as_accurate_as_it_can_be(half: str) -> None:
    @functools.partial(jax.jit, compiler_options=UNOPTIMISED)
    def some(p: jax.Array, q: jax.Array) -> list:
        functions = (xj.jensen_shannon, functools.partial(xj.renyi_divergence, order=0.5))
        table = p / 8
        return [*(f(p, q) for f in functions), xj.renyi_entropy(p, 2.0), xj.mutual_information(table, 0, 1)]

    p, q = (jnp.asarray(x, half) for x in vectors("float64"))
    for found, wide in zip(some(p, q), some(p.astype("float32"), q.astype("float32")), strict=True):
        assert found.dtype == half
        fits = wide < float(jnp.finfo(half).max)
        np.testing.assert_allclose(jnp.where(fits, found.astype("float32"), wide), wide, rtol=eps(half))
    # outside jit a vector normalised in the type is taken for normalised
    assert xj.renyi_entropy(jnp.asarray([0.1, 0.2, 0.7], half), 2.0).dtype == half


def test_nearby_vectors_are_where_scipys_jensenshannon_is_nan() -> None:
    """Ten outcomes, relative differences of 1e-5 in float32: scipy gives NaN for half of them."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(10), 200)
    q = p * (1 + 1e-5 * rng.standard_normal(p.shape))
    p, q = (jnp.asarray(x / x.sum(-1, keepdims=True), "float32") for x in (p, q))
    found = xj.jensen_shannon(p, q)
    assert np.all(found > 0)
    sums = [sum(map(half, a, b)) for a, b in zip(exact(p[:20]), exact(q[:20]), strict=True)]
    np.testing.assert_allclose(found[:20], np.array(sums, float), rtol=1e-6)


def test_extreme_orders_and_ratios() -> None:
    p, q = np.array([0.5, 0.25, 0.25]), np.array([1e-3, 0.5, 0.499])
    # pᵃ q¹⁻ᵃ overflows, its logarithm does not
    assert float(xj.renyi_divergence(p, q, 1e6)) == pytest.approx(np.log(500) + np.log(0.5) / 1e6, rel=1e-9)
    assert jnp.isfinite(jax.jit(jax.grad(xj.renyi_divergence))(jnp.asarray(p), jnp.asarray(q), 1e6)).all()
    assert float(xj.renyi_entropy(p, 1e6)) == pytest.approx(np.log(2), rel=1e-5)
    tiny = np.float32([1e-30, 1.0])
    assert float(xj.squared_hellinger(tiny, tiny[::-1])) == pytest.approx(1.0, rel=1e-6)
    assert np.isfinite(jax.jit(jax.hessian(xj.jensen_shannon))(jnp.asarray(tiny), jnp.asarray(tiny[::-1]))).all()
    # order 0 and negative ones run over the outcomes that occur
    assert float(xj.tsallis_entropy([0.5, 0.5, 0.0], -1.0)) == pytest.approx((4 - 1) / 2)
