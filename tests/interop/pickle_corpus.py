# SPDX-License-Identifier: Apache-2.0
"""Values of all types that cross to C++ and back, as pickles.

generate SEED COUNT FILE     writes them, each by every protocol, with its repr
verify SEED COUNT FILE       reads what C++ made of each of them, again by every protocol
"""
import array
import collections
import datetime
import decimal
import fractions
import io
import math
import multiprocessing
import pickle
import pickletools
import queue
import random
import struct
import sys

try:
    import numpy
except ImportError:
    numpy = None

PROTOCOLS = range(min(pickle.HIGHEST_PROTOCOL, 5) + 1)


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y


class Slotted:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left = left
        self.right = right

    def __getstate__(self):  # protocols 0 and 1 want one
        return None, {"left": self.left, "right": self.right}


class Called:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return Called, self.arguments


class Failure(Exception):
    pass


Pair = collections.namedtuple("Pair", "first second")
Point.__module__ = Slotted.__module__ = Called.__module__ = "pickle_corpus"
Failure.__module__ = Pair.__module__ = "pickle_corpus"

EDGES = [0, 1, -1, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**53 + 1,
         2**63 - 1, 2**63, -2**63, -2**63 - 1, 2**64, 10**40, -10**40, 2**2039, -2**2039, 3**4000]
FLOATS = [0.0, -0.0, 1.0, -1.5, 1e15, 1e16, 1e-4, 1e-5, 0.1, 5e-324, 1.7976931348623157e308, 2.0**63,
          math.inf, -math.inf, math.pi, 123456789012345680.0, 1e22, 1e100]
