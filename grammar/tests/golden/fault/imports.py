import a as b.c
# ---
import a.b.
# ---
import
# ---
from a import
# ---
from a import (b, c,
# ---
from a import b,
# ---
from a import *, b
# ---
from a import b as f()
# ---
import a from b
# ---
import a, b,
# ---
import a as
# ---
from x import class
# ---
import class
# ---
import a.b as
