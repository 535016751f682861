"""Regression: a distribution whose parameters follow from covariates."""

import inspect
from collections.abc import Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.families.family import show
from xentjax.models.links import identity
from xentjax.models.predictors import Linear
from xentjax.models.quantiles import ROUNDINGS
from xentjax.models.starts import FromData, started
from xentjax.parameters import declared, named_leaves, replace_leaves
from xentjax.records import aside, record, static, unnamed
from xentjax.sources import Empirical
from xentjax.statistics import weighted_mean
from xentjax.supports import Support


@record
class Regression:
    """log q(y | x): the model `of`, each named parameter of which is predicted from covariates x.

    A point is the pair (x, y). Linear regression is `Regression(Normal, loc=Linear())`, logistic regression
    `Regression(Bernoulli, probs=Linear())`, Poisson regression `Regression(Poisson, rate=Linear())`; any parameter of
    any family, and any number of them, can have a predictor. The others are constants, fitted along.

    Args:
      of: a family's class or instance, or another model of y: `Censored(Weibull)`, `ZeroInflated(Poisson)`. What has a
        structure, as the number of categories, is an instance: `Categorical(jnp.zeros(3))`.
      predictors: by the parameter's name a `Linear`, a function of x that is a pytree (a network), or the name of a
        column that holds the parameter itself, as the number of trials of a binomial count.

    `Regression(Laplace, loc=Linear())` minimises the mean absolute error, `AsymmetricLaplace(level=0.9)` the loss of
    that quantile: the likelihood has corners, and the fit puts the coefficients exactly in the best of them. They have
    no curvature there; `inference.bootstrap` tells how uncertain they are.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = {"dose": jnp.array([0.0, 1.0, 2.0, 3.0, 4.0])}
    >>> y = jnp.array([1.0, 3.0, 2.0, 6.0, 11.0])
    >>> fit = xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Linear()), (x, y))
    >>> round(fit.model.predictors["rate"].coefficients["dose"].item(), 4)
    0.5661
    >>> fit.model.at({"dose": 2.0})
    Poisson(rate=3.4...)

    See also: `statsmodels.GLM`, one parameter of one exponential family; gamlss in R, in which μ, σ, ν and τ can have
    predictors.
    """

    of: Any = unnamed()
    predictors: Any = unnamed()
    columns: tuple[tuple[str, str], ...] = static(())
    place: Any = aside(FromData)  # of what is predicted: None once it was taken out of the model

    def __init__(self, of: Any, /, **predictors: Any) -> None:
        if inspect.isclass(of) and hasattr(of, "log_prob") and not hasattr(of, "start"):
            raise TypeError(
                f"Regression: found the class {of.__name__}, whose structure the data do not determine, but an "
                f"instance is needed, as in Regression({of.__name__}(...), ...)."
            )
        if not predictors or not hasattr(of, "log_prob"):
            raise TypeError(
                f"Regression: found {of!r} with {len(predictors)} predictors, but a model of y and the predictor of at "
                "least one of its parameters is needed, as in Regression(Normal, loc=Linear())."
            )
        for name, predictor in predictors.items():
            if not isinstance(predictor, str) and (inspect.isclass(predictor) or not callable(predictor)):
                raise TypeError(
                    f"Regression: found {name}={predictor!r}, but a Linear(...), another function of x, or the name of "
                    "a column is needed; a parameter that is a constant is left out, or held with fixed=."
                )
        columns = tuple(sorted((name, p) for name, p in predictors.items() if isinstance(p, str)))
        functions = {name: p for name, p in predictors.items() if not isinstance(p, str)}
        self._put(of, functions, columns, FromData)

    def _put(self, of: Any, predictors: dict, columns: tuple, place: Any) -> "Regression":
        for name, value in (("of", of), ("predictors", predictors), ("columns", columns), ("place", place)):
            object.__setattr__(self, name, value)
        return self

    def start(self, source: Any) -> "Regression":
        """With the constants and intercepts of a fit without covariates, and coefficients 0."""
        if not isinstance(source, Empirical) or not isinstance(source.data, (tuple, list)) or len(source.data) != 2:
            found = (
                "arrays that are no pair" if isinstance(source, Empirical) else f"the source {type(source).__name__}"
            )
            raise TypeError(
                f"fit: found {found} for a Regression, but a pair is needed: covariates and responses, as in "
                "fit_mle(Regression(Normal, loc=Linear()), (x, y))."
            )
        x, y = source.data
        if isinstance(y, dict):
            raise TypeError(
                f"fit: found the columns {', '.join(map(str, y))} as the responses of a Regression, but a pair of "
                "covariates and responses, in this order, is needed: (x, y)."
            )
        taken = {column for _, column in self.columns}
        own = {name: column for name, column in x.items() if name not in taken} if isinstance(x, dict) else x
        marginal = self._marginal(x, Empirical(y, source.weights))
        known = {leaf.name: (leaf.support, leaf.value) for leaf in named_leaves(marginal) if leaf.is_parameter}
        # what only a predictor gives a value
        holes = {name: (support, jnp.zeros(())) for name, support in _holes(marginal)}
        known |= holes
        predicted = {*self.predictors, *(name for name, _ in self.columns)}
        for name in sorted(predicted - set(known)):
            raise ValueError(
                f"Regression: found a predictor of {name!r}, but {type(marginal).__name__} has the parameters "
                f"{', '.join(known)}; use one of these names."
            )
        predictors = {
            name: p.start(x if p.columns else own, source.weights, *known[name]) if isinstance(p, Linear) else p
            for name, p in self.predictors.items()
        }
        for name, predictor in self.predictors.items():
            if not isinstance(predictor, Linear) and name not in holes:
                _check_size(name, predictor, x, *known[name])
        # what is predicted is no parameter of its own
        hollow = [None if leaf.name in predicted else leaf.value for leaf in named_leaves(marginal)]
        return object.__new__(Regression)._put(replace_leaves(marginal, hollow), predictors, self.columns, None)

    def _marginal(self, x: Any, responses: Empirical) -> Any:
        """The model of y near the minimum without covariates."""
        if not self.columns or not inspect.isclass(self.of):
            return started(self.of, responses)
        # a parameter from the data is part of the structure: the others begin at their defaults
        return self.of(**{name: weighted_mean(jnp.asarray(x[c]), responses.weights) for name, c in self.columns})

    def predictions(self, x: Any) -> dict[str, Array]:
        """The predictors η at the covariates of one observation, by parameter."""
        return {name: predictor(x) for name, predictor in self.predictors.items()}

    @property
    def is_linear(self) -> bool:
        """Whether all predictors are linear in their coefficients."""
        return all(isinstance(predictor, Linear) for predictor in self.predictors.values())

    def seen(self, data: Any) -> Any:
        """What the model looks at of the pair (x, y): a missing value in a column without a predictor does no harm."""
        x, y = data
        if not isinstance(x, dict) or not self.is_linear:
            return data
        used = {column for _, column in self.columns}.union(*(p.reads(x) for p in self.predictors.values()))
        return {name: x[name] for name in used}, y

    def at(self, x: Any) -> Any:
        """The distribution of y at the covariates x of one observation; `jax.vmap(model.at)(xs)` gives one for each."""
        return self._filled(self.predictions(x), x)

    def log_prob(self, point: Any) -> Array:
        """log q(y | x) of one pair, in nats."""
        return self.log_prob_given(self.predictions(point[0]), point)

    def log_prob_given(self, eta: Mapping[str, Array], point: Any) -> Array:
        """log q(y | x) of one pair, as a function of its predictors."""
        x, y = point
        model = self._filled(eta, x)
        if "probs" in eta and hasattr(model, "log_prob_from_logit"):
            logit = self._logit(self.predictors["probs"], eta["probs"])
            if logit is not None:
                return model.log_prob_from_logit(logit, y)
        return model.log_prob(y)

    @staticmethod
    def _logit(predictor: Any, eta: Array) -> Array | None:
        link = getattr(predictor, "link", None)
        if link is None:
            return eta
        return None if link.logit is None else link.logit(eta)

    @property
    def edges(self) -> tuple[str, ...]:
        """The coefficients of a quantile regression, which a fit puts in the best corner of the likelihood."""
        alone = self.place is None and not self.columns and [*self.predictors] == ["loc"]
        if not alone or not hasattr(self.of, "quantile_level"):
            return ()
        line = self.predictors["loc"]
        plain = isinstance(line, Linear) and line.link in (None, identity)
        return tuple(f"loc.{name}" for name in line.coefficients) if plain else ()

    def order_statistics(self, source: Any) -> dict[str, Array]:
        """The coefficients of a quantile regression, at their best values."""
        if not self.edges:
            return {}
        x, y = source.data
        best = self.predictors["loc"].quantile(x, as_float(y), source.weights, self.of.quantile_level)
        return {f"loc.{name}": value for name, value in best.coefficients.items()}

    def passes_through(self, source: Empirical) -> Array:
        """Whether the predictor of loc is the response of each observation that counts, to rounding."""
        x, y = source.data
        y = as_float(y)
        residual = jnp.abs(y - jax.vmap(self.predictors["loc"])(x).astype(y.dtype))
        counted = jnp.ones(y.shape, bool) if source.weights is None else source.weights > 0
        size = jnp.max(select(counted, jnp.abs(y), 0.0))
        return jnp.all((residual <= ROUNDINGS * jnp.finfo(y.dtype).eps * size) | ~counted)

    def check_held(self, names: Collection[str]) -> None:
        """An error where coefficients are held beside others whose best values depend on them in steps."""
        held = [name for name in self.edges if name in names]
        if 0 < len(held) < len(self.edges):
            raise ValueError(
                f"Regression: found that {', '.join(held)} of a quantile regression is to be held and other "
                "coefficients are not, but all or none are needed; add a column of known effect by offset=, leave the "
                "intercept out by intercept=False, or hold all."
            )

    def _filled(self, eta: Mapping[str, Array], x: Any) -> Any:
        """The model of y with the predicted parameters in their places."""
        if self.place is FromData:
            raise ValueError(
                f"Regression: found {self!r}, whose start was not computed yet, but values are needed; fit it, or call "
                "regression.start(Empirical((x, y)))."
            )
        leaves, structure = jax.tree_util.tree_flatten_with_path(self.of, is_leaf=lambda leaf: leaf is None)
        columns, values = dict(self.columns), []
        for path, value in leaves:
            name, support, _ = declared(self.of, path) if value is None else ("", None, True)
            if name in eta:
                value = _value(self.predictors[name], support, eta[name], x)
            elif name in columns:
                value = x[columns[name]]
            values.append(value)
        return jax.tree_util.tree_unflatten(structure, values)

    def __repr__(self) -> str:
        fields = [f"{leaf.name}={show(leaf.value)}" for leaf in named_leaves(self) if leaf.is_parameter]
        of = self.of.__name__ if inspect.isclass(self.of) else type(self.of).__name__
        return f"Regression({', '.join([of, *fields])})"


