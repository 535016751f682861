"""The Lomax distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import EULER_GAMMA, as_float, log1mexp, quotient
from xentjax._select import select
from xentjax.families.burr_xii import burr_expectations
from xentjax.families.family import Family, within_support
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, log, log_square, summarize
from xentjax.supports import NON_NEGATIVE


class Lomax(Family):
    """Lomax(concentration, scale): a Pareto distribution moved to begin at 0.

    log q(x) = log concentration − log scale − (concentration + 1) log(1 + x / scale), for x ≥ 0.

    It has no finite set of statistics: a cross-entropy to it needs points. Data with a tail no heavier than an
    exponential one have no maximum: that distribution is approached as both parameters grow.

    Args:
      concentration: the tail index, > 0; moments of this order and above are infinite.
      scale: > 0.

    >>> import xentjax as xj
    >>> xj.entropy(xj.Lomax(1.0, 1.0)).item()
    2.0

    See also: `scipy.stats.lomax(c=concentration, scale=scale)`; R's actuar `pareto(shape, scale)`; `Pareto`, which
    begins at its scale; `GeneralizedPareto(scale / concentration, 1 / concentration)`, which has lighter tails too.
    """

    concentration: Parameter = positive(1.0)
    scale: Parameter = positive(1.0)

    support = NON_NEGATIVE

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.support.contains(x)
        a = jnp.asarray(self.concentration)
        log1p = jnp.log1p(quotient(select(within, x, self.interior), self.scale))
        return within_support(within, x, jnp.log(a) - jnp.log(self.scale) - (a + 1) * log1p)

    def expectations(self) -> dict:
        a = jnp.asarray(self.concentration)
        return burr_expectations(jnp.ones_like(a), a, jnp.asarray(self.scale))

    @classmethod
    def start(cls, source: Any) -> Self:
        # log x has the variance π²/6 + ψ′(a); zeros among the data hide it
        mean, variance = summarize(source, (log, log_square))
        excess = jnp.maximum(variance - jnp.pi**2 / 6, 0.05)
        a = select(jnp.isfinite(variance), (1 + jnp.sqrt(1 + 4 * excess)) / (2 * excess), 2.0)
        moments = source.expect(identity)
        usual = jnp.exp(select(jnp.isfinite(mean), mean, 0.0) + EULER_GAMMA) * a
        return cls(a, select(jnp.isfinite(mean), usual, moments))

    @property
    def mean(self) -> Array:
        a = jnp.asarray(self.concentration)
        finite = a > 1
        return select(finite, self.scale / select(finite, a - 1, 1.0), jnp.inf)

    @property
    def variance(self) -> Array:
        a = jnp.asarray(self.concentration)
        finite = a > 2
        safe = select(finite, a, 3.0)
        return select(finite, self.scale**2 * safe / ((safe - 1) ** 2 * (safe - 2)), jnp.inf)

    def entropy(self) -> Array:
        """H(self), in nats."""
        a = jnp.asarray(self.concentration)
        return 1 + 1 / a + jnp.log(self.scale) - jnp.log(a)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        hazard = jax.random.exponential(key, shape, jnp.result_type(self.scale))
        return self.scale * jnp.expm1(hazard / self.concentration)

    def tails(self, x: Array) -> tuple[Array, Array]:
        survival = -self.concentration * jnp.log1p(x / self.scale)
        return log1mexp(survival), survival

    def inverse(self, probability: Array) -> Array:
        return self.scale * jnp.expm1(-jnp.log1p(-probability) / self.concentration)
