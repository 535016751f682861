"""xentjax: estimation by cross-entropy.

A source gives expectations, a model gives log-probabilities, cross-entropy joins them:

    H(p, q) = E_{x~p}[−log q(x)]

Fitting minimises it. When p is data that is maximum likelihood, when p is a known distribution it is a KL projection:

>>> import jax.numpy as jnp
>>> import xentjax as xj
>>> x = jnp.array([0.8, 1.5, 2.0, 3.1, 0.6])
>>> fit = xj.fit_mle(xj.Gamma, x)
>>> fit.model
Gamma(concentration=3.08..., rate=1.92...)
>>> same = xj.fit_kl(xj.Gamma, xj.Empirical(x))
>>> bool(same.model.rate == fit.model.rate)
True

Information measures take probability vectors or distributions, the truth first, and are in nats:

>>> round(xj.kl_divergence([0.5, 0.5], [0.25, 0.75]).item(), 4)
0.1438
>>> round(xj.cross_entropy(xj.Gamma(2.0, 1.0), xj.Exponential(0.5)).item(), 4)
1.6931

Models: the families (Normal, Gamma, ...), `Mixture`, a `record` of your own with `log_prob`, `Built` around an object
of another library, `Density` around a function. Sources: the families, `Empirical` data, `quadrature` and
`monte_carlo` points. Optimisers: `newton` (the default) or any optax transformation.
"""

from xentjax.estimation import fit, fit_kl, fit_mle
from xentjax.families import (
    Bernoulli,
    Beta,
    BetaBinomial,
    Binomial,
    Categorical,
    ConwayMaxwellPoisson,
    Dirichlet,
    Exponential,
    Family,
    Gamma,
    Geometric,
    Independent,
    Laplace,
    LogarithmicSeries,
    LogNormal,
    Multinomial,
    MultivariateNormal,
    MultivariateStudentT,
    NegativeBinomial,
    Normal,
    Pareto,
    Poisson,
    StudentT,
    VonMisesFisher,
    Weibull,
    Wishart,
    Zeta,
)
from xentjax.information import cross_entropy, entropy, in_bits, kl_divergence
from xentjax.minimization import minimize, newton
from xentjax.models import Built, Density, Mixture
from xentjax.parameters import (
    Parameter,
    count,
    covariance,
    interval,
    logits,
    ordered,
    positive,
    real,
    simplex,
    unconstrain,
    unit_interval,
)
from xentjax.records import record, static
from xentjax.results import Fit, Minimum, Status
from xentjax.sources import Empirical, monte_carlo, quadrature

__version__ = "0.1.0"

__all__ = [
    "Bernoulli",
    "Beta",
    "BetaBinomial",
    "Binomial",
    "Built",
    "Categorical",
    "ConwayMaxwellPoisson",
    "Density",
    "Dirichlet",
    "Empirical",
    "Exponential",
    "Family",
    "Fit",
    "Gamma",
    "Geometric",
    "Independent",
    "Laplace",
    "LogNormal",
    "LogarithmicSeries",
    "Minimum",
    "Mixture",
    "Multinomial",
    "MultivariateNormal",
    "MultivariateStudentT",
    "NegativeBinomial",
    "Normal",
    "Parameter",
    "Pareto",
    "Poisson",
    "Status",
    "StudentT",
    "VonMisesFisher",
    "Weibull",
    "Wishart",
    "Zeta",
    "count",
    "covariance",
    "cross_entropy",
    "entropy",
    "fit",
    "fit_kl",
    "fit_mle",
    "in_bits",
    "interval",
    "kl_divergence",
    "logits",
    "minimize",
    "monte_carlo",
    "newton",
    "ordered",
    "positive",
    "quadrature",
    "real",
    "record",
    "simplex",
    "static",
    "unconstrain",
    "unit_interval",
]
