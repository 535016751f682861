"""One row per member of a family: the batteries of identities run over these. To add a family, add rows.

The reference densities are scipy's; those of others and the divergences are in `references`.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import references as ref
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
        return member(self, dtype)

    def another(self, dtype: str) -> Any:
        return member(self, dtype, other=True)

    @property
    def scalar(self) -> bool:
        """Whether a point is a single number."""
        return self.make("float64").support.ndim == 0

    def __str__(self) -> str:
        inner = [
            f"{v.family.__name__}" if isinstance(v, Row) else np.array2string(np.asarray(v)) for v in self.parameters
        ]
        return f"{self.family.__name__}({','.join(' '.join(text.split()) for text in inner)})"


@functools.cache
def member(row: Row, dtype: str, other: bool = False) -> Any:
    """The row's member, or the other, made once: outside jit every array takes its time."""
    values = row.other if other else row.parameters
    return row.family(*(v.make(dtype) if isinstance(v, Row) else jnp.asarray(v, dtype) for v in values))


def frozen(row: Row, p: Any) -> Any:
    """scipy's distribution with exactly the parameters of p, a member of the row's family, in float64."""
    return row.reference(*(np.asarray(leaf, float) for leaf in jax.tree.leaves(p)))


def exact(values: Any) -> Any:
    """The same numbers in mpmath: one, or an array of them."""
    numbers = np.vectorize(mp.mpf, otypes=[object])(np.asarray(values, float))
    return numbers if np.ndim(values) else numbers[()]


def _rows(family: type, pairs: list, reference: Any = None, kl: Any = None) -> list[Row]:
    return [Row(family, p, q, reference, kl) for p, q in pairs]


st = scipy.stats

