"""Records: frozen dataclasses that are pytrees, each class with a tree structure of its own.

JAX's `register_dataclass` gives two classes with equal field names equal tree structures, and a function jitted over
one then answers for the other. Normal, Laplace and LogNormal all have the fields (loc, scale), so xentjax registers
its records itself.
"""

import dataclasses
import inspect
from typing import Any, TypeVar, dataclass_transform

import jax

from xentjax._numerics import as_float

Instance = TypeVar("Instance")


def static(default: Any = dataclasses.MISSING) -> Any:
    """A field that is part of a record's structure: it is hashed and compared, not traced."""
    return dataclasses.field(default=default, metadata={"static": True})


def unnamed(default: Any = dataclasses.MISSING) -> Any:
    """A field that the names of the parameters inside it pass over: "rate", not "of.rate"."""
    return dataclasses.field(default=default, metadata={"unnamed": True})


def aside(default: Any = dataclasses.MISSING) -> Any:
    """A field of arrays that are no parameters, as the units of columns."""
    return dataclasses.field(default=default, metadata={"aside": True})


def numbers_to_arrays(instance: Any) -> None:
    """The constructor's only work: declared parameters become floating-point arrays, 2 becomes 2.0."""
    for field in dataclasses.fields(instance):
        if "support" not in field.metadata:
            continue
        value = getattr(instance, field.name)
        if inspect.isclass(value) or (value is None and field.default is None):  # from data, or predicted
            continue
        try:
            object.__setattr__(instance, field.name, as_float(value))
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{type(instance).__name__}: found {field.name} = {value!r}, but numbers are needed; give a number, an "
                "array, or a list whose rows are equally long."
            ) from error


@dataclass_transform(frozen_default=True)
def record(cls: type[Instance]) -> type[Instance]:
    """Make `cls` a frozen dataclass and a pytree whose leaves are its fields; `static` fields become structure.

    Use it for models of one's own:

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> @xj.record
    ... class Cauchy:
    ...     loc: xj.Parameter = xj.real(0.0)
    ...     scale: xj.Parameter = xj.positive(1.0)
    ...     def log_prob(self, x):
    ...         z = (x - self.loc) / self.scale
    ...         return -jnp.log1p(z * z) - jnp.log(jnp.pi * self.scale)
    >>> xj.fit_mle(Cauchy(), jnp.array([-1.0, 0.0, 0.5, 3.0])).converged.item()
    True

    See also: `jax.tree_util.register_dataclass`, under which two classes with equal fields can be taken for each other.
    """
    has_repr = cls.__repr__ is not object.__repr__
    if not hasattr(cls, "__post_init__"):
        cls.__post_init__ = numbers_to_arrays  # type: ignore[attr-defined]
    cls = dataclasses.dataclass(frozen=True, eq=False, repr=not has_repr)(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    leaves = [f.name for f in fields if not f.metadata.get("static")]
    structure = [f.name for f in fields if f.metadata.get("static")]

    keys = [jax.tree_util.GetAttrKey(name) for name in leaves]

    def flatten(instance: Any) -> tuple:
        return [getattr(instance, name) for name in leaves], tuple([getattr(instance, name) for name in structure])

    def flatten_with_keys(instance: Any) -> tuple:
        children, aux = flatten(instance)
        return list(zip(keys, children, strict=True)), aux

    def unflatten(aux: tuple, children: Any) -> Any:
        instance = object.__new__(cls)
        for name, value in [*zip(leaves, children, strict=True), *zip(structure, aux, strict=True)]:
            object.__setattr__(instance, name, value)
        return instance

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls
