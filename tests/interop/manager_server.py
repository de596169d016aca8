# SPDX-License-Identifier: Apache-2.0
"""A manager's server in Python, for clients in C++ and in Python.

manager_server.py ADDRESS KEY REPORT: serves at ADDRESS (tcp:HOST:PORT, path:PATH) until it is shut down, and tells
whoever listens at the path REPORT where that is.
"""

import multiprocessing
import queue
import sys
import threading
from multiprocessing import managers
from multiprocessing.connection import Client

EXCEPTIONS = {
    "key": KeyError("zz"),
    "index": IndexError("no such element"),
    "value": ValueError("not this value"),
    "range": IndexError("out of range"),
    "argument": ValueError("wrong argument"),
    "type": TypeError("not this type"),
    "attribute": AttributeError("no such attribute"),
    "runtime": RuntimeError("it does not work"),
    "empty": queue.Empty(),
    "full": queue.Full(),
    "broken": threading.BrokenBarrierError(),
    "end": EOFError("no more"),
    "os": FileNotFoundError(2, "No such file or directory"),
}


class Unheard(Exception):
    """One that clients know nothing of."""


class Counter:
    def __init__(self, value=0):
        self.value = value

    def increment(self):
        return self.add(1)

    def add(self, by):
        self.value += by
        return self.value

    def get(self):
        return self.value


class Maths:
    def __init__(self, name="maths"):
        self.name = name

    def add(self, a, b):
        return a + b

    def text(self, value):
        return "%s of %s" % (value, self.name)

    def numbers(self, count):
        return list(range(count))

    def fail(self, how):
        raise EXCEPTIONS[how]

    def counter(self, value):
        return Counter(value)

    def hidden(self):
        return "hidden"

    def __str__(self):
        return "Maths(%s)" % self.name


class Odd:
    """What no C++ class is like."""

    def fail_unheard(self):
        raise Unheard("of this", 5)

    def function(self):
        return lambda: None

    def by_name(self, a, *others, b=2, **names):
        return a, others, b, names


class Countdown:
    def __init__(self, begin):
        self.left = begin

    def __iter__(self):
        return self

    def __next__(self):
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        return self.left


THE_QUEUE = queue.Queue()
THE_COUNTER = Counter()


def made(value=0):
    # Python hands what a method has made to this as well.
    return value if isinstance(value, Counter) else Counter(value)


def get_queue():
    return THE_QUEUE


def get_counter():
    return THE_COUNTER


def squares(count):
    return (i * i for i in range(count))


class Manager(managers.SyncManager):
    pass


EXPOSED = ("add", "text", "numbers", "fail", "counter", "__str__")
Manager.register("Maths", Maths, exposed=EXPOSED, method_to_typeid={"counter": "Counter"})
Manager.register("Counter", made)
Manager.register("Odd", Odd)
Manager.register("Countdown", Countdown, exposed=("__next__",))
Manager.register("squares", squares, exposed=("__next__", "send", "throw", "close"))
Manager.register("get_queue", get_queue)
Manager.register("get_counter", get_counter)


def main():
    where, key, report = sys.argv[1:]
    kind, _, rest = where.partition(":")
    address = rest
    if kind == "tcp":
        host, _, port = rest.rpartition(":")
        address = (host, int(port))
    authkey = bytes.fromhex(key)
    multiprocessing.current_process().authkey = authkey
    server = Manager(address, authkey).get_server()
    with Client(report) as connection:
        connection.send_bytes(("%s" % (server.address,) if kind == "path" else
                               "%s %d" % server.address).encode())
    server.serve_forever()


if __name__ == "__main__":
    main()
