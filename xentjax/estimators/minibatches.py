"""Training by minibatches: a fit of what is too large to certify, as a sequence of states that can be stopped at."""

import functools
from collections.abc import Collection, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from xentjax.admission import acceptable, admit
from xentjax.models.starts import started
from xentjax.objectives import cross_entropy_objective
from xentjax.parameters import inside, unconstrain
from xentjax.records import record, static
from xentjax.refusals import explain_data
from xentjax.sources import Empirical, check_count, check_key, num_points


@record
class Training:
    """Where a training is: all that is needed to go on from there, bit for bit. A pytree of arrays.

    Attributes:
      model: with the parameters after `step` updates.
      optimizer_state: of the optax transformation.
      step: how many updates were made.
      cross_entropy: mean over the minibatches since the last report, each before its update; nats per observation.
      held_out: H(held-out data, model); None without such data.
      fixed: the names of the parameters that are held.
    """

    model: Any
    optimizer_state: Any
    step: Array
    cross_entropy: Array
    held_out: Any = None
    fixed: tuple[str, ...] = static(())

    def __repr__(self) -> str:
        if isinstance(self.step, jax.core.Tracer):
            return "Training(traced)"
        held_out = "" if self.held_out is None else f", held-out {float(self.held_out):.6g}"
        return (
            f"Training after {int(self.step)} updates: cross-entropy {float(self.cross_entropy):.6g}{held_out} nats "
            "per observation; whether it is a minimum was not looked at"
        )


def train(
    model: Any,
    data: Any,
    optimizer: optax.GradientTransformation,
    key: Array,
    *,
    batch_size: int,
    num_steps: int,
    every: int = 100,
    held_out: Any = None,
    fixed: Collection[str] = (),
) -> Iterator[Training]:
    """Updates of a model by an optax optimiser on minibatches: the usual training of networks, as H(batch, model).

    Each pass over the data visits them in a new random order, in batches of `batch_size`; what is left over waits for
    another pass. The order is a function of the key and of the number of updates, so that a training that goes on from
    a saved state, with the same `every`, is bit for bit the one that was not interrupted.

    Args:
      model: as for `fit_mle`, or a `Training` to go on from.
      data: as for `fit_mle`.
      optimizer: any optax transformation, with any schedule.
      key: of `jax.random`; to go on, the same again.
      batch_size, num_steps: the observations of an update, and how many updates in all, those of a `Training` included.
      every: how many updates are compiled into one call and lie between two reports. Nothing is sent out from inside.
      held_out: data of which the cross-entropy is reported as it goes.
      fixed: names of parameters to hold.

    Yields:
      A `Training` every so many updates; the last after `num_steps`. Save one with `jax.tree.leaves` and numpy, or with
      orbax; stop between two. It makes no claim to be a minimum: `fit_mle(training.model, data)` does.

    Raises:
      ValueError, TypeError: as for `fit_mle`; a batch larger than the data.
      FloatingPointError: (between two reports) an update led out of the numbers.

    >>> import jax, jax.numpy as jnp, optax
    >>> import xentjax as xj
    >>> x = jnp.linspace(0.1, 3.9, 64)
    >>> for training in xj.estimators.train(
    ...     xj.Normal, x, optax.adam(0.05), jax.random.key(0), batch_size=16, num_steps=400, every=200
    ... ):
    ...     print(int(training.step), training.cross_entropy < 1.6)
    200 True
    400 True

    See also: `fit_mle(..., optimizer=...)`, which uses all data in each update and certifies the end.
    """
    for name, number in (("batch_size", batch_size), ("num_steps", num_steps), ("every", every)):
        check_count("train", name, number)
    check_key("train", key)
    training = model if isinstance(model, Training) else None
    own = training.model if training else model
    source = admit("train", own, Empirical(data), None, optimizer, None, 1)
    n = num_points(source.data)
    if batch_size > n:
        raise ValueError(
            f"train: found batch_size={batch_size} for {n} observations, but at most as many are needed; "
            "fit_mle(..., optimizer=...) uses all of them in each update."
        )
    if held_out is not None:
        held_out = admit("train", own, Empirical(held_out), None, None, None, 1)
    if training is not None and fixed:
        raise ValueError(
            f"train: found fixed={list(fixed)} for a training that goes on, but it holds what it held, "
            f"{list(training.fixed)}; leave fixed out, or begin anew from training.model."
        )
    own = own if training else started(own, source)
    for each in (source, held_out):
        if each is not None and not acceptable(own, each):
            explain_data("train", own, each)
    if training is None:
        state = optimizer.init(unconstrain(own, fixed)[0])
        training = Training(own, state, jnp.asarray(0), jnp.asarray(jnp.nan), None, tuple(sorted(fixed)))
    return _chunks(training, source, held_out, optimizer, key, batch_size, num_steps, every)


def _chunks(
    training: Training, source: Empirical, held_out: Any, optimizer: Any, key: Array, size: int, last: int, every: int
) -> Iterator[Training]:
    while (step := int(training.step)) < last:
        training = _updates(training, source, held_out, optimizer, key, size, min(every, last - step))
        if not (np.isfinite(training.cross_entropy) and inside(training.model)):
            raise FloatingPointError(
                f"train: found a cross-entropy of {float(training.cross_entropy)} between the updates {step} and "
                f"{int(training.step)}, or parameters after them that are no numbers, but finite ones are needed; "
                "lower the learning rate, or look at the data that the model excludes; the states before are good."
            )
        yield training


@functools.partial(jax.jit, static_argnums=(3, 5, 6))
def _updates(
    training: Training, source: Empirical, held_out: Any, optimizer: Any, key: Array, size: int, count: int
) -> Training:
    model, fixed = training.model, training.fixed
    free, constrain = unconstrain(model, fixed)
    per_pass = num_points(source.data) // size

    def order_of(step: Array) -> Array:
        return jax.random.permutation(jax.random.fold_in(key, step // per_pass), num_points(source.data))

    def update(carry: tuple, step: Array) -> tuple:
        free, state, order = carry
        place = step % per_pass
        order = jax.lax.cond(place == 0, lambda: order_of(step), lambda: order)
        chosen = jax.lax.dynamic_slice_in_dim(order, place * size, size)
        batch = Empirical(jax.tree.map(lambda leaf: leaf[chosen], source.data))
        objective = cross_entropy_objective(constrain, model, batch)
        value, gradient = jax.value_and_grad(objective)(free)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes types, also where the user forbids it
            updates, state = optimizer.update(gradient, state, free, value=value, grad=gradient, value_fn=objective)
        return (optax.apply_updates(free, updates), state, order), value

    optimizer = optax.with_extra_args_support(optimizer)
    steps = training.step + jnp.arange(count)
    start = (free, training.optimizer_state, order_of(training.step))
    values: Array
    (free, state, _), values = jax.lax.scan(update, start, steps)
    found = constrain(free)
    seen = None if held_out is None else cross_entropy_objective(constrain, model, held_out)(free)
    return Training(found, state, training.step + count, jnp.mean(values), seen, fixed)
