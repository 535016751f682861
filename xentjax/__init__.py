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
`monte_carlo` points. Optimisers: `newton` (the default) or any optax transformation. `xentjax.inference`: covariances,
intervals, tests and criteria of a fit.
"""

from xentjax import estimators as estimators
from xentjax import inference as inference
from xentjax.divergences import (
    jeffreys_divergence,
    jensen_shannon,
    neyman_chi_squared,
    pearson_chi_squared,
    squared_hellinger,
    total_variation,
)
from xentjax.estimation import fit, fit_kl, fit_map, fit_mle
from xentjax.families import (
    Bernoulli,
    Beta,
    BetaBinomial,
    BetaPrime,
    Binomial,
    BurrXII,
    Categorical,
    Cauchy,
    Chi,
    ChiSquared,
    ContinuousBernoulli,
    ConwayMaxwellPoisson,
    Dirichlet,
    Exponential,
    Family,
    Frechet,
    Gamma,
    GeneralizedExtremeValue,
    GeneralizedGamma,
    GeneralizedNormal,
    GeneralizedPareto,
    Geometric,
    Gompertz,
    Gumbel,
    HalfNormal,
    Independent,
    InverseGamma,
    InverseGaussian,
    Kumaraswamy,
    Laplace,
    LogarithmicSeries,
    Logistic,
    LogitNormal,
    LogLogistic,
    LogNormal,
    Lomax,
    Maxwell,
    Moyal,
    Multinomial,
    MultivariateNormal,
    MultivariateStudentT,
    Nakagami,
    NegativeBinomial,
    Normal,
    Pareto,
    Poisson,
    Rayleigh,
    SkewNormal,
    StudentT,
    Uniform,
    VonMises,
    VonMisesFisher,
    Weibull,
    Wishart,
    WrappedCauchy,
    Zeta,
)
from xentjax.generators import (
    bregman_divergence,
    f_divergence,
)
from xentjax.information import cross_entropy, entropy, in_bits, kl_divergence
from xentjax.joint import (
    conditional_entropy,
    conditional_mutual_information,
    joint_entropy,
    marginal,
    mutual_information,
    total_correlation,
)
from xentjax.minimization import minimize, newton
from xentjax.models import (
    Affine,
    Built,
    Censored,
    Density,
    Exp,
    Hurdle,
    Linear,
    Link,
    Mixture,
    Ordinal,
    Power,
    Regression,
    Scaled,
    Shifted,
    Transformed,
    Truncated,
    ZeroInflated,
    interval_censored,
    right_censored,
    rounded,
)
from xentjax.models import links as links
from xentjax.parameters import (
    Parameter,
    above,
    count,
    covariance,
    interval,
    logits,
    ordered,
    positive,
    real,
    signed,
    simplex,
    unconstrain,
    unit_interval,
)
from xentjax.powers import (
    alpha_divergence,
    perplexity,
    renyi_divergence,
    renyi_entropy,
    tsallis_divergence,
    tsallis_entropy,
)
from xentjax.records import record, static
from xentjax.results import Fit, Minimum
from xentjax.sources import Empirical, monte_carlo, quadrature
from xentjax.statuses import Status

__version__ = "0.1.0"

__all__ = [
    "Affine",
    "Bernoulli",
    "Beta",
    "BetaBinomial",
    "BetaPrime",
    "Binomial",
    "Built",
    "BurrXII",
    "Categorical",
    "Cauchy",
    "Censored",
    "Chi",
    "ChiSquared",
    "ContinuousBernoulli",
    "ConwayMaxwellPoisson",
    "Density",
    "Dirichlet",
    "Empirical",
    "Exp",
    "Exponential",
    "Family",
    "Fit",
    "Frechet",
    "Gamma",
    "GeneralizedExtremeValue",
    "GeneralizedGamma",
    "GeneralizedNormal",
    "GeneralizedPareto",
    "Geometric",
    "Gompertz",
    "Gumbel",
    "HalfNormal",
    "Hurdle",
    "Independent",
    "InverseGamma",
    "InverseGaussian",
    "Kumaraswamy",
    "Laplace",
    "Linear",
    "Link",
    "LogLogistic",
    "LogNormal",
    "LogarithmicSeries",
    "Logistic",
    "LogitNormal",
    "Lomax",
    "Maxwell",
    "Minimum",
    "Mixture",
    "Moyal",
    "Multinomial",
    "MultivariateNormal",
    "MultivariateStudentT",
    "Nakagami",
    "NegativeBinomial",
    "Normal",
    "Ordinal",
    "Parameter",
    "Pareto",
    "Poisson",
    "Power",
    "Rayleigh",
    "Regression",
    "Scaled",
    "Shifted",
    "SkewNormal",
    "Status",
    "StudentT",
    "Transformed",
    "Truncated",
    "Uniform",
    "VonMises",
    "VonMisesFisher",
    "Weibull",
    "Wishart",
    "WrappedCauchy",
    "ZeroInflated",
    "Zeta",
    "above",
    "alpha_divergence",
    "bregman_divergence",
    "conditional_entropy",
    "conditional_mutual_information",
    "count",
    "covariance",
    "cross_entropy",
    "entropy",
    "f_divergence",
    "fit",
    "fit_kl",
    "fit_map",
    "fit_mle",
    "in_bits",
    "interval",
    "interval_censored",
    "jeffreys_divergence",
    "jensen_shannon",
    "joint_entropy",
    "kl_divergence",
    "logits",
    "marginal",
    "minimize",
    "monte_carlo",
    "mutual_information",
    "newton",
    "neyman_chi_squared",
    "ordered",
    "pearson_chi_squared",
    "perplexity",
    "positive",
    "quadrature",
    "real",
    "record",
    "renyi_divergence",
    "renyi_entropy",
    "right_censored",
    "rounded",
    "signed",
    "simplex",
    "squared_hellinger",
    "static",
    "total_correlation",
    "total_variation",
    "tsallis_divergence",
    "tsallis_entropy",
    "unconstrain",
    "unit_interval",
]