ALPHABETS = ["abc", "'\"\\", "\n\r\t\x00\x1a\x7f", "\xe9\xff\x80\xa0\xad", "\u20ac\u0416\u4e2d\uffff\ue000\u2028",
             "\U0001f600\U00020000\U000e0001", "\ud800\udfff"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.shared = ["shared", b"shared", ["shared", ["list"]], ("shared", 1)]

    def text(self):
        letters = self.random.choice(ALPHABETS) + self.random.choice(ALPHABETS)
        size = self.random.choice([0, 1, 3, 3, 3, 12])
        return "".join(self.random.choice(letters) for _ in range(size))

    def bytes(self):
        return bytes(self.random.choice([0, 10, 39, 34, 92, 65, 128, 255, self.random.randrange(256)])
                     for _ in range(self.random.choice([0, 1, 4, 20])))

    def integer(self):
        edge = self.random.choice(EDGES)
        return edge if self.random.random() < 0.7 else edge + self.random.randrange(-1000, 1000)

    def array(self):
        code = self.random.choice("bBhHiIlLqQfdu")
        size = self.random.randrange(5)
        if code == "u":
            return array.array(code, "".join(self.random.choice("a\xe9\u20ac\U0001f600") for _ in range(size)))
        if code in "fd":
            return array.array(code, [self.random.choice([0.0, 1.5, -2.25, 1e30]) for _ in range(size)])
        bits = 8 * array.array(code).itemsize
        low, high = (0, 2**bits - 1) if code.isupper() else (-2**(bits - 1), 2**(bits - 1) - 1)
        return array.array(code, [self.random.choice([low, high, 0, 1]) for _ in range(size)])

    def timezone(self):
        return self.random.choice([
            None, None, datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=5, minutes=30)),
            datetime.timezone(-datetime.timedelta(hours=3), "there's"),
            datetime.timezone(datetime.timedelta(0), "UTC")])

    def moment(self):
        pick = self.random.randrange
        date = datetime.date(self.random.choice([1, 1970, 2024, 9999]), pick(1, 13), pick(1, 29))
        time = datetime.time(pick(24), pick(60), self.random.choice([0, 59]), self.random.choice([0, 1, 999999]),
                             self.timezone(), fold=pick(2))
        delta = datetime.timedelta(self.random.choice([0, -1, 1, 999999998, -999999999]), pick(86400),
                                   self.random.choice([0, 1, 999999]))
        return self.random.choice([date, time, datetime.datetime.combine(date, time), delta,
                                   self.timezone() or datetime.timezone.utc, datetime.timedelta(0)])

    def exception(self):
        return self.random.choice([
            lambda: ValueError(), lambda: ValueError("it's"), lambda: KeyError("key", 2), lambda: StopIteration(5),
            lambda: OSError(2, "no such"), lambda: OSError(2, "no such", "name"), lambda: OSError("text"),
            lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), lambda: ZeroDivisionError((1, [2])),
            lambda: queue.Full(), lambda: queue.Empty(), lambda: multiprocessing.TimeoutError("late"),
            lambda: KeyboardInterrupt()])()

    def ndarray(self):
        dtype = self.random.choice(["?", "<i1", "<u2", "<i4", ">i4", "<i8", "<u8", "<f2", "<f4", "<f8", ">f8",
                                    "<c8", "<c16", "S3", "<U2", ">U2"])
        shape = self.random.choice([(), (0,), (3,), (2, 3), (2, 0), (2, 2, 2)])
        made = numpy.array([str(self.random.randrange(100)) for _ in range(int(numpy.prod(shape)))])
        if "S" not in dtype and "U" not in dtype:
            made = made.astype("<f8")
        return numpy.array(made.reshape(shape), dtype=dtype, order=self.random.choice("CF"))

    def scalar(self):
        return self.random.choice([numpy.float64(1.5), numpy.float32(0.5), numpy.float16(-2), numpy.int8(-5),
                                   numpy.uint64(2**64 - 1), numpy.bool_(True), numpy.complex128(1 + 2j),
                                   numpy.str_("text"), numpy.bytes_(b"text")])

    def leaf(self):
        return self.random.choice([
            lambda: None, lambda: self.random.choice([True, False]), self.integer, self.integer,
            lambda: self.random.choice(FLOATS), lambda: self.random.uniform(-1e6, 1e6),
            lambda: complex(self.random.choice(FLOATS), self.random.choice(FLOATS)),
            self.text, self.text, self.bytes, self.moment,
            lambda: self.random.choice([slice(2, 5), slice(None, None, -1), decimal.Decimal("1.50"),
                                        fractions.Fraction(1, 3)]),
        ])()

    def hashable(self, depth):
        if depth == 0 or self.random.random() < 0.6:
            while True:
                leaf = self.leaf()
                if not isinstance(leaf, slice):
                    return leaf
        kind = self.random.choice([tuple, frozenset])
        return kind([self.hashable(depth - 1) for _ in range(self.random.randrange(4))])

    def value(self, depth):
        if depth == 0 or self.random.random() < 0.2:
            return self.leaf()
        inside = lambda: [self.value(depth - 1) for _ in range(self.random.randrange(5))]
        keys = lambda: [self.hashable(2) for _ in range(self.random.randrange(5))]
        makers = [
            inside, inside, lambda: tuple(inside()), lambda: tuple(inside()),
            lambda: dict(zip(keys(), inside())), lambda: dict(zip(keys(), inside())),
            lambda: set(keys()), lambda: frozenset(keys()), lambda: bytearray(self.bytes()), self.array,
            self.exception, lambda: self.random.choice(self.shared), lambda: [self.random.choice(self.shared)] * 2,
            lambda: Point(self.value(depth - 1), self.text()), lambda: Slotted(1, self.value(depth - 1)),
            lambda: Called(*inside()), lambda: Pair(self.value(depth - 1), 2), lambda: Failure("own", 1),
            lambda: collections.OrderedDict(zip(keys(), inside())),
            lambda: [Point, ValueError, collections.OrderedDict],
        ]
        if numpy:
            makers += [self.ndarray, self.scalar]
        return self.random.choice(makers)()


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


SPECIAL = [math.nan, [math.nan], {math.nan: 1}, list(range(2500)), {i: str(i) for i in range(2500)},
           set(range(2500)), "x" * 255, "x" * 256, "\u20ac" * 70000, b"x" * 255, b"x" * 256, b"x" * 70000,
           bytearray(b"x" * 70000), [[]] * 3, [()] * 3, nested(200), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4),
           {1: "int", True: "bool", 1.0: "float"}, 10**4299, -10**4299,
           datetime.time(1, 2, tzinfo=datetime.timezone.utc, fold=1),
           datetime.datetime(1, 2, 3, tzinfo=datetime.timezone.utc, fold=1)]


