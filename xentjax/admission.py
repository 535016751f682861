"""The door of a fit: what it accepts.

Everything that costs a pass over the data is checked inside the compiled fit and comes out as a status; only then do
`refusals` look for the entry at fault, so that good data pay nothing.
"""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._numerics import as_float, to_device
from xentjax.families.family import Family
from xentjax.information import probabilities
from xentjax.minimization import check_limits
from xentjax.models.mixture import Mixture
from xentjax.models.regression import Regression
from xentjax.models.starts import is_open
from xentjax.parameters import check_names, named_leaves, passed
from xentjax.results import Fit
from xentjax.sources import Empirical, check_points, num_points
from xentjax.statuses import Status
from xentjax.supports import Support, reaches_beyond


def admit(caller: str, model: Any, source: Any, fixed: Any, optimizer: Any, tol: Any, max_steps: int) -> Any:
    """The source, ready for a fit; or an error that says what is at fault."""
    _check_model(caller, model)
    _check_fixed(caller, model, fixed)
    check_limits(caller, optimizer, tol, max_steps)
    if inspect.isclass(source):
        raise TypeError(
            f"{caller}: found the class {source.__name__} as the source, but a distribution is needed; give its "
            f"parameters, as in {source.__name__}(...)."
        )
    if isinstance(source, Empirical):
        return _admit_data(caller, model, source)
    if hasattr(source, "expect"):
        _check_supports(caller, model, source)
        return source
    try:
        p = probabilities(caller, "source", source, -1, None)
    except ValueError as error:
        raise ValueError(f"{error} Observations go to fit_mle(model, x), or here as Empirical(x).") from None
    return Empirical(jnp.arange(p.shape[-1]), p, drawn=False)


def _check_supports(caller: str, model: Any, source: Any) -> None:
    q, p = support_of(model), support_of(source)
    if q is None or p is None:
        return
    ends = source.ends() if hasattr(source, "ends") else (p.low, p.high)
    if reaches_beyond(p, ends, q, (q.low, q.high)) is True:
        raise ValueError(
            f"{caller}: found a source whose points are each {p} for a model that needs {q}, so that the divergence is "
            "infinite, but a model that covers the source is needed; choose a family with its support."
        )


def _check_model(caller: str, model: Any) -> None:
    if not inspect.isclass(model) and callable(model) and not hasattr(model, "log_prob"):
        raise TypeError(
            f"{caller}: found the function {getattr(model, '__name__', model)!r} as the model, but an object with "
            "log_prob is needed; wrap it: Density(starting_values, function, {'scale': positive})."
        )
    if not hasattr(model, "log_prob"):
        raise TypeError(
            f"{caller}: found a {type(model).__name__} as the model, but an object with log_prob is needed; "
            f"the model comes first, as in {caller}(Gamma, ...)."
        )
    if is_open(model) and not hasattr(model, "start"):
        name = (
            model.__name__
            if inspect.isclass(model)
            else next(leaf.__name__ for leaf in jax.tree.leaves(model) if inspect.isclass(leaf))
        )
        raise TypeError(
            f"{caller}: found the class {name}, which computes no start from data; "
            f"pass an instance with starting values, as in {caller}({name}(...), ...)."
        )
    if getattr(model, "supports", ()) and not is_open(model):
        _check_names_of_supports(caller, model)
    # the protocol of numpyro, distrax and TFP
    if not inspect.isclass(model) and hasattr(model, "batch_shape") and hasattr(model, "event_shape"):
        raise TypeError(
            f"{caller}: found a {type(model).__name__} of another library as the model, but one whose parameters have "
            f"supports is needed; wrap it: Built({{'scale': 1.0, ...}}, lambda p: {type(model).__name__}(**p), "
            "{'scale': positive})."
        )
    if not inspect.isclass(model) and jax.tree_util.treedef_is_leaf(jax.tree.structure(model)):
        raise TypeError(
            f"{caller}: found a {type(model).__name__}, which is no pytree, so that its parameters cannot be seen; "
            "decorate the class with @xentjax.record, or wrap the object with Built(params, build)."
        )


