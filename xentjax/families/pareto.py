"""The Pareto distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import linear_minus_log, log1mexp, log_ratio
from xentjax._select import select
from xentjax.cumulants import log_cumulant
from xentjax.families.family import Family
from xentjax.families.gamma import gamma_cumulant
from xentjax.parameters import Parameter, positive
from xentjax.sources import extremes
from xentjax.statistics import identity, log, log_square, minus_log, square
from xentjax.supports import POSITIVE


class Pareto(Family):
    """Pareto(scale, alpha): log q(x) = log alpha + alpha log scale − (alpha + 1) log x, for x ≥ scale.

    The likelihood grows with scale up to the least observation, where a fit puts it; scale has no standard error.

    Args:
      scale: the least value, > 0.
      alpha: the tail index, > 0; the mean exists for alpha > 1, the variance for alpha > 2.

    >>> import xentjax as xj
    >>> round(xj.entropy(xj.Pareto(1.0, 1.0)).item(), 5)
    2.0

    See also: `scipy.stats.pareto(alpha, scale=scale)`; numpyro has the same names; `Lomax`, which begins at 0.
    """

    scale: Parameter = positive(1.0)
    alpha: Parameter = positive(1.0)

    support = POSITIVE
    statistics = (log,)
    edges = ("scale",)

    def ends(self) -> tuple[Any, Any]:
        return self.scale, jnp.inf

    @property
    def interior(self) -> Any:
        return 2 * self.scale

    def log_prob_of(self, log_x: Array) -> Array:
        # the distance from the least value before anything large is added
        return jnp.log(self.alpha) - log_x - self.alpha * (log_x - jnp.log(self.scale))

    def expectations(self) -> dict:
        # log(x / scale) is exponential with rate alpha
        scale, alpha = jnp.asarray(self.scale), jnp.asarray(self.alpha)
        one = jnp.ones_like(alpha)
        return {
            identity: self.mean,
            square: self.variance,
            minus_log: select(alpha > 1, linear_minus_log(-1 / alpha, 1 - 1 / alpha), jnp.inf),
            log: jnp.log(scale) + 1 / alpha,
            log_square: 1 / alpha**2,
            log_cumulant: lambda k: gamma_cumulant(one, alpha, k),
        }

    @classmethod
    def start(cls, source: Any) -> Self:
        scale = extremes(source)[0]
        return cls(scale, 1 / (source.expect(log) - jnp.log(scale)))

    def order_statistics(self, source: Any) -> dict:
        return {"scale": extremes(source)[0]}

    @property
    def mean(self) -> Array:
        alpha = jnp.asarray(self.alpha)
        finite = alpha > 1
        return select(finite, self.scale * alpha / select(finite, alpha - 1, 1.0), jnp.inf)

    @property
    def variance(self) -> Array:
        alpha = jnp.asarray(self.alpha)
        finite = alpha > 2
        safe = select(finite, alpha, 3.0)
        return select(finite, self.scale**2 * safe / ((safe - 1) ** 2 * (safe - 2)), jnp.inf)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return self.scale * jnp.exp(jax.random.exponential(key, shape, jnp.result_type(self.alpha)) / self.alpha)

    def tails(self, x: Array) -> tuple[Array, Array]:
        survival = -self.alpha * jnp.log(x / self.scale)
        return log1mexp(survival), survival

    def inverse(self, probability: Array) -> Array:
        return self.scale * jnp.exp(-jnp.log1p(-probability) / self.alpha)

    def kl_to(self, q: "Pareto") -> Array:
        """KL(self‖q), in nats, without cancellation, where q begins no later."""
        ratio = q.alpha / self.alpha
        return linear_minus_log((q.alpha - self.alpha) / self.alpha, ratio) + q.alpha * log_ratio(self.scale, q.scale)

    def constrain(self, coordinate: Array) -> Array:
        return self.scale * jnp.exp(jnp.exp(coordinate))

    def coordinate(self) -> tuple[Array, Array]:
        # the logarithm of an exponential variable
        return -jnp.log(self.alpha) - 0.58, jnp.full_like(self.alpha, 1.28)
