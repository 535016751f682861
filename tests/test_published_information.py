"""Information measures of arrays: published values, what other libraries get wrong, messages."""

import json
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xentjax as xj

GOLDEN = json.loads((Path(__file__).parent / "golden" / "information" / "cases.json").read_text())

GENERATORS = {
    "triangular": lambda t: (t - 1) ** 2 / (t + 1),
    "taneja": lambda t: (1 + t) / 2 * jnp.log((1 + t) / (2 * jnp.sqrt(t))),
}


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["id"])
def test_published_values(case: dict) -> None:
    dtype = case.get("dtype", "float64")
    given = [GENERATORS.get(a, a) if isinstance(a, str) else a for a in case["arguments"]]
    arguments = [np.asarray(a, dtype) if isinstance(a, list) else a for a in given]
    keywords = {k: np.asarray(v) if k == "weights" else v for k, v in case.get("keywords", {}).items()}
    orders_and_names = [i for i, a in enumerate(given) if not isinstance(a, list)]
    measure = getattr(xj, case["function"])
    static = {"static_argnums": orders_and_names, "static_argnames": keywords.keys() - {"weights"}}
    found = jax.jit(measure, **static)(*arguments, **keywords)
    found = (case.get("scale", 1) * np.asarray(found, float)) ** case.get("power", 1)
    found = found / {"bits": np.log(2), "log10": np.log(10)}.get(case["units"], 1.0)
    if "q_denormal-float32" in case["id"]:
        assert found == np.inf  # XLA on CPU takes denormal numbers as 0, and q = 0 < p gives +inf
        return
    expected = np.asarray(case["expected"], float)
    np.testing.assert_allclose(found, expected, rtol=4 * jnp.finfo(dtype).eps, atol=case["tolerance"] or 0)


# What others get wrong: the call, our answer, and theirs in the comment

NEAR_32 = (np.float32([0.25, 0.25, 0.5]), np.float32([0.25 + 2**-22, 0.25 - 2**-22, 0.5]))
DEFECTS = [
    # 0 in every library in float32 except scipy, which works in double
    ("kl of nearby", lambda: xj.kl_divergence(*NEAR_32), 2.27373675443335457e-13),
    # scipy's jensenshannon: the square root of a negative number, NaN
    ("js of nearby", lambda: xj.jensen_shannon(*NEAR_32), 2.0**-44),
    # 0 in optax.kl_divergence's neighbours; the difference of logarithms cancels
    ("hellinger of nearby", lambda: xj.squared_hellinger(*NEAR_32), 2.0**-44),
    # optax, torch, distrax, TFP: NaN in the gradient at p = 0
    ("gradient at p = 0", lambda: jax.jit(jax.grad(xj.kl_divergence))(jnp.eye(2)[1], jnp.full(2, 0.5))[0], 0.0),
    # optax.kl_divergence: NaN
    ("both 0", lambda: xj.kl_divergence([0.0, 0.5, 0.5], [0.0, 0.25, 0.75]), 0.14384103622589046),
    # keras clips at 1e-7: 7.366; PyInform: NaN; infomeasure, of disjoint outcomes: −0.693
    ("q excludes", lambda: xj.kl_divergence([0.5, 0.5], [1.0, 0.0]), np.inf),
    ("disjoint", lambda: xj.kl_divergence([1.0, 0.0], [0.0, 1.0]), np.inf),
    # jax.scipy.special.rel_entr: inf
    ("NaN", lambda: jax.jit(xj.kl_divergence)(jnp.array([jnp.nan, 0.5]), jnp.array([0.5, 0.5])), np.nan),
    # optax.generalized_kl: −2e-8
    ("equal, not dyadic", lambda: xj.kl_divergence(*[np.float32([0.1, 0.2, 0.7])] * 2), 0.0),
    # jax.scipy.special.entr and all others: NaN in the Hessian at 0
    ("Hessian of entropy", lambda: jnp.abs(jax.jit(jax.hessian(xj.entropy))(jnp.array([0.0, 1.0]))[0]).max(), 0.0),
    # torch.distributions clamps: 1.2e-7
    ("entropy of a certain outcome", lambda: xj.entropy(np.float32([0.0, 1.0, 0.0])), 0.0),
    # R's KL.plugin: −3.47e-18
    ("never negative", lambda: xj.kl_divergence([0.5, 0.5], [0.5 + 2**-30, 0.5 - 2**-30]), 2 * 2.0**-60),
]  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), [row[1:] for row in DEFECTS], ids=[row[0] for row in DEFECTS])
def test_defects_of_others(call: Callable, expected: float) -> None:
    # to float32, of which some of the arguments are
    assert float(call()) == pytest.approx(expected, rel=1e-6, abs=0, nan_ok=True)


HALVES = [0.5, 0.5]
MESSAGES = [
    (lambda: xj.jensen_shannon(np.eye(2)), r"jensen_shannon: found 1 vector, .*jensen_shannon\(\*stack\)"),
    (lambda: xj.jensen_shannon(HALVES, HALVES, weights=[1.0]), r"found weights of shape \(1,\) for 2 vectors"),
    (lambda: xj.jensen_shannon(HALVES, HALVES, weights=[0.5, 0.6]), r"found weights with a total of 1.1"),
    (lambda: xj.total_variation(HALVES, [0.5, 0.6]), r"total_variation: found q with a total of 1.1"),
    (lambda: xj.squared_hellinger(HALVES, [1.0]), r"squared_hellinger: found 2 outcomes in p and 1 in q"),
    (lambda: xj.renyi_entropy(HALVES, -1.0), r"renyi_entropy: found the order -1.0, but a number ≥ 0 is needed"),
    (lambda: xj.renyi_divergence(HALVES, HALVES, [1.0, 2.0]), r"found orders of shape \(2,\), .*jax.vmap"),
    (lambda: xj.tsallis_divergence(HALVES, HALVES, np.inf), r"found the order inf, but a finite number ≥ 0 is needed"),
    (lambda: xj.alpha_divergence(HALVES, HALVES, np.nan), r"found the order nan, but a finite number is needed"),
    (lambda: xj.f_divergence(HALVES, [1.0, 0.0], jnp.abs), r"f_divergence: .*pass limits=\(f0, slope\)"),
    (lambda: xj.pearson_chi_squared([-0.5, 1.5], HALVES), r"pearson_chi_squared: found p\[0\] = -0.5"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), MESSAGES)
def test_messages(call: Callable, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_distributions_are_sent_to_what_takes_them() -> None:
    with pytest.raises(TypeError, match="jensen_shannon: found p = Bernoulli, but an array of probabilities is needed"):
        xj.jensen_shannon(xj.Bernoulli(0.5), xj.Bernoulli(0.4))
