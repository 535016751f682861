"""One row per member of a family: the batteries of identities run over these. To add a family, add rows.

The reference densities are scipy's, the reference divergences are the textbook formulas in mpmath, where their
cancellation costs nothing.
"""

import dataclasses
import functools
import types
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import scipy.stats
from mpmath import mp

import xentjax as xj
from xentjax.parameters import named_leaves
from xentjax.supports import CIRCLE, CLOSED_UNIT_INTERVAL, NON_NEGATIVE, REAL, UNIT_INTERVAL


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """A member of a family, and another of the same structure.

    Attributes:
      family: the class.
      parameters, other: the values of its fields, in order; a field that is itself a model is given as a `Row`.
      reference: the frozen scipy distribution with these parameters, None if scipy has none.
      kl: KL(p‖q) in mpmath, from the parameters of p and those of q; None if the library knows no closed form.
    """

    family: type
    parameters: tuple
    other: tuple
    reference: Callable[..., Any] | None = None
    kl: Callable[..., Any] | None = None

    def make(self, dtype: str) -> Any:
        return self._with(self.parameters, dtype)

    def another(self, dtype: str) -> Any:
        return self._with(self.other, dtype)

    def _with(self, values: tuple, dtype: str) -> Any:
        return self.family(*(v.make(dtype) if isinstance(v, Row) else jnp.asarray(v, dtype) for v in values))

    @property
    def scalar(self) -> bool:
        """Whether a point is a single number."""
        return self.make("float64").support.ndim == 0

    def __str__(self) -> str:
        inner = [
            f"{v.family.__name__}" if isinstance(v, Row) else np.array2string(np.asarray(v)) for v in self.parameters
        ]
        return f"{self.family.__name__}({','.join(' '.join(text.split()) for text in inner)})"


def frozen(row: Row, p: Any) -> Any:
    """scipy's distribution with exactly the parameters of p, a member of the row's family, in float64."""
    return row.reference(*(np.asarray(leaf, float) for leaf in jax.tree.leaves(p)))


def exact(values: Any) -> Any:
    """The same numbers in mpmath: one, or an array of them."""
    numbers = np.vectorize(mp.mpf, otypes=[object])(np.asarray(values, float))
    return numbers if np.ndim(values) else numbers[()]


def _bernoulli_kl(p: Any, q: Any) -> Any:
    return p * mp.log(p / q) + (1 - p) * mp.log((1 - p) / (1 - q))


def _categorical_kl(p: list, q: list) -> Any:
    log_p, log_q = ([u - mp.log(sum(map(mp.exp, logits))) for u in logits] for logits in (p, q))
    return sum(mp.exp(a) * (a - b) for a, b in zip(log_p, log_q, strict=True))


def _cauchy_kl(loc: Any, scale: Any, q_loc: Any, q_scale: Any) -> Any:
    return mp.log(((scale + q_scale) ** 2 + (loc - q_loc) ** 2) / (4 * scale * q_scale))


def _dirichlet_kl(p: list, q: list) -> Any:
    n = sum(p)
    norm = (
        mp.loggamma(n) - mp.loggamma(sum(q)) + sum(mp.loggamma(b) - mp.loggamma(a) for a, b in zip(p, q, strict=True))
    )
    return norm + sum((a - b) * (mp.digamma(a) - mp.digamma(n)) for a, b in zip(p, q, strict=True))


def _gamma_kl(a: Any, rate: Any, b: Any, q_rate: Any) -> Any:
    norm = mp.loggamma(b) - mp.loggamma(a) + b * mp.log(rate / q_rate)
    return norm + (a - b) * mp.digamma(a) + a * (q_rate - rate) / rate


def _gumbel_kl(loc: Any, scale: Any, q_loc: Any, q_scale: Any) -> Any:
    r, d = scale / q_scale, (loc - q_loc) / q_scale
    return -mp.log(r) + d + r * mp.euler + mp.exp(-d) * mp.gamma(1 + r) - mp.euler - 1


