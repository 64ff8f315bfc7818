def f(g):
    try:
        return g()
    except (KeyError, ValueError) as e:
        print(e)
    except OSError:
        raise
    else:
        g(1)
    finally:
        g(2)


def loop(xs):
    for x in xs:
        try:
            if x:
                continue
            break
        finally:
            x.close()
    else:
        return 1


def late(x):
    try:
        return x
    finally:
        x = 2


def group(g):
    try:
        g()
    except* OSError as e:
        print(e)
    except* ValueError:
        pass
