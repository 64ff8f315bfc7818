"""The other half."""
import mod_ring_a
seen = mod_ring_a.first, hasattr(mod_ring_a, "done")
