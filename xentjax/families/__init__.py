"""Families of distributions, one file each."""

from xentjax.families.bernoulli import Bernoulli
from xentjax.families.beta import Beta
from xentjax.families.binomial import Binomial
from xentjax.families.burr_xii import BurrXII
from xentjax.families.categorical import Categorical
from xentjax.families.continuous_bernoulli import ContinuousBernoulli
from xentjax.families.dirichlet import Dirichlet
from xentjax.families.exponential import Exponential
from xentjax.families.family import Family
from xentjax.families.gamma import Gamma
from xentjax.families.generalized_pareto import GeneralizedPareto
from xentjax.families.geometric import Geometric
from xentjax.families.gompertz import Gompertz
from xentjax.families.kumaraswamy import Kumaraswamy
from xentjax.families.laplace import Laplace
from xentjax.families.log_logistic import LogLogistic
from xentjax.families.log_normal import LogNormal
from xentjax.families.logit_normal import LogitNormal
from xentjax.families.lomax import Lomax
from xentjax.families.multivariate_normal import MultivariateNormal
from xentjax.families.negative_binomial import NegativeBinomial
from xentjax.families.normal import Normal
from xentjax.families.pareto import Pareto
from xentjax.families.poisson import Poisson
from xentjax.families.student_t import StudentT
from xentjax.families.von_mises import VonMises
from xentjax.families.weibull import Weibull
from xentjax.families.wrapped_cauchy import WrappedCauchy

__all__ = [
    "Bernoulli",
    "Beta",
    "Binomial",
    "BurrXII",
    "Categorical",
    "ContinuousBernoulli",
    "Dirichlet",
    "Exponential",
    "Family",
    "Gamma",
    "GeneralizedPareto",
    "Geometric",
    "Gompertz",
    "Kumaraswamy",
    "Laplace",
    "LogLogistic",
    "LogNormal",
    "LogitNormal",
    "Lomax",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "Pareto",
    "Poisson",
    "StudentT",
    "VonMises",
    "Weibull",
    "WrappedCauchy",
]
