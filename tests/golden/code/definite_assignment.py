def maybe(items, flag):
    for last in items:
        pass
    if flag:
        other = 1
    print(last, last, other)
    try:
        value = flag()
    except ValueError as e:
        print(e)
    print(e)
    return value


def surely(flag):
    while True:
        x = flag()
        if x:
            break
    del flag
    if x:
        y = 1
    else:
        y = 2
    return x, y
