# SPDX-License-Identifier: Apache-2.0
"""The same as process_start.cpp, in CPython: for each start method read from stdin, a process that does
nothing is started and joined, and the time in microseconds written to stdout. With the argument "big" it
first touches 2 GiB in 4 KiB pages and starts 100 threads."""

import mmap
import multiprocessing
import platform
import sys
import threading
import time


def nothing():
    pass


def grow():
    memory = mmap.mmap(-1, 2 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(0, len(memory), 4096):
        memory[page] = 1
    for _ in range(100):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    return memory


def main():
    memory = grow() if "big" in sys.argv else None
    print(platform.python_version(), flush=True)
    for line in sys.stdin:
        context = multiprocessing.get_context(line.strip())
        begin = time.perf_counter()
        process = context.Process(target=nothing)
        process.start()
        process.join()
        print((time.perf_counter() - begin) * 1e6, flush=True)
    del memory


if __name__ == "__main__":
    main()
