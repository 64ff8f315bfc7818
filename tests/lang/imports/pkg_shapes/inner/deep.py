"""Two levels down."""
from ..square import area
WHERE = __name__


def up():
    return area(5)
