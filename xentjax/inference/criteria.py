"""Criteria: estimates of the cross-entropy that a fitted model would have on new observations.

On the usual scale, −2 log L plus a penalty; divided by 2n each is an estimate in nats per observation. The last two
functions estimate that cross-entropy without a formula for the penalty.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._select import select
from xentjax.estimation import fit_mle
from xentjax.inference.influence import by_case, check_cases
from xentjax.inference.matrices import bread_and_meat
from xentjax.inference.observations import compiled, known, num_coordinates, observed_several
from xentjax.parameters import named_leaves
from xentjax.sources import Empirical, check_key, num_points


def num_parameters(fit: Any) -> int:
    """k: the free unconstrained coordinates of a fit, and the ends of the support that are put at the data's extremes.

    A simplex of k probabilities counts k − 1, a symmetric matrix its lower triangle. Held parameters do not count.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> xj.inference.num_parameters(xj.fit_mle(xj.Normal, jnp.array([1.0, 2.0, 4.0])))
    2

    See also: the `df` of R's `logLik`.
    """
    ends = [leaf.value for leaf in named_leaves(fit.model) if leaf.name in fit.ends]
    numbers = num_coordinates(fit.model, fit.fixed) + sum(map(jnp.size, ends))
    return numbers // max(1, jnp.size(fit.status))  # a batch of fits has one number in common


def aic(fit: Any) -> Array:
    """−2 log L + 2k, in twice nats: Akaike's criterion; aic / 2n estimates the out-of-sample cross-entropy in nats.

    Right where the model is. k is `num_parameters(fit)`.

    Args:
      fit: a fit to data, or a batch of fits [...].

    Raises:
      ValueError: the fit was not to data.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Exponential, jnp.array([1.0, 2.0, 3.0, 2.0]))
    >>> round(xj.inference.aic(fit).item(), 4)
    15.5452

    See also: `tic`, right for wrong models too; `aicc`; R's `AIC`.

    Reference: Akaike (1974), IEEE Transactions on Automatic Control 19.
    """
    return _aic("aic", fit)


def aicc(fit: Any) -> Array:
    """AIC + 2k(k + 1) / (n − k − 1), for small n; aicc / 2n estimates the out-of-sample cross-entropy in nats.

    The correction is exact for linear models with normal errors. It is +inf where n ≤ k + 1.

    Args:
      fit: a fit to data, or a batch of fits [...].

    Raises:
      ValueError: the fit was not to data.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Exponential, jnp.array([1.0, 2.0, 3.0, 2.0]))
    >>> round((xj.inference.aicc(fit) - xj.inference.aic(fit)).item(), 4)  # 2 · 2 / (4 − 2)
    2.0

    See also: R's `MuMIn::AICc`.

    Reference: Hurvich & Tsai (1989), Biometrika 76.
    """
    k, value = num_parameters(fit), _aic("aicc", fit)
    room = fit._observations("aicc").astype(value.dtype) - (k + 1)
    return value + select(room > 0, 2 * k * (k + 1) / select(room > 0, room, 1.0), jnp.inf)


def bic(fit: Any) -> Array:
    """−2 log L + k log n: Schwarz's criterion; exp(−bic / 2) is roughly the probability of the data given the family.

    bic / 2n exceeds the in-sample cross-entropy by the price of the parameters' digits, in nats: a code length.

    Args:
      fit: a fit to data, or a batch of fits [...].

    Raises:
      ValueError: the fit was not to data.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Exponential, jnp.array([1.0, 2.0, 3.0, 2.0]))
    >>> round(xj.inference.bic(fit).item(), 4)
    14.9315

    See also: R's `BIC`.

    Reference: Schwarz (1978), Annals of Statistics 6.
    """
    log_likelihood = _log_likelihood("bic", fit)
    count = fit._observations("bic").astype(log_likelihood.dtype)
    return num_parameters(fit) * jnp.log(count) - 2 * log_likelihood


def tic(fit: Any, data: Any, weights: Any = None) -> Array:
    """−2 log L + 2 tr(A⁻¹B): Takeuchi's criterion; tic / 2n estimates the out-of-sample cross-entropy in nats.

    As AIC, without the supposition that the model is right: tr(A⁻¹B) is then the number of parameters.

    Args:
      fit: a fit to data.
      data, weights: those of the fit; weights are frequencies.

    Raises:
      TypeError, ValueError: data that are not those of the fit; more than 64 free parameters; ends of a support, or
        corners of a quantile regression, that single observations give; a batch of fits.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 3.0, 2.0])
    >>> fit = xj.fit_mle(xj.Exponential, x)
    >>> round(xj.inference.tic(fit, x).item(), 4)  # tr(A⁻¹B) is 1/8
    13.7952

    See also: `aic`; `sandwich_covariance`, of the same two matrices.

    Reference: Takeuchi (1976), Suri-Kagaku 153; Burnham & Anderson (2002), section 7.3.
    """
    check_cases("tic", fit)
    return _tic(fit, observed_several("tic", fit, data, weights))


@compiled()
def _tic(fit: Any, source: Empirical) -> Array:
    _, core, products = bread_and_meat(fit, source)
    return -2 * fit.log_likelihood + 2 * jnp.sum(core * products)


def leave_one_out(fit: Any, data: Any, weights: Any = None) -> Array:
    """The mean of −log q(xᵢ; θ₍₋ᵢ₎), θ₍₋ᵢ₎ one Newton step from θ̂ towards the fit without xᵢ; nats per observation.

    θ₍₋ᵢ₎ = θ̂ − (nA − Hᵢ)⁻¹ sᵢ with the score sᵢ = ∂ log q(xᵢ) and Hᵢ = −∂² log q(xᵢ): the influence of the point with
    its leverage. It differs from n refits by O(1/n²), and to first order from the cross-entropy of the fit by
    tr(A⁻¹B) / n, which is what `tic` adds. A point whose step would lead far, ½ sᵢᵀ (nA − Hᵢ)⁻¹ sᵢ > 0.1 nats, or
    whose nA − Hᵢ is not positive definite, is left out by a refit.

    Args:
      fit: a fit to data.
      data, weights: those of the fit; weights are frequencies, of which one is left out (or all of one below 1).

    Returns:
      An estimate of the out-of-sample cross-entropy. It is large or +inf where the fit to the others excludes a point;
      NaN where one was needed and the fit itself did not converge. Cost: one Hessian for each point, and the refits one
      after the other, which are few unless n is small; no reverse derivatives.

    Raises:
      TypeError, ValueError: data that are not those of the fit; more than 64 free parameters; a batch of fits.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 3.0, 2.0])
    >>> fit = xj.fit_mle(xj.Exponential, x)
    >>> bool(fit.cross_entropy < xj.inference.leave_one_out(fit, x))
    True

    See also: `cross_validation`, by refits; R's `loo::loo`, for posterior samples.

    Reference: Stone (1977), JRSS B 39; Giordano et al. (2019), A Swiss army infinitesimal jackknife.
    """
    check_cases("leave_one_out", fit)
    return _leave_one_out(fit, observed_several("leave_one_out", fit, data, weights))


@compiled()
def _leave_one_out(fit: Any, source: Empirical) -> Array:
    source = source.counted()
    losses = by_case(fit, source, lambda model, x: -model.log_prob(x))
    weights = jnp.ones(num_points(source.data)) if source.weights is None else source.weights
    weights = weights.astype(losses.dtype)
    return jnp.sum(select(weights == 0, 0.0, weights * losses)) / jnp.sum(weights)


def cross_validation(fit: Any, data: Any, key: Array, weights: Any = None, *, folds: int = 10) -> Array:
    """The mean of −log q(xᵢ) under the fit to the other folds, in nats per observation: out-of-sample cross-entropy.

    The observations are put into folds of equal size at random. Each fold is predicted by a fit to all others that
    starts from `fit.model`; the fits are one vmapped fit, of weights 0 and 1. What the fit held is held.

    Args:
      fit: a fit to data.
      data, weights: those of the fit; an observation stays in one fold, whatever its weight.
      key: a `jax.random` key.
      folds: from 2 to n; n leaves one out at a time, with n × n weights in memory.

    Returns:
      A number; NaN inside jit where the fit without some fold did not converge. It is +inf where a fold holds what
      the fit to the others excludes.

    Raises:
      TypeError, ValueError: data that are not those of the fit, folds that there cannot be, a batch of fits.
      RuntimeError: outside jit, the fit without some fold did not converge.

    >>> import jax, jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 3.0, 2.0])
    >>> fit = xj.fit_mle(xj.Exponential, x)
    >>> bool(fit.cross_entropy < xj.inference.cross_validation(fit, x, jax.random.key(0), folds=4))
    True

    See also: `leave_one_out`, without refits; scikit-learn's `cross_val_score`.

    Reference: Stone (1974), JRSS B 36.
    """
    source = observed_several("cross_validation", fit, data, weights)
    n = num_points(source.data)
    if isinstance(folds, bool) or not isinstance(folds, (int, np.integer)) or not 2 <= folds <= n:
        raise ValueError(
            f"cross_validation: found folds={folds!r}, but a whole number from 2 to the {n} observations is needed; "
            "10 is usual."
        )
    check_key("cross_validation", key)
    value, fits = _cross_validation(fit, source, key, int(folds))
    if known(value):
        fits.check()
    return value


@functools.partial(jax.jit, static_argnums=3)
def _cross_validation(fit: Any, source: Empirical, key: Array, folds: int) -> tuple[Array, Any]:
    n = num_points(source.data)
    own = jnp.ones(n, fit.cross_entropy.dtype) if source.weights is None else source.weights
    fold = jax.random.permutation(key, n) % folds
    counted, held = source.counted().data, [name for name in fit.fixed if name not in fit.ends]

    def predict(k: Array) -> tuple[Any, Array]:
        trained = fit_mle(fit.model, source.data, weights=select(fold == k, 0.0, own), fixed=held)
        losses = -jax.vmap(trained.model.log_prob)(counted)
        return trained, jnp.sum(select((fold == k) & (own > 0), own.astype(losses.dtype) * losses, 0.0))

    fits, sums = jax.vmap(predict)(jnp.arange(folds))
    mean = jnp.sum(sums) / jnp.sum(own).astype(sums.dtype)
    return select(jnp.all(fits.converged), mean, jnp.nan), fits


def _aic(caller: str, fit: Any) -> Array:
    return 2 * num_parameters(fit) - 2 * _log_likelihood(caller, fit)


def _log_likelihood(caller: str, fit: Any) -> Array:
    return -fit.cross_entropy * fit._observations(caller).astype(fit.cross_entropy.dtype)
