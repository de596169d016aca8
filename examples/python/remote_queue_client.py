# SPDX-License-Identifier: Apache-2.0
"""usage: remote_queue_client.py HOST PORT

remote_queue_client, in Python.
"""
import sys
from multiprocessing.managers import BaseManager


class QueueManager(BaseManager):
    pass


QueueManager.register('get_tasks')
QueueManager.register('get_results')

host, port = sys.argv[1:]
manager = QueueManager((host, int(port)), b'abracadabra')
manager.connect()
tasks, results = manager.get_tasks(), manager.get_results()
done = 0
while True:
    number = tasks.get()
    if number is not None:
        results.put((number, number * number))
        done += 1
    tasks.task_done()
    if number is None:
        break
print(done, 'tasks are done')
