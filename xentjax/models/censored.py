"""Censored observations: of some only an interval is known in which they lie."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.models.intervals import check_tails, is_discrete, log_interval, log_tail, points_of, support_of
from xentjax.models.starts import started
from xentjax.records import record, static, unnamed
from xentjax.sources import Empirical

KINDS = ("exact", "right", "left", "interval")


@record
class Censored:
    """Censored(of): the model of observations of `of`, of some of which only an interval is seen.

    A point is (low, high), of one of four kinds:

    * exact, low = high: log q(x);
    * right, high = +inf: log P(X > low), as of those who are still alive;
    * left, low = −inf: log P(X ≤ high), as of concentrations below a limit of detection;
    * interval: log P(low < X ≤ high), also for whole numbers.

    Or it is (low, high, entry) where it would not have been seen had it not exceeded `entry` (delayed entry, left
    truncation): then log P(X > entry) is subtracted; an entry of −inf is none. What is not exact is also known to
    exceed its entry. Tails and narrow intervals are accurate, derivatives too; where the density has a kink, as that of
    Laplace, an interval around it that holds less than 1e-4 of the smaller tail has an error of at most a part in 1e5.

    A point with low > high is none, and gives NaN, as does one of a kind that `kinds` leaves out. `right_censored`,
    `interval_censored` and `rounded` write data in this form. Current-status data are left and right only.

    Args:
      of: a model of one number with `log_prob`, `log_cdf` and `log_survival`: a class, whose start is then computed
        from the data, an instance, or a combination such as `Shifted(Weibull)`.
      kinds: those that occur. Leaving out the others saves compiling their distribution functions.

    Raises:
      TypeError: (when evaluated) `of` has no distribution function.
      ValueError: a kind that is none; (when evaluated) a point that is no pair or triple of numbers.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> data = xj.right_censored(jnp.array([1.0, 2.0, 3.0, 3.0]), event=jnp.array([1, 1, 0, 0]))
    >>> fit = xj.fit_mle(xj.Censored(xj.Exponential, ("exact", "right")), data)
    >>> round(fit.model.of.rate.item(), 6)  # events per unit of time
    0.222222

    See also: `scipy.stats.CensoredData`, without entries; R's `Surv(low, high, type="interval2")`, where NA is
    infinite; `Truncated`, where no observation beyond an end is seen at all.
    """

    of: Any = unnamed()
    kinds: tuple[str, ...] = static(KINDS)

    def __post_init__(self) -> None:
        kinds = self.kinds if isinstance(self.kinds, (tuple, list)) else (self.kinds,)
        if not kinds or any(kind not in KINDS for kind in kinds):
            raise ValueError(
                f"Censored: found kinds={self.kinds!r}, but some of {', '.join(KINDS)} are needed; write for example "
                'kinds=("exact", "right").'
            )
        object.__setattr__(self, "kinds", tuple(kind for kind in KINDS if kind in kinds))

    def log_prob(self, point: Any) -> Array:
        """log q of one point (low, high) or (low, high, entry), in nats."""
        low, high, *entry = _numbers(point)
        exact = low == high
        # what is not exact is known to exceed its entry
        first = select(exact, low, jnp.maximum(low, entry[0])) if entry else low
        value = self._log_prob_of_kind(jnp.stack([first, high]), exact)
        if entry:
            value = value - self._tail("log_survival", entry[0][None])[0]
            value = select(high <= entry[0], -jnp.inf, value)
        return select((low <= high) & ~(exact & jnp.isinf(low)), value, jnp.nan)

    def _log_prob_of_kind(self, ends: Array, exact: Array) -> Array:
        """The value of a point of any of the kinds, with those that are left out NaN."""
        low, high = ends
        none, kinds = jnp.full_like(low, jnp.nan), self.kinds
        two, below, above = "interval" in kinds, none[None], none[None]
        if two or "left" in kinds:
            below = self._tail("log_cdf", ends if two else ends[1:])
        if two or "right" in kinds:
            above = self._tail("log_survival", ends if two else ends[:1])
        between = log_interval(self.of, ends, below, above) if two else none
        density = between if two else self.of.log_prob(low) if "exact" in kinds else none
        right, left = high == jnp.inf, low == -jnp.inf
        value = select(right, above[0] if "right" in kinds else none, between)
        value = select(left, select(right, 0.0, below[-1] if "left" in kinds else none), value)
        return select(exact, density if "exact" in kinds else none, value)

    def _tail(self, side: str, points: Array) -> Array:
        check_tails("Censored", self.of, side)
        return log_tail(self.of, side, points)

    def start(self, source: Any) -> "Censored":
        """With a start of `of` from points imputed for the observations."""
        points = points_of("Censored", source)
        low, high, *_ = _numbers(points.data)
        imputed = _imputed(self.of, low, high)
        weights = jnp.ones(low.shape[0], low.dtype) if points.weights is None else jnp.asarray(points.weights)
        return Censored(started(self.of, Empirical(imputed, jnp.concatenate([weights, weights]))), self.kinds)


def _numbers(point: Any) -> list[Array]:
    """The two or three parts of points, of equal shapes."""
    parts = list(point) if isinstance(point, (tuple, list)) else [point]
    shapes = [jnp.shape(part) for part in parts]
    if len(parts) not in (2, 3) or any(shape != shapes[0] for shape in shapes):
        raise ValueError(
            f"Censored: found {'a single array' if len(parts) == 1 else f'{len(parts)} parts'} of shape "
            f"{', '.join(map(str, dict.fromkeys(shapes)))} as the observations, but (low, high) or (low, high, entry) "
            "of equal shapes are needed; right_censored(time, event) and interval_censored(low, high) give them."
        )
    return [as_float(part) for part in parts]


def _imputed(of: Any, low: Array, high: Array) -> Array:
    """Two plausible values [2n] for each observation, so that equal intervals have a spread."""
    support = support_of(of)
    least, greatest = (-jnp.inf, jnp.inf) if support is None else (support.low, support.high)
    a, b = jnp.maximum(low, least), jnp.minimum(high, greatest)
    known = select(jnp.isfinite(a), a, select(jnp.isfinite(b), b, 0.0))
    spread = jnp.std(known)
    spread = select(spread > 0, spread, select(known[0] == 0, 1.0, jnp.abs(known[0])))
    # beyond an open end by half of what is known to lie before it, or by half a standard deviation
    beyond = select(jnp.isfinite(least) & (a > least), a - least, spread) if np.isfinite(least) else spread
    last = select(jnp.isfinite(b), b, a + beyond)
    first = select(jnp.isfinite(a), a, last - spread)
    first, last = select(jnp.isfinite(first), first, -spread), select(jnp.isfinite(last), last, spread)
    values = jnp.concatenate([first + share * (last - first) for share in (0.25, 0.75)])
    return jnp.ceil(values) if is_discrete(of) else values


def right_censored(time: Any, event: Any, entry: Any = None) -> tuple[Array, ...]:
    """Survival times as points of `Censored`: (time, time) where the event was seen, (time, inf) where it was not.

    Args:
      time: numbers [n], of the event or of the end of the observation.
      event: 1 or True [n] where the event was seen, 0 or False where the observation was censored.
      entry: numbers [n], the times from which on the observations were under watch, or None.

    Raises:
      ValueError: shapes that differ, a NaN, an event that is neither 0 nor 1, an entry that is not before its time.

    >>> import xentjax as xj
    >>> low, high = xj.right_censored([3.0, 5.0], [1, 0])
    >>> print(low, high)
    [3. 5.] [ 3. inf]

    See also: R's `Surv(time, event)`, lifelines' `fit(durations, event_observed)`; in `scipy.stats.CensoredData` it is
    the other way round, `censored=True`.
    """
    name = "right_censored"
    parts = _columns(name, time=time, event=event, **({} if entry is None else {"entry": entry}))
    seen = parts["event"]
    _check(name, (seen == 0) | (seen == 1), parts, "an event of 1 (seen) or 0 (censored)", "encode it so")
    x = parts["time"]
    _check(name, jnp.isfinite(x), parts, "a finite time", "an observation that never began is left out")
    if entry is None:
        return x, select(seen == 1, x, jnp.inf)
    _check(name, parts["entry"] < x, parts, "an entry before the time", "leave out what was never under watch")
    return x, select(seen == 1, x, jnp.inf), parts["entry"]


def interval_censored(low: Any, high: Any, entry: Any = None) -> tuple[Array, ...]:
    """Observations known to lie in low < x ≤ high as points of `Censored`.

    An observation with low = high is exact, an infinite end is none.

    Args:
      low: numbers [n], or −inf.
      high: numbers [n], or inf.
      entry: numbers [n] that an observation must exceed to be seen, or None.

    Raises:
      ValueError: shapes that differ, a NaN, low > high, an entry that is not before the end.

    >>> import xentjax as xj
    >>> xj.interval_censored([1.0, 2.0], [3.0, 1.0])
    Traceback (most recent call last):
    ...
    ValueError: interval_censored: found low = 2.0, high = 1.0 in observation 1, but low ≤ high is needed; ...

    See also: `right_censored`; R's `Surv(low, high, type="interval2")`.
    """
    name = "interval_censored"
    parts = _columns(name, low=low, high=high, **({} if entry is None else {"entry": entry}))
    a, b = parts["low"], parts["high"]
    _check(name, a <= b, parts, "low ≤ high", "exchange them")
    _check(name, (a < b) | jnp.isfinite(a), parts, "a finite number on one side", "an exact infinity is none")
    if entry is None:
        return a, b
    _check(name, parts["entry"] < b, parts, "an entry before the end", "leave out what was never under watch")
    return a, b, parts["entry"]


def rounded(x: Any, to: Any) -> tuple[Array, Array]:
    """Numbers that were rounded to multiples of `to` as points of `Censored`: from x − to / 2 to x + to / 2.

    Args:
      x: numbers [n].
      to: the unit of the last digit, as 0.1; a number or numbers [n], > 0.

    Raises:
      ValueError: a NaN, or a unit that is not positive.

    >>> import xentjax as xj
    >>> low, high = xj.rounded([1.5, 2.0], to=0.5)
    >>> print(low, high)
    [1.25 1.75] [1.75 2.25]

    See also: `interval_censored`, for classes of any width.
    """
    parts = _columns("rounded", x=x, to=jnp.broadcast_to(as_float(to), np.shape(x)))
    _check("rounded", parts["to"] > 0, parts, "a unit > 0", "give the distance of neighbouring values")
    half = 0.5 * parts["to"]
    return parts["x"] - half, parts["x"] + half


def _columns(caller: str, **columns: Any) -> dict[str, Array]:
    """The columns as arrays of one type and one shape, without NaN."""
    arrays = {name: as_float(jnp.asarray(column)) for name, column in columns.items()}
    dtype = next(iter(arrays.values())).dtype
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        found = ", ".join(f"{name} of shape {shape}" for name, shape in shapes.items())
        raise ValueError(f"{caller}: found {found}, but equal shapes are needed; give one number for each observation.")
    missing = jnp.any(jnp.stack([jnp.isnan(array) for array in arrays.values()]), 0)
    _check(caller, ~missing, arrays, "numbers", "leave the observation out")
    return arrays


def _check(caller: str, good: Array, columns: dict[str, Array], needed: str, remedy: str) -> None:
    """Outside jit, an error for the first observation that is not good."""
    if isinstance(good, jax.core.Tracer) or bool(jnp.all(good)):
        return
    index = int(np.flatnonzero(~np.ravel(good))[0])
    found = ", ".join(f"{name} = {np.ravel(column)[index]}" for name, column in columns.items())
    raise ValueError(f"{caller}: found {found} in observation {index}, but {needed} is needed; {remedy}.")
