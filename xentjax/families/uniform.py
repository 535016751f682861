"""The continuous uniform distribution."""

import math
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._nodes import BREGMAN_WEIGHTS, NODES
from xentjax._numerics import linear_minus_log, log_ratio, polynomial, xlogy
from xentjax._select import select
from xentjax.cumulants import cumulant, log_cumulant
from xentjax.families.family import Family
from xentjax.parameters import Parameter, real
from xentjax.sources import extremes
from xentjax.statistics import distance, identity, log, log_square, minus_log, minus_log1m, square
from xentjax.supports import REAL

# sinh(y) / y − 1 in powers of y²: fourteen terms leave less than 1e-17 of the first at y = 2
_SINH = [1 / math.factorial(2 * k + 3) for k in range(14)]
# log m − E log x in powers of the half width over the middle, squared: at 0.4 the rest is below 1e-16 of the first
_GAP = [1 / (2 * k * (2 * k + 1)) for k in range(1, 35)]
# half the logarithm of high / low beyond which low counts as 0
_WIDE = 40.0


class Uniform(Family):
    """Uniform(low, high): log q(x) = −log(high − low), for low ≤ x ≤ high.

    The likelihood grows as the ends close in on the data: a fit puts them at the extremes, without standard errors.

    Args:
      low: the least value.
      high: the greatest value, > low.

    >>> import xentjax as xj
    >>> round(xj.kl_divergence(xj.Uniform(0.0, 1.0), xj.Uniform(0.0, 2.0)).item(), 5)  # log 2
    0.69315

    See also: `scipy.stats.uniform(low, high - low)`; R's `min` and `max` are our `low` and `high`.
    """

    low: Parameter = real(0.0)
    high: Parameter = real(1.0)

    support = REAL
    statistics = (identity,)
    edges = ("low", "high")

    def ends(self) -> tuple[Any, Any]:
        return self.low, self.high

    @property
    def interior(self) -> Any:
        return self.mean

    def log_prob_of(self, x: Array) -> Array:
        return jnp.zeros_like(x) - jnp.log(self._width)

    @property
    def _width(self) -> Array:
        return jnp.asarray(self.high) - self.low

    def expectations(self) -> dict:
        low, high = jnp.asarray(self.low), jnp.asarray(self.high)
        gap = _minus_log(low, high)
        return {
            identity: self.mean,
            square: self.variance,
            minus_log: gap,
            minus_log1m: _minus_log(1 - high, 1 - low),
            log: jnp.log(select(low >= 0, self.mean, 1.0)) - gap,
            log_square: self._log_square(),
            distance: self._distance,
            cumulant: lambda t: _log_sinhc(0.5 * t * self._width),
            log_cumulant: self._log_cumulant,
        }

    def _log_width(self) -> Array:
        """Half the width of log x."""
        positive = jnp.asarray(self.low) > 0
        return select(positive, 0.5 * log_ratio(self.high, select(positive, self.low, self.high)), _WIDE)

    def _log_square(self) -> Array:
        # 1 − (h / sinh h)²
        s = _sinhc_minus_1(jnp.minimum(self._log_width(), _WIDE))
        u = s / (1 + s)
        return select(jnp.asarray(self.low) >= 0, u * (2 - u), jnp.nan)

    def _distance(self, point: Array) -> Array:
        half = 0.5 * self._width
        return jnp.maximum(half - jnp.abs(self.mean - point), 0.0) ** 2 / (2 * half)

    def _log_cumulant(self, k: Array) -> Array:
        """The rise of log(sinh(h) / h) above its tangent, from h to h + k h."""
        h, low = self._log_width(), jnp.asarray(self.low)
        near = jnp.abs(k) * h < 1.5
        step = select(near, k, 0.0) * h
        # the function has its poles at a distance of π: eight nodes leave less than 1e-15
        nodes, weights = (jnp.asarray(v, h.dtype).reshape((1,) * k.ndim + (-1,)) for v in (NODES, BREGMAN_WEIGHTS))
        close = step * step * jnp.sum(weights * _sinhc_bend(h + nodes * step[..., None]), -1)
        rise = 1 + select(near, 1.0, k)
        size = jnp.maximum(jnp.abs(rise), 1e-20)  # at k = −1, where the slope is 0
        above = rise > 0.5
        line = linear_minus_log(select(above, rise - 1, 0.0), select(above, rise, 1.0))
        line = select(above, line, rise - 1 - jnp.log(size))
        rest = select(low == 0, 0.0, jnp.log(-jnp.expm1(-2 * size * h)) - jnp.log(-jnp.expm1(-2 * h)))
        far = line + h * (size - rise) + rest + 2 * (rise - 1) * h / -jnp.expm1(2 * h)
        value = select(near, close, far)
        value = select((low == 0) & (k <= -1), jnp.inf, value)
        return select(low >= 0, value, jnp.nan)

    @classmethod
    def start(cls, source: Any) -> Self:
        return cls(*extremes(source))

    def order_statistics(self, source: Any) -> dict:
        return dict(zip(self.edges, extremes(source), strict=True))

    @property
    def mean(self) -> Array:
        return 0.5 * jnp.asarray(self.low) + 0.5 * jnp.asarray(self.high)

    @property
    def variance(self) -> Array:
        return self._width**2 / 12

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return self.inverse(jax.random.uniform(key, shape, jnp.result_type(self._width)))

    def tails(self, x: Array) -> tuple[Array, Array]:
        below, above = (x - self.low) / self._width, (self.high - x) / self._width
        lower = below < 0.5
        log_below = select(lower, jnp.log(below), jnp.log1p(-select(lower, 0.5, above)))
        return log_below, select(lower, jnp.log1p(-select(lower, below, 0.5)), jnp.log(above))

    def inverse(self, probability: Array) -> Array:
        # from the nearer end
        lower = probability < 0.5
        return select(lower, self.low + probability * self._width, self.high - (1 - probability) * self._width)

    def kl_to(self, q: "Uniform") -> Array:
        """KL(self‖q), in nats, without cancellation, where q covers this interval."""
        return jnp.log1p(((self.low - q.low) + (q.high - self.high)) / self._width)

    def constrain(self, coordinate: Array) -> Array:
        nearer = self._width * jax.nn.sigmoid(-jnp.abs(coordinate))
        return select(coordinate < 0, self.low + nearer, self.high - nearer)

    def coordinate(self) -> tuple[Array, Array]:
        # the log odds of a uniform variable are logistic
        return jnp.zeros_like(self._width), jnp.full_like(self._width, 1.8)


