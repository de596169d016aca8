# SPDX-License-Identifier: Apache-2.0
"""What a client in Python gets from a manager's server, of C++ or of Python.

manager_client.py SUBJECT ADDRESS KEY: does the lines of SUBJECT at the server at ADDRESS (tcp:HOST:PORT, path:PATH),
and prints each with what it came to. Lines that begin with "3.N|" are for Python 3.N and later.
"""

import gc
import multiprocessing
import queue
import re
import sys
import threading
from multiprocessing import managers


class Manager(managers.SyncManager):
    pass


for name in ("Maths", "Counter", "get_queue", "get_counter", "nothing_there"):
    Manager.register(name)
for name in ("Countdown", "squares"):
    Manager.register(name, proxytype=managers.IteratorProxy)

SUBJECTS = {
    "dict": """
        d = m.dict({"a": 1}, b=2)
        str(d)
        d["a"], d["b"], len(d), "a" in d, "zz" in d
        d["zz"]
        d[[]]
        d["c"] = [1, (2, None), {"x": b"y"}, 1.5, True, 2**70, "\\u00e9"]
        d["c"]
        d.get("c") == d["c"], d.get("zz"), d.get("zz", 5)
        del d["c"]
        del d["c"]
        d.setdefault("e", 7), d.setdefault("e", 8)
        d.update({"f": 1}, g=2)
        d.update([("h", 3)])
        d.update(5)
        list(d), sorted(d.keys()), list(d.values()), list(d.items())
        [key for key in d]
        iterator = iter(d)
        next(iterator)
        d["new"] = 1
        next(iterator)
        d.copy(), type(d.copy()).__name__
        d.pop("a"), d.pop("a", 9)
        d.pop("a")
        d.popitem()
        d.clear()
        d.popitem()
        len(d), d.copy()
        d[1] = "one"; d[(1, 2)] = "pair"; d[None] = 0; d[1.0] = "again"
        d.copy()
        d._getvalue()
        3.9|d._callmethod("__iter__") is not None
        d._callmethod("popall", ([1],))
        d._callmethod("__class__")
        d._callmethod("get")
        d._callmethod("get", (1, 2, 3))
        m.dict(5)
        m.dict([(1, 2), (3, 4)]).copy()
        d == d, bool(d)
    """,
    "list": """
        a = m.list(range(5))
        str(a)
        a[0], a[-1], len(a), 3 in a, 9 in a
        a[9]
        a["x"]
        a[1:3], a[::2], a[::-1], a[:], a[-2:]
        a[0] = "zero"
        a[9] = 1
        a[1:3] = ["x", "y", "z"]
        a[:]
        del a[1:4]
        del a[0]
        del a[9]
        a[:]
        a.append([1, 2])
        a.extend((5, 5))
        a += [6]
        a *= 2
        a[:]
        a + [1], a * 2, 2 * a
        a + 5
        a.count(5), a.index(5), a.index(5, 4)
        a.index("nowhere")
        a.insert(0, "first"), a.insert(100, "last")
        a.pop(), a.pop(0)
        a.pop(99)
        a.remove(5)
        a.remove("nowhere")
        a.reverse()
        a[:]
        [each for each in a]
        list(reversed(a))
        a.sort()
        b = m.list([3, 1, 2])
        b.sort(), b[:]
        b.sort(reverse=True), b[:]
        b.sort(key=len)
        b._getvalue(), list(b)
        b._callmethod("__iter__")
        b._callmethod("append")
        b._callmethod("append", (1,), {"x": 1})
        m.list(5)
        m.list()[:], m.list("ab")[:]
        a[0] = lambda: None
    """,
    "nested": """
        outer = m.list()
        outer.append(m.list([1, 2]))
        outer[0].append(3)
        outer[0][:], len(outer[0])
        outer[0][0] = 55
        str(outer[0]), outer[0].pop()
        d = m.dict()
        d["list"] = outer[0]
        d["list"].append("through the dict")
        outer[0][:]
        d["plain"] = [1, 2]
        d["plain"].append(3)
        d["plain"]
        type(d["list"]).__name__, type(outer[0]).__name__
        3.9|d["queue"] = m.Queue()
        3.9|d["queue"].put(123)
        3.9|d["queue"].qsize(), d["queue"].get(), d["queue"].empty()
        d["dict"] = m.dict({"inner": m.Value("i", 5)})
        d["dict"]["inner"].value += 1
        d["dict"]["inner"].value, d["dict"]["inner"].get()
        inner = d["dict"]
        d.clear()
        inner["inner"].value
        copied = outer[:]
        copied[0].append("by the copy"), outer[0][-1]
        n = m.Namespace()
        n.list = outer
        n.list[0][0]
        q = m.Queue()
        q.put(outer)
        q.get()[0][0]
        sorted(type(each).__name__ for each in [m.dict({1: m.list()})[1], m.list([m.Lock()])[0]])
        m.list([m.Event()])[0].is_set(), m.list([m.Barrier(2)])[0].parties
        m.list([m.Condition()])[0].acquire(), m.list([m.Semaphore()])[0].acquire()
        m.list([m.Array("i", [1])])[0][0], m.list([m.Namespace(x=3)])[0].x
    """,
    "Namespace": """
        n = m.Namespace()
        n.name = "Bob"
        n.number = 5
        n._own = 3
        n.name, n.number, n._own
        str(n), n._callmethod("__repr__")
        n.missing
        hasattr(n, "name"), hasattr(n, "missing")
        del n.name
        3.11|del n.name
        n.name
        str(n)
        n.number = [1]
        n.number.append(2)
        n.number
        m.Namespace(x=1, y="two")._getvalue().__dict__
        m.Namespace(5)
    """,
    "Value": """
        v = m.Value("i", 5)
        v.value, v.get(), str(v)
        v.value = 6
        v.set(7)
        v.value += 1
        v.value
        v.value = "anything"
        v.value
        m.Value("d", 0.5).value, m.Value("c", b"x").value
        v.missing
        m.Value()
        a = m.Array("i", range(4))
        str(a), len(a), a[0], a[-1], a[1:3]
        a[0] = 10
        a[9]
        a[9] = 1
        a[1] = "text"
        a[1] = 2**40
        a[:] == a[0:4], list(a)
        a[:]
        str(m.Array("d", [1.5, 2]))
        m.Array("i", ["x"])
        m.Array("?", [1])
        m.Array("b", [200])
        a._getvalue()
    """,
    "Lock": """
        l = m.Lock()
        l.acquire(), l.acquire(False), l.acquire(True, 0.01)
        l.acquire(blocking=False)
        thread(lambda: l.acquire(False))
        thread(l.release)
        l.release()
        l.acquire(False, 1)
        with l: 1
        l.acquire(True, -1), l.acquire(False), l.release()
        l.acquire(True, "x")
        l.acquire()
        waiter = begin(l.acquire)
        l.release()
        waiter.end()
        l.release()
        r = m.RLock()
        r.acquire(), r.acquire(), thread(lambda: r.acquire(False))
        thread(r.release)
        r.release(), r.release()
        r.release()
        thread(lambda: (r.acquire(False), r.release()))
        l.missing()
        l._callmethod("locked_by")
    """,
    "Semaphore": """
        s = m.Semaphore(2)
        s.acquire(), s.acquire(False), s.acquire(False), s.acquire(True, 0.01)
        s.release(), s.release(), s.release()
        [s.acquire(False) for i in range(4)]
        waiter = begin(s.acquire)
        s.release()
        waiter.end()
        m.Semaphore(-1)
        m.Semaphore().acquire()
        b = m.BoundedSemaphore(1)
        b.release()
        b.acquire(), b.acquire(False)
        b.release()
        b.release()
        with b: 1
    """,
    "Condition": """
        c = m.Condition()
        c.notify()
        c.notify_all()
        c.wait(0.01)
        c.release()
        c.acquire(), c.wait(0.01), c.notify(), c.notify_all(), c.release()
        waiter = begin(condition_waiter, c)
        waiter.told()
        c.acquire(), c.notify(), c.release()
        waiter.end()
        waiters = [begin(condition_waiter, c) for i in range(3)]
        [each.told() for each in waiters]
        c.acquire(), c.notify_all(), c.release()
        [each.end() for each in waiters]
        with c: print(c.wait_for(lambda: True), c.wait_for(lambda: False, 0.01))
        l = m.Lock()
        on = m.Condition(l)
        on.acquire(), l.acquire(False), on.release(), l.acquire(False), l.release()
    """,
    "Event": """
        e = m.Event()
        e.is_set(), e.wait(0.01), e.wait(0)
        waiter = begin(e.wait)
        e.set()
        waiter.end(), e.is_set(), e.wait(), e.wait(None)
        e.clear(), e.is_set()
        e.wait("x")
    """,
    "Barrier": """
        b = m.Barrier(2)
        b.parties, b.n_waiting, b.broken
        waiter = begin(b.wait)
        sorted([b.wait(), waiter.end()])
        b.wait(0.01)
        b.broken
        b.wait()
        b.reset()
        b.broken
        waiter = begin(b.wait)
        until(lambda: b.n_waiting == 1)
        b.abort()
        waiter.end(), b.broken
        b.missing
        m.Barrier(1).wait(), m.Barrier(1).wait(timeout=5)
    """,
    "Queue": """
        q = m.Queue(2)
        q.empty(), q.full(), q.qsize()
        q.put("x"), q.put(("y", 1), True), q.full(), q.qsize()
        q.put("z", False)
        q.put("z", True, 0.01)
        q.put_nowait("z")
        q.put("z", block=False)
        q.get(), q.get(True), q.empty()
        q.get(False)
        q.get(True, 0.01)
        q.get(timeout=0.01)
        q.get_nowait()
        waiter = begin(q.get)
        q.put({"a": [1]})
        waiter.end()
        q.put(1), q.put(2)
        waiter = begin(q.put, 3)
        q.get(), waiter.end(), q.get(), q.get()
        q.task_done(), q.task_done(), q.task_done(), q.task_done(), q.task_done(), q.task_done()
        q.task_done()
        q.join()
        q.put(lambda: None)
        q.put()
        q.missing()
        j = m.JoinableQueue()
        j.put(1), j.put(2)
        waiter = begin(j.join)
        j.get(), j.task_done(), j.get(), j.task_done()
        waiter.end() in (None, True)
        j.task_done()
        m.Queue(maxsize=1).full(), m.JoinableQueue(1).full()
        3.13|q.shutdown()
        3.13|q.put(1)
        3.13|q.get()
    """,
    "class": """
        x = m.Maths()
        x.add(2, 3), x.add(-1, 2**31 - 1)
        x.text("two"), x.numbers(3)
        str(x), m.Maths("others").text("two")
        x.fail("key")
        x.fail("index")
        arguments_of(x.fail, "value")
        x.fail("range")
        arguments_of(x.fail, "argument")
        arguments_of(x.fail, "type")
        x.fail("attribute")
        arguments_of(x.fail, "runtime")
        x.fail("empty")
        x.fail("full")
        x.fail("broken")
        arguments_of(x.fail, "end")
        x.fail("os")
        x._callmethod("hidden")
        x.subtract
        x._callmethod("subtract", (1, 2))
        x._callmethod("__class__")
        x.add(1)
        x.add(1, 2, 3)
        x.add("a", 1)
        c = x.counter(5)
        type(c).__name__, c.increment(), c.add(2), c.get()
        a = x.counter(0); b = x.counter(10); a.increment(); b.increment()
        a.get(), b.get()
        m.Counter(7).increment(), m.Counter().get()
        m.Counter(1, 2, 3)
        m.nothing_there()
        sorted(set(x._exposed_)), sorted(c._exposed_)
        3.9|counters = m.list([c, a])
        3.9|counters[0].add(10), c.get()
        x._callmethod("counter", (3,)).get()
    """,
    "iterator": """
        i = m.Countdown(3)
        list(i), list(i)
        next(i)
        [each for each in m.Countdown(4)]
        next(m.Countdown(1))
        list(m.Countdown(0))
    """,
    "shared": """
        q = m.get_queue()
        q.put("by one"), m.get_queue().get(), q.empty()
        m.get_counter().increment(), m.get_counter().increment(), m.get_counter().get()
        kept = m.get_counter()
        del kept
        m.get_counter().get()
        thread(lambda: m.get_counter().add(5)), m.get_counter().get()
    """,
    "references": """
        begun = m._number_of_objects()
        objects = lambda: (gc.collect(), m._number_of_objects() - begun)[1]
        d = m.dict()
        objects() == 1
        i = iter(d)
        objects() == 2
        list(i) == []
        del i
        objects() == 1
        l = m.list([d])
        objects() == 2
        del d
        objects() == 2
        d = l[0]
        d["x"] = 1
        del l
        objects() == 1 and d.copy() == {"x": 1}
        thread(lambda: d.copy()) == {"x": 1} and objects() == 1
        x = m.Maths(); c = x.counter(1)
        objects() == 3
        del x
        objects() == 2 and c.get() == 1
        del c
        objects() == 1
        q = m.Queue(); q.put(d)
        del d
        objects() == 2
        d = q.get()
        objects() == 2 and d.copy() == {"x": 1}
        del q
        objects() == 1
        n = m.Namespace(); n.d = d
        del d
        objects() == 2
        del n.d
        objects() == 1
        del n
        objects() == 0
        d = m.dict(); d["self"] = d
        objects() == 1
        d.clear()
        del d
        objects() == 0
        [m.dict() for i in range(10)] and objects() == 0
        k = m.dict(); k["a"] = m.list(); k["a"] = m.list()
        objects() == 2
        k.pop("a").append(1)
        objects() == 1
        k.setdefault("b", m.list([1]))[0] == 1 and objects() == 2
        del k
        objects() == 0
        m.get_counter().increment() and objects() == 0
        d = m.dict()
        debug_info(m) == "  IDENT:       refcount=1\\n    {}"
        try_to(m.dict, 5) == "RemoteError" and objects() == 1
        try_to(d.__getitem__, 5) == "KeyError" + "(5,)" and objects() == 1
        [d.update({i: m.list()}) for i in range(100)] and objects() == 101
        d.clear(), objects() == 1
    """,
    "children": """
        begun = m._number_of_objects()
        objects = lambda: (gc.collect(), m._number_of_objects() - begun)[1]
        d = m.dict(); l = m.list(); q = m.Queue(); lock = m.Lock(); n = m.Namespace(); x = m.Maths(); c = x.counter(0)
        in_children(fill, d, l, q, lock, n, c)
        sorted(d.items()), sorted(l), n.last in (0, 1, 2), c.get()
        sorted(q.get() for i in range(3))
        objects()
        in_children(nest, d)
        sorted(str(d[key]) for key in METHODS)
        del d, l, q, lock, n, x, c
        objects()
        e = m.Event(); answer = m.Queue()
        child = begin_child(wait_and_answer, e, answer)
        e.set()
        answer.get(), child.join(), objects()
        b = m.Barrier(3); s = m.Semaphore(1); k = m.Condition(); v = m.Value("i", 0); a = m.Array("i", [0] * 3)
        children = [begin_child(meet, b, s, v, a, i) for i in range(2)]
        b.wait() in (0, 1, 2)
        [each.join() for each in children], v.value, a[:]
        del e, answer, child, b, s, k, v, a, children
        objects()
    """,
    "waiting": """
        m.get_counter().increment()
        m.Queue().get()
    """,
    "server": """
        call(m, None, "create", "list") != None
        call(m, None, "nonsense")
        call(m, None, "__init__")
        call(m, None, "incref", "123")
        call(m, None, "decref", "123")
        call(m, "123", "append", 1)
        call(m, "0", "append", 1)
        call(m, None, "create")
        call(m, None, "create", 5)
        d = m.dict()
        l = m.list()
        "append" in call(m, None, "get_methods", l._token)
        call(m, None, "number_of_objects") >= 1
        call(m, d._id, "__setitem__", 1, 2)
        d.copy()
        raw(m, "nonsense")
        raw(m, (1, 2, 3))
        raw(m, (d._id, 5, (), {}))
        d.copy()
    """,
}


