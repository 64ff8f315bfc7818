f() = 1
# ---
f() = g() = 1
# ---
a, f() = 1
# ---
f(), a = 1
# ---
f() += 1
# ---
f(a.b=1)
# ---
f(1=2)
# ---
f(True=1)
# ---
f(a()=1)
# ---
f(a, b=1, c)
# ---
f(**a, b)
# ---
f(**a, *b)
# ---
f(a=1, a=2)
# ---
f(x for x in y, 1)
# ---
f(1, x for x in y)
# ---
f(a b)
# ---
f(a, b c, d)
# ---
foo(a, b for b in c d)
# ---
f(): int
# ---
foo(1, 2
bar()
# ---
f(a for)
# ---
print(a b)
# ---
f(*)
# ---
f(**)
# ---
f(*a b)
# ---
f(a,, b)
# ---
f(,)
# ---
f(a=)
# ---
f(a=1 b=2)
# ---
f(a, b=)
# ---
foo(x = 1, y == 2, z = )
# ---
print(x = y z)
# ---
f(class=1)
# ---
f(a
b = 1
# ---
print (a) b
