"""Entropies and divergences of families: values computed independently, and where other libraries go wrong."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables import OPTIMISED

import xentjax as xj

GOLDEN = json.loads((Path(__file__).parent / "golden" / "information" / "families.json").read_text())
NAMES = {"Chi2": "ChiSquared"}
entropy = jax.jit(jax.vmap(xj.entropy))


def kind(given: dict) -> str:
    return NAMES.get(given["family"], given["family"])


def stacked(givens: list[dict]) -> Any:
    """One instance with the parameters of all, by position, on a leading axis."""
    values = [[v for name, v in given.items() if name != "family"] for given in givens]
    return getattr(xj, kind(givens[0]))(*(np.asarray(column, float) for column in zip(*values, strict=True)))


def groups(cases: list, key: str) -> dict[str, list]:
    """The cases by a family that they name."""
    found = defaultdict(list)
    for case in cases:
        found[kind(case[key])].append(case)
    return found


def over(section: str) -> pytest.MarkDecorator:
    """The cases of a family p are one call."""
    found = groups(GOLDEN[section], "p")
    return pytest.mark.parametrize("cases", found.values(), ids=found.keys())


@over("entropies")
def test_entropies(cases: list) -> None:
    found = entropy(stacked([case["p"] for case in cases]))
    np.testing.assert_allclose(
        found, [case["entropy"] for case in cases], rtol=1e-10
    )  # as many digits as were computed


@jax.jit
def divergences(pairs: dict[str, tuple]) -> dict[str, jax.Array]:
    return {name: jax.vmap(xj.kl_divergence)(p, q) for name, (p, q) in pairs.items()}


@over("divergences")
def test_divergences(cases: list) -> None:
    by_q = groups(cases, "q")
    found = divergences({q: tuple(stacked([c[key] for c in some]) for key in ("p", "q")) for q, some in by_q.items()})
    for q, some in by_q.items():
        np.testing.assert_allclose(found[q], [float(c["kl"]) for c in some], rtol=1e-9, err_msg=q)  # likewise


# In float32 torch, TFP, distrax, numpyro and efax return 0, negative numbers, or are wrong by factors of up to 3000.
MAKE = {
    "mvn2": lambda a, b, c, d, e: xj.MultivariateNormal([a, b], [[c * c, c * d], [c * d, d * d + e * e]]),
    "dirichlet": lambda *a: xj.Dirichlet(jnp.stack(a)),
    "vonmises": lambda *a: xj.VonMises(*a),
}


@pytest.mark.parametrize("case", GOLDEN["neighbours"], ids=lambda case: case["id"])
def test_neighbours(case: dict) -> None:
    name = case["id"].split("-")[1]
    make = MAKE.get(name) or next(getattr(xj, n) for n in dir(xj) if n.lower() == name)
    p, q = (make(*jnp.asarray(case[key], case["dtype"])) for key in ("p", "q"))
    found = jax.jit(xj.kl_divergence, compiler_options=OPTIMISED)(p, q)
    assert found.dtype == case["dtype"]
    # 8 and 16 units in the last place; the factors of mvn2, 2⁻¹² apart, are rounded when squared
    single = 2e-3 if name == "mvn2" else 8 * 2.0**-23
    assert float(found) == pytest.approx(case["kl"], rel=single if case["dtype"] == "float32" else 2.0**-48, abs=0)


# From logits: optax, torch, distrax and TFP lose all digits of close and of confident distributions (0 for 4e-9), and
# give NaN for −inf in both.
from_logits = {
    "kllogits": lambda lp, lq: xj.kl_divergence(xj.Categorical(lp), xj.Categorical(lq)),
    "ce": lambda p, logits: xj.cross_entropy(p, xj.Categorical(logits)),
}
with_derivatives = {
    name: jax.jit(lambda *a, f=f: (f(*a), jax.grad(f, (0, 1))(*a), jax.hessian(f, (0, 1))(*a)))
    for name, f in from_logits.items()
}


@pytest.mark.parametrize("case", GOLDEN["logits"], ids=lambda case: case["id"])
def test_logits(case: dict) -> None:
    name = case["id"].split("-")[0]
    keys = ("lp", "lq") if name == "kllogits" else ("p", "logits")
    value, first, second = with_derivatives[name](*(jnp.asarray(case[key], case["dtype"]) for key in keys))
    expected = float(case["expected"])
    assert float(value) == pytest.approx(expected, rel=4 * float(jnp.finfo(case["dtype"]).eps), abs=1e-45)
    if np.isfinite(expected):
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((first, second)))


def test_gradient_of_a_confident_prediction() -> None:
    """1 − p of the right label is 2e-9 and not the rounding of 1, in float32 too."""
    slope = jax.jit(jax.grad(lambda logits: -xj.Categorical(logits).log_prob(0)))
    gradient = slope(jnp.asarray([20.0, 0.0, 0.0], "float32"))
    small = np.exp(-20.0) / (1 + 2 * np.exp(-20.0))
    np.testing.assert_allclose(gradient, [-2 * small, small, small], rtol=1e-6)


@pytest.mark.parametrize("distance", [1.0, 1e-2, 1e-4])
def test_divergence_of_a_large_vocabulary_in_float32(distance: float) -> None:
    rng = np.random.default_rng(0)
    p = (3 * rng.normal(size=32_000)).astype("float32")
    q = (p + distance * rng.normal(size=p.size)).astype("float32")
    log_p, log_q = (a - np.log(np.sum(np.exp(a))) for a in (p.astype(np.longdouble), q.astype(np.longdouble)))
    d = log_q - log_p
    exact = float(np.sum(np.exp(log_p) * (np.expm1(d) - d)))
    found = xj.kl_divergence(xj.Categorical(jnp.asarray(p)), xj.Categorical(jnp.asarray(q)))
    assert float(found) == pytest.approx(exact, rel=1e-6)
