"""Student's t distribution."""

import functools
import math
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma_gap_drop, log_gamma_half_step
from xentjax._numerics import HALF_LOG_2PI, as_float, linear_minus_log, quotient
from xentjax._select import select
from xentjax._tails import log_beta_tails
from xentjax.cumulants import cumulant
from xentjax.families.cauchy import infinite_cumulant
from xentjax.families.family import Family, within_support
from xentjax.parameters import Parameter, positive, real
from xentjax.statistics import distance, identity, square, summarize
from xentjax.supports import REAL


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def log_kernel(d: int, df: Array, square: Array) -> Array:
    """½ (df + d) log(1 + square / df), for vectors of d components: ½ square as df → ∞.

    Its derivatives are written out: both branches differentiated twice would compile a third longer.
    """
    w = square / df
    near = select(w < 0.5, w, 0.0)
    # ½ square and a rest that vanishes
    series = 0.5 * (square + d * w - (df + d) * linear_minus_log(near, 1 + near))
    return select(w < 0.5, series, 0.5 * (df + d) * jnp.log1p(w))


@log_kernel.defjvp
def _(d: int, primals: tuple, tangents: tuple) -> tuple:
    df, square = primals
    w = square / df
    rest = 1 / (1 + w)
    part = select(w < 1, jnp.minimum(w, 1.0) * rest, 1 - rest)
    in_df = 0.5 * (linear_minus_log(-part, rest) - d * part / df)
    in_square = 0.5 * (1 + d / df) * rest
    return log_kernel(d, df, square), in_df * tangents[0] + in_square * tangents[1]


class StudentT(Family):
    """StudentT(df, loc, scale): the density of loc + scale · T with T of Student's t distribution, for real x.

    log q(x) = log Γ((df + 1)/2) − log Γ(df/2) − ½ log(π df) − log scale − ½ (df + 1) log(1 + z²/df),
    z = (x − loc) / scale. Accurate for large df, where it becomes Normal(loc, scale). It has no finite set of
    statistics: a cross-entropy to it needs points.

    Args:
      df: degrees of freedom, > 0; the mean exists for df > 1, the variance for df > 2.
      loc: the centre.
      scale: the scale, > 0 (not the standard deviation).

    >>> import xentjax as xj
    >>> round(xj.StudentT(1.0, 0.0, 1.0).log_prob(0.0).item(), 5)  # Cauchy: -log(pi)
    -1.14473

    See also: `scipy.stats.t(df, loc, scale)`.
    """

    df: Parameter = positive(4.0)
    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)

    support = REAL

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.support.contains(x)
        z = quotient(select(within, x, 0.0) - self.loc, self.scale)
        # so far out that 1 + z² / df is z² / df the kernel is a power
        size, far = jnp.abs(z), _far(z)
        power = (self.df + 1) * jnp.log(jnp.maximum(size, far) / far)
        value = self._log_norm() - jnp.log(self.scale) - self._log_kernel(jnp.minimum(size, far) ** 2) - power
        return within_support(within, x, value)

    def _log_norm(self) -> Array:
        return log_gamma_half_step(0.5 * jnp.asarray(self.df)) - HALF_LOG_2PI

    def _log_kernel(self, square: Array) -> Array:
        return log_kernel(1, jnp.asarray(self.df), square)

    def expectations(self) -> dict:
        # the square's expectation is infinite for df ≤ 2, and so is a cross-entropy to a normal, mean or none
        spread = select(self.df > 2, self.variance, jnp.inf)
        return {
            identity: select(self.df > 1, self.loc, 0.0),
            square: spread,
            distance: self._distance,
            cumulant: infinite_cumulant,
        }

    def _distance(self, point: Array) -> Array:
        # twice the mean excess over the point, on the side away from loc:
        # E(T − u)⁺ = (df + u²) / (df − 1) f(u) − u P(T > u)
        df, u = jnp.asarray(self.df), jnp.abs(self.loc - point) / self.scale
        finite = df > 1
        density = jnp.exp(self._log_norm() - self._log_kernel(u * u))
        first = (df + u * u) / select(finite, df - 1, 1.0) * density
        excess = jnp.maximum(first - u * jnp.exp(self._log_tail(u)), 0.0)
        return select(finite, 2 * self.scale * excess, jnp.inf)

    @classmethod
    def start(cls, source: Any) -> Self:
        """Four reweighting steps of the t distribution with 4 degrees of freedom, from mean and variance."""
        mean, variance = summarize(source, (identity, square))

        def weighted(x: Array, loc: Array, variance: Array) -> tuple[Array, Array, Array]:
            d = x - loc
            w = 5.0 / (4.0 + d * d / variance)
            return w, w * d, w * d * d

        def step(_: Array, state: tuple) -> tuple:
            loc, variance = state
            w, wd, wdd = source.expect(lambda x: weighted(identity(x), loc, variance))
            shift = wd / w
            return loc + shift, wdd - w * shift * shift

        loc, variance = jax.lax.fori_loop(0, 4, step, (mean, variance))
        return cls(jnp.full_like(loc, 4.0), loc, jnp.sqrt(variance))

    @property
    def mean(self) -> Array:
        return select(jnp.asarray(self.df) > 1, self.loc, jnp.nan)

    @property
    def variance(self) -> Array:
        df = jnp.asarray(self.df)
        finite = df > 2
        value = select(finite, self.scale**2 * df / select(finite, df - 2, 1.0), jnp.inf)
        return select(df > 1, value, jnp.nan)

    def entropy(self) -> Array:
        """H(self), in nats."""
        # E log(1 + T²/df) = ψ((df + 1)/2) − ψ(df/2)
        a = 0.5 * jnp.asarray(self.df)
        mean_log = jnp.log1p(0.5 / a) + digamma_gap_drop(a, jnp.full_like(a, 0.5))
        return (a + 0.5) * mean_log - self._log_norm() + jnp.log(self.scale)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        df = jnp.asarray(self.df)
        return self.loc + self.scale * jax.random.t(key, df, shape, df.dtype)

    def tails(self, x: Array) -> tuple[Array, Array]:
        z = (x - self.loc) / self.scale
        far = self._log_tail(jnp.abs(z))
        near = jnp.log1p(-jnp.exp(far))
        # in the middle z² is 0 and has no slope
        middle = z * z == 0
        rise = select(middle, 2 * z * jnp.exp(self._log_norm()), 0.0)
        below = select(middle, jnp.log1p(rise) - math.log(2), select(z < 0, far, near))
        return below, select(middle, jnp.log1p(-rise) - math.log(2), select(z < 0, near, far))

    def _log_tail(self, size: Array) -> Array:
        # P(T > |z|) = ½ I_w(df / 2, ½) with w = df / (df + z²), and a power of |z| where that is 0
        df, far = jnp.asarray(self.df), _far(size)
        square, power = jnp.minimum(size, far) ** 2, df * jnp.log(jnp.maximum(size, far) / far)
        w = df / (df + square)
        # far out the complement of w has its digits, and those of its derivative, from w
        rest = select(w < 0.5, 1 - w, square / (df + square))
        return log_beta_tails(0.5 * df, jnp.full_like(df, 0.5), w, rest)[0] - math.log(2) - power

    def coordinate(self) -> tuple[Array, Array]:
        return self.loc, self.scale


def _far(z: Array) -> float:
    """So far out that 1 + z² / df is z² / df, while z⁴, which derivatives form, is in the range of floats."""
    return float(jnp.finfo(z.dtype).max) ** 0.2
