"""The chi-squared distribution."""

from typing import Any, Self

import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_gamma_rise
from xentjax.cumulants import cumulant
from xentjax.families.gamma import Gamma, gamma_cumulant
from xentjax.families.gamma_power import GammaPower, inverse_digamma
from xentjax.parameters import Parameter, positive
from xentjax.statistics import log


class ChiSquared(GammaPower):
    """ChiSquared(df), the sum of df squared standard normals: Gamma(df / 2, 1 / 2), for x > 0.

    log q(x) = (df / 2 − 1) log x − x / 2 − log Γ(df / 2) − (df / 2) log 2.

    Args:
      df: the degrees of freedom, > 0, and the mean.

    >>> import xentjax as xj
    >>> round(xj.entropy(xj.ChiSquared(2.0)).item(), 5)  # 1 + log 2
    1.69315

    See also: `scipy.stats.chi2(df)`; R's `dchisq(x, df)`; numpyro's `Chi2(df)`; `Gamma`, which has a scale too.
    """

    df: Parameter = positive(1.0)

    statistics = Gamma.statistics

    def form(self) -> tuple[Array, Array, Any]:
        a = 0.5 * self.df
        return a, jnp.full_like(a, 2.0), 1

    def log_prob_of(self, x: Array, gap: Array) -> Array:
        return self._gamma().log_prob_of(x, gap)

    def expectations(self) -> dict:
        gamma = self._gamma()
        return super().expectations() | {cumulant: lambda t: gamma_cumulant(gamma.concentration, gamma.rate, t)}

    def _gamma(self) -> Gamma:
        return Gamma(0.5 * self.df, jnp.full_like(self.df, 0.5))

    @classmethod
    def start(cls, source: Any) -> Self:
        return cls(2 * inverse_digamma(source.expect(log) - jnp.log(2.0)))

    @property
    def mean(self) -> Array:
        return jnp.asarray(self.df)

    @property
    def variance(self) -> Array:
        return 2 * jnp.asarray(self.df)

    def kl_to(self, q: "ChiSquared") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return log_gamma_rise(0.5 * self.df, 0.5 * (q.df - self.df))
