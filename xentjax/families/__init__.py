"""Families of distributions, one file each."""

from xentjax.families.asymmetric_laplace import AsymmetricLaplace
from xentjax.families.bernoulli import Bernoulli
from xentjax.families.beta import Beta
from xentjax.families.beta_binomial import BetaBinomial
from xentjax.families.beta_prime import BetaPrime
from xentjax.families.binomial import Binomial
from xentjax.families.burr_xii import BurrXII
from xentjax.families.categorical import Categorical
from xentjax.families.cauchy import Cauchy
from xentjax.families.chi import Chi
from xentjax.families.chi_squared import ChiSquared
from xentjax.families.continuous_bernoulli import ContinuousBernoulli
from xentjax.families.conway_maxwell_poisson import ConwayMaxwellPoisson
from xentjax.families.dirichlet import Dirichlet
from xentjax.families.exponential import Exponential
from xentjax.families.family import Family
from xentjax.families.frechet import Frechet
from xentjax.families.gamma import Gamma
from xentjax.families.generalized_extreme_value import GeneralizedExtremeValue
from xentjax.families.generalized_gamma import GeneralizedGamma
from xentjax.families.generalized_normal import GeneralizedNormal
from xentjax.families.generalized_pareto import GeneralizedPareto
from xentjax.families.geometric import Geometric
from xentjax.families.gompertz import Gompertz
from xentjax.families.gumbel import Gumbel
from xentjax.families.half_normal import HalfNormal
from xentjax.families.independent import Independent
from xentjax.families.inverse_gamma import InverseGamma
from xentjax.families.inverse_gaussian import InverseGaussian
from xentjax.families.kumaraswamy import Kumaraswamy
from xentjax.families.laplace import Laplace
from xentjax.families.log_logistic import LogLogistic
from xentjax.families.log_normal import LogNormal
from xentjax.families.logarithmic_series import LogarithmicSeries
from xentjax.families.logistic import Logistic
from xentjax.families.logit_normal import LogitNormal
from xentjax.families.lomax import Lomax
from xentjax.families.maxwell import Maxwell
from xentjax.families.moyal import Moyal
from xentjax.families.multinomial import Multinomial
from xentjax.families.multivariate_normal import MultivariateNormal
from xentjax.families.multivariate_student_t import MultivariateStudentT
from xentjax.families.nakagami import Nakagami
from xentjax.families.negative_binomial import NegativeBinomial
from xentjax.families.normal import Normal
from xentjax.families.pareto import Pareto
from xentjax.families.poisson import Poisson
from xentjax.families.rayleigh import Rayleigh
from xentjax.families.skew_normal import SkewNormal
from xentjax.families.student_t import StudentT
from xentjax.families.tweedie import Tweedie
from xentjax.families.uniform import Uniform
from xentjax.families.von_mises import VonMises
from xentjax.families.von_mises_fisher import VonMisesFisher
from xentjax.families.weibull import Weibull
from xentjax.families.wishart import Wishart
from xentjax.families.wrapped_cauchy import WrappedCauchy
from xentjax.families.zeta import Zeta

__all__ = [
    "AsymmetricLaplace",
    "Bernoulli",
    "Beta",
    "BetaBinomial",
    "BetaPrime",
    "Binomial",
    "BurrXII",
    "Categorical",
    "Cauchy",
    "Chi",
    "ChiSquared",
    "ContinuousBernoulli",
    "ConwayMaxwellPoisson",
    "Dirichlet",
    "Exponential",
    "Family",
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
    "Independent",
    "InverseGamma",
    "InverseGaussian",
    "Kumaraswamy",
    "Laplace",
    "LogLogistic",
    "LogNormal",
    "LogarithmicSeries",
    "Logistic",
    "LogitNormal",
    "Lomax",
    "Maxwell",
    "Moyal",
    "Multinomial",
    "MultivariateNormal",
    "MultivariateStudentT",
    "Nakagami",
    "NegativeBinomial",
    "Normal",
    "Pareto",
    "Poisson",
    "Rayleigh",
    "SkewNormal",
    "StudentT",
    "Tweedie",
    "Uniform",
    "VonMises",
    "VonMisesFisher",
    "Weibull",
    "Wishart",
    "WrappedCauchy",
    "Zeta",
]
