def f(): pass
def f(a, b: int, c=1, d: int = 2, /, e=3, *args: *Ts, g, h=4, **kw: dict) -> int:
    """doc"""
def f(*, a): return
def f(*args): ...
def f(a, *, b, c=1): ...
def f(**kw,): ...
@a
@b.c(d)
@e[f] if g else h
def f[T: int = str, *Ts = *x, **P = [int]](a: T): pass
class A: pass
class A(): pass
class A(B, metaclass=C, *D, **E):
    x = 1

    @property
    def y(self):
        return self._y

    class Inner: pass
class A[T](B[T]): ...
@d
class A: pass
type X = int
type X[T, *U] = list[T] | None
@d
async def f(): pass
def 函数(名前, ﬁ): return 名前 + fi
