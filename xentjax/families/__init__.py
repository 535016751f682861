"""Families of distributions, one file each."""

from xentjax.families.bernoulli import Bernoulli
from xentjax.families.beta import Beta
from xentjax.families.binomial import Binomial
from xentjax.families.categorical import Categorical
from xentjax.families.cauchy import Cauchy
from xentjax.families.dirichlet import Dirichlet
from xentjax.families.exponential import Exponential
from xentjax.families.family import Family
from xentjax.families.gamma import Gamma
from xentjax.families.generalized_extreme_value import GeneralizedExtremeValue
from xentjax.families.generalized_normal import GeneralizedNormal
from xentjax.families.geometric import Geometric
from xentjax.families.gumbel import Gumbel
from xentjax.families.laplace import Laplace
from xentjax.families.log_normal import LogNormal
from xentjax.families.logistic import Logistic
from xentjax.families.moyal import Moyal
from xentjax.families.multivariate_normal import MultivariateNormal
from xentjax.families.negative_binomial import NegativeBinomial
from xentjax.families.normal import Normal
from xentjax.families.pareto import Pareto
from xentjax.families.poisson import Poisson
from xentjax.families.skew_normal import SkewNormal
from xentjax.families.student_t import StudentT
from xentjax.families.uniform import Uniform
from xentjax.families.weibull import Weibull

__all__ = [
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Dirichlet",
    "Exponential",
    "Family",
    "Gamma",
    "GeneralizedExtremeValue",
    "GeneralizedNormal",
    "Geometric",
    "Gumbel",
    "Laplace",
    "LogNormal",
    "Logistic",
    "Moyal",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "Pareto",
    "Poisson",
    "SkewNormal",
    "StudentT",
    "Uniform",
    "Weibull",
]
