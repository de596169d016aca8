# SPDX-License-Identifier: Apache-2.0
"""The same as managers.cpp, in CPython: for each line read from stdin, one pass is made and its figure written
to stdout."""

import os
import time
from multiprocessing.managers import SyncManager

from support.crew import Crew, context, processors, serve
from support.streams import trips

CALLS = 100
KEY, VALUE = "key 0", 42

# What is collected ends its server, and its objects there.
kept = []


def start_manager(on, size):
    """A dict for each of `size` clients, of a manager whose server is on these processors."""
    manager = SyncManager(ctx=context)
    manager.start(os.sched_setaffinity, (0, on))
    dicts = [manager.dict() for _ in range(size)]
    kept.append((manager, dicts))
    return dicts


def set_and_get(values):
    values[KEY] = VALUE
    assert values.get(KEY) == VALUE


def one(size):
    """Microseconds of a call."""
    on = processors[: int(size)]
    [values] = start_manager(on[-1:], 1)
    run = trips(1, lambda _: set_and_get(values), on[:1])
    return lambda: run() / 2


def several(size):
    """Thousands of calls a second."""
    dicts = start_manager(processors, int(size))

    def member(rank):
        for _ in range(CALLS):
            set_and_get(dicts[rank])

    crew = Crew(len(dicts), member)

    def run():
        begin = time.perf_counter()
        crew.work()
        return 2 * CALLS * len(dicts) / (time.perf_counter() - begin) / 1e3

    return run


if __name__ == "__main__":
    serve({"one": one, "several": several})
