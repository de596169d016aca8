# SPDX-License-Identifier: Apache-2.0
"""What connection_values_interop_test has at the other end.

usage: connection_values_peer.py listen|connect ADDRESS KEY COUNT [REPORT]

ADDRESS, KEY and REPORT are as in connection_peer.py. It receives COUNT values, which must be those that
value() makes, and meanwhile sends the same ones. It prints how many were equal.
"""
import datetime
import sys
import threading
from multiprocessing.connection import Client, Listener

from connection_peer import address_of


def value(i):
    """The same as the test's own."""
    kind = i % 12
    if kind == 0:
        return i
    if kind == 1:
        return -(i + 1) << (i % 200)
    if kind == 2:
        return i / 7
    if kind == 3:
        return 'text \u20ac %d' % i
    if kind == 4:
        return bytes(each % 256 for each in range(i % 300))
    if kind == 5:
        return [i, str(i), None, i % 2 == 0]
    if kind == 6:
        return (i, (i + 1, ()))
    if kind == 7:
        return {'key': i, i: ['value']}
    if kind == 8:
        return {i, i + 1, 'x'}
    if kind == 9:
        return datetime.datetime(2000 + i % 30, 1 + i % 12, 1 + i % 28, i % 24, i % 60, i % 59, i)
    if kind == 10:
        return bytearray(b'b' * (i % 20))
    return {'nested': [value(i // 2), frozenset([i])]}


def same(one, other):
    return type(one) is type(other) and one == other


def main(role, address, key, count, report=None):
    key = None if key == '-' else bytes.fromhex(key)
    if role == 'connect':
        connection = Client(address_of(address), authkey=key)
    else:
        listener = Listener(address_of(address), authkey=key)
        with Client(report) as reporting:
            reporting.send_bytes(repr(listener.address).encode())
        connection = listener.accept()
    count = int(count)

    def send():
        for i in range(count):
            connection.send(value(i))

    sender = threading.Thread(target=send)
    sender.start()
    print(sum(same(connection.recv(), value(i)) for i in range(count)))
    sender.join()
    connection.close()


if __name__ == '__main__':
    main(*sys.argv[1:])
