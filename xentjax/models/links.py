"""Links: how a parameter of a distribution follows from a predictor, which may be any real number.

Each is a pair g and g⁻¹: predictor η = g(value), value = g⁻¹(η). A regression without one takes that of the parameter's
support: none for a real number, log for a positive one, logit for a probability, softmax for logits or probabilities.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import log_ndtr, ndtr, ndtri

from xentjax._select import select


class Link(NamedTuple):
    """A link g between a parameter and its predictor η.

    Attributes:
      predictor: g, a function of the value.
      value: g⁻¹, a function of η.
      logit: log(p / (1 − p)) of the probability p = g⁻¹(η), where it is known without rounding p, which is 1 to
        rounding far out. None elsewhere.

    >>> import xentjax as xj
    >>> round(xj.links.probit.value(0.0).item(), 3)
    0.5

    See also: `statsmodels.genmod.families.links`, classes of the same.
    """

    predictor: Callable[[Array], Array]
    value: Callable[[Array], Array]
    logit: Callable[[Array], Array] | None = None


def _identity(x: Array) -> Array:
    return jnp.asarray(x)


def _log_expm1(x: Array) -> Array:
    """log(exp(x) − 1) for x > 0: the large part of it is x itself."""
    return x + jnp.log(-jnp.expm1(-x))


def _cloglog_logit(eta: Array) -> Array:
    # where exp(η) is less than the rounding of 1 the two are η, and their derivatives would divide by 0
    small = eta < jnp.log(jnp.finfo(eta.dtype).eps)
    return select(small, eta, _log_expm1(jnp.exp(select(small, 0.0, eta))))


identity = Link(_identity, _identity)
log = Link(jnp.log, jnp.exp)
inverse = Link(lambda value: 1 / value, lambda eta: 1 / eta)
sqrt = Link(jnp.sqrt, jnp.square)
softplus = Link(_log_expm1, jax.nn.softplus)
logit = Link(lambda p: jnp.log(p) - jnp.log1p(-p), jax.nn.sigmoid, _identity)
probit = Link(ndtri, ndtr, lambda eta: log_ndtr(eta) - log_ndtr(-eta))
# 1 − exp(−exp(η)): a count with the log-mean η is not 0
cloglog = Link(lambda p: jnp.log(-jnp.log1p(-p)), lambda eta: -jnp.expm1(-jnp.exp(eta)), _cloglog_logit)
# exp(−exp(−η)): the same of the complement, with the sign of η
loglog = Link(lambda p: -jnp.log(-jnp.log(p)), lambda eta: jnp.exp(-jnp.exp(-eta)), lambda eta: -_cloglog_logit(-eta))
