"""A whole reading: files, includes, [supervisord], plugins, servers, the order of problems, and its cost."""

from typing import Any

import pytest
from config_world import legacy, lines_run, problems, read, world

from minisup.config.build import ROOT_WITHOUT_USER, load, search_places
from minisup.config.facts import Facts, Overrides
from minisup.errors import ConfigError
from minisup.specs import DaemonSpec, PluginSpec, ServerSpec

HEAD = "[supervisord]\n"
MAIN = "supervisor.rpcinterface:make_main_rpcinterface"


# --- files -----------------------------------------------------------------------------------------------------------


def failure(overrides: Overrides, facts: Facts) -> str:
    with pytest.raises(ConfigError) as caught:
        load(overrides, facts)
    return caught.value.problems[0].legacy


def test_no_configuration_found() -> None:
    assert failure(Overrides(argv0="/x/bin/minisup"), world()) == (
        "No config file found at default paths (/x/etc/supervisord.conf, /x/supervisord.conf, supervisord.conf, "
        "etc/supervisord.conf, /etc/supervisord.conf, /etc/supervisor/supervisord.conf); use the -c option to specify "
        "a config file at a different path"
    )


def test_search_places_of_a_bare_name() -> None:
    assert search_places("supervisord")[:2] == ("etc/supervisord.conf", "supervisord.conf")


def test_search_finds_the_first() -> None:
    facts = world({"/w/etc/supervisord.conf": HEAD, "/etc/supervisord.conf": HEAD})
    daemon = load(Overrides(argv0="/x/bin/minisup"), facts).daemon
    assert (daemon.configfile, daemon.here) == ("/w/etc/supervisord.conf", "/w/etc")


FILES: dict[str, tuple[str, str]] = {
    "missing": ("no.conf", "could not find config file no.conf"),
    "directory": ("/tmp", "could not read config file /tmp"),
    "not utf-8": ("/w/latin", "'utf-8' codec can't decode byte 0xff in position 16: invalid start byte"),
    "byte order mark": (
        "/w/bom",
        "File contains no section headers.\nfile: '/w/bom', line: 1\n'\\ufeff[supervisord]\\n'",
    ),
    "empty": ("/w/empty", ".ini file does not include supervisord section"),
    "syntax": (
        "/w/syntax",
        "Source contains parsing errors: '/w/syntax'\n\t[line  2]: 'foo\\n'\n\t[line  3]: '[bar\\n'",
    ),
}


@pytest.mark.parametrize(("path", "expected"), FILES.values(), ids=FILES)
def test_file(path: str, expected: str) -> None:
    files: dict[str, str | bytes] = {
        "/w/latin": b"[supervisord]\n; \xff\n",
        "/w/bom": "\ufeff[supervisord]\n",
        "/w/empty": "",
        "/w/syntax": "[supervisord]\nfoo\n[bar\n",
    }
    assert failure(Overrides(path), world(files)) == expected


def test_undecodable_byte_has_a_line() -> None:
    (problem,) = problems(b"[supervisord]\n; \xff\n")
    assert str(problem) == "/w/s.conf:2: cannot read byte 0xff: the file is not UTF-8"


def test_nul_has_its_lines() -> None:
    more: dict[str, str | bytes] = {"/w/c/a.ini": "[program:a]\ncommand=x\0\0\n; \0\ndirectory=/\0\n"}
    found = problems(f"{HEAD}[include]\nfiles=c/*.ini\n\0\n", more)
    why = "it holds a NUL character"
    assert [str(problem) for problem in found] == [
        "/w/s.conf:4: cannot read '\ufffd': it is no key = value, no [section] and no indented continuation",
        f"/w/s.conf:4: cannot read the line: {why}",
        *(f"/w/c/a.ini:{line}: cannot read the line: {why}" for line in (2, 3, 4)),
    ]
    assert found[2].legacy == f"cannot read the line: {why}\nfile: '/w/c/a.ini', line: 2"


HEADLESS = {
    "byte order mark": ("\ufeff[supervisord]\n", "the file begins with a byte order mark; save it without"),
    "before": ("x=1\n", "no [section] stands before it"),
    "not closed": ("[supervisord\n", "the closing ] is missing"),
}


@pytest.mark.parametrize(("text", "why"), HEADLESS.values(), ids=HEADLESS)
def test_a_headless_file_is_one_problem(text: str, why: str) -> None:
    (problem,) = problems(text)
    assert str(problem).startswith("/w/s.conf:1: cannot read ")
    assert str(problem).endswith(f": {why}")


