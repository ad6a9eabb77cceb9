"""Listening sockets: made whole, stale ones replaced, live ones left alone."""

import errno
import os
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from minisup.errors import MinisupError
from minisup.runtime import sockets
from minisup.runtime.sockets import IN_USE, Server, SharedSocketError, close_servers, open_server, probe_new
from minisup.specs import GroupSpec, ServerSpec, SocketSpec


class Desk:
    """Opens servers and closes what is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "s.sock"
        self.said: list[tuple[str, str]] = []
        self.stack = ExitStack()

    def open(self, **spec: object) -> Server:
        full = ServerSpec(**({"section": "unix_http_server", "path": str(self.path)} | spec))  # type: ignore[arg-type]
        server = open_server(full, lambda level, text: self.said.append((level, text)))
        self.stack.callback(server.close)
        return server

    @property
    def names(self) -> list[str]:
        return sorted(os.listdir(self.folder))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    with desk.stack:
        yield desk


def connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_unix_socket_listens_with_its_mode_and_nothing_beside_it(desk: Desk) -> None:
    server = desk.open(mode=0o640)
    assert desk.names == ["s.sock"]
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o640
    assert server.getblocking() is False
    assert server.get_inheritable() is False
    connect(desk.path)
    accepted, _ = server.accept()
    accepted.close()
    close_servers([server])
    assert desk.names == []
    assert server.fileno() == -1


STALE = {
    "socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
    "file": lambda path: path.write_text("not a socket"),
    "dangling link": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", STALE)
def test_what_nobody_listens_on_is_replaced(desk: Desk, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    STALE[kind](desk.path)
    server = desk.open()
    connect(desk.path)
    assert desk.names == ["s.sock"]
    assert stat.S_ISSOCK(desk.path.lstat().st_mode)
    assert capsys.readouterr().err == f"Unlinking stale socket {desk.path}\n"
    close_servers([server])
    assert desk.names == []


def test_one_that_listens_is_left_alone_though_it_never_answers(desk: Desk) -> None:
    owner = socket.socket(socket.AF_UNIX)
    desk.stack.callback(owner.close)
    owner.bind(str(desk.path))
    owner.listen(0)
    inode = desk.path.stat().st_ino
    for _ in range(3):  # its backlog is full then
        with pytest.raises(MinisupError, match=f"^{re.escape(IN_USE)}$"):
            desk.open()
    assert desk.path.stat().st_ino == inode
    assert desk.names == ["s.sock"]


def test_a_datagram_socket_in_use_is_left_alone(desk: Desk) -> None:
    owner = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    desk.stack.callback(owner.close)
    owner.bind(str(desk.path))
    with pytest.raises(MinisupError, match=f"^{re.escape(IN_USE)}$"):
        desk.open()


def test_a_directory_is_an_error(desk: Desk) -> None:
    desk.path.mkdir()
    with pytest.raises(MinisupError, match=re.escape(f"cannot open the HTTP server '{desk.path}': it is a directory")):
        desk.open()
    assert desk.names == ["s.sock"]


def test_a_missing_directory_is_an_error(desk: Desk) -> None:
    text = f"Cannot open an HTTP server: socket.error reported errno.ENOENT ({errno.ENOENT})"
    with pytest.raises(MinisupError, match=f"^{re.escape(text)}$"):
        desk.open(path=str(desk.folder / "none" / "s"))


def test_a_long_path_is_an_error(desk: Desk) -> None:
    with pytest.raises(MinisupError, match=r"socket\.error reported AF_UNIX path too long$"):
        desk.open(path=str(desk.folder / ("x" * 120)))
    assert desk.names == []


def test_without_hard_links(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(sockets.os, "link", refuse)
    one = desk.open()
    connect(desk.path)
    with pytest.raises(MinisupError, match="already listening"):
        desk.open()
    one.close()
    desk.open()
    connect(desk.path)
    assert desk.names == ["s.sock"]


def test_owner(desk: Desk) -> None:
    desk.open(owner=(os.getuid(), os.getgid()))
    assert desk.path.stat().st_uid == os.getuid()


def test_an_owner_that_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(sockets.os, "chown", refuse)
    monkeypatch.setattr(sockets.os, "geteuid", lambda: 54321)  # a container's user without a passwd entry
    text = (
        f'Not permitted to chown {desk.path} to uid/gid (7, 8); adjust "sockchown" value in config file or on command '
        "line to values that the current user (54321) can successfully chown"
    )
    with pytest.raises(MinisupError, match=f"^{re.escape(text)}$"):
        desk.open(owner=(7, 8))
    assert desk.names == []


def test_the_file_of_a_successor_stays(desk: Desk) -> None:
    one = desk.open()
    desk.path.unlink()
    two = desk.open()
    close_servers([one])
    connect(desk.path)
    desk.path.unlink()
    close_servers([two])  # gone already


def test_inet(desk: Desk) -> None:
    server = desk.open(path=None, host="127.0.0.1", port=0)
    port = server.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)):
        pass
    assert server.getblocking() is False
    with pytest.raises(MinisupError, match=f"^{re.escape(IN_USE)}$"):
        desk.open(path=None, host="127.0.0.1", port=port)
    close_servers([server])


def test_an_address_that_is_not_ours(desk: Desk) -> None:
    with pytest.raises(
        MinisupError, match=r"^Cannot open an HTTP server: socket.error reported errno.EADDRNOTAVAIL \("
    ):
        desk.open(path=None, host="192.0.2.1", port=0)


def test_all_addresses(desk: Desk) -> None:
    server = desk.open(path=None, host="", port=0)
    assert server.getsockname()[0] == "0.0.0.0"


def test_what_a_group_has_is_not_tried_anew() -> None:
    """Not under another name of its address either: it will be free when its turn comes."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        here, there = (
            [GroupSpec(name="f", processes=(), socket=SocketSpec(f"tcp://{host}:{port}"))]
            for host in ("127.0.0.1", "localhost")
        )
        probe_new(there, here, lambda level, text: None)
        with pytest.raises(SharedSocketError, match="Could not create FastCGI socket tcp://localhost:"):
            probe_new(there, [], lambda level, text: None)
