"""The zeta distribution, Zipf's law."""

import functools
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._nodes import BREGMAN_WEIGHTS, NODES
from xentjax._numerics import log1mexp
from xentjax._select import select
from xentjax._zeta import log_hurwitz_zeta
from xentjax.cumulants import log_cumulant
from xentjax.families.family import Family
from xentjax.families.rejection import accepted
from xentjax.parameters import Parameter, above, count
from xentjax.statistics import identity, log, log_square, minus_log, square, summarize
from xentjax.supports import POSITIVE_COUNTS


class Zeta(Family):
    """Zeta(exponent, low): log q(x) = −exponent log x − log ζ(exponent, low), for x = low, low + 1, ...

    low is never fitted: it is 1, or that of an instance, as in `fit_mle(Zeta(2.0, 10), x)`.

    Args:
      exponent: > 1, up to 100; the mean exists for exponent > 2, the variance for exponent > 3.
      low: the least value, a whole number ≥ 1.

    >>> import xentjax as xj
    >>> round(xj.Zeta(2.0).log_prob(1.0).item(), 5)  # log 6/pi^2
    -0.4977

    See also: `scipy.stats.zipf(exponent)`, for low = 1; `Pareto`, its continuous counterpart, with alpha =
    exponent − 1; numpyro's `Zipf` ends at a largest value.

    Reference: Clauset, Shalizi & Newman (2009), Power-law distributions in empirical data, SIAM Review 51.
    """

    exponent: Parameter = above(1.0, 2.0)
    low: Parameter = count(1.0)

    support = POSITIVE_COUNTS
    statistics = (log,)

    def ends(self) -> tuple[Any, Any]:
        return self.low, jnp.inf

    @property
    def interior(self) -> Any:
        return self.low

    def _values(self) -> tuple[Array, Array]:
        s = jnp.asarray(self.exponent)
        return s, jnp.asarray(self.low, s.dtype)

    def log_prob_of(self, log_x: Array) -> Array:
        s, low = self._values()
        return -s * log_x - log_hurwitz_zeta(s, low)

    def expectations(self) -> dict:
        s, low = self._values()
        return {
            identity: lambda: self.mean,
            square: lambda: self.variance,
            minus_log: lambda: select(s > 2, _cumulant(s, low, jnp.ones_like(s)), jnp.inf),
            log: lambda: _slope(s, low),
            log_square: lambda: _curvature(s, low),
            log_cumulant: lambda k: _cumulant(s, low, k),
        }

    @classmethod
    def start(cls, source: Any) -> Self:
        # that of a density on x > ½
        return cls(1 + 1 / (source.expect(log) + jnp.log(2.0)))

    @property
    def mean(self) -> Array:
        s, low = self._values()
        return select(s > 2, jnp.exp(_slope(s, low) + _cumulant(s, low, jnp.ones_like(s))), jnp.inf)

    @property
    def variance(self) -> Array:
        s, low = self._values()
        finite = s > 3
        safe = select(finite, s, 4.0)
        first, second = (_cumulant(safe, low, jnp.full_like(s, k)) for k in (1.0, 2.0))
        return select(finite, self.mean**2 * jnp.expm1(second - 2 * first), jnp.inf)

    @functools.partial(jax.jit, static_argnames="shape")
    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        # the floor of a Pareto variable, whose probabilities are off by a factor that falls with the value
        s, low = self._values()

        def log_factor(x: Array) -> Array:
            return -jnp.log(x) - jnp.log(-jnp.expm1((1 - s) * jnp.log1p(1 / x)))

        def propose(key: Array) -> tuple[Array, Array]:
            first, second = jax.random.split(key)
            x = jnp.floor(low * jnp.exp(jax.random.exponential(first, (), s.dtype) / (s - 1)))
            return x, jnp.log(jax.random.uniform(second, (), s.dtype)) <= log_factor(x) - log_factor(low)

        return accepted(propose, key, shape)

    def tails(self, x: Array) -> tuple[Array, Array]:
        """The lower tail is a complement: for exponents near 1, where it is small, it has an error of eps / (s − 1)."""
        s, low = self._values()
        survival = log_hurwitz_zeta(s, x + 1) - log_hurwitz_zeta(s, low)
        return log1mexp(survival), survival

    def kl_to(self, q: "Zeta") -> Array:
        """KL(self‖q), in nats, without cancellation where both begin at one value."""
        s, low = self._values()
        same = _cumulant(s, low, s - q.exponent)
        cross, own = (-m.log_prob_of(*summarize(self, m.statistics)) for m in (q, self))
        return select(low == q.low, same, cross - own)


def _log_zeta_slope(s: Array, low: Array) -> Array:
    return jax.jvp(lambda s: log_hurwitz_zeta(s, low), (s,), (jnp.ones_like(s),))[1]


def _slope(s: Array, low: Array) -> Array:
    """E log x."""
    return -_log_zeta_slope(s, low)


def _curvature(s: Array, low: Array) -> Array:
    """The variance of log x."""
    return jax.jvp(lambda s: _log_zeta_slope(s, low), (s,), (jnp.ones_like(s),))[1]


def _cumulant(s: Array, low: Array, k: Array) -> Array:
    """log E exp(k (log x − E log x)); +inf for k ≥ s − 1."""
    finite = s - k > 1
    k = select(finite, k, 0.0)
    # the integral of (1 − t) k² times the variance at s − t k, where the pole at 1 is not near, nor the variance, which
    # falls as (1 + 1 / low)^−s, too different at the ends; else a difference
    near = jnp.abs(k) < 0.4 * jnp.minimum(jnp.minimum(s, s - k) - 1, 3.5 / jnp.log1p(1 / low))
    nodes = jnp.asarray(NODES, k.dtype).reshape((1,) * k.ndim + (-1,))
    between = s - select(near, k, 0.0)[..., None] * nodes
    weights = jnp.asarray(BREGMAN_WEIGHTS, k.dtype)
    close = k * k * (_curvature(between, jnp.broadcast_to(low, between.shape)) @ weights)
    moved, own = (log_hurwitz_zeta(*jnp.broadcast_arrays(at, low)) for at in (s - k, s))
    value = select(near, close, moved - own - k * _slope(s, low))
    return select(finite, value, jnp.inf)
