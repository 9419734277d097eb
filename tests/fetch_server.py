"""A web server for tests/fetch.rs, with endpoints that behave badly.

    python3 fetch_server.py FOLDER TOGETHER

It serves the files of FOLDER on a port of its own, which it prints, and as
    /slow/NAME      in small pieces, some milliseconds apart
    /chunked/NAME   in chunks
    /closed/NAME    without a length, until it closes the connection
    /stall/NAME     half of it, and then nothing
    /vanish/NAME    half of it, and then it closes the connection
    /reset/NAME     half of it, and then it resets the connection
    /mute           nothing at all
    /endless        a little every millisecond, without end
    /together       when TOGETHER requests have come for it, and not before
    /busy/NAME      after a while, with the most that were served so at once as
                    a header, which must stay under the client's limit
"""

import http.server
import os
import socket
import struct
import sys
import threading
import time

folder, together = sys.argv[1], int(sys.argv[2])
lock = threading.Condition()
here = busy = most_busy = 0
forever = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def head(self, length=None, status=200, **more):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def do_GET(self):
        global here, busy, most_busy
        parts = self.path.strip("/").split("/")
        how, name = (parts[0], parts[1]) if len(parts) == 2 else ("", parts[0])
        if self.path == "/mute":
            forever.wait()
        if self.path == "/endless":
            self.head()
            while True:
                self.wfile.write(b"more")
                time.sleep(0.001)
        if self.path == "/together":
            with lock:
                here += 1
                lock.notify_all()
                lock.wait_for(lambda: here >= together)
            self.head(3)
            self.wfile.write(b"all")
            return
        if self.path == "/most-busy":
            text = str(most_busy).encode()
            self.head(len(text))
            self.wfile.write(text)
            return
        path = os.path.join(folder, os.path.basename(name))
        if not os.path.isfile(path):
            self.head(9, 404)
            self.wfile.write(b"not found")
            return
        with open(path, "rb") as file:
            body = file.read()
        half = body[: len(body) // 2]
        if how == "slow":
            self.head(len(body))
            step = max(1, len(body) // 7)
            for at in range(0, len(body), step):
                self.wfile.write(body[at : at + step])
                self.wfile.flush()
                time.sleep(0.01)
        elif how == "chunked":
            self.head(Transfer_Encoding="chunked")
            at, size = 0, 1
            while at < len(body):
                piece = body[at : at + size]
                self.wfile.write(b"%X;some=thing\r\n%s\r\n" % (len(piece), piece))
                at, size = at + size, size * 2 + 1
            self.wfile.write(b"0\r\nA-Trailer: yes\r\n\r\n")
        elif how == "closed":
            self.head()
            self.wfile.write(body)
        elif how in ("stall", "vanish", "reset"):
            self.head(len(body))
            self.wfile.write(half)
            self.wfile.flush()
            if how == "stall":
                forever.wait()
            if how == "reset":
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif how == "busy":
            with lock:
                busy += 1
                most_busy = max(most_busy, busy)
            time.sleep(0.02)
            with lock:
                busy -= 1
            self.head(len(body))
            self.wfile.write(body)
        else:
            self.head(len(body))
            self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 2048

    def handle_error(self, *_):
        pass

    def shutdown_request(self, request):
        try:
            lingers = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            if struct.unpack("ii", lingers)[0]:
                request.close()  # without the orderly end
                return
        except OSError:
            pass
        super().shutdown_request(request)


threading.stack_size(256 * 1024)
server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