def _check_names_of_supports(caller: str, model: Any) -> None:
    known = [leaf.name for leaf in named_leaves(model) if leaf.is_parameter]
    for name in model.supports:
        if not any(path == name or path.startswith(f"{name}.") for path in known):
            raise ValueError(
                f"{caller}: found a support for {name!r}, but the parameters are {', '.join(known)}; use their names."
            )


def check_inside(caller: str, model: Any, fixed: Any) -> None:
    """An error for a value to start from that is outside its support, unless another is held in its place.

    It is looked for where a fit says that it could not begin, as it takes a good part of the time of a small fit.
    """
    if inspect.isclass(model):
        return
    replaced = fixed if isinstance(fixed, Mapping) else ()
    leaves = [leaf for leaf in named_leaves(model) if leaf.is_parameter and leaf.name not in replaced]
    seen = [leaf for leaf in leaves if not _traced(leaf.value)]  # what is traced may be inside
    inside = _contained([leaf.support for leaf in seen], [leaf.value for leaf in seen])
    for leaf, good in zip(seen, inside, strict=True):
        if not good:
            raise ValueError(
                f"{caller}: found {leaf.name} = {np.asarray(leaf.value)} in the {type(model).__name__} to start from, "
                f"but {leaf.support.name} is needed; start inside."
            )


def _check_fixed(caller: str, model: Any, fixed: Any) -> None:
    if fixed is None:
        return
    if isinstance(fixed, str):
        raise TypeError(f"{caller}: found fixed={fixed!r}, but a collection of names is needed; write [{fixed!r}].")
    if is_open(model) and not inspect.isclass(model):  # its parameters are known once it is started
        given = {leaf.name for leaf in named_leaves(model) if leaf.is_parameter}
        unknown = [] if isinstance(fixed, Mapping) else [name for name in fixed if name not in given]
        if unknown:
            raise ValueError(
                f"{caller}: found names to hold without values, {unknown}, which the {type(model).__name__} to start "
                f"from does not give; write fixed={{{unknown[0]!r}: value}}."
            )
        return
    if not inspect.isclass(model):
        check_names(caller, model, fixed)
        supports: dict[str, Support | None] = {leaf.name: leaf.support for leaf in named_leaves(model)}
    else:
        supports = {f.name: f.metadata.get("support") for f in dataclasses.fields(model)}  # type: ignore[arg-type]
        for name in fixed:
            if name not in supports:
                raise ValueError(
                    f"{caller}: found fixed={name!r}, but {model.__name__} has the parameters "
                    f"{', '.join(supports)}; use one of these names."
                )
        if not isinstance(fixed, Mapping):
            raise ValueError(
                f"{caller}: found names to hold without values, {list(fixed)!r}, but the class {model.__name__} has no "
                f"values of its own; write fixed={{{next(iter(fixed))!r}: value}}, or pass an instance."
            )
    for name, value in fixed.items() if isinstance(fixed, Mapping) else ():
        if not isinstance(value, Array) and np.asarray(value).dtype.kind not in "fiub":
            raise TypeError(f"{caller}: found fixed={{{name!r}: {value!r}}}, but a number or an array is needed.")
        support = supports[name]
        if support is not None and not _traced(value) and not _contained([support], [value]).all():
            raise ValueError(f"{caller}: found fixed={{{name!r}: {value}}}, but {support.name} is needed; change it.")


def _contained(supports: list[Support], values: list[Any]) -> np.ndarray:
    """Whether each support contains its value, outside `jit` and inside, where JAX would trace numbers too."""
    with jax.ensure_compile_time_eval():
        return np.asarray(passed(tuple(support.contains for support in supports), [as_float(v) for v in values]))


