"""The logit-normal distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import erf, ndtri

from xentjax._nodes import legendre
from xentjax._numerics import HALF_LOG_2PI, linear_minus_log
from xentjax._select import select
from xentjax._tails import log_normal_tails
from xentjax.families.family import Family
from xentjax.families.normal import normal_kl
from xentjax.parameters import Parameter, positive, real
from xentjax.statistics import (
    identity,
    log,
    log_square,
    logit,
    logit_of,
    logit_softplus,
    logit_square,
    minus_log,
    minus_log1m,
    square,
    summarize,
)
from xentjax.supports import UNIT_INTERVAL

# Means of functions of x: for scales below 6 by trapezoids in (logit x − loc) / scale, whose error is exp(−2π² / (h
# scale)); above, where x is a step, by Gauss–Legendre nodes for |logit x| < 40 on either side of 0.
_SIDE = 96
_TRAPEZOID = np.linspace(-9.0, 9.0, 2 * _SIDE)
_STEP = 18 / (2 * _SIDE - 1)
_LEGENDRE = [40 * v for v in legendre(_SIDE)]


class LogitNormal(Family):
    """LogitNormal(loc, scale): the inverse logit of a Normal(loc, scale), for 0 < x < 1.

    log q(x) = −(logit x − loc)² / (2 scale²) − log scale − ½ log 2π − log x − log(1 − x).

    Args:
      loc: the mean of logit x; its inverse logit is the median.
      scale: the standard deviation of logit x, > 0.

    >>> import xentjax as xj
    >>> round(xj.entropy(xj.LogitNormal(0.3, 1.2)).item(), 5)
    -0.11641

    See also: R's logitnorm; numpyro's `TransformedDistribution(Normal(loc, scale), SigmoidTransform())`; `Beta`.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)

    support = UNIT_INTERVAL
    statistics = (logit, logit_square, logit_softplus)

    def log_prob_of(self, y: Array, variance: Array, softplus: Array) -> Array:
        z = (y - self.loc) / self.scale
        # −log x − log(1 − x) is the sum of two softplus, of which the spreads are the same
        jacobian = jax.nn.softplus(y) + jax.nn.softplus(-y) + 2 * softplus
        return jacobian - 0.5 * (z * z + variance / self.scale**2) - jnp.log(self.scale) - HALF_LOG_2PI

    def expectations(self) -> dict:
        loc, scale = jnp.asarray(self.loc), jnp.asarray(self.scale)
        y, weights = self._rule()
        x, rest = jax.nn.sigmoid(y), jax.nn.sigmoid(-y)
        mean, mean_rest = weights @ x, weights @ rest
        narrow = scale < 6
        # E max(y, 0) − max(loc, 0) and the rest of softplus(y), which vanishes far from 0
        z = loc / scale
        folded = 2 * jnp.exp(-0.5 * z * z - HALF_LOG_2PI) + z * erf(z / 2**0.5)
        wide = 0.5 * scale * (folded - jnp.abs(z)) + weights @ jnp.log1p(jnp.exp(-jnp.abs(y)))
        wide = wide - jnp.log1p(jnp.exp(-jnp.abs(loc)))
        softplus = select(narrow, weights @ logit_softplus.gap(y, loc), wide)
        mean_log, mean_log_rest = -jax.nn.softplus(-loc) - softplus, -jax.nn.softplus(loc) - softplus

        def gap(x: Array, mean: Array, mean_log: Array) -> Array:
            w = x / mean
            return select(narrow, weights @ linear_minus_log(w - 1, w), jnp.log(mean) - mean_log)

        # log x is min(y, 0) − log(1 + exp(−|y|))
        log_x, rest_log = -jax.nn.softplus(-y), jnp.log1p(jnp.exp(-jnp.abs(y)))
        below = jnp.exp(log_normal_tails(-z)[0])
        wide_square = (loc * loc + scale * scale) * below - loc * scale * jnp.exp(-0.5 * z * z - HALF_LOG_2PI)
        wide_square = wide_square + weights @ (rest_log * (rest_log - 2 * jnp.minimum(y, 0.0)))
        return {
            identity: mean,
            square: weights @ (x - mean) ** 2,
            minus_log: gap(x, mean, mean_log),
            minus_log1m: gap(rest, mean_rest, mean_log_rest),
            log: mean_log,
            log_square: select(narrow, weights @ (log_x - mean_log) ** 2, wide_square - mean_log**2),
            logit: loc,
            logit_square: scale * scale,
            logit_softplus: softplus,
        }

    def _rule(self) -> tuple[Array, Array]:
        """Values of logit x and their weights."""
        loc, scale = jnp.asarray(self.loc), jnp.asarray(self.scale)
        dtype = scale.dtype
        nodes = jnp.asarray(_TRAPEZOID, dtype)
        narrow = scale < 6
        by_steps = jnp.exp(-0.5 * nodes * nodes - HALF_LOG_2PI) * _STEP
        side, side_weights = (jnp.asarray(v, dtype) for v in _LEGENDRE)
        y = jnp.concatenate([-side[::-1], side])
        z = (y - loc) / select(narrow, 6.0, scale)
        by_sides = jnp.exp(-0.5 * z * z - HALF_LOG_2PI) * jnp.concatenate([side_weights[::-1], side_weights])
        by_sides = by_sides / select(narrow, 6.0, scale)
        ends = jnp.asarray([-40.0, 40.0], dtype)
        beyond = jnp.exp(
            jnp.stack([log_normal_tails((ends[0] - loc) / scale)[0], log_normal_tails((ends[1] - loc) / scale)[1]])
        )
        points = jnp.concatenate([select(narrow, loc + scale * nodes, y), ends])
        return points, jnp.concatenate([select(narrow, by_steps, by_sides), select(narrow, 0.0, beyond)])

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, (logit, logit_square))
        return cls(mean, jnp.sqrt(variance))

    @property
    def mean(self) -> Array:
        """By a fixed rule, exact to rounding."""
        return self.expectations()[identity]

    @property
    def variance(self) -> Array:
        """By a fixed rule, exact to rounding."""
        return self.expectations()[square]

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return jax.nn.sigmoid(self.loc + self.scale * jax.random.normal(key, shape, jnp.result_type(self.scale)))

    def tails(self, x: Array) -> tuple[Array, Array]:
        return log_normal_tails((logit_of(x) - self.loc) / self.scale)

    def inverse(self, probability: Array) -> Array:
        return jax.nn.sigmoid(self.loc + self.scale * ndtri(probability))

    def kl_to(self, q: "LogitNormal") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return normal_kl(self.loc, self.scale, q.loc, q.scale)

    def coordinate(self) -> tuple[Array, Array]:
        return jnp.asarray(self.loc), jnp.asarray(self.scale)
