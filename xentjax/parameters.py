"""Parameters and their supports: natural values in the open, unconstrained reals inside a fit.

A model's field says where its values may lie, `rate: Parameter = positive(1.0)`. `unconstrain` turns a model into a
dict of unconstrained arrays, keyed by path, and the function that leads back. The same supports say where the points
of a distribution lie.
"""

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from xentjax._numerics import as_float

if TYPE_CHECKING:

    class Parameter:
        """Annotation of a model's field: accepts numbers and arrays, reads back as an `Array`."""

        def __get__(self, instance: object, owner: type) -> Array: ...
        def __set__(self, instance: object, value: ArrayLike) -> None: ...

else:
    Parameter = Array


@dataclasses.dataclass(frozen=True)
class Support:
    """A set of values: a test for membership and, for parameters, a smooth map from unconstrained reals.

    Attributes:
      name: completes "each value must be ...".
      contains: membership of a value, reduced over its last `ndim` axes.
      interior: some value well inside, used where a formula must not see an outside value.
      free, constrain: to unconstrained reals and back; both act on the last `ndim` axes.
      low, high: the ends of a set of numbers.
      part_of: the next larger set of vectors, if there is one.
      each: the set of the components of a vector, where that is all that is asked of them.
      relative: whether the unconstrained coordinate is a logarithm, so that a distance in it has no units.
      discrete: whether the values are isolated.
      closed: membership with the ends at which a distribution still has a meaning, such as a probability of 0.
    """

    name: str
    contains: Callable[[Array], Array]
    interior: float = 0.5
    free: Callable[[Array], Array] | None = None
    constrain: Callable[[Array], Array] | None = None
    ndim: int = 0
    low: Any = -math.inf
    high: Any = math.inf
    part_of: "Support | None" = None
    each: "Support | None" = None
    relative: bool = False
    discrete: bool = False
    closed: Callable[[Array], Array] | None = None

    def __repr__(self) -> str:
        return self.name


def reaches_beyond(p: Support, p_ends: tuple, q: Support, q_ends: tuple) -> bool | Array:
    """Whether a distribution on p gives probability to values outside q; the ends may depend on parameters.

    A Python boolean where that is known without looking at arrays.
    """
    if p.each is not None and q.each is not None:  # vectors whose components may each be anything of a set of numbers
        any_beyond = reaches_beyond(p.each, p_ends, q.each, q_ends)
        return any_beyond if isinstance(any_beyond, bool) else jnp.any(any_beyond)
    if p.ndim or q.ndim:
        return p != q and p.part_of != q
    if q.discrete and not p.discrete:
        return True
    # wherever parameters move them, the ends of q lie in its support
    low, high = (isinstance(end, float) for end in p_ends)
    if (low and p_ends[0] < q.low) or (high and p_ends[1] > q.high):
        return True
    beyond = [p_ends[0] < q_ends[0], p_ends[1] > q_ends[1]]
    if p.discrete and not q.discrete:  # an end that q leaves out has probability under p
        known = [end for end in p_ends if isinstance(end, float) and math.isfinite(end)]
        with jax.ensure_compile_time_eval():
            beyond += [not q.contains(as_float(end)) for end in known]
    if any(b for b in beyond if isinstance(b, bool)):
        return True
    moving = [jnp.asarray(b) for b in beyond if not isinstance(b, bool)]
    return functools.reduce(jnp.logical_or, moving) if moving else False


def _integral(x: Array) -> Array:
    return jnp.isfinite(x) & (x == jnp.floor(x))


def _simplex_contains(x: Array) -> Array:
    return jnp.all(x > 0, -1) & _sums_to_one(x)


def _sums_to_one(x: Array) -> Array:
    # a float32 vector of any practical length sums to 1 within this
    x = as_float(x)
    return jnp.abs(jnp.sum(x, -1) - 1) <= 64 * jnp.finfo(x.dtype).eps


