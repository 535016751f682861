"""The generalized Pareto distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma_gap, log_gamma_rise, small_digamma_gap, small_trigamma, trigamma
from xentjax._numerics import EULER_GAMMA, as_float, expm1_ratio, log1mexp, log1p_over, quotient
from xentjax._select import select
from xentjax.cumulants import log_cumulant
from xentjax.families.family import Family, within_support
from xentjax.parameters import Parameter, positive, real
from xentjax.sources import Empirical, extremes
from xentjax.statistics import identity, log, log_square, minus_log, square, summarize
from xentjax.supports import NON_NEGATIVE


class GeneralizedPareto(Family):
    """GeneralizedPareto(scale, shape), for x ≥ 0, and x ≤ −scale / shape where the shape is negative.

    log q(x) = −log scale − (1 + 1 / shape) log(1 + shape x / scale); shape 0 is Exponential(1 / scale), and the formula
    used is smooth there.

    It has no finite set of statistics: a cross-entropy to it needs points. A likelihood is unbounded for shapes below
    −1: a fit looks for the maximum above.

    Args:
      scale: > 0.
      shape: any number; moments of order 1 / shape and above are infinite.

    >>> import xentjax as xj
    >>> xj.entropy(xj.GeneralizedPareto(1.0, 0.5)).item()
    1.5

    See also: `scipy.stats.genpareto(c=shape, scale=scale)`; R's evd `gpd(scale, shape)`; numpyro has none; `Lomax`.
    """

    scale: Parameter = positive(1.0)
    shape: Parameter = real(0.0)

    support = NON_NEGATIVE

    def ends(self) -> tuple[Any, Any]:
        shape = jnp.asarray(self.shape)
        bounded = shape < 0
        return 0.0, select(bounded, -self.scale / select(bounded, shape, -1.0), jnp.inf)

    @property
    def interior(self) -> Any:
        return 0.5 * self.scale / jnp.maximum(1.0, -jnp.asarray(self.shape))

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.contains(x)
        z = quotient(select(within, x, self.interior), self.scale)
        w = self.shape * z
        # the upper end, or what rounds to it
        end = w <= -1
        safe = select(end, -0.5, w)
        hazard = select(end, 0.5 / select(end, self.shape, 1.0), z * log1p_over(safe))
        value = -jnp.log(self.scale) - hazard - jnp.log1p(safe)
        at_end = select(self.shape > -1, -jnp.inf, select(self.shape < -1, jnp.inf, -jnp.log(self.scale)))
        return within_support(within, x, select(end, at_end, value))

    def expectations(self) -> dict:
        # for shapes c above 0, c x / scale is a ratio of gamma variables with concentrations 1 and 1 / c;
        # below 0, −c x / scale is a beta variable with parameters 1 and −1 / c
        c = jnp.asarray(self.shape)
        near, heavy = jnp.abs(c) < 0.1, c > 0
        size = select(near, 1.0, select(heavy, c, -c))
        a, small = 1 / size, select(near, c, 0.0)
        gap = select(near, small_digamma_gap(small), digamma_gap(a) - select(heavy, 0.0, size))
        bend = trigamma(select(heavy, a, 1 + a))
        bend = select(near, small_trigamma(small), select(heavy, bend, -bend))
        return {
            identity: self.mean,
            square: self.variance,
            minus_log: select(c < 1, EULER_GAMMA - gap - jnp.log1p(-jnp.minimum(c, 0.9999)), jnp.inf),
            log: jnp.log(self.scale) - EULER_GAMMA + gap,
            log_square: jnp.pi**2 / 6 + bend,
            log_cumulant: self._log_cumulant,
        }

    def _log_cumulant(self, k: Array) -> Array:
        c = jnp.asarray(self.shape)
        heavy = c > 0
        # a shape of 1e-15 or less is 0
        a = 1 / jnp.maximum(select(heavy, c, -c), 1e-15)
        finite = (k > -1) & ((k < a) | ~heavy)
        k = select(finite, k, 0.0)
        a, step = select(heavy, a, 1 + a), select(heavy, -k, k)
        rest = log_gamma_rise(a, step)
        return select(finite, log_gamma_rise(jnp.ones_like(k), k) + select(heavy, rest, -rest), jnp.inf)

    @classmethod
    def start(cls, source: Any) -> Self:
        # moments say little of a heavy tail, of which the logarithms tell: their variance is about π²/6 + shape
        mean, variance = summarize(source, (log, log_square))
        center, spread = summarize(source, (identity, square))
        usual = jnp.isfinite(variance)
        ratio = center * center / spread
        heavy = (jnp.sqrt(1 + 3 * jnp.maximum(variance - jnp.pi**2 / 6, 0.0)) - 1) / 1.5
        shape = jnp.clip(select(usual & ~(ratio > 1), heavy, 0.5 * (1 - ratio)), -0.4, 3.0)
        moments = center * (1 - jnp.minimum(shape, 0.5))
        scale = select(usual & (shape > 0), jnp.exp(select(usual, mean, 0.0) + EULER_GAMMA - 0.5 * shape), moments)
        if isinstance(source, Empirical):
            # the points must lie below the end
            greatest = extremes(source)[1]
            scale = select(shape < 0, jnp.maximum(scale, -1.05 * shape * greatest), scale)
        return cls(scale, shape)

    @property
    def mean(self) -> Array:
        c = jnp.asarray(self.shape)
        finite = c < 1
        return select(finite, self.scale / select(finite, 1 - c, 1.0), jnp.inf)

    @property
    def variance(self) -> Array:
        c = jnp.asarray(self.shape)
        finite = c < 0.5
        safe = select(finite, c, 0.0)
        return select(finite, (self.scale / (1 - safe)) ** 2 / (1 - 2 * safe), jnp.inf)

    def entropy(self) -> Array:
        """H(self), in nats."""
        return 1 + self.shape + jnp.log(self.scale)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return self._of_hazard(jax.random.exponential(key, shape, jnp.result_type(self.scale)))

    def tails(self, x: Array) -> tuple[Array, Array]:
        z = x / self.scale
        survival = -z * log1p_over(self.shape * z)
        return log1mexp(survival), survival

    def inverse(self, probability: Array) -> Array:
        return self._of_hazard(-jnp.log1p(-probability))

    def _of_hazard(self, hazard: Array) -> Array:
        """The x that exp(−hazard) of the probability exceeds: hazard times (exp(s) − 1) / s, s = shape times hazard."""
        return self.scale * hazard * expm1_ratio(self.shape * hazard)

    def constrain(self, coordinate: Array) -> Array:
        return self._of_hazard(jnp.exp(coordinate))

    def coordinate(self) -> tuple[Array, Array]:
        # the logarithm of an exponential variable
        scale = jnp.asarray(self.scale)
        return jnp.full_like(scale, -0.58), jnp.full_like(scale, 1.28)
