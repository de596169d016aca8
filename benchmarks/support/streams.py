# SPDX-License-Identifier: Apache-2.0
"""What is measured of everything that carries items between processes, as in streams.hpp."""

import time

from support.crew import Crew, processors

PASS_TIME = 0.03


def stream(size, put, get, item, last=None):
    """Millions of items a second, from `size` members to as many; only the last one is false."""

    def member(rank):
        received = 0
        begin = time.perf_counter()
        if rank < size:
            while time.perf_counter() < begin + PASS_TIME:
                put(item)
            put(last)
        else:
            while get():
                received += 1
        return received

    crew = Crew(2 * size, member)

    def run():
        begin = time.perf_counter()
        received = sum(crew.work())
        return received / (time.perf_counter() - begin) / 1e6

    return run


def trips(size, trip, on=processors):
    """Microseconds of what each of `size` members does its part of, again and again."""
    count = 200

    def member(rank):
        trip(rank)
        begin = time.perf_counter()
        for _ in range(count):
            trip(rank)
        return (time.perf_counter() - begin) / count * 1e6

    crew = Crew(size, member, on)
    return lambda: crew.work()[0]
