'a' = x
# ---
f'{a}' = x
# ---
print "hello"
# ---
exec "x"
# ---
return *a
# ---
print("a" b)
# ---
print("hello"
# ---
print("hello))
# ---
foo('it's')
# ---
"abc" def
# ---
x = 'a' 'b' c
# ---
f(a, 'b' c)
# ---
x = 08
# ---
return return
# ---
x = return
# ---
print(return)
# ---
a = lambda: return 1
# ---
d = {'a': 1
     'b': 2}
# ---
d = {'a': 1,
     'b' 2}
# ---
return = 1
# ---
raise Foo, "x"
# ---
x = 0777
# ---
x = 1__0
# ---
u = ur"x"
# ---
x = "abc
y = 1
# ---
x = \
# ---
1abc
# ---
0777
# ---
1__2
# ---
0xg
# ---
0b12
# ---
0o8
# ---
1e+
# ---
1.5abc
# ---
12_x
# ---
1jx
# ---
0_7
# ---
x = '''abc
def
# ---
a = ‘x’
# ---
a b
# ---
a​b
# ---
é = 1; €=2
# ---
x = \ 1
# ---
'\x1'
# ---
b'é'
# ---
'a' b'b'
# ---
'\N{foo}'
# ---
'\N{}'
# ---
'\Uffffffff'
# ---
'abc\u12'
# ---
b'\x1'
# ---
a$b
# ---
f'abc
# ---
f'''abc
d
# ---
t'a'
# ---
s = '日本語' 'ä' x y
# ---
'\N{-DIGIT ONE}'
# ---
'\N{EUROSIGN}'
# ---
'\N{euro sign}\N{HANGUL SYLLABLE GAG}'
