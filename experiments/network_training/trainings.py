"""One network, trained by the loop that people write and by the library: same start, optimiser and minibatches."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import xentjax as xj
from xentjax.estimators import Training, train

from .digits import CLASSES, Digits, digits

HIDDEN, BATCH, STEPS, EVERY = 32, 50, 1000, 50
OPTIMIZER = optax.adam(optax.cosine_decay_schedule(0.02, STEPS))


def network(params: dict, pixels: jax.Array) -> jax.Array:
    """The logits of all classes but the last, which is held at 0: only differences of logits matter."""
    hidden = jnp.tanh(params["inner"] @ pixels + params["inner_shift"])
    return params["outer"] @ hidden + params["outer_shift"]


def initial(inputs: int) -> dict:
    rng = np.random.default_rng(1)
    return {
        "inner": jnp.asarray(rng.normal(size=(HIDDEN, inputs)) / inputs**0.5),
        "inner_shift": jnp.zeros(HIDDEN),
        "outer": jnp.asarray(rng.normal(size=(CLASSES - 1, HIDDEN)) / HIDDEN**0.5),
        "outer_shift": jnp.zeros(CLASSES - 1),
    }


def logits(params: dict, pixels: jax.Array) -> jax.Array:
    """Those of all classes [n, 10] for images [n, 64]."""
    return jnp.pad(jax.vmap(network, (None, 0))(params, pixels), ((0, 0), (0, 1)))


def softmax_loss(params: dict, pixels: jax.Array, labels: jax.Array) -> jax.Array:
    return optax.losses.softmax_cross_entropy_with_integer_labels(logits(params, pixels), labels).mean()


def minus_log_prob(params: dict, pixels: jax.Array, labels: jax.Array) -> jax.Array:
    """The same number by the library's formula."""
    return -jax.vmap(lambda row, label: xj.Categorical(row).log_prob(label))(logits(params, pixels), labels).mean()


def by_hand(loss: Callable, data: tuple, key: jax.Array, num_steps: int) -> list[dict]:
    """The loop of a tutorial: the parameters after each update."""
    pixels, labels = map(jnp.asarray, data)

    @jax.jit
    def update(params: dict, state: Any, batch: jax.Array) -> tuple:
        gradient = jax.grad(loss)(params, pixels[batch], labels[batch])
        updates, state = OPTIMIZER.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    params = initial(pixels.shape[1])
    state, found, per_pass = OPTIMIZER.init(params), [], len(labels) // BATCH
    for step in range(num_steps):
        if step % per_pass == 0:
            order = jax.random.permutation(jax.random.fold_in(key, step // per_pass), len(labels))
        place = step % per_pass * BATCH
        params, state = update(params, state, order[place : place + BATCH])
        found.append(params)
    return found


def by_library(
    start: Any, data: tuple, key: jax.Array, num_steps: int, every: int, held_out: tuple | None = None
) -> list[Training]:
    """`train` from a model, or from a `Training` to go on from."""
    more = {"batch_size": BATCH, "num_steps": num_steps, "every": every, "held_out": held_out}
    return list(train(start, data, OPTIMIZER, key, **more))


@dataclasses.dataclass(frozen=True)
class Trainings:
    """What was trained, and how it went.

    Attributes:
      data, key: the digits, and what the order of the minibatches follows from.
      model: the library's, where it starts.
      loss, log_prob: the parameters after each update of the loop, by optax's loss and by the library's formula for it.
      steps: the library's states after each update.
      reports: the library's states every so many updates.
    """

    data: Digits
    key: jax.Array
    model: xj.Regression
    loss: list[dict]
    log_prob: list[dict]
    steps: list[Training]
    reports: list[Training]


def run(num_steps: int = STEPS, every: int = EVERY) -> Trainings:
    data, key = digits(), jax.random.key(2)
    params = initial(data.training[0].shape[1])
    model = xj.Regression(xj.Categorical(np.zeros(CLASSES)), logits=xj.Network(params, network))
    return Trainings(
        data,
        key,
        model,
        by_hand(softmax_loss, data.training, key, num_steps),
        by_hand(minus_log_prob, data.training, key, num_steps),
        by_library(model, data.training, key, num_steps, 1),
        by_library(model, data.training, key, num_steps, every, data.held_out),
    )


def params_of(training: Training) -> dict:
    return training.model.predictors["logits"].params
