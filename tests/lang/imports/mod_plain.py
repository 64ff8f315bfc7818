"""A plain module that counts how often it runs."""
print("running", __name__)
shown = 1
_private = 2


def function():
    return shown, __name__
