"""KL is not symmetric: onto one Normal, KL(p‖q) covers both humps of p and KL(q‖p) settles in one of them."""

import dataclasses
from typing import Any

import jax
import numpy as np

import xentjax as xj

from .checks import Check


@dataclasses.dataclass(frozen=True)
class Projections:
    """Normal projections of a two-humped truth: `forward` by KL(p‖q), `reverse` by KL(q‖p), one from each hump."""

    truth: xj.Mixture
    forward: xj.Normal
    reverse: list[xj.Normal]
    certified: bool


def truth() -> xj.Mixture:
    return xj.Mixture(np.array([0.6, 0.4]), xj.Normal(np.array([-2.0, 3.0]), np.array([1.0, 0.7])))


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
    certified = all(bool(found.converged) for found in (forward, *reverse))
    return Projections(p, forward.model, [found.params for found in reverse], certified)


def checks(found: Projections) -> list[Check]:
    p, forward, reverse = found.truth, found.forward, found.reverse
    moments = max(abs(forward.loc - p.mean), abs(forward.scale**2 - p.variance))
    humps = zip(reverse, p.components.loc, p.components.scale, strict=True)
    astray = max(abs(q.loc - loc) / scale for q, loc, scale in humps)
    forward_gain = min(divergence(p, q) for q in reverse) - divergence(p, forward)
    reverse_gain = divergence(forward, p) - min(divergence(q, p) for q in reverse)
    return [
        Check("projections of two humps that are certified", found.certified, 1, 1, "a gap of at most 1e-12 nats each"),
        Check("KL(p‖q) keeps mean and variance: the difference", float(moments), 0, 1e-14, "a few roundings of 7"),
        Check("KL(q‖p) stays with its hump: distance / hump's scale", float(astray), 0, 0.1, "5 scales to the other hump"),
        Check("KL(p‖q): what the reverse projections lose, nats", float(forward_gain), 0.1, np.inf, "each best its own way"),
        Check("KL(q‖p): what the forward projection loses, nats", float(reverse_gain), 0.1, np.inf, "each best its own way"),
    ]
