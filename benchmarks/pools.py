# SPDX-License-Identifier: Apache-2.0
"""The same as pools.cpp, in CPython: for each line read from stdin, one pass is made and its figure written
to stdout. A kind is "Pool" or "Executor"."""

import glob
import multiprocessing
import os
import resource
import time
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.pool import AsyncResult

from support.crew import context, processors, serve

CALLS = 100

# Executors that are collected while the interpreter exits disturb it.
pools = []


def nothing(_):
    pass


def millisecond(_):
    """Of processor time."""
    end = time.thread_time() + 1e-3
    while time.thread_time() < end:
        pass


def wait_for(_):
    gate.wait()


def begin_worker(rank, on, gate_of_pool=None):
    global gate
    gate = gate_of_pool
    with rank.get_lock():
        os.sched_setaffinity(0, {on[rank.value % len(on)]})
        rank.value += 1


def make_pool(kind, size, on=processors, gate=None):
    arguments = (context.Value("i", 0), on, gate)
    if kind == "Pool":
        pools.append(context.Pool(int(size), begin_worker, arguments))
    else:
        pools.append(ProcessPoolExecutor(int(size), context, begin_worker, arguments))
    return pools[-1]


def ways_to_call(pool):
    """Gives a task, waits for its result."""
    if isinstance(pool, ProcessPoolExecutor):
        return pool.submit, Future.result
    return (lambda function, item: pool.apply_async(function, (item,))), AsyncResult.get


def map(kind, size, count, chunksize):
    pool = make_pool(kind, size)
    items = [0] * int(count)

    def run():
        begin = time.perf_counter()
        for _ in pool.map(nothing, items, chunksize=int(chunksize)):
            pass
        return len(items) / (time.perf_counter() - begin) / 1e6

    return run


def submit(kind, size, count):
    call, result = ways_to_call(make_pool(kind, size))
    count = int(count)

    def run():
        begin = time.perf_counter()
        for each in [call(nothing, 0) for _ in range(count)]:
            result(each)
        return count / (time.perf_counter() - begin) / 1e6

    return run


def efficiency(kind, size, count):
    pool = make_pool(kind, size)

    def run():
        begin = time.perf_counter()
        for _ in pool.map(millisecond, range(int(count)), chunksize=1):
            pass
        return int(count) * 1e-3 / int(size) / (time.perf_counter() - begin) * 100

    return run


def calls(kind, size, rest):
    """What makes CALLS calls of a pool and returns the seconds that they took."""
    on = processors[: int(size)]
    os.sched_setaffinity(0, on[:1])
    call, result = ways_to_call(make_pool(kind, 1, on[-1:]))
    result(call(nothing, 0))

    def run():
        seconds = 0
        for _ in range(CALLS):
            if int(rest):
                time.sleep(int(rest) / 1e6)
            begin = time.perf_counter()
            result(call(nothing, 0))
            seconds += time.perf_counter() - begin
        return seconds

    return run


def call(kind, size, rest):
    run = calls(kind, size, rest)
    return lambda: run() / CALLS * 1e6


def sleeps_of(pid):
    sleeps = 0
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with open(path) as file:
            sleeps += sum(int(line.split()[1]) for line in file if line.startswith("voluntary"))
    return sleeps


def call_sleeps(kind, size, rest):
    others = multiprocessing.active_children()
    run = calls(kind, size, rest)
    [worker] = [child for child in multiprocessing.active_children() if child not in others]

    def sleeps():
        return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw + sleeps_of(worker.pid)

    def counted():
        before = sleeps()
        run()
        return (sleeps() - before) / CALLS - (1 if int(rest) else 0)

    return counted


def private_memory():
    with open("/proc/self/status") as file:
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))


def memory(kind, size, count):
    gate = context.Event()
    call, result = ways_to_call(make_pool(kind, size, gate=gate))

    def run():
        gate.clear()
        first = [call(wait_for, 0) for _ in range(int(size))]
        before = private_memory()
        results = [call(abs, i) for i in range(int(count))]
        grown = private_memory() - before
        gate.set()
        for each in first + results:
            result(each)
        return grown / int(count)

    return run


if __name__ == "__main__":
    serve(
        {
            "map": map,
            "submit": submit,
            "efficiency": efficiency,
            "call": call,
            "call_sleeps": call_sleeps,
            "memory": memory,
        }
    )
