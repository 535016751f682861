"""The Wishart distribution."""

import math
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma_gap, log_gamma_gap, trigamma_gap
from xentjax._nodes import BREGMAN_WEIGHTS, NODES
from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.families.family import Family, check_point, within_support
from xentjax.families.multivariate_normal import log_det_divergence, whitened
from xentjax.parameters import Parameter, covariance, positive
from xentjax.statistics import Spread, identity, square, summarize
from xentjax.supports import COVARIANCE


def _log_det_gap(y: Array, m: Array) -> Array:
    return log_det_divergence(whitened(jnp.linalg.cholesky(m), y - m))


minus_log_det = Spread("−log det x", identity, _log_det_gap)


class Wishart(Family):
    """Wishart(df, scale), for symmetric positive definite matrices x [d, d].

    log q(x) = ½ (df − d − 1) log det x − ½ tr(scale⁻¹ x) − ½ df log det(2 scale) − log Γ_d(df / 2), with the
    multivariate gamma function Γ_d: the distribution of the sum of df squares z zᵀ of normal vectors with covariance
    scale.

    Args:
      df: degrees of freedom, > d − 1 (NaN otherwise); the mean is df · scale.
      scale: a symmetric positive definite matrix [d, d].

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> round(xj.Wishart(2.0, jnp.eye(1)).log_prob(jnp.array([[2.0]])).item(), 5)  # exponential: -log 2 - 1
    -1.69315

    See also: `scipy.stats.wishart(df, scale)`; numpyro's `Wishart(concentration=df, scale_matrix=scale)`; `Gamma`, with
    concentration df / 2 and rate 1 / (2 scale), for d = 1.
    """

    df: Parameter = positive()
    scale: Parameter = covariance()

    support = COVARIANCE
    statistics = (identity, minus_log_det)

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        check_point(self, x)
        within = self.support.contains(x)
        safe = select(within[..., None, None], x, jnp.eye(x.shape[-1], dtype=x.dtype))
        return within_support(within, x, self.log_prob_of(safe, jnp.zeros_like(safe[..., 0, 0])))

    def log_prob_of(self, x: Array, gap: Array) -> Array:
        a, scale = 0.5 * jnp.asarray(self.df), jnp.asarray(self.scale)
        d = scale.shape[-1]
        log_det = 2 * jnp.sum(jnp.log(jnp.diagonal(jnp.linalg.cholesky(x))))
        factor = jnp.linalg.cholesky(scale)
        e = whitened(factor, x - 2 * a * scale) / (2 * a)
        norm = _log_gamma_gap(a, d) + 0.5 * (d + 1) * log_det
        return -a * log_det_divergence(e) - norm - (a - 0.5 * (d + 1)) * gap

    def expectations(self) -> dict:
        a, d = 0.5 * jnp.asarray(self.df), jnp.shape(self.scale)[-1]
        gap = sum(digamma_gap(a - 0.5 * i) - jnp.log1p(-0.5 * i / a) for i in range(d))
        return {identity: self.mean, square: self.variance, minus_log_det: gap}

    @classmethod
    def start(cls, source: Any) -> Self:
        # the gap is about d (d + 1) / 2 df, and infinite at df = d − 1
        mean, gap = summarize(source, cls.statistics)
        d = mean.shape[-1]
        df = d - 1 + 0.5 * d * (d + 1) / gap
        return cls(df, mean / df)

    @property
    def mean(self) -> Array:
        return jnp.asarray(self.df) * jnp.asarray(self.scale)

    @property
    def variance(self) -> Array:
        """The variances [d, d] of the entries."""
        scale = jnp.asarray(self.scale)
        diagonal = jnp.diagonal(scale)
        return self.df * (scale * scale + diagonal[:, None] * diagonal[None, :])

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        # Bartlett's decomposition
        first, second = jax.random.split(key)
        factor = jnp.linalg.cholesky(jnp.asarray(self.scale))
        d = factor.shape[-1]
        halves = 0.5 * (self.df - jnp.arange(d, dtype=factor.dtype))
        roots = jnp.sqrt(2 * jax.random.gamma(first, halves, (*shape, d), factor.dtype))
        below = jnp.tril(jax.random.normal(second, (*shape, d, d), factor.dtype), -1)

        def square(below: Array, roots: Array) -> Array:
            root = factor @ (below + jnp.diag(roots))
            return root @ root.T

        return jnp.vectorize(square, signature="(d,d),(d)->(d,d)")(below, roots)

    def kl_to(self, q: "Wishart") -> Array:
        """KL(self‖q), in nats, without cancellation: that of the means, and a Bregman term of the normaliser."""
        a, b = 0.5 * jnp.asarray(self.df), 0.5 * jnp.asarray(q.df)
        scale = jnp.asarray(q.scale)
        e = whitened(jnp.linalg.cholesky(scale), jnp.asarray(self.scale) - scale) * (a / b)
        e = e + (a - b) / b * jnp.eye(e.shape[-1], dtype=e.dtype)
        return b * log_det_divergence(e) + _log_gamma_bregman(a, b - a, e.shape[-1])


def _log_gamma_gap(a: Array, d: int) -> Array:
    """log Γ_d(a) − d (a log a − a)."""
    total = jnp.full_like(a, 0.25 * d * (d - 1) * math.log(math.pi))
    for i in range(d):
        low = a - 0.5 * i
        total = total + log_gamma_gap(low) + low * jnp.log1p(-0.5 * i / a) + 0.5 * i * (1 - jnp.log(a))
    return total


def _log_gamma_bregman(a: Array, delta: Array, d: int) -> Array:
    """S(a + delta) − S(a) − delta S′(a) ≥ 0 for S = `_log_gamma_gap`, as in `log_gamma_bregman`."""

    def curvature(a: Array) -> Array:
        return sum((trigamma_gap(a - 0.5 * i) + 0.5 * i / (a * (a - 0.5 * i)) for i in range(d)), jnp.zeros_like(a))

    # the nearest pole is at (d − 1) / 2
    pole = 0.5 * (d - 1)
    near = jnp.abs(delta) < 0.4 * (jnp.minimum(a, a + delta) - pole)
    nodes = jnp.asarray(NODES, a.dtype)
    weights = jnp.asarray(BREGMAN_WEIGHTS, a.dtype)
    close = delta * delta * (curvature(a + select(near, delta, 0.0) * nodes) @ weights)
    slope = sum(jnp.log1p(-0.5 * i / a) - digamma_gap(a - 0.5 * i) for i in range(d))
    return select(near, close, _log_gamma_gap(a + delta, d) - _log_gamma_gap(a, d) - delta * slope)
