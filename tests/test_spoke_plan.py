"""What a spoke and a hub read from their environment, whose programs a spoke starts, and what check --spoke says."""

import io
from collections.abc import Mapping

import pytest
from config_world import world

from minisup.cli.check import check
from minisup.config.build import load
from minisup.config.facts import Overrides
from minisup.errors import ConfigError, MinisupError
from minisup.specs import Configuration
from minisup.spoke.plan import SKELETON, Deviation, Hub, Source, Spoke, command, confine, is_yes, permissions, wheels

# --- environment -----------------------------------------------------------------------------------------------------

SOURCES: dict[str, tuple[dict[str, str], list[tuple[str, str]]]] = {
    "none": ({}, []),
    "one": ({"WHEEL_REPO": "r"}, [("r", "config")]),
    "one with its branch": ({"WHEEL_REPO": "r", "WHEEL_BRANCH": "b"}, [("r", "b")]),
    "sorted by name": ({"WHEEL_REPO_B": "b", "WHEEL_REPO": "r", "WHEEL_REPO_A": "a"}, [
        ("r", "config"), ("a", "config"), ("b", "config")
    ]),
    "paired by position": ({"WHEEL_REPO_A": "a", "WHEEL_REPO_B": "b", "WHEEL_BRANCH_1": "x", "WHEEL_BRANCH_2": "y"}, [
        ("a", "x"), ("b", "y")
    ]),
    "too few branches": ({"WHEEL_REPO_A": "a", "WHEEL_REPO_B": "b", "WHEEL_BRANCH_B": "y"}, [
        ("a", "y"), ("b", "config")
    ]),
    "too many branches": ({"WHEEL_REPO": "r", "WHEEL_BRANCH_A": "x", "WHEEL_BRANCH_B": "y"}, [("r", "x")]),
    "empty ones do not count": ({"WHEEL_REPO": "", "WHEEL_REPO_A": "a", "WHEEL_BRANCH": ""}, [("a", "config")]),
}  # fmt: skip


@pytest.mark.parametrize("case", SOURCES)
def test_wheels(case: str) -> None:
    environ, expected = SOURCES[case]
    assert wheels(environ) == tuple(Source(*pair) for pair in expected)


class TestSpoke:
    def test_defaults(self) -> None:
        spoke = Spoke({"SPOKE_NAME": "web", "HOSTNAME": "host"}, "node")
        assert (spoke.name, spoke.id, spoke.detached, spoke.exit_on) == ("web", "host", False, "")
        assert spoke.skeleton == (SKELETON, "master")
        assert spoke.folder == "/run/supervisor/host"
        assert spoke.logs == "/log/host"
        assert spoke.main_log == "/log/host/supervisord.log"
        assert spoke.marker == "/run/supervisor/host/web"
        assert spoke.link == "/run/supervisor/host/supervisord.conf"
        assert spoke.target == "/config/supervisor/supervisord.conf"
        assert spoke.lock.startswith(f"{spoke.folder}/")

    @pytest.mark.parametrize(
        "environ, expected",
        [
            ({}, "node"),
            ({"HOSTNAME": "host"}, "host"),
            ({"HOSTNAME": "host", "SPOKE_ID": "id"}, "id"),
            ({"HOSTNAME": "", "SPOKE_ID": ""}, "node"),
        ],
    )
    def test_id(self, environ: Mapping[str, str], expected: str) -> None:
        assert Spoke(environ, "node").id == expected

    @pytest.mark.parametrize("root", ["/r", "/r/"])
    def test_root(self, root: str) -> None:
        spoke = Spoke({"HOSTNAME": "h", "WHEEL_ROOT": root}, "node")
        assert spoke.folder == "/r/run/supervisor/h"
        assert spoke.target == "/r/config/supervisor/supervisord.conf"
        assert spoke.main_log == "/r/log/h/supervisord.log"
        assert spoke.wheel.hub_lock == "/r/run/hub.lock"


@pytest.mark.parametrize("text", ["True", "true", "TRUE", "yes", "on", "1", " True "])
def test_yes(text: str) -> None:
    assert is_yes(text)


@pytest.mark.parametrize("text", ["", "False", "false", "no", "0", "x"])
def test_no(text: str) -> None:
    assert not is_yes(text)


