"""Parameters: natural values in the open, unconstrained reals inside a fit.

A model's field says where its values may lie, `rate: Parameter = positive(1.0)`. `unconstrain` turns a model into a
dict of unconstrained arrays, keyed by path, and the function that leads back.
"""

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from xentjax._numerics import as_float
from xentjax.supports import (
    COUNTS,
    COVARIANCE,
    LOGITS,
    ORDERED,
    POSITIVE,
    REAL,
    SIGNED,
    SIMPLEX,
    UNIT_INTERVAL,
    Support,
    numbers_above,
    numbers_between,
)

if TYPE_CHECKING:

    class Parameter:
        """Annotation of a model's field: accepts numbers and arrays, reads back as an `Array`."""

        def __get__(self, instance: object, owner: type) -> Array: ...
        def __set__(self, instance: object, value: ArrayLike) -> None: ...

else:
    Parameter = Array


def _field(support: Support, default: Any) -> Any:
    return dataclasses.field(default=default, metadata={"support": support})


def real(default: Any = dataclasses.MISSING) -> Any:
    """A parameter that may be any finite number. See `record` for how fields are declared."""
    return _field(REAL, default)


def positive(default: Any = dataclasses.MISSING) -> Any:
    """A parameter > 0; its logarithm is unconstrained."""
    return _field(POSITIVE, default)


def signed(default: Any = dataclasses.MISSING) -> Any:
    """A parameter that may be any finite number and whose best value may be infinite: a fit moves it by e-folds."""
    return _field(SIGNED, default)


def count(default: Any = dataclasses.MISSING) -> Any:
    """A whole number ≥ 0, which is part of a model's design and never fitted."""
    return _field(COUNTS, default)


def unit_interval(default: Any = dataclasses.MISSING) -> Any:
    """A parameter strictly between 0 and 1; its logit is unconstrained."""
    return _field(UNIT_INTERVAL, default)


def interval(low: float, high: float, default: Any = dataclasses.MISSING) -> Any:
    """A parameter strictly between two finite numbers `low` and `high`."""
    if not -math.inf < low < high < math.inf:
        raise ValueError(
            f"interval: found low = {low}, high = {high}, but finite numbers low < high are needed; exchange them, or "
            "write above(low) or real() for what has no end."
        )
    return _field(numbers_between(low, high), default)


def above(low: float, default: Any = dataclasses.MISSING) -> Any:
    """A parameter > `low`; the logarithm of the distance is unconstrained."""
    return _field(numbers_above(low), default)


def simplex(default: Any = dataclasses.MISSING) -> Any:
    """A vector of probabilities [..., k], each > 0, that sums to 1; log(p_i / p_k) are unconstrained."""
    return _field(SIMPLEX, default)


def logits(default: Any = dataclasses.MISSING) -> Any:
    """A vector [..., k] of which only the differences matter; a fit holds the last entry at 0."""
    return _field(LOGITS, default)


def ordered(default: Any = dataclasses.MISSING) -> Any:
    """A vector [..., k] of increasing numbers; the first and the logarithms of the steps are unconstrained."""
    return _field(ORDERED, default)


def covariance(default: Any = dataclasses.MISSING) -> Any:
    """A symmetric positive definite matrix [..., d, d]; its Cholesky factor, with log diagonal, is unconstrained."""
    return _field(COVARIANCE, default)


def as_support(declared: Any) -> Support:
    """The support that `positive`, `positive()` or `interval(0, 1)` declares, or a family's, as `Beta.support`."""
    if isinstance(declared, Support):
        return declared
    if callable(declared):
        declared = declared()
    found = getattr(declared, "metadata", {}).get("support")
    if found is None:
        raise TypeError(
            f"supports: found {declared!r}, but a support is needed; write for example "
            "supports={'scale': xentjax.positive, 'p': xentjax.interval(0, 2)}."
        )
    return found


def declared(model: Any, path: tuple) -> tuple[str, Support | None, bool]:
    """The name of the leaf at a path, its innermost declared support, and whether it may be a parameter."""
    found, node, named, counts = None, model, [], True
    for depth, key in enumerate(path):
        name, fields = getattr(key, "name", None), _fields(node)
        metadata: Mapping = fields[name].metadata if name in fields else {}
        found = metadata.get("support", found)
        named += [] if metadata.get("unnamed") else [key]
        counts = counts and not metadata.get("aside", False)
        supports: Mapping = dict(getattr(node, "supports", ()))
        for end in range(depth + 2, len(path) + 1):
            found = supports.get(_name(path[depth + 1 : end]), found)
        node = getattr(node, str(name)) if name in fields else _item(node, key)
    return _name(named or path), found, counts


def _name(path: Sequence) -> str:
    return jax.tree_util.keystr(tuple(path), simple=True, separator=".")


def _fields(node: Any) -> dict[str, dataclasses.Field]:
    return {field.name: field for field in dataclasses.fields(node)} if dataclasses.is_dataclass(node) else {}


