"""Information of a joint probability table: what its variables tell about each other, in nats.

A table [..., k1, ..., kd] gives the probability of every combination of values. Its variables are its last axes, in the
order of `names`: one letter for each ("xyz"), or a sequence of words; axes before them are a batch. Without names every
axis is a variable and is given by its number. A group of variables is written like the names: "xy", or a tuple.

A divergence from independence is summed of non-negative terms, so that it is never negative.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._divergence_terms import log_to_total, wide
from xentjax._numerics import quotient, relative_entropy_term, xlogy
from xentjax._select import select
from xentjax.information import probabilities

Variables = int | str | Sequence[int | str]
Names = str | Sequence[str] | None


def marginal(table: Any, of: Variables, *, names: Names = None) -> Array:
    """p(of) = Σ p over the other variables. The axes keep the order that they have in the table.

    Args:
      table: probabilities [..., k1, ..., kd].
      of: the variables to keep.
      names: the names of the last axes; without, `of` are numbers of axes.

    Raises:
      ValueError: the table (outside jit) is negative, NaN, or does not sum to 1; a variable is unknown, or twice there.

    >>> import xentjax as xj
    >>> xj.marginal([[0.5, 0.0], [0.25, 0.25]], "y", names="xy").tolist()
    [0.75, 0.25]

    See also: `dit.Distribution.marginal`, of a distribution over labels.
    """
    table, (kept,), axes, dtype = _parse("marginal", table, names, of=of)
    return jnp.sum(table, axis=tuple(axis for axis in axes if axis not in kept)).astype(dtype)


def joint_entropy(table: Any, of: Variables | None = None, *, names: Names = None) -> Array:
    """H(x, y, …) = −Σ p log p over the combinations of values of some variables, or of all.

    0 log 0 = 0, with derivative 0. NaN gives NaN.

    Args:
      table: probabilities [..., k1, ..., kd].
      of: the variables, all if not given.
      names: the names of the last axes; without, `of` are numbers of axes.

    Raises:
      ValueError: the table (outside jit) is negative, NaN, or does not sum to 1; a variable is unknown, or twice there.

    >>> import xentjax as xj
    >>> round(xj.in_bits(xj.joint_entropy([[0.5, 0.0], [0.25, 0.25]])).item(), 6)
    1.5

    See also: `entropy`, of one axis; `conditional_entropy`: H(x, y) = H(x) + H(y|x).

    Reference: Cover & Thomas (2006), Elements of Information Theory, section 2.2.
    """
    table, (of_axes,), axes, dtype = _parse("joint_entropy", table, names, of=() if of is None else of)
    p = table if of is None else _sum_over(table, axes, of_axes)
    return jnp.sum(-xlogy(p, p), axis=axes).astype(dtype)


def conditional_entropy(table: Any, of: Variables, given: Variables, *, names: Names = None) -> Array:
    """H(x|y) = −Σ p(x, y) log p(x|y) ≥ 0: what is uncertain about x once y is known; H(x, y) − H(y).

    Summed of non-negative terms: it is accurate also where x is all but certain, and 0 where y determines x. At
    p(x, y) = 0 the derivative, which has no finite limit, is 0. NaN gives NaN.

    Args:
      table: probabilities [..., k1, ..., kd].
      of: the variables x.
      given: the variables y.
      names: the names of the last axes; without, variables are numbers of axes.

    Raises:
      ValueError: the table (outside jit) is negative, NaN, or does not sum to 1; a variable is unknown, or twice there.

    >>> import xentjax as xj
    >>> round(xj.in_bits(xj.conditional_entropy([[0.5, 0.0], [0.25, 0.25]], "x", given="y", names="xy")).item(), 6)
    0.688722

    See also: `sklearn.metrics.homogeneity_score`, 1 − H(x|y) / H(x) of labels.

    Reference: Cover & Thomas (2006), Elements of Information Theory, section 2.2.
    """
    table, (x, y), axes, dtype = _parse("conditional_entropy", table, names, of=of, given=given)
    p = jnp.moveaxis(_sum_over(table, axes, x + y), x, range(-len(x), 0))
    p = p.reshape(*p.shape[: p.ndim - len(x)], -1)
    # the others with the same y, of each x: the total less p would cancel
    none = jnp.zeros_like(p[..., :1])
    before = jnp.cumsum(jnp.concatenate([none, p[..., :-1]], -1), -1)
    after = jnp.flip(jnp.cumsum(jnp.concatenate([none, jnp.flip(p, -1)[..., :-1]], -1), -1), -1)
    present, others = p != 0, before + after
    safe = select(present, p, 1.0)
    others = select(present, others, 0.0)
    terms = select(present, -p * log_to_total(safe, safe + others, others), 0.0)
    return jnp.sum(terms, axis=tuple(range(len(x) - len(axes) - 1, 0))).astype(dtype)


def mutual_information(table: Any, x: Variables, y: Variables, *, names: Names = None) -> Array:
    """I(x; y) = KL(p(x, y)‖p(x) p(y)) ≥ 0: what y tells about x, and x about y; H(x) − H(x|y).

    0 exactly when x and y are independent. Accurate to the rounding of the marginals. At p(x, y) = 0 the derivative,
    which has no finite limit, is 0. NaN gives NaN.

    Args:
      table: probabilities [..., k1, ..., kd].
      x: one variable or more.
      y: one variable or more, others than x.
      names: the names of the last axes; without, variables are numbers of axes.

    Raises:
      ValueError: the table (outside jit) is negative, NaN, or does not sum to 1; a variable is unknown, or twice there.

    >>> import xentjax as xj
    >>> round(xj.mutual_information([[0.5, 0.0], [0.25, 0.25]], "x", "y", names="xy").item(), 6)
    0.215762

    See also: `sklearn.metrics.mutual_info_score`, of labels: the table of their frequencies.

    Reference: Cover & Thomas (2006), Elements of Information Theory, section 2.3.
    """
    table, (xs, ys), axes, dtype = _parse("mutual_information", table, names, x=x, y=y)
    return _information(table, axes, xs, ys, ()).astype(dtype)


def conditional_mutual_information(
    table: Any, x: Variables, y: Variables, given: Variables, *, names: Names = None
) -> Array:
    """I(x; y|z) = Σ p(x, y, z) log(p(x, y|z) / (p(x|z) p(y|z))) ≥ 0: what y tells about x when z is known.

    H(x|z) − H(x|y, z). 0 when x and y are independent given z; it may be larger or smaller than I(x; y). At 0 and for
    NaN as in `mutual_information`.

    Args:
      table: probabilities [..., k1, ..., kd].
      x: one variable or more.
      y: one variable or more.
      given: the variables z.
      names: the names of the last axes; without, variables are numbers of axes.

    Raises:
      ValueError: the table (outside jit) is negative, NaN, or does not sum to 1; a variable is unknown, or twice there.

    >>> import xentjax as xj
    >>> xor = [[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]]
    >>> xj.mutual_information(xor, "x", "y", names="xyz").item()
    0.0
    >>> round(xj.in_bits(xj.conditional_mutual_information(xor, "x", "y", given="z", names="xyz")).item(), 6)
    1.0

    See also: `dit.shannon.mutual_information` of conditioned distributions.

    Reference: Cover & Thomas (2006), Elements of Information Theory, section 2.5.
    """
    table, (xs, ys, zs), axes, dtype = _parse("conditional_mutual_information", table, names, x=x, y=y, given=given)
    return _information(table, axes, xs, ys, zs).astype(dtype)


def total_correlation(table: Any, *, names: Names = None) -> Array:
    """KL(p‖Π p(xᵢ)) = Σ H(xᵢ) − H(x₁, …, x_d) ≥ 0: how far the variables are from independent, all together.

    Summed as I(x₁; x₂) + I(x₁ x₂; x₃) + …; of two variables it is `mutual_information`. At 0 and for NaN as there.

    Args:
      table: probabilities [..., k1, ..., kd].
      names: the names of the last axes, which are the variables; without, every axis is one.

    Raises:
      ValueError: the table (outside jit) is negative, NaN, or does not sum to 1.

    >>> import xentjax as xj
    >>> xor = [[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]]
    >>> round(xj.in_bits(xj.total_correlation(xor)).item(), 6)
    1.0

    See also: `dit.multivariate.total_correlation`, also called multi-information.

    Reference: Watanabe (1960), Information theoretical analysis of multivariate correlation, IBM Journal 4.
    """
    table, _, axes, dtype = _parse("total_correlation", table, names)
    parts = [_information(table, axes, axes[:i], axes[i : i + 1], ()) for i in range(1, len(axes))]
    return sum(parts, jnp.zeros(table.shape[: table.ndim - len(axes)], table.dtype)).astype(dtype)


def _information(table: Array, axes: tuple, x: tuple, y: tuple, z: tuple) -> Array:
    """The mean over x and z of KL(p(y|x, z)‖p(y|z)), whose arguments do not underflow as p(x|z) p(y|z) may."""
    xyz, xz, yz, only_z = (_sum_over(table, axes, kept) for kept in (x + y + z, x + z, y + z, z))
    p = quotient(xyz, select(xz == 0, 1.0, xz))
    q = quotient(yz, select(only_z == 0, 1.0, only_z))
    terms = select(xz == 0, 0.0, relative_entropy_term(*jnp.broadcast_arrays(p, q)))
    return jnp.sum(xz * terms, axis=axes)


def _sum_over(table: Array, axes: tuple, kept: tuple) -> Array:
    """The marginal of the variables kept, with axes of size 1 in place of the others."""
    return jnp.sum(table, axis=tuple(axis for axis in axes if axis not in kept), keepdims=True)


def _parse(function: str, table: Any, names: Names, **groups: Variables) -> tuple[Array, list, tuple, Any]:
    """The table, in at least float32; the axes of each group of variables, of all variables; the type of the result."""
    ndim = np.ndim(table)
    count = ndim if names is None else len(names)
    if count > ndim or (names is not None and len(set(names)) < count):
        raise ValueError(
            f"{function}: found names {names!r} for a table with {ndim} axes, but a name of its own for each variable "
            "is needed, and an axis for each name."
        )
    axes = tuple(range(-count, 0))
    table = probabilities(function, "table", table, axes)
    found = [_axes(function, argument, group, names, count) for argument, group in groups.items()]
    every = [axis for group in found for axis in group]
    if len(set(every)) < len(every):
        said = ", ".join(f"{argument}={group!r}" for argument, group in groups.items())
        raise ValueError(f"{function}: found a variable twice in {said}, but each may be there once.")
    table, dtype = wide(table)
    return table, found, axes, dtype


def _axes(function: str, argument: str, group: Variables, names: Names, count: int) -> tuple[int, ...]:
    single = isinstance(group, int) or (isinstance(group, str) and not isinstance(names, str))
    members: Sequence = (group,) if single else tuple(group)  # type: ignore[arg-type]
    known = range(count) if names is None else names
    axes = []
    for member in members:
        if names is None and isinstance(member, int) and -count <= member < count:
            axes.append(member % count - count)
        elif names is not None and member in known:
            axes.append(known.index(member) - count)
        else:
            raise ValueError(
                f"{function}: found {argument} = {group!r}, but variables out of {list(known)} are needed; name the "
                'last axes of the table by names=, e.g. names="xyz".'
            )
    return tuple(axes)
