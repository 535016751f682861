"""Entropy, cross-entropy and KL divergence of probability vectors, and of vectors beside distributions."""

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
from tables import OPTIMISED, exact

import xentjax as xj


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    """Of divergences of 1e-14, which the textbook formula takes as differences of terms of order 1."""
    with mp.workdps(60):
        yield


def eps(dtype: str) -> float:
    return float(jnp.finfo(dtype).eps)


# Probability vectors

as_users = functools.partial(jax.jit, compiler_options=OPTIMISED)
entropy = as_users(lambda p: xj.entropy(p))
log_prob = as_users(lambda q, x: q.log_prob(x))
cross_entropy = as_users(lambda p, q: xj.cross_entropy(p, q))
kl_divergence = as_users(lambda p, q: xj.kl_divergence(p, q))


def vectors(dtype: str) -> tuple[jax.Array, jax.Array]:
    """Two batches [4, 5] of probabilities of very different sizes."""
    rng = np.random.default_rng(0)
    return tuple(jnp.asarray(rng.dirichlet(0.3 * np.ones(5), 4) * 0.999 + 0.0002, dtype) for _ in range(2))


def test_values_are_mpmaths(dtype: str) -> None:
    p, q = vectors(dtype)
    found = np.stack([entropy(p), cross_entropy(p, q), kl_divergence(p, q)], -1).astype(float)
    for row, a, b in zip(found, exact(p), exact(q), strict=True):
        expected = -sum(x * mp.log(x) for x in a), -sum(x * mp.log(y) for x, y in zip(a, b, strict=True)), _kl(a, b)
        # five terms, each rounded a few times
        np.testing.assert_allclose(row, [float(value) for value in expected], rtol=8 * eps(dtype))


def _kl(p: list, q: list) -> Any:
    """The generalised divergence, since a rounded vector does not sum to exact 1."""
    return sum(x * mp.log(x / y) - x + y for x, y in zip(p, q, strict=True))


def test_nearby_vectors_lose_nothing(dtype: str) -> None:
    p = np.random.default_rng(1).dirichlet(np.ones(5))
    tilt = np.array([1.0, -1.0, 0.5, -0.5, 0.3])
    q = np.stack([p * (1 + d * (tilt - p @ tilt)) for d in 10.0 ** -np.arange(1, 8)]).astype(dtype)
    p = np.broadcast_to(p.astype(dtype), q.shape)
    found = kl_divergence(jnp.asarray(p), jnp.asarray(q))
    for value, a, b in zip(found, p, q, strict=True):
        assert float(value) == pytest.approx(
            float(_kl(exact(a), exact(b))), rel={"float32": 1e-6, "float64": 1e-13}[dtype]
        )


@pytest.mark.parametrize("function", [xj.entropy, xj.cross_entropy, xj.kl_divergence])
def test_axis_where_batch_jit_and_vmap_agree(function: Callable, dtype: str) -> None:
    x = vectors(dtype)[: 1 if function is xj.entropy else 2]
    whole = function(*x)  # outside jit
    assert whole.dtype == dtype
    assert whole.shape == (4,)

    @jax.jit
    def ways(x: tuple) -> list:
        padded = (jnp.pad(a, ((0, 0), (0, 2)), constant_values=7.0) for a in x)
        return [
            function(*x),
            function(*(a.T for a in x), axis=0),
            jax.vmap(function)(*x),
            jnp.stack([function(*row) for row in zip(*x, strict=True)]),
            function(*padded, where=(jnp.arange(7) < 5)[None]),
            # the first of one argument for all of the other
            function(x[0][0], *x[1:])[None] if len(x) == 1 else function(x[0], x[1][0]),
        ]

    *same, one = ways(x)
    for found in same:
        np.testing.assert_allclose(found, whole, rtol=8 * eps(dtype))
    np.testing.assert_allclose(one[0], whole[0], rtol=8 * eps(dtype))


def test_cross_entropy_is_entropy_plus_divergence(dtype: str) -> None:
    p, q = vectors(dtype)
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    # the rounded totals differ by an eps
    np.testing.assert_allclose(cross_entropy(p, q), entropy(p) + kl_divergence(p, q), rtol=16 * eps(dtype))
    assert np.all(np.abs(kl_divergence(p, q) - kl_divergence(q, p)) > 1e-3)  # not symmetric


def test_bits() -> None:
    assert float(xj.in_bits(xj.entropy(jnp.full(8, 0.125)))) == pytest.approx(3.0, rel=1e-15)
    assert xj.in_bits(jnp.float32(1.0)).dtype == "float32"
    assert xj.in_bits(1).dtype == "float64"


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=10, max_size=10))
def test_divergence_is_never_negative(x: list) -> None:
    for dtype in ("float32", "float64"):
        p, q = jnp.asarray(x[:5], dtype), jnp.asarray(x[5:], dtype)
        assert kl_divergence(p, q) >= 0
        assert kl_divergence(p, p) == 0


