"""Sources: whatever gives expectations. Data, weighted points, and points made from a known distribution."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.parameters import check_parameters
from xentjax.records import record, static
from xentjax.statistics import About, Center, weighted_mean


def num_points(data: Any) -> int:
    """The length of the leading axis that all arrays of `data` share."""
    return jax.tree_util.tree_leaves(data)[0].shape[0]


def numbers_per_point(data: Any) -> int:
    """How many numbers one point consists of."""
    return sum(leaf.size for leaf in jax.tree.leaves(data)) // num_points(data)


# An accelerator works on this many numbers as fast as on a thousand; what is made of them has to fit in its memory.
ACCELERATOR_BLOCK = 2**18


@record
class Empirical:
    """The empirical distribution p̃ of data: E_p̃[f] = Σ wᵢ f(xᵢ) / Σ wᵢ.

    Args:
      data: an array [n, ...] or any pytree of arrays with one leading observation axis; a point is what is left. A
        list of numbers is an array.
      weights: non-negative numbers [n], or None for ones. A weight of 2 counts a point twice, 0 removes it.
      drawn: whether the points were drawn, so that a fit to them has standard errors; the points of a quadrature
        rule were not.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> xj.Empirical(jnp.array([0.0, 1.0]), weights=jnp.array([1.0, 3.0])).expect(lambda x: x).item()
    0.75
    """

    data: Any
    weights: Any = None
    drawn: bool = static(True)

    def __post_init__(self) -> None:
        # only lists are touched: what the data hold is checked where it is used, so that a fit can say what it needs
        object.__setattr__(self, "data", _lists_to_arrays(self.data))
        object.__setattr__(self, "weights", _lists_to_arrays(self.weights))

    @property
    def total(self) -> Array:
        """The number of observations, or the sum of their weights."""
        if self.weights is None:
            return jnp.asarray(float(num_points(self.data)))
        return jnp.sum(self.weights)

    def counted(self) -> "Empirical":
        """The same distribution, with a point that counts in place of each of weight 0, which may hold anything."""
        if self.weights is None:
            return self
        weights = jnp.asarray(self.weights)
        removed = weights == 0
        first = jnp.argmax(~removed)

        def replace(leaf: Array) -> Array:
            leaf = jnp.asarray(leaf)
            return select(removed.reshape((-1,) + (1,) * (leaf.ndim - 1)), leaf[first][None], leaf)

        return Empirical(jax.tree.map(replace, self.data), self.weights, self.drawn)

    def expect(self, f: Callable[[Any], Any]) -> Any:
        """E[f(x)] for a function of one point that returns a scalar or a pytree.

        Raises:
          ValueError: no points, or weights (outside jit) that are no weights.
        """
        check_points("Empirical.expect", self.data, self.weights)
        check_weights("Empirical.expect", self.weights)
        if isinstance(f, About) and f.spread.average is not None:
            return f.spread.average(self.data, self.weights, f.at)
        values = jax.vmap(f)(jax.tree.map(_whole_or_float, self.data))
        if isinstance(f, Center):
            # a second pass over the residuals removes the rounding of the first: the spreads rely on it
            rough = weighted_mean(values, self.weights)
            return rough + weighted_mean(values - rough[None], self.weights)
        return jax.tree.map(lambda leaf: weighted_mean(leaf, self.weights), values)

    def standard_error(self, f: Callable[[Any], Any]) -> Any:
        """The standard error of `expect(f)` as an estimate of the mean of f where the points came from: √(s² / n).

        s² is the sample variance and n the number of observations or the sum of their weights, which count them. The
        standard error of a cross-entropy H(points, q) is that of f = q.log_prob.

        Raises:
          TypeError: the points were not drawn, as those of a quadrature rule.
          ValueError: as for `expect`.

        >>> import jax.numpy as jnp
        >>> import xentjax as xj
        >>> xj.Empirical(jnp.array([1.0, 2.0, 3.0])).standard_error(lambda x: x).item()  # 1 / √3
        0.577...

        See also: `scipy.stats.sem`.
        """
        if not self.drawn:
            raise TypeError(
                "Empirical.standard_error: found points that were not drawn, so that no chance is in their mean, but "
                "draws are needed: data, or monte_carlo(p, key, num_samples)."
            )
        mean = self.expect(f)

        def squares(x: Any) -> Any:
            return jax.tree.map(lambda value, m: (value - m) ** 2, f(x), mean)

        return jax.tree.map(lambda s: jnp.sqrt(s / (self.total.astype(s.dtype) - 1)), self.expect(squares))

    def reduce(self, f: Callable[[Any, Array], Any], block: int) -> Any:
        """The sum of f(points, weights) over blocks of at most `block` points (accelerators take larger ones), with a
        compensated carry.

        Blocks are slices of the data, so nothing of length n is written. The last block reaches back to stay full and
        gives the points it repeats the weight 0.
        """
        return self.reduce_and_keep(lambda points, weights: (f(points, weights), ()), block)[0]

    def reduce_and_keep(self, f: Callable[[Any, Array], tuple[Any, Any]], block: int) -> tuple[Any, Any]:
        """As `reduce`, of f that returns a pair: what is summed, and an entry for each point that is kept, [n, ...]."""
        n = num_points(self.data)
        weights = self.weights
        if jax.default_backend() != "cpu":
            block = max(block, ACCELERATOR_BLOCK // max(numbers_per_point(self.data), 1))
        if n <= block:
            return f(self.data, jnp.ones(n) if weights is None else weights)
        block = -(-n // -(-n // block))  # as few blocks, so that hardly a point is repeated

        def slice_at(start: Array, array: Array) -> Array:
            return jax.lax.dynamic_slice_in_dim(array, start, block)

        def body(carry: tuple, index: Array) -> tuple:
            start = jnp.minimum(index * block, n - block)
            points = jax.tree.map(lambda a: slice_at(start, a), self.data)
            own = jnp.ones(block) if weights is None else slice_at(start, weights)
            new = start + jnp.arange(block) >= index * block
            terms, kept = f(points, select(new, own, 0.0))
            return _compensated(carry, terms), kept

        def joined(kept: Array) -> Array:
            last = (n - 1) % block + 1
            rows = kept[:-1].reshape(n - last, *kept.shape[2:])
            return jnp.concatenate([rows, kept[-1, block - last :]])

        shapes, _ = jax.eval_shape(lambda: f(jax.tree.map(lambda a: a[:block], self.data), jnp.ones(block)))
        zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        kept: Any
        (total, lost), kept = jax.lax.scan(body, (zeros, zeros), jnp.arange(-(-n // block)))
        return jax.tree.map(jnp.add, total, lost), jax.tree.map(joined, kept)


def check_terms(terms: Array) -> None:
    """An error for log-densities at points [n] that are not one number each."""
    if terms.ndim != 1:
        raise ValueError(
            f"fit: found a log_prob of shape {terms.shape[1:]} for one point, but a scalar is needed; write it for "
            "one point (the library maps it over the data), and sum over the components of a vector."
        )


def _whole_or_float(leaf: Any) -> Any:
    """NumPy's whole numbers beyond those of JAX as floats; JAX would wrap them."""
    if not isinstance(leaf, np.ndarray) or not np.issubdtype(leaf.dtype, np.integer) or not leaf.size:
        return leaf
    largest = jnp.iinfo(jnp.result_type(int)).max
    return as_float(leaf) if leaf.max() > largest or leaf.min() < -largest else leaf