def _item(node: Any, key: Any) -> Any:
    """The child of a container; None for a node of another library, whose insides are not looked into."""
    index = getattr(key, "key", getattr(key, "idx", None))
    return node[index] if isinstance(node, (dict, list, tuple)) and index is not None else None


@dataclasses.dataclass(frozen=True)
class NamedLeaf:
    """One leaf of a model: its dotted path, its support, its value, and whether it is a parameter."""

    name: str
    support: Support
    value: Any
    is_parameter: bool


def named_leaves(model: Any) -> list[NamedLeaf]:
    """The leaves of a model in the order of its tree. Leaves that are neither declared nor floats are no parameters."""
    leaves = []
    for path, value in jax.tree_util.tree_flatten_with_path(model)[0]:
        name, support, counts = declared(model, path)
        numeric = counts and (isinstance(value, (bool, int, float, complex)) or hasattr(value, "dtype"))
        is_parameter = numeric and (support is not None or jnp.issubdtype(jnp.result_type(value), jnp.floating))
        leaves.append(NamedLeaf(name, support or REAL, as_float(value) if is_parameter else value, is_parameter))
    names = [leaf.name for leaf in leaves if leaf.is_parameter]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"parameters: found two with the path {double!r}, but one is needed; rename one of them.")
    return leaves


def entry_name(name: str, index: tuple[int, ...]) -> str:
    """The name of one number of a parameter: "rate", "components.loc[0]"."""
    return name + (f"[{', '.join(map(str, index))}]" if index else "")


def replace_leaves(model: Any, leaves: Collection[Any]) -> Any:
    """The model with other leaves, in the order of `named_leaves`."""
    return jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(model), leaves)


def check_names(function: str, model: Any, names: Collection[str]) -> None:
    """An error for a name in `fixed` that the model does not have."""
    known = [leaf.name for leaf in named_leaves(model) if leaf.is_parameter]
    for name in names:
        if name not in known:
            raise ValueError(
                f"{function}: found fixed={name!r}, but {type(model).__name__} has the parameters "
                f"{', '.join(known)}; use one of these names."
            )


def check_held(function: str, model: Any, fixed: Any) -> None:
    """An error for what is no collection of the names of parameters that keep the model's values."""
    if isinstance(fixed, (str, Mapping)):
        raise TypeError(
            f"{function}: found fixed={fixed!r}, but a collection of names is needed; give the values in the model, as "
            f"in {function}(..., Normal(0.0, 3.0), fixed=['scale'])."
        )
    check_names(function, model, fixed)


def unconstrain(model: Any, fixed: Collection[str] = ()) -> tuple[dict[str, Array], Callable[[dict[str, Array]], Any]]:
    """The unconstrained parameters of `model`, by path, and the function that rebuilds the model from them.

    `constrain(free)` is `model` again, to rounding. This is what `fit` optimises, and what a loop of one's own should:
    an optimiser that moves the natural values leaves the support.

    Args:
      model: a family's instance, a dataclass with declared fields, or any pytree of arrays.
      fixed: paths to hold at their present value.

    Raises:
      TypeError, ValueError: `fixed` is no collection of paths of `model`.

    Returns:
      `(free, constrain)`; the keys of `free` are paths like `"rate"` or `"components.loc"`.

    >>> import xentjax as xj
    >>> free, constrain = xj.unconstrain(xj.Gamma(1.0, 2.0))
    >>> {name: round(float(value), 4) for name, value in free.items()}
    {'concentration': 0.0, 'rate': 0.6931}
    >>> constrain(free)
    Gamma(concentration=1, rate=2)

    See also: `numpyro.infer.util.unconstrain_fn`, which works on a traced program and not on a model object.
    """
    check_held("unconstrain", model, fixed)
    leaves = named_leaves(_in_coordinates(model, fixed, "to_coordinates"))
    free = _freed(leaves, fixed)

    def constrain(free: dict[str, Array]) -> Any:
        values = [
            leaf.support.constrain(free[leaf.name]) if leaf.name in free and leaf.support.constrain else leaf.value
            for leaf in leaves
        ]
        return _in_coordinates(replace_leaves(model, values), fixed, "from_coordinates")

    return free, constrain


def _freed(leaves: list[NamedLeaf], fixed: Collection[str]) -> dict[str, Array]:
    """The coordinates of the parameters that may move."""
    return {
        leaf.name: leaf.support.free(leaf.value)
        for leaf in leaves
        if leaf.is_parameter and leaf.name not in fixed and leaf.support.free is not None
    }


def uncentred(model: Any, fixed: Collection[str]) -> dict[str, Array] | None:
    """Coordinates in which the constant of a linear predictor is itself, not η at the centres of columns; or None."""
    moved = _in_coordinates(model, fixed, "uncentred")
    return None if moved is model else _freed(named_leaves(moved), fixed)


