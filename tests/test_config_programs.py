"""Programs, groups, listeners and FastCGI programs: what they become, and supervisord's words for what is wrong."""

from typing import Any

import pytest
from config_world import legacy, problems, read

from minisup.specs import GroupSpec, LogSpec, PoolSpec, ProcessSpec, ReadySpec, SocketSpec

HEAD = "[supervisord]\n"


def program(text: str) -> str:
    return f"{HEAD}[program:a]\ncommand=/bin/cat\n{text}\n"


def only(text: str) -> ProcessSpec:
    (group,) = read(text).groups
    (process,) = group.processes
    return process


FIELDS: dict[str, tuple[str, str, Any]] = {
    "defaults": ("", "startsecs", 1),
    "killasgroup follows": ("stopasgroup=true", "killasgroup", True),
    "killasgroup own": ("killasgroup=true", "stopasgroup", False),
    "environment own": ("environment=A=1", "environment", {"A": "1"}),
    "directory is not checked": ("directory=~/nonexist", "directory", "~/nonexist"),
    "command expands": (
        "command=%(here)s %(program_name)s %(group_name)s %(host_node_name)s",
        "command",
        "/w a a node1",
    ),
    "command expands its environment": ("environment=X=9\ncommand=%(ENV_X)s %(ENV_E)s", "command", "9 v"),
    "command empty": ("command=", "command", ""),
    "environment expands": ('environment=X="%(process_num)d%(ENV_E)s"', "environment", {"X": "0v"}),
    "serverurl auto": ("serverurl=AUTO", "serverurl", None),
    "serverurl own": ("serverurl=http://x:%(ENV_E)s", "serverurl", "http://x:v"),
    "user": ("user=web", "uid", 33),
    "name smuggles a blank": ("process_name=%(process_num)3d", "name", "  0"),
    "log path": ("stdout_logfile=%(here)s/a.log", "stdout", LogSpec("/w/a.log")),
    "log twice": ("stdout_logfile=/tmp/50%%%%", "stdout", LogSpec("/tmp/50%")),
    "log none": ("stdout_logfile=NONE", "stdout", LogSpec()),
    "log auto": ("stdout_logfile=auto\nstdout_logfile_backups=3", "stdout", LogSpec(auto=True, backups=3)),
    "log syslog": ("stdout_syslog=true", "stdout", LogSpec(auto=True, syslog=True)),
    "log all": (
        "stderr_logfile=x\nstderr_logfile_maxbytes=1KB\nstderr_capture_maxbytes=2KB\nstderr_events_enabled=1",
        "stderr",
        LogSpec("x", maxbytes=1024, capture_maxbytes=2048, events_enabled=True),
    ),
    "ready none": ("", "ready", None),
    "ready expands": ("ready=tcp:80%(process_num)02d", "ready", ReadySpec("tcp", "localhost:8000")),
    "ready percent": ("ready=log:100%%$", "ready", ReadySpec("log", "100%$")),
    "ready timeout": ("ready_timeout=2.5", "ready_timeout", 2.5),
    "redirected": ("redirect_stderr=true", "stderr", LogSpec()),
}


@pytest.mark.parametrize(("text", "field", "expected"), FIELDS.values(), ids=FIELDS)
def test_field(text: str, field: str, expected: Any) -> None:
    assert getattr(only(program(text)), field) == expected


def test_a_bad_ready_has_its_line() -> None:
    text = f"{HEAD}[program:a]\ncommand=/bin/cat\nnumprocs=2\nprocess_name=%(process_num)d\nready=tcp:web\n"
    (problem,) = problems(text)
    assert str(problem) == "/w/s.conf:6: cannot use ready 'tcp:web' in [program:a]: not a whole number"


def test_an_event_listener_has_no_ready() -> None:
    found = read(f"{HEAD}[eventlistener:a]\ncommand=/bin/cat\nevents=TICK_5\nready=notify\n")
    assert found.groups[0].processes[0].ready is None
    assert any("'ready'" in line or "ready" in line for line in found.unknown)


def test_a_program_of_defaults_is_a_process_of_defaults() -> None:
    auto = LogSpec(auto=True)
    assert only(program("")) == ProcessSpec("a", "/bin/cat", environment={}, stdout=auto, stderr=auto)


def test_environment_of_the_daemon_is_under_that_of_the_program() -> None:
    text = "[supervisord]\nenvironment=A=1,B=1\n[program:a]\ncommand=%(ENV_A)s\nenvironment=B=2\n"
    process = only(text)
    assert (process.command, process.environment) == ("1", {"A": "1", "B": "2"})