def extremes(source: Any) -> tuple[Array, Array]:
    """The least and the greatest value of a source of numbers."""
    if not isinstance(source, Empirical):
        return source.ends()
    x = as_float(source.data)
    counts = jnp.ones_like(x, bool) if source.weights is None else source.weights > 0
    return jnp.min(select(counts, x, jnp.inf)), jnp.max(select(counts, x, -jnp.inf))


def _lists_to_arrays(tree: Any) -> Any:
    """The same with arrays in place of lists of numbers; a pair of arrays stays a pair."""
    if not isinstance(tree, (list, tuple, dict)):
        return tree
    return jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, list) else leaf, tree, is_leaf=_is_array)


def _is_array(node: Any) -> bool:
    if not isinstance(node, list) or not all(isinstance(leaf, (bool, int, float)) for leaf in jax.tree.leaves(node)):
        return False
    try:
        np.shape(node)
    except ValueError:  # rows of unequal length
        return False
    return True


def check_points(caller: str, data: Any, weights: Any) -> None:
    """An error for arrays without a common leading axis, for no points, and for weights of another length."""
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(data)]
    if len({shape[:1] for shape in shapes}) != 1 or not shapes[0]:
        first: dict[tuple, str] = {}
        for (path, _), shape in zip(jax.tree_util.tree_leaves_with_path(data), shapes, strict=True):
            first.setdefault(shape, f"{shape} in data{jax.tree_util.keystr(path)}" if path else str(shape))
        found = ", ".join(first.values()) or "nothing"
        raise ValueError(
            f"{caller}: found data of shape {found}, but arrays with one common leading axis, that of the "
            "observations, are needed; for a single observation write [x], for a list numpy.asarray(x)."
        )
    n = shapes[0][0]
    if n == 0:
        raise ValueError(
            f"{caller}: found an empty array, but at least one observation is needed; check how the data were selected."
        )
    if weights is not None and np.shape(weights) != (n,):
        raise ValueError(
            f"{caller}: found weights of shape {np.shape(weights)} for {n} observations, but one weight for each is "
            "needed; check that zero weights were not dropped."
        )


def check_weights(caller: str, weights: Any) -> None:
    """Outside jit, an error for weights that are negative, not finite, or all 0."""
    if weights is None or isinstance(weights, jax.core.Tracer):
        return
    weights = np.asarray(weights)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if bad.size:
        raise ValueError(
            f"{caller}: found weights[{bad[0]}] = {weights[bad[0]]}, but finite weights ≥ 0 are needed; "
            "correct it, or write 0 to leave the observation out."
        )
    if not np.any(weights > 0):
        raise ValueError(
            f"{caller}: found only weights of 0, but at least one positive weight is needed; check how they were "
            "computed."
        )


