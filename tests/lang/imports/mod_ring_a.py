"""Half of a ring of imports."""
first = "set before"
import mod_ring_b
done = "a done"
