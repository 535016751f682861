"""Entropy, cross-entropy and KL divergence: of probability vectors, and of every ordered pair of rows of `tables`."""

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
from tables import ROWS, Row, conditioning, exact, inside, points, upcast

import xentjax as xj

STEPS = [10.0**-k for k in range(1, 8)]  # relative distances of p and q

over = functools.partial(pytest.mark.parametrize, "row", ids=str, scope="module")


SCALAR = [row for row in ROWS if row.scalar]


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    """The textbook formulas for divergences of 1e-14 subtract terms of 1e5: 30 digits are left."""
    with mp.workdps(60):
        yield


def eps(dtype: str) -> float:
    return float(jnp.finfo(dtype).eps)


# Probability vectors

entropy = jax.jit(lambda p: xj.entropy(p))
log_prob = jax.jit(lambda q, x: q.log_prob(x))
cross_entropy = jax.jit(lambda p, q: xj.cross_entropy(p, q))
kl_divergence = jax.jit(lambda p, q: xj.kl_divergence(p, q))


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
    q = np.stack([p * (1 + d * (tilt - p @ tilt)) for d in STEPS]).astype(dtype)
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
        for gradient in jax.grad(lambda p, q, f=function: f(p, q, where=where), (0, 1))(p, q):
            assert jnp.isfinite(gradient).all()