def _traced(tree: Any) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def _admit_data(caller: str, model: Any, source: Empirical) -> Empirical:
    if isinstance(source.data, Empirical):
        raise TypeError(
            f"{caller}: found an Empirical as the data, but arrays of observations are needed; "
            "pass the arrays and weights=, or give the Empirical to fit(model, source)."
        )
    if hasattr(source.data, "log_prob"):
        name = source.data.__name__ if inspect.isclass(source.data) else type(source.data).__name__
        raise TypeError(
            f"{caller}: found the distribution {name} as the data, but arrays of observations are needed; "
            "a distribution is the source of fit_kl(model, source)."
        )
    support = support_of(model)
    if support is not None:  # a family's points are one array; there are no eigenvectors in half precision
        data = _at_least_single(_observations(caller, source.data))
    else:  # for other models a list is a pytree, such as [x, y]
        data = jax.tree_util.tree_map_with_path(lambda path, leaf: _observations(caller, leaf, path), source.data)
    weights = None if source.weights is None else as_array(caller, source.weights)
    check_points(caller, data, weights)
    if support is not None and data.ndim != 1 + support.ndim:
        shape = "[n]" if support.ndim == 0 else "[n, d]"
        name = model.__name__ if inspect.isclass(model) else type(model).__name__
        raise ValueError(
            f"{caller}: found data of shape {data.shape}, but {name} needs {shape}; "
            + ("flatten with x.ravel(), or vmap the fit for one fit per row." if support.ndim == 0 else "stack points.")
        )
    if weights is not None and weights.dtype.kind in "iub":
        weights = weights.astype(jnp.result_type(float))
    return Empirical(data, weights, source.drawn)


def as_array(caller: str, leaf: Any, path: tuple = ()) -> Array:
    """As a JAX array; whole numbers that would wrap or round are refused."""
    if isinstance(leaf, Array) and leaf.dtype.kind != "c":
        return leaf
    if isinstance(leaf, np.ma.MaskedArray):
        raise TypeError(
            f"{caller}: found a masked array{jax.tree_util.keystr(path)}, whose mask JAX would not see, but plain "
            "arrays are needed; give x.data with weights=~numpy.ma.getmaskarray(x), or x.compressed()."
        )
    try:
        array = np.asarray(leaf)
    except ValueError:  # rows of unequal length
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{caller}: found data{jax.tree_util.keystr(path)} of type {array.dtype}, but numbers are needed; convert "
            "with numpy.asarray(x, float); write labels as columns of 0 and 1, one for each label but one; rows of "
            "unequal length need padding and weights."
        )
    if array.dtype.kind in "iu" and array.size:
        limit = 1 / float(jnp.finfo(jnp.result_type(float)).eps) * 2
        largest = max(abs(int(array.min())), abs(int(array.max())))
        if largest > limit:
            double = jnp.result_type(float) == jnp.float64
            remedy = "count in larger units" if double else "jax.config.update('jax_enable_x64', True) gives float64"
            raise ValueError(
                f"{caller}: found the whole number {largest}, but beyond {int(limit)} whole numbers are not exact in "
                f"{jnp.result_type(float)}; {remedy}."
            )
    return to_device(array)


def _observations(caller: str, leaf: Any, path: tuple = ()) -> Array:
    """As `as_array`; an error for numbers of which the type that JAX works in would lose the differences, or all."""
    if isinstance(leaf, Array):
        return as_array(caller, leaf, path)
    try:
        array = np.asarray(leaf)
    except ValueError:  # rows of unequal length
        return as_array(caller, leaf, path)
    dtype = jnp.result_type(float)
    if array.dtype != np.float64 or dtype == np.float64 or not array.size or not array.ndim:
        return as_array(caller, leaf, path)
    finite = np.isfinite(array)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = np.max(np.abs(array.astype(dtype) - array), 0, initial=0.0, where=finite)
        spread = np.std(np.where(finite, array, 0.0), 0)
    # a hundredth of a standard deviation, spread evenly, adds a part in 30,000 to a variance
    lost = ((moved > 0.01 * spread) & (spread > 0)) | np.isinf(moved)
    if np.any(lost):
        raise ValueError(
            f"{caller}: found data{jax.tree_util.keystr(path)} that {dtype} moves by up to {np.max(moved[lost]):.3g}, "
            f"beside a standard deviation of {np.max(spread[lost]):.3g}, but what tells observations apart is needed; "
            "subtract an origin and choose other units, or use float64: jax.config.update('jax_enable_x64', True)."
        )
    return as_array(caller, leaf, path)


def _at_least_single(leaf: Array) -> Array:
    half = jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.dtype.itemsize < 4
    return leaf.astype(jnp.float32) if half else leaf


