x + 1 += 1
# ---
a b
# ---
print x, y
# ---
print x
# ---
a := 1
# ---
whlie x:
    pass
# ---
fro x in y:
    pass
# ---
dfe f():
    pass
# ---
imprt x
# ---
retrun x
# ---
clas A:
    pass
# ---
a ? b
# ---
a $ b
# ---
a && b
# ---
a || b
# ---
a === b
# ---
a <> b
# ---
global x, 1
# ---
async x
# ---
raise a, b
# ---
raise from b
# ---
yield x y
# ---
pass x
# ---
break 1
# ---
type X
# ---
in x
# ---
x in
# ---
x not y
# ---
x is
# ---
async for x in y: pass
# ---
print 1, 2
# ---
print -1
# ---
exec x in y
# ---
x -> y
# ---
function f() { }
# ---
switch x:
    pass
# ---
x := 5
