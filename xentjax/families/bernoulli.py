"""The Bernoulli distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float, expm1_minus, linear_minus_log, relative_entropy_term, xlog1py, xlogy
from xentjax._select import select
from xentjax.cumulants import cumulant
from xentjax.families.family import Family, within_support
from xentjax.parameters import Parameter, unit_interval
from xentjax.statistics import identity, indicators, square
from xentjax.supports import BINARY


class Bernoulli(Family):
    """Bernoulli(probs): log q(x) = x log probs + (1 − x) log(1 − probs), for x in {0, 1}.

    The logistic loss is its cross-entropy. probs = 0 and probs = 1 are answered (0 log 0 = 0) but lie outside the
    parameter's support: data that are all equal have no maximum inside.

    Args:
      probs: the probability of 1, strictly between 0 and 1.

    >>> import xentjax as xj
    >>> round(xj.in_bits(xj.entropy(xj.Bernoulli(0.5))).item(), 6)
    1.0

    See also: `scipy.stats.bernoulli(probs)`; from a logit, probs = `jax.nn.sigmoid(logit)`.
    """

    probs: Parameter = unit_interval(0.5)

    support = BINARY
    statistics = (identity,)

    def log_prob_of(self, x: Array) -> Array:
        return xlogy(x, self.probs) + xlog1py(1 - x, -self.probs)

    @staticmethod
    def log_prob_from_logit(logit: Array, x: Array) -> Array:
        """`log_prob` at probs = sigmoid(logit), also where that is 0 or 1 to rounding."""
        within = BINARY.contains(x)
        sign = select(as_float(x) == 0, 1.0, -1.0)
        return within_support(within, x, -jax.nn.softplus(sign * logit))

    def expectations(self) -> dict:
        p = jnp.asarray(self.probs)
        pair = jnp.stack([1 - p, p])
        known = {indicators: lambda size: jnp.pad(pair, (0, size - 2)) if size >= 2 else None}
        return {**known, identity: p, square: p * (1 - p), cumulant: lambda t: bernoulli_cumulant(p, t)}

    @classmethod
    def start(cls, source: Any) -> Self:
        # the mean is exact; at an end of the interval there is no maximum, and the climb starts a little inside
        mean = source.expect(identity)
        return cls(select((mean > 0) & (mean < 1), mean, 0.999 * mean + 0.0005))

    @property
    def mean(self) -> Array:
        return jnp.asarray(self.probs)

    @property
    def variance(self) -> Array:
        return self.probs * (1 - jnp.asarray(self.probs))

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return jax.random.bernoulli(key, self.probs, shape).astype(jnp.result_type(self.probs))

    def tails(self, x: Array) -> tuple[Array, Array]:
        return jnp.log1p(-jnp.asarray(self.probs)), jnp.log(self.probs)

    def kl_to(self, q: "Bernoulli") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return bernoulli_kl(jnp.asarray(self.probs), jnp.asarray(q.probs))


def bernoulli_kl(p: Array, q: Array) -> Array:
    """KL of two probabilities; the complements enter by the exact difference p − q."""
    present = p < 1
    rest = select(present, 1 - p, 1.0)
    complement = select(present, rest * linear_minus_log((p - q) / rest, (1 - q) / rest), 1 - q)
    return relative_entropy_term(p, q) + complement


def bernoulli_cumulant(p: Array, t: Array) -> Array:
    """log(1 + p (exp(t) − 1)) − p t, by the rarer of the two outcomes."""
    rare = p < 0.5
    p, t = select(rare, p, 1 - p), select(rare, t, -t)
    # where p exp(t) > 1 it is a plain sum, without the exponential, which leaves the range of floats
    far = t > -jnp.log(p)
    near = select(far, 0.0, t)
    rise = p * jnp.expm1(near)
    close = p * expm1_minus(near) - linear_minus_log(rise, 1 + rise)
    return select(far, (1 - p) * t + jnp.log(p + (1 - p) * jnp.exp(-select(far, t, 0.0))), close)