def test_values_and_derivatives_at_zero(dtype: str) -> None:
    """0 log 0 = 0. A derivative that has no finite limit is 0, so that an absent outcome stays absent."""
    p = jnp.asarray([0.0, 0.0, 0.4, 0.6], dtype)
    q = jnp.asarray([0.0, 0.5, 0.25, 0.25], dtype)
    tiny = 8 * eps(dtype)

    def jet(f: Callable) -> tuple:
        return f(p, q), *jax.grad(f, (0, 1))(p, q), jax.hessian(f, (0, 1))(p, q)

    value, in_p, _, hessian = jax.jit(lambda: jet(lambda p, q: xj.entropy(p)))()
    np.testing.assert_allclose(value, -0.4 * np.log(0.4) - 0.6 * np.log(0.6), rtol=tiny)
    np.testing.assert_allclose(in_p, [0.0, 0.0, -1 - np.log(0.4), -1 - np.log(0.6)], rtol=tiny)
    assert all(jnp.isfinite(h).all() for h in jax.tree.leaves(hessian))

    value, in_p, in_q, hessian = jax.jit(lambda: jet(lambda p, q: xj.cross_entropy(p, q)))()
    np.testing.assert_allclose(value, np.log(4), rtol=tiny)
    np.testing.assert_allclose(in_p, [0.0, np.log(2), np.log(4), np.log(4)], rtol=tiny)
    np.testing.assert_allclose(in_q, [0.0, 0.0, -1.6, -2.4], rtol=tiny)
    assert all(jnp.isfinite(h).all() for h in jax.tree.leaves(hessian))

    value, in_p, in_q, hessian = jax.jit(lambda: jet(lambda p, q: xj.kl_divergence(p, q)))()
    np.testing.assert_allclose(value, 0.4 * np.log(1.6) + 0.6 * np.log(2.4), rtol=tiny)
    np.testing.assert_allclose(in_p, [0.0, 0.0, np.log(1.6), np.log(2.4)], rtol=tiny)
    np.testing.assert_allclose(in_q, [1.0, 1.0, -0.6, -1.4], rtol=tiny)  # of Σ p log(p/q) − p + q
    assert all(jnp.isfinite(h).all() for h in jax.tree.leaves(hessian))


def test_excluded_outcomes_and_nan() -> None:
    p, q = jnp.array([0.5, 0.5]), jnp.array([1.0, 0.0])
    assert xj.cross_entropy(p, q) == xj.kl_divergence(p, q) == jnp.inf
    broken = jnp.array([jnp.nan, 0.5])
    for function in (entropy, functools.partial(cross_entropy, p), functools.partial(kl_divergence, p)):
        assert jnp.isnan(function(broken))
    for function in (functools.partial(cross_entropy, q=p), functools.partial(kl_divergence, q=p)):
        assert jnp.isnan(function(broken))


def test_a_masked_entry_has_no_derivative() -> None:
    p, q, where = jnp.array([0.5, 0.5, jnp.nan]), jnp.array([0.25, 0.75, jnp.nan]), jnp.array([True, True, False])
    for function in (xj.cross_entropy, xj.kl_divergence, lambda p, q, where: xj.entropy(p, where=where)):
        for gradient in jax.jit(jax.grad(lambda p, q, f=function: f(p, q, where=where), (0, 1)))(p, q):
            assert np.isfinite(gradient).all()


HALVES = [0.5, 0.5]
MESSAGES = [
    (lambda: xj.entropy([1.5, -0.5]), ValueError, r"entropy: found p\[1\] = -0.5, but probabilities ≥ 0 are needed"),
    (lambda: xj.entropy([[0.5, np.nan]]), ValueError, r"entropy: found p\[0, 1\] = nan, .*leave it out with where="),
    (lambda: xj.entropy(0.5), ValueError, r"entropy: found the scalar p = 0.5, .*Bernoulli\(p\) or \[p, 1 - p\]"),
    (lambda: xj.entropy([1.0, 2.0]), ValueError, r"found p with a total of 3 along axis -1, .*divide by p.sum"),
    (lambda: xj.cross_entropy(HALVES, [2.0, 1.0]), ValueError, r"cross_entropy: found q with a total of 3"),
    (lambda: xj.entropy(HALVES, where=[False, False]), ValueError, r"no outcome of p along axis -1 .* or where="),
    (lambda: xj.entropy(xj.Normal(0.0, 1.0), axis=0), TypeError, r"entropy: found axis= with a distribution"),
    (
        lambda: xj.cross_entropy(HALVES, xj.Categorical(jnp.zeros(2)), where=[True, True]),
        TypeError,
        r"cross_entropy: found where= with a distribution, .* pass the probabilities of its outcomes",
    ),
    (lambda: xj.kl_divergence(xj.Bernoulli(0.5), xj.Bernoulli(0.4), where=True), TypeError, r"found where= with"),
    (lambda: xj.kl_divergence([0.5, 0.6], HALVES), ValueError, r"kl_divergence: found p with a total of 1.1 .*softmax"),
    (lambda: xj.kl_divergence(HALVES, [-1.0, 2.0]), ValueError, r"kl_divergence: found q\[0\] = -1.0"),
    (lambda: xj.entropy(xj.Empirical(jnp.ones(3))), TypeError, r"entropy: found an? Empirical, .*weights.sum\(\)"),
    (lambda: xj.cross_entropy(HALVES, xj.Empirical(jnp.ones(3))), TypeError, r"found Empirical as the model"),
    (lambda: xj.cross_entropy(xj.Empirical(jnp.ones(3)), HALVES), TypeError, r"Categorical.from_probs\(q\)"),
    (lambda: xj.cross_entropy(xj.Bernoulli(0.5), HALVES), TypeError, r"Categorical.from_probs\(q\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), MESSAGES)
def test_messages(call: Callable, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "q", [xj.Bernoulli(0.3), xj.Poisson(2.0), xj.Normal(0.5, 2.0), xj.Categorical(jnp.array([0.3, -0.2]))], ids=repr
)
def test_a_vector_next_to_a_distribution_stands_for_the_first_whole_numbers(q: xj.Family) -> None:
    found = jax.jit(lambda q: xj.cross_entropy([0.75, 0.25], q))(q)
    expected = -0.75 * log_prob(q, 0.0) - 0.25 * log_prob(q, 1.0)
    assert float(found) == pytest.approx(float(expected), rel=1e-14)
