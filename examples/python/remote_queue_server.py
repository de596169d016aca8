# SPDX-License-Identifier: Apache-2.0
"""usage: remote_queue_server.py HOST PORT

remote_queue_server, in Python.
"""
import queue
import sys
from multiprocessing.managers import BaseManager

TASKS = queue.Queue()
RESULTS = queue.Queue()


def get_tasks():
    return TASKS


def get_results():
    return RESULTS


class QueueManager(BaseManager):
    pass


QueueManager.register('get_tasks', get_tasks)
QueueManager.register('get_results', get_results)

if __name__ == '__main__':
    host, port = sys.argv[1:]
    with QueueManager((host, int(port)), b'abracadabra') as manager:
        print('serving at port', manager.address[1], flush=True)
        tasks, results = manager.get_tasks(), manager.get_results()
        for number in range(1, 6):
            tasks.put(number)
        tasks.put(None)  # There are no more.
        for _ in range(5):
            print('the square of %d is %d' % results.get())
        tasks.join()