def test_numprocs() -> None:
    text = "numprocs=3\nnumprocs_start=9\nprocess_name=a_%(process_num)d\ncommand=x %(process_num)d/%(numprocs)d"
    (group,) = read(program(text)).groups
    # Sorted by name, as text.
    expected = [("a_10", "x 10/3"), ("a_11", "x 11/3"), ("a_9", "x 9/3")]
    assert [(process.name, process.command) for process in group.processes] == expected


def test_environment_leak() -> None:
    text = 'numprocs=2\nprocess_name=%(process_num)d\ncommand=x\nenvironment=X="%(process_num)d"\ndirectory=%(ENV_X)s'
    assert [process.directory for process in read(program(text)).groups[0].processes] == ["0", "1"]
    # An environment that needs that of the process before: the first one has none.
    assert "('ENV_Y') which cannot be expanded" in (legacy(program('environment=Y="%(ENV_Y)s"')) or "")
    # What the daemon's own environment has is its value again each time.
    text = 'numprocs=2\nprocess_name=%(process_num)d\nenvironment=E="%(ENV_E)s+"'
    assert [process.environment for process in read(program(text)).groups[0].processes] == [{"E": "v+"}, {"E": "v+"}]


SUFFIX = " in section 'program:a' (file: '/w/s.conf')"

ERRORS: dict[str, tuple[str, str]] = {
    "priority is read for the group first": ("priority=x", "invalid literal for int() with base 10: 'x'"),
    "autostart": ("autostart=x", f"not a valid boolean value: 'x'{SUFFIX}"),
    "user": ("user=nosuch", f"Invalid user name nosuch{SUFFIX}"),
    "umask": ("umask=9", f"9 can not be converted to an octal type{SUFFIX}"),
    "process_name": ("process_name=a b", f"Invalid name: 'a b' because of character: ' '{SUFFIX}"),
    "numprocs": ("numprocs=2", f"%(process_num) must be present within process_name when numprocs > 1{SUFFIX}"),
    "killasgroup": ("stopasgroup=1\nkillasgroup=0", f"Cannot set stopasgroup=true and killasgroup=false{SUFFIX}"),
    "environment": ("environment=A", f"Unexpected end of key/value pairs in value 'A'{SUFFIX}"),
    "environment label": (
        "environment=A=%",
        f"Format string 'A=%' for 'environment' is badly formatted: incomplete format{SUFFIX}",
    ),
    "log twice": (
        "stdout_logfile=/tmp/50%%",
        f"Format string '/tmp/50%' for 'stdout_logfile' is badly formatted: incomplete format{SUFFIX}",
    ),
    "log directory": (
        "stderr_logfile=/no/x",
        f"The directory named as part of the path /no/x does not exist{SUFFIX}",
    ),
    "command": (
        "command=%",
        f"Format string '%' for 'program:a.command' is badly formatted: incomplete format{SUFFIX}",
    ),
    "order of the table, not of the text": ("umask=x\nautostart=y", f"not a valid boolean value: 'y'{SUFFIX}"),
    "order: command last": ("command=%\nstderr_syslog=x", f"not a valid boolean value: 'x'{SUFFIX}"),
}


@pytest.mark.parametrize(("text", "expected"), ERRORS.values(), ids=ERRORS)
def test_error(text: str, expected: str) -> None:
    assert legacy(program(text)) == expected


def test_command_missing() -> None:
    (problem,) = problems(f"{HEAD}[program:a]\nnumprocs=1\n")
    assert str(problem) == "/w/s.conf:2: cannot run [program:a]: it has no command"
    assert problem.legacy == f"program section program:a does not specify a command{SUFFIX}"


WARNINGS = {
    "redirected file": (
        "redirect_stderr=true\nstderr_logfile=/tmp/x",
        "For [program:a], redirect_stderr=true but stderr_logfile has also been set to a filename, the filename has "
        "been ignored",
    ),
    "auto without rotation": (
        "stdout_logfile_maxbytes=0",
        "For [program:a], AUTO logging used for stdout_logfile without rollover, set maxbytes > 0 to avoid filling up "
        "filesystem unintentionally",
    ),
    "syslog": (
        "stderr_logfile=syslog",
        "For [program:a], stderr_logfile=syslog but this is deprecated and will be removed.  Use stderr_syslog=true to "
        "enable syslog instead.",
    ),
}


@pytest.mark.parametrize(("text", "expected"), WARNINGS.values(), ids=WARNINGS)
def test_warning(text: str, expected: str) -> None:
    assert read(program(text)).messages == (("warn", expected),)


