# SPDX-License-Identifier: Apache-2.0
"""What typed_pickle_interop_test.cpp has a Python do: one of the functions below, with a pickle in hexadecimal.

It checks the value and prints the pickle of what it answers, by every protocol, one a line."""
import array
import collections
import dataclasses
import datetime
import multiprocessing
import pickle
import queue
import sys
import threading

try:
    import numpy
except ImportError:
    numpy = None


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)


class Slotted:
    __slots__ = ("name", "size")


@dataclasses.dataclass(frozen=True)
class Record:
    name: str
    size: int

    class Inner:
        pass


Pair = collections.namedtuple("Pair", ["name", "size"])


class Shape:
    pass


class Square(Shape):
    pass


class Failure(Exception):
    pass


def slotted(name, size):
    made = Slotted()
    made.name = name
    made.size = size
    return made


def inner(name, size):
    made = Record.Inner()
    made.name = name
    made.size = size
    made._cache = [1, 2, 3]
    return made


def same(got, wanted):
    if type(got) is not type(wanted):
        return False
    if isinstance(got, (list, tuple)):
        return len(got) == len(wanted) and all(map(same, got, wanted))
    if isinstance(got, dict):
        return list(got) == list(wanted) and all(same(got[key], wanted[key]) for key in got)
    return got == wanted


def check(got, wanted):
    for index, (one, other) in enumerate(zip(got, wanted)):
        if not same(one, other):
            sys.exit(f"{index}: {one!r} is there, {other!r} is wanted")
    if not same(got, wanted):
        sys.exit(f"{got!r} is there, {wanted!r} is wanted")


def values(got):
    utc = datetime.timezone.utc
    check(got, (
        True, -5, 2**64 - 1, 0.5, 1 - 2j, 700,
        "caf\u00e9 \U0001f600", "x", b"a\x00\xff", "0101",
        [1, 2, 3], [True, False], [0.5, 1.0], [["a"], []],
        (1, "a", (2, 3)), {1, 2}, {"a": [1], "b": []}, {(1, 2): {3}},
        None, 5, None, "held", [None, 1, "text"],
        datetime.timedelta(milliseconds=-1500), datetime.datetime(2024, 2, 29, 13, 5, 7, 9, tzinfo=utc),
        ((1, "inner"), [1.0]), {"a": 1, "text": "x"}))
    return got


def classes(got):
    check(got, [Point(1, 2), Point(-1, 0)])
    for each in got:
        each.note = "not of the others' business"
    return (got, slotted("slotted", 1), Record("record", 2), Pair("pair", 4))


def nested(got):
    if type(got) is not Record.Inner or (got.name, got.size) != ("there", 1):
        sys.exit(repr(got))
    return inner("back", 2)


def shapes(got):
    if [type(each) for each in got] != [Square, type(None)] or got[0].side != 2.0:
        sys.exit(repr(got))
    got[0].side = 3
    return [None, got[0]]


def pythons_own(_):
    ordered = collections.OrderedDict([("b", 1), ("a", 2)])
    east = datetime.timezone(datetime.timedelta(hours=2), "EAST")
    made = [array.array("i", [1, 2, 3]), array.array("d", [0.5]), array.array("B", [255]), (1, 2), 3,
            bytearray(b"bytes"), frozenset([1, 2]), ordered,
            datetime.datetime(2024, 1, 1, 1, 30, tzinfo=east)]
    if numpy:
        made += [numpy.arange(3), numpy.array([1, 2, 3], dtype=">i2"), numpy.array([0.5, 1], dtype="f4"),
                 numpy.float64(1.5), numpy.int32(7)]
    return tuple(made)


def exceptions(got):
    wanted = [IndexError, IndexError, KeyError, ValueError, AttributeError, RuntimeError, EOFError, TypeError,
              MemoryError, OverflowError, FileNotFoundError, queue.Empty, queue.Full,
              multiprocessing.TimeoutError, multiprocessing.AuthenticationError, threading.BrokenBarrierError,
              pickle.PicklingError, RuntimeError]
    if [type(each) for each in got] != wanted:
        sys.exit(f"{got!r} is there")
    if got[0].args != ("text",) or got[10].errno != 2 or got[17].pid != 7:
        sys.exit(f"{got!r} is there")
    made = []
    for failing in (lambda: [][1], lambda: {}["k"], lambda: int("x"), lambda: open("/no/such/file"),
                    lambda: 1 // 0, lambda: queue.Queue().get_nowait()):
        try:
            failing()
        except Exception as error:
            made.append(error)
    return (got, made, Failure("own", 1))


if __name__ == "__main__":
    # The classes are those of the module, not of the program.
    import typed_pickle
    answer = getattr(typed_pickle, sys.argv[1])(pickle.loads(bytes.fromhex(sys.argv[2])))
    # Those before 4 have no names with dots.
    for protocol in range(4 if sys.argv[1] == "nested" else 0, pickle.HIGHEST_PROTOCOL + 1):
        try:
            print(pickle.dumps(answer, protocol).hex())
        except TypeError:  # __slots__ need protocol 2
            print(pickle.dumps(answer, 2).hex())