def corpus(seed, count):
    generator = Generator(seed)
    return SPECIAL + [generator.value(4) for _ in range(count)]


def state(value):
    return [getattr(value, name) for name in ("left", "right")] if isinstance(value, Slotted) else vars(value)


def same(a, b):
    """Whether two values are equal and of the same types, all the way down."""
    if numpy and isinstance(a, numpy.generic):
        return b == a.item()
    if isinstance(a, collections.OrderedDict):  # a dict in C++
        a = dict(a)
    if type(a) is not type(b):
        return False
    if numpy and isinstance(a, numpy.ndarray):
        # NumPy itself turns the bytes of elements round when it reads protocols before 5.
        return a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=") and numpy.array_equal(a, b) and \
            a.flags.f_contiguous == b.flags.f_contiguous
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, (set, frozenset)):
        return a == b and sorted(map(signature, a)) == sorted(map(signature, b))
    if isinstance(a, array.array):
        return a.typecode == b.typecode and a.tobytes() == b.tobytes()
    if isinstance(a, BaseException):
        return same(a.args, b.args) and same(vars(a), vars(b)) and \
            getattr(a, "filename", None) == getattr(b, "filename", None)
    if isinstance(a, (Point, Slotted, Called)):
        return same(state(a), state(b))
    if isinstance(a, (datetime.datetime, datetime.time)):
        return a == b and a.fold == b.fold and repr(a.tzinfo) == repr(b.tzinfo)
    return a == b and repr(a) == repr(b)


def signature(value):
    if isinstance(value, frozenset):
        return "frozenset" + repr(sorted(map(signature, value)))
    if isinstance(value, tuple):
        return "tuple" + repr(list(map(signature, value)))
    return repr(value)


def has_own_repr(value):
    """Whether C++ prints it as Python does."""
    if isinstance(value, (list, tuple, set, frozenset)) and not isinstance(value, Pair):
        return all(map(has_own_repr, value))
    if type(value) is dict:
        return all(map(has_own_repr, value)) and all(map(has_own_repr, value.values()))
    if isinstance(value, BaseException):
        return has_own_repr(value.args)
    if numpy and isinstance(value, (numpy.ndarray, numpy.generic)):
        return False
    if isinstance(value, decimal.Decimal):  # its argument is a text
        return True
    if isinstance(value, fractions.Fraction):
        return False
    return not isinstance(value, (Point, Slotted, Called, Pair, collections.OrderedDict, type)) or value is ValueError


def write(file, data):
    file.write(struct.pack("<Q", len(data)) + data)


def read(file):
    size, = struct.unpack("<Q", file.read(8))
    return file.read(size)


def generate(values, path):
    with open(path, "wb") as file:
        write(file, str(len(values)).encode())
        write(file, str(len(PROTOCOLS)).encode())
        for value in values:
            # What C++ prints has surrogates as if they were characters.
            text = repr(value) if has_own_repr(value) and sys.version_info >= (3, 7) else ""
            write(file, text.encode("utf-8", "surrogatepass"))
            for protocol in PROTOCOLS:
                write(file, pickle.dumps(value, protocol))


def verify(values, path):
    failures = 0
    with open(path, "rb") as file:
        for number, value in enumerate(values):
            for source in PROTOCOLS:
                expected = pickle.loads(pickle.dumps(value, source))
                for target in PROTOCOLS:
                    made = read(file)
                    if source == target:
                        pickletools.dis(made, io.StringIO())
                    found = pickle.loads(made)
                    if not same(expected, found):
                        failures += 1
                        print("value %d from protocol %d by %d:\n%.500s\nbecame\n%.500s"
                              % (number, source, target, ascii(expected), ascii(found)))
                    if failures > 5:
                        sys.exit(1)
        if file.read(1):
            print("there is more than was wanted")
            failures += 1
    sys.exit(failures)


def main():
    command, seed, count, path = sys.argv[1:]
    values = corpus(int(seed), int(count))
    {"generate": generate, "verify": verify}[command](values, path)


if __name__ == "__main__":
    import pickle_corpus  # its classes are not to be __main__'s
    pickle_corpus.main()
