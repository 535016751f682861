"""Starts: a model in which a class stands for values is not finished yet; data, or another source, finish it."""

import inspect
from typing import Any

import jax


class FromData:
    """Stands, as a class does, for values that the start of a fit computes."""


def is_open(model: Any) -> bool:
    """Whether the values of a model, or of a part of it, are still to be computed: `Gamma`, `Censored(Gamma)`."""
    return any(inspect.isclass(leaf) for leaf in jax.tree.leaves(model))


def started(model: Any, source: Any) -> Any:
    """The model to start a fit to a source from: itself, or near the minimum where a class stands for values."""
    return model.start(source) if is_open(model) else model


def split(model: Any) -> tuple[tuple, list]:
    """What a compiled fit is made for, its structure and classes, and the values that it is given."""
    leaves, structure = jax.tree.flatten(model)
    classes = tuple(leaf if inspect.isclass(leaf) else None for leaf in leaves)
    return (structure, classes), [leaf for leaf in leaves if not inspect.isclass(leaf)]


def joined(made_for: tuple, values: list) -> Any:
    """The inverse of `split`."""
    structure, classes = made_for
    given = iter(values)
    return jax.tree.unflatten(structure, [next(given) if leaf is None else leaf for leaf in classes])