def places(free: dict[str, Any]) -> dict[str, np.ndarray]:
    """The places of the entries of each parameter among all coordinates [m], in the order of `ravel_pytree`."""
    shapes = {name: np.shape(free[name]) for name in sorted(free)}
    ends = np.cumsum([0, *(math.prod(shape) for shape in shapes.values())])
    spans = zip(shapes.items(), ends[:-1], ends[1:], strict=True)
    return {name: np.arange(start, end).reshape(shape) for (name, shape), start, end in spans}


def _in_coordinates(model: Any, fixed: Collection[str], way: str) -> Any:
    """The model with the coordinates of each part that knows better ones than its own numbers, or back again."""

    def moved(prefix: str, part: Any) -> Any:
        return getattr(part, way)({name.removeprefix(prefix) for name in fixed if name.startswith(prefix)})

    return _with_parts(model, way, moved)


def in_own_units(model: Any, name: str) -> Any:
    """The model, in the part of which with this parameter each number is its own coordinate, up to its support."""

    def moved(prefix: str, part: Any) -> Any:
        return part.in_own_units() if name.startswith(prefix) else part

    return _with_parts(model, "in_own_units", moved)


def _with_parts(model: Any, method: str, change: Callable[[str, Any], Any]) -> Any:
    """The model with change(what the names in it begin with, part) in place of each part that has a method."""

    def has(node: Any) -> bool:
        return hasattr(node, method)

    parts, structure = jax.tree_util.tree_flatten_with_path(model, is_leaf=has)
    if not any(has(part) for _, part in parts):
        return model
    prefixes = [declared(model, path)[0] + "." if path else "" for path, _ in parts]

    def changed(path: tuple, part: Any, prefix: str) -> Any:
        one: Callable[[Any], Any] = functools.partial(change, prefix)
        for _ in range(_lanes(model, path)):
            one = jax.vmap(one)
        return one(part)

    found = [
        changed(path, part, prefix) if has(part) else part for (path, part), prefix in zip(parts, prefixes, strict=True)
    ]
    return jax.tree_util.tree_unflatten(structure, found)


def _lanes(model: Any, path: tuple) -> int:
    """How many leading axes the part at a path has, as each component of a mixture is a lane."""
    node, count = model, 0
    for key in path:
        name = getattr(key, "name", None)
        count += name in getattr(node, "batched", ())
        node = getattr(node, str(name)) if name in _fields(node) else _item(node, key)
    return count


def inside(model: Any, beside: Collection[str] = ()) -> Array:
    """Whether every parameter of `model` but these is finite and inside its support: one boolean, traceable."""
    leaves = [leaf for leaf in named_leaves(model) if leaf.is_parameter and leaf.name not in beside]
    checks = [jnp.all(leaf.support.contains(leaf.value)) for leaf in leaves]
    return jnp.all(jnp.stack(checks)) if checks else jnp.asarray(True)


def may_be(model: Any, names: Collection[str]) -> Array:
    """Whether the named parameters are inside their supports or at ends with a meaning, as probs = 0; traceable."""
    leaves = [leaf for leaf in named_leaves(model) if leaf.is_parameter and leaf.name in names]
    checks = [jnp.all((leaf.support.closed or leaf.support.contains)(leaf.value)) for leaf in leaves]
    return jnp.all(jnp.stack(checks)) if checks else jnp.asarray(True)


def check_parameters(function: str, **models: Any) -> None:
    """Outside jit, an error for a parameter outside its support; an end with a meaning, as probs = 0, is allowed."""
    for name, model in models.items():
        if inspect.isclass(model):
            raise TypeError(
                f"{function}: found the class {model.__name__} as {name}, but a distribution is needed; give its "
                f"parameters, as in {model.__name__}(...)."
            )
    named = [(name, model, leaf) for name, model in models.items() for leaf in named_leaves(model) if leaf.is_parameter]
    tests = tuple(leaf.support.closed or leaf.support.contains for *_, leaf in named)
    allowed = passed(tests, [leaf.value for *_, leaf in named])
    # the one read from the device
    if isinstance(allowed, jax.core.Tracer) or np.all(good := np.asarray(allowed)):
        return
    name, model, leaf = named[int(np.argmin(good))]
    raise ValueError(
        f"{function}: found {leaf.name} = {np.asarray(leaf.value)} in {name}, a {type(model).__name__}, but "
        f"{leaf.support.name} is needed; correct it."
    )


@functools.partial(jax.jit, static_argnums=0)
def passed(tests: tuple[Callable[[Array], Array], ...], values: list[Array]) -> Array:
    """Whether each value passes its test everywhere, a boolean for each: one call, where many would take longer."""
    checks = [jnp.all(test(value)) for test, value in zip(tests, values, strict=True)]
    return jnp.stack(checks) if checks else jnp.ones(0, bool)
