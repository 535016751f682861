"""Cross-entropies and divergences from logits [256, 32000] in float32: time beside optax's functions."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from timing import alternating

import xentjax as xj

BATCH, SIZE = 256, 32_000


def ours_labels(logits, labels, _):
    return jnp.mean(-jax.vmap(lambda row, label: xj.Categorical(row).log_prob(label))(logits, labels))


def optax_labels(logits, labels, _):
    return jnp.mean(optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels))


def ours_probabilities(logits, _, targets):
    return jnp.mean(xj.cross_entropy(targets, xj.Categorical(logits)))


def optax_probabilities(logits, _, targets):
    return jnp.mean(optax.losses.softmax_cross_entropy(logits, targets))


def ours_divergence(logits, _, targets):
    return jnp.mean(xj.kl_divergence(xj.Categorical(targets), xj.Categorical(logits)))


def optax_divergence(logits, _, targets):
    both = (jax.nn.log_softmax(a) for a in (logits, targets))
    return jnp.mean(optax.losses.kl_divergence_with_log_targets(*both))


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    logits = jnp.asarray(3 * rng.normal(size=(BATCH, SIZE)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, SIZE, BATCH))
    others = logits + jnp.asarray(0.1 * rng.normal(size=(BATCH, SIZE)), jnp.float32)
    targets = {"probabilities": jax.nn.softmax(others), "divergence": others}
    pairs = {
        "labels": (ours_labels, optax_labels),
        "probabilities": (ours_probabilities, optax_probabilities),
        "divergence": (ours_divergence, optax_divergence),
    }
    for name, functions in pairs.items():
        for kind, transform in (("value", lambda f: f), ("gradient", jax.grad)):
            calls = [jax.jit(transform(f)) for f in functions]
            arguments = logits, labels, targets.get(name)
            ours, theirs = alternating(*(lambda f=f, given=arguments: f(*given) for f in calls), repeats=20)
            print(f"{name:<14} {kind:<9} {ours * 1e3:6.1f} ms   optax {theirs * 1e3:6.1f} ms   {ours / theirs:4.2f}")
