"""Divergences and measures with an order, of probability vectors: values and identities."""

import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from divergence_rows import (
    ALPHAS,
    ORDERS,
    SYMMETRIC,
    divergences,
    entropies,
    eps,
    exactly,
    half,
    nearby,
    vectors,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp
from tables import exact

import xentjax as xj


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    """Of divergences of 1e-14, which the textbook formulas take as differences of terms of order 1."""
    with mp.workdps(60):
        yield


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
