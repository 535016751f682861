"""The Conway–Maxwell–Poisson distribution."""

import functools
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_factorial_gap
from xentjax._nodes import cut_depth
from xentjax._numerics import expm1_minus, log_ratio, relative_entropy_term
from xentjax._select import select
from xentjax.cumulants import cumulant, log_gamma_plus_one
from xentjax.families.family import Family
from xentjax.families.whole_numbers import NUM_TERMS, log_sum, whole_numbers
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, square, summarize
from xentjax.supports import COUNTS


class ConwayMaxwellPoisson(Family):
    """ConwayMaxwellPoisson(rate, dispersion): log q(x) = dispersion (x log rate − log x!) − log Z, for x = 0, 1, 2, ...

    dispersion 1 is Poisson(rate); less is more dispersed than that, more is less dispersed. The mode is the whole part
    of rate; for a large rate the mean is about rate, the variance about rate / dispersion. Z is a sum of as many terms
    as matter, thinned out where these are more than 512.

    The literature's λ^x / (x!)^ν is ν = dispersion, λ = rate^dispersion.

    Args:
      rate: > 0, near the mean.
      dispersion: > 0, the exponent ν.

    >>> import xentjax as xj
    >>> round(xj.ConwayMaxwellPoisson(2.0, 1.0).log_prob(0.0).item(), 5)
    -2.0

    See also: `Poisson`; `NegativeBinomial`, for more dispersed counts only; R's `COMPoissonReg::dcmp(x, lambda, nu)`.

    Reference: Guikema & Goffelt (2008), A flexible count data regression model for risk analysis, Risk Analysis 28.
    """

    rate: Parameter = positive(1.0)
    dispersion: Parameter = positive(1.0)

    support = COUNTS
    statistics = (identity, log_gamma_plus_one)

    def log_prob_of(self, x: Array, gap: Array) -> Array:
        return self._log_kernel(x) - self.dispersion * gap - self._log_norm()

    def _log_kernel(self, x: Array) -> Array:
        """dispersion (x log rate − log x! − rate)."""
        return -self.dispersion * (relative_entropy_term(x, jnp.asarray(self.rate, x.dtype)) + log_factorial_gap(x))

    def _reach(self, x: Array) -> tuple[Array, Array]:
        """Whole numbers on either side of x or of rate, beyond which the terms are below exp(−depth) of those there."""
        # x log(x / rate) − x + rate ≥ ½ d² / (rate + d / 3) for d = x − rate
        rate, steps = jnp.asarray(self.rate), cut_depth(x) / self.dispersion
        up = steps / 3 + jnp.sqrt(steps * steps / 9 + 2 * steps * rate) + 1
        low = jnp.minimum(x, rate) - jnp.sqrt(2 * steps * rate) - 1
        return jnp.maximum(jnp.floor(low), 0.0), jnp.ceil(jnp.maximum(x, rate) + up)

    def _log_norm(self) -> Array:
        """log Z − dispersion · rate."""
        return log_sum(self._log_kernel, *self._reach(jnp.asarray(self.rate)))

    def _points(self) -> tuple[Array, Array]:
        k, log_weights = whole_numbers(*self._reach(jnp.asarray(self.rate)))
        return k, jax.nn.softmax(self._log_kernel(k) + log_weights)

    def expectations(self) -> dict:
        mean = self.mean
        k, probs = self._points()
        factorial = jnp.sum(probs * log_gamma_plus_one.gap(k, mean), -1)
        return {identity: mean, square: self.variance, log_gamma_plus_one: factorial, cumulant: self._cumulant}

    def _cumulant(self, t: Array) -> Array:
        t, mean, rate, dispersion = jnp.asarray(t), self.mean, jnp.asarray(self.rate), jnp.asarray(self.dispersion)
        k, probs = self._points()
        near = jnp.abs(t) * jnp.sqrt(self.variance) < 0.5
        exponent = select(near, t, 0.0)[..., None] * (k - mean).reshape((1,) * t.ndim + (-1,))
        close = jnp.log1p(jnp.sum(probs * expm1_minus(exponent), -1))

        def far(t: Array) -> Array:
            # the terms that matter are those of the distribution with rate · exp(t / dispersion)
            moved = rate * jnp.exp(t / dispersion)
            finite = jnp.isfinite(moved)
            reach = ConwayMaxwellPoisson(moved, dispersion)._reach(select(finite, moved, rate))
            tilted = log_sum(lambda k: self._log_kernel(k) + t * (k - mean), *reach)
            return select(finite, tilted - self._log_norm(), jnp.inf)

        return select(near, close, jax.vmap(far)(select(near, 0.0, t).reshape(-1)).reshape(t.shape))

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, (identity, square))
        # data that are all 0 have no maximum inside
        mean = select(mean > 0, mean, 1e-3)
        return cls(mean, jnp.clip(mean / variance, 0.05, 20.0))

    @property
    def mean(self) -> Array:
        k, probs = self._points()
        return jnp.sum(probs * k, -1)

    @property
    def variance(self) -> Array:
        k, probs = self._points()
        return jnp.sum(probs * (k - jnp.sum(probs * k, -1, keepdims=True)) ** 2, -1)

    @functools.partial(jax.jit, static_argnames="shape")
    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        rate = jnp.asarray(self.rate)
        uniform = jax.random.uniform(key, shape, rate.dtype, minval=jnp.finfo(rate.dtype).tiny)
        (low, high), (k, probs) = self._reach(rate), self._points()

        def from_table(uniform: Array) -> Array:
            return k[jnp.minimum(jnp.searchsorted(jnp.cumsum(probs), uniform), NUM_TERMS - 1)]

        def by_inversion(uniform: Array) -> Array:
            return jax.lax.map(self.inverse, uniform, batch_size=1024)

        # a table holds all numbers that matter, unless they had to be thinned out
        draws = jax.lax.cond(high - low < NUM_TERMS, from_table, by_inversion, uniform.reshape(-1))
        return draws.reshape(shape)

    def tails(self, x: Array) -> tuple[Array, Array]:
        norm, (low, high) = self._log_norm(), self._reach(x)
        return log_sum(self._log_kernel, low, x) - norm, log_sum(self._log_kernel, x + 1, high + 1) - norm

    def kl_to(self, q: "ConwayMaxwellPoisson") -> Array:
        """KL(self‖q), in nats, without cancellation: log E exp(e) for e = log(q / p) but for its mean."""
        mean, rate = self.mean, jnp.asarray(self.rate)
        # over the terms that matter to either, unless they are too many for those of p
        own_reach, reach = self._reach(rate), q._reach(jnp.asarray(q.rate))
        first, last = jnp.minimum(own_reach[0], reach[0]), jnp.maximum(own_reach[1], reach[1])
        k, log_weights = whole_numbers(first, last)
        probs = jax.nn.softmax(self._log_kernel(k) + log_weights)
        # the natural parameters are dispersion · log rate, and −dispersion
        steps = q.dispersion * log_ratio(jnp.asarray(q.rate), rate)
        own = relative_entropy_term(k, rate) + log_factorial_gap(k)
        e = steps * (k - mean) - (q.dispersion - self.dispersion) * (own - jnp.sum(probs * own))
        e = e - jnp.sum(probs * e)  # whose mean is only as small as the mean's rounding
        fine = last - first < jnp.maximum(NUM_TERMS - 1.0, 4 * (own_reach[1] - own_reach[0]))
        near = fine & (jnp.max(e) < 50)
        close = jnp.log1p(jnp.sum(probs * expm1_minus(select(near, e, 0.0))))
        cross, entropy = (-m.log_prob_of(*summarize(self, m.statistics)) for m in (q, self))
        return select(near, close, cross - entropy)
