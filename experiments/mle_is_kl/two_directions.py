"""KL is not symmetric: onto one Normal, KL(p‖q) covers both humps of p and KL(q‖p) settles in one of them."""

import dataclasses
from typing import Any

import jax
import numpy as np

import xentjax as xj

from .checks import GAP, Check, certified_gap


@dataclasses.dataclass(frozen=True)
class Projections:
    """Normal projections of a two-humped truth: `forward` by KL(p‖q), `reverse` by KL(q‖p), one from each hump."""

    truth: xj.Mixture
    forward: xj.Normal
    reverse: list[xj.Normal]
    gap: float


def truth() -> xj.Mixture:
    return xj.Mixture(np.array([0.6, 0.4]), xj.Normal(np.array([-2.0, 3.0]), np.array([1.0, 0.7])))


@jax.jit
def divergence(p: Any, q: Any) -> jax.Array:
    """KL(p‖q) = E_p[log p(x) − log q(x)], by quadrature over p."""
    return xj.quadrature(p).expect(lambda x: p.log_prob(x) - q.log_prob(x))


def reverse_divergence(q: Any, p: Any) -> jax.Array:
    return divergence(q, p)


def measure() -> Projections:
    p = truth()
    forward = xj.fit_kl(xj.Normal, p)
    humps = zip(p.components.loc, p.components.scale, strict=True)
    reverse = [xj.minimize(reverse_divergence, xj.Normal(loc, scale), p) for loc, scale in humps]
    gap = max(map(certified_gap, (forward, *reverse)))
    return Projections(p, forward.model, [found.params for found in reverse], gap)


def checks(found: Projections) -> list[Check]:
    p, forward, reverse = found.truth, found.forward, found.reverse
    moments = max(abs(forward.loc - p.mean), abs(forward.scale**2 - p.variance))
    humps = zip(reverse, p.components.loc, p.components.scale, strict=True)
    astray = max(abs(q.loc - loc) / scale for q, loc, scale in humps)
    forward_loss = min(divergence(p, q) for q in reverse) - divergence(p, forward)
    reverse_loss = divergence(forward, p) - min(divergence(q, p) for q in reverse)
    best = "each is best its own way, by more than 1e-12"
    return [
        Check("the largest gap of these projections, in nats", found.gap, 0, GAP, "what a fit promises by default"),
        Check("KL(p‖q) keeps mean and variance: difference", float(moments), 0, 1e-14, "ten roundings of 6.8"),
        Check("KL(q‖p) keeps to a hump: distance / its scale", float(astray), 0, 0.1, "the other is 5 scales away"),
        Check("KL(p‖q): what the reverse projections lose, nats", float(forward_loss), 1e-6, np.inf, best),
        Check("KL(q‖p): what the forward projection loses, nats", float(reverse_loss), 1e-6, np.inf, best),
    ]