def names(groups: tuple[GroupSpec, ...]) -> list[tuple[str, list[str]]]:
    return [(group.name, [process.name for process in group.processes]) for group in groups]


PROGRAMS = (
    "[program:a]\ncommand=a %(group_name)s\npriority=5\n[program:b]\ncommand=b\npriority=1\n[program:c]\ncommand=c\n"
)


def test_groups_are_sorted_and_keep_the_order_of_their_programs() -> None:
    groups = read(f"{HEAD}[group:g]\nprograms=a,b\npriority=7\n[group:h]\nprograms=a\n{PROGRAMS}").groups
    assert names(groups) == [("g", ["a", "b"]), ("c", ["c"]), ("h", ["a"])]
    assert [group.processes[0].command for group in groups] == ["a g", "c", "a h"]


def test_group_without_programs() -> None:
    assert read(f"{HEAD}[group:g]\n").groups == (GroupSpec("g"),)


def test_equal_names_explicit_group_first() -> None:
    assert names(read(f"{HEAD}[program:g]\ncommand=x\n[group:g]\nprograms=a\n[program:a]\ncommand=x\n").groups) == [
        ("g", ["a"]),
        ("g", ["g"]),
    ]


def test_name_with_blanks() -> None:
    assert names(read(f"{HEAD}[program: a ]\ncommand=x\n").groups) == [("a", ["a"])]
    assert legacy(f"{HEAD}[program: a]\ncommand=x\n[group:g]\nprograms=a\n") == (
        "[group:g] names unknown program or fcgi-program a"
    )


GROUP_ERRORS = {
    "name": ("[group:a b]\n", "Invalid name: 'a b' because of character: ' '"),
    "unknown": ("[group:g]\nprograms=x\n", "[group:g] names unknown program or fcgi-program x"),
    "comma": ("[group:g]\nprograms=a,\n" + PROGRAMS, "[program:a] names unknown program or fcgi-program "),
    "group label": ("[group:g]\nprograms=a,x\n" + PROGRAMS, "[program:a] names unknown program or fcgi-program x"),
    "listener": (
        "[group:g]\nprograms=e\n[eventlistener:e]\ncommand=x\nevents=EVENT\n",
        "[group:g] names unknown program or fcgi-program e",
    ),
    "ambiguous": (
        "[group:g]\nprograms=a\n[fcgi-program:a]\ncommand=x\nsocket=tcp://x:1\n" + PROGRAMS,
        "[group:g] name a is ambiguous (exists as program and fcgi-program)",
    ),
    "priority": ("[group:g]\npriority=x\n", "invalid literal for int() with base 10: 'x'"),
    "member priority has the suffix": (
        "[group:g]\nprograms=a\n[program:a]\ncommand=x\npriority=x\n",
        f"invalid literal for int() with base 10: 'x'{SUFFIX}",
    ),
}


@pytest.mark.parametrize(("text", "expected"), GROUP_ERRORS.values(), ids=GROUP_ERRORS)
def test_group_error(text: str, expected: str) -> None:
    assert legacy(HEAD + text) == expected


def test_our_text_of_a_wrong_member_names_the_group() -> None:
    (problem,) = problems(f"{HEAD}[group:g]\nprograms=a,x\n{PROGRAMS}")
    assert str(problem) == "/w/s.conf:3: cannot find 'x' of [group:g]: there is no [program:x]"


def test_listener() -> None:
    text = f"{HEAD}[eventlistener:e]\ncommand=x\nevents=tick_5, PROCESS_STATE\nbuffer_size=3\nresult_handler=m:f\n"
    configuration = read(text)
    (group,) = configuration.groups
    assert (group.name, group.priority, group.processes[0].priority) == ("e", -1, 999)
    assert group.pool == PoolSpec(("TICK_5", "PROCESS_STATE"), 3, "m:f")
    assert (configuration.messages, configuration.advice) == ((), ())


def test_a_result_handler_that_cannot_be_imported() -> None:
    text = f"{HEAD}[eventlistener:e]\ncommand=x\nevents=TICK\nresult_handler=nowhere:f\n"
    (problem,) = problems(text, resolve=lambda spec: f"ImportError: no {spec}")
    assert (
        str(problem)
        == "/w/s.conf:5: cannot use result_handler 'nowhere:f' in [eventlistener:e]: ImportError: no nowhere:f"
    )
    assert problem.legacy == "nowhere:f cannot be resolved within [eventlistener:e]"


def test_listener_blanks() -> None:
    (group,) = read(f"{HEAD}[eventlistener: e]\ncommand=x\nevents=EVENT\n").groups
    assert (group.name, group.processes[0].name) == (" e", "e")