# For each family: generic values, then regimes in which textbook formulas lose digits.
ROWS = [
    *_rows(
        xj.AsymmetricLaplace,
        [((0.5, 1.2, 0.7), (-0.3, 2.0, 0.4)), ((100.0, 0.2, 0.05), (99.0, 0.3, 0.06))],
        lambda loc, scale, k: st.laplace_asymmetric(np.sqrt(k / (1 - k)), loc, scale / np.sqrt(k * (1 - k))),
        ref.asymmetric_laplace_kl,
    ),
    *_rows(
        xj.Bernoulli,
        [((0.3,), (0.6,)), ((1e-4,), (3e-4,)), ((0.999,), (0.99,))],
        st.bernoulli,
        ref.bernoulli_kl,
    ),
    *_rows(
        xj.Beta,
        [((2.0, 3.5), (1.5, 0.8)), ((0.3, 1.5), (0.5, 0.2)), ((1e4, 3e4), (1.02e4, 2.9e4))],
        st.beta,
        lambda a, b, c, d: ref.dirichlet_kl([a, b], [c, d]),
    ),
    *_rows(
        xj.BetaPrime,
        [((2.0, 3.5), (1.5, 2.8)), ((0.3, 2.5), (0.5, 3.2)), ((1e4, 1e4), (1.02e4, 9e3))],
        st.betaprime,
        lambda a, b, c, d: ref.dirichlet_kl([a, b], [c, d]),
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
        ref.categorical_kl,
    ),
    *_rows(
        xj.Cauchy,
        [((0.5, 1.2), (-0.3, 2.0)), ((10.0, 0.5), (10.5, 0.8))],
        st.cauchy,
        ref.cauchy_kl,
    ),
    *_rows(
        xj.Chi,
        [((2.5,), (4.0,)), ((0.6,), (0.9,)), ((1e4,), (1.02e4,))],
        st.chi,
        lambda p, q: ref.gamma_kl(p / 2, 1, q / 2, 1),
    ),
    *_rows(
        xj.ChiSquared,
        [((2.5,), (4.0,)), ((0.6,), (0.9,)), ((1e4,), (1.02e4,))],
        st.chi2,
        lambda p, q: ref.gamma_kl(p / 2, 1, q / 2, 1),
    ),
    *_rows(
        xj.ConwayMaxwellPoisson,
        [((3.0, 0.7), (4.0, 0.8)), ((0.01, 2.0), (0.02, 1.5)), ((500.0, 20.0), (505.0, 19.0))],
        None,
        ref.conway_maxwell_poisson_kl,
    ),
    *_rows(
        xj.Dirichlet,
        [(([2.0, 3.5, 1.2],), ([1.0, 1.5, 2.0],)), (([1e4, 2e4, 3e4],), ([1.02e4, 2.1e4, 2.9e4],))],
        st.dirichlet,
        ref.dirichlet_kl,
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
        lambda k, scale, q_k, q_scale: ref.weibull_kl(k, 1 / scale, q_k, 1 / q_scale),
    ),
    *_rows(
        xj.Gamma,
        [((2.5, 1.3), (3.0, 0.4)), ((0.3, 1.0), (0.4, 2.0)), ((1e4, 2.0), (1.02e4, 2.1))],
        lambda a, rate: st.gamma(a, scale=1 / rate),
        ref.gamma_kl,
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
        ref.generalized_gamma_kl,
    ),
    *_rows(
        xj.Geometric,
        [((0.3,), (0.55,)), ((0.02,), (0.03,))],
        lambda probs: st.geom(probs, loc=-1),
        lambda p, q: ref.bernoulli_kl(p, q) / p,
    ),
    *_rows(
        xj.Gumbel,
        [((0.5, 1.2), (-0.3, 2.0)), ((30.0, 0.5), (30.5, 0.4))],
        st.gumbel_r,
        ref.gumbel_kl,
    ),
    *_rows(
        xj.HalfNormal,
        [((1.2,), (2.0,)), ((1e-4,), (3e-4,))],
        lambda scale: st.halfnorm(scale=scale),
        lambda p, q: ref.normal_kl(0, p, 0, q),
    ),
    *_rows(
        xj.InverseGamma,
        [((2.5, 1.3), (3.0, 0.4)), ((6.0, 1e-3), (5.0, 2e-3)), ((1e4, 2.0), (1.02e4, 2.1))],
        lambda a, scale: st.invgamma(a, scale=scale),
        ref.gamma_kl,
    ),
    *_rows(
        xj.InverseGaussian,
        [((0.8, 1.3), (1.5, 0.4)), ((20.0, 1.0), (15.0, 0.7)), ((3.0, 1e5), (3.02, 9e4))],
        lambda mean, shape: st.invgauss(mean / shape, scale=shape),
        ref.inverse_gaussian_kl,
    ),
    *_rows(
        xj.Laplace,
        [((0.5, 1.2), (-0.3, 2.0)), ((100.0, 1.0), (101.0, 0.8))],
        st.laplace,
        ref.laplace_kl,
    ),
    *_rows(
        xj.LogNormal,
        [((0.3, 0.6), (-0.2, 0.9)), ((10.0, 1e-3), (10.001, 2e-3))],
        lambda loc, scale: st.lognorm(scale, scale=np.exp(loc)),
        ref.normal_kl,
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
        ref.moyal_kl,
    ),
    *_rows(
        xj.Maxwell,
        [((1.2,), (2.0,)), ((1e-4,), (3e-4,))],
        lambda scale: st.maxwell(scale=scale),
        lambda p, q: 3 * ref.normal_kl(0, p, 0, q),
    ),
    *_rows(
        xj.LogarithmicSeries,
        [((0.6,), (0.8,)), ((1e-4,), (3e-4,)), ((0.98,), (0.95,))],
        st.logser,
        ref.logarithmic_kl,
    ),
    *_rows(
        xj.MultivariateNormal,
        [
            (([0.5, -1.0], [[2.0, 0.3], [0.3, 0.5]]), ([0.0, -0.5], [[1.0, -0.2], [-0.2, 0.8]])),
            (([0.0, 10.0], [[1.0, 0.9], [0.9, 1.0]]), ([0.1, 10.2], [[1.1, 0.7], [0.7, 0.9]])),
        ],
        st.multivariate_normal,
        ref.multivariate_normal_kl,
    ),
    *_rows(
        xj.Nakagami,
        # the root of 4 is exact: the rounding of another counts twice the concentration times
        [((1.7, 1.2), (0.9, 2.0)), ((0.3, 5.0), (0.4, 4.0)), ((1e4, 4.0), (1.02e4, 4.1))],
        lambda m, spread: st.nakagami(m, scale=np.sqrt(spread)),
        lambda m, spread, q_m, q_spread: ref.gamma_kl(m, m / spread, q_m, q_m / q_spread),
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
        ref.normal_kl,
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
        lambda p, q: 2 * ref.normal_kl(0, p, 0, q),
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
        ref.uniform_kl,
    ),
    *_rows(
        xj.Weibull,
        [((1.7, 1.2), (0.9, 2.0)), ((0.6, 0.5), (0.8, 0.7)), ((20.0, 3.0), (18.0, 3.1))],
        lambda k, scale: st.weibull_min(k, scale=scale),
        ref.weibull_kl,
    ),
    *_rows(
        xj.Binomial,
        [((12.0, 0.3), (12.0, 0.5)), ((2000.0, 0.999), (2000.0, 0.99))],
        st.binom,
        lambda n, p, _, q: n * ref.bernoulli_kl(p, q),
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
        ref.continuous_bernoulli,
        ref.continuous_bernoulli_kl,
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
        ref.gompertz_kl,
    ),
    *_rows(
        xj.Kumaraswamy,
        [((2.5, 1.3), (1.5, 0.8)), ((0.7, 3.0), (0.5, 2.0)), ((100.0, 400.0), (110.0, 380.0))],
        ref.kumaraswamy,
    ),
    *_rows(
        xj.LogLogistic,
        [((3.5, 1.2), (4.0, 2.0)), ((20.0, 0.01), (18.0, 0.012))],
        lambda c, scale: st.fisk(c, scale=scale),
    ),
    *_rows(
        xj.LogitNormal,
        [((0.3, 1.2), (-0.2, 0.9)), ((-4.0, 0.01), (-4.01, 0.02)), ((0.5, 2.5), (0.0, 2.0))],
        ref.logit_normal,
        ref.normal_kl,
    ),
    *_rows(
        xj.Lomax,
        [((3.5, 1.2), (4.0, 2.0)), ((1e4, 2e4), (2e4, 3e4))],
        lambda a, scale: st.lomax(a, scale=scale),
    ),
    *_rows(
        xj.VonMises,
        [((0.3, 1.2), (-1.0, 0.7)), ((-3.1, 0.01), (2.0, 0.02)), ((1.0, 1e4), (1.01, 1.2e4))],
        lambda loc, k: ref.circular(loc, st.vonmises(k)),
        ref.von_mises_kl,
    ),
    *_rows(
        xj.WrappedCauchy,
        [((0.3, 0.6), (-1.0, 0.4)), ((-3.1, 0.01), (2.0, 0.02)), ((1.0, 0.99), (1.01, 0.95))],
        lambda loc, r: ref.circular(loc, st.wrapcauchy(r)),
        ref.wrapped_cauchy_kl,
    ),
    *_rows(
        xj.Zeta,
        # of light tails: those beyond the points of a reference must be nothing
        [((7.0, 1.0), (6.5, 1.0)), ((30.0, 1.0), (25.0, 1.0)), ((32.0, 10.0), (28.0, 10.0))],
        None,
        ref.zeta_kl,
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
OPTIMISED = {
    "xla_backend_optimization_level": 3,
    "xla_llvm_disable_expensive_passes": False,
    "xla_disable_hlo_passes": "",
}
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
    p = row.make("float64")
    reference = frozen(row, p) if row.scalar and row.reference else None
    if row.family is xj.Cauchy:  # which has neither mean nor variance
        mean, variance = row.parameters[0], row.parameters[1] ** 2
    elif hasattr(reference, "var"):  # which compiles nothing
        mean, variance = reference.mean(), reference.var()
    elif row.scalar:
        x, weights = points(row, "float64")
        if p.support == CIRCLE:  # π beside the median distance from the mean direction
            distance = np.abs(np.angle(np.exp(1j * x) * np.conj(weights @ np.exp(1j * x))))
            order = np.argsort(distance)
            return float(np.pi / distance[order][np.searchsorted(np.cumsum(weights[order]), 0.5)])
        mean, variance = weights @ x, weights @ (x - weights @ x) ** 2
    else:
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
