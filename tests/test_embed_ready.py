"""Readiness of programs in a block of Python: every kind, on every event loop, without blocking one."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from daemon import PYTHON
from embedding import Traces, anyio_backend, traces, unblocked
from test_probes import SERVE

from minisup import Program, Supervisor

__all__ = ["anyio_backend", "traces", "unblocked"]
pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def port() -> Iterator[int]:
    """A port that nobody else gets, but a program of ours may listen on."""
    with closing(socket.socket()) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def test_every_kind(port: int, traces: Traces, tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(SERVE)
    serve = [PYTHON, str(tmp_path / "serve.py")]
    answer = {"ANSWER": "HTTP/1.1 204 No"}
    programs = [
        Program("tcp", [*serve, "tcp", str(port)], ready=f"http://localhost:{port}/ 204", environment=answer),
        Program("http", "sleep 600", ready=f"tcp:{port}"),
        Program("log", ["sh", "-c", "echo up: 100%; exec sleep 600"], ready="log:^up: .*%$"),
        Program("file", ["sh", "-c", "touch there; exec sleep 600"], ready="file:there", directory=tmp_path),
        Program("unix", [*serve, "unix", "us"], ready="unix:us", directory=tmp_path),
        Program("exec", "sleep 600", ready="exec:test -e there", directory=tmp_path),
        Program("notify", ["sh", "-c", 'setsid "$@" & wait', "sh", *serve, "notify", "READY=1"], ready="notify"),
    ]
    async with Supervisor(programs=programs) as supervisor:
        assert [info.name for info in supervisor.processes() if not info.ready] == []
        assert [info.why for info in supervisor.processes()] == [""] * len(programs)
    traces.assert_none()
