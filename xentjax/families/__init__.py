"""Families of distributions, one file each."""

from xentjax.families.bernoulli import Bernoulli
from xentjax.families.beta import Beta
from xentjax.families.beta_binomial import BetaBinomial
from xentjax.families.binomial import Binomial
from xentjax.families.categorical import Categorical
from xentjax.families.conway_maxwell_poisson import ConwayMaxwellPoisson
from xentjax.families.dirichlet import Dirichlet
from xentjax.families.exponential import Exponential
from xentjax.families.family import Family
from xentjax.families.gamma import Gamma
from xentjax.families.geometric import Geometric
from xentjax.families.independent import Independent
from xentjax.families.laplace import Laplace
from xentjax.families.log_normal import LogNormal
from xentjax.families.logarithmic_series import LogarithmicSeries
from xentjax.families.multinomial import Multinomial
from xentjax.families.multivariate_normal import MultivariateNormal
from xentjax.families.multivariate_student_t import MultivariateStudentT
from xentjax.families.negative_binomial import NegativeBinomial
from xentjax.families.normal import Normal
from xentjax.families.pareto import Pareto
from xentjax.families.poisson import Poisson
from xentjax.families.student_t import StudentT
from xentjax.families.von_mises_fisher import VonMisesFisher
from xentjax.families.weibull import Weibull
from xentjax.families.wishart import Wishart
from xentjax.families.zeta import Zeta

__all__ = [
    "Bernoulli",
    "Beta",
    "BetaBinomial",
    "Binomial",
    "Categorical",
    "ConwayMaxwellPoisson",
    "Dirichlet",
    "Exponential",
    "Family",
    "Gamma",
    "Geometric",
    "Independent",
    "Laplace",
    "LogNormal",
    "LogarithmicSeries",
    "Multinomial",
    "MultivariateNormal",
    "MultivariateStudentT",
    "NegativeBinomial",
    "Normal",
    "Pareto",
    "Poisson",
    "StudentT",
    "VonMisesFisher",
    "Weibull",
    "Wishart",
    "Zeta",
]
