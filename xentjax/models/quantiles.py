"""Quantile regression: the linear predictor of least absolute, or tilted absolute, residuals.

The loss is piecewise linear, so that its minimum lies in a corner: a line through as many observations as there are
coefficients. The exchange algorithm goes from corner to corner, each time along the edge of steepest descent to its
lowest point, until the observations it passes through balance all others: the proof that no corner is lower.

Reference: Barrodale & Roberts (1973), SIAM Journal on Numerical Analysis 10; Koenker & d'Orey (1987), Applied
Statistics 36.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._select import select


class Corner(NamedTuple):
    """The rows [p] that a line passes through, the worst imbalance among them, and where and which way it is."""

    rows: Array
    excess: Array  # what a step away saves per unit of residual, less its rounding; at most 0 at the minimum
    leaving: Array
    sign: Array  # of the residual that the leaving row is to get
    exchanges: Array


def quantile_coefficients(x: Array, y: Array, weights: Array, level: Array) -> Array:
    """argmin Σ wᵢ ρ(yᵢ − xᵢ·b) over b [p], where ρ(u) = level · u for u > 0 and (level − 1) u elsewhere.

    Exact: b solves x b = y at p rows, and is differentiated there. Where rows tie, one of the corners is taken. NaN
    where columns of x [n, p] are combinations of others, or where rounding leaves no corner that is provably lowest.
    """
    still = jax.lax.stop_gradient
    rows, proven = _lowest_corner(still(x), still(y), still(weights), still(level))
    return select(proven, jnp.linalg.solve(x[rows], y[rows]), jnp.nan)


# Of more rows a part is solved first: its corner is a few exchanges from that of all.
MANY, PART = 10_000, 2_000

# Of so many roundings of the largest response a residual may be one.
ROUNDINGS = 16


def _lowest_corner(x: Array, y: Array, weights: Array, level: Array) -> tuple[Array, Array]:
    """The rows [p] of the corner, and whether it is proven to be the lowest."""
    (n, p), eps = x.shape, jnp.finfo(x.dtype).eps
    root = jnp.sqrt(weights)
    line, *_ = jnp.linalg.lstsq(x * root[:, None], y * root)
    residual, size = jnp.abs(y - x @ line), jnp.max(select(weights > 0, jnp.abs(y), 0.0))
    through_all = jnp.all((residual <= ROUNDINGS * eps * size) | (weights == 0))
    first = _first_rows(x, residual, weights)
    if n > MANY:
        every = -(-n // PART)
        part = x[::every], y[::every], weights[::every]
        rows, proven = _exchanged(*part, level, line, _first_rows(part[0], residual[::every], part[2]))
        first = select(proven, rows * every, first)
    rows, proven = _exchanged(x, y, weights, level, line, first)
    return rows, (proven | through_all) & (n >= p)


def _exchanged(x: Array, y: Array, weights: Array, level: Array, line: Array, first: Array) -> tuple[Array, Array]:
    """The rows [p] that exchanges lead to, and whether they are proven to be the lowest.

    The residuals of a line have the same corners, and are small numbers; the second time of a line to which outliers
    do not matter, as they would to rounding and to what sets rows apart.
    """

    def again(_: Array, found: tuple) -> tuple:
        line, rows, _ = found
        rows, proven = _exchange(x, _apart(y - x @ line, weights), weights, level, rows)
        return select(proven, jnp.linalg.solve(x[rows], y[rows]), line), rows, proven

    _, rows, proven = jax.lax.fori_loop(0, 2, again, (line, first, jnp.asarray(False)))
    return rows, proven


def _apart(y: Array, weights: Array) -> Array:
    """Residuals set apart by more than rounding: rows that tie would let the exchange go round in a circle."""
    size = jnp.abs(y)
    middle = jnp.nanmedian(select(weights > 0, size, jnp.nan))
    typical = select(middle > 0, middle, jnp.mean(jnp.sqrt(size)) ** 2)
    draws = jax.random.uniform(jax.random.key(0), y.shape, y.dtype, -1.0, 1.0)
    return y + jnp.finfo(y.dtype).eps ** 0.6 * (size + typical) * draws


def _exchange(x: Array, y: Array, weights: Array, level: Array, first: Array) -> tuple[Array, Array]:
    """From corner to corner, until none is lower or rounding leads nowhere."""
    p, eps = x.shape[1], jnp.finfo(x.dtype).eps
    # of which rounding leaves a part in a sum over all rows
    total = jnp.abs(weights) @ jnp.abs(x)

    def judged(rows: Array, exchanges: Array) -> Corner:
        corner = x[rows]
        others = weights.at[rows].set(0.0)
        residual = y - x @ jnp.linalg.solve(corner, y[rows])
        pull = (others * select(residual < 0, level - 1, level)) @ x
        inverse = jnp.linalg.inv(corner)
        balance = -pull @ inverse  # what each row of the corner has to hold, of [(level − 1) w, level w]
        above, below = balance - level * weights[rows], (level - 1) * weights[rows] - balance
        excess = jnp.maximum(above, below) - 64 * eps * (total @ jnp.abs(inverse))
        worst = jnp.argmax(excess)
        return Corner(rows, excess[worst], worst, select(above[worst] > below[worst], 1.0, -1.0), exchanges)

    def exchange(at: Corner) -> Corner:
        corner = x[at.rows]
        residual = y - x @ jnp.linalg.solve(corner, y[at.rows])
        towards = -at.sign * jnp.linalg.solve(corner, jnp.zeros(p, x.dtype).at[at.leaving].set(1.0))
        rate = x @ towards
        # each residual that changes its sign on the way adds its weight to the slope
        others = weights.at[at.rows].set(0.0)
        crossed = (others > 0) & (residual * rate > 0)
        distance = select(crossed, residual / select(crossed, rate, 1.0), jnp.inf)
        weight = select(crossed, others * jnp.abs(rate), 0.0)
        entering = _reaching(distance, weight, at.excess)
        return judged(at.rows.at[at.leaving].set(entering), at.exchanges + 1)

    begin = judged(first, jnp.asarray(0))
    at = jax.lax.while_loop(lambda at: (at.excess > 0) & (at.exchanges < 1000 + 50 * p), exchange, begin)
    return at.rows, at.excess <= 0


def _reaching(distance: Array, weight: Array, total: Array) -> Array:
    """The row up to whose distance the weights reach a total; by halving, as a sort takes ten times as long."""

    def halve(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = 0.5 * (low + high)
        enough = jnp.sum(select(distance <= middle, weight, 0.0)) >= total
        return select(enough, low, middle), select(enough, middle, high)

    farthest = jnp.max(select(weight > 0, distance, 0.0))
    low, _ = jax.lax.fori_loop(0, 64, halve, (jnp.zeros_like(farthest), farthest))
    return jnp.argmin(select(distance > low, distance, jnp.inf))


def _first_rows(x: Array, distance: Array, weights: Array) -> Array:
    """Independent rows [p] of small residuals."""
    handicap = select(weights > 0, 1 / (distance + 0.1 * jnp.mean(distance) + jnp.finfo(x.dtype).tiny), 0.0)

    def take(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        rest, rows = state
        row = jnp.argmax(jnp.linalg.norm(rest, axis=-1) * handicap)
        unit = rest[row] / jnp.maximum(jnp.linalg.norm(rest[row]), jnp.finfo(x.dtype).tiny)
        return rest - jnp.outer(rest @ unit, unit), rows.at[k].set(row)

    p = x.shape[1]
    return jax.lax.fori_loop(0, p, take, (x, jnp.zeros(p, int)))[1]
