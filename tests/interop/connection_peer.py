# SPDX-License-Identifier: Apache-2.0
"""What connection_interop_test has at the other end.

usage: connection_peer.py listen|connect ADDRESS KEY [REPORT]

ADDRESS is tcp:HOST:PORT, path:PATH or abstract:NAME; KEY is hexadecimal, or - for none. It connects, or
listens for one connection after it has said its address to the listener at the path REPORT. What it then
receives it sends back in capitals, until the end. It prints how it ended.
"""
import sys
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener


def address_of(text):
    kind, rest = text.split(':', 1)
    if kind == 'tcp':
        host, port = rest.rsplit(':', 1)
        return (host, int(port))
    return rest if kind == 'path' else '\0' + rest


def echo(connection):
    try:
        while True:
            connection.send_bytes(connection.recv_bytes().upper())
    except (EOFError, ConnectionError):
        pass


def main(role, address, key, report=None):
    key = None if key == '-' else bytes.fromhex(key)
    if role == 'connect':
        connection = Client(address_of(address), authkey=key)
    else:
        listener = Listener(address_of(address), authkey=key)
        with Client(report) as reporting:
            reporting.send_bytes(repr(listener.address).encode())
        connection = listener.accept()
    with connection:
        echo(connection)


if __name__ == '__main__':
    try:
        main(*sys.argv[1:])
        print('done')
    except AuthenticationError as error:
        print('AuthenticationError:', error)