MISSING = {
    "command": "[program:a]\ncommand /bin/cat\n",
    "events": "[eventlistener:a]\nevents EVENT\ncommand=x\n",
    "socket": "[fcgi-program:a]\nsocket x\ncommand=x\n",
    "file": "[unix_http_server]\nfile /tmp/x\n",
    "port": "[inet_http_server]\nport 9001\n",
}


@pytest.mark.parametrize("text", MISSING.values(), ids=MISSING)
def test_an_option_without_its_delimiter_counts_once(text: str) -> None:
    (problem,) = problems(HEAD + text)
    assert problem.line == 3
    assert "it is no key = value" in str(problem)


def test_relative_path_is_absolute_in_the_spec_and_as_given_in_texts() -> None:
    facts = world({"/w/a/s.conf": HEAD + "minfds=x\n[program:a]\ncommand=%(here)s\nautostart=x\n"})
    with pytest.raises(ConfigError) as caught:
        load(Overrides("a/s.conf"), facts)
    assert str(caught.value.problems[0]).startswith("a/s.conf:2: ")
    assert caught.value.problems[1].legacy == "not a valid boolean value: 'x' in section 'program:a' (file: 'a/s.conf')"
    daemon = load(Overrides("a/../a/s.conf"), world({"/w/a/s.conf": HEAD})).daemon
    assert (daemon.configfile, daemon.here) == ("/w/a/s.conf", "/w/a")


# --- [include] -------------------------------------------------------------------------------------------------------

INCLUDE = f"{HEAD}[include]\nfiles = c/*.ini\n"


def test_included_files_override_and_have_their_own_here() -> None:
    configuration = read(
        f"{HEAD}[include]\nfiles = c/*.ini\n  /no/x.ini ../w/no\n[program:m]\ncommand=%(here)s/m\n",
        {
            "/w/c/b.ini": "[program:b]\ncommand=%(here)s/b\n",
            "/w/c/a.ini": f"[program:m]\ndirectory=%(here)s\n{HEAD}minfds=7\n",
        },
    )
    assert [(process.command, process.directory) for group in configuration.groups for process in group.processes] == [
        ("/w/c/b", None),
        ("/w/m", "/w/c"),
    ]
    assert configuration.daemon.minfds == 7
    assert configuration.messages == (
        ("warn", 'No file matches via include "/no/x.ini"'),
        ("warn", 'No file matches via include "/w/../w/no"'),
        ("info", 'Included extra file "/w/c/a.ini" during parsing'),
        ("info", 'Included extra file "/w/c/b.ini" during parsing'),
    )


def test_here_textual() -> None:
    text = "[program:a]\ncommand=x %%(here)s\n"
    assert read(HEAD + text).groups[0].processes[0].command == "x %(here)s"
    assert "badly formatted" in (legacy(HEAD + text + "[include]\nfiles=\n") or "")


def test_here_default() -> None:
    # A value of [DEFAULT] becomes one of each section of the main file; a new section of an included file gets its own.
    configuration = read(
        "[DEFAULT]\ndirectory=%(here)s\n[supervisord]\n[include]\nfiles=c/*.ini\n[program:m]\ncommand=x\n",
        {"/w/c/a.ini": "[program:a]\ncommand=x\n", "/w/c/b.ini": "[DEFAULT]\ndirectory=/b\n[program:b]\ncommand=x\n"},
    )
    assert [group.processes[0].directory for group in configuration.groups] == ["/w/c", "/b", "/w"]


def test_include_unreadable() -> None:
    configuration = read(f"{HEAD}[include]\nfiles=c\n", {"/w/c/a.ini": ""})
    assert configuration.messages == (
        ("warn", 'cannot read included file "/w/c": Is a directory'),
        ("info", 'Included extra file "/w/c" during parsing'),
    )


def test_a_file_that_two_patterns_match_is_read_twice() -> None:
    text = f"{HEAD}[include]\nfiles=c/a.ini c/b.ini c/a.*\n"
    more: dict[str, str | bytes] = {f"/w/c/{name}.ini": f"{HEAD}identifier={name}\n" for name in "ab"}
    configuration = read(text, more)
    assert [text.split("/")[-1][0] for _, text in configuration.messages] == ["a", "b", "a"]
    assert configuration.daemon.identifier == "a"


