"""What clients talk to besides the supervisor: a site to watch, a mail server, a syslog; each on a port of its own."""

import http.server
import socket
import socketserver
import threading
from types import TracebackType
from typing import Self


class _Serving:
    """A server with a thread of its own, for the time of a `with`.

    Attributes:
        port: where it listens, on 127.0.0.1.
    """

    def __init__(self, server: socketserver.BaseServer) -> None:
        self._server = server
        self.port: int = server.server_address[1]  # type: ignore[index]
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Site(_Serving):
    """A site that answers every GET with `status`.

    Attributes:
        status: 200 at first.
        asked: how many requests were answered with each status.
    """

    def __init__(self) -> None:
        self.status = 200
        self.asked: dict[int, int] = {}
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status = site.status
                self.send_response(status)
                self.end_headers()
                site.asked[status] = site.asked.get(status, 0) + 1

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))


class MailServer(_Serving):
    """As much SMTP as `smtplib` speaks.

    Attributes:
        mails: what was sent, in order.
    """

    def __init__(self) -> None:
        self.mails: list[str] = []
        mails = self.mails

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 here\r\n")
                while line := self.rfile.readline():
                    word = line.split(b" ")[0].strip().upper()
                    if word == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        text = b""
                        while (line := self.rfile.readline()) not in (b".\r\n", b""):
                            text += line
                        mails.append(text.decode())
                    self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")

        super().__init__(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler))


class Syslog(_Serving):
    """A syslog that listens to datagrams.

    Attributes:
        lines: what came, in order.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        lines = self.lines

        class Handler(socketserver.BaseRequestHandler):
            request: tuple[bytes, socket.socket]

            def handle(self) -> None:
                lines.append(self.request[0].decode())

        super().__init__(socketserver.UDPServer(("127.0.0.1", 0), Handler))
