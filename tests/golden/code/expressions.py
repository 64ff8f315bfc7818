def f(a, b, c, d):
    if a < b <= c and not d or a is None:
        x = a or b
    else:
        x = b if c in (1, 2) else d not in [a]
    a, b = b, a
    a, b = b, a + b
    (a, *b), c.x, d[0] = c
    x[1:2] = x[::-1] + x[a:]
    x = y = z = -a ** 2 + 60 * 60 * 24 + a * 1.5 - 3
    print(f"{a!r:>{b}} {c=} lit", *d, sep="", **c)
    a.b.c(d, e=1)(x)
    x = a < b < (b := c)
    while True:
        a += 1
        if a > 5:
            break
    assert x == y, "no"
    {1: a, "b": b, **c}
    return [1, 2, 3], {a, b}, {4, 5, 6}, a[1, 2], (a, 1)[0], x


def g(p):
    match p:
        case 1 | 2:
            return "small"
        case [x, y, *rest] if x:
            return rest
        case {"k": v, **others}:
            return v, others
        case Point(x, y=0) as pt:
            return x, pt
        case None | True:
            pass
        case _:
            return p
