match x:
    case 1 | -2 | 3.5 | -1j | 1 + 2j | -1 - 2j: a
    case 'a' 'b' | b'c': b
    case None | True | False: c
    case _: d
    case y if y > 1: e
    case a.b.c: f
    case (a): g
    case (): h
    case (a,): i
    case [a, *_, b] | (a, *rest): j
    case a, b: k
    case *a, b: l
    case a,: m
    case {}: n
    case {'a': 1, b.c: x, -1: y, None: z, **rest}: o
    case A() | a.B(1, x, y=2, z=_,): p
    case (1 | 2) as q: r
    case [1, [2, [3]]] as s: t
match a, b:
    case _: pass
match *a, b:
    case _: pass
match (a):
    case _:
        match b:
            case c: d
match -a:
    case b: c
match [a, b]:
    case c: d
match {}:
    case _: pass
match not a:
    case _: pass
match lambda: 0:
    case _: pass
match match:
    case case: case
