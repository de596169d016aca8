# SPDX-License-Identifier: Apache-2.0
"""Calls methods of what a manager's server keeps, and writes down what they come to.

managed_objects.py SEED COUNT FILE: a pickle of COUNT cases, each (type id, arguments, names, state, steps); a step
is (method, arguments, names, outcome, value, state), where the outcome is "value", "elements" of an iterator, or
"error", and the state is str() of the object afterwards.
"""

import array
import pickle
import random
import sys
from multiprocessing import managers

TYPES = {
    "list": list,
    "dict": dict,
    "Namespace": managers.Namespace,
    "Value": managers.Value,
    "Array": managers.Array,
}
LEAVES = [None, True, False, 0, 1, -1, 2, 3, 255, 2**31, -(2**63), 2**63, 2**64, 2**200, -(2**70), 0.0, -0.0, 1.5,
          float(2**53), 2.0**64, 1e300, float("inf"), "", "a", "b", "ab", "it's", "\u00e9", "\U0001f600", b"", b"ab"]
KEYS = ["a", "b", "c", 0, 1, 1.0, True, 2, (1, 2), (1, "a"), None, b"a", 2**70, 3.5]
NUMBERS = [0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, -32769, 65536, 2**31 - 1, 2**31, -(2**31) - 1,
           2**32, 2**63 - 1, 2**63, -(2**63), 2**64 - 1, 2**64, 2**2000, True, 0.5, -1.5, 1e300, "a", None]


class Cases:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def value(self, depth=2):
        if depth == 0 or self.random.random() < 0.7:
            return self.pick(LEAVES)
        return self.pick([list, tuple])(self.value(depth - 1) for _ in range(self.random.randrange(4)))

    def key(self):
        return self.pick(KEYS) if self.random.random() < 0.95 else [1]

    def alike(self):
        """Elements that can be ordered, mostly."""
        return self.pick([
            lambda: self.pick([1, 2.5, True, -3, 2**64, 2.0**64, 2**63, -(2**64), 1e300, float("-inf"), 0]),
            lambda: self.pick(["", "a", "b", "ab", "\u00e9", "\U0001f600", "\uffee"]),
            lambda: (self.pick([1, 2, 2.0]), self.pick(["a", "b"])),
            lambda: [self.pick([1, 2])] * self.random.randrange(3),
            lambda: self.pick([b"a", b"b", bytearray(b"ab"), b"\xff"]),
        ])

    def some(self, make, most=5):
        return [make() for _ in range(self.random.randrange(most))]

    def iterable(self):
        return self.pick([
            lambda: self.some(self.value), lambda: tuple(self.some(self.value)), lambda: "h\u00e9llo", lambda: b"ab",
            lambda: dict.fromkeys(self.some(lambda: self.pick(KEYS))), lambda: range(*self.pick([(3,), (1, 4), (9, 2, -3)])),
            lambda: array.array("h", [1, -2]), lambda: [], lambda: 5, lambda: self.some(self.alike(), 9),
        ])()

    def pairs(self):
        def pair():
            chance = self.random.random()
            if chance < 0.04:
                return self.pick([5, "abc", (1,), None])
            return self.pick([lambda: (self.key(), self.value()), lambda: [self.key(), self.value()], lambda: "ab"])()
        return self.pick([lambda: self.some(pair), lambda: {self.pick(KEYS): self.value() for _ in range(3)}])()

    def names(self):
        return {self.pick(["x", "y", "_z", "name"]): self.value() for _ in range(self.random.randrange(3))}

    def index(self):
        return self.pick([0, 1, -1, 2, -2, 5, -5, True, 100, 2**70, "a", 1.0, None])

    def slice(self):
        part = lambda: self.pick([None, None, 0, 1, 2, -1, -2, 4, -4, 100, -100, 2**70, -(2**70), True])
        step = lambda: self.pick([None, None, None, 1, 2, -1, -2, 3, 2**70, -(2**70), 0])
        return slice(part(), part(), step()) if self.random.random() < 0.97 else slice("a", 1)

    def place(self):
        return self.pick([self.index, self.slice])()

    # ---- what each type is made of, and asked for

    def list(self):
        n = lambda: self.pick([0, 1, 2, -1, "a"])
        return self.pick([(), (self.iterable(),), ([1, 2, 3, 4, 5],)]), {}, {
            "__add__": lambda: (self.iterable(),),
            "__contains__": lambda: (self.value(),),
            "__delitem__": lambda: (self.place(),),
            "__getitem__": lambda: (self.place(),),
            "__imul__": lambda: (n(),),
            "__len__": lambda: (),
            "__mul__": lambda: (n(),),
            "__reversed__": lambda: (),
            "__rmul__": lambda: (n(),),
            "__setitem__": lambda: self.pick([lambda: (self.slice(), self.iterable()), lambda: (self.index(), self.value())])(),
            "append": lambda: self.pick([lambda: (self.value(),), lambda: ()])(),
            "clear": lambda: (),
            "copy": lambda: (),
            "count": lambda: (self.value(),),
            "extend": lambda: (self.iterable(),),
            "index": lambda: (self.value(), *self.some(lambda: self.pick([0, 1, -2, 10, -10, 2**70]), 3)),
            "insert": lambda: (self.pick([0, 1, -1, 10, -10]), self.value()),
            "pop": lambda: self.pick([lambda: (), lambda: (self.pick([0, 1, -1, -3, 10, 2**70, "a"]),)])(),
            "remove": lambda: (self.value(),),
            "reverse": lambda: (),
            "sort": lambda: (),
        }

    def dict(self):
        chance = self.random.random()
        return self.pick([(), (self.pairs(),)]), self.names() if chance < 0.3 else {}, {
            "__contains__": lambda: (self.key(),),
            "__delitem__": lambda: (self.key(),),
            "__getitem__": lambda: (self.key(),),
            "__ior__": lambda: (self.pairs(),),
            "__iter__": lambda: (),
            "__len__": lambda: (),
            "__or__": lambda: ({self.pick(KEYS): 1},),
            "__reversed__": lambda: (),
            "__ror__": lambda: ({self.pick(KEYS): 1},),
            "__setitem__": lambda: (self.key(), self.value()),
            "clear": lambda: (),
            "copy": lambda: (),
            "fromkeys": lambda: self.pick([lambda: (self.iterable(),), lambda: ("ab", 1)])(),
            "get": lambda: self.pick([lambda: (self.key(),), lambda: (self.key(), 7), lambda: ()])(),
            "items": lambda: (),
            "keys": lambda: (),
            # Of an empty dict, Python does not hash it.
            "pop": lambda: self.pick([lambda: (self.pick(KEYS),), lambda: (self.pick(KEYS), 7)])(),
            "popitem": lambda: (),
            "setdefault": lambda: self.pick([lambda: (self.key(),), lambda: (self.key(), 7)])(),
            "update": lambda: self.pick([lambda: (self.pairs(),), lambda: (), lambda: ({}, {})])(),
            "values": lambda: (),
        }

    def Namespace(self):
        name = lambda: self.pick(["x", "y", "_z", "absent"])
        return self.pick([(), (), (), (1,)]), self.names(), {
            "__getattribute__": lambda: (name(),),
            "__setattr__": lambda: self.pick([lambda: (name(), self.value()), lambda: (5, 5)])(),
            "__delattr__": lambda: (name(),),
        }

    def Value(self):
        return (self.pick(["i", "d", "any"]), self.value()), {}, {
            "get": lambda: (),
            "set": lambda: self.pick([lambda: (self.value(),), lambda: ()])(),
        }

    def Array(self):
        code = self.pick("bBhHiIlLqQfd")
        small = lambda: self.pick([0, 1, 2, 3, True])
        initial = self.pick([
            lambda: self.some(small, 9), lambda: tuple(self.some(small)), lambda: array.array("i", self.some(small)),
            lambda: bytes(16), lambda: bytes(3), lambda: "ab", lambda: range(5), lambda: 5,
            lambda: self.some(lambda: self.pick(NUMBERS), 3),
        ])()
        names = {"lock": True} if self.random.random() < 0.1 else {}
        given = (code, initial) if self.random.random() < 0.95 else (self.pick(["z", "ab", 5]), [1])
        return given, names, {
            "__len__": lambda: (),
            "__getitem__": lambda: (self.place(),),
            "__setitem__": lambda: self.pick([
                lambda: (self.index(), self.pick(NUMBERS)),
                lambda: (self.slice(), array.array(code, self.some(lambda: 1))),
                lambda: (self.slice(), self.pick([[1], array.array("b" if code != "b" else "h", [1])])),
            ])(),
        }