def test_include_nested_does_nothing() -> None:
    configuration = read(INCLUDE, {"/w/c/a.ini": "[include]\nfiles=/w/d/*.ini\n", "/w/d/a.ini": "[program:a]\n"})
    assert configuration.groups == ()
    assert configuration.advice == ("/w/c/a.ini:1: [include] in an included file is ignored",)


INCLUDE_ERRORS: dict[str, tuple[str, dict[str, str | bytes], str]] = {
    "no files": ("[include]\n", {}, ".ini file has [include] section, but no files setting"),
    "expansion": (
        "[include]\nfiles=%(nope)s\n",
        {},
        "Format string '%(nope)s' for 'include.files' contains names ('nope') which cannot be expanded. Available "
        "names: ENV_E, ENV_HOME, here, host_node_name",
    ),
    "syntax": (INCLUDE, {"/w/c/a.ini": "[a]\nfoo"}, "Source contains parsing errors: '/w/c/a.ini'\n\t[line  2]: 'foo'"),
    "value": (
        INCLUDE,
        {"/w/c/a.ini": "[program:a]\ncommand=x\nautostart=x\n"},
        "not a valid boolean value: 'x' in section 'program:a' (file: '/w/c/a.ini')",
    ),
    "value of a section of the main file": (
        INCLUDE + "[program:a]\n",
        {"/w/c/a.ini": "[program:a]\ncommand=x\nautostart=x\n"},
        "not a valid boolean value: 'x' in section 'program:a' (file: '/w/s.conf')",
    ),
}


@pytest.mark.parametrize(("text", "more", "expected"), INCLUDE_ERRORS.values(), ids=INCLUDE_ERRORS)
def test_include_error(text: str, more: dict[str, str | bytes], expected: str) -> None:
    assert legacy(HEAD + text, more) == expected


def test_a_problem_is_placed_where_the_option_stands() -> None:
    more: dict[str, str | bytes] = {"/w/c/a.ini": "[program:a]\ncommand=x\n\nautostart=x\n"}
    assert str(problems(INCLUDE + "[program:a]\n", more)[0]) == (
        "/w/c/a.ini:4: cannot use autostart 'x' in [program:a]: neither true nor false"
    )


# --- [supervisord] ---------------------------------------------------------------------------------------------------


def test_daemon_defaults() -> None:
    assert read(HEAD).daemon == DaemonSpec(
        configfile="/w/s.conf",
        here="/w",
        logfile="/w/supervisord.log",
        pidfile="/w/supervisord.pid",
        logfile_default=True,
    )


DAEMON: dict[str, tuple[str, str, Any]] = {
    "logfile": ("logfile=../tmp/./x.log", "logfile", "/tmp/x.log"),
    "logfile home": ("logfile=~/x.log", "logfile", "/home/me/x.log"),
    "logfile none": ("logfile=None", "logfile", None),
    "logfile off": ("logfile=OFF", "logfile", None),
    "logfile empty": ("logfile=", "logfile", None),
    "syslog": ("logfile=syslog", "log_syslog", True),
    "syslog is no file": ("logfile=syslog", "logfile", None),
    "SYSLOG is one": ("logfile=SYSLOG", "logfile", "/w/SYSLOG"),
    "logfile given": ("logfile=x", "logfile_default", False),
    "doubled slashes": ("pidfile=/%(here)s//x.pid", "pidfile", "//w/x.pid"),
    "pidfile none": ("pidfile=NONE", "pidfile", None),
    "loglevel": ("loglevel=BLATHER", "loglevel", "blather"),
    "user": ("user=web", "uid", 33),
    "umask": ("umask=077", "umask", 0o77),
    "childlogdir": ("childlogdir=.", "childlogdir", "/w"),
    "environment": ('environment=A="%(ENV_E)s",B=%(here)s', "environment", {"A": "v", "B": "/w"}),
    "environment twice as in 4.3": ('environment=A="50%%%%"', "environment", {"A": "50%"}),
    "environment once as in 4.4": ('environment=A="50%%"', "environment", {"A": "50%"}),
    "environment of a value with %": ('environment=A="%(ENV_P)s"', "environment", {"A": "50%"}),
    "environment twice expands a value": ('environment=A="%(ENV_Q)s"', "environment", {"A": "v"}),
    "environment host as in 4.4": ("environment=A=%(host_node_name)s", "environment", {"A": "node1"}),
    "environment host as in 4.3": ("environment=A=%%(host_node_name)s", "environment", {"A": "node1"}),
    "shutdown_timeout": ("shutdown_timeout=9", "shutdown_timeout", 9.0),
    "subreaper": ("subreaper=true", "subreaper", True),
}


