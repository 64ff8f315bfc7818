def f(lock, g):
    with lock:
        g.count += 1
    with open("a") as a, open("b") as b:
        return a.read() + b.read()


async def h(x):
    async with x as y:
        async for z in y:
            await z
    return [q async for q in x]