def support_of(model: Any) -> Support | None:
    support = getattr(model, "support", None)
    return support if isinstance(support, Support) else None


def covered(model: Any, source: Any) -> Array:
    """Whether the values of a source lie between the ends that the parameters give a model; traceable.

    An objective made of statistics does not see single values. Ends that parameters move are never fitted there, so
    that those of the start are those of the result.
    """
    if not getattr(model, "statistics", ()) or not hasattr(model, "ends"):
        return jnp.asarray(True)
    if isinstance(source, Empirical):
        within = between_ends(model, source.data)
        return jnp.all(within if source.weights is None else within | (source.weights == 0))
    if not hasattr(source, "ends"):
        return jnp.asarray(True)
    return ~jnp.asarray(reaches_beyond(source.support, source.ends(), model.support, model.ends()))


def between_ends(model: Any, data: Any) -> Array:
    """[n] booleans; of ends that do not move, the support knows."""
    fixed = model.support.ndim == 0 and all(isinstance(end, float) for end in model.ends())
    return jnp.ones(num_points(data), bool) if fixed else jax.vmap(model.contains)(as_float(data))


def acceptable(model: Any, source: Any) -> Array:
    """Whether the weights are weights and every point that counts is one the model can have met; traceable."""
    if not isinstance(source, Empirical):
        return jnp.asarray(True)
    if source.weights is None:
        support = support_of(model)
        if support is not None and not support.discrete and support.ndim == 0:
            # an interval holds all points if it holds the extremes: two cheap passes, and NaN is passed on
            return support.contains(jnp.min(source.data)) & support.contains(jnp.max(source.data))
        return jnp.all(good_points(model, source.data))
    weights = source.weights
    proper = jnp.isfinite(weights) & (weights >= 0)
    return jnp.all(proper & (good_points(model, source.data) | (weights == 0))) & jnp.any(weights > 0)


def good_points(model: Any, data: Any) -> Array:
    """[n] booleans."""
    support = support_of(model)
    if support is not None:
        return support.contains(data)
    floats = [leaf for leaf in jax.tree.leaves(_seen(model, data)) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    missing = [jnp.isnan(leaf).reshape(leaf.shape[0], -1).any(-1) for leaf in floats]
    return ~jnp.any(jnp.stack(missing), 0) if missing else jnp.ones(num_points(data), bool)


def _seen(model: Any, data: Any) -> Any:
    """What a regression, or each of a mixture of them, looks at of the data."""
    if isinstance(model, Mixture):
        parts = model.components if isinstance(model.components, tuple) else (model.components,)
        return [_seen(part, data) for part in parts]
    return model.seen(data) if isinstance(model, Regression) else data


def constant(model: Any, source: Any, num_free: int) -> Array:
    """Whether the data (all of which count) are equal: no continuous family of two parameters or more has a maximum."""
    support = support_of(model)
    if not isinstance(source, Empirical) or support is None or support.discrete or num_free < 2:
        return jnp.asarray(False)
    return jnp.all(jnp.min(source.data, 0) == jnp.max(source.data, 0))


def without_scatter(model: Any, source: Any) -> Array:
    """Whether a quantile regression with its coefficients in place passes through all observations; traceable."""
    if not hasattr(model, "passes_through") or not model.edges:
        return jnp.asarray(False)
    return model.passes_through(source)


def is_refused(fit: Fit) -> bool:
    """Whether a fit says that it could not begin, or may say so: inside jit it says nothing yet."""
    return isinstance(fit.status, jax.core.Tracer) or int(fit.status) in (Status.BAD_START, Status.BAD_DATA)


def is_lost(model: Any, fit: Fit) -> bool:
    """Outside jit, whether a fit could not begin at a family's instance, while its class knows a start from data.

    Where the data themselves allow no fit, the class says so as well.
    """
    if not isinstance(model, Family) or isinstance(fit.status, jax.core.Tracer):
        return False
    if int(fit.status) != Status.BAD_START:
        return False
    # a combination is an instance too, but starts by its parts
    own = inspect.getattr_static(type(model), "start")
    return isinstance(own, classmethod) and own is not inspect.getattr_static(Family, "start")
