# SPDX-License-Identifier: Apache-2.0
"""The same as connections.cpp, in CPython: for each line read from stdin, one pass is made and its figure
written to stdout."""

import functools
import itertools
import time
from array import array
from multiprocessing.connection import wait

from support.crew import Crew, context, processors, serve
from support.streams import stream, trips

LARGE = 64 << 20
MANY = 64


def receiver_into(end, length):
    return functools.partial(end.recv_bytes_into, bytearray(length))


def throughput(length):
    there, here = context.Pipe()
    return stream(1, there.send_bytes, receiver_into(here, int(length)), bytes(int(length)), b"")


def typed():
    there, here = context.Pipe()
    return stream(1, there.send, here.recv, (1, 2.5, "x" * 32))


def large(count, kind):
    """GiB a second of `count` messages."""
    count = int(count)
    there, here = context.Pipe()
    send, receive, item = {
        "bytes": lambda: (there.send_bytes, receiver_into(here, LARGE), bytes(LARGE)),
        "array": lambda: (there.send, here.recv, array("d", bytes(LARGE))),
    }[kind]()

    def member(rank):
        for _ in range(count):
            if rank == 0:
                send(item)
            else:
                receive()

    crew = Crew(2, member)

    def run():
        begin = time.perf_counter()
        crew.work()
        return count * LARGE / (time.perf_counter() - begin) / (1 << 30)

    return run


def latency(size):
    there, here = context.Pipe()
    there_into, here_into = receiver_into(there, 8), receiver_into(here, 8)
    message = bytes(8)

    def trip(rank):
        if rank == 0:
            there.send_bytes(message)
            there_into()
        else:
            here_into()
            here.send_bytes(message)

    return trips(2, trip, processors[: int(size)])


def many_pipes():
    """All of them, and one after another of their first ends."""
    pipes = [context.Pipe() for _ in range(MANY)]
    return [here for _, here in pipes], itertools.cycle([there for there, _ in pipes])


def ready():
    ends, others = many_pipes()
    message, memory = bytes(8), bytearray(8)

    def trip(_):
        next(others).send_bytes(message)
        [end] = wait(ends)
        end.recv_bytes_into(memory)

    return trips(1, trip)


def server():
    ends, others = many_pipes()
    message, memory = bytes(8), bytearray(8)

    def trip(rank):
        if rank == 0:
            other = next(others)
            other.send_bytes(message)
            other.recv_bytes_into(memory)
        else:
            [end] = wait(ends)
            end.recv_bytes_into(memory)
            end.send_bytes(message)

    return trips(2, trip)


if __name__ == "__main__":
    serve(
        {
            "throughput": throughput,
            "large": large,
            "latency": latency,
            "typed": typed,
            "ready": ready,
            "server": server,
        }
    )
