"""Special functions against mpmath: values, gradients and Hessians in every argument, in both tails."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp
from tables import OPTIMISED

from xentjax import VonMises, _bessel, _numerics, _tails, _zeta

STEP = mp.mpf(10) ** -12  # of central differences, with 50 digits: exact to about 1e-24


def _fraction(terms: Callable[[int], tuple], start: Any) -> Any:
    """start + a1 / (b1 + a2 / (b2 + ...)), by Lentz's method."""
    value = c = start
    d, k = mp.mpf(0), 0
    while True:
        k += 1
        a, b = terms(k)
        d, c = 1 / (b + a * d), b + a / c
        value *= c * d
        if abs(c * d - 1) < mp.mpf(10) ** -48:
            return value


def _both(small: Any, lower: bool) -> tuple:
    other = mp.log1p(-mp.exp(small))
    return (small, other) if lower else (other, small)


def _gamma(a: Any, x: Any) -> tuple:
    front = a * mp.log(x) - x - mp.loggamma(a)
    if x > a + 1:
        fraction = _fraction(lambda k: (-k * (k - a), x + 1 - a + 2 * k), x + 1 - a)
        return _both(front - mp.log(fraction), False)
    with mp.extradps(20):
        term = total = 1 / a
        k = 0
        while term > total * mp.eps:
            k += 1
            term *= x / (a + k)
            total += term
        return _both(front + mp.log(total), True)


def _beta(a: Any, b: Any, x: Any) -> tuple:
    """In (a, b, x); x > 1 stands for y = x − 1, so that x near 1 keeps its digits."""
    x, y = (x, 1 - x) if x <= 1 else (2 - x, x - 1)
    if a * y < b * x:
        return _beta_lower(b, a, y, x)[::-1]
    return _beta_lower(a, b, x, y)


def _beta_lower(a: Any, b: Any, x: Any, y: Any) -> tuple:
    def terms(k: int) -> tuple:
        m = k // 2
        if k % 2:
            return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), mp.mpf(1)
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), mp.mpf(1)

    front = a * mp.log(x) + b * mp.log(y) - mp.log(a) - mp.loggamma(a) - mp.loggamma(b) + mp.loggamma(a + b)
    return _both(front - mp.log(_fraction(terms, mp.mpf(1))), True)


