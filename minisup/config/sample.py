"""A configuration to start from, made from the schema: every section, every option with its default and its help.

What stands without a ``;`` before it is what also stands so in the sample of supervisord: scripts write a sample into a
file, change a line with ``sed`` and append to it.
"""

from collections.abc import Iterator

from minisup.config.schema import (
    CTLPLUGIN,
    EVENTLISTENER,
    FCGI,
    GROUP,
    INCLUDE,
    INET,
    MAIN_FACTORY,
    OURS,
    PROGRAM,
    RPCINTERFACE,
    SUPERVISORCTL,
    SUPERVISORD,
    UNIX,
    Key,
    Kind,
)

HEAD = """\
; A configuration for minisup, and for supervisord 4.3.0.
;
; A line that begins with ";" says nothing: remove it to set the option. What it shows is the default, or an example
; where there is none. A comment behind a value needs a blank before its ";". %(ENV_HOME)s stands for $HOME,
; %(here)s for the folder of this file, %% for a percent sign. /tmp is an example too: sockets and logs there may be
; removed by others. What only minisup knows is marked (minisup).
"""

SECTIONS: tuple[tuple[Kind, str], ...] = (
    (UNIX, ""),
    (INET, ""),
    (SUPERVISORD, ""),
    (RPCINTERFACE, "supervisor"),
    (SUPERVISORCTL, ""),
    (PROGRAM, "theprogramname"),
    (EVENTLISTENER, "theeventlistenername"),
    (FCGI, "thefcgiprogramname"),
    (GROUP, "thegroupname"),
    (INCLUDE, ""),
    (CTLPLUGIN, "thepluginname"),
)
"""Sections in their order, with the name behind the colon."""

SOCKET = "/tmp/supervisor.sock"

ACTIVE: dict[Kind, dict[str, str | None]] = {
    UNIX: {"file": SOCKET},
    SUPERVISORD: {
        "logfile": "/tmp/supervisord.log",
        "logfile_maxbytes": None,
        "logfile_backups": None,
        "loglevel": None,
        "pidfile": "/tmp/supervisord.pid",
        "nodaemon": None,
        "silent": None,
        "minfds": None,
        "minprocs": None,
    },
    RPCINTERFACE: {"supervisor.rpcinterface_factory": MAIN_FACTORY},
    SUPERVISORCTL: {"serverurl": f"unix://{SOCKET}"},
}
"""What is set; None is the default."""

EXAMPLES = {
    "childlogdir": "/tmp",
    "chown": "root:root",
    "command": "/bin/cat",
    "directory": "/tmp",
    "environment": 'KEY="value",OTHER="v a l u e"',
    "events": "PROCESS_STATE",
    "exit_code_from": "theprogramname",
    "files": "relative/directory/*.ini",
    "history_file": "~/.sc_history",
    "killasgroup": "false",
    "password": "123",
    "port": "127.0.0.1:9001",
    "programs": "theprogramname",
    "ready": "tcp:8080",
    "serverurl": "AUTO",
    "shutdown_timeout": "60",
    "socket": "unix:///tmp/%(program_name)s.sock",
    "socket_backlog": "128",
    "socket_mode": "0700",
    "socket_owner": "root:root",
    "supervisor.ctl_factory": "module:function",
    "umask": "022",
    "user": "root",
    "username": "user",
}
"""Values of options that have no default."""


def sample() -> str:
    """The text; valid as it stands, for minisup and for supervisord."""
    return HEAD + "".join(f"{line}\n" for kind, name in SECTIONS for line in _section(kind, name))


def _section(kind: Kind, name: str) -> Iterator[str]:
    active = ACTIVE.get(kind, {})
    like_a_program = kind in (EVENTLISTENER, FCGI)
    keys = [key for key in kind.keys.values() if key.required or not (like_a_program and key.name in PROGRAM.keys)]
    yield ""
    yield f"; {kind.help}{' It has the options of a program, too.' if like_a_program else ''}"
    yield f"{'' if active else ';'}[{kind.header}{name}]"
    yield from (_line(key, active) for key in sorted(keys, key=lambda key: not key.required))


def _line(key: Key, active: dict[str, str | None]) -> str:
    value = active.get(key.name) or key.default or EXAMPLES[key.name]
    blank = " " if "." in key.name or key.name == "files" else ""  # as in supervisord's sample
    setting = f"{'' if key.name in active else ';'}{key.name}{blank}={blank}{value}"
    return f"{setting:<34} ; {key.help}{' (minisup)' if key.since == OURS else ''}"
