"""The multivariate normal distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import solve_triangular

from xentjax._numerics import HALF_LOG_2PI, linear_minus_log
from xentjax.families.family import Family, check_point
from xentjax.parameters import Parameter, covariance, real
from xentjax.statistics import identity, outer, square, summarize
from xentjax.supports import REAL_VECTOR


class MultivariateNormal(Family):
    """MultivariateNormal(loc, covariance), for real vectors x [d].

    log q(x) = −½ (x − loc)ᵀ covariance⁻¹ (x − loc) − ½ log det covariance − ½ d log 2π.

    Args:
      loc: the mean [d].
      covariance: a symmetric positive definite matrix [d, d].

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> q = xj.MultivariateNormal(jnp.zeros(2), jnp.eye(2))
    >>> round(q.log_prob(jnp.zeros(2)).item(), 5)
    -1.83788

    See also: `scipy.stats.multivariate_normal(loc, covariance)`.
    """

    loc: Parameter = real()
    covariance: Parameter = covariance()

    support = REAL_VECTOR
    statistics = (identity, outer)

    def log_prob_of(self, x: Array, second: Array) -> Array:
        check_point(self, x)
        factor = self._factor
        z = solve_triangular(factor, x - self.loc, lower=True)
        # tr(covariance⁻¹ second), where second is 0 for a single point
        whitener = solve_triangular(factor, jnp.eye(factor.shape[-1], dtype=factor.dtype), lower=True)
        trace = jnp.sum((whitener.T @ whitener) * second)
        log_det = jnp.sum(jnp.log(jnp.diagonal(factor)))
        return -0.5 * (z @ z + trace) - log_det - factor.shape[-1] * HALF_LOG_2PI

    @property
    def _factor(self) -> Array:
        return jnp.linalg.cholesky(jnp.asarray(self.covariance), symmetrize_input=False)

    def expectations(self) -> dict:
        return {identity: self.mean, outer: jnp.asarray(self.covariance), square: self.variance}

    @classmethod
    def start(cls, source: Any) -> Self:
        return cls(*summarize(source, cls.statistics))

    @property
    def mean(self) -> Array:
        return jnp.asarray(self.loc)

    @property
    def variance(self) -> Array:
        """The variances [d] of the components."""
        return jnp.diagonal(jnp.asarray(self.covariance))

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        factor = self._factor
        z = jax.random.normal(key, (*shape, factor.shape[-1]), factor.dtype)
        return jnp.vectorize(lambda v: self.loc + factor @ v, signature="(d)->(d)")(z)

    def kl_to(self, q: "MultivariateNormal") -> Array:
        """KL(self‖q), in nats, without cancellation: with E = L⁻¹ (P − Q) L⁻ᵀ for Q = L Lᵀ."""
        factor = q._factor
        e = whitened(factor, jnp.asarray(self.covariance) - q.covariance)
        z = solve_triangular(factor, self.loc - jnp.asarray(q.loc), lower=True)
        return 0.5 * (log_det_divergence(e) + z @ z)


def whitened(factor: Array, matrix: Array) -> Array:
    """L⁻¹ A L⁻ᵀ of a symmetric matrix A, with L = factor."""
    half = solve_triangular(factor, matrix, lower=True)
    return solve_triangular(factor, half.T, lower=True)


def log_det_divergence(e: Array) -> Array:
    """tr E − log det(1 + E) ≥ 0 for a symmetric matrix E, without cancellation: C is the factor of 1 + E."""
    c = jnp.linalg.cholesky(jnp.eye(e.shape[-1], dtype=e.dtype) + e)
    below = jnp.sum(jnp.tril(c, -1) ** 2, -1)
    # C_ii² = 1 + E_ii − Σ_{k<i} C_ik²: its distance from 1 without the 1
    pivots = linear_minus_log(jnp.diagonal(e) - below, jnp.diagonal(c) ** 2)
    return jnp.sum(pivots) + jnp.sum(below)