@pytest.mark.parametrize("text, expected", [(None, False), ("False", False), ("True", True), ("once a week", True)])
def test_updates(text: str | None, expected: bool) -> None:
    assert Hub({} if text is None else {"UPDATES": text}).updates is expected


class TestPermissions:
    def test_defaults(self) -> None:
        assert permissions({}) == (0o755, 0o644, ())

    def test_given(self) -> None:
        assert permissions({"PERMISSIONS_DEFAULT_DIR": "2750", "PERMISSIONS_DEFAULT_FILE": "0600"})[:2] == (
            0o2750,
            0o600,
        )

    def test_exceptions(self) -> None:
        text = "/a:700  /b/*:600:web\n/c:400:web:www /d:400::www"
        assert permissions({"PERMISSIONS_EXCEPTIONS": text}, "/r").exceptions == (
            Deviation("/r/d", 0o400, None, "www"),
            Deviation("/r/c", 0o400, "web", "www"),
            Deviation("/r/b/*", 0o600, "web", None),
            Deviation("/r/a", 0o700, None, None),
        )

    @pytest.mark.parametrize("text", ["/a", "/a:", ":700", "/a:700:u:g:x", "/a:8", "/a:-1", "/a:77777"])
    def test_refused(self, text: str) -> None:
        with pytest.raises(MinisupError, match="cannot use PERMISSIONS_EXCEPTIONS "):
            permissions({"PERMISSIONS_EXCEPTIONS": text})