def _generalized_gamma_kl(a: Any, scale: Any, p: Any, b: Any, q_scale: Any, q: Any) -> Any:
    norm = mp.log(p / q) + mp.loggamma(b) - mp.loggamma(a) + b * q * mp.log(q_scale) - a * p * mp.log(scale)
    log_mean = mp.log(scale) + mp.digamma(a) / p
    return norm + (a * p - b * q) * log_mean - a + (scale / q_scale) ** q * mp.gamma(a + q / p) / mp.gamma(a)


def _inverse_gaussian_kl(mean: Any, shape: Any, q_mean: Any, q_shape: Any) -> Any:
    distance = (mean - q_mean) ** 2 / (q_mean**2 * mean) + 1 / shape
    return (mp.log(shape / q_shape) + q_shape * distance - 1) / 2


def _continuous_bernoulli_kl(p: Any, q: Any) -> Any:
    t, u = mp.log(p / (1 - p)), mp.log(q / (1 - q))
    mean = 1 / (1 - mp.exp(-t)) - 1 / t
    return (t - u) * mean - mp.log(mp.expm1(t) / t) + mp.log(mp.expm1(u) / u)


def _gompertz_kl(c: Any, rate: Any, d: Any, q_rate: Any) -> Any:
    k = q_rate / rate
    power = mp.exp(c) * c**-k * mp.gammainc(k + 1, c)
    return mp.log(c * rate / (d * q_rate)) + (1 - k) * mp.exp(c) * mp.e1(c) - 1 + d * (power - 1)


def _von_mises_kl(loc: Any, k: Any, q_loc: Any, m: Any) -> Any:
    norms = mp.log(mp.besseli(0, m) / mp.besseli(0, k))
    return norms + mp.besseli(1, k) / mp.besseli(0, k) * (k - m * mp.cos(loc - q_loc))


def _wrapped_cauchy_kl(loc: Any, r: Any, q_loc: Any, s: Any) -> Any:
    return mp.log((1 + (r * s) ** 2 - 2 * r * s * mp.cos(loc - q_loc)) / ((1 - r * r) * (1 - s * s)))


def _laplace_kl(loc: Any, scale: Any, q_loc: Any, q_scale: Any) -> Any:
    d = abs(loc - q_loc)
    return mp.log(q_scale / scale) + (d + scale * mp.exp(-d / scale)) / q_scale - 1


def _moyal_kl(loc: Any, scale: Any, q_loc: Any, q_scale: Any) -> Any:
    r, d, mean = scale / q_scale, (loc - q_loc) / q_scale, mp.euler + mp.log(2)
    power = mp.power(2, r) * mp.gamma(r + mp.mpf(1) / 2) / mp.sqrt(mp.pi)
    return -mp.log(r) + (d + r * mean + mp.exp(-d) * power - mean - 1) / 2


def _normal_kl(loc: Any, scale: Any, q_loc: Any, q_scale: Any) -> Any:
    return mp.log(q_scale / scale) + (scale**2 + (loc - q_loc) ** 2) / (2 * q_scale**2) - mp.mpf(1) / 2


def _multivariate_normal_kl(loc: list, covariance: list, q_loc: list, q_covariance: list) -> Any:
    p, q = mpmath.matrix(covariance.tolist()), mpmath.matrix(q_covariance.tolist())
    d, inverse = mpmath.matrix((loc - q_loc).tolist()), mpmath.inverse(q)
    trace = sum((inverse * p)[i, i] for i in range(len(loc)))
    return (trace + (d.T * inverse * d)[0] - len(loc) + mp.log(mpmath.det(q) / mpmath.det(p))) / 2


def _uniform_kl(low: Any, high: Any, q_low: Any, q_high: Any) -> Any:
    return mp.log((q_high - q_low) / (high - low))


def _weibull_kl(k: Any, scale: Any, q_k: Any, q_scale: Any) -> Any:
    norm = mp.log(k / scale**k) - mp.log(q_k / q_scale**q_k)
    return norm + (k - q_k) * (mp.log(scale) - mp.euler / k) + (scale / q_scale) ** q_k * mp.gamma(q_k / k + 1) - 1


