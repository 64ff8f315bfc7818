"""A package for the import tests."""
print("init", __name__)
from .square import area, Square
from . import inner
__all__ = ["area", "visible"]
visible = "v"
hidden = "h"
