"""A package in the package."""
print("init", __name__)
