"""Distributions of a monotone function of a value: shifted, scaled, or transformed by a map of one's own."""

import abc
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.families.family import Family, within_support
from xentjax.models.intervals import check_tails, is_discrete, points_of, support_of
from xentjax.models.starts import FromData, started
from xentjax.parameters import Parameter, positive, real
from xentjax.records import unnamed
from xentjax.sources import Empirical, extremes
from xentjax.statistics import identity, square
from xentjax.supports import NON_NEGATIVE, REAL, Support

# of whole numbers that were moved
_ISOLATED = Support("a finite number", jnp.isfinite, 0.0, discrete=True)


class Mapped(Family):
    """y = forward(x) of an x from `of`; increasing, and onto all numbers, unless a subclass says more."""

    of: Any = unnamed()

    @abc.abstractmethod
    def forward(self, x: Array) -> Array:
        """The value at x."""

    @abc.abstractmethod
    def backward(self, y: Array) -> Array:
        """The x with the value y."""

    @abc.abstractmethod
    def log_slope(self, y: Array) -> Array:
        """log |dx / dy|."""

    @property
    def support(self) -> Support:  # type: ignore[override]
        support = support_of(self.of) or REAL
        if support.ndim:
            raise TypeError(
                f"{type(self).__name__}: found a distribution each of whose values is {support}, but one of numbers is "
                "needed; write a record of your own for vectors."
            )
        return _ISOLATED if support.discrete else self.image(support)

    def image(self, support: Support) -> Support:
        """The set in which the values lie for every parameter, given that of x."""
        return REAL

    def ends(self) -> tuple[Any, Any]:
        ends = self.of.ends() if hasattr(self.of, "ends") else (-jnp.inf, jnp.inf)
        first, last = (self.forward(as_float(end)) for end in ends)
        return jnp.minimum(first, last), jnp.maximum(first, last)

    def contains(self, x: Array) -> Array:
        x = as_float(x)
        within = self.support.contains(x)
        inner = getattr(self.of, "contains", jnp.isfinite)
        return within & inner(self.backward(select(within, x, self.support.interior)))

    @property
    def interior(self) -> Any:
        return self.forward(as_float(getattr(self.of, "interior", 1.0)))

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.support.contains(x)
        safe = select(within, x, self.support.interior)
        value = self.of.log_prob(self.backward(safe))
        return within_support(within, x, value if is_discrete(self.of) else value + self.log_slope(safe))

    def log_cdf(self, x: Any) -> Array:
        return self._part().log_cdf(self.backward(as_float(x)))

    def log_survival(self, x: Any) -> Array:
        return self._part().log_survival(self.backward(as_float(x)))

    def _part(self) -> Any:
        check_tails(type(self).__name__, self.of)
        return self.of

    def quantile(self, probability: Any) -> Array:  # type: ignore[override]
        return self.forward(self.of.quantile(probability))

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return self.forward(self.of.sample(key, shape))

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        points, weights = self.of.quadrature_rule(num_points)
        return self.forward(points), weights

    def left_out(self, points: Array) -> Array:
        return self.of.left_out(self.backward(points))

    def _started(self, source: Any) -> Any:
        """The part at its start from the points before the map."""
        points = points_of(type(self).__name__, source)
        return started(self.of, Empirical(self.backward(as_float(points.data)), points.weights))


