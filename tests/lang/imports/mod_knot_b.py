"""The other half of the knot."""
from mod_knot_a import a_value
b_value = 2
