x = 
# ---
x = f() = 1
# ---
(a, f()) = 1
# ---
[a, 1] = x
# ---
None = 1
# ---
True = 1
# ---
1 = x
# ---
a + b = c
# ---
a < b = c
# ---
a if b else c = d
# ---
not a = b
# ---
(yield) = 1
# ---
x = yield = 1
# ---
a and b = c
# ---
{1} = x
# ---
{} = x
# ---
... = x
# ---
-x = 1
# ---
del f()
# ---
del 1
# ---
del (a, b())
# ---
del a + b
# ---
del *a
# ---
x = a b
# ---
(a, b): int
# ---
[a]: int
# ---
a, b: int
# ---
1: int
# ---
*a
# ---
x = *a
# ---
*a = x
# ---
x = (1,
y = 2
# ---
x = [1, 2
# ---
a = 1 +
# ---
a = 1 + * 2
# ---
x = if y
# ---
x = a if b
# ---
x = a if b else pass
# ---
x = pass if a else b
# ---
x = {a: 1, b}
# ---
x = {a: 1, b: }
# ---
x = {a: *b}
# ---
x = {a:1, **b: 2}
# ---
x = {a b}
# ---
x = [a for a in]
# ---
x = [for a in b]
# ---
assert x = 1
# ---
x: int: str
# ---
x: = 1
# ---
x = = 1
# ---
x == 1 = 2
# ---
a, b = c, d = 
# ---
x = 5 if
# ---
x = ,
# ---
type X =
# ---
type = 
# ---
0 = 1
# ---
a = [1, 2, 3
b = 4
c = 5
# ---
x = a.b.
# ---
x = (a, b
# ---
x = [i for i in range(5) if i = 2]
# ---
a = b = 
# ---
x.class = 1
# ---
None.x = 1
# ---
a = 1 if 2 else 3 = 4
# ---
x = not
# ---
a = print x
# ---
a[1:2, ]= 3; b[
# ---
(x, y) => x
# ---
var x = 1
# ---
let x = 1
# ---
const y = 2
# ---
x = new Foo()
# ---
x = (1, 2))
# ---
x = [1, 2}
# ---
x = {(1, 2]}
