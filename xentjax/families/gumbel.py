"""The Gumbel distribution."""

import math
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import exp1

from xentjax._gamma import log_gamma_rise
from xentjax._numerics import EULER_GAMMA, expm1_minus, linear_minus_log, log1mexp, polynomial, quotient
from xentjax._select import select
from xentjax.cumulants import cumulant, exponential, log_gamma_cumulant
from xentjax.families.family import Family
from xentjax.parameters import Parameter, positive, real
from xentjax.statistics import distance, identity, square, summarize
from xentjax.supports import REAL

# ∫ (1 − exp(−t)) / t dt from 0 to w, in powers of w: at 0.6 the rest is below 1e-17
_ENTIRE = [(-1) ** k / ((k + 1) * math.factorial(k + 1)) for k in range(15)]


class Gumbel(Family):
    """Gumbel(loc, scale): log q(x) = −z − exp(−z) − log scale with z = (x − loc) / scale, for real x.

    The distribution of the largest of many values.

    Args:
      loc: the mode.
      scale: the scale, > 0; the standard deviation is π scale / √6.

    >>> import xentjax as xj
    >>> round(xj.entropy(xj.Gumbel(0.0, 1.0)).item(), 5)  # 1 + γ
    1.57722

    See also: `scipy.stats.gumbel_r(loc, scale)`; `GeneralizedExtremeValue`, whose shape is 0 here.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)

    support = REAL

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (identity, exponential(-1 / jnp.asarray(self.scale)))

    def log_prob_of(self, x: Array, spread: Array) -> Array:
        z = quotient(x - self.loc, self.scale)
        # one exponential: its factors may leave the range of floats where the product does not
        return -z - jnp.exp(jnp.log1p(spread) - z) - jnp.log(self.scale)

    def expectations(self) -> dict:
        return {
            identity: self.mean,
            square: self.variance,
            distance: self._distance,
            cumulant: lambda t: log_gamma_cumulant(jnp.ones_like(t), -self.scale * t),
        }

    def _distance(self, point: Array) -> Array:
        # twice the integral of the distribution function up to the point, or of the survival function beyond it
        z = (point - self.loc) / self.scale
        lower = z < EULER_GAMMA
        above = jnp.exp(-select(lower, 1.0, z))
        below = exp1(jnp.exp(-select(lower, z, 0.0)))
        return 2 * self.scale * select(lower, below, above * polynomial(_ENTIRE, above))

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, (identity, square))
        scale = jnp.sqrt(6 * variance) / jnp.pi
        return cls(mean - EULER_GAMMA * scale, scale)

    @property
    def mean(self) -> Array:
        return self.loc + EULER_GAMMA * jnp.asarray(self.scale)

    @property
    def variance(self) -> Array:
        return jnp.pi**2 / 6 * jnp.asarray(self.scale) ** 2

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return self.loc + self.scale * jax.random.gumbel(key, shape, jnp.result_type(self.scale))

    def tails(self, x: Array) -> tuple[Array, Array]:
        return gumbel_tails((x - self.loc) / self.scale)

    def inverse(self, probability: Array) -> Array:
        return self.loc - self.scale * jnp.log(-jnp.log(probability))

    def kl_to(self, q: "Gumbel") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        # with w = exp(−z) of p, an exponential variable, z of q is d − (1 + excess) log w
        excess = (self.scale - q.scale) / q.scale
        rise = log_gamma_rise(jnp.full_like(excess, 2.0), excess)
        shift = (1 - EULER_GAMMA) * excess - (self.loc - q.loc) / q.scale + rise
        return linear_minus_log(excess, self.scale / q.scale) + expm1_minus(shift) + rise

    def coordinate(self) -> tuple[Array, Array]:
        return self.mean, jnp.asarray(self.scale)


def gumbel_tails(z: Array) -> tuple[Array, Array]:
    """log F and log(1 − F) of F(z) = exp(−exp(−z))."""
    # far out exp(−z) leaves the range of floats, its logarithm does not
    far = z > 40
    fall = -jnp.exp(-z)
    return fall, select(far, -z, log1mexp(select(far, -1.0, fall)))
