# remark first


if a:

    b
  # odd remark
    c   # remark
# remark

    d = (1,
2,
   # within
      3)
    if e: f; \
  g
    x = a + \
        b
if h:
	i
	if j:
		k
l
if m:
    n = '''1
2'''

    o
class P:
    def q(self):
        r
    # after
    def s(self): t

    u = {

        'v': [
    1,
]}
# end