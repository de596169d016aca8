# SPDX-License-Identifier: Apache-2.0
"""The same as queues.cpp, in CPython: for each line read from stdin, one pass is made and its figure written
to stdout."""

from support.crew import context, processors, serve
from support.streams import stream, trips


def queue_stream(size, item, capacity):
    queue = context.Queue(capacity)
    return stream(size, queue.put, queue.get, item)


def throughput(size, length, capacity):
    return queue_stream(int(size), bytes(int(length)), int(capacity))


def typed(type, capacity):
    item = {"int": 1, "str": "x" * 32, "tuple": (1, 2.5, "x" * 32)}[type]
    return queue_stream(1, item, int(capacity))


def latency(size):
    there, back = context.Queue(), context.Queue()

    def trip(rank):
        if rank == 0:
            there.put(bytes(8))
            back.get()
        else:
            back.put(there.get())

    return trips(2, trip, processors[: int(size)])


if __name__ == "__main__":
    serve({"throughput": throughput, "typed": typed, "latency": latency})