COMMANDS: dict[str, tuple[str, list[str], list[str]]] = {
    "alone": ("", ["ls", "-l"], ["ls", "-l"]),
    "in front": ("nice -n 5", ["ls"], ["nice", "-n", "5", "ls"]),
    "quotes in front": ("sh -c 'echo \"$@\"' sh", ["a"], ["sh", "-c", 'echo "$@"', "sh", "a"]),
    "arguments are whole": ("", ["a b", "'", '"', "$HOME", "*", ";", ""], ["a b", "'", '"', "$HOME", "*", ";", ""]),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_command(case: str) -> None:
    prefix, words, expected = COMMANDS[case]
    assert command(prefix, words) == expected


def test_command_with_half_a_quote() -> None:
    with pytest.raises(MinisupError, match='cannot use SPOKE_CMD "sh -c \'x": No closing quotation'):
        command("sh -c 'x", ["a"])


# --- whose programs --------------------------------------------------------------------------------------------------

HEAD = "[supervisord]\n[unix_http_server]\nfile=/run/supervisor/h/supervisor.sock\n"
PROGRAMS = "[program:{0}]\ncommand=x\nautostart={1}\n"


def read(text: str) -> Configuration:
    return load(Overrides("/w/s.conf"), world({"/w/s.conf": HEAD + text}))


def started(configuration: Configuration) -> list[str]:
    return [f"{g.name}:{p.name}" for g in configuration.groups for p in g.processes if p.autostart]


WEB_GROUP = "[group:web-group]\nprograms=a,b\n" + PROGRAMS.format("a", "false") + PROGRAMS.format("b", "true")
WEB_NAMED_GROUP = "[group:web]\nprograms=c\n" + PROGRAMS.format("c", "false")
WEB_PROGRAM = PROGRAMS.format("web", "false")
OTHER = "[group:other-group]\nprograms=o\n" + PROGRAMS.format("o", "true")

OWN: dict[str, tuple[str, str, list[str]]] = {
    "its group": (WEB_GROUP + OTHER, "web", ["web-group:a", "web-group:b"]),
    "the group of that name": (WEB_NAMED_GROUP + OTHER, "web", ["web:c"]),
    "its group before the group of that name": (WEB_NAMED_GROUP + WEB_GROUP, "web", ["web-group:a", "web-group:b"]),
    "a program alone": (WEB_PROGRAM + OTHER, "web", ["web:web"]),
    "a program of a group": (WEB_GROUP + OTHER, "o", ["other-group:o"]),
    "a program of a group, in full": (WEB_GROUP + OTHER, "other-group:o", ["other-group:o"]),
    "nobody else": (OTHER + WEB_GROUP, "web", ["web-group:a", "web-group:b"]),
}


@pytest.mark.parametrize("case", OWN)
def test_own(case: str) -> None:
    text, name, expected = OWN[case]
    found = confine(read(text), name)
    assert started(found) == expected
    assert found.daemon.own == tuple(tuple(key.split(":")) for key in expected)


def test_left_alone_is_said() -> None:
    found = confine(read(WEB_GROUP + OTHER + PROGRAMS.format("z", "true")), "web")
    assert [text for _, text in found.messages if "left alone" in text] == [
        "left alone, for other spokes: other-group, z"
    ]
    alone = confine(read(WEB_GROUP), "web")
    assert [text for _, text in alone.messages if "left alone" in text] == []


@pytest.mark.parametrize(
    "text, there", [(WEB_GROUP + OTHER, "other-group, web-group"), ("", "none")], ids=["others", "none"]
)
def test_no_such_group(text: str, there: str) -> None:
    with pytest.raises(ConfigError) as caught:
        confine(read(text), "db")
    why = f"there is no db-group (there are: {there})"
    assert str(caught.value) == f"cannot start the group of spoke 'db': {why}"


# --- check --spoke ---------------------------------------------------------------------------------------------------

SOCKET = "file=/%(here)s/supervisor.sock"
CONF = "/config/supervisor/supervisord.conf"
LINK = "/run/supervisor/h/supervisord.conf"
SPOKE_HEAD = (
    f"[supervisord]\nnodaemon=true\n[unix_http_server]\n{SOCKET}\n"
    "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
    "[include]\nfiles=/config/supervisor/conf.d/*.ini\n"
)
GOOD = (
    "[program:{0}]\ncommand=x\nautostart=false\nstdout_logfile=/log/%(host_node_name)s/%(program_name)s_stdout.log\n"
    "stderr_logfile=/log/%(host_node_name)s/%(program_name)s_stderr.log\n"
)


def advise(inis: Mapping[str, str], environ: Mapping[str, str] | None = None, *words: str) -> tuple[int, list[str]]:
    """The exit code of check --spoke and all that it says; each .ini by its name."""
    files: dict[str, str | bytes] = {f"/config/supervisor/conf.d/{name}.ini": text for name, text in inis.items()}
    files |= {CONF: SPOKE_HEAD, LINK: SPOKE_HEAD, "/dev/stdout": "", "/proc/self/fd/1": "", "/log/other/x": ""}
    files |= {"/log/hosts/x": ""}
    out, err = io.StringIO(), io.StringIO()
    facts = world(files, environ={"HOSTNAME": "h", **(environ or {})})
    code = check(["--spoke", *words], facts, out, err)
    return code, (out.getvalue() + err.getvalue()).splitlines()


def advice_of(**inis: str) -> list[str]:
    code, lines = advise(inis)
    assert code == 0, lines
    assert lines[-1].startswith(f"{LINK}: good: ")
    return [line for line in lines[:-1] if line.startswith("program")]  # the rest is said without --spoke, too


def test_good_advice_is_none() -> None:
    assert advice_of(a=GOOD.format("a"), b=GOOD.format("b")) == []


def test_autostart_among_others() -> None:
    text = GOOD.format("a").replace("autostart=false", "autostart=true")
    assert advice_of(a=text, b=GOOD.format("b")) == [
        "program 'a' has autostart=true: under supervisord every spoke of the wheel would start it (minisup spoke "
        "starts its own group only)"
    ]
    assert advice_of(a=text) == []  # the only group there is


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_a_serverurl_of_nobody(slashes: str) -> None:
    url = f"unix://{slashes}%(here)s/supervisor.sock"
    shown = f"unix://{slashes}/config/supervisor/conf.d/supervisor.sock"
    assert advice_of(a=GOOD.format("a") + f"serverurl={url}\n") == [
        f"program 'a' has serverurl={shown}, which is no socket of this spoke: in an included file %(here)s is that "
        "file's folder since supervisor 4.0 (leave serverurl out)"
    ]


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_the_serverurl_of_this_spoke(slashes: str) -> None:
    url = f"unix://{slashes}/run/supervisor/%(host_node_name)s/supervisor.sock"
    assert advice_of(a=GOOD.format("a") + f"serverurl={url}\n") == []
    assert advice_of(a=GOOD.format("a") + "serverurl=AUTO\n") == []


def test_a_log_of_two() -> None:
    text = GOOD.format("a") + GOOD.format("b").replace("%(program_name)s", "a")
    assert advice_of(a=text) == [
        "programs 'a' and 'b' share the log file /log/h/a_stdout.log",
        "programs 'a' and 'b' share the log file /log/h/a_stderr.log",
    ]


def test_one_log_for_both_outputs_is_its_own_business() -> None:
    assert advice_of(a=GOOD.format("a").replace("_stderr.log", "_stdout.log")) == []


def test_a_log_without_the_host() -> None:
    text = GOOD.format("a").replace("/log/%(host_node_name)s/%(program_name)s_stdout", "/log/a_stdout")
    assert advice_of(a=text) == [
        "program 'a' logs to /log/a_stdout.log, which every spoke of the wheel shares (use %(host_node_name)s)"
    ]


def test_a_host_that_is_only_part_of_a_name() -> None:
    """The name of this spoke is h: that there is an h somewhere in a path says nothing."""
    text = GOOD.format("a").replace("/log/%(host_node_name)s/%(program_name)s_stdout", "/log/other/a_h_stdout")
    assert len(advice_of(a=text)) == 0
    text = GOOD.format("a").replace("/log/%(host_node_name)s/%(program_name)s_stdout", "/log/hosts/both")
    assert advice_of(a=text) == [
        "program 'a' logs to /log/hosts/both.log, which every spoke of the wheel shares (use %(host_node_name)s)"
    ]


@pytest.mark.parametrize("path", ["/dev/stdout", "/proc/self/fd/1", "NONE", "AUTO", "syslog"])
def test_logs_that_are_no_files(path: str) -> None:
    text = GOOD.format("a") + GOOD.format("b")
    text = text.replace("/log/%(host_node_name)s/%(program_name)s_stdout.log", f"{path}\nstdout_logfile_maxbytes=0")
    assert advice_of(a=text) == []


def test_a_redirected_stderr_has_no_log() -> None:
    text = GOOD.format("a").replace("/log/%(host_node_name)s/%(program_name)s_stderr", "/log/a_stderr")
    assert advice_of(a=text + "redirect_stderr=true\n") == []


def test_the_id_names_the_folders() -> None:
    code, lines = advise({"a": GOOD.format("a")}, {"SPOKE_ID": "web"})
    assert (code, lines) == (0, [f"{CONF}: good: 1 group, 1 process, 1 control socket"])


def test_before_anything_was_started() -> None:
    """Neither /log nor /data nor the folder of the link: whoever writes a wheel has none of them."""
    head = SPOKE_HEAD.replace("nodaemon=true", "nodaemon=true\nchildlogdir=/log")
    out, err = io.StringIO(), io.StringIO()
    files = {CONF: head, "/config/supervisor/conf.d/a.ini": GOOD.format("a")}
    code = check(["--spoke"], world(files, environ={"HOSTNAME": "h"}), out, err)
    assert (code, err.getvalue()) == (0, "")
    assert out.getvalue() == f"{CONF}: good: 1 group, 1 process, 1 control socket\n"


def test_a_file_of_its_own() -> None:
    code, lines = advise({"a": GOOD.format("a")}, {}, "-c", CONF)
    assert (code, lines) == (0, [f"{CONF}: good: 1 group, 1 process, 1 control socket"])


def test_mistakes_are_mistakes_for_a_spoke_too() -> None:
    code, lines = advise({"a": "[program:a]\ncommand=x\nstartsecs=soon\n"})
    assert code == 2
    assert lines[0] == (
        "/config/supervisor/conf.d/a.ini:3: cannot use startsecs 'soon' in [program:a]: not a whole number"
    )


def test_all_of_it_at_once() -> None:
    bad = {
        "a": "[program:a]\ncommand=x\nstdout_logfile=/log/x\nserverurl=unix:///x\n",
        "b": "[program:b]\ncommand=x\nstdout_logfile=/log/x\n",
    }
    code, lines = advise(bad)
    assert code == 0
    assert len([line for line in lines if line.startswith("program")]) == 6
