a + b - c * d // e % f @ g / h
a ** -b ** c
-a ** b
not a == b < c is not d not in e
a or b and not c or d
a if b else c if d else e
lambda: 0
lambda x, /, y=1, *z, k, w=2, **kw: x
lambda *, a: a
a | b ^ c & d << e >> f
(a + b) + c
(a < b) < c
~+-a
await_ = 1
x = (y := 5)
[i := 1, 2]
a[b], a[b:c], a[:], a[::2], a[1:2, ..., ::3], a[*b], a[b, *c], a[i := 1]
f(), f(a, *b, c, k=d, **e), f(x for x in y), f(a, (x for x in y),), f(a := 1)
a.b.c(d)[e].f
(), (a,), (a, b), (a), [*a, b], {*a, b}, {}, {a: b, **c, d: e}
[x for x in y if z if w for v in x]
{x for x in y}, {k: v for k, v in d}, (x async for x in y)
[x for x, in y], [x for x, *y in z], [x for a[0], b.c in z]
1, 0x1F, 0o17, 0b101, 1_000, 1.5, .5, 5., 1e3, 1E-3, 2j, 0, 00, 1_0.0_1e1_0, 0xDEADBEEFDEADBEEFDEADBEEF
10000000000000000000000000000000
None, True, False, ...
x = yield
def gen():
    a = yield b
    c = yield from d
    (yield)
    await e ** f
    yield *a, b
    return *a, b
1if a else 2
