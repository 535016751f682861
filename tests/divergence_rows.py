"""One row per divergence of probability vectors: the function and, in mpmath, what it is; to add one, add a row."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from mpmath import mp

import xentjax as xj

ORDERS = [0.0, 0.3, 0.5, 0.9, 1.0, 1.1, 2.0, 5.0, np.inf]
ALPHAS = [-3.0, -1.0, -0.2, 0.0, 1.0, 3.0]


def eps(dtype: str) -> float:
    return float(jnp.finfo(dtype).eps)


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
