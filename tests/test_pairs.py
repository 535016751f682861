"""Cross-entropies of every ordered pair of families of `tables`, where one is known."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables import ROWS, Row, conditioning, ends, eps, moves, points, upcast

import xentjax as xj
from xentjax.statistics import from_table

SCALAR = [row for row in ROWS if row.scalar]

over = functools.partial(pytest.mark.parametrize, "row", ids=str, scope="module")
cross_entropy = jax.jit(lambda p, q: xj.cross_entropy(p, q))


# What is known in closed form is the library's to say; wherever it answers it must be right, and what has
# to be known is listed here.

GAMMA_POWERS = (xj.Chi, xj.ChiSquared, xj.Exponential, xj.Gamma, xj.GeneralizedGamma, xj.HalfNormal, xj.Maxwell,
                xj.Nakagami, xj.Rayleigh, xj.Weibull)  # fmt: skip
REQUIRED = {
    "powers of a gamma variable": (GAMMA_POWERS, GAMMA_POWERS),
    "counts": (
        (xj.Bernoulli, xj.Binomial, xj.Geometric, xj.NegativeBinomial, xj.Poisson),
        (xj.Bernoulli, xj.Binomial, xj.Geometric, xj.NegativeBinomial, xj.Poisson),
    ),
    "inverses": (GAMMA_POWERS, (xj.Frechet, xj.InverseGamma, xj.InverseGaussian, xj.LogNormal)),
    "medians": ((xj.Cauchy, xj.Exponential, xj.Gamma, xj.Gumbel, xj.Logistic, xj.Normal, xj.Uniform), (xj.Laplace,)),
    "extremes": ((xj.Exponential, xj.Gamma, xj.Gumbel, xj.Laplace, xj.Logistic, xj.Normal, xj.Poisson), (xj.Gumbel,)),
    "normals": ((xj.Beta, xj.Gumbel, xj.Laplace, xj.Logistic, xj.Poisson, xj.StudentT, xj.Uniform), (xj.Normal,)),
}
FIRST = {row.family: row for row in reversed(SCALAR) if row.family is not xj.Mixture}
OTHERWISE = (
    xj.Categorical,
    xj.WrappedCauchy,
)  # whose statistics have a size or several parameters: by published values
MODELS = [row for row in SCALAR if row.family is not xj.Mixture]


@jax.jit
def average(models: Any, x: jax.Array, weights: jax.Array) -> jax.Array:
    """H(p, q) for a batch of models, by points of p."""

    def one(q: Any) -> jax.Array:
        return jnp.sum(jnp.where(weights > 0, -weights * jax.vmap(q.log_prob)(x), 0.0))

    return jax.vmap(one)(models)


def reaches_beyond(p: xj.Family, q: xj.Family) -> bool:
    """Whether p gives probability to values that q excludes; a single end point of a continuous p has none."""
    if q.support.discrete and not p.support.discrete:
        return True
    (low, high), (q_low, q_high) = ends(p), ends(q)
    if low < q_low or high > q_high:
        return True
    return p.support.discrete and any(not _holds(q.support, x) for x in (low, high) if np.isfinite(x))


@functools.cache
def _holds(support: Any, x: float) -> bool:
    return bool(support.contains(jnp.asarray(x)))


@functools.cache
def members(family: type, dtype: str, other: bool = False) -> Any:
    """The rows of a family as one batch: its members, or the other members of the rows."""
    rows = [row.another(dtype) if other else row.make(dtype) for row in rows_of(family)]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


# To compile every pair would take an hour. A cross-entropy is made of expectations that p knows and a formula of q, and
# each is compiled once for a family: the first for all that any model asks, the second for all that any truth answers.


@functools.partial(jax.jit, static_argnums=1)
def known(members: Any, kinds: tuple, parameters: list[jax.Array]) -> list[jax.Array | None]:
    """What the members of a family know of each statistic [member, parameter]; None if nothing."""

    def each(p: Any) -> list[jax.Array | None]:
        table, pairs = p.expectations(), zip(kinds, parameters, strict=True)
        return [
            jax.vmap(lambda a, k=kind, s=plain: from_table(table, k if s else k(a)))(a) for (kind, plain), a in pairs
        ]

    return jax.vmap(each)(members)


@jax.jit
def formula(models: Any, parts: list[jax.Array]) -> jax.Array:
    """H(p, q) of a batch of models, each from what it asked."""
    return jax.vmap(lambda q, *part: -q.log_prob_of(*part))(models, *parts)


def kind_of(statistic: Any) -> tuple[Any, bool]:
    """What a statistic is, apart from its parameter."""
    return (statistic, True) if statistic.parameter is None else (statistic.kind, False)


@functools.cache
def models(dtype: str) -> list[type]:
    """The families on statistics; in float32 two whose formulas are delicate."""
    written = [model for model in FIRST if FIRST[model].make("float64").statistics and model not in OTHERWISE]
    return [model for model in written if dtype == "float64" or model in (xj.Normal, xj.Weibull)]


@functools.cache
def asks(row: Row, dtype: str) -> list[tuple[Any, float]]:
    """The statistics of a model, with their parameters."""
    statistics = row.another(dtype).statistics
    return [(kind_of(f), 0.0 if f.parameter is None else float(f.parameter)) for f in statistics]


@functools.cache
def asked(dtype: str) -> dict:
    """All statistics of all models, with the parameters for which they are asked."""
    asked: dict = {}
    for kind, parameter in (ask for row in MODELS if row.family in models(dtype) for ask in asks(row, dtype)):
        asked.setdefault(kind, set()).add(parameter)
    return {kind: sorted(parameters) for kind, parameters in asked.items()}


@functools.cache
def answers(family: type, dtype: str) -> dict:
    """The expectations [member, parameter] that a family knows."""
    kinds = tuple(asked(dtype))
    found = known(members(family, dtype), kinds, [np.asarray(asked(dtype)[kind], dtype) for kind in kinds])
    return {kind: np.asarray(value) for kind, value in zip(kinds, found, strict=True) if value is not None}


def rows_of(family: type) -> list[Row]:
    return [row for row in MODELS if row.family is family]


def parts_of(row: Row, model: Row, dtype: str) -> list | None:
    """What a model asks of the member of the row; None where it does not know it."""
    known, place = answers(row.family, dtype), rows_of(row.family).index(row)
    if any(kind not in known for kind, _ in asks(model, dtype)):
        return None
    return [known[kind][place, asked(dtype)[kind].index(parameter)] for kind, parameter in asks(model, dtype)]


@functools.cache
def has_closed_form(family: type, model: type) -> bool:
    """Whether H(p, q) is known for these families, wherever it is finite."""
    p, q = FIRST[family], FIRST[model]
    if model not in OTHERWISE:
        return bool(q.another("float64").statistics) and parts_of(p, q, "float64") is not None
    known = jax.eval_shape(lambda p, q: [p.known(f) for f in q.statistics], p.make("float64"), q.another("float64"))
    return None not in known


@over(MODELS)
def test_closed_cross_entropies_are_those_by_points(row: Row, dtype: str) -> None:
    p, wrong = row.make(dtype), []
    for model in models(dtype):
        others = rows_of(model)
        parts = [parts_of(row, other, dtype) for other in others]
        if parts[0] is None:
            continue
        values = formula(members(model, dtype, True), [np.stack(part) for part in zip(*parts, strict=True)])
        by_points = average(upcast(members(model, dtype, True)), *points(row, dtype))
        assert values.dtype == dtype
        for other, known_parts, found, expected in zip(
            others, parts, *(np.asarray(a, float) for a in (values, by_points)), strict=True
        ):
            q = other.another(dtype)
            if reaches_beyond(p, q):
                continue
            # the logarithm of the largest moment here is 180, and its rounding is the moment's; a kink errs by h² / 6
            kinks = not {xj.AsymmetricLaplace, xj.Laplace}.isdisjoint((model, row.family))
            allowed = (512 + 8 * conditioning(row)) * eps(dtype) + 2e-6 * kinks
            # what heavy tails hold beyond the last point: of a variance with 2.5 degrees of freedom 1e-11
            allowed += 1e-10 * isinstance(p, xj.StudentT)
            too_large = any(not (np.abs(part) < float(jnp.finfo(dtype).max)).all() for part in known_parts)
            # at the end of the range of floats and beyond; by points inf − inf may then be NaN
            infinite = found == jnp.inf and (too_large or not expected <= float(jnp.finfo(dtype).max))
            infinite = infinite or (np.isnan(expected) and found > float(jnp.finfo(dtype).max) ** 0.95)
            if not infinite and not abs(found - expected) <= allowed * (1 + abs(expected)):
                wrong.append(f"{p}, {q}: {found}, by points {expected}, allowed {allowed}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("group", REQUIRED)
def test_what_has_to_be_known(group: str) -> None:
    truths, models = REQUIRED[group]
    assert [(p, q) for p in truths for q in models if not has_closed_form(p, q)] == []


@over([row for row in SCALAR if row.family is xj.Mixture])
def test_closed_cross_entropies_of_mixtures(row: Row) -> None:
    """Those of the components, averaged."""
    p = row.make("float64")
    members = [jax.tree.map(lambda leaf, k=k: leaf[k], p.components) for k in range(len(p.weights))]
    for q in (FIRST[family].another("float64") for family in (xj.Normal, xj.Laplace, xj.Gumbel)):
        expected = sum(w * cross_entropy(member, q) for w, member in zip(p.weights, members, strict=True))
        assert float(cross_entropy(p, q)) == pytest.approx(float(expected), rel=1e-13)  # a few roundings


@over(FIRST.values())
def test_a_model_that_excludes_what_happens_is_infinitely_far(row: Row) -> None:
    p = row.make("float64")
    excluding = [q for q in (other.another("float64") for other in FIRST.values()) if reaches_beyond(p, q)]
    # inside jit a moving end is only compared where the rest is known
    excluding = [q for q in excluding if not (moves(p) or moves(q)) or has_closed_form(row.family, type(q))]
    found = jax.jit(lambda p: [xj.cross_entropy(p, q) for q in excluding])(p)
    assert [q for q, value in zip(excluding, found, strict=True) if value != jnp.inf] == []


@over(FIRST.values())
def test_a_pair_without_closed_form_names_the_way(row: Row) -> None:
    p = row.make("float64")
    for q in (FIRST[family].make("float64") for family in (xj.StudentT, xj.Weibull, xj.Gumbel, xj.Poisson)):
        if not (reaches_beyond(p, q) or has_closed_form(row.family, type(q)) or type(q) is row.family):
            with pytest.raises(TypeError, match=r"cross_entropy: found no closed form .*quadrature\(p\), q\)"):
                jax.eval_shape(xj.cross_entropy, p, q)