# scipy lacks these distributions, or cuts the circle elsewhere


def _continuous_bernoulli(probs: Any) -> Any:
    t = np.log(probs) - np.log1p(-probs)
    return types.SimpleNamespace(
        logpdf=lambda x: t * x - np.log(np.expm1(t) / t), ppf=lambda u: np.log1p(np.multiply(u, np.expm1(t))) / t
    )


def _kumaraswamy(a: Any, b: Any) -> Any:
    return types.SimpleNamespace(
        logpdf=lambda x: np.log(a * b) + (a - 1) * np.log(x) + (b - 1) * np.log1p(-(x**a)),
        ppf=lambda u: (-np.expm1(np.log1p(np.negative(u)) / b)) ** (1 / a),
    )


def _logit_normal(loc: Any, scale: Any) -> Any:
    normal = st.norm(loc, scale)
    return types.SimpleNamespace(
        logpdf=lambda x: normal.logpdf(scipy.special.logit(x)) - np.log(x) - np.log1p(-x),
        ppf=lambda u: scipy.special.expit(normal.ppf(u)),
    )


def _circular(loc: Any, centered: Any) -> Any:
    """A distribution about 0, moved: its points are put between −π and π."""
    return types.SimpleNamespace(
        logpdf=lambda x: centered.logpdf(np.mod(x - loc, 2 * np.pi)),
        ppf=lambda u: np.mod(centered.ppf(u) + loc + np.pi, 2 * np.pi) - np.pi,
    )


def _rows(family: type, pairs: list, reference: Any = None, kl: Any = None) -> list[Row]:
    return [Row(family, p, q, reference, kl) for p, q in pairs]


def _logarithmic_kl(p: Any, q: Any) -> Any:
    mean = -p / ((1 - p) * mp.log(1 - p))
    return mp.log(p / q) * mean + mp.log(mp.log(1 - q) / mp.log(1 - p))


def _zeta_kl(s: Any, low: Any, t: Any, _: Any) -> Any:
    slope = mp.zeta(s, low, 1) / mp.zeta(s, low)
    return mp.log(mp.zeta(t, low) / mp.zeta(s, low)) - (t - s) * slope


def _conway_maxwell_poisson_kl(rate: Any, nu: Any, q_rate: Any, q_nu: Any) -> Any:
    reach = range(int(rate + 12 * mp.sqrt(rate / nu) + 150 / nu) + 20)
    factorials = [mp.loggamma(k + 1) for k in reach]

    def log_probs(rate: Any, nu: Any) -> list:
        terms = [nu * (k * mp.log(rate) - f) for k, f in zip(reach, factorials, strict=True)]
        norm = mp.log(mp.fsum(map(mp.exp, terms)))
        return [term - norm for term in terms]

    pairs = zip(log_probs(rate, nu), log_probs(q_rate, q_nu), strict=True)
    return mp.fsum(mp.exp(a) * (a - b) for a, b in pairs)


st = scipy.stats

