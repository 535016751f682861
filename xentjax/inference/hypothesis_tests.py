"""Tests of hypotheses about parameters, and one of the model itself. Large-sample: p-values from a χ² distribution.

The likelihood-ratio test needs two fits, the Wald test the full one, the score test the restricted one; to leading
order the three statistics agree where the hypothesis holds. All suppose independent observations.
"""

from collections.abc import Callable, Collection
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from xentjax._select import select
from xentjax.families.chi_squared import ChiSquared
from xentjax.inference.covariance import Covariance, covariance_or_observed
from xentjax.inference.criteria import num_parameters
from xentjax.inference.intervals import check_function, moves_with_ends, with_slopes
from xentjax.inference.matrices import fisher_information, inverse_core, outer_products, point_scores, units
from xentjax.inference.observations import (
    check_single,
    compiled,
    coordinates,
    curvature_of,
    known,
    num_coordinates,
    observed,
    observed_several,
)
from xentjax.parameters import check_held
from xentjax.records import record
from xentjax.sources import Empirical
from xentjax.statistics import weighted_mean


@record
class TestResult:
    """A statistic, the degrees of freedom of the χ² distribution that it has under the hypothesis, and its p-value.

    The p-value is the probability of so large a statistic, or a larger one, under the hypothesis.
    """

    __test__ = False  # the name is one that pytest collects

    statistic: Array
    degrees_of_freedom: Array
    p_value: Array

    def __repr__(self) -> str:
        if not known(*jax.tree.leaves(self)) or jnp.ndim(self.statistic):
            return f"TestResult(statistic={self.statistic}, p_value={self.p_value})"
        count = int(self.degrees_of_freedom)
        freedom = f"{count} degree{'s' * (count != 1)} of freedom"
        return f"TestResult: {float(self.statistic):.6g} on {freedom}, p = {float(self.p_value):.4g}"


def likelihood_ratio_test(restricted: Any, full: Any) -> TestResult:
    """2 (log L_full − log L_restricted) = 2n (H_restricted − H_full): Wilks's statistic.

    H0: the restricted model holds, a case of the full one with fewer free parameters, inside (not at the edge of) its
    parameter space. The degrees of freedom are the difference of their numbers.

    Args:
      restricted, full: fits to the same data.

    Raises:
      TypeError: no fits.
      ValueError: fits to different numbers of observations, or models in the wrong order; outside jit, a full model
        that fits worse than the restricted one.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 3.0, 2.0])
    >>> full = xj.fit_mle(xj.Gamma, x)
    >>> xj.inference.likelihood_ratio_test(xj.fit_mle(xj.Gamma, x, fixed={"concentration": 1.0}), full)
    TestResult: 4.88532 on 1 degree of freedom, p = 0.02709

    See also: `wald_test`, `score_test`; R's `lmtest::lrtest`.

    Reference: Wilks (1938), Annals of Mathematical Statistics 9.
    """
    check_single("likelihood_ratio_test", restricted)
    check_single("likelihood_ratio_test", full)
    small, large = (fit._observations("likelihood_ratio_test") for fit in (restricted, full))
    if known(small, large) and abs(float(small) - float(large)) > 1e-4 * float(large):
        raise ValueError(
            f"likelihood_ratio_test: found fits to {float(small):g} and {float(large):g} observations, but the same "
            "data are needed; fit both to them."
        )
    count = num_parameters(full) - num_parameters(restricted)
    if count < 1:
        raise ValueError(
            f"likelihood_ratio_test: found {num_parameters(restricted)} free parameters in the restricted model and "
            f"{num_parameters(full)} in the full one, but the full one needs more; exchange the fits."
        )
    if moved := [name for name in full.ends if name not in restricted.ends]:
        raise ValueError(
            f"likelihood_ratio_test: found a full model that takes {', '.join(moved)} from single observations and a "
            "restricted one that does not, but a likelihood that is smooth in what is tested is needed, as it has no "
            "chi-squared law otherwise; compare them by cross_validation."
        )
    statistic = 2 * (full.log_likelihood - restricted.log_likelihood)
    if known(statistic):
        _check_nested(float(statistic), restricted, full)
    return _result(statistic, count)


def wald_test(fit: Any, fn: Callable[[Any], Any], covariance: Covariance | None = None) -> TestResult:
    """rᵀ (R V Rᵀ)⁻¹ r with r = fn(model), R its derivative and V the covariance of the estimates.

    H0: fn(model) = 0, as many degrees of freedom as numbers. It depends on how the hypothesis is written: of
    equivalent ones prefer that whose fn is closest to linear in the estimates.

    Args:
      fit: the full fit, to data.
      fn: a function of the model that returns a number or a pytree of arrays. Define it once: a new lambda per call
        compiles anew.
      covariance: of this fit; None is the observed one. `sandwich_covariance` gives a test right for wrong models too.

    Returns:
      A `TestResult`; NaN where the numbers that fn returns are functions of each other, or depend on what single
      observations gave (`Fit.ends`).

    Raises:
      TypeError, ValueError: fn is no function, or returns more numbers than there are free parameters; a covariance
        of something else; a batch of fits.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Exponential, jnp.array([1.0, 2.0, 3.0, 2.0]))
    >>> xj.inference.wald_test(fit, lambda q: q.rate - 1.0)  # n (1 − 1 / rate)²
    TestResult: 4 on 1 degree of freedom, p = 0.0455

    See also: R's `aod::wald.test`; statsmodels' `wald_test`.

    Reference: Wald (1943), Transactions of the American Mathematical Society 54.
    """
    check_function("wald_test", fn)
    covariance = covariance_or_observed("wald_test", fit, covariance)
    statistic, count = _wald(fn, covariance)
    return _result(statistic, count.shape[0])


