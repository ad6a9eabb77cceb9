"""What stands before a control socket in life: a proxy that serves it on TCP under a path of its own; and, elsewhere,
a page of somebody else.
"""

import contextlib
import http.client
import socket
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 60.0
OWN_WORDS = {"connection", "keep-alive", "transfer-encoding"}
"""Fields between two neighbours (RFC 9110, 7.6.1): a proxy says them itself."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves is no error."""


@contextlib.contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port on which a handler serves."""
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def proxy(path: str, base: str = "", host: str | None = None) -> Iterator[str]:
    """A proxy for the unix socket `path`: gives the URL without a slash at its end.

    Args:
        base: the path under which it is served; what is behind it is handed on.
        host: what the field Host is set to (as nginx does if nobody says otherwise); None for what the client sent.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(f"{base}/"):
                self.send_error(404)
                return
            length = int(self.headers.get("Content-Length", 0))
            fields = {name: value for name, value in self.headers.items() if name.lower() not in OWN_WORDS}
            if host is not None:
                fields["Host"] = host
            behind = UnixConnection(path)
            with contextlib.closing(behind), contextlib.suppress(OSError, http.client.HTTPException):
                try:
                    body = self.rfile.read(length) if length else None
                    behind.request(self.command, self.path[len(base) :], body, fields)
                    reply = behind.getresponse()
                except OSError:
                    self.send_error(502)
                    return
                with reply:
                    self.send_response_only(reply.status, reply.reason)
                    for name, value in reply.getheaders():
                        if name.lower() not in OWN_WORDS:
                            self.send_header(name, value)
                    self.end_headers()
                    while data := reply.read1(65536):
                        self.wfile.write(data)

        do_POST = do_HEAD = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    with _served(Handler) as port:
        yield f"http://127.0.0.1:{port}{base}"


@contextlib.contextmanager
def stranger(content: str) -> Iterator[str]:
    """Another site with one page, and the port that it has."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html;charset=utf-8")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *args: Any) -> None:
            pass

    with _served(Handler) as port:
        yield f"http://localhost:{port}/"


def ask(url: str, form: dict[str, str] | None = None, **fields: str) -> tuple[int, dict[str, str], str]:
    """One request to a proxy, posted where there is a form; redirections are not followed."""
    parts = urllib.parse.urlsplit(url)
    line = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
    body = None if form is None else urllib.parse.urlencode(form)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    with contextlib.closing(line):
        said = {name.replace("_", "-"): value for name, value in fields.items()}
        line.request("GET" if form is None else "POST", target, body, said)
        with line.getresponse() as reply:
            return reply.status, dict(reply.getheaders()), reply.read().decode()
