"""The application of shop.py: orders come in by HTTP, wait in redis, and are packed by a worker."""

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Redis:
    """As much of a client as a shop needs."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._file = self._socket.makefile("rb")

    def call(self, *words: str) -> list[str]:
        parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
        self._socket.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
        return self._answer()

    def _answer(self) -> list[str]:
        kind, rest = chr(self._file.read(1)[0]), self._file.readline().decode().strip()
        if kind == "*":
            return [word for _ in range(int(rest)) for word in self._answer()]
        if kind == "$" and int(rest) >= 0:
            return [self._file.read(int(rest) + 2)[:-2].decode()]
        return [rest]


def web(path: str, port: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say("".join(f"{thing}\n" for thing in Redis(path).call("LRANGE", "packed", "0", "-1")))

        def do_POST(self) -> None:
            thing = self.rfile.read(int(self.headers["Content-Length"])).decode()
            Redis(path).call("LPUSH", "orders", thing)
            self._say(f"{thing} is ordered\n")

        def _say(self, text: str) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def worker(path: str) -> None:
    redis = Redis(path)
    print("waiting for orders", flush=True)
    while True:
        _, thing = redis.call("BRPOP", "orders", "0")
        redis.call("RPUSH", "packed", thing)
        print(f"packed a {thing}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "web":
        web(sys.argv[2], int(sys.argv[3]))
    else:
        worker(sys.argv[2])