def outcome(call):
    try:
        return "value", call()
    except Exception as error:
        return "error", error


def case(cases, type_id):
    arguments, names, methods = getattr(cases, type_id)()
    # Before the object, which may keep and change them.
    sent = pickle.dumps((arguments, names))
    kind, made = outcome(lambda: TYPES[type_id](*arguments, **names))
    arguments, names = pickle.loads(sent)
    if kind == "error":
        return type_id, arguments, names, made, []
    state = str(made)
    steps = []
    for _ in range(cases.random.randrange(40)):
        method = cases.pick(list(methods))
        given = methods[method]()
        named = {}
        if method == "sort" and cases.random.random() < 0.5:
            named = {"reverse": cases.pick([True, False])}
        if method == "update" and cases.random.random() < 0.5:
            named = cases.names()
        if not hasattr(made, method):
            continue  # in this version
        before = pickle.dumps(made)
        kind, value = outcome(lambda: getattr(made, method)(*given, **named))
        if value is NotImplemented:
            continue
        if kind == "error":
            made = pickle.loads(before)  # what failed changed nothing here
        elif method in ("__iter__", "__reversed__"):
            kind, value = "elements", list(value)
        elif method in ("keys", "values", "items"):
            value = list(value)
        elif value is made:
            value = None
        steps.append((method, given, named, kind, pickle.loads(pickle.dumps(value)), str(made)))
    return type_id, arguments, names, state, steps


def main():
    seed, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    cases = Cases(seed)
    with open(path, "wb") as out:
        pickle.dump([case(cases, cases.pick(list(TYPES))) for _ in range(count)], out, protocol=4)


main()
