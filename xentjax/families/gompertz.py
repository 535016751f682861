"""The Gompertz distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._gamma import log_gamma
from xentjax._numerics import expm1_minus, linear_minus_log, log1mexp, log_ratio
from xentjax._select import select
from xentjax._tails import log_gamma_tails
from xentjax.cumulants import cumulant, exponential, log_cumulant
from xentjax.families.family import Family
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, log, log_square, minus_log, square, summarize
from xentjax.supports import NON_NEGATIVE

# With w = concentration (exp(rate x) − 1), an exponential variable, means are integrals over w: trapezoids of width h
# in log w, which err by exp(−π² / h) for functions analytic off the negative axis, as exp(rate x) is.
_STEP = 0.125  # holds moments to the thirtieth
_W = np.exp(np.arange(-38.0, 5.6, _STEP))
_MASS = _STEP * _W * np.exp(-_W)


class Gompertz(Family):
    """Gompertz(concentration, rate), with c = concentration and b = rate, for x ≥ 0.

    log q(x) = log c + log b + b x − c (exp(b x) − 1): the hazard c b exp(b x) grows by b per unit.

    Entropy, mean and the other expectations are exponential integrals, by a fixed rule exact to rounding. Data with a
    coefficient of variation near 1 or above have no maximum: Exponential(c b) is approached as b falls.

    Args:
      concentration: the hazard at 0 in units of the rate, > 0.
      rate: the growth rate of the hazard, > 0.

    >>> import xentjax as xj
    >>> round(xj.Gompertz(1.0, 1.0).mean.item(), 5)  # e E₁(1)
    0.59635

    See also: `scipy.stats.gompertz(c=concentration, scale=1 / rate)`; numpyro has the same names; R's flexsurv
    `gompertz(shape=rate, rate=concentration * rate)`.
    """

    concentration: Parameter = positive(1.0)
    rate: Parameter = positive(1.0)

    support = NON_NEGATIVE

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (identity, exponential(jnp.asarray(self.rate)))

    def log_prob_of(self, x: Array, spread: Array) -> Array:
        c, y = jnp.asarray(self.concentration), self.rate * x
        growth = jnp.expm1(y) + jnp.exp(y) * spread
        return jnp.log(c) + jnp.log(self.rate) + y - c * growth

    def expectations(self) -> dict:
        y, mass = self._rule()
        mean = self.mean
        log_y = jnp.log(y)
        center = mass @ log_y
        w = y / (mass @ y)
        return {
            identity: mean,
            square: self.variance,
            minus_log: mass @ linear_minus_log(w - 1, w),
            log: center - jnp.log(self.rate),
            log_square: mass @ (log_y - center) ** 2,
            cumulant: self._cumulant,
            log_cumulant: lambda k: _powers(k, log_y - center, mass),
        }

    def _cumulant(self, t: Array) -> Array:
        c, y, mass = jnp.asarray(self.concentration), *self._rule()
        k, mean = jnp.asarray(t / self.rate), mass @ y
        by_rule = _cumulant(jnp.minimum(k, 10.0)[..., None] * (y - mean), mass)
        # E (1 + w / c)^k is an incomplete gamma function: where k is large the rule is too coarse
        a = 1 + jnp.maximum(k, 10.0)
        upper = log_gamma_tails(a, jnp.broadcast_to(c, a.shape))[1]
        return select(k < 10, by_rule, log_gamma(a) + upper + c - k * (jnp.log(c) + mean))

    def _rule(self) -> tuple[Array, Array]:
        """Values of rate x, and their weights."""
        c = jnp.asarray(self.concentration)
        return jnp.log1p(jnp.asarray(_W, c.dtype) / c), jnp.asarray(_MASS, c.dtype)

    @classmethod
    def start(cls, source: Any) -> Self:
        # the coefficient of variation is near 1 for a large c, which is exponential, and small for a small one
        mean, variance = summarize(source, (identity, square))
        ratio = jnp.sqrt(variance) / mean
        c = jnp.exp(2.0 - 1.5 / jnp.clip(ratio, 0.02, 0.95))
        return cls(c, cls(c, jnp.ones_like(c)).mean / mean)

    @property
    def mean(self) -> Array:
        y, mass = self._rule()
        return (mass @ y) / self.rate

    @property
    def variance(self) -> Array:
        y, mass = self._rule()
        return (mass @ (y - mass @ y) ** 2) / jnp.asarray(self.rate) ** 2

    def entropy(self) -> Array:
        """H(self), in nats."""
        y, mass = self._rule()
        return 1 - jnp.log(self.concentration) - jnp.log(self.rate) - mass @ y

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        w = jax.random.exponential(key, shape, jnp.result_type(self.rate))
        return jnp.log1p(w / self.concentration) / self.rate

    def tails(self, x: Array) -> tuple[Array, Array]:
        survival = -self.concentration * jnp.expm1(self.rate * x)
        return log1mexp(survival), survival

    def inverse(self, probability: Array) -> Array:
        return jnp.log1p(-jnp.log1p(-probability) / self.concentration) / self.rate

    def kl_to(self, q: "Gompertz") -> Array:
        """KL(self‖q), in nats: where it is small as the mean of r − 1 − log r, r = q / p, which does not cancel."""
        c, other = jnp.asarray(self.concentration), jnp.asarray(q.concentration)
        y, mass = self._rule()
        rise = (q.rate - self.rate) / self.rate
        drift = (other - c) * jnp.expm1(y) + other * jnp.exp(y) * jnp.expm1(rise * y)
        constant = log_ratio(other, c) + log_ratio(jnp.asarray(q.rate), jnp.asarray(self.rate))
        log_r = constant + rise * y - drift
        # the rule reaches far enough to hold the probability that such a q has
        near = mass @ expm1_minus(jnp.minimum(log_r, 60.0))
        return select(near < 0.05, near, -(mass @ log_r))

    def constrain(self, coordinate: Array) -> Array:
        return jnp.log1p(jnp.exp(coordinate) / self.concentration) / self.rate

    def coordinate(self) -> tuple[Array, Array]:
        # the logarithm of an exponential variable
        c = jnp.asarray(self.concentration)
        return jnp.full_like(c, -0.58), jnp.full_like(c, 1.28)


def _cumulant(exponents: Array, mass: Array) -> Array:
    """log of the mean of exp(exponents), whose own mean is 0."""
    small = jnp.log1p(jnp.sum(mass * expm1_minus(jnp.minimum(exponents, 1.0)), -1))
    large = jax.nn.logsumexp(exponents + jnp.log(mass), -1)
    return select(jnp.max(exponents, -1) < 1, small, large)


def _powers(k: Array, log_x: Array, mass: Array) -> Array:
    """The same of k log x; what lies to the left of the rule, where x^k may have a pole, is a geometric series."""
    finite = k > -1
    k = select(finite, k, 0.0)[..., None]
    first = jnp.arange(mass.shape[0]) == 0
    whole = mass * select(first, 1 + 1 / jnp.expm1((1 + k) * _STEP), 1.0)
    return select(finite, _cumulant(k * log_x, whole), jnp.inf)
