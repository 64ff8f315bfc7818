import os
from sys import path as p, argv

counter = 0


def outer(a, b=1, *args, c, d=2, **kw):
    x = a
    unused = [x + y for y in args if y]
    total = [lambda: y for y in args]

    def inner():
        nonlocal x
        global counter
        x += 1
        counter += 1
        return x, __debug__

    del b
    print(b)
    return inner


class C(os.PathLike, metaclass=type):
    """Doc."""

    size: int = 3
    y = [size for _ in range(3)]

    def __init__(self, z):
        super().__init__(z)
        self.z = z
        self.__w = self.z + super().z

    @property
    @staticmethod
    def prop(self: "C") -> size:
        return (n := 10) + n, (yield)


def gen(xs):
    x = yield from xs
    return (i * x for i in xs if i)


def box[T: int](x: T) -> T:
    return x


type Pair[T] = tuple[T, T]
