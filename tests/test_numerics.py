"""The cancellation-free primitives against mpmath: values, first and second derivatives, over wide ranges."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from mpmath import mp
from tables import OPTIMISED

from xentjax import _gamma, _numerics, _tilted
from xentjax._select import select

BATCH = 16  # points per example: one shape, so that each primitive compiles once
# a batch of 16 shrinks slowly and the message names the points at fault: no shrinking
FEW = settings(max_examples=4, deadline=None, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate))


def _gap(k: int, a: Any) -> Any:
    """The k-th derivative of log Γ(a) − (a log a − a)."""
    return [
        lambda: mp.loggamma(a) - a * mp.log(a) + a,
        lambda: mp.digamma(a) - mp.log(a),
        lambda: mp.psi(1, a) - 1 / a,
        lambda: mp.psi(2, a) + 1 / a**2,
        lambda: mp.psi(3, a) - 2 / a**3,
    ][k]()


def _log_gamma(k: int, a: Any) -> Any:
    return mp.loggamma(a) if k == 0 else mp.psi(k - 1, a)


def _rise(f: Callable, a: Any, d: Any) -> tuple:
    """f(a + d) − f(a) − d f′(a), its gradient and Hessian in (a, d)."""
    b = a + d
    value = f(0, b) - f(0, a) - d * f(1, a)
    slope, bend = f(1, b) - f(1, a), f(2, b) - f(2, a)
    return value, (slope - d * f(2, a), slope), (bend - d * f(3, a), bend, f(2, b))


def _drop(order: int, sign: int, a: Any, d: Any) -> tuple:
    """f(a) − f(a + d) for f a derivative of the gap, up to its sign."""
    f = [lambda x, k=order + k: sign * _gap(k, x) for k in range(3)]
    return (
        f[0](a) - f[0](a + d),
        (f[1](a) - f[1](a + d), -f[1](a + d)),
        (f[2](a) - f[2](a + d), -f[2](a + d), -f[2](a + d)),
    )


def _half_step(a: Any) -> tuple:
    value = mp.loggamma(a + 0.5) - mp.loggamma(a) - mp.log(a) / 2
    slope = mp.digamma(a + 0.5) - mp.digamma(a) - 1 / (2 * a)
    return value, (slope,), (mp.psi(1, a + 0.5) - mp.psi(1, a) + 1 / (2 * a * a),)


def _log_factorial_gap(x: Any) -> tuple:
    value = mp.loggamma(x + 1) - x * mp.log(x) + x
    return value, (mp.digamma(x + 1) - mp.log(x),), (mp.psi(1, x + 1) - 1 / x,)


def _log1p_over(w: Any) -> tuple:
    value = mp.log1p(w) / w
    slope = (1 / (1 + w) - value) / w
    return value, (slope,), (-(1 / (1 + w) ** 2 + 2 * slope) / w,)


def _mean_exp(k: int, t: Any) -> Any:
    """The k-th derivative of log((exp(t) − 1) / t)."""
    return [
        lambda: mp.log(mp.expm1(t) / t),
        lambda: 1 / (1 - mp.exp(-t)) - 1 / t,
        lambda: 1 / t**2 - 1 / (2 * mp.sinh(t / 2)) ** 2,
        # 40 digits are not enough for the difference at 1e-10
        lambda: mp.cosh(t / 2) / (4 * mp.sinh(t / 2) ** 3) - 2 / t**3 if abs(t) > 1e-7 else -t / 120,
    ][k]()


class Primitive(NamedTuple):
    """A function, its value, gradient and Hessian in mpmath, and the relative error allowed, in units of eps.

    `floor` is 1 where a sign change, or a sum with a term of order 1, makes an absolute error of eps natural.
    """

    function: Callable
    exact: Callable
    eps: int
    floor: float
    domain: str


PRIMITIVES = {
    # by autodiff of s / (1 + s): the second derivative is a difference of terms up to 100 times as large
    "linear_minus_log": Primitive(
        lambda s: _numerics.linear_minus_log(s, 1 + s),
        lambda s: (s - mp.log1p(s), (s / (1 + s),), (1 / (1 + s) ** 2,)),
        128,
        0.0,
        "above -1",
    ),
    # exp(x), the second derivative, is 1 + expm1(x): an absolute error
    "expm1_minus": Primitive(
        _numerics.expm1_minus, lambda x: (mp.expm1(x) - x, (mp.expm1(x),), (mp.exp(x),)), 8, 0.0, "real"
    ),
    "log_ratio": Primitive(
        _numerics.log_ratio,
        lambda p, q: (mp.log(p / q), (1 / p, -1 / q), (-1 / p**2, mp.mpf(0), 1 / q**2)),
        16,
        0.0,
        "pair",
    ),
    "relative_entropy_term": Primitive(
        _numerics.relative_entropy_term,
        lambda p, q: (p * mp.log(p / q) - p + q, (mp.log(p / q), 1 - p / q), (1 / p, -1 / q, p / q**2)),
        64,
        0.0,
        "pair",
    ),
    # the shift by 10 subtracts terms of size 10 from each other
    "log_gamma_gap": Primitive(
        _gamma.log_gamma_gap, lambda a: (_gap(0, a), (_gap(1, a),), (_gap(2, a),)), 64, 1.0, "positive"
    ),
    "digamma_gap": Primitive(
        _gamma.digamma_gap, lambda a: (-_gap(1, a), (-_gap(2, a),), (-_gap(3, a),)), 128, 0.0, "positive"
    ),
    "trigamma_gap": Primitive(
        _gamma.trigamma_gap, lambda a: (_gap(2, a), (_gap(3, a),), (_gap(4, a),)), 128, 0.0, "positive"
    ),
    "log_gamma": Primitive(
        _gamma.log_gamma, lambda a: (mp.loggamma(a), (mp.digamma(a),), (mp.psi(1, a),)), 64, 1.0, "positive"
    ),
    "digamma": Primitive(
        _gamma.digamma, lambda a: (mp.digamma(a), (mp.psi(1, a),), (mp.psi(2, a),)), 64, 1.0, "positive"
    ),
    "trigamma": Primitive(
        _gamma.trigamma, lambda a: (mp.psi(1, a), (mp.psi(2, a),), (mp.psi(3, a),)), 64, 0.0, "positive"
    ),
    "log1p_over": Primitive(_numerics.log1p_over, _log1p_over, 128, 0.0, "above -1"),
    "log_mean_exp": Primitive(
        _tilted.log_mean_exp, lambda t: (_mean_exp(0, t), (_mean_exp(1, t),), (_mean_exp(2, t),)), 32, 1.0, "real"
    ),
    "tilted_mean": Primitive(
        _tilted.tilted_mean, lambda t: (_mean_exp(1, t), (_mean_exp(2, t),), (_mean_exp(3, t),)), 32, 1.0, "real"
    ),
    "log_mean_exp_bregman": Primitive(
        _tilted.log_mean_exp_bregman, functools.partial(_rise, _mean_exp), 256, 0.0, "step"
    ),
    "log_factorial_gap": Primitive(_gamma.log_factorial_gap, _log_factorial_gap, 64, 1.0, "count"),
    "log_gamma_bregman": Primitive(_gamma.log_gamma_bregman, functools.partial(_rise, _gap), 256, 0.0, "step"),
    "log_gamma_gap_drop": Primitive(_gamma.log_gamma_gap_drop, functools.partial(_drop, 0, 1), 64, 1.0, "count up"),
    # the shift by 10 loses up to 10 units in the last place of 1; near a = 10 the step is 80 times smaller
    "log_gamma_half_step": Primitive(_gamma.log_gamma_half_step, _half_step, 4096, 0.0, "positive"),
    "digamma_gap_drop": Primitive(_gamma.digamma_gap_drop, functools.partial(_drop, 1, -1), 256, 0.0, "step"),
    "log_gamma_rise": Primitive(_gamma.log_gamma_rise, functools.partial(_rise, _log_gamma), 256, 0.0, "step"),
}


def _powers(low: float, high: float) -> st.SearchStrategy:
    """Numbers of every order of magnitude."""
    return st.lists(st.floats(low, high).map(lambda e: 10.0**e), min_size=BATCH, max_size=BATCH).map(np.array)


def _signs() -> st.SearchStrategy:
    return st.lists(st.sampled_from([-1.0, 1.0]), min_size=BATCH, max_size=BATCH).map(np.array)


def _relative(size: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """Relative differences from −1 to 100; the negative ones end at −0.99."""
    return np.where(sign < 0, -0.99 * size / (1 + size), size)


_RELATIVE = st.builds(_relative, _powers(-8, 2), _signs())
DOMAINS: dict[str, st.SearchStrategy] = {
    "positive": st.tuples(_powers(-5, 6)),
    # counts, and means of counts; 0 has a test of its own
    "count": st.tuples(_powers(-1, 6)),
    "real": st.tuples(st.builds(np.multiply, _powers(-10, 1.9), _signs())),
    "above -1": st.tuples(_RELATIVE),
    "pair": st.builds(lambda p, r: (p, p * (1 + r)), _powers(-10, 10), _RELATIVE),
    "count up": st.tuples(
        _powers(-3, 8), st.lists(st.integers(1, 10**6), min_size=BATCH, max_size=BATCH).map(np.array)
    ),
    "step": st.builds(lambda a, r: (a, a * r), _powers(-3, 4), _RELATIVE),
}


@functools.cache
def jet(name: str) -> Callable:
    """Values [n], gradients [n] and the upper triangle of the Hessian [n]. Values without vmap: they must broadcast."""
    f = PRIMITIVES[name].function

    def evaluate(*x: jax.Array) -> tuple:
        arguments = tuple(range(len(x)))

        def gradient(*x: jax.Array) -> tuple:
            slopes = jax.grad(f, arguments)(*x)
            return slopes, slopes  # to be differentiated once more, and as they are

        second, first = jax.vmap(jax.jacfwd(gradient, arguments, has_aux=True))(*x)
        return f(*x), first, tuple(second[i][j] for i in arguments for j in arguments if i <= j)

    compiled = jax.jit(evaluate, compiler_options=OPTIMISED)
    return lambda *x: jax.tree.map(np.asarray, compiled(*x))


def _check(kind: str, found: Any, exact: list, allowed: np.ndarray, x: tuple) -> None:
    error = np.array([float(abs(mp.mpf(float(a)) - b)) for a, b in zip(found, exact, strict=True)])
    bad = ~(error <= allowed)
    assert not bad.any(), [
        f"{kind} at {[float(a[i]) for a in x]}: {found[i]}, not {float(exact[i])}: {error[i] / allowed[i]:.3g} times"
        for i in np.flatnonzero(bad)[:3]
    ]


@pytest.mark.parametrize("name", PRIMITIVES)
def test_values_and_derivatives_are_mpmaths(name: str, dtype: str) -> None:
    primitive = PRIMITIVES[name]
    unit = primitive.eps * float(jnp.finfo(dtype).eps)

    @FEW
    @given(DOMAINS[primitive.domain])
    def check(x: tuple) -> None:
        x = tuple(np.asarray(a, dtype) for a in x)
        with mp.workdps(40):
            points = zip(*([mp.mpf(float(v)) for v in a] for a in x), strict=True)
            exact = [primitive.exact(*point) for point in points]
            value, first, second = jet(name)(*x)
            assert value.dtype == dtype
            scale = np.array([abs(float(e[0])) for e in exact]) + primitive.floor
            _check("value", value, [e[0] for e in exact], unit * scale, x)
            for order, derivatives in ((1, first), (2, second)):
                sizes = np.array([[abs(float(d)) for d in e[order]] for e in exact])
                for i, found in enumerate(derivatives):
                    # in (a, a + δ) the derivatives in a and δ only occur as sums: their errors count beside the largest
                    scale = sizes.max(1) if primitive.domain == "step" else sizes[:, i]
                    floor = primitive.floor or (name == "expm1_minus")
                    _check(f"derivative {order}.{i}", found, [e[order][i] for e in exact], unit * (scale + floor), x)

    if primitive.domain == "positive":  # 10 among them, where series are shortest
        check = example((np.linspace(8.5, 16.0, BATCH),))(check)
    check()


def test_relative_entropy_term_at_its_edges(dtype: str) -> None:
    p = np.asarray([0.0, 0.0, 2.0, np.nan, 1.0, 1e-38] + 10 * [1.0], dtype)
    q = np.asarray([0.5, 0.0, 0.0, 1.0, np.nan, 1e3] + 10 * [1.0], dtype)
    value, (in_p, in_q), hessian = jet("relative_entropy_term")(p, q)
    np.testing.assert_allclose(value[:6], [0.5, 0.0, np.inf, np.nan, np.nan, 1e3])
    # at p = 0 the derivative in p has no finite limit and is 0; in q it is 1
    np.testing.assert_array_equal(in_p[:2], [0.0, 0.0])
    np.testing.assert_array_equal(in_q[:3], [1.0, 1.0, -np.inf])
    assert all((second[:2] == 0).all() for second in hessian)


@pytest.mark.parametrize("name", ["relative_entropy_term", "log_gamma_bregman", "log_gamma_rise", "linear_minus_log"])
def test_nothing_differs_from_itself(name: str, dtype: str) -> None:
    """Exactly 0, with a derivative of exactly 0: a fit that is already at its minimum stays there."""
    a = np.geomspace(1e-6, 1e6, BATCH).astype(dtype)
    zero = np.zeros_like(a)
    x = {"relative_entropy_term": (a, a), "linear_minus_log": (zero,)}.get(name, (a, zero))
    value, first, second = jet(name)(*x)
    assert (value == 0).all()
    assert (first[-1] == 0).all()
    assert (second[-1] > 0).all()


def test_limits(dtype: str) -> None:
    @jax.jit
    def found(one: jax.Array, zero: jax.Array) -> tuple:
        return (
            _numerics.linear_minus_log(-one, zero),
            _numerics.linear_minus_log(one * jnp.inf, one * jnp.inf),
            _numerics.expm1_minus(-jnp.inf * one),
            jax.value_and_grad(_gamma.log_factorial_gap)(zero),
            _gamma.log_gamma_gap(one * 1e30),
        )

    *infinite, factorial, stirling = found(np.ones((), dtype), np.zeros((), dtype))
    assert infinite == [np.inf] * 3
    assert factorial == (0, 0)
    # Stirling: log Γ(a) − (a log a − a) approaches ½ log(2π / a)
    assert float(stirling) == pytest.approx(0.5 * np.log(2 * np.pi / 1e30), rel=1e-6)


@pytest.mark.parametrize("value", [3, True, 2.5, [1, 2]])
def test_as_float(value: Any) -> None:
    found = _numerics.as_float(value)
    assert found.dtype == "float64"
    np.testing.assert_array_equal(found, value)
    assert _numerics.as_float(jnp.ones(2, "float32")).dtype == "float32"


@pytest.mark.parametrize(
    ("condition", "x", "y"),
    [
        (True, 1.0, 2.0),  # numbers alone, which give way to any type
        (True, np.float32(1.0), 2.0),
        (False, np.arange(3, dtype=np.float32), 0),
        (np.array([True, False, True]), 1.0, np.arange(3.0)),
        (np.array([[True], [False]]), np.ones((1, 3), int), np.zeros((2, 1), int)),
        (np.array([-1, 0, 2]), 1.0, np.arange(3.0)),
        (np.array([1.0, 0.0, np.nan]), 1.0, 2.0),
    ],
)
def test_select_is_where(condition: Any, x: Any, y: Any) -> None:
    found, wanted = select(condition, x, y), jnp.where(condition, x, y)
    assert (found.shape, found.dtype, found.weak_type) == (wanted.shape, wanted.dtype, wanted.weak_type)
    np.testing.assert_array_equal(found, wanted)


def test_select_of_an_array_that_is_spread_over_devices() -> None:
    with jax.set_mesh(jax.make_mesh((1,), ("rows",))):
        x = jax.device_put(np.arange(3.0), jax.P("rows"))
        found = select(x > 1, x, 0.0)
    assert found.sharding == x.sharding
    np.testing.assert_array_equal(found, [0, 0, 2])


def test_select_leaves_no_function_in_a_program() -> None:
    program = jax.jit(lambda x: select(x > 0, x, 0.0)).lower(np.ones(3)).as_text()
    assert program.count("func.func") == 1  # the program's own; with `jnp.where` 2
