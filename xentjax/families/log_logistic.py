"""The log-logistic distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.families.burr_xii import burr_entropy, burr_expectations, burr_log_prob
from xentjax.families.family import Family, within_support
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, log, log_square, square, summarize
from xentjax.supports import POSITIVE


class LogLogistic(Family):
    """LogLogistic(concentration, scale), with c = concentration: exp of a logistic variable, for x > 0.

    log q(x) = log c − log x + y − 2 log(1 + exp(y)) with y = c log(x / scale).

    It has no finite set of statistics: a cross-entropy to it needs points.

    Args:
      concentration: the shape, > 0; moments of order c and above are infinite.
      scale: the median, > 0.

    >>> import xentjax as xj
    >>> xj.entropy(xj.LogLogistic(1.0, 1.0)).item()
    2.0

    See also: `scipy.stats.fisk(c=concentration, scale=scale)`; R's flexsurv `llogis(shape, scale)`; `BurrXII`.
    """

    concentration: Parameter = positive(1.0)
    scale: Parameter = positive(1.0)

    support = POSITIVE

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.support.contains(x)
        c = jnp.asarray(self.concentration)
        value = burr_log_prob(c, jnp.ones_like(c), self.scale, select(within, x, self.interior))
        return within_support(within, x, value)

    def expectations(self) -> dict:
        c = jnp.asarray(self.concentration)
        return burr_expectations(c, jnp.ones_like(c), jnp.asarray(self.scale))

    @classmethod
    def start(cls, source: Any) -> Self:
        # log x has the standard deviation π / (√3 c) and the mean log scale
        mean, variance = summarize(source, (log, log_square))
        return cls(jnp.pi / jnp.sqrt(3 * variance), jnp.exp(mean))

    @property
    def mean(self) -> Array:
        return self.expectations()[identity]

    @property
    def variance(self) -> Array:
        return self.expectations()[square]

    def entropy(self) -> Array:
        """H(self), in nats."""
        c = jnp.asarray(self.concentration)
        return burr_entropy(c, jnp.ones_like(c), self.scale)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        logistic = jax.random.logistic(key, shape, jnp.result_type(self.scale))
        return self.scale * jnp.exp(logistic / self.concentration)

    def tails(self, x: Array) -> tuple[Array, Array]:
        y = self.concentration * (jnp.log(x) - jnp.log(self.scale))
        return -jax.nn.softplus(-y), -jax.nn.softplus(y)

    def inverse(self, probability: Array) -> Array:
        return self.scale * jnp.exp((jnp.log(probability) - jnp.log1p(-probability)) / self.concentration)