@pytest.mark.parametrize(("text", "field", "expected"), DAEMON.values(), ids=DAEMON)
def test_daemon(text: str, field: str, expected: Any) -> None:
    daemon = read(HEAD + text, environ={"E": "v", "P": "50%", "Q": "%(ENV_E)s"}).daemon
    assert getattr(daemon, field) == expected


DAEMON_ERRORS = {
    "minfds": ("minfds=x", "invalid literal for int() with base 10: 'x'"),
    "directory": ("directory=/no", "/no is not an existing directory"),
    "logfile": ("logfile=/no/x", "The directory named as part of the path /no/x does not exist"),
    "loglevel": ("loglevel=warning", "bad logging level name 'warning'"),
    "environment": ("environment=A", "Unexpected end of key/value pairs in value 'A'"),
    "environment name": (
        "environment=%(nope)s",
        "Format string '%(nope)s' for 'supervisord.environment' contains names ('nope') which cannot be expanded. "
        "Available names: ENV_E, ENV_HOME, here",
    ),
    "environment second time": (
        "environment=A%%",
        "Format string 'A%' for 'environment' is badly formatted: incomplete format",
    ),
    "host_node_name": (
        "identifier=%(host_node_name)s",
        "Format string '%(host_node_name)s' for 'supervisord.identifier' contains names ('host_node_name') which "
        "cannot be expanded. Available names: ENV_E, ENV_HOME, here",
    ),
    "user last": (
        "user=nosuch\n[program:a]",
        "program section program:a does not specify a command in section 'program:a' (file: '/w/s.conf')",
    ),
    "user": ("user=nosuch", "Invalid user name nosuch"),
    "shutdown_timeout": ("shutdown_timeout=soon", "not a valid number of seconds: 'soon'"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), DAEMON_ERRORS.values(), ids=DAEMON_ERRORS)
def test_daemon_error(text: str, expected: str) -> None:
    assert legacy(HEAD + text) == expected


def test_command_line_wins() -> None:
    facts = world({"/w/s.conf": HEAD + "logfile=/tmp/x\nnodaemon=false\nuser=nosuch\nminfds=5\n"})
    values = {"logfile": "y.log", "nodaemon": True, "user": "web", "shutdown_timeout": 3.0}
    daemon = load(Overrides("/w/s.conf", values, start=("g",)), facts).daemon
    assert (daemon.logfile, daemon.nodaemon, daemon.uid, daemon.minfds) == ("/w/y.log", True, 33, 5)
    assert (daemon.shutdown_timeout, daemon.start, daemon.logfile_default) == (3.0, ("g",), False)


def test_command_line_does_not_excuse_the_file() -> None:
    facts = world({"/w/s.conf": HEAD + "loglevel=x\n"})
    assert failure(Overrides("/w/s.conf", {"loglevel": "info"}), facts) == "bad logging level name 'x'"


def test_command_line_user() -> None:
    facts = world({"/w/s.conf": HEAD + "user=web\n"})
    with pytest.raises(ConfigError) as caught:
        load(Overrides("/w/s.conf", {"user": "nosuch"}), facts)
    (problem,) = caught.value.problems
    assert (str(problem), problem.legacy) == ("cannot run as user 'nosuch': no such user", "Invalid user name nosuch")


def test_root_without_user() -> None:
    assert read(HEAD, uid=0).messages == (("critical", ROOT_WITHOUT_USER),)
    assert read(HEAD + "user=root\n", uid=0).messages == ()


def test_environment_does_not_stay_after_a_reread() -> None:
    facts = world({"/w/s.conf": HEAD + "environment=A=1\n[program:a]\ncommand=%(ENV_A)s\n"})
    load(Overrides("/w/s.conf"), facts)
    facts.read = lambda path: b"[supervisord]\n[program:a]\ncommand=%(ENV_A)s\n"
    assert "('ENV_A') which cannot be expanded" in failure(Overrides("/w/s.conf"), facts)


# --- servers and plugins ---------------------------------------------------------------------------------------------

