"""The table of options is sound, and is what the other rooms read."""

import pytest
from config_world import world

from minisup.config.programs import _ONCE
from minisup.config.schema import KINDS, OURS, PROGRAM, SUPERVISORD, Key, Kind, kind_of
from minisup.specs import DaemonSpec, ProcessSpec

KEYS = {f"{kind.header}{key.name}": (kind, key) for kind in KINDS for key in kind.keys.values()}


@pytest.mark.parametrize(("kind", "key"), KEYS.values(), ids=KEYS)
def test_key(kind: Kind, key: Key) -> None:
    assert key.name == key.name.lower()
    assert key.help[0].isupper() or key.help.startswith(("module:", "http:", "tcp:"))
    assert key.help.endswith((".", ")"))
    assert "\n" not in key.help
    assert key.type
    assert key.since
    if key.default is not None:
        key.convert(key.default, world())
    assert not (key.required and key.default)


def test_letters_of_the_command_line_are_supervisords() -> None:
    letters = {key.name: key.short for key in SUPERVISORD.keys.values() if key.short is not None}
    assert letters == {
        "nodaemon": "n", "silent": "s", "user": "u", "umask": "m", "directory": "d", "logfile": "l",
        "logfile_maxbytes": "y", "logfile_backups": "z", "loglevel": "e", "pidfile": "j", "identifier": "i",
        "childlogdir": "q", "nocleanup": "k", "minfds": "a", "minprocs": "", "strip_ansi": "t",
    }  # fmt: skip


def test_defaults_are_those_of_the_specs() -> None:
    process = ProcessSpec("a", "x")
    for name in _ONCE:
        key = PROGRAM.keys[name]
        if name in ProcessSpec.__dataclass_fields__ and key.default is not None:
            assert key.convert(key.default, world()) == getattr(process, name), name
    daemon = DaemonSpec()
    for key in SUPERVISORD.keys.values():
        if key.default is not None:
            assert key.convert(key.default, world()) == getattr(daemon, key.name), key.name


def test_ours_are_marked() -> None:
    ours = {key.name for _, key in KEYS.values() if key.since == OURS}
    assert ours == {
        *("max_body", "idle_timeout", "max_connections", "shutdown_timeout", "subreaper"),
        *("exit_on", "exit_code_from", "get_actions", "ready", "ready_timeout"),
    }


SECTIONS = {
    "supervisord": "supervisord",
    "supervisordx": None,
    "program:a": "program:",
    "program": None,
    "fcgi-program:a": "fcgi-program:",
    "unix_http_serverXYZ": "unix_http_server",
    "inet_http_server:b": "inet_http_server",
    "include": "include",
    "includes": None,
    "Program:a": None,
}


@pytest.mark.parametrize("section", SECTIONS)
def test_kind_of(section: str) -> None:
    kind = kind_of(section)
    assert (kind.header if kind else None) == SECTIONS[section]
