"""Monotone maps of numbers, for `Transformed`: `forward(x)`, `inverse(y)`, and the `image`, the y that there are."""

import jax.numpy as jnp
from jax import Array

from xentjax.parameters import Parameter, real
from xentjax.records import record
from xentjax.supports import POSITIVE


@record
class Exp:
    """y = exp(x). For `Transformed`: `Transformed(Normal, Exp())` is the lognormal distribution."""

    image = POSITIVE

    def forward(self, x: Array) -> Array:
        """exp(x)."""
        return jnp.exp(x)

    def inverse(self, y: Array) -> Array:
        """log y."""
        return jnp.log(y)


@record
class Power:
    """y = x^exponent of x > 0; an exponent below 0 turns the order round. For `Transformed`."""

    exponent: Parameter = real(1.0)

    image = POSITIVE

    def forward(self, x: Array) -> Array:
        """x^exponent."""
        return x ** jnp.asarray(self.exponent, x.dtype)

    def inverse(self, y: Array) -> Array:
        """y^(1 / exponent)."""
        return y ** (1 / jnp.asarray(self.exponent, y.dtype))


@record
class Affine:
    """y = loc + scale · x; a scale below 0 turns the order round. For `Transformed`."""

    loc: Parameter = real(0.0)
    scale: Parameter = real(1.0)

    def forward(self, x: Array) -> Array:
        """loc + scale · x."""
        return self.loc + self.scale * x

    def inverse(self, y: Array) -> Array:
        """(y − loc) / scale."""
        return (y - self.loc) / self.scale