LISTENER_ERRORS = {
    "no events": ("", '[eventlistener:e] section requires an "events" line'),
    "empty events": ("events=", '[eventlistener:e] section requires an "events" line'),
    "unknown": ("events=FOO", "Unknown event type FOO in [eventlistener:e] events"),
    "buffer": ("events=EVENT\nbuffer_size=0", "[eventlistener:e] section sets invalid buffer_size (0)"),
    "redirect": (
        "events=EVENT\nredirect_stderr=true",
        "[eventlistener:e] section sets redirect_stderr=true but this is not allowed because it will interfere with "
        "the eventlistener protocol",
    ),
}


@pytest.mark.parametrize(("text", "expected"), LISTENER_ERRORS.values(), ids=LISTENER_ERRORS)
def test_listener_error(text: str, expected: str) -> None:
    assert legacy(f"{HEAD}[eventlistener:e]\ncommand=x\n{text}\n") == expected


def test_listener_name_has_the_suffix() -> None:
    assert legacy(f"{HEAD}[eventlistener:a b]\ncommand=x\nevents=EVENT\n") == (
        "Invalid name: 'a b' because of character: ' ' in section 'eventlistener:a b' (file: '/w/s.conf')"
    )


SOCKETS: dict[str, tuple[str, SocketSpec]] = {
    "tcp": ("socket=tcp://Host:9000", SocketSpec("tcp://host:9000")),
    "backlog": ("socket=tcp://h:1\nsocket_backlog=5", SocketSpec("tcp://h:1", backlog=5)),
    "unix": ("socket=unix:///tmp/../x/%(program_name)s.sock", SocketSpec("unix:///x/f.sock", mode=0o700)),
    "unix all": (
        "socket=unix:///x\nsocket_owner=web:www\nsocket_mode=0770",
        SocketSpec("unix:///x", owner=(33, 34), mode=0o770),
    ),
    "owner from user": ("socket=unix:///x\nuser=web", SocketSpec("unix:///x", owner=(33, 34), mode=0o700)),
}


@pytest.mark.parametrize(("text", "expected"), SOCKETS.values(), ids=SOCKETS)
def test_socket(text: str, expected: SocketSpec) -> None:
    assert read(f"{HEAD}[fcgi-program:f]\ncommand=x\n{text}\n").groups[0].socket == expected


SOCKET_ERRORS = {
    "none": ("", '[fcgi-program:f] section requires a "socket" line'),
    "fcgi tuple": ("socket=bogus", "('Bad socket format %s', 'bogus') in [fcgi-program:f] socket"),
    "relative": (
        "socket=unix://rel",
        "('Unix socket path %s is not an absolute path', 'rel') in [fcgi-program:f] socket",
    ),
    "port": ("socket=tcp://h:0", "0 is below lower bound (1) in [fcgi-program:f] socket"),
    "owner": ("socket=unix:///x\nsocket_owner=nosuch", "Invalid socket_owner value nosuch"),
    "mode": ("socket=unix:///x\nsocket_mode=9", "Invalid socket_mode value 9"),
    "backlog": ("socket=unix:///x\nsocket_backlog=0", "Invalid socket_backlog value 0"),
    "user": ("socket=unix:///x\nuser=nosuch", "Invalid user name nosuch"),
    "mode of tcp": (
        "socket=tcp://h:1\nsocket_mode=0700",
        "socket_owner and socket_mode params should only be used with a Unix domain socket in [fcgi-program:f] socket",
    ),
}


@pytest.mark.parametrize(("text", "expected"), SOCKET_ERRORS.values(), ids=SOCKET_ERRORS)
def test_socket_error(text: str, expected: str) -> None:
    assert legacy(f"{HEAD}[fcgi-program:f]\ncommand=x\n{text}\n") == expected


def test_our_text_of_a_bad_socket() -> None:
    (problem,) = problems(f"{HEAD}[fcgi-program:f]\ncommand=x\nsocket=bogus\n")
    assert str(problem) == (
        "/w/s.conf:4: cannot use socket 'bogus' in [fcgi-program:f]: neither tcp://host:port nor unix:///absolute/path"
    )


def test_fcgi_in_a_group_is_an_ordinary_program() -> None:
    configuration = read(f"{HEAD}[group:g]\nprograms=f\n[fcgi-program:f]\ncommand=x\nsocket=bogus\n")
    assert configuration.groups[0].socket is None
    assert configuration.advice == (
        "/w/s.conf:6: [fcgi-program:f] is in [group:g], so it runs as an ordinary program: its socket is not used",
    )
