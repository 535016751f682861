"""Families of distributions, one file each."""

from xentjax.families.bernoulli import Bernoulli
from xentjax.families.beta import Beta
from xentjax.families.beta_prime import BetaPrime
from xentjax.families.binomial import Binomial
from xentjax.families.categorical import Categorical
from xentjax.families.cauchy import Cauchy
from xentjax.families.chi import Chi
from xentjax.families.chi_squared import ChiSquared
from xentjax.families.dirichlet import Dirichlet
from xentjax.families.exponential import Exponential
from xentjax.families.family import Family
from xentjax.families.frechet import Frechet
from xentjax.families.gamma import Gamma
from xentjax.families.generalized_extreme_value import GeneralizedExtremeValue
from xentjax.families.generalized_gamma import GeneralizedGamma
from xentjax.families.generalized_normal import GeneralizedNormal
from xentjax.families.geometric import Geometric
from xentjax.families.gumbel import Gumbel
from xentjax.families.half_normal import HalfNormal
from xentjax.families.inverse_gamma import InverseGamma
from xentjax.families.inverse_gaussian import InverseGaussian
from xentjax.families.laplace import Laplace
from xentjax.families.log_normal import LogNormal
from xentjax.families.logistic import Logistic
from xentjax.families.maxwell import Maxwell
from xentjax.families.moyal import Moyal
from xentjax.families.multivariate_normal import MultivariateNormal
from xentjax.families.nakagami import Nakagami
from xentjax.families.negative_binomial import NegativeBinomial
from xentjax.families.normal import Normal
from xentjax.families.pareto import Pareto
from xentjax.families.poisson import Poisson
from xentjax.families.rayleigh import Rayleigh
from xentjax.families.skew_normal import SkewNormal
from xentjax.families.student_t import StudentT
from xentjax.families.uniform import Uniform
from xentjax.families.weibull import Weibull

__all__ = [
    "Bernoulli",
    "Beta",
    "BetaPrime",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Chi",
    "ChiSquared",
    "Dirichlet",
    "Exponential",
    "Family",
    "Frechet",
    "Gamma",
    "GeneralizedExtremeValue",
    "GeneralizedGamma",
    "GeneralizedNormal",
    "Geometric",
    "Gumbel",
    "HalfNormal",
    "InverseGamma",
    "InverseGaussian",
    "Laplace",
    "LogNormal",
    "Logistic",
    "Maxwell",
    "Moyal",
    "MultivariateNormal",
    "Nakagami",
    "NegativeBinomial",
    "Normal",
    "Pareto",
    "Poisson",
    "Rayleigh",
    "SkewNormal",
    "StudentT",
    "Uniform",
    "Weibull",
]
