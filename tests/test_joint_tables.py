"""Information of joint probability tables: the identities between its measures, zeros, accuracy, names, messages."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp
from tables import exact

import xentjax as xj


def table(seed: int = 0, shape: tuple = (4, 2, 3, 2)) -> jax.Array:
    """A batch of joint tables of x, y, z, a fifth of whose cells are empty."""
    rng = np.random.default_rng(seed)
    p = rng.gamma(0.5, size=shape) * (rng.random(shape) > 0.2)
    return jnp.asarray(p / p.sum((1, 2, 3), keepdims=True))


@jax.jit
def measures(p: jax.Array) -> dict[str, jax.Array]:
    """All that the identities need, of tables [..., x, y, z]."""
    names = {"names": "xyz"}
    entropies = {of: xj.joint_entropy(p, of, **names) for of in ("x", "y", "z", "xy", "xz", "yz")}
    return entropies | {
        "xyz": xj.joint_entropy(p, **names),
        "y|x": xj.conditional_entropy(p, "y", "x", **names),
        "x|y": xj.conditional_entropy(p, "x", "y", **names),
        "x|yz": xj.conditional_entropy(p, "x", "yz", **names),
        "zx|y": xj.conditional_entropy(p, "zx", "y", **names),
        "x;y": xj.mutual_information(p, "x", "y", **names),
        "y;x": xj.mutual_information(p, "y", "x", **names),
        "x;z": xj.mutual_information(p, "x", "z", **names),
        "x;yz": xj.mutual_information(p, "x", "yz", **names),
        "x;y|z": xj.conditional_mutual_information(p, "x", "y", "z", **names),
        "total": xj.total_correlation(p, **names),
    }


def test_chain_rules() -> None:
    p = table()
    h = measures(p)
    same = functools.partial(np.testing.assert_allclose, rtol=1e-13, atol=1e-15)
    same(h["xy"], h["x"] + h["y|x"])
    same(h["xyz"], h["y"] + h["zx|y"])
    same(h["x;y"], h["x"] - h["x|y"])
    same(h["x;y"], h["y"] - h["y|x"])
    same(h["x;y"], h["y;x"])
    same(h["x;yz"], h["x;z"] + h["x;y|z"])
    same(h["x;y|z"], h["xz"] + h["yz"] - h["z"] - h["xyz"])
    same(h["total"], h["x"] + h["y"] + h["z"] - h["xyz"])
    same(h["x|yz"], h["xyz"] - h["yz"])
    same(h["x"], xj.entropy(xj.marginal(p, "x", names="xyz")))
    assert all(np.all(value >= 0) for value in h.values())
    assert np.all(h["x|yz"] <= h["x|y"])
    assert np.all(h["x|y"] <= h["x"])
    # mutual information is the divergence from the product of the marginals
    xy = xj.marginal(p, "xy", names="xyz")
    product = xj.marginal(p, "x", names="xyz")[..., None] * xj.marginal(p, "y", names="xyz")[:, None]
    flat = [a.reshape(4, -1) for a in (xy, product)]
    same(h["x;y"], xj.kl_divergence(*flat))


def test_merging_values_loses_information() -> None:
    p = table(1)
    merged = jnp.stack([p[:, :, 0], p[:, :, 1] + p[:, :, 2], jnp.zeros_like(p[:, :, 0])], 2)
    fine, coarse = measures(p), measures(merged)
    for name in ("x;y", "x;yz", "total", "y", "xyz"):
        assert np.all(coarse[name] <= fine[name] * (1 + 1e-13)), name


def test_names_are_a_way_of_saying_axes() -> None:
    p = np.asarray(table())

    @jax.jit
    def in_words(p: jax.Array) -> tuple:
        swapped = xj.marginal(p, ("sex", "hair"), names=("hair", "eyes", "sex"))
        whole, alone = xj.joint_entropy(p[0]), xj.conditional_entropy(p[0], "x", given=(), names="xyz")
        information = xj.conditional_mutual_information
        words = information(p, "hair", ("eyes",), given="sex", names=["hair", "eyes", "sex"])
        return words, information(p, "h", "e", given="s", names="hes"), swapped, whole, alone

    @jax.jit
    def in_axes(p: jax.Array) -> tuple:
        one_by_one = jnp.stack([xj.conditional_mutual_information(row, 0, 1, given=-1) for row in p])
        return one_by_one, xj.joint_entropy(p[0], (0, 1, 2)), xj.joint_entropy(p[0], 0)

    words, letters, swapped, whole, alone = in_words(p)
    one_by_one, whole_by_axes, alone_by_axes = in_axes(p)
    np.testing.assert_allclose(words, letters, rtol=0)
    np.testing.assert_allclose(words, one_by_one, rtol=1e-13)
    np.testing.assert_allclose(swapped, p.sum(2), rtol=1e-15)  # the axes keep their order
    assert whole == whole_by_axes
    assert float(alone) == pytest.approx(float(alone_by_axes), rel=1e-14)


def test_known_tables() -> None:
    xor = np.zeros((2, 2, 2))
    xor[[0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]] = 0.25
    found = {name: float(value) / np.log(2) for name, value in measures(jnp.asarray(xor)).items()}
    assert found["x;y"] == found["x;z"] == found["x|yz"] == 0  # exactly
    assert found["x;yz"] == found["x;y|z"] == found["total"] == pytest.approx(1.0, rel=1e-15)
    copy = xj.mutual_information(np.eye(4) / 4, 0, 1)
    assert float(copy) == pytest.approx(np.log(4), rel=1e-15)
    # an independent table is independent to the square of rounding, not to rounding
    p, q = np.random.default_rng(2).dirichlet(np.ones(5), 2).astype("float32")
    assert 0 <= xj.mutual_information(p[:, None] * q, 0, 1) < 1e-13


def test_float32_keeps_what_is_nearly_certain() -> None:
    """H(x|y) of a channel with errors of 1e-10, for which p(x|y) rounds to 1."""
    p = np.float32([[0.5, 1e-10], [2e-10, 0.5]])
    rows = exact(p).T
    expected = sum(-x * mp.log(x / sum(row)) for row in rows for x in row)
    found = xj.conditional_entropy(p, "x", given="y", names="xy")
    assert found.dtype == "float32"
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_rare_values_do_not_underflow() -> None:
    p = np.diag(np.float32([1.0, 1e-25, 1e-30]))
    expected = 1e-25 * np.log(1e25) + 1e-30 * np.log(1e30) + 1e-25
    # p(x) p(y) is 1e-60, below float32; the last term is −log(1 / (1 + 1e-25)) of the first value
    assert float(xj.mutual_information(p, 0, 1)) == pytest.approx(expected - 1e-25, rel=0.03)
    assert jnp.isfinite(jax.jit(jax.grad(lambda p: xj.mutual_information(p, 0, 1)))(jnp.asarray(p))).all()


def test_derivatives_are_finite_at_empty_cells_and_right_elsewhere() -> None:
    p = table()[0].at[0].set(0.0)  # the first value of x never occurs
    p = p / p.sum()

    some = [
        lambda p: xj.mutual_information(p, "z", "y", names="xyz"),
        lambda p: xj.conditional_mutual_information(p, 1, 2, 0),
        lambda p: xj.conditional_entropy(p, 1, (0, 2)),
        xj.joint_entropy,
    ]

    @jax.jit
    def jets(p: jax.Array) -> list:
        return [(jax.grad(f)(p), jax.hessian(f)(p)) for f in some]

    found = jets(p)
    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(found))
    over = functools.partial(np.sum, np.asarray(p), keepdims=True)
    zy, x, xz = over(axis=0), over(axis=(1, 2)), over(axis=1)
    filled = np.asarray(p > 0)
    p = np.asarray(p)
    # I is homogeneous of degree 1 in the table: its gradient is the pointwise information
    expected = [
        zy / (over(axis=(0, 1)) * over(axis=(0, 2))) + 0 * p,
        p * x / np.where(filled, xz * over(axis=2), 1.0),
        xz / np.where(filled, p, 1.0),
        np.exp(-1) / np.where(filled, p, 1.0),
    ]
    for (gradient, _), ratio in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient[filled], np.log(ratio[filled]), atol=1e-14)


def test_vmap_and_nan() -> None:
    p = np.array(table())
    one = jax.jit(jax.vmap(lambda p: xj.total_correlation(p)))(p)
    np.testing.assert_allclose(one, measures(p)["total"], rtol=1e-13)
    p[0, 0, 0, 0] = np.nan
    for name, value in measures(p).items():
        assert np.isnan(value[0]), name
        assert np.isfinite(value[1:]).all(), name


EYE = np.eye(2) / 2
MESSAGES = [
    (lambda: xj.joint_entropy([[0.5, 0.6], [0.1, 0.1]]), r"joint_entropy: found table with a total of 1.3"),
    (lambda: xj.joint_entropy([[-0.5, 1.5]]), r"joint_entropy: found table\[0, 0\] = -0.5"),
    (lambda: xj.mutual_information(EYE, "x", "y"), r"found x = 'x', but variables out of \[0, 1\] are needed"),
    (lambda: xj.mutual_information(EYE, "x", "w", names="xy"), r"found y = 'w', but variables out of \['x', 'y'\]"),
    (lambda: xj.mutual_information(EYE, 0, 2), r"mutual_information: found y = 2, .*names="),
    (lambda: xj.mutual_information(EYE, "x", "x", names="xy"), r"found a variable twice in x='x', y='x'"),
    (lambda: xj.marginal(EYE, "x", names="xyz"), r"marginal: found names 'xyz' for a table with 2 axes"),
    (lambda: xj.marginal(EYE, "x", names="xx"), r"marginal: found names 'xx' .*a name of its own"),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES)
def test_messages(call: Callable, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