SERVERS: dict[str, tuple[str, list[ServerSpec]]] = {
    "unix": ("[unix_http_server]\nfile= %(here)s/x.sock \n", [ServerSpec("unix_http_server", "/w/x.sock")]),
    "unix all": (
        "[unix_http_server]\nfile=~/../x\nchmod=0770\nchown=web:www\nusername=u\npassword=%(ENV_E)s\n",
        [ServerSpec("unix_http_server", "/home/x", mode=0o770, owner=(33, 34), username="u", password="v")],
    ),
    "serverurl slashes": ("[unix_http_server]\nfile=/%(here)s/x\n", [ServerSpec("unix_http_server", "//w/x")]),
    "inet": ("[inet_http_server]\nport=*:9001\n", [ServerSpec("inet_http_server", port=9001)]),
    "server prefix": (
        "[unix_http_server:b]\nfile=/b\n[inet_http_serverX]\nport=H:1\n[unix_http_serverXYZ]\nfile=/c\n",
        [
            ServerSpec("inet_http_serverX", host="h", port=1),
            ServerSpec("unix_http_server:b", "/b"),
            ServerSpec("unix_http_serverXYZ", "/c"),
        ],
    ),
    "limits": (
        "[inet_http_server]\nport=1\nmax_body=1KB\nidle_timeout=1.5\nmax_connections=2\nget_actions=yes\n",
        [ServerSpec("inet_http_server", port=1, max_body=1024, idle_timeout=1.5, max_connections=2, get_actions=True)],
    ),
}


@pytest.mark.parametrize(("text", "expected"), SERVERS.values(), ids=SERVERS)
def test_servers(text: str, expected: list[ServerSpec]) -> None:
    assert list(read(HEAD + text).servers) == expected


URLS = {
    "none": ("", None),
    "unix first": (
        "[inet_http_server]\nport=1\n[unix_http_server]\nfile=/a\n[unix_http_server:b]\nfile=/b\n",
        "unix:///a",
    ),
    "serverurl": ("[inet_http_server]\nport=1\n[inet_http_server:b]\nport=h:2\n", "http://h:2"),
    "localhost": ("[inet_http_server]\nport=1\n", "http://localhost:1"),
}


@pytest.mark.parametrize(("text", "expected"), URLS.values(), ids=URLS)
def test_serverurl(text: str, expected: str | None) -> None:
    assert read(HEAD + text).serverurl == expected


INCOMPLETE = (
    "contains incomplete authentication: If a username or a password is specified, both the username and password must "
    "be specified"
)

SERVER_ERRORS = {
    "no file": ("[unix_http_server]", "section [unix_http_server] has no file value"),
    "empty file": ("[unix_http_server]\nfile=", "section [unix_http_server] has no file value"),
    "no port": ("[inet_http_server]", "section [inet_http_server] has no port value"),
    "port": ("[inet_http_server]\nport=0", "not a valid port number: '0' "),
    "account first": ("[inet_http_server]\nusername=u", f"Section [inet_http_server] {INCOMPLETE}"),
    "file first": ("[unix_http_server]\nusername=u", "section [unix_http_server] has no file value"),
    "account": ("[unix_http_server]\nfile=/a\npassword=p", f"Section [unix_http_server] {INCOMPLETE}"),
    "chown": ("[unix_http_server]\nfile=/a\nchown=nosuch:x", "Invalid sockchown value nosuch:x"),
    "chmod": ("[unix_http_server]\nfile=/a\nchmod=9", "Invalid chmod value 9"),
    "inet before unix": ("[unix_http_server]\n[inet_http_server]", "section [inet_http_server] has no port value"),
    "here in port": (
        "[inet_http_server]\nport=%(here)s",
        "Format string '%(here)s' for 'inet_http_server.port' contains names ('here') which cannot be expanded. "
        "Available names: ENV_E, ENV_HOME",
    ),
    "max_connections": ("[unix_http_server]\nfile=/a\nmax_connections=0", "0 is below lower bound (1)"),
    "max_body": ("[unix_http_server]\nfile=/a\nmax_body=0", "0 is below lower bound (1)"),
    "idle_timeout": ("[unix_http_server]\nfile=/a\nidle_timeout=0", "not a valid number of seconds: '0'"),
    "chmod beyond": ("[unix_http_server]\nfile=/a\nchmod=-700", "Invalid chmod value -700"),
}


