"""A module that makes attributes on demand."""
real = 1


def __getattr__(name):
    if name == "refused":
        raise AttributeError("no " + name)
    return "made " + name
