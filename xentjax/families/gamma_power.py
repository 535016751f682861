"""What the powers of a gamma variable share: chi, Rayleigh, Maxwell, half-normal, inverse gamma, ..."""

import abc
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma, log_gamma_gap, trigamma
from xentjax._numerics import EULER_GAMMA, expm1_minus, log1mexp, log_ratio
from xentjax._select import select
from xentjax._tails import log_gamma_tails
from xentjax.cumulants import log_cumulant, log_gamma_cumulant
from xentjax.families.family import Family, distance_from
from xentjax.statistics import distance, identity, log, log_square, minus_log, square
from xentjax.supports import POSITIVE


class GammaPower(Family):
    """x = scale · g^(1 / power) with g of the gamma distribution of concentration a and rate 1.

    A subclass gives `form`, its density and its start. A power that is no parameter is a Python number there.
    """

    support = POSITIVE

    @abc.abstractmethod
    def form(self) -> tuple[Array, Array, Any]:
        """a, scale and power, which may be negative."""

    def expectations(self) -> dict:
        a, scale, power = self.form()
        return {
            identity: lambda: self.mean,
            square: lambda: self.variance,
            minus_log: lambda: self._log_cumulant(1.0),
            log: lambda: jnp.log(scale) + digamma(a) / power,
            log_square: lambda: trigamma(a) / (power * power),
            log_cumulant: self._log_cumulant,
            distance: self._distance,
        }

    def _log_cumulant(self, k: Any) -> Array:
        a, _, power = self.form()
        return log_gamma_cumulant(a, jnp.broadcast_to(k / power, a.shape).astype(a.dtype))

    def _distance(self, point: Array) -> Array:
        return distance_gap(*self.form(), self.mean, point)

    @property
    def mean(self) -> Array:
        a, scale, power = self.form()
        return scale * jnp.exp(digamma(a) / power + self._log_cumulant(1.0))

    @property
    def variance(self) -> Array:
        first, second = self._log_cumulant(1.0), self._log_cumulant(2.0)
        finite = jnp.isfinite(second)
        value = self.mean**2 * jnp.expm1(select(finite, second - 2 * first, 0.0))
        return select(finite, value, jnp.inf)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        a, scale, power = self.form()
        # the logarithm of a gamma variable with a small concentration leaves the range of floats later than it does
        return scale * jnp.exp(jax.random.loggamma(key, a, shape, a.dtype) / power)

    def tails(self, x: Array) -> tuple[Array, Array]:
        a, scale, power = self.form()
        return _tails(a, x / scale, power)


def distance_gap(a: Array, scale: Array, power: Any, mean: Array, point: Array) -> Array:
    """E|x − c| − |mean − c| at c = point."""
    # x carries the weight x / mean to a gamma variable with a + 1 / power
    finite = a + 1 / power > 0
    other = select(finite, a + 1 / power, 1.0)
    gap = distance_from(point, mean, lambda c: (_tails(a, c / scale, power), _tails(other, c / scale, power)))
    return select(finite, gap, jnp.inf)


def _tails(a: Array, ratio: Array, power: Any) -> tuple[Array, Array]:
    """Both tails of g^(1 / power) at a point."""
    level, least = ratio**power, jnp.finfo(ratio.dtype).tiny / jnp.finfo(ratio.dtype).eps
    low, high = log_gamma_tails(a, jnp.maximum(level, least))
    # the power may leave the range of floats long before the tail, which is there proportional to level^a
    tiny = level < least
    low = select(tiny, low + a * (power * jnp.log(ratio) - math.log(least)), low)
    high = select(tiny, log1mexp(select(tiny, low, -1.0)), high)
    return select(power > 0, low, high), select(power > 0, high, low)


def log_density(a: Array, power: Any, log_x: Array, excess: Array, gap: Array) -> Array:
    """E[log q(x)] = log |power| − log Γ(a) − E log x + a E log (x / scale)^power − E (x / scale)^power.

    Given E log x, excess = log E (x / scale)^power − log a, and gap = log E x^power − E log x^power ≥ 0.
    """
    return jnp.log(jnp.abs(power)) - log_x - a * (expm1_minus(excess) + gap) - log_gamma_gap(a)


def log_density_of_root(a: Array, unit: Array, x: Array, variance: Array, gap: Array) -> Array:
    """The same at power 2, from unit = √(E x²) of q, the mean of x, its variance and log E x − E log x."""
    # a point has no variance, and its square may leave the range of floats
    spread = jnp.log1p(variance / select(variance > 0, x, 1.0) ** 2)
    excess = 2 * log_ratio(x, unit) + spread
    return unless_infinite(x, log_density(a, 2.0, jnp.log(x) - gap, excess, spread + 2 * gap))


def unless_infinite(mean: Array, value: Array) -> Array:
    """The value, and −inf where the mean is infinite: there E log x, of log E x − E log x, cannot be read off."""
    return select(jnp.isposinf(mean), -jnp.inf, value)


def concentration_of(gap: Array) -> Array:
    """Minka's approximation to the root of log a − ψ(a) = gap, within 1.5 percent."""
    return (3 - gap + jnp.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)


def inverse_digamma(value: Array) -> Array:
    """Minka's approximation to the root of ψ(a) = value."""
    return select(value > -2.22, jnp.exp(value) + 0.5, -1 / (jnp.minimum(value, -2.22) + EULER_GAMMA))