@pytest.mark.parametrize(("text", "expected"), SERVER_ERRORS.values(), ids=SERVER_ERRORS)
def test_server_error(text: str, expected: str) -> None:
    assert legacy(HEAD + text) == expected


def test_plugins() -> None:
    configuration = read(
        f"{HEAD}[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = {MAIN}\n"
        "[rpcinterface:x]\nsupervisor.rpcinterface_factory=m:f\nKey=%(ENV_E)s\n"
        "[ctlplugin:y]\nsupervisor.ctl_factory=n:g\nK=1\n[ctlplugin:broken]\nK=%\n"
    )
    assert configuration.rpcinterfaces == (PluginSpec("supervisor", MAIN), PluginSpec("x", "m:f", {"key": "v"}))
    assert configuration.rpcinterfaces[1].place == "/w/s.conf:5"
    assert configuration.unknown == ()


def test_a_plugin_that_cannot_be_resolved() -> None:
    text = f"{HEAD}[rpcinterface:x]\nsupervisor.rpcinterface_factory=m:f\n"
    (problem,) = problems(text, resolve=lambda spec: f"ImportError: no {spec}")
    why = "cannot use supervisor.rpcinterface_factory 'm:f' in [rpcinterface:x]: ImportError: no m:f"
    assert str(problem) == f"/w/s.conf:3: {why}"
    assert problem.legacy == "m:f cannot be resolved within [rpcinterface:x]"


def test_plugin_error() -> None:
    assert legacy(f"{HEAD}[rpcinterface:x]\n") == (
        "section [rpcinterface:x] does not specify a supervisor.rpcinterface_factory"
    )


def test_main_interface() -> None:
    text = f"[DEFAULT]\nautostart=no\n{HEAD}[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory={MAIN}\n"
    assert read(text).rpcinterfaces[0].options == {"autostart": "no"}
    assert legacy(text + "[unix_http_server]\nfile=/x\n") == "Could not make supervisor rpc interface"


# --- unknown options, remarks, order ---------------------------------------------------------------------------------


def test_unknown() -> None:
    configuration = read(
        "[DEFAULT]\nfoo=1\ncomand=x\n[supervisord]\nnodeamon=1\n[progam:a]\nx=1\n[program]\n[zzz]\n[program:a]\ncommand=x\n"
        "dependent_startup=true\nfoo=2\n[supervisorctl]\nserverurl=x\n[ctlplugin:x]\nanything=1\n"
    )
    assert configuration.unknown == (
        "/w/s.conf:2: unknown option 'foo' in [DEFAULT]",
        "/w/s.conf:3: unknown option 'comand' in [DEFAULT] (did you mean 'command'?)",
        "/w/s.conf:5: unknown option 'nodeamon' in [supervisord] (did you mean 'nodaemon'?)",
        "/w/s.conf:6: unknown section [progam:a] (did you mean [program:a]?)",
        "/w/s.conf:8: unknown section [program] (did you mean [program:NAME]?)",
        "/w/s.conf:9: unknown section [zzz]",
        "/w/s.conf:12: unknown option 'dependent_startup' in [program:a]",
        "/w/s.conf:13: unknown option 'foo' in [program:a]",
    )
    assert configuration.messages == (("warn", '8 unknown options or sections; run "minisup check" to see them'),)


UNCLOSED = (
    ("[program:a]\ncommand=x\n[program:b\n", "unknown option '[program' in [program:a] (is the closing ] missing?)"),
    ("[ctlplugin:a]\nx=1\n[program:b\n", "unknown option '[program' in [ctlplugin:a] (is the closing ] missing?)"),
    ("[ program:a ]\ncommand=x\n", "unknown section [ program:a ] (did you mean [program:a]?)"),
)


@pytest.mark.parametrize(("text", "expected"), UNCLOSED)
def test_brackets(text: str, expected: str) -> None:
    (found,) = read(HEAD + text).unknown
    assert found.partition(": ")[2] == expected


def test_a_bracket_missing_after_the_main_interface() -> None:
    text = f"[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory={MAIN}\n[program:b\n"
    (problem,) = problems(f"{HEAD}[unix_http_server]\nfile=/x\n{text}")
    assert str(problem) == ("/w/s.conf:6: cannot use [program in [rpcinterface:supervisor]: is its closing ] missing?")