def _check_size(name: str, predictor: Any, x: Any, support: Support, value: Array) -> None:
    """An error for a function of x that gives more or fewer numbers than the parameter has coordinates."""
    first = jax.tree.map(lambda column: jnp.asarray(column)[0], x)
    found = jax.eval_shape(predictor, first).shape
    needed = jnp.shape(value if support.free is None else support.free(value))
    if found != needed:
        raise ValueError(
            f"Regression: found a predictor of {name} whose value at one x has the shape {found}, but {needed} is "
            f"needed: the coordinates of {name} (of k logits k − 1, as the last is 0); change the last layer."
        )


def _holes(model: Any) -> list[tuple[str, Support]]:
    """The names of declared fields that are None, and their supports."""
    leaves = jax.tree_util.tree_flatten_with_path(model, is_leaf=lambda leaf: leaf is None)[0]
    found = [declared(model, path) for path, value in leaves if value is None]
    return [(name, support) for name, support, _ in found if support is not None]


def _value(predictor: Any, support: Support | None, eta: Array, x: Any) -> Array:
    """The parameter's value at a predictor."""
    link = getattr(predictor, "link", None)
    if link is not None:
        return link.value(eta)
    # logits of alternatives are what is predicted
    alternatives = isinstance(predictor, Linear) and predictor.is_of_alternatives(x)
    if support is None or support.constrain is None or alternatives:
        return eta
    return support.constrain(eta)
