"""Truncated distributions: values beyond an end are not seen."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._numerics import as_float, log1mexp
from xentjax._select import select
from xentjax.families.family import Family, within_support
from xentjax.families.inversion import invert, invert_counts
from xentjax.models.intervals import check_tails, is_discrete, log_interval, log_tail
from xentjax.models.starts import started
from xentjax.records import static, unnamed
from xentjax.supports import Support


class Truncated(Family):
    """Truncated(of, low, high): log q(x) = log q_of(x) − log P(low < X ≤ high), for low < x ≤ high.

    The values of `of` beyond the ends are not seen, nor how many there were. The lower end is left out, for whole
    numbers too: `Truncated(Poisson, 0.0)` is the zero-truncated Poisson distribution. It is accurate where the
    probability of what is seen is tiny, in both tails. The ends are given, not fitted.

    Args:
      of: a model of one number with `log_prob`, `log_cdf` and `log_survival`: a class, whose start is then computed
        from the data, an instance, or a combination.
      low: −inf is none.
      high: inf is none.

    Raises:
      ValueError: low is not below high.
      TypeError: (when evaluated) `of` has no distribution function.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Truncated(xj.Poisson, 0.0), jnp.array([1.0, 1.0, 2.0, 4.0]))
    >>> rate = fit.model.of.rate
    >>> round((rate / -jnp.expm1(-rate)).item(), 6)  # the mean
    2.0

    See also: `scipy.stats.truncnorm`, whose ends are in units of the scale; `Censored`, where it is known how many lay
    beyond, and whose entries truncate each observation at an end of its own.
    """

    of: Any = unnamed()
    low: float = static(-math.inf)
    high: float = static(math.inf)

    def __post_init__(self) -> None:
        if any(isinstance(end, jax.core.Tracer) for end in (self.low, self.high)):
            raise TypeError(
                "Truncated: found a traced end, but numbers are needed, which are part of the structure; an end for "
                "each observation is the entry of Censored."
            )
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        if not self.low < self.high:
            raise ValueError(
                f"Truncated: found low = {self.low} and high = {self.high}, between which there is nothing, but low < "
                "high is needed; correct or exchange them."
            )

    @property
    def support(self) -> Support:  # type: ignore[override]
        return self.of.support

    @property
    def edges(self) -> tuple[str, ...]:  # type: ignore[override]
        return getattr(self.of, "edges", ())

    def order_statistics(self, source: Any) -> dict[str, Array]:
        # an end of the distribution is put at the least or the greatest value, as without truncation
        known = self.of.order_statistics(source) if self.edges else {}
        return {name: value for name, value in known.items() if name in self.edges}

    def ends(self) -> tuple[Any, Any]:
        low, high = self.of.ends()
        if self.support.discrete:
            return jnp.maximum(low, jnp.floor(self.low) + 1), jnp.minimum(high, jnp.floor(self.high))
        return jnp.maximum(low, self.low), jnp.minimum(high, self.high)

    def contains(self, x: Array) -> Array:
        return self.of.contains(x) & ~(x <= self.low) & ~(x > self.high)

    @property
    def interior(self) -> Any:
        return self.of.interior

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.contains(x)
        value = self.of.log_prob(select(within, x, self.interior))
        return within_support(within, x, value - self._log_kept(value.dtype))

    def _log_kept(self, dtype: Any) -> Array:
        """log P(low < X ≤ high) under `of`, without compiling a tail that is not needed."""
        check_tails("Truncated", self.of)
        low, high = (jnp.asarray(end, dtype) for end in (self.low, self.high))
        if self.high < math.inf:
            return self._log_between(jnp.stack([low, high]))[0]
        if is_discrete(self.of) and self.low == self.support.low:  # all but the first of them
            return log1mexp(self.of.log_prob(low))
        return self.of.log_survival(low) if self.low > -math.inf else jnp.zeros((), dtype)

    def _points(self, *inner: Array) -> Array:
        """The ends, and points between them."""
        dtype = jnp.result_type(*inner)
        points = [jnp.asarray(point, dtype) for point in (self.low, self.high, *inner)]
        return jnp.stack(jnp.broadcast_arrays(*points))

    def _log_between(self, points: Array, *pairs: tuple[int, int]) -> list[Array]:
        """log P(a < X ≤ b) under `of` between the first two of the points, and between pairs of them."""
        check_tails("Truncated", self.of)
        below, above = (log_tail(self.of, side, points) for side in ("log_cdf", "log_survival"))
        places = [np.array(pair) for pair in ((0, 1), *pairs)]
        return [log_interval(self.of, points[pair], below[pair], above[pair]) for pair in places]

    def tails(self, x: Array) -> tuple[Array, Array]:
        kept, below, above = self._log_between(self._points(x), (0, 2), (2, 1))
        # an x that is rounded to an end has nothing beyond it
        return select(x > self.low, below - kept, -jnp.inf), select(x < self.high, above - kept, -jnp.inf)

    def inverse(self, probability: Array) -> Array:
        find = invert_counts if self.support.discrete else invert
        return jnp.vectorize(lambda p: find(self, p))(probability)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        dtype = jnp.result_type(*jax.tree.leaves(self.of))
        # a draw of 0 would be the lower end, which may not be in
        draws = jax.random.uniform(key, shape, dtype, jnp.finfo(dtype).eps)
        return jax.vmap(self.quantile)(draws.reshape(-1)).reshape(shape)

    def constrain(self, coordinate: Array) -> Array:
        low, high = (jnp.asarray(end, coordinate.dtype) for end in self.ends())
        below, above = jnp.isfinite(low), jnp.isfinite(high)
        a, b = select(below, low, 0.0), select(above, high, 1.0)
        from_low, from_high = jax.nn.sigmoid(coordinate), jax.nn.sigmoid(-coordinate)
        between = select(coordinate < 0, a + (b - a) * from_low, b - (b - a) * from_high)
        one = select(below, a + jnp.exp(coordinate), b - jnp.exp(-coordinate))
        return select(below & above, between, select(below | above, one, self.of.constrain(coordinate)))

    def coordinate(self) -> tuple[Array, Array]:
        low, high = self.ends()
        loc, scale = self.of.coordinate()
        bounded = jnp.isfinite(low) | jnp.isfinite(high)
        return select(bounded, 0.0, loc), select(bounded, 1.0, scale)

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        if not is_discrete(self.of):
            return super().quadrature_rule(num_points)
        points, _ = self.of.quadrature_rule(num_points)
        return points, jnp.exp(jax.vmap(self.log_prob)(points))

    def start(self, source: Any) -> "Truncated":  # type: ignore[override]
        """With a start of `of` from what is seen."""
        return Truncated(started(self.of, source), self.low, self.high)
