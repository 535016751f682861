"""Divergences between two members of one family of `tables`, at every distance."""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp
from tables import OPTIMISED, ROWS, Row, conditioning, eps, exact, fitted

import xentjax as xj

STEPS = [10.0**-k for k in range(1, 8)]  # relative distances of p and q

over = functools.partial(pytest.mark.parametrize, "row", ids=str, scope="module")


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    """The textbook formulas for divergences of 1e-14 subtract terms of 1e5: 30 digits are left."""
    with mp.workdps(60):
        yield


@jax.jit
@jax.vmap
def plainly(p: Any, q: Any) -> tuple:
    """KL(p‖q), its gradients in q and in p, and H(p, q), but of Poisson: it knows no entropy."""
    value, (in_p, in_q) = jax.value_and_grad(xj.kl_divergence, (0, 1))(p, q)
    return value, in_q, in_p, None if isinstance(p, xj.Poisson) else xj.cross_entropy(p, q)


# in float32 compiled as users do, which takes four times as long
as_users_do = jax.jit(jax.vmap(jax.value_and_grad(xj.kl_divergence, (0, 1))), compiler_options=OPTIMISED)


@functools.cache
def neighbours(row: Row, dtype: str) -> tuple[Any, Any, list[np.ndarray]]:
    """p again and again; members at the relative distances STEPS, p itself and another; the direction in each leaf."""
    p = row.make(dtype)
    leaves, structure = jax.tree.flatten(p)
    values = [np.asarray(leaf, float) for leaf in leaves]
    sizes = [np.linspace(1.0, 0.3, max(a.size, 1)).reshape(a.shape) * 0.6**i for i, a in enumerate(values)]
    if row.family is xj.Uniform:
        sizes[1] = -sizes[1]  # outwards at both ends
    # symmetric for a covariance; downwards, so that no probability exceeds 1
    directions = [
        -(u + u.T) / 2 * np.where(a == 0, 1.0, a) * m for u, a, m in zip(sizes, values, fitted(p), strict=True)
    ]
    far = jax.tree.leaves(row.another(dtype))
    near = [
        np.stack([*(a + step * u for step in STEPS), a, b]).astype(dtype)
        for a, u, b in zip(values, directions, far, strict=True)
    ]
    return (
        jax.tree.map(lambda a: np.stack([a] * len(near[0])), p),
        structure.unflatten(near),
        directions,
    )


@over([row for row in ROWS if row.kl])
def test_divergence_in_a_family_is_mpmaths_at_every_distance(row: Row, dtype: str) -> None:
    p, q, directions = neighbours(row, dtype)
    if dtype == "float64":
        values, slopes, others, _ = plainly(p, q)
    else:
        values, (others, slopes) = as_users_do(p, q)
    assert values.dtype == dtype
    assert all(np.isfinite(slope).all() for slope in jax.tree.leaves((slopes, others)))
    assert values[-2] == 0
    # a dozen roundings, times what the Cholesky factor loses
    near = 12 * eps(dtype)
    if row.family is xj.MultivariateNormal:
        near *= np.linalg.cond(row.parameters[1])
    at, u = [exact(leaf[0]) for leaf in jax.tree.leaves(p)], [exact(u) for u in directions]
    # a reference that takes seconds: at distances of 1e-1 and 1e-5 and far, where 30 digits are enough
    few = row.family in (xj.Zeta, xj.ConwayMaxwellPoisson)
    mp.dps = 30 if few else 60
    for i, value in list(enumerate(values))[:: 4 if few else 1]:
        # far apart it is a plain difference of terms of size 10
        allowed = near if i < len(STEPS) else 4 * near
        to = [exact(leaf[i]) for leaf in jax.tree.leaves(q)]
        assert float(value) == pytest.approx(float(row.kl(*at, *to)), rel=allowed)
        # along the line from p to q; a gradient has a few roundings more
        slope = mp.diff(lambda s, to=to: row.kl(*at, *(b + s * v for b, v in zip(to, u, strict=True))), 0)
        found = sum(
            np.sum(np.asarray(g[i], float) * v) for g, v in zip(jax.tree.leaves(slopes), directions, strict=True)
        )
        assert found == pytest.approx(float(slope), rel=4 * allowed, abs=1e-30)


@over([row for row in ROWS if row.kl and row.family is not xj.Poisson])  # whose entropy has no closed form
def test_cross_entropy_of_distributions_is_entropy_plus_divergence(row: Row) -> None:
    divergences, _, _, totals = plainly(*neighbours(row, "float64")[:2])
    divergence, own, total = float(divergences[-1]), float(totals[-2]), float(totals[-1])  # H(p) = H(p, p)
    allowed = (64 + 8 * conditioning(row)) * eps("float64") * (1 + abs(total) + divergence)
    assert total == pytest.approx(own + divergence, abs=allowed)
    assert divergence > 0


def test_a_category_of_probability_zero() -> None:
    p, q = xj.Categorical.from_probs(jnp.array([0.5, 0.5, 0.0])), xj.Categorical.from_probs(jnp.array([0.2, 0.3, 0.5]))
    assert float(xj.kl_divergence(p, q)) == pytest.approx(0.5 * np.log(2.5) + 0.5 * np.log(0.5 / 0.3), rel=1e-15)
    assert float(xj.entropy(p)) == pytest.approx(np.log(2), rel=1e-15)
    # an absent category is no reason to lose digits: of the others 0.5 (1 ± 1e-7) is left, to 9 digits in logarithms
    near = xj.Categorical(jnp.log(jnp.array([0.5, 0.5, 0.0])) + jnp.array([1e-7, -1e-7, 0.0]))
    assert float(xj.kl_divergence(p, near)) == pytest.approx(5e-15, rel=1e-8)
    assert xj.kl_divergence(q, p) == xj.cross_entropy(q, p) == jnp.inf


def test_probabilities_zero_and_one() -> None:
    zero, half, one = (xj.Bernoulli(jnp.asarray(x)) for x in (0.0, 0.5, 1.0))
    for edge in (zero, one):
        assert xj.entropy(edge) == xj.kl_divergence(edge, edge) == 0
        assert float(xj.kl_divergence(edge, half)) == pytest.approx(np.log(2), rel=1e-15)
        assert xj.kl_divergence(half, edge) == jnp.inf
