def f()
    pass
# ---
def f(:
    pass
# ---
lambda x
# ---
def f(a=1, b): pass
# ---
def f(a, a): pass
# ---
def f(*): pass
# ---
def f(*, **k): pass
# ---
def f(a, *, *b): pass
# ---
def f(*a, *b): pass
# ---
def f(**k, a): pass
# ---
def f(a, /, b, /): pass
# ---
def f(/, a): pass
# ---
def f(*, a, /): pass
# ---
def f(*a=1): pass
# ---
def f(**k=1): pass
# ---
def f(a, (b, c)): pass
# ---
def f(1): pass
# ---
def f(a.b): pass
# ---
def f(None): pass
# ---
lambda a=1, b: 0
# ---
lambda *: 0
# ---
lambda a, a: 0
# ---
def f
# ---
def 1f(): pass
# ---
def if(): pass
# ---
def f():
return 1
# ---
def f():
    if x:
    y
# ---
def f(x) -> : pass
# ---
def f(x):: pass
# ---
def f(x) return x
# ---
async def f()
# ---
def f(class): pass
# ---
def f(a b): pass
# ---
def f(a,
# ---
def f(a, b=): pass
# ---
def f(a:, b): pass
# ---
lambda: x = 1
# ---
lambda x: pass
# ---
def f(): -> int: pass
# ---
def f(*, a=1, b, **k, c): pass
# ---
def f(x, *, y=1, /): pass
