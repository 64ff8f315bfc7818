'a' "b" '''c
d''' """e'f"""
'\n\t\\\'\"\a\b\f\v\r\0\x41\101\u00e9\U0001F600\N{EURO SIGN}\q\
joined'
r'\n\'' R"\d" u'x' if b'\x00\xff\101\u' rb'\x' Rb'' else b''
'\ud800'
'\ud83d\ude00'
f'' 'plain' f"{a}"
f'{a}{b!r}{c:>10}{d!s:{w}.{p}}'
f'{a = }' f'{a=!s}' f'{ a + b = :x}'
f'{{}} {{{a}}} }}{{'
f'{'nested' + f'{"deeper"}'}'
f'{a["b"]} {lambda_} {(lambda x: 1)} {x:=5} {(x:=5)}'
rf'\d{a}\{b}' f'\N{DIGIT ONE}\{a}' fr'\N{a}'
f'{x!r:^{width}}' f'{a,}' f'{*a, b}' f'{yield_}'
f'''{
a  # remark
=
}'''
f'{a:%Y-%m-%d}' f'{a:{{b}.c}}' f'{a:\x41{b}}'
x = f'{a if b else c!a}' f"{x != y}" f'{ {1: 2}[1] }'
f'{a}' 'tail' ' more'
"日本" 'ä'
