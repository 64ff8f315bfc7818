"""Half of a knot that cannot be untied."""
from mod_knot_b import b_value
a_value = 1
