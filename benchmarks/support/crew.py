# SPDX-License-Identifier: Apache-2.0
"""Processes that are measured, and the conversation with the program that asks for the figures."""

import functools
import multiprocessing
import os
import platform
import sys

context = multiprocessing.get_context("fork")
processors = sorted(os.sched_getaffinity(0))


class Crew:
    """Processes, each pinned to one of some processors in turn, that do a job whenever they are told to."""

    def __init__(self, size, job, on=processors):
        self.ends = []
        for rank in range(size):
            mine, theirs = context.Pipe()
            context.Process(target=self.member, args=(theirs, rank, job, on), daemon=True).start()
            self.ends.append(mine)

    @staticmethod
    def member(end, rank, job, on):
        os.sched_setaffinity(0, {on[rank % len(on)]})
        while end.recv():
            end.send(job(rank))

    def work(self):
        for end in self.ends:
            end.send(True)
        return [end.recv() for end in self.ends]


def serve(parts):
    """Makes one pass of a part for each line, which names it and its arguments, and writes its figure."""

    @functools.cache
    def prepared(part, *arguments):
        return parts[part](*arguments)

    print(platform.python_version(), flush=True)
    for line in sys.stdin:
        print(prepared(*line.split())(), flush=True)