# For each family: generic values, then regimes in which textbook formulas lose digits.
ROWS = [
    *_rows(
        xj.Bernoulli,
        [((0.3,), (0.6,)), ((1e-4,), (3e-4,)), ((0.999,), (0.99,))],
        st.bernoulli,
        _bernoulli_kl,
    ),
    *_rows(
        xj.Beta,
        [((2.0, 3.5), (1.5, 0.8)), ((0.3, 1.5), (0.5, 0.2)), ((1e4, 3e4), (1.02e4, 2.9e4))],
        st.beta,
        lambda a, b, c, d: _dirichlet_kl([a, b], [c, d]),
    ),
    *_rows(
        xj.BetaPrime,
        [((2.0, 3.5), (1.5, 2.8)), ((0.3, 2.5), (0.5, 3.2)), ((1e4, 1e4), (1.02e4, 9e3))],
        st.betaprime,
        lambda a, b, c, d: _dirichlet_kl([a, b], [c, d]),
    ),
    *_rows(
        xj.BetaBinomial,
        [
            ((12.0, 2.0, 3.5), (12.0, 1.5, 0.8)),
            ((20.0, 1e6, 3e6), (20.0, 1.1e6, 2.9e6)),
            ((9.0, 0.2, 0.1), (9.0, 0.3, 1.0)),
        ],
        st.betabinom,
    ),
    *_rows(
        xj.Categorical,
        [(([0.1, -1.2, 0.7],), ([1.0, 0.0, -0.5],)), (([0.0, -14.0, 5.0],), ([1.0, -12.0, 3.0],))],
        lambda logits: st.rv_discrete(values=(range(len(logits)), scipy.special.softmax(logits))),
        _categorical_kl,
    ),
    *_rows(
        xj.Cauchy,
        [((0.5, 1.2), (-0.3, 2.0)), ((10.0, 0.5), (10.5, 0.8))],
        st.cauchy,
        _cauchy_kl,
    ),
    *_rows(
        xj.Chi,
        [((2.5,), (4.0,)), ((0.6,), (0.9,)), ((1e4,), (1.02e4,))],
        st.chi,
        lambda p, q: _gamma_kl(p / 2, 1, q / 2, 1),
    ),
    *_rows(
        xj.ChiSquared,
        [((2.5,), (4.0,)), ((0.6,), (0.9,)), ((1e4,), (1.02e4,))],
        st.chi2,
        lambda p, q: _gamma_kl(p / 2, 1, q / 2, 1),
    ),
    *_rows(
        xj.ConwayMaxwellPoisson,
        [((3.0, 0.7), (4.0, 0.8)), ((0.01, 2.0), (0.02, 1.5)), ((500.0, 20.0), (505.0, 19.0))],
        None,
        _conway_maxwell_poisson_kl,
    ),
    *_rows(
        xj.Dirichlet,
        [(([2.0, 3.5, 1.2],), ([1.0, 1.5, 2.0],)), (([1e4, 2e4, 3e4],), ([1.02e4, 2.1e4, 2.9e4],))],
        st.dirichlet,
        _dirichlet_kl,
    ),
    *_rows(
        xj.Exponential,
        [((0.7,), (2.0,)), ((1e-4,), (3e-4,))],
        lambda rate: st.expon(scale=1 / rate),
        lambda p, q: mp.log(p / q) + q / p - 1,
    ),
    *_rows(
        xj.Frechet,
        [((2.7, 1.2), (3.1, 2.0)), ((4.0, 0.3), (3.0, 0.2))],
        lambda k, scale: st.invweibull(k, scale=scale),
        lambda k, scale, q_k, q_scale: _weibull_kl(k, 1 / scale, q_k, 1 / q_scale),
    ),
    *_rows(
        xj.Gamma,
        [((2.5, 1.3), (3.0, 0.4)), ((0.3, 1.0), (0.4, 2.0)), ((1e4, 2.0), (1.02e4, 2.1))],
        lambda a, rate: st.gamma(a, scale=1 / rate),
        _gamma_kl,
    ),
    *_rows(
        xj.GeneralizedExtremeValue,
        [
            ((0.5, 1.2, 0.1), (-0.3, 2.0, 0.2)),
            ((0.5, 1.2, -0.3), (0.0, 1.0, -0.2)),
            ((0.5, 1.2, 0.0), (0.0, 1.0, 0.1)),
            ((2.0, 0.1, 1e-5), (2.1, 0.2, -1e-5)),
        ],
        lambda loc, scale, shape: st.genextreme(-shape, loc, scale),
    ),
    *_rows(
        xj.GeneralizedNormal,
        [
            ((0.5, 1.2, 1.5), (-0.3, 2.0, 3.0)),
            ((0.0, 0.1, 0.6), (0.1, 0.2, 1.0)),
            ((100.0, 1.0, 8.0), (101.0, 2.0, 6.0)),
        ],
        lambda loc, scale, shape: st.gennorm(shape, loc, scale),
    ),
    *_rows(
        xj.GeneralizedGamma,
        [((1.5, 1.2, 0.9), (2.0, 1.0, 1.4)), ((0.5, 2.0, 3.0), (0.7, 1.5, 2.5)), ((3.0, 1e-3, 0.5), (2.0, 2e-3, 0.6))],
        lambda a, scale, p: st.gengamma(a, p, scale=scale),
        _generalized_gamma_kl,
    ),
    *_rows(
        xj.Geometric,
        [((0.3,), (0.55,)), ((0.02,), (0.03,))],
        lambda probs: st.geom(probs, loc=-1),
        lambda p, q: _bernoulli_kl(p, q) / p,
    ),
    *_rows(
        xj.Gumbel,
        [((0.5, 1.2), (-0.3, 2.0)), ((30.0, 0.5), (30.5, 0.4))],
        st.gumbel_r,
        _gumbel_kl,
    ),
    *_rows(
        xj.HalfNormal,
        [((1.2,), (2.0,)), ((1e-4,), (3e-4,))],
        lambda scale: st.halfnorm(scale=scale),
        lambda p, q: _normal_kl(0, p, 0, q),
    ),
    *_rows(
        xj.InverseGamma,
        [((2.5, 1.3), (3.0, 0.4)), ((6.0, 1e-3), (5.0, 2e-3)), ((1e4, 2.0), (1.02e4, 2.1))],
        lambda a, scale: st.invgamma(a, scale=scale),
        _gamma_kl,
    ),
    *_rows(
        xj.InverseGaussian,
        [((0.8, 1.3), (1.5, 0.4)), ((20.0, 1.0), (15.0, 0.7)), ((3.0, 1e5), (3.02, 9e4))],
        lambda mean, shape: st.invgauss(mean / shape, scale=shape),
        _inverse_gaussian_kl,
    ),
    *_rows(
        xj.Laplace,
        [((0.5, 1.2), (-0.3, 2.0)), ((100.0, 1.0), (101.0, 0.8))],
        st.laplace,
        _laplace_kl,
    ),
    *_rows(
        xj.LogNormal,
        [((0.3, 0.6), (-0.2, 0.9)), ((10.0, 1e-3), (10.001, 2e-3))],
        lambda loc, scale: st.lognorm(scale, scale=np.exp(loc)),
        _normal_kl,
    ),
    *_rows(
        xj.Logistic,
        [((0.5, 1.2), (-0.3, 2.0)), ((1000.0, 0.5), (1001.0, 0.4))],
        st.logistic,
    ),
    *_rows(
        xj.Moyal,
        [((0.5, 1.2), (-0.3, 2.0)), ((30.0, 0.5), (30.5, 0.4))],
        st.moyal,
        _moyal_kl,
    ),
    *_rows(
        xj.Maxwell,
        [((1.2,), (2.0,)), ((1e-4,), (3e-4,))],
        lambda scale: st.maxwell(scale=scale),
        lambda p, q: 3 * _normal_kl(0, p, 0, q),
    ),
    *_rows(
        xj.LogarithmicSeries,
        [((0.6,), (0.8,)), ((1e-4,), (3e-4,)), ((0.98,), (0.95,))],
        st.logser,
        _logarithmic_kl,
    ),
    *_rows(
        xj.MultivariateNormal,
        [
            (([0.5, -1.0], [[2.0, 0.3], [0.3, 0.5]]), ([0.0, -0.5], [[1.0, -0.2], [-0.2, 0.8]])),
            (([0.0, 10.0], [[1.0, 0.9], [0.9, 1.0]]), ([0.1, 10.2], [[1.1, 0.7], [0.7, 0.9]])),
        ],
        st.multivariate_normal,
        _multivariate_normal_kl,
    ),
    *_rows(
        xj.Nakagami,
        # the root of 4 is exact: the rounding of another counts twice the concentration times
        [((1.7, 1.2), (0.9, 2.0)), ((0.3, 5.0), (0.4, 4.0)), ((1e4, 4.0), (1.02e4, 4.1))],
        lambda m, spread: st.nakagami(m, scale=np.sqrt(spread)),
        lambda m, spread, q_m, q_spread: _gamma_kl(m, m / spread, q_m, q_m / q_spread),
    ),
    *_rows(
        xj.NegativeBinomial,
        [((3.0, 0.5), (4.0, 0.2)), ((5.0, 1e-6), (4.0, 1e-5)), ((0.5, 4.0), (0.8, 2.0))],
        lambda mean, dispersion: st.nbinom(1 / dispersion, 1 / (1 + dispersion * mean)),
    ),
    *_rows(
        xj.Normal,
        [((0.5, 1.2), (-0.3, 2.0)), ((1000.0, 1.0), (1001.0, 0.8))],
        st.norm,
        _normal_kl,
    ),
    *_rows(
        xj.Pareto,
        [((1.5, 3.5), (1.2, 2.5)), ((1e-4, 20.0), (0.9e-4, 18.0))],
        lambda scale, alpha: st.pareto(alpha, scale=scale),
        lambda s, a, t, b: mp.log(a / b) + b * mp.log(s / t) + b / a - 1,
    ),
    *_rows(
        xj.Poisson,
        [((3.5,), (5.0,)), ((0.01,), (0.02,)), ((2000.0,), (2010.0,))],
        st.poisson,
        lambda p, q: p * mp.log(p / q) - p + q,
    ),
    *_rows(
        xj.SkewNormal,
        [
            ((0.5, 1.2, 3.0), (-0.3, 2.0, 1.0)),
            ((0.5, 1.2, -0.2), (0.0, 1.0, 0.1)),
            ((100.0, 1.0, -8.0), (101.0, 2.0, 5.0)),
        ],
        lambda loc, scale, shape: st.skewnorm(shape, loc, scale),
    ),
    *_rows(
        xj.Rayleigh,
        [((1.2,), (2.0,)), ((1e-4,), (3e-4,))],
        lambda scale: st.rayleigh(scale=scale),
        lambda p, q: 2 * _normal_kl(0, p, 0, q),
    ),
    *_rows(
        xj.StudentT,
        [((5.0, 0.5, 1.2), (7.0, 0.0, 1.0)), ((1e6, 0.5, 1.2), (1e5, 0.0, 1.0)), ((2.5, 0.0, 0.1), (3.5, 0.1, 0.1))],
        st.t,
    ),
    *_rows(
        xj.Uniform,
        [((0.3, 2.0), (0.1, 4.0)), ((0.2, 0.9), (0.1, 0.95)), ((1000.0, 1000.5), (999.0, 1001.0))],
        lambda low, high: st.uniform(low, high - low),
        _uniform_kl,
    ),
    *_rows(
        xj.Weibull,
        [((1.7, 1.2), (0.9, 2.0)), ((0.6, 0.5), (0.8, 0.7)), ((20.0, 3.0), (18.0, 3.1))],
        lambda k, scale: st.weibull_min(k, scale=scale),
        _weibull_kl,
    ),
    *_rows(
        xj.Binomial,
        [((12.0, 0.3), (12.0, 0.5)), ((2000.0, 0.999), (2000.0, 0.99))],
        st.binom,
        lambda n, p, _, q: n * _bernoulli_kl(p, q),
    ),
    *_rows(
        xj.BurrXII,
        [
            ((1.7, 2.2, 1.2), (2.0, 1.5, 1.0)),
            ((6.0, 0.6, 0.5), (5.0, 0.8, 0.7)),
            ((3.0, 300.0, 9.0), (2.5, 200.0, 8.0)),
        ],
        lambda c, d, scale: st.burr12(c, d, scale=scale),
    ),
    *_rows(
        xj.ContinuousBernoulli,
        [((0.3,), (0.8,)), ((0.5001,), (0.4999,)), ((1e-6,), (3e-6,))],
        _continuous_bernoulli,
        _continuous_bernoulli_kl,
    ),
    *_rows(
        xj.GeneralizedPareto,
        [((1.2, 0.3), (1.0, 0.1)), ((1.2, -0.2), (1.5, -0.1)), ((0.7, 1e-6), (0.8, 0.0))],
        lambda scale, shape: st.genpareto(shape, scale=scale),
    ),
    *_rows(
        xj.Gompertz,
        [((1.0, 0.8), (0.7, 0.3)), ((1e-3, 2.0), (2e-3, 1.8)), ((50.0, 0.02), (40.0, 0.03))],
        lambda c, rate: st.gompertz(c, scale=1 / rate),
        _gompertz_kl,
    ),
    *_rows(
        xj.Kumaraswamy,
        [((2.5, 1.3), (1.5, 0.8)), ((0.7, 3.0), (0.5, 2.0)), ((100.0, 400.0), (110.0, 380.0))],
        _kumaraswamy,
    ),
    *_rows(
        xj.LogLogistic,
        [((3.5, 1.2), (4.0, 2.0)), ((20.0, 0.01), (18.0, 0.012))],
        lambda c, scale: st.fisk(c, scale=scale),
    ),
    *_rows(
        xj.LogitNormal,
        [((0.3, 1.2), (-0.2, 0.9)), ((-4.0, 0.01), (-4.01, 0.02)), ((0.5, 2.5), (0.0, 2.0))],
        _logit_normal,
        _normal_kl,
    ),
    *_rows(
        xj.Lomax,
        [((3.5, 1.2), (4.0, 2.0)), ((1e4, 2e4), (2e4, 3e4))],
        lambda a, scale: st.lomax(a, scale=scale),
    ),
    *_rows(
        xj.VonMises,
        [((0.3, 1.2), (-1.0, 0.7)), ((-3.1, 0.01), (2.0, 0.02)), ((1.0, 1e4), (1.01, 1.2e4))],
        lambda loc, k: _circular(loc, st.vonmises(k)),
        _von_mises_kl,
    ),
    *_rows(
        xj.WrappedCauchy,
        [((0.3, 0.6), (-1.0, 0.4)), ((-3.1, 0.01), (2.0, 0.02)), ((1.0, 0.99), (1.01, 0.95))],
        lambda loc, r: _circular(loc, st.wrapcauchy(r)),
        _wrapped_cauchy_kl,
    ),
    *_rows(
        xj.Zeta,
        # of light tails: those beyond the points of a reference must be nothing
        [((7.0, 1.0), (6.5, 1.0)), ((30.0, 1.0), (25.0, 1.0)), ((32.0, 10.0), (28.0, 10.0))],
        None,
        _zeta_kl,
    ),
    Row(
        xj.Mixture,
        ([0.3, 0.7], Row(xj.Normal, ([-1.0, 2.0], [0.5, 1.0]), ())),
        ([0.5, 0.5], Row(xj.Normal, ([-0.5, 1.0], [0.7, 0.9]), ())),
    ),
    Row(
        xj.Mixture,
        ([0.4, 0.6], Row(xj.Gamma, ([2.0, 5.0], [1.0, 0.5]), ())),
        ([0.5, 0.5], Row(xj.Gamma, ([1.5, 4.0], [1.0, 0.7]), ())),
    ),
]