class Shifted(Mapped):
    """Shifted(of, shift): log q(x) = log q_of(x − shift). The distribution from another origin.

    `Shifted(Weibull)` is the Weibull distribution with three parameters, `Shifted(LogNormal)` the lognormal. Where the
    density of `of` is infinite at its end (a Weibull concentration below 1), the likelihood grows without bound as the
    shift approaches the least observation: then a fit finds a maximum inside, if there is one near its start, or does
    not converge. The shift of whole numbers is not fitted.

    Args:
      of: a model of numbers with `log_prob`: a class, whose start is then computed from the data, an instance, or a
        combination.
      shift: where 0 goes. Left out, it starts below the least observation (of whole numbers: is the least one).

    >>> import xentjax as xj
    >>> round(xj.Shifted(xj.Exponential(1.0), 2.0).log_prob(3.0).item(), 6)
    -1.0

    See also: `loc` in `scipy.stats`, which every distribution has there; the threshold of R's `weibull3` and of SAS.
    """

    shift: Parameter = real(FromData)

    @property
    def edges(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("shift",) if is_discrete(self.of) else ()

    def forward(self, x: Array) -> Array:
        return x + self.shift

    def backward(self, y: Array) -> Array:
        return y - self.shift

    def log_slope(self, y: Array) -> Array:
        return jnp.zeros_like(y)

    def expectations(self) -> dict:
        return {identity: lambda: self.mean, square: lambda: self.variance}

    @property
    def mean(self) -> Array:
        return self.of.mean + self.shift

    @property
    def variance(self) -> Array:
        return self.of.variance

    def start(self, source: Any) -> Self:  # type: ignore[override]
        """From just below the least observation, and what is left."""
        if self.shift is not FromData:
            return type(self)(self._started(source), self.shift)
        points = points_of("Shifted", source)
        least, mean = extremes(points)[0], points.expect(identity)
        # about the distance that the least of n has from the end, for a density between those at concentrations 1 and 3
        below = 0.0 if is_discrete(self.of) else (mean - least) / jnp.sqrt(points.total.astype(mean.dtype))
        return type(self)(self.of, least - below).start(source)


class Scaled(Mapped):
    """Scaled(of, scale): log q(x) = log q_of(x / scale) − log scale. The distribution in another unit.

    For distributions without a scale of their own: `Scaled(Beta)` is the beta distribution on (0, scale).

    Args:
      of: as for `Shifted`.
      scale: > 0. Left out, it starts from the data: where `of` has an upper end above the greatest observation, else at
        the root of their mean square.

    >>> import xentjax as xj
    >>> round(xj.Scaled(xj.Exponential(1.0), 2.0).mean.item(), 6)
    2.0

    See also: `scale` in `scipy.stats`, which every distribution has there.
    """

    scale: Parameter = positive(FromData)

    def image(self, support: Support) -> Support:
        if support.low in (0.0, -jnp.inf) and support.high == jnp.inf:
            return support
        return NON_NEGATIVE if support.low >= 0 else REAL

    def forward(self, x: Array) -> Array:
        return x * self.scale

    def backward(self, y: Array) -> Array:
        return y / self.scale

    def log_slope(self, y: Array) -> Array:
        return jnp.zeros_like(y) - jnp.log(self.scale)

    def expectations(self) -> dict:
        return {identity: lambda: self.mean, square: lambda: self.variance}

    @property
    def mean(self) -> Array:
        return self.of.mean * self.scale

    @property
    def variance(self) -> Array:
        return self.of.variance * jnp.asarray(self.scale) ** 2

    def start(self, source: Any) -> Self:  # type: ignore[override]
        """From a scale of the size of the data, and the data in its unit."""
        if self.scale is not FromData:
            return type(self)(self._started(source), self.scale)
        points, support = points_of("Scaled", source), support_of(self.of) or REAL
        size = jnp.sqrt(points.expect(lambda x: as_float(x) ** 2))
        end = extremes(points)[1] * (1 + 1 / points.total.astype(size.dtype))
        return type(self)(self.of, size if support.high == jnp.inf else end / support.high).start(source)


class Transformed(Mapped):
    """Transformed(of, bijection): the distribution of y = forward(x), x from `of`.

    log q(y) = log q_of(x) + log |dx / dy| at x = inverse(y), the derivative by autodiff. `Transformed(Normal, Exp())`
    is the lognormal distribution. Tails are as accurate as those of `of`; so are quantiles, except that those near an
    end lose digits if y falls as x grows.

    Args:
      of: a continuous distribution of numbers: a class, whose start is then computed from the data, an instance, or a
        combination.
      bijection: a pytree with `forward(x)` and `inverse(y)`, monotone functions of one number: `Exp()`, `Power(2.0)`,
        `Affine(1.0, -2.0)`, or a record of your own. Its parameters, such as "bijection.exponent", start at its values
        and are fitted too. `image`, a support, says which y there are; left out, all.

    Raises:
      TypeError: (when evaluated) `of` has values that are vectors, or whole numbers.

    >>> import xentjax as xj
    >>> round(xj.Transformed(xj.Normal(0.0, 1.0), xj.Exp()).log_prob(2.0).item(), 6)
    -1.852312
    >>> round(xj.LogNormal(0.0, 1.0).log_prob(2.0).item(), 6)
    -1.852312

    See also: `numpyro.distributions.TransformedDistribution`, of vectors too, by transforms that know their
    derivatives.
    """

    bijection: Any = None

    def image(self, support: Support) -> Support:
        return getattr(self.bijection, "image", REAL)

    @property
    def support(self) -> Support:  # type: ignore[override]
        if is_discrete(self.of):
            raise TypeError(
                f"Transformed: found {self.of!r}, a distribution of whole numbers, but a continuous one is needed; "
                "Shifted and Scaled move whole numbers."
            )
        return super().support

    def forward(self, x: Array) -> Array:
        return self.bijection.forward(x)

    def backward(self, y: Array) -> Array:
        return self.bijection.inverse(y)

    def log_slope(self, y: Array) -> Array:
        _, slope = jax.jvp(self.backward, (y,), (jnp.ones_like(y),))
        return jnp.log(jnp.abs(slope))

    @property
    def _falls(self) -> Array:
        """Whether y falls as x grows."""
        interior = as_float(getattr(self.of, "interior", 1.0))
        return jax.jvp(self.forward, (interior,), (jnp.ones_like(interior),))[1] < 0

    def log_cdf(self, x: Any) -> Array:
        return self._tail_of(as_float(x), 0)

    def log_survival(self, x: Any) -> Array:
        return self._tail_of(as_float(x), 1)

    def _tail_of(self, y: Array, side: int) -> Array:
        within, part = self.support.contains(y), self._part()
        x = self.backward(select(within, y, self.support.interior))
        pair = part.log_cdf(x), part.log_survival(x)
        value = select(self._falls, pair[1 - side], pair[side])
        certain = (y <= self.support.low) if side else (y >= self.support.high)
        return within_support(within | ~jnp.isnan(y), y, select(within, value, select(certain, 0.0, -jnp.inf)))

    def quantile(self, probability: Any) -> Array:  # type: ignore[override]
        probability = as_float(probability)
        return self.forward(self.of.quantile(select(self._falls, 1 - probability, probability)))

    def start(self, source: Any) -> Self:  # type: ignore[override]
        """With the bijection as it is, and a start of `of` from the points before it."""
        return type(self)(self._started(source), self.bijection)