def _simplex_free(x: Array) -> Array:
    return jnp.log(x[..., :-1]) - jnp.log(x[..., -1:])


def _append_zero(u: Array) -> Array:
    return jnp.concatenate([u, jnp.zeros((*u.shape[:-1], 1), u.dtype)], -1)


def _ordered_free(x: Array) -> Array:
    return jnp.concatenate([x[..., :1], jnp.log(jnp.diff(x, axis=-1))], -1)


def _ordered_constrain(u: Array) -> Array:
    return jnp.cumsum(jnp.concatenate([u[..., :1], jnp.exp(u[..., 1:])], -1), -1)


def _covariance_contains(x: Array) -> Array:
    # the factor is NaN exactly when the matrix is not positive definite
    factor = jnp.linalg.cholesky(x, symmetrize_input=True)
    asymmetry = jnp.abs(x - jnp.swapaxes(x, -1, -2)).max((-1, -2))
    return jnp.isfinite(factor).all((-1, -2)) & (asymmetry <= 1e-6 * jnp.abs(x).max((-1, -2)))


def _covariance_free(x: Array) -> Array:
    factor = jnp.linalg.cholesky(x, symmetrize_input=True)
    rows, columns = jnp.tril_indices(x.shape[-1])
    entries = factor[..., rows, columns]
    diagonal = rows == columns
    return jnp.where(diagonal, jnp.log(jnp.where(diagonal, entries, 1.0)), entries)


def _covariance_constrain(u: Array) -> Array:
    size = round(((8 * u.shape[-1] + 1) ** 0.5 - 1) / 2)
    rows, columns = jnp.tril_indices(size)
    entries = jnp.where(rows == columns, jnp.exp(jnp.where(rows == columns, u, 0.0)), u)
    factor = jnp.zeros((*u.shape[:-1], size, size), u.dtype).at[..., rows, columns].set(entries)
    return factor @ jnp.swapaxes(factor, -1, -2)


def _identity(x: Array) -> Array:
    return x


