"""Models from elsewhere: anything with `log_prob`, built from parameters; or a function and its parameters."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
from jax import Array

from xentjax._numerics import as_float
from xentjax.parameters import as_support
from xentjax.records import record, static, unnamed
from xentjax.supports import Support


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

    Args:
      params: a pytree of arrays, the values to start from.
      build: a function of `params`. Define it once at module level: a new lambda per call compiles anew.
      supports: {path in params: support} for parameters that may not be any real number, as
        `{"scale": xentjax.positive}`.

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

    def __init__(self, params: Any, build: Callable[[Any], Any], supports: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "params", params)
        object.__setattr__(self, "build", build)
        object.__setattr__(self, "supports", _Supports(supports))

    def log_prob(self, x: Any) -> Array:
        """log q(x) of one point, in nats."""
        return self.build(self.params).log_prob(x)


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
