"""Covariances of estimates: from the curvature at the fit, from the scores of the observations, and from both.

With A the Hessian of the cross-entropy and B the mean outer product of the scores, both per observation and in the
unconstrained coordinates, an estimate has the covariance A⁻¹ B A⁻¹ / n; where the model is right, A = B in expectation.

Reference: White (1982), Maximum likelihood estimation of misspecified models, Econometrica 50.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax.inference.matrices import (
    bread_and_meat,
    fisher_information,
    inverse_core,
    outer_products,
    point_scores,
    with_units,
)
from xentjax.inference.natural_scale import (
    errors_in_shape,
    moved,
    natural_slopes,
    scale_and_core,
    spread_of,
)
from xentjax.inference.observations import arrays, check_single, compiled, curvature_of, observed_several
from xentjax.parameters import NamedLeaf, entry_name, named_leaves
from xentjax.records import record, static
from xentjax.sources import Empirical, num_points


@record
class Covariance:
    """The covariance of the estimates of a fit.

    A pytree. It is kept in the unconstrained coordinates, from which the delta method leads to any other.

    Attributes:
      model: the fitted model.
      matrix: the covariance [m, m] of the coordinates of `unconstrain(model, fixed)`, in the order of
        `jax.flatten_util.ravel_pytree`.
      fixed: names of the parameters that were held.
      ends: those of them that single observations gave (`Fit.ends`), of whose errors a curvature says nothing.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Exponential, jnp.array([1.0, 2.0, 3.0, 2.0]))
    >>> covariance = xj.inference.observed_covariance(fit)
    >>> covariance.matrix  # of log rate: 1 / n
    Array([[0.25]], dtype=float...)
    >>> covariance.standard_errors()
    Exponential(rate=0.25)

    See also: R's `vcov`, in the natural parameters, which here is `natural()`.
    """

    model: Any
    matrix: Array
    fixed: tuple[str, ...] = static(())
    ends: tuple[str, ...] = static(())

    def standard_errors(self) -> Any:
        """In the shape of the model and on its scale, by the delta method; 0 for held parameters, NaN for `ends`."""
        check_matrix("Covariance.standard_errors", self)
        return _errors_of_covariance(self)

    def natural(self) -> Array:
        """The covariance [k, k] of all numbers of the free parameters, by the delta method; `names()` are theirs."""
        check_matrix("Covariance.natural", self)
        return _natural(self)

    def correlation(self) -> Array:
        """The correlations [k, k] of the same numbers; NaN beside one that does not vary."""
        check_matrix("Covariance.correlation", self)
        return _correlation(self)

    def names(self) -> list[str]:
        """What the rows of `natural()` are called: "rate", "components.loc[0]"."""
        check_matrix("Covariance.names", self)
        return [entry_name(leaf.name, i) for leaf in free_leaves(self) for i in np.ndindex(np.shape(leaf.value))]

    def __repr__(self) -> str:
        batch = jnp.ndim(self.matrix) != 2
        if batch or any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(self)):
            return f"Covariance({type(self.model).__name__}, matrix {list(self.matrix.shape)})"
        return f"Covariance of {type(self.model).__name__}, standard errors {self.standard_errors()}"


def observed_covariance(fit: Any) -> Covariance:
    """(n A)⁻¹ with A the curvature of the cross-entropy at the fit: the inverse observed information.

    Right where the model is right and the observations are independent.

    Returns:
      A `Covariance`, NaN or infinite where the data do not determine a parameter.

    Raises:
      ValueError: the fit was not to data, has more than 64 free parameters, or is a batch (then use `jax.vmap`).

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Normal, jnp.array([1.0, 2.0, 3.0, 4.0]))
    >>> xj.inference.observed_covariance(fit).standard_errors()  # σ/√n and σ/√(2n)
    Normal(loc=0.559..., scale=0.395...)

    See also: `expected_covariance`, `sandwich_covariance`; R's `vcov`; statsmodels' `cov_params()`.

    Reference: Efron & Hinkley (1978), Biometrika 65.
    """
    return observed_by("observed_covariance", fit)


def expected_covariance(fit: Any, source: Any = None) -> Covariance:
    """(n I)⁻¹ with I = E_q[score scoreᵀ] the Fisher information of the fitted model q.

    I is the Hessian of the cross-entropy H(q, q_θ) at θ = the fit: the information that data from the model itself
    would hold. For an exponential family in its canonical form it is the observed information.

    Args:
      fit: a fit of a family.
      source: points of the fitted model, as `quadrature(fit.model)`, for families that know no closed form.

    Raises:
      TypeError: no closed form, or a model that is no source, such as a regression.
      ValueError: as for `observed_covariance`.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Poisson, jnp.array([0.0, 1.0, 3.0, 4.0]))
    >>> round(xj.inference.expected_covariance(fit).natural().item(), 6)  # rate / n
    0.5

    See also: `observed_covariance`; the default of R's `glm`.
    """
    check_single("expected_covariance", fit)
    total = fit._observations("expected_covariance")
    information = fisher_information("expected_covariance", fit.model, fit.fixed, source)
    return Covariance(fit.model, _inverse(information, total), fit.fixed, fit.ends)


def opg_covariance(fit: Any, data: Any, weights: Any = None) -> Covariance:
    """(n B)⁻¹ with B = Σ w s sᵀ / Σ w: the inverse of the outer products of the gradients (of Berndt, Hall et al.).

    Needs no second derivative; right where the model is right, and in small samples the worst of the three.

    Args:
      fit: a fit to data.
      data, weights: those of the fit; weights are frequencies.

    Raises:
      TypeError, ValueError: data that are not those of the fit, or a single observation; a batch of fits.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 3.0, 2.0])
    >>> fit = xj.fit_mle(xj.Exponential, x)
    >>> round(xj.inference.opg_covariance(fit, x).matrix.item(), 6)  # 1 / Σ (1 − rate x)²
    2.0

    See also: `observed_covariance`; statsmodels' `cov_params` of method "opg".

    Reference: Berndt, Hall, Hall & Hausman (1974), Annals of Economic and Social Measurement 3.
    """
    source = observed_several("opg_covariance", fit, data, weights)
    return Covariance(fit.model, _opg(fit, source), fit.fixed, fit.ends)


def sandwich_covariance(fit: Any, data: Any, weights: Any = None, clusters: Any = None) -> Covariance:
    """A⁻¹ B A⁻¹ / n: right for the closest member of the family also where the model is wrong.

    B = Σ w s sᵀ / Σ w over observations. With clusters, whose members may depend on each other, the weighted scores
    of a cluster c are summed first: B = Σ_c (Σ w s)(Σ w s)ᵀ / Σ w.

    Weights are frequencies, as in the fit: 2 is the same observation twice. For sampling weights (1 over the
    probability of being drawn) each observation is a cluster of its own: `clusters=jnp.arange(n)`.

    There is no small-sample factor. Those in use are, for m parameters, n / (n − m) (HC1) and, for G clusters,
    G / (G − 1) · (n − 1) / (n − m); multiply `matrix` by them.

    Args:
      fit: a fit to data.
      data, weights: those of the fit.
      clusters: whole numbers [n], the label of the cluster of each observation.

    Raises:
      TypeError, ValueError: data that are not those of the fit, or a single observation; labels that are none; more
        than 64 free parameters; a batch of fits.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 3.0, 2.0])
    >>> fit = xj.fit_mle(xj.Exponential, x)
    >>> xj.inference.sandwich_covariance(fit, x).matrix.item()  # Σ (1 − rate x)² / n²
    0.03125

    See also: R's `sandwich::sandwich` and `vcovCL(type="HC0", cadjust=FALSE)`; statsmodels' `cov_type="HC0"`.

    Reference: Huber (1967), Proc. 5th Berkeley Symposium; White (1982), Econometrica 50.
    """
    curvature_of("sandwich_covariance", fit)
    source = observed_several("sandwich_covariance", fit, data, weights)
    labels = _labels("sandwich_covariance", clusters, num_points(source.data))
    return Covariance(fit.model, _sandwich(fit, source, labels), fit.fixed, fit.ends)


def scores(fit: Any, data: Any) -> Array:
    """∂ log q(xᵢ) / ∂u for each observation [n, m], u the unconstrained coordinates of the fit; nats per unit of u.

    Their weighted sum is 0 at a maximum. They say which observations pull a parameter which way.

    Args:
      fit: a fit to data.
      data: as for the fit.

    Raises:
      TypeError, ValueError: data that are no arrays of numbers with a common leading axis.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 3.0])
    >>> xj.inference.scores(xj.fit_mle(xj.Exponential, x), x).ravel()  # 1 − rate x
    Array([ 0.5,  0. , -0.5], dtype=float...)

    See also: R's `sandwich::estfun`, in the natural parameters; statsmodels' `score_obs`.
    """
    check_single("scores", fit)
    return _scores(fit.model, fit.fixed, arrays("scores", data, None).data)


def observed_by(caller: str, fit: Any) -> Covariance:
    """`observed_covariance` under the name of the function that asks for it."""
    curvature = curvature_of(caller, fit)
    return Covariance(fit.model, _inverse(curvature, fit._observations(caller)), fit.fixed, fit.ends)


def covariance_or_observed(caller: str, fit: Any, covariance: Any) -> Covariance:
    """The covariance that a caller gave, checked to be one of this fit, or else the observed one."""
    check_single(caller, fit)
    if covariance is None:
        return observed_by(caller, fit)
    if not isinstance(covariance, Covariance):
        raise TypeError(
            f"{caller}: found covariance of type {type(covariance).__name__}, but a Covariance is needed; give "
            "sandwich_covariance(fit, data), or Covariance(fit.model, matrix, fit.fixed) with a matrix of your own."
        )
    check_matrix(caller, covariance)
    own, given = (str(jax.tree.structure(tree)) for tree in (fit.model, covariance.model))
    if own != given or covariance.fixed != fit.fixed:
        raise ValueError(
            f"{caller}: found a covariance of {type(covariance.model).__name__} with fixed={list(covariance.fixed)}, "
            f"but one of this fit of {type(fit.model).__name__} with fixed={list(fit.fixed)} is needed; make it from "
            "the same fit."
        )
    return dataclasses.replace(covariance, ends=fit.ends)


def check_matrix(caller: str, covariance: Covariance) -> None:
    """An error for several covariances in one."""
    if jnp.ndim(covariance.matrix) != 2:
        raise ValueError(
            f"{caller}: found a batch of covariances of shape {jnp.shape(covariance.matrix)}, but one matrix [m, m] is "
            "needed; map over them with jax.vmap."
        )


_scores = compiled(1)(point_scores)


@compiled()
def _inverse(curvature: Array, total: Array) -> Array:
    unit, core = inverse_core(curvature)
    return with_units(core / jnp.asarray(total).astype(core.dtype), unit)


@compiled()
def _opg(fit: Any, source: Empirical) -> Array:
    source = source.counted()
    gradients = point_scores(fit.model, fit.fixed, source.data)
    # squares of scores leave the range of float32 before the scores do
    unit = jnp.max(jnp.abs(gradients), 0)
    products = outer_products(gradients / unit[None, :], source)
    scale, core = inverse_core(products)
    return with_units(core / source.total.astype(core.dtype), unit * scale)


@compiled()
def _sandwich(fit: Any, source: Empirical, clusters: Array | None) -> Array:
    unit, core, products = bread_and_meat(fit, source, clusters)
    return with_units(core @ products @ core / source.total.astype(core.dtype), unit)


def _labels(caller: str, clusters: Any, n: int) -> Array | None:
    if clusters is None:
        return None
    labels = clusters if isinstance(clusters, Array) else np.asarray(clusters)
    if labels.dtype.kind not in "iub":
        raise TypeError(
            f"{caller}: found clusters of type {labels.dtype}, but whole numbers are needed; make them with "
            "numpy.unique(labels, return_inverse=True)[1]."
        )
    if labels.shape != (n,):
        raise ValueError(
            f"{caller}: found clusters of shape {labels.shape} for {n} observations, but one label for each is needed; "
            "repeat the label for each member of a cluster."
        )
    if not isinstance(labels, jax.core.Tracer) and np.unique(np.asarray(labels)).size == 1:
        raise ValueError(
            f"{caller}: found a single cluster, but several independent ones are needed, as the score of one is 0; "
            "leave clusters= out, and each observation is one."
        )
    return jnp.asarray(labels)


def free_leaves(covariance: Covariance) -> list[NamedLeaf]:
    """The parameters that a fit moved, in the order of the model."""
    return [leaf for leaf in named_leaves(covariance.model) if moved(leaf, covariance.fixed)]


@compiled()
def errors_of_fit(fit: Any, total: Array) -> Any:
    """Standard errors from the curvature of a fit; the covariance itself may be outside the range of float32."""
    unit, core = inverse_core(fit.curvature)
    return errors_in_shape(fit.model, fit.fixed, fit.ends, 1 / unit, core / total.astype(core.dtype))


@compiled()
def _errors_of_covariance(covariance: Covariance) -> Any:
    return errors_in_shape(covariance.model, covariance.fixed, covariance.ends, *scale_and_core(covariance.matrix))


@compiled()
def _natural(covariance: Covariance) -> Array:
    slopes = natural_slopes(covariance.model, covariance.fixed)
    return slopes @ covariance.matrix @ slopes.T


@compiled()
def _correlation(covariance: Covariance) -> Array:
    scale, core = scale_and_core(covariance.matrix)
    slopes = natural_slopes(covariance.model, covariance.fixed)
    error = spread_of(slopes, scale, core)
    scaled = slopes * jnp.broadcast_to(scale, slopes.shape) / error[:, None]
    return scaled @ core @ scaled.T
