# -*- coding: utf-8 -*-
x = 1; y = 2;
a = b = c, d = *e, f
x += 1; x -= 1; x *= 2; x @= m; x /= 1; x //= 2; x %= 3; x **= 2; x <<= 1; x >>= 1; x &= 1; x |= 1; x ^= 1
x.y[z] += yield_
a: int
a: int = 5
(a): int = 5
a.b: list[int] = c, d
x[0]: int
[a, *b] = c
(a, (b, c)), d = e
*a, = b
del a, b.c, d[e], (f, [g])
del (a)
pass
assert a, b
raise
raise A
raise A from B
import a, b.c as d, e.f . g
from . import a
from .. import (a, b as c,)
from ...a.b import c
from .... import d
from a import *
from .a import b, c
global p, q
if a: b
elif c: d; e
else: f
if a:
    b
elif c:
    pass
while a:
    break
else:
    continue
for a in b: c
for a, *b in c, d:
    e
else:
    f
for x in *a, b: pass
for (x) in y: pass
for x.y in z: pass
try:
    a
except B:
    c
except (D, E) as e:
    f
except G, H:
    i
except:
    j
else:
    k
finally:
    l
try: a
finally: b
try:
    a
except* B as c:
    d
except* E, F:
    g
with a: b
with a as b, c as (d, e), f: g
with (a): b
with (a, b): c
with (a, b,): c
with (a as b, c): d
with (a as b, c as d,): e
with (a) as b: c
with (a, b) as c: d
with (a), (b): c
with (yield_): d
with (): e
with (a for a in b): c
with open(a) as f, (b): c
async def f():
    async with a as b: c
    async for x in y: z
    [x async for x in y]
    await z
