# SPDX-License-Identifier: Apache-2.0
"""The same as synchronize.cpp, in CPython: for each line read from stdin, one pass is made and its figure
written to stdout."""

import time

from support.crew import Crew, context, processors, serve

def nanoseconds_each(count, function):
    begin = time.perf_counter_ns()
    function(count)
    return (time.perf_counter_ns() - begin) / count


def uncontended(type):
    lock = getattr(context, type)()

    def run(count):
        for _ in range(count):
            lock.acquire()
            lock.release()

    return lambda: nanoseconds_each(10_000, run)


def contended(size):
    lock = context.Lock()
    words = context.RawArray("l", 2)

    def write(rank):
        count = 0
        begin = now = time.perf_counter()
        while now < begin + 0.02:
            for _ in range(16):
                lock.acquire()
                words[0] += 1
                words[1] += 1
                lock.release()
            count += 16
            now = time.perf_counter()
        return count / (now - begin) / 1e6

    crew = Crew(int(size), write)
    return lambda: sum(crew.work())


def value():
    number = context.Value("l")

    def run(count):
        for _ in range(count):
            with number.get_lock():
                number.value += 1

    return lambda: nanoseconds_each(10_000, run)


def raw_value():
    number = context.RawValue("l")

    def run(count):
        for _ in range(count):
            number.value += 1

    return lambda: nanoseconds_each(10_000, run)


def handover(type, size):
    make = {"Semaphore": lambda: context.Semaphore(0), "Event": context.Event}[type]
    first, second = make(), make()

    def give(side):
        side.release() if type == "Semaphore" else side.set()

    def take(side):
        if type == "Semaphore":
            side.acquire()
        else:
            side.wait()
            side.clear()

    def run(count):
        for _ in range(count):
            give(first)
            take(second)

    def answer(count):
        for _ in range(count):
            take(first)
            give(second)

    crew = Crew(2, lambda rank: nanoseconds_each(100, answer if rank else run), processors[: int(size)])
    return lambda: crew.work()[0] / 1e3


if __name__ == "__main__":
    serve(
        {
            "uncontended": uncontended,
            "contended": contended,
            "value": value,
            "raw_value": raw_value,
            "handover": handover,
        }
    )
