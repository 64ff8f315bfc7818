"""A module that does not parse."""
x = 1
if x
    y = 2