# what is not declared counts as real too, and may be infinite in a model of one's own, as a bound is
REAL = Support("a finite number", jnp.isfinite, 0.0, _identity, _identity, closed=lambda x: ~jnp.isnan(x))
SIGNED = Support("a finite number", jnp.isfinite, 0.0, jnp.arcsinh, jnp.sinh, relative=True)
NON_NEGATIVE = Support("a finite number ≥ 0", lambda x: jnp.isfinite(x) & (x >= 0), 1.0, low=0.0)
POSITIVE = Support(
    "a finite number > 0",
    lambda x: jnp.isfinite(x) & (x > 0),
    1.0,
    jnp.log,
    jnp.exp,
    low=0.0,
    relative=True,
    closed=NON_NEGATIVE.contains,
)
UNIT_INTERVAL = Support(
    "a number strictly between 0 and 1",
    lambda x: (x > 0) & (x < 1),
    0.5,
    lambda x: jnp.log(x) - jnp.log1p(-x),
    jax.nn.sigmoid,
    low=0.0,
    high=1.0,
    relative=True,
    closed=lambda x: (x >= 0) & (x <= 1),
)
CLOSED_UNIT_INTERVAL = Support(
    "a number from 0 to 1", lambda x: (x >= 0) & (x <= 1), 0.5, constrain=jax.nn.sigmoid, low=0.0, high=1.0
)
# π is in, the same point as −π: arctan2 gives it
CIRCLE = Support(
    "an angle from −π to π",
    lambda x: (x >= -math.pi) & (x <= math.pi),
    0.0,
    constrain=lambda u: jnp.pi * jnp.tanh(0.5 * u),
    low=-math.pi,
    high=math.pi,
)
COUNTS = Support("a whole number ≥ 0", lambda x: _integral(x) & (x >= 0), 1.0, low=0.0, discrete=True)
POSITIVE_COUNTS = Support("a whole number ≥ 1", lambda x: _integral(x) & (x >= 1), 1.0, low=1.0, discrete=True)
BINARY = Support("0 or 1", lambda x: (as_float(x) == 0) | (as_float(x) == 1), 1.0, low=0.0, high=1.0, discrete=True)
REAL_VECTOR = Support("a vector of finite numbers", lambda x: jnp.isfinite(x).all(-1), 0.0, ndim=1, each=REAL)
COUNT_VECTOR = Support(
    "a vector of whole numbers ≥ 0", lambda x: COUNTS.contains(x).all(-1), 1.0, ndim=1, low=0.0, discrete=True
)
UNIT_VECTOR = Support(
    "a vector of length 1",
    # as for `SIMPLEX`
    lambda x: jnp.isfinite(x).all(-1) & _sums_to_one(as_float(x) ** 2),
    0.0,
    ndim=1,
)
SIMPLEX = Support(
    "a vector of numbers > 0 that sum to 1",
    _simplex_contains,
    0.5,
    _simplex_free,
    lambda u: jax.nn.softmax(_append_zero(u)),
    ndim=1,
    part_of=REAL_VECTOR,
    relative=True,
    closed=lambda x: jnp.all(x >= 0, -1) & _sums_to_one(x),
)
LOGITS = Support(
    "a vector of finite numbers, of which only the differences matter",
    lambda x: jnp.isfinite(x).all(-1),
    0.0,
    lambda x: x[..., :-1] - x[..., -1:],
    _append_zero,
    ndim=1,
    relative=True,
    closed=lambda x: jnp.all(x < jnp.inf, -1) & jnp.any(x > -jnp.inf, -1),
)
ORDERED = Support(
    "a vector of increasing finite numbers",
    lambda x: jnp.isfinite(x).all(-1) & (jnp.diff(x, axis=-1) > 0).all(-1),
    0.0,
    _ordered_free,
    _ordered_constrain,
    ndim=1,
    part_of=REAL_VECTOR,
)
COVARIANCE = Support(
    "a symmetric positive definite matrix",
    _covariance_contains,
    0.5,
    _covariance_free,
    _covariance_constrain,
    ndim=2,
)


@functools.cache
def vector_of(each: Support) -> Support:
    """The vectors whose components are each in a set of numbers."""
    if each == REAL:
        return REAL_VECTOR
    contains = each.contains
    return Support(
        f"a vector, each component {each.name}",
        lambda x: contains(x).all(-1),
        each.interior,
        ndim=1,
        low=each.low,
        high=each.high,
        discrete=each.discrete,
        each=each,
    )


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
    return _field(_interval(low, high), default)


def above(low: float, default: Any = dataclasses.MISSING) -> Any:
    """A parameter > `low`; the logarithm of the distance is unconstrained."""
    return _field(_above(low), default)


@functools.cache
def _above(low: float) -> Support:
    return Support(
        f"a finite number > {low}",
        lambda x: jnp.isfinite(x) & (x > low),
        low + 1.0,
        lambda x: jnp.log(x - low),
        lambda u: low + jnp.exp(u),
        low=low,
        relative=True,
    )


@functools.cache
def _interval(low: float, high: float) -> Support:
    def free(x: Array) -> Array:
        return jnp.log(x - low) - jnp.log(high - x)

    def constrain(u: Array) -> Array:
        # from the nearer end, so that neither end loses digits
        return jnp.where(u < 0, low + (high - low) * jax.nn.sigmoid(u), high - (high - low) * jax.nn.sigmoid(-u))

    middle = low + (high - low) / 2
    return Support(
        f"a number strictly between {low} and {high}",
        lambda x: (x > low) & (x < high),
        middle,
        free,
        constrain,
        low=low,
        high=high,
        relative=True,
        closed=lambda x: (x >= low) & (x <= high),
    )


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
    """The support that `positive`, `positive()` or `interval(0, 1)` declares."""
    if callable(declared):
        declared = declared()
    found = getattr(declared, "metadata", {}).get("support")
    if found is None:
        raise TypeError(
            f"supports: found {declared!r}, but a support is needed; write for example "
            "supports={'scale': xentjax.positive, 'p': xentjax.interval(0, 2)}."
        )
    return found


