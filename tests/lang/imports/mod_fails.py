"""A module that fails while it runs."""
print("failing")
1 / 0
