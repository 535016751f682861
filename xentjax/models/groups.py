"""Groups of the data, for the components of a mixture to start from."""

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.sources import Empirical, num_points

# the part of all data in each group, so that no group is a single value, whose scale is 0
SHARED = 0.05
SEEDS, ROUNDS = 4, 10


def groups_of(source: Empirical, shares: Array) -> Array:
    """Weights [k, n] of the points in k groups: of numbers along the line in the shares [k], of vectors around centres.

    The same for weights of 2 and for points written twice; points of weight 0 do not count.
    """
    n = num_points(source.data)
    columns = [as_float(leaf).reshape(n, -1) for leaf in jax.tree.leaves(source.data)]
    points = jnp.concatenate([column.astype(shares.dtype) for column in columns], 1)
    weights = jnp.ones(n, shares.dtype) if source.weights is None else source.weights.astype(shares.dtype)
    counts = weights / jnp.sum(weights)
    shares = shares / jnp.sum(shares)
    grouped = _along_the_line if points.shape[1] == 1 else _around_centres
    own, common = grouped(points, counts, shares)
    return (1 - SHARED) * own + SHARED * shares[:, None] * common


def _along_the_line(points: Array, counts: Array, shares: Array) -> tuple[Array, Array]:
    """How much of the probability of each point lies between the quantiles of its group, and what all groups share."""
    order = jnp.argsort(points[:, 0])
    top = jnp.cumsum(counts[order])
    last = jnp.cumsum(shares)
    below, first = top - counts[order], last - shares
    overlap = jnp.minimum(top[None, :], last[:, None]) - jnp.maximum(below[None, :], first[:, None])
    own = jnp.zeros_like(overlap).at[:, order].set(jnp.maximum(overlap, 0.0))
    # higher groups take more of what is high, so that groups of equal values, as of many zeros, differ
    tilt = (first + last - 1)[:, None] * (below + top - 1)[None, :]
    return own, jnp.zeros_like(own).at[:, order].set(counts[order][None, :] * (1 + tilt))


def _around_centres(points: Array, counts: Array, shares: Array) -> tuple[Array, Array]:
    """k-means in units of the columns' deviations: the best of a few starts, drawn by squared distance (k-means++)."""
    mean = counts @ points
    deviation = jnp.sqrt(counts @ (points - mean[None, :]) ** 2)
    z = (points - mean[None, :]) / select(deviation > 0, deviation, 1.0)[None, :]
    # by inversion along the data, so that a point of weight 2 is drawn as two points are
    draws = jax.random.uniform(jax.random.key(0), (SEEDS, shares.shape[0]), z.dtype)
    centres, spreads = jax.lax.map(lambda u: _k_means(z, counts, u), draws)
    nearest = jnp.argmin(_squares(z, centres[jnp.argmin(spreads)]), 1)
    return jax.nn.one_hot(nearest, shares.shape[0], dtype=z.dtype, axis=0) * counts[None, :], counts[None, :]


def _k_means(z: Array, counts: Array, draws: Array) -> tuple[Array, Array]:
    """Centres [k, d], and the mean squared distance from them."""
    k = draws.shape[0]

    def add(j: Array, centres: Array) -> Array:
        chosen = jnp.arange(k) < j
        distance = jnp.min(select(chosen[None, :], _squares(z, centres), jnp.inf), 1)
        mass = jnp.cumsum(counts * select(j == 0, 1.0, distance))
        return centres.at[j].set(z[jnp.searchsorted(mass, draws[j] * mass[-1])])

    def move(_: Array, centres: Array) -> Array:
        own = jax.nn.one_hot(jnp.argmin(_squares(z, centres), 1), k, dtype=z.dtype, axis=0) * counts[None, :]
        total = jnp.sum(own, 1)[:, None]
        return select(total > 0, (own @ z) / select(total > 0, total, 1.0), centres)

    centres = jax.lax.fori_loop(0, k, add, jnp.zeros((k, z.shape[1]), z.dtype))
    centres = jax.lax.fori_loop(0, ROUNDS, move, centres)
    return centres, counts @ jnp.min(_squares(z, centres), 1)


def _squares(z: Array, centres: Array) -> Array:
    """Squared distances [n, k]."""
    return jnp.sum((z[:, None, :] - centres[None, :, :]) ** 2, -1)
