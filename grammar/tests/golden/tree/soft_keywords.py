match = 1
case = 2
type = 3
_ = 4
match(a, b)
match[a]
match[a:b]
match - a
match * a
match.a = 1
match: int = 5
match, case = type, _
match in a
match not in a
match is a
match if a else b
match or a
case(1)
case[1] = 2
type(x)
type[int]
type.x
type = type
type: type = type
def match(case, type=match): return type
class case(match, type=_): match = case
for match in case: type
if match: type X = int
if a: type; type Y = int; type
lambda match: type
print(match=1, case=2, type=3)
from match import case as type