class Begun:
    """A call in a thread of its own, which waits."""

    def __init__(self, function, *arguments):
        self.ready = threading.Event()
        if function is condition_waiter:
            arguments = (*arguments, self.ready)
        self.thread = threading.Thread(target=self.run, args=(function, arguments))
        self.thread.start()

    def run(self, function, arguments):
        self.result = try_to(function, *arguments)

    def told(self):
        return self.ready.wait()

    def end(self):
        self.thread.join()
        return self.result


def thread(function):
    return Begun(function).end()


def try_to(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return described(error)


def arguments_of(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return type(error).__name__, error.args


def until(is_so):
    while not is_so():
        pass


def condition_waiter(condition, ready):
    with condition:
        ready.set()
        return condition.wait()


METHODS = ("fork", "spawn", "forkserver")


def in_children(function, *arguments):
    children = []
    for number, method in enumerate(METHODS):
        children.append(multiprocessing.get_context(method).Process(target=function, args=(number, *arguments)))
        children[-1].start()
    for child in children:
        child.join()
    return [child.exitcode for child in children]


def begin_child(function, *arguments):
    child = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    child.start()
    return child


def fill(number, shared_dict, shared_list, shared_queue, lock, namespace, counter):
    with lock:
        shared_dict[number] = METHODS[number]
        shared_list.append(number)
        namespace.last = number
        counter.increment()
    shared_queue.put(number)


def nest(number, shared_dict):
    shared_dict[METHODS[number]] = Manager_of(shared_dict).list([number])


def Manager_of(proxy):
    manager = Manager(proxy._token.address, bytes(proxy._authkey))
    manager.connect()
    return manager


def wait_and_answer(event, answer):
    event.wait()
    answer.put("answered")


def meet(barrier, semaphore, value, array, number):
    barrier.wait()
    with semaphore:
        value.value += 1
        array[number] = number + 1


def connect(manager):
    return manager._Client(manager._address, authkey=manager._authkey)


def call(manager, ident, method, *arguments):
    with connect(manager) as connection:
        if ident is None:
            return managers.dispatch(connection, None, method, arguments)
        managers.dispatch(connection, None, "accept_connection", ("here",))
        return managers.dispatch(connection, ident, method, arguments)


def raw(manager, request):
    """What is answered to a request that is none; the connection goes on."""
    with connect(manager) as connection:
        managers.dispatch(connection, None, "accept_connection", ("here",))
        connection.send(request)
        kind, _ = connection.recv()
        return kind


def debug_info(manager):
    return re.sub("[0-9a-f]{6,}", "IDENT", manager._debug_info())


def described(error):
    name = type(error).__name__
    # The texts of others are the server's own.
    return name + repr(error.args) if isinstance(error, (KeyError, IndexError, AttributeError)) else name


def main():
    subject, where, key = sys.argv[1:]
    kind, _, rest = where.partition(":")
    address = rest
    if kind == "tcp":
        host, _, port = rest.rpartition(":")
        address = (host, int(port))
    authkey = bytes.fromhex(key)
    # For the proxies that come in values.
    multiprocessing.current_process().authkey = authkey
    manager = Manager(address, authkey)
    try:
        manager.connect()
    except multiprocessing.AuthenticationError as error:
        sys.exit(described(error))
    scope = dict(globals(), m=manager, begin=Begun)
    for line in SUBJECTS[subject].strip().splitlines():
        line = line.strip()
        if re.match(r"3\.\d+\|", line):
            version, line = line.split("|", 1)
            if sys.version_info < (3, int(version[2:])):
                continue
        print(">>>", line)
        try:
            try:
                code = compile(line, line, "eval")
            except SyntaxError:
                exec(line, scope)
            else:
                print(repr(eval(code, scope)))
        except Exception as error:
            print(described(error))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