def score_test(
    restricted: Any, data: Any, weights: Any = None, *, fixed: Collection[str] = (), source: Any = None
) -> TestResult:
    """n s̄ᵀ I⁻¹ s̄ with s̄ the mean score of the full model at the restricted fit: Rao's test, no full fit needed.

    H0: the parameters that `restricted` holds have the values at which it holds them. I is the Fisher information of
    the full model there, E_q[score scoreᵀ], which makes the statistic independent of the parametrisation.

    Args:
      restricted: a fit to data with `fixed=`, of a family.
      data, weights: those of the fit; weights are frequencies.
      fixed: names that the full model holds too; the default is that it holds nothing.
      source: points of the restricted model, as `quadrature(restricted.model)`, for families without closed form.

    Raises:
      TypeError: a model whose Fisher information is not known; use `opg_score_test`.
      ValueError: the fit holds nothing that the full model does not; data that are not those of the fit; a batch.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 3.0, 2.0])
    >>> restricted = xj.fit_mle(xj.Exponential, x, fixed={"rate": 1.0})
    >>> xj.inference.score_test(restricted, x)  # n (1 − mean)²
    TestResult: 4 on 1 degree of freedom, p = 0.0455

    See also: `opg_score_test`, for any model; R's `anova(..., test="Rao")`.

    Reference: Rao (1948), Mathematical Proceedings of the Cambridge Philosophical Society 44.
    """
    observations, names, count = _alternative("score_test", restricted, data, weights, fixed)
    information = fisher_information("score_test", restricted.model, names, source)
    return _result(_score(names, restricted.model, observations, information), count)


def opg_score_test(restricted: Any, data: Any, weights: Any = None, *, fixed: Collection[str] = ()) -> TestResult:
    """n s̄ᵀ B⁻¹ s̄ with B the mean outer product of the scores: n R² of regressing 1 on the scores.

    As `score_test` for any model, regressions among them: it needs no expectation. In small samples it rejects too
    often.

    Args:
      restricted, data, weights, fixed: as for `score_test`.

    Raises:
      ValueError: as for `score_test`.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 3.0, 2.0])
    >>> restricted = xj.fit_mle(xj.Exponential, x, fixed={"rate": 1.0})
    >>> xj.inference.opg_score_test(restricted, x)  # (Σ (1 − x))² / Σ (1 − x)²
    TestResult: 2.66667 on 1 degree of freedom, p = 0.1025

    See also: `score_test`, of better size where the Fisher information is known.

    Reference: Davidson & MacKinnon (1983), Economics Letters 12.
    """
    observations, names, count = _alternative("opg_score_test", restricted, data, weights, fixed)
    return _result(_score(names, restricted.model, observations, None), count)


def information_matrix_test(fit: Any, data: Any, weights: Any = None) -> TestResult:
    """White's test of the model: whether score scoreᵀ + ∂² log q, which a right model has 0 on average, is 0.

    With d(x) its lower triangle and d̄ the mean, n d̄ᵀ V⁻¹ d̄, where V is the mean outer product of d + ∇d̄ A⁻¹ s
    with s the score: what the estimation of the parameters leaves of the variation of d. Components that the fit makes
    0 for any data are left out; the degrees of freedom are the rank of V.

    It looks at moments twice as high as those that the fit matches, so thousands of observations are needed before
    the p-value is near its level.

    Args:
      fit: a fit to data.
      data, weights: those of the fit; weights are frequencies.

    Raises:
      TypeError, ValueError: data that are not those of the fit; more than 64 free parameters, or none; a batch of fits.

    >>> import jax
    >>> import xentjax as xj
    >>> x = jax.random.exponential(jax.random.key(0), (2000,)) ** 2
    >>> bool(xj.inference.information_matrix_test(xj.fit_mle(xj.Exponential, x), x).p_value < 0.01)
    True

    See also: statsmodels' `spec_white`, of the least-squares case.

    Reference: White (1982), Maximum likelihood estimation of misspecified models, Econometrica 50.
    """
    curvature = curvature_of("information_matrix_test", fit)
    if not curvature.shape[0]:
        raise ValueError(
            "information_matrix_test: found a fit without free parameters, but at least one is needed; hold fewer with "
            "fixed=."
        )
    source = observed_several("information_matrix_test", fit, data, weights)
    return _result(*_information_matrix(fit, source))


def _result(statistic: Array, count: Any) -> TestResult:
    freedom = jnp.asarray(count)
    return TestResult(statistic, freedom, _p_value(statistic, freedom))


