"""Clients of examples/hosts/server.c, each of which looks at one promise.

    python3 clients.py PORT order       answers come in the order of the requests
                            slow        who does not read holds up nobody else
                            leave       what a client asked for goes with it
                            wrong       what is no request is refused, in its turn
                            limits      of time, with -t 0.1 and -i 2
                            stay FILE PATH...   keeps asking; FILE appears when all run

Every answer is "NUMBER PATH RESULT", where NUMBER counts how the requests of
one connection were run. Exits with 0 when all was well.
"""

import random
import socket
import sys
import threading
import time

port = int(sys.argv[1])


class Connection:
    def __init__(self, buffer=None):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(60)
        self.socket.connect(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def send(self, *paths):
        self.socket.sendall(b"".join(map(request, paths)))

    def answer(self):
        """The status, the headers and the body of the next answer; None at the end."""
        line = self.file.readline()
        if not line:
            return None
        headers = {}
        while (header := self.file.readline()) not in (b"\r\n", b""):
            name, value = header.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        body = self.file.read(int(headers["content-length"]))
        return int(line.split()[1]), headers, body.decode()

    def expect(self, number, path):
        status, _, body = self.answer()
        assert status == 200, (status, body)
        assert body.startswith(f"{number} {path.split('|')[0]} "), (number, path, body)
        return body.split(" ", 2)[2].strip()

    def ask(self, number, path):
        self.send(path)
        return self.expect(number, path)

    def close(self):
        self.file.close()
        self.socket.close()


def request(path):
    """PATH is asked for; PATH|BODY is posted to."""
    path, _, body = path.partition("|")
    if not body:
        return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.005)


def together(count, function):
    """In so many threads; fails when one of them does."""
    failed = []

    def run(number):
        try:
            function(number)
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed


def order():
    kinds = ["/short/{}", "/sum/{}", "/sleep/1", "/", "/sum|body-{}", "/short/again-{}"]

    def client(seed):
        dice = random.Random(seed)
        paths = [dice.choice(kinds).format(dice.randrange(100_000)) for _ in range(200)]
        wire = b"".join(map(request, paths))
        connection = Connection()

        def send():
            at = 0
            while at < len(wire):       # cut anywhere
                size = dice.choice([1, 7, 100, 4000])
                connection.socket.sendall(wire[at : at + size])
                at += size

        sender = threading.Thread(target=send)
        sender.start()
        for number, path in enumerate(paths):
            connection.expect(number, path)
        sender.join()
        connection.close()

    together(20, client)
    print("20 clients, 4000 pipelined requests, all answered in order")


def slow():
    # As many that no buffer of a socket takes their answers.
    paths = [f"/short/{'x' * 150}{number}" for number in range(30_000)]
    lazy = Connection(buffer=4096)
    sender = threading.Thread(target=lazy.send, args=paths)
    sender.start()
    other = Connection()
    for number in range(2000):
        other.ask(number, "/short/quick")
    other.close()
    for number, path in enumerate(paths):
        lazy.expect(number, path)
    sender.join()
    lazy.close()
    print("2000 requests answered beside a client that did not read; then its own 30000")


def queued(observer, name):
    observer.send("/queues")
    status, _, text = observer.answer()
    assert status == 200
    lines = [
        line for line in text.splitlines()
        if line.startswith((f"Name: {name},", f"Name: {name} "))
    ]
    return [sum(f"Status: {state}" in line for line in lines) for state in ("pending", "running")]


def leave():
    observer, clients = Connection(), []
    for _ in range(5):
        client = Connection()
        name = client.ask(0, "/")
        client.send("/sleep/600000", *[f"/short/{number}" for number in range(10)])
        clients.append((client, name))
    for client, name in clients:
        # The claim and the work of the first; ten behind it.
        until(lambda: queued(observer, name) == [10, 2])
        client.close()
    for _, name in clients:
        until(lambda: queued(observer, name) == [0, 0])
    observer.close()
    print("5 clients left, and what they had asked for with them")


def wrong():
    for bytes, expected in [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/3\r\n\r\n", 505),
        (b"PUT / HTTP/1.1\r\n\r\n", 405),
        (b"GET /" + b"x" * 300 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 8300, 431),
        (b"POST /sum HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        (b"POST /sum HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /sum HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400),
    ]:
        connection = Connection()
        connection.socket.sendall(request("/sleep/20") + request("/nothing") + bytes)
        connection.expect(0, "/sleep/20")
        status, _, _ = connection.answer()
        assert status == 404, status
        status, headers, _ = connection.answer()
        assert (status, headers["connection"]) == (expected, "close"), (bytes, status, headers)
        assert connection.answer() is None
        connection.close()
    for last in [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nconnection: Close\r\n\r\n"]:
        connection = Connection()
        connection.socket.sendall(last)
        connection.expect(0, "/")
        assert connection.answer() is None
        connection.close()
    connection = Connection()
    connection.socket.sendall(b"HEAD / HTTP/1.1\r\n\r\n" + request("/short/1"))
    assert connection.file.readline() == b"HTTP/1.1 200 OK\r\n"
    while connection.file.readline() != b"\r\n":
        pass
    connection.expect(1, "/short/1")
    connection.close()
    print("8 wrong requests refused in their turn")


def limits():
    connection = Connection()
    connection.send("/sleep/600000", "/short/1")
    assert connection.answer()[0] == 504
    connection.expect(1, "/short/1")
    assert connection.answer() is None      # it says nothing more
    connection.close()
    print("504 after the time limit; closed when it was idle")


def stay():
    """One connection per path; waits until all run, makes the file, and prints the answers."""
    observer, clients = Connection(), []
    for path in sys.argv[4:]:
        client = Connection()
        name = client.ask(0, "/")
        client.send(path)
        clients.append((client, path))
        until(lambda: queued(observer, name)[1] == 2)
    open(sys.argv[3], "w").close()
    for client, path in clients:
        answer = client.answer()
        print(path, "gone" if answer is None else f"{answer[0]} {answer[1]['connection']}")


{"order": order, "slow": slow, "leave": leave, "wrong": wrong, "limits": limits, "stay": stay}[sys.argv[2]]()
