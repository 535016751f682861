"""The multivariate t distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import solve_triangular

from xentjax._gamma import digamma_gap_drop, log_gamma_half_step
from xentjax._numerics import HALF_LOG_2PI, as_float
from xentjax._select import select
from xentjax.families.family import Family, check_point, within_support
from xentjax.families.student_t import log_kernel
from xentjax.parameters import Parameter, covariance, positive, real
from xentjax.statistics import identity, outer, square, summarize
from xentjax.supports import REAL_VECTOR


class MultivariateStudentT(Family):
    """MultivariateStudentT(df, loc, scale_matrix), for real vectors x [d].

    log q(x) = log Γ((df + d)/2) − log Γ(df/2) − ½ d log(π df) − ½ log det scale_matrix − ½ (df + d) log(1 + m/df),
    m = (x − loc)ᵀ scale_matrix⁻¹ (x − loc). Accurate for large df, where it becomes MultivariateNormal(loc,
    scale_matrix). It has no finite set of statistics: a cross-entropy to it needs points.

    Args:
      df: degrees of freedom, > 0; the mean exists for df > 1, the covariance for df > 2.
      loc: the centre [d].
      scale_matrix: a symmetric positive definite matrix [d, d]; the covariance is scale_matrix · df / (df − 2).

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> q = xj.MultivariateStudentT(1.0, jnp.zeros(2), jnp.eye(2))
    >>> round(q.log_prob(jnp.zeros(2)).item(), 5)  # Cauchy: -log(2 pi)
    -1.83788

    See also: `scipy.stats.multivariate_t(loc, shape=scale_matrix, df=df)`; numpyro's takes the Cholesky factor.
    """

    df: Parameter = positive()
    loc: Parameter = real()
    scale_matrix: Parameter = covariance()

    support = REAL_VECTOR

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        check_point(self, x)
        within = self.support.contains(x)
        z = solve_triangular(self._factor, select(within[..., None], x, 0.0) - self.loc, lower=True)
        return within_support(within, x, self._log_norm() - self._log_kernel(z @ z))

    @property
    def _factor(self) -> Array:
        return jnp.linalg.cholesky(jnp.asarray(self.scale_matrix), symmetrize_input=False)

    def _log_norm(self) -> Array:
        # log Γ(a + d/2) − log Γ(a) − ½ d log a, by whole steps of a and one half step
        a, (d,) = 0.5 * jnp.asarray(self.df), jnp.shape(self.loc)
        steps = sum(jnp.log1p((i + 0.5 * (d % 2)) / a) for i in range(d // 2))
        half = log_gamma_half_step(a) if d % 2 else 0.0
        return steps + half - d * HALF_LOG_2PI - jnp.sum(jnp.log(jnp.diagonal(self._factor)))

    def _log_kernel(self, square: Array) -> Array:
        return log_kernel(jnp.shape(self.loc)[0], jnp.asarray(self.df), square)

    def expectations(self) -> dict:
        # without a covariance a cross-entropy to a normal is infinite, also where there is no mean
        df, scale = jnp.asarray(self.df), jnp.asarray(self.scale_matrix)
        eye = jnp.eye(scale.shape[-1], dtype=bool)
        infinite = select(eye, jnp.inf, jnp.zeros_like(scale))
        second = select(df > 2, scale * (df / select(df > 2, df - 2, 1.0)), infinite)
        return {
            identity: select(df > 1, self.loc, 0.0),
            outer: second,
            square: jnp.diagonal(second),
        }

    @classmethod
    def start(cls, source: Any) -> Self:
        """Four reweighting steps of the t distribution with 4 degrees of freedom, from mean and covariance."""
        mean, matrix = summarize(source, (identity, outer))

        def weighted(x: Array, loc: Array, factor: Array) -> tuple[Array, Array, Array]:
            d = x - loc
            z = solve_triangular(factor, d, lower=True)
            w = (4.0 + d.shape[-1]) / (4.0 + z @ z)
            return w, w * d, w * jnp.outer(d, d)

        def step(_: Array, state: tuple) -> tuple:
            loc, matrix = state
            factor = jnp.linalg.cholesky(matrix)
            w, wd, wdd = source.expect(lambda x: weighted(identity(x), loc, factor))
            shift = wd / w
            return loc + shift, wdd - w * jnp.outer(shift, shift)

        loc, matrix = jax.lax.fori_loop(0, 4, step, (mean, matrix))
        return cls(jnp.full_like(loc[0], 4.0), loc, matrix)

    @property
    def mean(self) -> Array:
        return select(jnp.asarray(self.df) > 1, self.loc, jnp.nan)

    @property
    def variance(self) -> Array:
        """The variances [d] of the components."""
        return select(jnp.asarray(self.df) > 1, self.expectations()[square], jnp.nan)

    def entropy(self) -> Array:
        """H(self), in nats."""
        # E log(1 + m/df) = ψ((df + d)/2) − ψ(df/2)
        a, h = 0.5 * jnp.asarray(self.df), 0.5 * jnp.shape(self.loc)[0]
        return (a + h) * (jnp.log1p(h / a) + digamma_gap_drop(a, jnp.full_like(a, h))) - self._log_norm()

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        first, second = jax.random.split(key)
        df, factor = jnp.asarray(self.df), self._factor
        z = jax.random.normal(first, (*shape, factor.shape[-1]), factor.dtype)
        mixing = jnp.sqrt(0.5 * df / jax.random.gamma(second, 0.5 * df, shape, df.dtype))
        return jnp.vectorize(lambda v: self.loc + factor @ v, signature="(d)->(d)")(z * mixing[..., None])
