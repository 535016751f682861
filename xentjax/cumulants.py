"""Cumulant functions, and the statistics whose expectation follows from them.

A source that knows K(t) = log E exp(t (x − E x)) knows at once E exp(t x) for every t, and also E log Γ(x + r): the
logarithm of the gamma function is an integral of exponentials. One entry in a family's table of expectations serves
all of these, which is how every count distribution has a closed cross-entropy to every other. The same function of
log x, K(k) = log E exp(k (log x − E log x)), gives the moments E x^k of any real order.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma_gap, log_factorial_gap, log_gamma_rise
from xentjax._numerics import expm1_minus, relative_entropy_term
from xentjax._select import select
from xentjax.statistics import Center, Spread, entry_of, identity, log, minus_log


@dataclasses.dataclass(frozen=True, eq=False)
class Cumulant:
    """The key, in a table of expectations, of t → log E exp(t (y − E y)) ≥ 0 with y = center(x); +inf where infinite.

    The function must not cancel for small t: it is half the variance times t², to full relative accuracy.
    """

    center: Center

    def __repr__(self) -> str:
        return f"the cumulant function of {self.center}"


cumulant = Cumulant(identity)
log_cumulant = Cumulant(log)


def exponential(exponent: Array | float) -> Spread:
    """exp(t x), relative to its value at the centre: exp(t (x − m)) − 1 − t (x − m)."""
    return _exponential(f"exp({exponent} x)", cumulant, exponent, exponential)


def power(exponent: Array | float) -> Spread:
    """x^k as a function of log x, relative to its value at the centre: exp(k (y − m)) − 1 − k (y − m)."""
    return _exponential(f"x^{exponent}", log_cumulant, exponent, power)


def _exponential(name: str, key: Cumulant, exponent: Array | float, kind: Callable) -> Spread:
    def gap(y: Array, m: Array) -> Array:
        return expm1_minus(exponent * (y - m))

    def rescale(m: Array, c: Array) -> Array:
        return jnp.exp(exponent * (m - c))

    def derive(table: dict) -> Array | None:
        if key not in table:
            return None
        constant = isinstance(exponent, (int, float))  # of no precision of its own
        return jnp.expm1(table[key](jnp.full_like(entry_of(table, key.center), exponent) if constant else exponent))

    return Spread(name, key.center, gap, exponent, kind, rescale, derive=derive)


def _inverse_spread(table: dict) -> Array | None:
    # E x · E 1/x = exp(K(1) + K(−1)) with K the cumulant function of log x
    if log_cumulant not in table or minus_log not in table:
        return None
    mean = jnp.asarray(entry_of(table, identity))
    finite = jnp.isfinite(mean)
    product = entry_of(table, minus_log) + table[log_cumulant](jnp.full_like(mean, -1.0))
    return select(finite, jnp.expm1(product) / mean, jnp.inf)


inverse = Spread("1 / x", identity, lambda y, m: ((y - m) / m) ** 2 / y, derive=_inverse_spread)


def _log_factorial_gap(y: Array, m: Array) -> Array:
    # log Γ(x + 1) = (x log x − x) + a slowly varying rest: the first part's gap does not cancel, the rest is small
    positive = m > 0
    safe = select(positive, m, 1.0)
    slope = select(positive, 1 / safe - digamma_gap(safe), 0.0)
    rest = log_factorial_gap(y) - log_factorial_gap(m) - slope * (y - m)
    return relative_entropy_term(y, m) + select(positive, rest, 0.0)


def _spread_of_sum(table: dict, shift: Any) -> Array | None:
    if cumulant not in table:
        return None
    mean = jnp.asarray(entry_of(table, identity))
    return log_gamma_spread(lambda t: table[cumulant](-t), mean + shift, jnp.full_like(mean, shift))


log_gamma_plus_one = Spread(
    "log Γ(x + 1)", identity, _log_factorial_gap, derive=lambda table: _spread_of_sum(table, 1.0)
)


def log_gamma_of_sum(shift: Array) -> Spread:
    """log Γ(x + shift), for x ≥ 0 and shift > 0."""

    def gap(y: Array, m: Array) -> Array:
        return log_gamma_rise(m + shift, y - m)

    name = f"log Γ(x + {shift})"
    return Spread(name, identity, gap, shift, log_gamma_of_sum, derive=lambda table: _spread_of_sum(table, shift))


def log_gamma_of_difference(total: Array, least: Any = 1.0) -> Spread:
    """log Γ(total − x), for x ≤ total − least, with least > 0."""

    def gap(y: Array, m: Array) -> Array:
        return log_gamma_rise(total - m, m - y)

    def derive(table: dict) -> Array | None:
        if cumulant not in table:
            return None
        rest = total - entry_of(table, identity)
        return log_gamma_spread(table[cumulant], rest, jnp.full_like(rest, least))

    return Spread(f"log Γ({total} − x)", identity, gap, total, log_gamma_of_difference, derive=derive)


# Nodes of the trapezoidal rule in log t: up to a mean 1e12 times the least value the step stays below 0.28, at which
# the rule, for a function analytic for |arg t| < π/2, errs by exp(−π² / step) < 1e-15.
_NUM_NODES = 256


def log_spread(cumulant: Callable[[Array], Array], mean: Array, least: Array) -> Array:
    """log E y − E log y, from the cumulant function t → log E exp(−t (y − E y)) and a bound y ≥ least > 0.

    −log y is Frullani's integral of (exp(−t y) − exp(−t)) dt / t; its spread is that of E exp(−t y) − exp(−t m).
    """
    return _integral(cumulant, mean, least, jnp.ones_like)


def log_gamma_spread(cumulant: Callable[[Array], Array], mean: Array, least: Array) -> Array:
    """E log Γ(y) − log Γ(E y), from the cumulant function t → log E exp(−t (y − E y)) and a bound y ≥ least > 0.

    By Malmstén's integral log Γ(y) is a linear function of y plus ∫ exp(−t y) / (1 − exp(−t)) dt / t, so that the
    spread is the integral of [E exp(−t (y − m)) − 1] exp(−t m) / (1 − exp(−t)) dt / t: positive, nothing cancels.

    Reference: Whittaker & Watson (1927), A Course of Modern Analysis, section 12.3.
    """
    return _integral(cumulant, mean, least, lambda t: -jnp.expm1(-t))


def _integral(cumulant: Callable, mean: Array, least: Array, divisor: Callable[[Array], Array]) -> Array:
    """∫ [E exp(−t y) − exp(−t m)] / divisor(t) dt / t over t > 0."""
    mean, least = jnp.asarray(mean), jnp.asarray(least)
    # below the first node the integrand is constant in t, beyond the last exp(−t least) is below the rounding
    first = jnp.log(0.1 * jnp.finfo(mean.dtype).eps / mean)
    last = jnp.log(45 / least)
    step = (last - first) / (_NUM_NODES - 1)
    t = jnp.exp(first[..., None] + step[..., None] * jnp.arange(_NUM_NODES, dtype=mean.dtype))
    # one node at a time: the cumulant function of a distribution takes a number
    k, decay = jax.vmap(cumulant, -1, -1)(t), t * mean[..., None]
    # exp(k − decay) = E exp(−t y) is at most 1, where exp(k) alone may be out of range
    rise = select(k < 1, jnp.expm1(jnp.minimum(k, 1.0)) * jnp.exp(-decay), jnp.exp(k - decay) - jnp.exp(-decay))
    return step * jnp.sum(rise / divisor(t), -1)


def log_gamma_cumulant(a: Array, k: Array) -> Array:
    """The cumulant function of log x for x of the gamma distribution with concentration a; +inf for k ≤ −a."""
    finite = a + k > 0
    return select(finite, log_gamma_rise(a, select(finite, k, 0.0)), jnp.inf)