def _beta_pair(a: jax.Array, b: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    high = x > 1
    return _tails.log_beta_tails(a, b, jnp.where(high, 2 - x, x), jnp.where(high, x - 1, 1 - x))


def _normal(z: Any) -> tuple:
    return _both(mp.log(mp.erfc(abs(z) / mp.sqrt(2)) / 2), z < 0)


def _bessel_i(order: Any, k: Any) -> Any:
    """I(k) exp(−k) and k^−order I(k) exp(−k): Hankel's series far out, where mpmath is slow."""
    if k < 500:
        return mp.besseli(order, k) * mp.exp(-k)
    term = total = mp.mpf(1)
    for j in range(1, 40):
        term *= -(4 * order * order - (2 * j - 1) ** 2) / (8 * k * j)
        total += term
    return total / mp.sqrt(2 * mp.pi * k)


def _bessel_exact(order: float, k: Any) -> tuple:
    value, after = _bessel_i(mp.mpf(order), k), _bessel_i(mp.mpf(order) + 1, k)
    return mp.log(value), after / value, 1 - after / value


def _bessel_all(order: float, k: jax.Array) -> tuple[jax.Array, ...]:
    return tuple(f(order, k) for f in (_bessel.log_bessel_i, _bessel.bessel_ratio, _bessel.bessel_ratio_complement))


def _bregman(order: float, k: Any, delta: Any) -> tuple:
    end, start = _bessel_i(mp.mpf(order), k + delta), _bessel_i(mp.mpf(order), k)
    ratio = _bessel_i(mp.mpf(order) + 1, k) / start
    return (mp.log(end / start) + delta - order * mp.log(1 + delta / k) - delta * ratio,)


def _von_mises(k: Any, angle: Any) -> tuple:
    # to π by Gauss–Legendre on short pieces
    start = abs(angle)
    width = 1 / (k * mp.sin(start) + mp.sqrt(k) + 1)

    def integral(start: Any) -> Any:
        points = [p for p in (start + c * width for c in (0, 2, 6, 14, 30, 60, 150)) if p < mp.pi]
        return mp.quad(lambda t: mp.exp(k * (mp.cos(t) - mp.cos(start))), [*points, mp.pi], method="gauss-legendre")

    normaliser = 2 * mp.pi * _bessel_i(mp.mpf(0), k)
    return _both(mp.log(integral(start) / normaliser) - 2 * k * mp.sin(start / 2) ** 2, angle < 0)


def _hurwitz(s: Any, q: Any) -> tuple:
    # Euler–Maclaurin at length: mpmath's own loses digits for large s and q
    w = q + 40
    total = mp.fsum((q + n) ** -s for n in range(40)) + w ** (1 - s) / (s - 1) + w**-s / 2
    factor = s * w ** (-s - 1)
    for j in range(1, 30):
        total += mp.bernoulli(2 * j) / mp.factorial(2 * j) * factor
        factor *= (s + 2 * j - 1) * (s + 2 * j) / w**2
    return (mp.log(total),)


class Special(NamedTuple):
    """A function of arguments, all outputs in a tuple, the same in mpmath, and a table of arguments.

    `floor` is the size below which an error is absolute: 1, or next to nothing where a log near 0 is a small tail.
    `wide` are arguments for float64 alone.
    """

    function: Callable
    exact: Callable
    table: list[tuple]
    wide: Sequence[tuple] = ()
    floor: float = 1.0
    scale: Callable = lambda x: tuple(abs(v) for v in x)


SPECIALS = {
    "log1mexp": Special(
        lambda x: (_numerics.log1mexp(x),),
        lambda x: (mp.log(-mp.expm1(x)),),
        [(-v,) for v in (1e-6, 1e-3, 0.3, 0.69, 0.71, 2.0, 15.0, 80.0)],
        [(-v,) for v in (1e-100, 300.0, 700.0)],
    ),
    "normal": Special(
        _tails.log_normal_tails,
        _normal,
        [(s * v,) for v in (1e-4, 0.1, 1.0, 3.0, 6.0, 10.0) for s in (-1, 1)],
        [(s * v,) for v in (30.0, 37.0) for s in (-1, 1)],
        floor=1e-30,
    ),
    "normal far": Special(_tails.log_normal_tails, _normal, [(v,) for v in (-1e4, -300.0, 300.0, 1e4)], floor=1e-30),
    "gamma": Special(
        _tails.log_gamma_tails,
        _gamma,
        [(a, a * r) for a in (0.05, 0.4, 0.99, 1.5, 4.0, 30.0) for r in (0.1, 0.6, 1.1, 8.0)]
        + [(0.02, 1e-12), (0.02, 0.49), (0.02, 0.51), (0.5, 80.0), (1e3, 700.0), (1e3, 1010.0), (1e3, 1500.0)]
        + [(1e5, 1e5 + r * 1e5**0.5) for r in (-12.0, -0.1, 0.1, 2.0, 12.0)],
        [(1e-4, x) for x in (1e-30, 0.3, 1.0, 30.0)] + [(1e8, 0.8e8), (1e8, 1.3e8)],
    ),
    "beta": Special(
        _beta_pair,
        _beta,
        [(a, b, a / (a + b) * r) for a, b in ((0.5, 0.5), (1.5, 0.7), (4.0, 30.0), (300.0, 2.0)) for r in (0.2, 0.9)]
        + [(0.5, 4.0, 1e-6), (0.5, 4.0, 0.9), (0.5, 10.0, 1 + 1e-3), (20.0, 0.5, 1 + 1e-6), (1e3, 1e3, 0.47)]
        + [(1e5, 1e3, 1 + 0.0113)],
        # with 0.01 rather than 0.001 where second derivatives are known to lose 1e-16 / b²
        [(1e-3, 1e-3, 0.4), (1e-2, 1.0, 1e-8), (10.0, 1e-3, 0.9), (1e7, 1e7, 0.4997), (1e7, 3.0, 1 + 1e-6)]
        + [(a, b, x) for a, b, x in ((1.0, 1e-2, 1.01), (0.5, 1e-2, 1 + 2e-3), (1.0, 1e-2, 1.2), (1e-2, 4.0, 1e-3))],
        scale=lambda x: (x[0], x[1], x[2] if x[2] <= 1 else x[2] - 1),
    ),
    **{
        f"bessel {order}": Special(
            functools.partial(_bessel_all, order),
            functools.partial(_bessel_exact, order),
            [(k,) for k in (1e-2, 0.5, 3.0, 8.0, 15.0, 25.0, 70.0, 300.0, 1e4, 1e8)],
        )
        for order in (0.0, 0.5, 1.0, 7.5, 50.0)
    },
    "bregman": Special(
        lambda k, d: (_bessel.log_bessel_bregman(1.0, k, d),),
        functools.partial(_bregman, 1.0),
        [(k, d * (1 + k)) for k in (1e-2, 1.0, 20.0, 1e3) for d in (1e-3, 0.2, 1.0, 30.0)],
    ),
    "von mises": Special(
        jnp.vectorize(lambda k, angle: VonMises(jnp.zeros_like(k), k).tails(angle), signature="(),()->(),()"),
        _von_mises,
        [(k, t) for k in (1e-3, 1.0, 12.0, 100.0) for t in (-3.1, 0.02, 0.7)] + [(1e6, t) for t in (-0.1, 1e-3)],
    ),
    "hurwitz": Special(
        lambda s, q: (_zeta.log_hurwitz_zeta(s, q),),
        _hurwitz,
        [(s, q) for s in (1.01, 4.0, 30.0, 100.0) for q in (1e-2, 1.0, 12.0, 1e4)],
        [(1 + 1e-6, q) for q in (1e-2, 1.0, 1e4)],
        scale=lambda x: (x[0] - 1, x[1]),
    ),
}


@functools.cache
def jet(name: str) -> Callable:
    """Outputs, gradients forwards, and Hessians forwards over backwards, for points along the first axis."""
    f = SPECIALS[name].function

    def evaluate(*x: jax.Array) -> tuple:
        arguments = tuple(range(len(x)))
        backwards = jax.jacrev(f, arguments)
        first, second = jax.vmap(jax.jacfwd(lambda *x: (f(*x), backwards(*x)), arguments))(*x)
        return f(*x), first, second

    compiled = jax.jit(evaluate)
    return lambda *x: jax.tree.map(np.asarray, compiled(*x))


def _exact(special: Special, x: tuple) -> dict[tuple[int, ...], tuple]:
    """Outputs and their derivatives, by the indices of the arguments."""
    size = tuple(STEP * h for h in special.scale(x))
    seen: dict[tuple, tuple] = {}

    def at(*moves: tuple[int, int]) -> np.ndarray:
        key = tuple(sum(by for i, by in moves if i == j) for j in range(len(x)))
        if key not in seen:
            seen[key] = special.exact(*(v + by * h for v, by, h in zip(x, key, size, strict=True)))
        return np.array(seen[key], dtype=object)

    found = {(): at()}
    for i in range(len(x)):
        found[i,] = (at((i, 1)) - at((i, -1))) / (2 * size[i])
        found[i, i] = (at((i, 1)) + at((i, -1)) - 2 * at()) / size[i] ** 2
        for j in range(i):
            # the second difference along the diagonal is that along each axis, and the mixed one twice
            diagonal = at((i, 1), (j, 1)) + at((i, -1), (j, -1)) - 2 * at()
            straight = found[i, i] * size[i] ** 2 + found[j, j] * size[j] ** 2
            found[j, i] = (diagonal - straight) / (2 * size[i] * size[j])
    return found


@pytest.mark.parametrize("name", SPECIALS)
def test_values_and_derivatives_are_mpmaths(name: str, dtype: str) -> None:
    special = SPECIALS[name]
    points = [*special.table, *(special.wide if dtype == "float64" else ())]
    x = tuple(np.asarray(v, dtype) for v in zip(*points, strict=True))
    value, first, second = jet(name)(*x)
    assert all(v.dtype == dtype for v in value)
    # what the module promises; it is measured to hold with a factor of 3 to 1000 to spare
    allowed = {"float64": 1e-10, "float32": 1e-5}[dtype]
    bad = []
    with mp.workdps(50):
        for n, point in enumerate(points):
            for index, exact in _exact(special, tuple(mp.mpf(float(v[n])) for v in x)).items():
                for i, e in enumerate(exact):
                    found = (value[i], first[i], second[i])[len(index)]
                    for j in index:
                        found = found[j]
                    # a log near 0 is a small tail, known relative to itself; other logs have an absolute error
                    floor = special.floor if index or abs(e) > 1e-3 else 1e-30
                    error = float(abs(mp.mpf(float(found[n])) - e) / max(abs(e), floor))
                    if not error <= allowed:
                        bad.append(
                            f"output {i}, derivative {index} at {point}: {found[n]}, not {float(e)}: {error:.2g}"
                        )
    assert not bad, bad


@pytest.mark.parametrize("name", ["gamma", "beta", "von mises"])
def test_tails_as_users_compile_them(name: str) -> None:
    """XLA's optimisations leave compensated sums and products alone; it is float32 that needs them."""
    special = SPECIALS[name]
    x = tuple(np.asarray(v, "float32") for v in zip(*special.table, strict=True))
    found, known = jax.jit(special.function, compiler_options=OPTIMISED)(*x), jet(name)(*x)[0]
    for value, other in zip(found, known, strict=True):
        # a few eps, of the value where it is small and of the terms of an exponent where it is large
        np.testing.assert_allclose(value, other, rtol=1e-5)
    # an error of some eps in either logarithm
    np.testing.assert_allclose(np.exp(found[0]) + np.exp(found[1]), 1.0, atol=1e-6)


def test_ends(dtype: str) -> None:
    """Where a tail is 0 or 1, derivatives are finite, and the limits where these are."""
    a, zero = np.asarray([1.0, 2.5], dtype), np.zeros(2, dtype)

    @jax.jit
    def evaluate(a: jax.Array, x: jax.Array) -> tuple:
        gamma, beta = _tails.log_gamma_tails, lambda a, x: _tails.log_beta_tails(a, a, x, 1 - x)
        return tuple((f(a, x), jax.vmap(jax.jacrev(f, (0, 1)))(a, x)) for f in (gamma, beta))

    ((low, high), (_, high_slopes)), ((low_b, high_b), slopes_b) = evaluate(a, zero)
    np.testing.assert_array_equal([low, low_b, high, high_b], [[-np.inf] * 2] * 2 + [[0, 0]] * 2)
    # the density is 1 for a = 1, the exponential distribution
    np.testing.assert_array_equal(high_slopes, [[0, 0], [-1, 0]])
    assert np.isfinite(slopes_b).all()
    ((low, high), slopes), _ = evaluate(a, zero + np.inf)
    np.testing.assert_array_equal([low, high], [[0, 0], [-np.inf] * 2])
    np.testing.assert_array_equal(slopes, [[[0, 0], [0, 0]], [[0, 0], [-1, -1]]])
    _, ((low, high), slopes) = evaluate(a, zero + 1)
    np.testing.assert_array_equal([low, high], [[0, 0], [-np.inf] * 2])
    assert np.isfinite(slopes).all()


def test_other_ends(dtype: str) -> None:
    @jax.jit
    def found(zero: jax.Array, one: jax.Array, far: jax.Array) -> tuple:
        return (
            (_numerics.log1mexp(zero), _numerics.log1mexp(far), jax.grad(jax.grad(_numerics.log1mexp))(far)),
            (_bessel.log_bessel_i(0.0, zero), _bessel.log_bessel_i(2.0, zero)),
            (_bessel.bessel_ratio(1.0, zero), _bessel.bessel_ratio_slope(1.0, zero)),
            _bessel.log_bessel_bregman(0.0, one, zero),
        )

    logs, bessels, (ratio, slope), divergence = found(*np.asarray([0.0, 1.0, -np.inf], dtype))
    eps = float(jnp.finfo(dtype).eps)
    assert logs == (-jnp.inf, 0, 0)
    assert float(bessels[0]) == pytest.approx(0, abs=4 * eps)
    assert bessels[1] == -jnp.inf
    assert ratio == 0
    # half of 1 / (order + 1)
    assert float(slope) == pytest.approx(0.25, rel=8 * eps)
    assert divergence == 0


def test_nothing_hides_a_nan(dtype: str) -> None:
    nan, one = np.asarray(np.nan, dtype), np.ones((), dtype)

    @jax.jit
    def found(nan: jax.Array, one: jax.Array) -> tuple:
        pair = jnp.stack([nan, one]), jnp.stack([one, nan])
        return (
            _tails.log_normal_tails(nan),
            _tails.log_gamma_tails(*pair),
            _tails.log_beta_tails(*pair, pair[1] / 2, pair[1] / 2),
            _zeta.log_hurwitz_zeta(pair[0] + 1, pair[1]),
            _bessel.log_bessel_bregman(1.0, *pair),
            (_numerics.log1mexp(nan), _bessel.log_bessel_i(1.0, nan), _bessel.bessel_ratio(1.0, nan)),
        )

    assert all(np.isnan(v).all() for v in jax.tree.leaves(found(nan, one)))


def test_orders_are_multiples_of_a_half() -> None:
    with pytest.raises(ValueError, match=r"0\.3; it must be one of 0, 1/2"):
        _bessel.log_bessel_i(0.3, jnp.ones(()))