def eps(dtype: str) -> float:
    """The distance of 1 from the next number."""
    return float(jnp.finfo(dtype).eps)


def upcast(p: Any) -> Any:
    """The same parameters in float64."""
    return jax.tree.map(lambda leaf: leaf.astype("float64"), p)


POINTS = 4096  # of every reference by points: one shape, so that a density compiles once

# as users compile: where rounding is what is tested
OPTIMISED = {"xla_backend_optimization_level": 3, "xla_llvm_disable_expensive_passes": False}
if jax.__version_info__ < (0, 11):
    OPTIMISED["xla_cpu_use_fusion_emitters"] = True

quadrature_rule = jax.jit(lambda p, num_points: p.quadrature_rule(num_points), static_argnums=1)


@functools.cache
def points(row: Row, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """POINTS points and weights, in float64, of the member whose parameters are rounded to `dtype`: the reference."""
    p = upcast(row.make(dtype))
    x, weights = (np.asarray(a, float) for a in quadrature_rule(p, num_points(p)))
    # an 18th moment sees weights of 1e-70, nothing sees those at the smallest numbers, whose products underflow
    counts = (weights > 1e-200) & ((np.abs(x) > 1e-290) | (x == 0))
    missing = (0, POINTS - len(x))
    x = np.pad(np.where(counts, x, inside(p)[1]), missing, constant_values=inside(p)[1])
    return x, np.pad(np.where(counts, weights, 0.0) / weights[counts].sum(), missing)


def num_points(p: Any) -> int:
    """So many that the rule gives POINTS, or the few values that there are."""
    return POINTS // len(p.weights) if isinstance(p, xj.Mixture) else POINTS


def fitted(p: Any) -> list[bool]:
    """Of each leaf, whether a fit may move it: a number of trials is no parameter to differentiate in."""
    return [leaf.support.free is not None for leaf in named_leaves(p)]


@functools.cache
def conditioning(row: Row) -> float:
    """What a rounding of the points, or of their logarithms, amounts to in standard deviations, in units of eps."""
    if row.family is xj.Cauchy:  # which has neither mean nor variance
        mean, variance = row.parameters[0], row.parameters[1] ** 2
    elif row.scalar:
        x, weights = points(row, "float64")
        if row.make("float64").support == CIRCLE:  # π beside the median distance from the mean direction
            distance = np.abs(np.angle(np.exp(1j * x) * np.conj(weights @ np.exp(1j * x))))
            order = np.argsort(distance)
            return float(np.pi / distance[order][np.searchsorted(np.cumsum(weights[order]), 0.5)])
        mean, variance = weights @ x, weights @ (x - weights @ x) ** 2
    else:
        p = row.make("float64")
        mean, variance = np.max(p.mean), np.min(p.variance)
    return float(mean / np.sqrt(variance) * (1 + abs(np.log(mean)))) if mean > 1e-9 else 0.0


def inside(p: Any) -> np.ndarray:
    """Three values of the support, its end among them where that belongs to it; together in no smaller support."""
    support = p.support
    if support.discrete:
        low, high = ends(p)
        return np.array([low, low + 1, min(high, low + 30)])
    if moves(p):
        low, high = ends(p)
        return np.clip([-3.0, 0.5 * (low + high) if np.isfinite(high - low) else float(p.interior), 2.5], low, high)
    end = -3.0 if support in (REAL, CIRCLE) else 0.0 if support in (NON_NEGATIVE, CLOSED_UNIT_INTERVAL) else 1e-6
    return np.array([end, 0.25, 0.75 if support in (UNIT_INTERVAL, CLOSED_UNIT_INTERVAL) else 2.5])


def outside(p: Any) -> np.ndarray:
    """Three values that do not belong to the support."""
    support = p.support
    if moves(p):
        low, high = ends(p)
        return np.array([low - 0.5, high + 0.5, np.inf])
    if support == REAL:
        return np.array([-np.inf, np.inf, np.inf])
    if support == UNIT_INTERVAL:
        return np.array([-0.5, 0.0, 1.0])
    if support == CLOSED_UNIT_INTERVAL:
        return np.array([-0.5, 1.5, np.inf])
    if support == CIRCLE:
        return np.array([-np.inf, 3.2, 7.0])
    return np.array([-1.0, np.inf, 0.5 if support.discrete else -1e-6])


def moves(p: Any) -> bool:
    """Whether parameters move the ends of the support."""
    return isinstance(p, xj.Family) and not all(isinstance(end, float) for end in p.ends())


def ends(p: Any) -> tuple[float, float]:
    """The least and the greatest value."""
    low, high = p.ends()
    return float(low), float(high)
