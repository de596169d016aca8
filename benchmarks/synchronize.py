# SPDX-License-Identifier: Apache-2.0
"""The same as synchronize.cpp, in CPython: for each line read from stdin, one pass is made and its figure
written to stdout."""

import functools
import multiprocessing
import os
import platform
import sys
import time

context = multiprocessing.get_context("fork")
processors = sorted(os.sched_getaffinity(0))


class Crew:
    """Processes, each pinned to one of the processors in turn, that do a job whenever they are told to."""

    def __init__(self, size, job):
        self.ends = []
        for rank in range(size):
            mine, theirs = context.Pipe()
            context.Process(target=self.member, args=(theirs, rank, job), daemon=True).start()
            self.ends.append(mine)

    @staticmethod
    def member(end, rank, job):
        os.sched_setaffinity(0, {processors[rank % len(processors)]})
        while end.recv():
            end.send(job(rank))

    def work(self):
        for end in self.ends:
            end.send(True)
        return [end.recv() for end in self.ends]


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


@functools.cache
def prepared(part, *arguments):
    return {"uncontended": uncontended, "contended": contended}[part](*arguments)


def main():
    print(platform.python_version(), flush=True)
    for line in sys.stdin:
        print(prepared(*line.split())(), flush=True)


if __name__ == "__main__":
    main()