def _compensated(carry: tuple, terms: Any) -> tuple:
    """Neumaier's sum: what each addition rounds away is carried along."""

    def add(total: Array, lost: Array, term: Array) -> tuple[Array, Array]:
        new = total + term
        error = select(jnp.abs(total) >= jnp.abs(term), (total - new) + term, (term - new) + total)
        return new, lost + select(jnp.isfinite(new), error, 0.0)

    pairs = jax.tree.map(add, *carry, terms)
    return tuple(jax.tree.transpose(jax.tree.structure(terms), jax.tree.structure((0, 0)), pairs))


def monte_carlo(p: Any, key: Array, num_samples: int) -> Empirical:
    """`num_samples` independent draws from `p`, as a source.

    The error of an expectation is of order 1 / √num_samples; `points.standard_error(f)` is its size.

    Args:
      p: a distribution with `sample(key, shape)`.
      key: a `jax.random` key.
      num_samples: the number of draws.

    >>> import jax
    >>> import xentjax as xj
    >>> p, q = xj.Normal(0.0, 1.0), xj.Laplace(0.0, 1.0)
    >>> points = xj.monte_carlo(p, jax.random.key(0), 10_000)
    >>> error = xj.cross_entropy(points, q) - xj.cross_entropy(p, q)
    >>> bool(abs(error) < 4 * points.standard_error(q.log_prob))
    True

    See also: `quadrature`, exact to rounding for scalar distributions.
    """
    check_parameters("monte_carlo", p=p)
    check_count("monte_carlo", "num_samples", num_samples)
    check_key("monte_carlo", key)
    return Empirical(p.sample(key, (num_samples,)))


def check_count(caller: str, name: str, value: Any) -> None:
    """An error for what is no number of things."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(
            f"{caller}: found {name}={value!r}, but a whole number ≥ 1 is needed; it is part of a shape, not traced."
        )


def check_key(caller: str, key: Any) -> None:
    """An error for what is no random key."""
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key) and shape == ()
    if not typed and not (dtype == "uint32" and shape == (2,)):
        raise TypeError(f"{caller}: found key={key!r}, but a random key is needed, as jax.random.key(0).")


def quadrature(p: Any, num_points: int = 512) -> Empirical:
    """Weighted points that integrate against `p`: a source whose expectations are exact to rounding for smooth f
    that does not outgrow the tails of `p`. An expectation that is infinite comes out as a large number, which grows
    with `num_points`.

    A continuous scalar distribution gets a double-exponential rule in its unconstrained coordinate, a distribution on
    whole numbers the numbers themselves, a mixture the rules of its components. Probability closer to 1 than floats
    resolve, as Beta with a small second parameter has, is out of reach.

    Args:
      p: a scalar family or a mixture of one.
      num_points: the number of points (for a mixture: of each component).

    Raises:
      ValueError: the points hold less than 1 − 1e-6 of the probability (1 − 1e-3 in float32; outside jit), or whole
        numbers, by the distribution function, less than 1 − 1e-10: heavy tails as those of Zeta need more points than
        there can be.
      TypeError: `p` has no rule, as in several dimensions.

    >>> import xentjax as xj
    >>> p = xj.Gamma(3.0, 2.0)
    >>> round(xj.quadrature(p).expect(lambda x: x).item(), 5)
    1.5

    See also: `monte_carlo`, for any distribution that can be sampled.
    """
    rule = getattr(p, "quadrature_rule", None)
    if rule is None:
        raise TypeError(
            f"quadrature: found {type(p).__name__}, which has no quadrature rule; "
            "use monte_carlo(p, key, num_samples) instead."
        )
    check_parameters("quadrature", p=p)
    check_count("quadrature", "num_points", num_points)
    points, weights = rule(num_points)
    mass = jnp.sum(weights)
    # rounding of the density's exponent is what float32 can lose
    slack = 1e-6 if mass.dtype == jnp.float64 else 1e-3
    if not isinstance(mass, jax.core.Tracer) and not abs(mass - 1) < slack:
        raise ValueError(
            f"quadrature: found that {num_points} points hold a mass of {float(mass):.6g} of {p!r}, but 1 to within "
            f"{slack} is needed; pass a larger num_points, use float64, or monte_carlo(p, key, num_samples)."
        )
    left_out = p.left_out(points) if hasattr(p, "left_out") else mass - mass
    # a sum of probabilities rounds by more than this; the tails beyond the points are known to all digits
    if not isinstance(left_out, jax.core.Tracer) and not left_out <= 1e-10:
        raise ValueError(
            f"quadrature: found that {num_points} points leave out a probability of {float(left_out):.2g} of {p!r}, "
            "but at most 1e-10 is allowed; pass a larger num_points, or use monte_carlo(p, key, num_samples)."
        )
    return Empirical(points, weights, drawn=False)
