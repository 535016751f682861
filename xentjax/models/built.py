"""Models from elsewhere: anything with `log_prob`, built from parameters; or a function and its parameters."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float, log1mexp
from xentjax._select import select
from xentjax.families.family import tail, within_support
from xentjax.parameters import as_support
from xentjax.records import record, static, unnamed
from xentjax.supports import REAL, Support

# methods of other libraries, best first, and what makes logarithms of them
BELOW = {"log_cdf": jnp.asarray, "cdf": lambda p: select(p > 0, jnp.log(select(p > 0, p, 1.0)), -jnp.inf)}
ABOVE = {"log_survival": jnp.asarray, "log_survival_function": jnp.asarray}


class _Supports(dict):
    """{path: support}; hashable, so that it can be part of a model's structure."""

    def __init__(self, declared: Mapping[str, Any] | None) -> None:
        items: dict[str, Support] = {path: as_support(support) for path, support in (declared or {}).items()}
        super().__init__(items)

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


@record
class Built:
    """A model around any object with `log_prob`: numpyro, distrax or TFP distributions, Flax or Equinox networks.

    log q(x) = build(params).log_prob(x). The object is built anew from `params` at each evaluation, so a library that
    normalises or checks in its constructor does so at the right time.

    Combinations use what the object has besides: `log_cdf` or `cdf`, and `log_survival` or (distrax, TFP)
    `log_survival_function`. Without the latter, as in numpyro, the upper tail is 1 − P(X ≤ x), which is 0 from about
    1e-16 on and has as many digits as that leaves. Quantiles, samples and quadrature of a combination need a family of
    this library inside.

    Args:
      params: a pytree of arrays, the values to start from.
      build: a function of `params`. Define it once at module level: a new lambda per call compiles anew.
      supports: {path in params: support} for parameters that may not be any real number, as
        `{"scale": xentjax.positive}`.
      support: where the values x lie, as `xentjax.count` or `xentjax.Beta.support`; beyond it the object is not asked.
        `Truncated`, `ZeroInflated`, `Hurdle` and `Independent` need it; others take numbers for real ones without it.

    Raises:
      TypeError: (when a combination asks) the object has no distribution function, or no support was given.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> def build(params):
    ...     return xj.Gamma(params["shape"], params["shape"] / params["mean"])
    >>> model = xj.Built({"shape": 1.0, "mean": 1.0}, build, {"shape": xj.positive, "mean": xj.positive})
    >>> fit = xj.fit_mle(model, jnp.array([1.0, 2.0, 6.0]))
    >>> round(fit.model.params["mean"].item(), 5)
    3.0

    See also: `Density`, for a plain function.
    """

    params: Any = unnamed()
    build: Callable[[Any], Any] = static()
    supports: Mapping[str, Any] = static()
    support: Support | None = static(None)

    def __init__(
        self,
        params: Any,
        build: Callable[[Any], Any],
        supports: Mapping[str, Any] | None = None,
        support: Any = None,
    ) -> None:
        object.__setattr__(self, "params", params)
        object.__setattr__(self, "build", build)
        object.__setattr__(self, "supports", _Supports(supports))
        object.__setattr__(self, "support", None if support is None else as_support(support))

    def log_prob(self, x: Any) -> Array:
        """log q(x) of one point, in nats."""
        if self.support is None:
            return self.build(self.params).log_prob(x)
        x, within = jnp.asarray(x), self.contains(x)  # of the type it came in: labels are whole numbers
        inside = within if self.support.ndim == 0 else within[..., None]
        safe = select(inside, x, jnp.asarray(self.interior, x.dtype))
        return within_support(within, x, self.build(self.params).log_prob(safe))

    def ends(self) -> tuple[Any, Any]:
        """The least and the greatest number there may be."""
        support = self.support or REAL
        return support.low, support.high

    def contains(self, x: Any) -> Array:
        """Whether x is in the support."""
        if self.support is None:
            raise TypeError(
                "Built: found no support of the values, but a combination needs to know where they lie; give it: "
                "Built(params, build, supports, support=xentjax.positive)."
            )
        return self.support.contains(as_float(x))

    @property
    def interior(self) -> float:
        """A value that can stand in for one outside."""
        return (self.support or REAL).interior

    def tails(self, x: Array) -> tuple[Array, Array]:
        """log P(X ≤ x) and log P(X > x) of one number x inside the support."""
        of = self.build(self.params)
        below, above = (_offered(of, names, x) for names in (BELOW, ABOVE))
        if below is None:
            raise TypeError(
                f"Built: found a {type(of).__name__}, which has no distribution function, but one with log_cdf or cdf "
                "is needed; choose another, or build an object of your own with log_prob, log_cdf and log_survival."
            )
        return below, log1mexp(below) if above is None else above

    def log_cdf(self, x: Any) -> Array:
        """log P(X ≤ x) of one number x."""
        return self._tail(x, 0)

    def log_survival(self, x: Any) -> Array:
        """log P(X > x) of one number x."""
        return self._tail(x, 1)

    def cdf(self, x: Any) -> Array:
        """P(X ≤ x) of one number x."""
        return jnp.exp(self.log_cdf(x))

    def _tail(self, x: Any, side: int) -> Array:
        numbers = self if self.support else Built(self.params, self.build, self.supports, REAL)
        return tail(numbers, x, side)


def _offered(of: Any, names: Mapping[str, Callable[[Array], Array]], x: Array) -> Array | None:
    """The logarithm of a tail of an object by the first of its methods that is implemented, if there is one."""
    for name, log in names.items():
        # base classes elsewhere declare what only some distributions implement
        with contextlib.suppress(NotImplementedError):
            if hasattr(of, name):
                return log(getattr(of, name)(x))
    return None


@record
class Density:
    """A model from a function: log q(x) = function(params, x).

    Args:
      params: a pytree of arrays, commonly a dict: the values to start from.
      function: `function(params, point)`, the log-density of one point; define it once at module level.
      supports: as for `Built`.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> def log_prob(params, x):
    ...     return jnp.log(params["rate"]) - params["rate"] * x
    >>> model = xj.Density({"rate": 1.0}, log_prob, {"rate": xj.positive})
    >>> round(xj.fit_mle(model, jnp.array([1.0, 2.0, 6.0])).model.params["rate"].item(), 5)
    0.33333
    """

    params: Any = unnamed()
    function: Callable[[Any, Any], Array] = static()
    supports: Mapping[str, Any] = static()

    def __init__(
        self, params: Any, function: Callable[[Any, Any], Array], supports: Mapping[str, Any] | None = None
    ) -> None:
        if not callable(function):
            raise TypeError(
                f"Density: found {function!r} as the function, but function(params, point) is needed, after the "
                "starting values: Density(params, function, supports)."
            )
        # a starting value written as 1 is a number that may move
        object.__setattr__(self, "params", jax.tree.map(lambda a: as_float(a) if type(a) is int else a, params))
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "supports", _Supports(supports))

    def log_prob(self, x: Any) -> Array:
        """log q(x) of one point, in nats."""
        return self.function(self.params, x)
