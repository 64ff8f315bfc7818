"""A module of the package."""
def area(n):
    return n * n


class Square:
    def __init__(self, size):
        self.size = size
