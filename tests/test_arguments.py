"""The command line by getopt's rules, in supervisord's words."""

import sys
from typing import Any

import pytest
from config_world import world

from minisup import __version__
from minisup.cli.arguments import ROOT_SEARCH, SWITCHES, UsageError, help_text, parse, usage, version_text
from minisup.cli.main import main

GOOD: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "nothing": ("", None, {}),
    "c": ("-c s.conf", "s.conf", {}),
    "bundle": ("-nstk", None, {"nodaemon": True, "silent": True, "strip_ansi": True, "nocleanup": True}),
    "bundle with argument": ("-ncs.conf", "s.conf", {"nodaemon": True}),
    "long": ("--configuration=s.conf --nodaemon", "s.conf", {"nodaemon": True}),
    "long with a word": ("--configuration s.conf", "s.conf", {}),
    "unique prefix": ("--nod --con s.conf", "s.conf", {"nodaemon": True}),
    "exact, though a prefix of others": ("--logfile=/tmp/x", None, {"logfile": "/tmp/x"}),
    "longer prefix": ("--logfile_m=1kb", None, {"logfile_maxbytes": 1024}),
    "prefix of supervisord's wins": ("--st", None, {"strip_ansi": True}),
    "prefix of ours": ("--shut 9", None, {"shutdown_timeout": 9.0}),
    "end of options": ("-n --", None, {"nodaemon": True}),
    "values": (
        "-u web -m 077 -d /tmp -l x -y 1MB -z 3 -e DEBUG -j /tmp/p -i id -q /tmp -a 7 --minprocs 8",
        None,
        {
            "user": "web", "umask": 0o77, "directory": "/tmp", "logfile": "x", "logfile_maxbytes": 1 << 20,
            "logfile_backups": 3, "loglevel": "debug", "pidfile": "/tmp/p", "identifier": "id", "childlogdir": "/tmp",
            "minfds": 7, "minprocs": 8,
        },
    ),
    "ours": ("--subreaper --shutdown-timeout=1.5", None, {"subreaper": True, "shutdown_timeout": 1.5}),
    "profile": ("--profile_options=cumulative,calls", None, {}),
}  # fmt: skip


@pytest.mark.parametrize(("line", "configfile", "values"), GOOD.values(), ids=GOOD)
def test_good(line: str, configfile: str | None, values: dict[str, Any]) -> None:
    options = parse(line.split(), world(), "minisup")
    assert (options.action, options.overrides.configfile, options.overrides.values) == ("run", configfile, values)


def test_start() -> None:
    assert parse(["--start", "a", "--start=b:*", "--start", "c:"], world()).overrides.start == ("a", "b", "c")


BAD = {
    "short": ("-x", "option -x not recognized"),
    "long": ("--bogus", "option --bogus not recognized"),
    "prefix": ("--log x", "option --log not a unique prefix"),
    "no name": ("--=x", "option -- not a unique prefix"),
    "argument missing": ("-e", "option -e requires argument"),
    "long argument missing": ("--pid", "option --pidfile requires argument"),
    "flag with argument": ("--nodaemon=1", "option --nodaemon must not have an argument"),
    "colon": ("-:", "option -: not recognized"),
    "stray": ("pos", "positional arguments are not supported: ['pos']"),
    "stray after options": ("-n pos -x", "positional arguments are not supported: ['pos', '-x']"),
    "dash": ("-", "positional arguments are not supported: ['-']"),
    "twice": ("-n -n", "conflicting command line option '-n'"),
    "twice, short and long": ("-n --nodaemon", "conflicting command line option '--nodaemon'"),
    "number beyond": (
        "-a 9223372036854775808",
        "invalid value for -a '9223372036854775808': 9223372036854775808 is above upper bound (9223372036854775807)",
    ),
    "configuration twice": ("-c a -c b", "conflicting command line option '-c'"),
    "level": ("-e foo", "invalid value for -e 'foo': bad logging level name 'foo'"),
    "number": ("--minprocs=x", "invalid value for --minprocs 'x': invalid literal for int() with base 10: 'x'"),
    "directory": ("-d /no", "invalid value for -d '/no': /no is not an existing directory"),
    "path": (
        "-l /no/x",
        "invalid value for -l '/no/x': The directory named as part of the path /no/x does not exist",
    ),
    "umask": ("-m 9", "invalid value for -m '9': 9 can not be converted to an octal type"),
    "seconds": ("--shutdown-timeout=x", "invalid value for --shutdown-timeout 'x': not a valid number of seconds: 'x'"),
    "process": ("--start a:b", "invalid value for --start 'a:b': not the name of a group (GROUP or GROUP:*)"),
    "help after nonsense": ("-x -h", "option -x not recognized"),
    "help before nonsense": ("-h -x", "option -x not recognized"),
    "value before help": ("-e foo -h", "invalid value for -e 'foo': bad logging level name 'foo'"),
}


@pytest.mark.parametrize(("line", "expected"), BAD.values(), ids=BAD)
def test_bad(line: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(line.split(), world())
    assert str(caught.value) == expected


def test_usage_is_supervisords() -> None:
    assert usage("supervisord", UsageError("option -x not recognized")) == (
        "Error: option -x not recognized\nFor help, use supervisord -h\n"
    )


USAGES = {
    "supervisord": "supervisord -h",
    "/usr/bin/supervisord": "/usr/bin/supervisord -h",
    "/opt/bin/minisup": "minisup run -h",
    "/x/minisup/__main__.py": "minisup run -h",
}


@pytest.mark.parametrize("argv0", USAGES)
def test_usage_names_the_help_that_is_meant(argv0: str) -> None:
    assert usage(argv0, "why") == f"Error: why\nFor help, use {USAGES[argv0]}\n"


def called(*words: str) -> None:
    with pytest.raises(SystemExit):
        main(["minisup", *words])


@pytest.mark.parametrize("command", ["run", "check"])
def test_help_of_a_command(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minisup.cli.main._leave", sys.exit)
    called("help", command)
    assert capsys.readouterr().out.startswith(f"Usage: minisup {command} ")


def test_an_option_in_place_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    called("-n", "-c", "a b")
    assert capsys.readouterr().err == "minisup: '-n' stands where a command is due: minisup run -n -c 'a b'\n"


@pytest.mark.parametrize("line", ["-h", "-?", "--help", "-h -e foo", "-nh"])
def test_help_wins_when_it_is_reached(line: str) -> None:
    assert parse(line.split(), world()).action == "help"


@pytest.mark.parametrize("line", ["-v", "--version", "--v"])
def test_version(line: str) -> None:
    assert parse(line.split(), world()).action == "version"


def test_version_text() -> None:
    assert version_text("/usr/bin/supervisord") == "4.3.0\n"
    assert version_text("minisup") == f"{__version__}\n"


def test_help_names_every_option_and_fits_a_terminal() -> None:
    text = help_text("supervisord")
    for switch in SWITCHES:
        assert f"--{switch.long}" in text
        assert switch.help in text
    assert "supervisord -n" in text
    assert max(len(line) for line in text.splitlines()) <= 110


def test_root_is_told_about_the_search() -> None:
    assert parse([], world(uid=0)).notices == (ROOT_SEARCH,)
    assert parse(["-c", "x"], world(uid=0)).notices == ()
    assert parse([], world()).notices == ()
