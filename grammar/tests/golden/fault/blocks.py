if x
    pass
# ---
if x:
pass
# ---
for x in y
    pass
# ---
for x in y:
pass
# ---
while x
# ---
while x:
# ---
class A
    pass
# ---
class A(
# ---
class A:
x
# ---
try
# ---
try:
    x
y
# ---
try:
    x
finally
# ---
try:
    x
except A
    y
# ---
try:
    x
except A:
y
# ---
try:
    x
except* A:
y
# ---
try:
    x
except*:
    y
# ---
try:
    x
except A, B as c:
    y
# ---
try:
    x
except A as b.c:
    y
# ---
try:
    x
except:
    y
except* A:
    y
# ---
with a
# ---
with a as b:
# ---
with a as f():
    pass
# ---
with (a as b)
    pass
# ---
else:
    x
# ---
elif x:
# ---
if a:
    b
else if c:
    d
# ---
if a:
    b
else
    d
# ---
match x:
case 1:
    pass
# ---
match x:
    case 1
        pass
# ---
match x:
    case 1:
    pass
# ---
match x
    case 1: pass
# ---
match x:
    pass
# ---
match x:
    case a.b as c.d: pass
# ---
match x:
    case A(b=1, c): pass
# ---
for f() in x: pass
# ---
for 1 in x: pass
# ---
for a, b() in x: pass
# ---
if x = 3:
    pass
# ---
if x.a = 3:
    pass
# ---
if f() = 3:
    pass
# ---
while x = 1: pass
# ---
if x:
    pass
eles:
    pass
# ---
for x on y:
    pass
# ---
  x = 1
# ---
x = 1
  y = 2
# ---
if x:
    y
  z
# ---
class 1: pass
# ---
try: pass
except: pass
else pass
# ---
try:
    pass
else:
    pass
# ---
try:
    pass
except:
    pass
finally:
pass
# ---
with open(x) as f
    pass
# ---
@
def f(): pass
# ---
@a
x = 1
# ---
@a
# ---
class A(x for x in y): pass
# ---
class A(a=1, b): pass
# ---
if x: y z
# ---
if True
    print("a")
# ---
if x == 1
    print("a")
else:
    print("b")
# ---
while True print(1)
# ---
for i in range(10) print(i)
# ---
if x print(y)
# ---
class A pass
# ---
for i range(10):
    pass
# ---
for in x: pass
# ---
for i in : pass
# ---
for i = 1 in x: pass
# ---
while : pass
# ---
if : pass
# ---
with : pass
# ---
try pass
# ---
else
# ---
if (x = 1): pass
# ---
if x == 1 and y = 2: pass
# ---
class = 1
# ---
if a:
    x = (1
    y = 2
# ---
try:
    a
except A
# ---
try:
    a
except (A, B) as
    pass
# ---
with a as b, c as d
    pass
# ---
with a, b
    pass
# ---
while x:
    y
 z
# ---
case 1:
    pass
# ---
if (a) { b }
# ---
while (x := 1: pass
# ---
if x:
  a
 b
# ---
if x:
	a
        b
# ---
(1]
# ---

(
1]
# ---
)
