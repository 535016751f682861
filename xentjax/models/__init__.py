"""What is built from models."""

from xentjax.models.built import Built, Density
from xentjax.models.mixture import Mixture

__all__ = ["Built", "Density", "Mixture"]