def _declared_support(model: Any, path: tuple) -> Support | None:
    """The support of the innermost declared field on the path."""
    found, node = None, model
    for depth, key in enumerate(path):
        name, fields = getattr(key, "name", None), _fields(node)
        found = fields[name].metadata.get("support", found) if name in fields else found
        named: Mapping = dict(getattr(node, "supports", ()))
        for end in range(depth + 2, len(path) + 1):
            found = named.get(jax.tree_util.keystr(path[depth + 1 : end], simple=True, separator="."), found)
        node = getattr(node, str(name)) if name in fields else _item(node, key)
    return found


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
        declared = _declared_support(model, path)
        numeric = isinstance(value, (bool, int, float, complex)) or hasattr(value, "dtype")
        is_parameter = numeric and (declared is not None or jnp.issubdtype(jnp.result_type(value), jnp.floating))
        # a Built model keeps its parameters in `params`: their paths begin there
        prefix = "params." if hasattr(model, "supports") else ""
        name = jax.tree_util.keystr(path, simple=True, separator=".").removeprefix(prefix)
        leaves.append(NamedLeaf(name, declared or REAL, as_float(value) if is_parameter else value, is_parameter))
    names = [leaf.name for leaf in leaves]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"parameters: found two with the path {double!r}, but one is needed; rename one of them.")
    return leaves


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
    leaves = named_leaves(model)
    free = {
        leaf.name: leaf.support.free(leaf.value)
        for leaf in leaves
        if leaf.is_parameter and leaf.name not in fixed and leaf.support.free is not None
    }

    def constrain(free: dict[str, Array]) -> Any:
        values = [
            leaf.support.constrain(free[leaf.name]) if leaf.name in free and leaf.support.constrain else leaf.value
            for leaf in leaves
        ]
        return replace_leaves(model, values)

    return free, constrain


def inside(model: Any) -> Array:
    """Whether every parameter of `model` is finite and inside its support: one boolean, traceable."""
    checks = [jnp.all(leaf.support.contains(leaf.value)) for leaf in named_leaves(model) if leaf.is_parameter]
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
    allowed = _allowed(tuple(leaf.support for *_, leaf in named), [leaf.value for *_, leaf in named])
    # the one read from the device
    if isinstance(allowed, jax.core.Tracer) or np.all(good := np.asarray(allowed)):
        return
    name, model, leaf = named[int(np.argmin(good))]
    raise ValueError(
        f"{function}: found {leaf.name} = {np.asarray(leaf.value)} in {name}, a {type(model).__name__}, but "
        f"{leaf.support.name} is needed; correct it."
    )


@functools.partial(jax.jit, static_argnums=0)
def _allowed(supports: tuple[Support, ...], values: list[Array]) -> Array:
    pairs = zip(supports, values, strict=True)
    checks = [jnp.all((support.closed or support.contains)(value)) for support, value in pairs]
    return jnp.stack(checks) if checks else jnp.ones(0, bool)


def leaving(model: Any, fixed: Collection[str], steps: dict[str, Array]) -> Array:
    """Whether one of these steps in unconstrained coordinates still moves a parameter by a tenth of an e-fold."""
    moves = [
        jnp.any(_range(steps[leaf.name]) > 0.1) if leaf.support.ndim else jnp.any(jnp.abs(steps[leaf.name]) > 0.1)
        for leaf in named_leaves(model)
        if leaf.name in steps and leaf.support.relative and leaf.name not in fixed
    ]
    return jnp.any(jnp.stack(moves)) if moves else jnp.asarray(False)


def _range(step: Array) -> Array:
    """How far apart the entries of a vector move, the last of which is held at 0."""
    whole = _append_zero(step)
    return jnp.max(whole, -1) - jnp.min(whole, -1)
