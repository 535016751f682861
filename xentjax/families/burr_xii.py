"""The Burr distribution of type XII."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma, log_gamma_rise, trigamma
from xentjax._numerics import EULER_GAMMA, as_float, log1mexp
from xentjax._select import select
from xentjax.cumulants import log_cumulant
from xentjax.families.exponential import positive_exponential
from xentjax.families.family import Family, within_support
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, log, log_square, minus_log, square, summarize
from xentjax.supports import POSITIVE


class BurrXII(Family):
    """BurrXII(concentration1, concentration2, scale), with c and d the concentrations, for x > 0.

    log q(x) = log c + log d − log x + y − (d + 1) log(1 + exp(y)) with y = c log(x / scale).

    It has no finite set of statistics: a cross-entropy to it needs points. Few data, or data with a light upper tail,
    may have no maximum: a Weibull distribution is approached as d and the scale grow.

    Args:
      concentration1: the exponent of x, > 0.
      concentration2: the exponent of the survival function, > 0; moments of order c d and above are infinite.
      scale: > 0.

    >>> import xentjax as xj
    >>> xj.BurrXII(2.0, 1.0, 3.0).quantile(0.5).item()
    3.0

    See also: `scipy.stats.burr12(c=concentration1, d=concentration2, scale=scale)`; R's actuar `burr(shape1 = d,
    shape2 = c, scale)`; `Lomax` is c = 1 and `LogLogistic` is d = 1.
    """

    concentration1: Parameter = positive(1.0)
    concentration2: Parameter = positive(1.0)
    scale: Parameter = positive(1.0)

    support = POSITIVE

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.support.contains(x)
        c, d = jnp.asarray(self.concentration1), jnp.asarray(self.concentration2)
        return within_support(within, x, burr_log_prob(c, d, self.scale, select(within, x, self.interior)))

    def expectations(self) -> dict:
        return burr_expectations(*map(jnp.asarray, (self.concentration1, self.concentration2, self.scale)))

    @classmethod
    def start(cls, source: Any) -> Self:
        # as if d were 1
        mean, variance = summarize(source, (log, log_square))
        return cls(jnp.pi / jnp.sqrt(3 * variance), jnp.ones_like(mean), jnp.exp(mean))

    @property
    def mean(self) -> Array:
        return self.expectations()[identity]

    @property
    def variance(self) -> Array:
        return self.expectations()[square]

    def entropy(self) -> Array:
        """H(self), in nats."""
        c, d = jnp.asarray(self.concentration1), jnp.asarray(self.concentration2)
        return burr_entropy(c, d, self.scale)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return jnp.exp(self._log_inverse(positive_exponential(key, shape, jnp.result_type(self.scale))))

    def tails(self, x: Array) -> tuple[Array, Array]:
        survival = -self.concentration2 * jax.nn.softplus(self.concentration1 * (jnp.log(x) - jnp.log(self.scale)))
        return log1mexp(survival), survival

    def inverse(self, probability: Array) -> Array:
        return jnp.exp(self._log_inverse(-jnp.log1p(-probability)))

    def _log_inverse(self, hazard: Array) -> Array:
        # log(exp(w) − 1), which is w for a large w
        w = hazard / self.concentration2
        return (w + log1mexp(-w)) / self.concentration1 + jnp.log(self.scale)


def burr_log_prob(c: Array, d: Array, scale: Array, x: Array) -> Array:
    """The log-density of `BurrXII`."""
    log_x = jnp.log(x)
    y = c * (log_x - jnp.log(scale))
    # y − log(1 + exp(y)) is −log(1 + exp(−y))
    return jnp.log(c) + jnp.log(d) - log_x - jax.nn.softplus(-y) - d * jax.nn.softplus(y)


def burr_entropy(c: Array, d: Array, scale: Array) -> Array:
    """H of `BurrXII`: log(1 + exp(y)) has the mean 1 / d, and y the mean −γ − ψ(d)."""
    mean = -EULER_GAMMA - digamma(d)
    return mean / c + jnp.log(scale) - jnp.log(c) - jnp.log(d) - mean + (d + 1) / d


def burr_expectations(c: Array, d: Array, scale: Array) -> dict:
    """(x / scale)^c is the ratio of an exponential variable and a gamma variable with concentration d."""

    def powers(k: Array) -> Array:
        step = k / c
        finite = (step > -1) & (step < d)
        step = select(finite, step, 0.0)
        starts = jnp.stack([jnp.ones_like(step), jnp.broadcast_to(d, step.shape)])
        first, second = log_gamma_rise(starts, jnp.stack([step, -step]))  # compiled once for both
        return select(finite, first + second, jnp.inf)

    center = jnp.log(scale) - (EULER_GAMMA + digamma(d)) / c
    first, second = powers(jnp.asarray([1.0, 2.0], c.dtype))
    mean = jnp.exp(center + first)
    finite = jnp.isfinite(second)
    variance = jnp.exp(2 * (center + select(finite, first, 0.0)))
    variance = variance * jnp.expm1(select(finite, second - 2 * select(finite, first, 0.0), 0.0))
    return {
        identity: mean,
        square: select(finite, variance, jnp.inf),
        minus_log: first,
        log: center,
        log_square: (jnp.pi**2 / 6 + trigamma(d)) / (c * c),
        log_cumulant: powers,
    }
