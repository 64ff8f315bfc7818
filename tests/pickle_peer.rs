//! Pickles between minipy and CPython 3.14, both ways and in every protocol, where a CPython is present: the command in
//! `MINIPY_CPYTHON`, or `python3.14` on the path. And damaged pickles: exceptions only, whatever was changed.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs on both. `write` prints one line of hexadecimal digits for each value and protocol; `read` takes those lines and
/// says what did not come back as it was made here.
const PROGRAM: &str = r#"
import collections, copyreg, datetime, decimal, enum, fractions, functools, itertools, operator, pathlib, pickle, re, sys
import types, uuid

class Plain:
    def __init__(self, **given):
        self.__dict__.update(given)
    def __eq__(self, other):
        return type(self) is type(other) and self.__dict__ == other.__dict__
    def method(self):
        return 'called'

class Outer:
    class Inner:
        pass

class Slots:
    __slots__ = ('a', 'b')
    def __eq__(self, other):
        return type(other) is Slots and (self.a, self.b) == (other.a, other.b)

class Args:
    def __new__(cls, *args):
        self = object.__new__(cls)
        self.args = args
        return self
    def __getnewargs__(self):
        return self.args
    def __eq__(self, other):
        return type(other) is Args and self.args == other.args

class Named:
    def __new__(cls, *args, **named):
        self = object.__new__(cls)
        self.made = args, named
        return self
    def __getnewargs_ex__(self):
        return self.made
    def __eq__(self, other):
        return type(other) is Named and self.made == other.made

class State:
    def __getstate__(self):
        return ['s']
    def __setstate__(self, state):
        self.state = state
    def __eq__(self, other):
        return type(other) is State and 's' in getattr(self, 'state', 's')

class Reduced:
    def __init__(self, x=0):
        self.x = x
        self.items, self.pairs = [], {}
    def append(self, item):
        self.items.append(item)
    def __setitem__(self, key, value):
        self.pairs[key] = value
    def __reduce__(self):
        return Reduced, (1,), {'extra': 2}, iter([3, 4]), iter([('k', 5)])
    def __eq__(self, other):
        return type(other) is Reduced

class Items(list):
    pass

class Pairs(dict):
    pass

class Number(int):
    pass

class Text(str):
    pass

class Color(enum.Enum):
    RED = 1

class Failure(Exception):
    pass

Point = collections.namedtuple('Point', 'x y')

def function():
    pass

slots = Slots()
slots.a, slots.b = 1, [2]
items = Items([1, 2])
items.note = 'n'

VALUES = [
    None, True, False, 0, 255, 256, 65535, 65536, -1, -129, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**63, -2**63, 2**64, 10**60,
    -10**60, 2**2039, -2**2039, 0.0, -1.5, 1e308, 5e-324, float('inf'), 1 + 2j, b'', b'ab', bytes(range(256)), b'x' * 300,
    b'y' * 70000, bytearray(), bytearray(b'ab'), '', 'ab', 'h\xe9', '\u20ac\U0001f600', '\ud800', 'a\nb\\\0\r\x1a\x7f', 'z' * 300,
    'z' * 70000, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1], [[1], [2]], {}, {1: 2}, {'a': {'b': ()}}, set(), {5},
    frozenset(), frozenset([5]), slice(1, None, 2), range(1, 10, 3), ..., NotImplemented, list(range(1000)), list(range(2001)),
    {i: i for i in range(1000)}, {str(i): [i] for i in range(1500)}, set(range(1000)), ['w' * 70000, b'w' * 70000, 1],
    [str(i) * 30 for i in range(3000)], int, len, getattr, type(None), Plain, Outer.Inner, function, [1].count, Plain(x=1).method,
    Plain(), Plain(x=1, y=[2]), [Plain(x=1), Plain(x=2)], slots, Args(1, 2), Named(1, k=2), State(), Reduced(), items, Pairs(a=1),
    Number(5), Text('t'), Color.RED, Failure('f', 1), ValueError('v'), KeyError('k'), OSError(2, 'no', 'name'), Point(1, 2),
    datetime.datetime(2020, 1, 2, 3, 4, 5, 6), datetime.date(2020, 1, 2), datetime.timedelta(1, 2),
    datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc), decimal.Decimal('1.5'), fractions.Fraction(1, 3),
    collections.deque([1, 2], 3), collections.OrderedDict(a=1), collections.Counter('aab'), collections.defaultdict(list, a=[1]),
    uuid.UUID(int=7), pathlib.PurePosixPath('a/b'), re.compile('a+', re.I), types.SimpleNamespace(a=1), list[int], int | str,
    functools.partial(int, base=2), operator.add, operator.itemgetter(1), functools.reduce, itertools.chain,
]

# What compares by identity is compared by how it is shown.
SHOWN = (types.MethodType, types.BuiltinFunctionType, functools.partial, operator.itemgetter, BaseException)

def shown(value):
    return re.sub(' at 0x[0-9a-f]+', '', repr(value))

def cases():
    for number, value in enumerate(VALUES):
        for protocol in range(6):
            if protocol < 2 and type(value) in (Slots, Named):
                continue
            yield number, protocol, value

if sys.argv[1] == 'write':
    for number, protocol, value in cases():
        print(number, protocol, pickle.dumps(value, protocol).hex())
