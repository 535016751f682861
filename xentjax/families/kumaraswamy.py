"""The Kumaraswamy distribution."""

from collections.abc import Callable
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient

from xentjax import _nodes
from xentjax._gamma import digamma, log_gamma_rise, trigamma
from xentjax._numerics import EULER_GAMMA, as_float, linear_minus_log, log1mexp
from xentjax._select import select
from xentjax.cumulants import log_cumulant
from xentjax.families.exponential import positive_exponential
from xentjax.families.family import Family, within_support
from xentjax.parameters import Parameter, positive
from xentjax.statistics import (
    identity,
    log,
    log_square,
    logit,
    logit_softplus,
    logit_square,
    minus_log,
    minus_log1m,
    square,
    summarize,
)
from xentjax.supports import UNIT_INTERVAL

NUM_NODES = 300  # of the rule for E log(1 − x), which is exact to rounding


class Kumaraswamy(Family):
    """Kumaraswamy(alpha, beta), with a = alpha and b = beta, for 0 < x < 1.

    log q(x) = log a + log b + (a − 1) log x + (b − 1) log(1 − x^a).

    x^a is Beta(1, beta). It has no finite set of statistics: a cross-entropy to it needs points.

    Args:
      alpha: the exponent of x, > 0.
      beta: the exponent of the survival function 1 − x^alpha, > 0.

    >>> import xentjax as xj
    >>> round(xj.kl_divergence(xj.Kumaraswamy(2.5, 1.3), xj.Beta(2.5, 1.3)).item(), 6)
    0.001623

    See also: numpyro's `Kumaraswamy(concentration1=alpha, concentration0=beta)`; R's extraDistr `kumar(a, b)`; `Beta`.

    Reference: Jones (2009), Kumaraswamy's distribution, Statistical Methodology 6.
    """

    alpha: Parameter = positive(1.0)
    beta: Parameter = positive(1.0)

    support = UNIT_INTERVAL

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.support.contains(x)
        safe = select(within, x, self.interior)
        return within_support(within, x, self._log_prob(jnp.log(safe)))

    def _log_prob(self, log_x: Array) -> Array:
        a, b = jnp.asarray(self.alpha), jnp.asarray(self.beta)
        return jnp.log(a) + jnp.log(b) + (a - 1) * log_x + (b - 1) * log1mexp(a * log_x)

    def expectations(self) -> dict:
        a, b = jnp.asarray(self.alpha), jnp.asarray(self.beta)
        gap = self._powers(jnp.ones_like(a))
        log_mean = self._mean_log() + gap
        return {
            **by_nodes(lambda log_x, _: self._log_prob(log_x), log_mean, log1mexp(log_mean), *self.coordinate()),
            identity: jnp.exp(log_mean),
            minus_log: gap,
            log: self._mean_log(),
            log_square: (jnp.pi**2 / 6 - trigamma(1 + b)) / (a * a),
            log_cumulant: self._powers,
        }

    def _mean_log(self) -> Array:
        return -(digamma(1 + jnp.asarray(self.beta)) + EULER_GAMMA) / self.alpha

    def _powers(self, k: Array) -> Array:
        a, b = jnp.asarray(self.alpha), jnp.asarray(self.beta)
        finite = k > -a
        step = select(finite, k, 0.0) / a
        starts = jnp.stack([jnp.ones_like(step), jnp.broadcast_to(1 + b, step.shape)])
        first, second = log_gamma_rise(starts, jnp.broadcast_to(step, starts.shape))  # compiled once for both
        return select(finite, first - second, jnp.inf)

    @classmethod
    def start(cls, source: Any) -> Self:
        # with beta between 1 and a few, from the mean and the variance of log x
        mean, variance = summarize(source, (log, log_square))
        # E log x = −(ψ(1 + b) + γ) / a and its variance (π²/6 − ψ′(1 + b)) / a²: their ratio falls with b
        ratio = variance / (mean * mean)
        b = jnp.clip(1 / ratio, 0.1, 1e3)

        def step(_: Array, b: Array) -> Array:
            found = (jnp.pi**2 / 6 - trigamma(1 + b)) / (digamma(1 + b) + EULER_GAMMA) ** 2
            return jnp.clip(b * (found / ratio), 1e-3, 1e6)

        b = jax.lax.fori_loop(0, 30, step, b)
        return cls((digamma(1 + b) + EULER_GAMMA) / -mean, b)

    @property
    def mean(self) -> Array:
        return jnp.exp(self._mean_log() + self._powers(jnp.ones_like(jnp.asarray(self.alpha))))

    @property
    def variance(self) -> Array:
        return self.expectations()[square]

    def entropy(self) -> Array:
        """H(self), in nats."""
        a, b = jnp.asarray(self.alpha), jnp.asarray(self.beta)
        return (a - 1) * -self._mean_log() + (b - 1) / b - jnp.log(a) - jnp.log(b)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return jnp.exp(self._log_inverse(positive_exponential(key, shape, jnp.result_type(self.alpha))))

    def tails(self, x: Array) -> tuple[Array, Array]:
        survival = self.beta * log1mexp(self.alpha * jnp.log(x))
        return log1mexp(survival), survival

    def inverse(self, probability: Array) -> Array:
        return jnp.exp(self._log_inverse(-jnp.log1p(-probability)))

    def _log_inverse(self, hazard: Array) -> Array:
        return log1mexp(-hazard / self.beta) / self.alpha

    def coordinate(self) -> tuple[Array, Array]:
        # of the logit, by three quantiles: there a density is e^u to the left and e^(−beta u) to the right
        log_x = self._log_inverse(jnp.asarray([0.1727, 0.6931, 1.8413], jnp.result_type(self.alpha)))
        low, middle, high = log_x - log1mexp(log_x)
        return middle, 0.5 * (high - low)


def by_nodes(log_prob: Callable, log_mean: Array, log_mean_rest: Array, loc: Array, scale: Array) -> dict:
    """The variance and what involves log x and log(1 − x), by a fixed rule along the logit u, which gives both logs.

    Args:
      log_prob: the log-density, from log x and log(1 − x).
      log_mean, log_mean_rest: log E x and log(1 − E x).
      loc, scale: of the logit, roughly.
    """
    loc, scale = stop_gradient((loc, scale))
    nodes, weights = _nodes.real_line(NUM_NODES, loc.dtype)
    u = loc + scale * nodes
    log_x, log_rest = -jax.nn.softplus(-u), -jax.nn.softplus(u)
    mass = jnp.exp(log_prob(log_x, log_rest) + log_x + log_rest) * scale * weights
    there = mass > 0
    mass, u = select(there, mass, 0.0), select(there, u, loc)
    log_x, log_rest = select(there, log_x, log_mean), select(there, log_rest, log_mean_rest)
    center, center_log = mass @ u, mass @ log_x

    def gap(log_part: Array, log_mean: Array) -> Array:
        ratio = jnp.exp(log_part - log_mean)
        return mass @ linear_minus_log(ratio - 1, ratio)

    # x or 1 − x, the one that is small, less its mean
    part = jnp.exp(select(log_mean < -0.5, log_x, log_rest))
    return {
        square: mass @ (part - (mass @ part) / jnp.sum(mass)) ** 2,
        minus_log: gap(log_x, log_mean),
        minus_log1m: gap(log_rest, log_mean_rest),
        log: center_log,
        log_square: mass @ (log_x - center_log) ** 2,
        logit: center,
        logit_square: mass @ (u - center) ** 2,
        logit_softplus: mass @ logit_softplus.gap(u, center),
    }