ADVICE = {
    "empty name": ("[program:]\ncommand=x\n", "/w/s.conf:2: [program:] has an empty name"),
    "identifier": (
        "identifier=a b\n",
        "/w/s.conf:2: identifier has a blank or a colon, which breaks the header of events",
    ),
    "nodaemon": (
        "nodaemon=true\numask=022\n",
        "/w/s.conf:3: umask is not applied with nodaemon=true, only when daemonizing",
    ),
    "section again": (
        "[program:a]\ncommand=x\n[program:a]\npriority=1\n",
        "/w/s.conf:4: [program:a] began at /w/s.conf:2: they are one section, and what is said here wins",
    ),
    "option again": (
        "[program:a]\ncommand=x\n  y\n\n; z\nCommand=z\n",
        "/w/s.conf:7: 'command' is in [program:a] already: this one counts",
    ),
    "no main interface": (
        "[unix_http_server]\nfile=/x\n",
        "/w/s.conf:2: without a section [rpcinterface:supervisor] supervisorctl and other clients can do nothing here",
    ),
    "groups": (
        "[program:a]\ncommand=x\n[eventlistener:a]\ncommand=x\nevents=EVENT\n",
        "/w/s.conf:2: two groups are called 'a': only the first by (priority, name) counts",
    ),
    "processes": (
        "[group:g]\nprograms=a,b\n[program:a]\ncommand=x\nprocess_name=p\n[program:b]\ncommand=x\nprocess_name=p\n",
        "/w/s.conf:2: two processes of group 'g' are called 'p': the last one counts",
    ),
}


@pytest.mark.parametrize(("text", "expected"), ADVICE.values(), ids=ADVICE)
def test_advice(text: str, expected: str) -> None:
    assert read(HEAD + text).advice == (expected,)


def test_a_section_that_another_file_has() -> None:
    include = "[include]\nfiles=c/*.ini c/a.ini\n"
    files = {"/w/c/a.ini": "[program:a]\ncommand=x\n", "/w/c/b.ini": "[program:a]\ncommand=y\n"}
    assert read(HEAD + include, files).advice == (
        "/w/c/b.ini:1: [program:a] began at /w/c/a.ini:1: they are one section, and what is said here wins",
    )


def test_all_problems_in_the_order_of_supervisords_checks() -> None:
    text = (
        "[unix_http_server]\nchmod=9\n[program:a]\nstartsecs=x\nautostart=y\n[group:g]\nprograms=a,zz\n"
        "[supervisord]\nuser=nosuch\nloglevel=x\numask=9\nfoo\n"
    )
    assert [problem.line for problem in problems(text)] == [12, 11, 10, 5, 4, 3, 7, 1, 2, 9]


def test_a_member_of_two_groups_has_its_problems_once() -> None:
    text = f"{HEAD}[group:g]\nprograms=a\n[group:h]\nprograms=a\n[program:a]\ncommand=x\nstartsecs=x\n"
    assert [str(problem) for problem in problems(text)] == [
        "/w/s.conf:8: cannot use startsecs 'x' in [program:a]: not a whole number"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["one file", "a file each"])
def test_cost_is_linear(layout: str) -> None:
    def lines(count: int) -> int:
        one = "[program:p{n}]\ncommand=/bin/cat %(here)s ; no\nautostart=false\nstdout_logfile=%(program_name)s.log\n"
        files: dict[str, str | bytes] = {"/w/s.conf": "[DEFAULT]\ndirectory=%(here)s\n" + INCLUDE}
        if layout == "one file":
            files["/w/c/a.ini"] = "".join(one.format(n=n) for n in range(count))
        else:
            files |= {f"/w/c/{n}.ini": one.format(n=n) for n in range(count)}
        facts = world(files)
        return lines_run(lambda: load(Overrides("/w/s.conf"), facts))

    assert lines(400) < 4.5 * lines(100)


def test_of_this_machine() -> None:
    facts = Facts.of_this_machine()
    assert facts.user(0) == (0, 0)
    assert facts.user("no such user") is None
    assert facts.user(2**40) is None
    assert facts.group("root") == 0
    assert facts.group(2**40) is None
    assert facts.is_dir(facts.cwd)
    assert facts.is_dir(facts.tempdir)
    assert facts.exists(__file__)
    assert facts.glob(__file__) == [__file__]
    assert b"test_of_this_machine" in facts.read(__file__)
    assert facts.normalize("~root/../x") == facts.absolute(facts.expand_user("~root") + "/../x")
