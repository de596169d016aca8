# SPDX-License-Identifier: Apache-2.0
"""The same as queues.cpp, in CPython: for each line read from stdin, one pass is made and its figure written
to stdout."""

import time

from support.crew import Crew, context, processors, serve

PASS_TIME = 0.03


def stream(size, item, capacity):
    queue = context.Queue(capacity)

    def member(rank):
        received = 0
        begin = time.perf_counter()
        if rank < size:
            while time.perf_counter() < begin + PASS_TIME:
                queue.put(item)
            queue.put(None)
        else:
            while queue.get() is not None:
                received += 1
        return received

    crew = Crew(2 * size, member)

    def run():
        begin = time.perf_counter()
        received = sum(crew.work())
        return received / (time.perf_counter() - begin) / 1e6

    return run


def throughput(size, length, capacity):
    return stream(int(size), bytes(int(length)), int(capacity))


def typed(type, capacity):
    item = {"int": 1, "str": "x" * 32, "tuple": (1, 2.5, "x" * 32)}[type]
    return stream(1, item, int(capacity))


def latency(size):
    there, back = context.Queue(), context.Queue()
    trips = 200

    def member(rank):
        def trip():
            if rank == 0:
                there.put(bytes(8))
                back.get()
            else:
                back.put(there.get())

        trip()
        begin = time.perf_counter()
        for _ in range(trips):
            trip()
        return (time.perf_counter() - begin) / trips * 1e6

    crew = Crew(2, member, processors[: int(size)])
    return lambda: crew.work()[0]


if __name__ == "__main__":
    serve({"throughput": throughput, "typed": typed, "latency": latency})