HALVES = [0.5, 0.5]
MESSAGES = [
    (lambda: xj.entropy([1.5, -0.5]), ValueError, r"entropy: found p\[1\] = -0.5, but probabilities ≥ 0 are needed"),
    (lambda: xj.entropy([[0.5, np.nan]]), ValueError, r"entropy: found p\[0, 1\] = nan, .*leave it out with where="),
    (lambda: xj.entropy(0.5), ValueError, r"entropy: found the scalar p = 0.5, .*Bernoulli\(p\) or \[p, 1 - p\]"),
    (lambda: xj.entropy([1.0, 2.0]), ValueError, r"found p with a total of 3 along axis -1, .*divide by p.sum"),
    (lambda: xj.cross_entropy(HALVES, [2.0, 1.0]), ValueError, r"cross_entropy: found q with a total of 3"),
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


# Pairs of distributions

COUNTS = (xj.Bernoulli, xj.Categorical, xj.Geometric, xj.NegativeBinomial, xj.Poisson)
POSITIVES = (xj.Beta, xj.Exponential, xj.Gamma, xj.LogNormal, xj.Weibull)
# model: the truths for which there is a closed form (unless their support reaches farther, which gives +inf)
CLOSED = {
    xj.Bernoulli: (xj.Bernoulli,),
    xj.Beta: (xj.Beta,),
    xj.Categorical: (xj.Bernoulli, xj.Categorical),
    xj.Exponential: POSITIVES + COUNTS,
    xj.Gamma: POSITIVES,
    xj.Geometric: COUNTS,
    xj.Laplace: (xj.Laplace, xj.Normal),
    xj.LogNormal: POSITIVES,
    xj.Normal: (xj.Laplace, xj.Normal, xj.StudentT, *POSITIVES, *COUNTS),
    xj.Poisson: (xj.Bernoulli,),
    xj.Weibull: POSITIVES,
}
average = jax.jit(lambda q, x, weights: jnp.sum(jnp.where(weights > 0, -weights * jax.vmap(q.log_prob)(x), 0.0)))


def reaches_beyond(p: xj.Family, q: xj.Family) -> bool:
    """Whether p gives probability to values that q excludes; a single end point of a continuous p has none."""
    return any(not _holds(q.support, x) for x in inside(p) if x != 0 or p.support.discrete)


@functools.cache
def _holds(support: Any, x: float) -> bool:
    return bool(support.contains(jnp.asarray(x)))


def by_points(row: Row, q: xj.Family, dtype: str) -> float:
    """H(p, q) by points of p, in float64."""
    return float(average(upcast(q), *map(jnp.asarray, points(row, dtype))))


def conditioned(p: xj.Family) -> bool:
    """Whether log x of p spreads over so many units that a power of x spans float32."""
    return float(getattr(p, "concentration", jnp.inf)) < 1


def has_closed_form(p: xj.Family, q: xj.Family) -> bool:
    return type(getattr(p, "components", p)) in CLOSED.get(type(q), ())


@over(SCALAR)
def test_closed_cross_entropies_are_those_by_points(row: Row, dtype: str) -> None:
    p = row.make(dtype)
    # in float32 only the two models whose formulas are most delicate: each pair of families is a compilation
    models = (xj.Normal, xj.Weibull) if dtype == "float32" else tuple(CLOSED)
    wrong = []
    for q in (other.another(dtype) for other in SCALAR if other.family in models):
        if reaches_beyond(p, q) or not has_closed_form(p, q):
            continue
        found, expected = float(cross_entropy(p, q)), by_points(row, q, dtype)
        # the logarithm of the largest moment here is 180, and its rounding is the moment's; a kink errs by h² / 6
        allowed = (512 + 8 * conditioning(row)) * eps(dtype) + 2e-6 * (xj.Laplace in (type(q), type(p)))
        # the variance of t with 2.5 degrees of freedom: 1e-11 of it lies beyond the last point
        allowed += 1e-10 * isinstance(p, xj.StudentT)
        # the closed form holds E x^k relative to exp(k E log x), which for small concentrations leaves float32 first
        far = dtype == "float32" and isinstance(q, xj.Weibull) and conditioned(p) and found == jnp.inf
        overflows = far or expected > float(jnp.finfo(dtype).max)
        if not (found == jnp.inf if overflows else abs(found - expected) <= allowed * (1 + abs(expected))):
            wrong.append(f"{p}, {q}: {found}, by points {expected}")
    assert not wrong, "\n".join(wrong)


@over(SCALAR)
def test_a_model_that_excludes_what_happens_is_infinitely_far(row: Row) -> None:
    p = row.make("float64")
    excluding = [q for q in (other.another("float64") for other in SCALAR) if reaches_beyond(p, q)]
    assert [q for q in excluding if xj.cross_entropy(p, q) != jnp.inf] == []


@over([row for i, row in enumerate(SCALAR) if row.family not in {other.family for other in SCALAR[:i]}])
def test_a_pair_without_closed_form_names_the_way(row: Row) -> None:
    p = row.make("float64")
    for q in {type(q): q for q in (other.make("float64") for other in SCALAR)}.values():
        if not (reaches_beyond(p, q) or has_closed_form(p, q)):
            with pytest.raises(TypeError, match=r"cross_entropy\(p, q\): found no closed form .*quadrature\(p\), q\)"):
                cross_entropy(p, q)


# Two members of one family

divergence_and_slopes = jax.jit(jax.vmap(jax.value_and_grad(xj.kl_divergence, (0, 1))))


@functools.cache
def neighbours(row: Row, dtype: str) -> tuple[Any, Any, list[np.ndarray]]:
    """p again and again; members at the relative distances STEPS, p itself and another; the direction in each leaf."""
    p = row.make(dtype)
    leaves, structure = jax.tree.flatten(p)
    values = [np.asarray(leaf, float) for leaf in leaves]
    sizes = [np.linspace(1.0, 0.3, max(a.size, 1)).reshape(a.shape) * 0.6**i for i, a in enumerate(values)]
    # symmetric for a covariance; downwards, so that no probability exceeds 1
    directions = [-(u + u.T) / 2 * np.where(a == 0, 1.0, a) for u, a in zip(sizes, values, strict=True)]
    far = jax.tree.leaves(row.another(dtype))
    near = [
        np.stack([*(a + step * u for step in STEPS), a, b]).astype(dtype)
        for a, u, b in zip(values, directions, far, strict=True)
    ]
    return (
        jax.tree.map(lambda a: jnp.stack([a] * len(near[0])), p),
        structure.unflatten(map(jnp.asarray, near)),
        directions,
    )


@over([row for row in ROWS if row.kl])
def test_divergence_in_a_family_is_mpmaths_at_every_distance(row: Row, dtype: str) -> None:
    p, q, directions = neighbours(row, dtype)
    values, slopes = divergence_and_slopes(p, q)
    assert values.dtype == dtype
    assert all(np.isfinite(slope).all() for slope in jax.tree.leaves(slopes))
    assert values[-2] == 0
    # a dozen roundings, times what the Cholesky factor loses
    near = 12 * eps(dtype)
    if row.family is xj.MultivariateNormal:
        near *= np.linalg.cond(row.parameters[1])
    at, u = [exact(leaf[0]) for leaf in jax.tree.leaves(p)], [exact(u) for u in directions]
    for i, value in enumerate(values):
        # far apart it is a plain difference of terms of size 10
        allowed = near if i < len(STEPS) else 4 * near
        to = [exact(leaf[i]) for leaf in jax.tree.leaves(q)]
        assert float(value) == pytest.approx(float(row.kl(*at, *to)), rel=allowed)
        # along the line from p to q; a gradient has a few roundings more
        slope = mp.diff(lambda s, to=to: row.kl(*at, *(b + s * v for b, v in zip(to, u, strict=True))), 0)
        found = sum(
            np.sum(np.asarray(g[i], float) * v) for g, v in zip(jax.tree.leaves(slopes[1]), directions, strict=True)
        )
        assert found == pytest.approx(float(slope), rel=4 * allowed, abs=1e-30)


@over([row for row in ROWS if row.kl and row.family is not xj.Poisson])  # whose entropy has no closed form
def test_cross_entropy_of_distributions_is_entropy_plus_divergence(row: Row) -> None:
    p, q = row.make("float64"), row.another("float64")
    total, own = float(cross_entropy(p, q)), float(cross_entropy(p, p))  # H(p) = H(p, p)
    divergence = float(divergence_and_slopes(*neighbours(row, "float64")[:2])[0][-1])
    allowed = (64 + 8 * conditioning(row)) * eps("float64") * (1 + abs(total) + divergence)
    assert total == pytest.approx(own + divergence, abs=allowed)
    assert divergence > 0


def test_a_category_of_probability_zero() -> None:
    p, q = xj.Categorical.from_probs(jnp.array([0.5, 0.5, 0.0])), xj.Categorical.from_probs(jnp.array([0.2, 0.3, 0.5]))
    assert float(xj.kl_divergence(p, q)) == pytest.approx(0.5 * np.log(2.5) + 0.5 * np.log(0.5 / 0.3), rel=1e-15)
    assert float(xj.entropy(p)) == pytest.approx(np.log(2), rel=1e-15)
    assert xj.kl_divergence(q, p) == xj.cross_entropy(q, p) == jnp.inf


def test_probabilities_zero_and_one() -> None:
    zero, half, one = (xj.Bernoulli(jnp.asarray(x)) for x in (0.0, 0.5, 1.0))
    for edge in (zero, one):
        assert xj.entropy(edge) == xj.kl_divergence(edge, edge) == 0
        assert float(xj.kl_divergence(edge, half)) == pytest.approx(np.log(2), rel=1e-15)
        assert xj.kl_divergence(half, edge) == jnp.inf