def _minus_log(low: Array, high: Array) -> Array:
    """log E x − E log x, for 0 ≤ low; NaN for a negative low."""
    inside = low >= 0
    a, b = select(inside, low, 1.0), select(inside, high, 2.0)
    middle = 0.5 * (a + b)
    r = 0.5 * (b - a) / middle
    near = r * r < 0.4
    square = select(near, r * r, 0.0)
    far = 1 - 0.5 * (xlogy(b / middle, b / middle) - xlogy(a / middle, a / middle)) / select(near, 1.0, r)
    return select(inside, select(near, square * polynomial(_GAP, square), far), jnp.nan)


def _sinhc_minus_1(y: Array) -> Array:
    """sinh(y) / y − 1 ≥ 0, without cancellation."""
    near = jnp.abs(y) < 2
    square = select(near, y * y, 0.0)
    safe = select(near, 2.0, y)
    return select(near, square * polynomial(_SINH, square), jnp.sinh(safe) / safe - 1)


def _log_sinhc(y: Array) -> Array:
    """log(sinh(y) / y) ≥ 0, without cancellation or overflow."""
    near = jnp.abs(y) < 2
    size = select(near, 2.0, jnp.abs(y))
    far = size + jnp.log1p(-jnp.exp(-2 * size)) - jnp.log(2 * size)
    return select(near, jnp.log1p(_sinhc_minus_1(select(near, y, 0.0))), far)


def _sinhc_bend(y: Array) -> Array:
    """The second derivative of log(sinh(y) / y): 1 / y² − 1 / sinh² y."""
    size = jnp.abs(y)
    safe = select(size < _WIDE, y, 0.0)
    s = _sinhc_minus_1(safe)
    u = s / (1 + s)
    near = jnp.abs(safe) < 2
    square = select(near, safe * safe, 0.0)
    # (1 − 1 / (1 + s)²) / y², where s / y² is a polynomial
    ratio = select(near, polynomial(_SINH, square) / (1 + s), u / select(near, 1.0, safe) ** 2)
    middle = ratio * (2 - u)
    return select(size < _WIDE, middle, 1 / select(size < _WIDE, 1.0, y) ** 2)
