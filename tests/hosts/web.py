"""Web servers for the tests of requests.c and crawl.c.

    python3 web.py ROLE...

Each role gets a server on a port of its own; the ports are the first line that
it prints. Then it prints a line for each request that was answered,

    SERVER BEGIN BUSY METHOD PATH BODY

where SERVER is the place of the role, from 0, BEGIN when the request came, in
seconds, and BUSY how many requests of that server were under way then. Roles:

    store           PUT and GET of paths; POST joins bodies
    after=SERVER,N  waits until that server has been asked N times
    mute            answers nothing, and prints "SERVER gone" when the client is
    errors          500 to everything but /robots.txt, which is 404
    FOLDER          the files there, as HTML; none is 404, MOVED leads away
"""

import http.server
import os
import sys
import threading
import time

changed = threading.Condition()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one(self):
        server = self.server
        begin = time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with changed:
            server.busy += 1
            busy = server.busy
            server.asked += 1
            changed.notify_all()
        if server.role == "mute":
            self.connection.recv(1)
            say(server.place, "gone")
            self.close_connection = True
            return
        status, answer, more = server.answer(self.command, self.path, body)
        with changed:
            server.busy -= 1
        say(server.place, f"{begin:.6f}", busy, self.command, self.path, body.decode())
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_POST = handle_one


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, place, role):
        super().__init__(("127.0.0.1", 0), Handler)
        self.place, self.role = place, role
        self.busy = self.asked = 0
        self.stored = {}

    def handle_error(self, *_):
        pass

    def answer(self, method, path, body):
        if self.role == "store":
            old = self.stored.get(path)
            if method == "GET":
                return (200, old, {}) if old is not None else (404, b"", {})
            self.stored[path] = old + b"," + body if method == "POST" and old else body
            return 200, b"", {}
        if self.role.startswith("after="):
            place, count = map(int, self.role[6:].split(","))
            with changed:
                changed.wait_for(lambda: servers[place].asked >= count)
            return 200, b"after", {}
        if path == "/robots.txt" and self.role == "errors":
            return 404, b"", {}
        if self.role == "errors":
            return 500, b"", {}
        if path == "/MOVED":
            return 301, b"", {"Location": "/moved.html"}
        file = os.path.join(self.role, path.strip("/") or "index.html")
        if not os.path.isfile(file):
            return 404, b"", {}
        with open(file, "rb") as content:
            return 200, content.read(), {}


def say(*words):
    with changed:
        print(*words, flush=True)


servers = [Server(place, role) for place, role in enumerate(sys.argv[1:])]
print(*(server.server_address[1] for server in servers), flush=True)
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
