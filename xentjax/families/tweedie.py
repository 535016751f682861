"""The Tweedie distributions between Poisson and gamma: sums of a Poisson number of gamma variables."""

import dataclasses
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_factorial_gap
from xentjax._nodes import cut_depth
from xentjax._numerics import as_float, expm1_minus, linear_minus_log, log_ratio, relative_entropy_term
from xentjax._select import select
from xentjax.cumulants import cumulant
from xentjax.families.family import Family, within_support
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, square, summarize
from xentjax.supports import NON_NEGATIVE, numbers_between

# without a map to the real line: a power is chosen, never fitted
POWER = dataclasses.replace(numbers_between(1.0, 2.0), free=None)
# of the sum that is the density: from one end of what counts, nine deviations from the middle, to the other
NUM_TERMS = 128


class Tweedie(Family):
    """Tweedie(mean, dispersion, power): log q(x) = −d(x, mean) / (2 dispersion) + c(x, dispersion), for x ≥ 0.

    A total that may be 0: of the claims of a year, of the rain of a day. It is the sum of a Poisson number of gamma
    variables, and has the variance dispersion · mean^power. log_prob is at 0 the logarithm of a probability,
    −mean^(2−power) / (dispersion (2−power)), and above 0 that of a density.
    d is the Tweedie deviance, 2 (x^(2−p) / ((1−p)(2−p)) − x mean^(1−p) / (1−p) + mean^(2−p) / (2−p)) with p = power.
    exp(c) is a sum over the number of gamma variables, of which the terms around the largest are taken; the rest is
    below the rounding.

    power is never fitted: it is 1.5, or that of an instance, as in `fit_mle(Tweedie(1.0, 1.0, 1.7), x)`.

    Args:
      mean: > 0.
      dispersion: > 0.
      power: strictly between 1, where dispersion 1 is a Poisson distribution, and 2, a gamma distribution.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> xj.Tweedie(4.0, 2.0, 1.5).log_prob(0.0).item()
    -2.0
    >>> round(xj.fit_mle(xj.Tweedie, jnp.array([0.0, 0.0, 1.5, 2.5])).model.mean.item(), 6)
    1.0

    See also: `sklearn.linear_model.TweedieRegressor`, the deviance alone, without a dispersion; `tweedie::dtweedie` in
    R; `Hurdle(Gamma)`, in which the zeros and the other values are two models.

    Reference: Dunn & Smyth (2005), Series evaluation of Tweedie exponential dispersion model densities, Statistics and
    Computing 15.
    """

    mean: Parameter = positive(1.0)
    dispersion: Parameter = positive(1.0)
    power: Parameter = dataclasses.field(default=1.5, metadata={"support": POWER})  # type: ignore[assignment]

    support = NON_NEGATIVE

    @property
    def _parts(self) -> tuple[Array, Array, Array]:
        """The mean number of gamma variables, their concentration, and their scale."""
        scale = self.dispersion * (self.power - 1) * self.mean ** (self.power - 1)
        return self._number(self.mean), self._concentration, scale

    @property
    def _concentration(self) -> Array:
        return (2 - self.power) / (self.power - 1)

    def _number(self, mean: Array) -> Array:
        return jnp.exp((2 - self.power) * jnp.log(mean)) / (self.dispersion * (2 - self.power))

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within, positive = self.support.contains(x), x > 0
        safe = select(within & positive, x, self.interior)
        value = self._log_density_at_its_mean(safe) - self._half_deviance(safe) / self.dispersion
        return within_support(within, x, select(positive, value, -self._number(jnp.asarray(self.mean, x.dtype))))

    def _half_deviance(self, x: Array) -> Array:
        a, size = 2 - self.power, log_ratio(x, jnp.asarray(self.mean, x.dtype))
        return jnp.exp(a * jnp.log(self.mean)) * (expm1_minus(size) - expm1_minus(a * size) / a) / (1 - a)

    def _log_density_at_its_mean(self, x: Array) -> Array:
        """log q(x) of the distribution with the mean x: a sum over the number n of gamma variables."""
        number, a = self._number(x), self._concentration

        def log_term(n: Array) -> Array:
            # the probability of n, and x times the density of n variables, their logarithms without cancellation
            near = (1 + a) * relative_entropy_term(n, jnp.broadcast_to(number[..., None], n.shape))
            return jnp.log(n * a) - near - log_factorial_gap(n) - log_factorial_gap(n * a)

        n, stride = _numbers_about(number, cut_depth(x) / (1 + a))
        return jax.nn.logsumexp(log_term(n), axis=-1) + jnp.log(stride) - jnp.log(x)

    def expectations(self) -> dict:
        return {identity: jnp.asarray(self.mean), square: self.variance, cumulant: self._cumulant}

    def _cumulant(self, t: Array) -> Array:
        number, a, scale = self._parts
        finite = scale * t < 1
        s = select(finite, -scale * t, 0.0)
        return select(finite, number * (expm1_minus(-a * jnp.log1p(s)) + a * linear_minus_log(s, 1 + s)), jnp.inf)

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, (identity, square))
        # data that are all 0 have no maximum inside
        mean = select(mean > 0, mean, 1e-3)
        return cls(mean, select(variance > 0, variance, mean) / mean**1.5)

    @property
    def variance(self) -> Array:
        return self.dispersion * jnp.asarray(self.mean) ** self.power

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        first, second = jax.random.split(key)
        number, a, scale = self._parts
        n = jax.random.poisson(first, number, shape).astype(scale.dtype)
        some = n > 0
        return select(some, scale * jax.random.gamma(second, a * select(some, n, 1.0), shape, scale.dtype), 0.0)

    def coordinate(self) -> tuple[Array, Array]:
        # of a log-normal distribution with the moments of the values above 0
        share = -jnp.expm1(-self._number(jnp.asarray(self.mean)))
        mean = self.mean / share
        return jnp.log(mean), jnp.sqrt(jnp.log((self.variance + self.mean**2) / (share * mean**2)))

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        points, weights = super().quadrature_rule(num_points - 1)
        none = jnp.exp(-self._number(jnp.asarray(self.mean)))[None]
        return jnp.concatenate([jnp.zeros_like(none), points]), jnp.concatenate([none, weights])


def _numbers_about(middle: Array, depth: Array) -> tuple[Array, Array]:
    """Numbers [..., NUM_TERMS] that cover those with n log(n / m) − n + m < depth, and the step between them.

    The step is 1, or more where there are more whole numbers than terms: these then have a standard deviation of at
    least 7, and a sum over every seventh of a deviation is the same to rounding. n = 1 is the least, and is then
    beyond the depth.
    """
    middle = jnp.maximum(jax.lax.stop_gradient(middle), 1.0)
    # n log(n / m) − n + m ≥ ½ d² / (m + d / 3) for d = n − m
    up = depth / 3 + jnp.sqrt(depth * depth / 9 + 2 * depth * middle)
    first = jnp.maximum(jnp.floor(middle - jnp.sqrt(2 * depth * middle)), 1.0)
    step = jnp.maximum((jnp.ceil(middle + up) - first) / (NUM_TERMS - 1), 1.0)
    step = jax.lax.stop_gradient(step)
    j = jnp.arange(NUM_TERMS, dtype=middle.dtype).reshape((1,) * middle.ndim + (-1,))
    return jax.lax.stop_gradient(first)[..., None] + step[..., None] * j, step
