"""Publishes each line of stdin to a NATS subject and prints each answer: command.py nats://localhost:4222 stellwerk.command.a1 < lines"""
import os, socket, sys
host, port = sys.argv[1].removeprefix('nats://').split(':')
subject, inbox = sys.argv[2].encode(), b'_INBOX.' + os.urandom(12).hex().encode()
connection = socket.create_connection((host, int(port)), 10)
incoming = connection.makefile('rb')
connection.sendall(b'CONNECT {"verbose":false}\r\nSUB %s 1\r\n' % inbox)
for body in sys.stdin.buffer.read().splitlines():
    connection.sendall(b'PUB %s %s %d\r\n%s\r\n' % (subject, inbox, len(body), body))
    while not (line := incoming.readline()).startswith(b'MSG '):
        if not line or line.startswith(b'-ERR'): sys.exit(line.decode() or 'the connection was lost')
        if line.startswith(b'PING'): connection.sendall(b'PONG\r\n')
    print(incoming.read(int(line.split()[-1]) + 2).decode().strip(), flush=True)