@compiled()
def _p_value(statistic: Array, freedom: Array) -> Array:
    return jnp.exp(ChiSquared(freedom.astype(statistic.dtype)).log_survival(statistic))


def _check_nested(statistic: float, restricted: Any, full: Any) -> None:
    slack = float(restricted.gap + full.gap) * float(full.observations)
    rounding = 64 * float(jnp.finfo(full.cross_entropy.dtype).eps) * (1 + abs(float(full.log_likelihood)))
    if statistic < -2 * slack - rounding:
        raise ValueError(
            f"likelihood_ratio_test: found a full model with a log-likelihood {-statistic / 2:.3g} nats below that of "
            "the restricted one, but a full one that has it as a case is needed; check that the models are nested and "
            "that both fits converged."
        )


@compiled(0)
def _wald(fn: Callable, covariance: Covariance) -> tuple[Array, Array]:
    value, slopes = with_slopes(fn, covariance)
    numbers, _ = ravel_pytree(value)
    size = covariance.matrix.shape[0]
    if not 0 < numbers.shape[0] <= size:
        raise ValueError(
            f"wald_test: found a function that returns {numbers.shape[0]} numbers for {size} free parameters, but "
            "between 1 and as many numbers as parameters are needed; leave out those that follow from others."
        )
    derivative = jnp.concatenate([slope.reshape(-1, size) for slope in jax.tree.leaves(slopes)])
    spread = derivative @ covariance.matrix @ derivative.T
    if covariance.ends:
        unknown, _ = ravel_pytree(moves_with_ends(fn, covariance))
        numbers = select(unknown, jnp.nan, numbers)
    unit, core = inverse_core(spread)
    scaled = numbers / unit
    return scaled @ core @ scaled, numbers


def _alternative(
    caller: str, restricted: Any, data: Any, weights: Any, fixed: Collection[str]
) -> tuple[Empirical, tuple[str, ...], int]:
    """The data, the names that the full model holds, and how many numbers it frees."""
    source = observed(caller, restricted, data, weights)
    check_held(caller, restricted.model, fixed)
    names = tuple(sorted({*fixed, *getattr(restricted.model, "edges", ())}))
    count = num_coordinates(restricted.model, names) - num_coordinates(restricted.model, restricted.fixed)
    if count < 1:
        raise ValueError(
            f"{caller}: found a fit that holds {list(restricted.fixed) or 'no parameter'} against a full model that "
            f"holds {list(names) or 'none'}, but the fit must hold more; hold the parameters in question in the fit "
            "with fixed=."
        )
    return source, names, count


@compiled(0)
def _score(names: tuple[str, ...], model: Any, source: Empirical, information: Array | None) -> Array:
    source = source.counted()
    gradients = point_scores(model, names, source.data)
    unit = jnp.max(jnp.abs(gradients), 0) if information is None else units(information)
    unit = select(unit == 0, 1.0, unit)
    gradients = gradients / unit[None, :]
    scaled = outer_products(gradients, source) if information is None else information / jnp.outer(unit, unit)
    mean = weighted_mean(gradients, source.weights)
    scale, core = inverse_core(scaled)
    mean = mean / scale
    return source.total.astype(mean.dtype) * (mean @ core @ mean)


@compiled()
def _information_matrix(fit: Any, source: Empirical) -> tuple[Array, Array]:
    source = source.counted()
    point, build = coordinates(fit.model, fit.fixed)
    unit = units(fit.curvature)
    rows, columns = np.tril_indices(point.shape[0])

    def indicators(move: Array, x: Any) -> tuple[Array, Array]:
        def log_q(move: Array) -> Array:
            return build(point + move / unit).log_prob(x)

        score = jax.grad(log_q)(move)
        return (jnp.outer(score, score) + jax.hessian(log_q)(move))[rows, columns], score

    def mean(move: Array) -> Array:
        each = jax.vmap(lambda x: indicators(move, x)[0])(source.data)
        return weighted_mean(each, source.weights)

    origin = jnp.zeros_like(point)
    each, scores = jax.vmap(lambda x: indicators(origin, x))(source.data)
    _, core = inverse_core(fit.curvature)
    # the estimates are off by A⁻¹ s̄, and so d̄ by ∇d̄ A⁻¹ s̄
    own = each + scores @ (jax.jacfwd(mean)(origin) @ core).T
    return _quadratic_form(each, own, source)


def _quadratic_form(each: Array, own: Array, source: Empirical) -> tuple[Array, Array]:
    """n d̄ᵀ V⁺ d̄ and the rank of V, for d [n, q] and what varies of it."""
    size = jnp.sqrt(weighted_mean(each * each, source.weights))
    size = select(size == 0, 1.0, size)
    center = weighted_mean(each, source.weights) / size
    values, vectors = jnp.linalg.eigh(outer_products(own / size[None, :], source))
    # a component that the fit determines varies by rounding only
    varies = values > jnp.finfo(values.dtype).eps ** 0.75
    along = select(varies, center @ vectors, 0.0)
    statistic = jnp.sum(along * along / select(varies, values, 1.0))
    return source.total.astype(statistic.dtype) * statistic, jnp.sum(varies)
