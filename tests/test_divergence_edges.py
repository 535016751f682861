"""Divergences of probability vectors: zeros, NaN, derivatives, masks, shapes and types."""

import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from divergence_rows import (
    FAMILIES,
    TERMS,
    divergences,
    entropies,
    eps,
    nearby,
    of_all,
    vectors,
)
from mpmath import mp
from tables import exact

import xentjax as xj


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    """Of divergences of 1e-14, which the textbook formulas take as differences of terms of order 1."""
    with mp.workdps(60):
        yield


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

    found = jax.jit(jax.vmap(jets))(jnp.array(list(EDGES.values())))
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

    @jax.jit
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
    p = np.asarray(p)
    surprise = -np.log(p)
    slope = jax.jit(jax.grad(xj.renyi_entropy, 1))(p, 1.0)
    assert float(slope) == pytest.approx(-(p @ surprise**2 - (p @ surprise) ** 2) / 2)


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

    @jax.jit
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

    @jax.jit
    def slopes(p: jax.Array, q: jax.Array) -> list:
        return [jax.grad(lambda p, q, f=f: f(p, q, where=where), (0, 1))(p, q) for f in KINDS.values()]

    for slope in jax.tree.leaves(slopes(p, q)):
        assert jnp.isfinite(slope).all()
        assert slope[2] == 0


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_half_precision_is_kept_and_as_accurate_as_it_can_be(half: str) -> None:
    @jax.jit
    def some(p: jax.Array, q: jax.Array) -> list:
        functions = (xj.jensen_shannon, functools.partial(xj.renyi_divergence, order=0.5))
        table = p / 8
        return [*(f(p, q) for f in functions), xj.renyi_entropy(p, 2.0), xj.mutual_information(table, 0, 1)]

    p, q = (np.asarray(x).astype(half) for x in vectors("float64"))
    for found, wide in zip(some(p, q), some(p.astype("float32"), q.astype("float32")), strict=True):
        assert found.dtype == half
        found, wide = (np.asarray(x, "float32") for x in (found, wide))
        fits = wide < float(jnp.finfo(half).max)
        np.testing.assert_allclose(np.where(fits, found, wide), wide, rtol=eps(half))
    # outside jit a vector normalised in the type is taken for normalised
    assert xj.renyi_entropy(jnp.asarray([0.1, 0.2, 0.7], half), 2.0).dtype == half
