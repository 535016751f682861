"""The continuous Bernoulli distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import expm1_ratio, log1mexp, log1p_over
from xentjax._select import select
from xentjax._tilted import log_mean_exp, log_mean_exp_bregman, tilted_mean, tilted_variance
from xentjax.cumulants import cumulant
from xentjax.families.family import Family
from xentjax.families.kumaraswamy import by_nodes
from xentjax.parameters import Parameter, unit_interval
from xentjax.statistics import identity, logit_of, square
from xentjax.supports import CLOSED_UNIT_INTERVAL


class ContinuousBernoulli(Family):
    """ContinuousBernoulli(probs): log q(x) = t x − log((exp(t) − 1) / t) with t = logit(probs), for 0 ≤ x ≤ 1.

    The density proportional to probs^x (1 − probs)^(1 − x); uniform at probs = ½.

    Args:
      probs: strictly between 0 and 1; not the mean, which is nearer to ½.

    >>> import xentjax as xj
    >>> round(xj.ContinuousBernoulli(0.8).mean.item(), 5)
    0.61199

    See also: numpyro and torch have the same name and parameter; an exponential distribution cut off at 1.

    Reference: Loaiza-Ganem & Cunningham (2019), The continuous Bernoulli, NeurIPS.
    """

    probs: Parameter = unit_interval(0.5)

    support = CLOSED_UNIT_INTERVAL
    statistics = (identity,)

    def log_prob_of(self, x: Array) -> Array:
        # from the end where the density is largest
        t = self._tilt()
        low = t < 0
        size = select(low, t, -t)
        return size * select(low, x, 1 - x) - log_mean_exp(size)

    def _tilt(self) -> Array:
        return logit_of(jnp.asarray(self.probs))

    def expectations(self) -> dict:
        t, mean = self._tilt(), self.mean
        low = t < 0
        size = select(low, t, -t)

        def log_prob(log_x: Array, log_rest: Array) -> Array:
            return size * jnp.exp(select(low, log_x, log_rest)) - log_mean_exp(size)

        return {
            **by_nodes(log_prob, jnp.log(mean), jnp.log(tilted_mean(-t)), *self.coordinate()),
            identity: mean,
            square: self.variance,
            cumulant: lambda s: log_mean_exp_bregman(t, s),
        }

    @classmethod
    def start(cls, source: Any) -> Self:
        # the tilt is about 12 (mean − ½) in the middle and one over the distance from the nearer end outside
        u = 2 * jnp.clip(source.expect(identity), 1e-6, 1 - 1e-6) - 1
        tilt = 2 * u * (3 - u * u) / (1 - u * u)
        return cls(jax.nn.sigmoid(tilt))

    @property
    def mean(self) -> Array:
        return tilted_mean(self._tilt())

    @property
    def variance(self) -> Array:
        return tilted_variance(self._tilt())

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        dtype = jnp.result_type(self.probs)
        uniform = jax.random.uniform(key, shape, dtype, jnp.finfo(dtype).tiny)
        return self.inverse(uniform)

    def tails(self, x: Array) -> tuple[Array, Array]:
        t = self._tilt()
        norm = log_mean_exp(jnp.stack([t, -t]))
        below = jnp.log(x) + log_mean_exp(t * x) - norm[0]
        above = jnp.log1p(-x) + log_mean_exp(-t * (1 - x)) - norm[1]
        lower = below < above
        other = log1mexp(select(lower, below, above))
        return select(lower, below, other), select(lower, other, above)

    def inverse(self, probability: Array) -> Array:
        t = self._tilt()
        low = t < 0
        size, p, rest = select(low, t, -t), probability, 1 - probability
        p, rest = select(low, p, rest), select(low, rest, p)
        # log(1 + p (exp(t) − 1)) / t, by the sum of two positive terms where it is far below 1
        rise = p * jnp.expm1(size)
        near = rise > -0.5
        close = p * expm1_ratio(size) * log1p_over(select(near, rise, 0.0))
        value = select(near, close, jnp.log(rest + p * jnp.exp(size)) / select(near, -1.0, size))
        return select(low, value, 1 - value)

    def kl_to(self, q: "ContinuousBernoulli") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        p, q_probs = jnp.asarray(self.probs), jnp.asarray(q.probs)
        rise = q_probs - p
        up = rise >= 0
        least, greatest = select(up, p, q_probs), select(up, q_probs, p)
        size = select(up, rise, -rise)
        # the difference of the logits, from the exact difference of the probabilities
        step = jnp.log1p(size / least) + jnp.log1p(size / (1 - greatest))
        return log_mean_exp_bregman(self._tilt(), select(up, step, -step))

    def coordinate(self) -> tuple[Array, Array]:
        t = self._tilt()
        return jnp.log(tilted_mean(t)) - jnp.log(tilted_mean(-t)), jnp.ones_like(t)