else:
    count = 0
    for (number, protocol, value), line in zip(cases(), sys.stdin):
        there = line.split()
        assert there[:2] == [str(number), str(protocol)], there[:2]
        try:
            back = pickle.loads(bytes.fromhex(there[2]))
        except Exception as error:
            print(f'value {number} {shown(value)[:60]}, protocol {protocol}: {type(error).__name__}: {error}')
            continue
        same = shown(back) == shown(value) if isinstance(value, SHOWN) else back == value and type(back) is type(value)
        if not same:
            print(f'value {number} {shown(value)[:60]}, protocol {protocol}: {shown(back)[:60]}')
        count += 1
    print(count, 'read')
"#;

/// Changes valid pickles at random, always in the same way, and loads them.
const DAMAGE: &str = r#"
import pickle, sys

seed = 20_26
def random(n):
    global seed
    seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
    return (seed >> 33) % n

class Thing:
    def __init__(self):
        self.x, self.me = [1, 'one'], self

values = [None, True, 1, 300, -5, 2**40, 10**30, 1.5, 'abc', 'h\xe9\ud800', b'bytes', (), (1,), (1, 2, 3, 4), [1, [2, 3]],
          {'a': 1, 'b': {1: 2}}, {1, 2}, frozenset([1, 2]), Thing(), [Thing, len], ValueError('x'), slice(1, 2), range(3), 1 + 2j]
values.append(list(values))
valid = [pickle.dumps(value, protocol) for value in values for protocol in range(6)]
letters = b''.join(getattr(pickle, name) for name in pickle.__all__ if name.isupper() and name not in ('TRUE', 'FALSE')
                   and type(getattr(pickle, name)) is bytes)
ends = {}
for _ in range(int(sys.argv[1])):
    data = bytearray(valid[random(len(valid))])
    for _ in range(1 + random(3)):
        kind, at = random(6), random(len(data) or 1)
        if kind == 0:
            data.insert(at, letters[random(len(letters))])
        elif kind == 1:
            other = valid[random(len(valid))]
            start = random(len(other))
            data[at:at] = other[start:start + 1 + random(8)]
        elif not data:
            pass
        elif kind == 2:
            data[at] = random(256)
        elif kind == 3:
            data[at] ^= 1 << random(8)
        elif kind == 4:
            del data[at:at + 1 + random(4)]
        else:
            data[at] = letters[random(len(letters))]
    try:
        pickle.loads(bytes(data))
        end = 'loaded'
    except Exception as error:
        end = type(error).__name__
    ends[end] = ends.get(end, 0) + 1
print(sum(ends.values()), ends['loaded'] > 100, ends['UnpicklingError'] > 1000)
"#;

/// A program's output; its errors fail the test.
fn run(command: &[String], input: &str, what: &str) -> String {
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_string();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
    });
    let out = child.wait_with_output().expect("output");
    writer.join().expect("the writer ends");
    assert!(out.status.success(), "{what}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn minipy(args: &[&str], input: &str) -> String {
    let mut command = vec![env!("CARGO_BIN_EXE_minipy").to_string(), "--timeout=100".to_string()];
    command.extend(args.iter().map(|a| a.to_string()));
    run(&command, input, "minipy")
}

/// The command of a CPython 3.14, if there is one.
fn peer() -> Option<Vec<String>> {
    let stated = std::env::var("MINIPY_CPYTHON").unwrap_or_else(|_| "python3.14".to_string());
    let command: Vec<String> = stated.split_whitespace().map(str::to_string).collect();
    let out = Command::new(command.first()?).args(&command[1..]).arg("-V").output().ok()?;
    String::from_utf8_lossy(&out.stdout).starts_with("Python 3.14").then_some(command)
}

fn cpython(command: &[String], args: &[&str], input: &str) -> String {
    let mut all = command.to_vec();
    all.extend(args.iter().map(|a| a.to_string()));
    run(&all, input, "the peer")
}

#[test]
fn pickles_go_both_ways() {
    let ours = minipy(&["-c", PROGRAM, "write"], "");
    let count = ours.lines().count();
    let expected = format!("{count} read\n");
    assert_eq!(minipy(&["-c", PROGRAM, "read"], &ours), expected, "minipy reads its own");
    let Some(peer) = peer() else {
        eprintln!("no CPython 3.14 here (MINIPY_CPYTHON names one): only minipy's own pickles were read");
        return;
    };
    let theirs = cpython(&peer, &["-c", PROGRAM, "write"], "");
    assert_eq!(minipy(&["-c", PROGRAM, "read"], &theirs), expected, "minipy reads the peer's");
    assert_eq!(cpython(&peer, &["-c", PROGRAM, "read"], &ours), expected, "the peer reads minipy's");
    // Builtin values stand there in the very same bytes: all that comes before the first class.
    let plain = |lines: &str| {
        lines.lines().take_while(|l| !l.starts_with("68 ")).map(str::to_string).collect::<Vec<_>>()
    };
    for (our, their) in plain(&ours).iter().zip(&plain(&theirs)) {
        assert_eq!(our, their);
    }
}

#[test]
fn damaged_pickles_only_raise() {
    for mode in ["py310", "off"] {
        let gil = format!("--gil={mode}");
        let out = minipy(&[&gil, "--max-heap=1G", "-c", DAMAGE, "20000"], "");
        assert_eq!(out, "20000 True True\n", "[{mode}]");
    }
}
