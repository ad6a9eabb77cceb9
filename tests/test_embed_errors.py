"""What cannot be: each is a clear exception that names the field, and nothing is left of what was begun."""

import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from embedding import Traces, anyio_backend, traces, unblocked

import minisup
from minisup import ConfigError, MinisupError, Program, StartError, Supervisor, TimedOut, UnknownProgram
from minisup.config.schema import PROGRAM

__all__ = ["anyio_backend", "traces", "unblocked"]
pytestmark = pytest.mark.anyio

FOREVER = "sleep 1000"

# What `Program` is made with, and what it says.
PROGRAMS: dict[str, tuple[dict[str, Any], str]] = {
    "no such option": (
        {"startsec": 1},
        "cannot use startsec 1 of program 'web': there is no such option (did you mean 'startsecs'?)",
    ),
    "no number": ({"startsecs": "soon"}, "cannot use startsecs 'soon' in [program:web]: not a whole number"),
    "no whole number": ({"startsecs": 1.5}, "cannot use startsecs '1.5' in [program:web]: not a whole number"),
    "a list": ({"startsecs": ["1"]}, "cannot use startsecs ['1'] of program 'web': no option has a value of type list"),
    "no signal": ({"stopsignal": "TERMITE"}, "cannot use stopsignal 'TERMITE' in [program:web]: no such signal"),
    "no truth": ({"autostart": "perhaps"}, "cannot use autostart 'perhaps' in [program:web]: neither true nor false"),
    "exit codes": (
        {"exitcodes": [1, 256]},
        "cannot use exitcodes '1,256' in [program:web]: not a list of numbers from 0 to 255",
    ),
    "a name": ({"name": "a b"}, "cannot use the name 'a b' of [program:a b]: a name has no ' '"),
    "no words": ({"command": []}, "cannot use command [] of program 'web': neither a text nor a list of words"),
    "no command": ({"command": None}, "cannot run [program:web]: it has no command"),
    "NUL": ({"directory": "/\0"}, "cannot use directory '/\\x00' of program 'web': it holds a NUL character"),
    "no environment": (
        {"environment": {"A": 1}},
        "cannot use environment {'A': 1} of program 'web': not a mapping of texts to texts",
    ),
    "no variable": (
        {"environment": {"A=B": "1"}},
        "cannot use environment {'A=B': '1'} of program 'web': 'A=B' cannot be a variable",
    ),
    "many": (
        {"numprocs": 2},
        "cannot make 2 processes of [program:web]: process_name needs %(process_num)d in it",
    ),
    "two": (
        {"startsecs": "x", "stopwaitsecs": "y"},
        "cannot use startsecs 'x' in [program:web]: not a whole number\n"
        "cannot use stopwaitsecs 'y' in [program:web]: not a whole number",
    ),
    "ready": ({"ready": "soon"}, "cannot use ready 'soon' in [program:web]: "),
}


@pytest.mark.parametrize(("options", "text"), PROGRAMS.values(), ids=PROGRAMS)
async def test_a_program_that_cannot_be(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        Program(**{"name": "web", "command": FOREVER, **options})
    assert str(error.value).startswith(text)
    assert str(error.value) == text or text.endswith(": ")


def test_the_options_are_those_of_the_schema() -> None:
    assert {*minisup.ProgramOptions.__annotations__, "command"} == {*PROGRAM.keys}


async def test_values_are_pythons(tmp_path: Path) -> None:
    (tmp_path / "a%b").mkdir()
    program = Program(
        "web",
        ["sh", "-c", 'printf "%s" "$1" "$A"; exec sleep 1000', "sh", "50% of %(here)s"],
        environment={"A": "\" ' , % \\ \n"},
        directory=tmp_path / "a%b",
        stdout_logfile=tmp_path / "100%.log",
        stderr_logfile=None,
        umask=0o077,
        stopsignal="INT",
        exitcodes=[0, 3],
        startsecs=0,
    )
    async with Supervisor(programs=[program]) as supervisor:
        await supervisor.ready()
        info = supervisor.info("web")
        assert (info.stdout_logfile, info.stderr_logfile) == (str(tmp_path / "100%.log"), None)
        assert os.readlink(f"/proc/{info.pid}/cwd") == str(tmp_path / "a%b")
        lines = supervisor.lines()
        await supervisor.restart("web")
        assert (await anext(lines)).text == "50% of %(here)s\" ' , % \\ "


async def test_several_processes_of_a_program() -> None:
    program = Program("web", FOREVER, numprocs=2, startsecs=0, process_name="%(program_name)s-%(process_num)d")
    async with Supervisor(programs=[program]) as supervisor:
        assert [info.name for info in supervisor.processes()] == ["web:web-0", "web:web-1"]
        await supervisor.stop("web")
        assert {info.state for info in supervisor.processes()} == {"STOPPED"}
        await supervisor.start("web:web-1")
        assert [info.pid is None for info in supervisor.processes()] == [True, False]
        with pytest.raises(UnknownProgram, match=r"^cannot show 'web': it means several: web:web-0, web:web-1$"):
            supervisor.info("web")


# --- a block that is not entered -------------------------------------------------------------------------------------

GOOD = Program("good", FOREVER)

BLOCKS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no such command": (
        {"programs": [GOOD, Program("web", "/not/there -x")]},
        StartError,
        "cannot start 'web': can't find command '/not/there' (BACKOFF)",
    ),
    "no command": ({"programs": [Program("web", "")]}, StartError, "cannot start 'web': command is empty (BACKOFF)"),
    "no program": (
        {"programs": [GOOD, Program("web", "/etc/passwd")]},
        StartError,
        "cannot start 'web': command at '/etc/passwd' is not executable (BACKOFF)",
    ),
    "no directory": (
        {"programs": [GOOD, Program("web", FOREVER, directory="/not/there")]},
        StartError,
        "cannot start 'web': cannot run 'web' in directory '/not/there': No such file or directory (BACKOFF)",
    ),
    "no log directory": (
        {"programs": [GOOD, Program("web", FOREVER, stdout_logfile="/not/there/log")]},
        ConfigError,
        "cannot use stdout_logfile '/not/there/log' in [program:web]: no directory '/not/there'",
    ),
    "no user": (
        {"programs": [GOOD, Program("web", FOREVER, user="nobody-of-that-name")]},
        ConfigError,
        "cannot use user 'nobody-of-that-name' in [program:web]: no such user",
    ),
    "a name twice": (
        {"programs": [GOOD, GOOD]},
        ConfigError,
        "cannot use name 'good': there is a program or group of that name",
    ),
    "a name of the text": (
        {"programs": [GOOD], "text": "[program:good]\ncommand=sleep 1000"},
        ConfigError,
        "cannot use name 'good': there is a program or group of that name",
    ),
    "a bad text": (
        {"text": "[program:web]\ncommand=sleep 1000\nstartsecs=soon\n"},
        ConfigError,
        "<text>:3: cannot use startsecs 'soon' in [program:web]: not a whole number",
    ),
    "no file": ({"conf": "/not/there.conf"}, ConfigError, "cannot read '/not/there.conf': no such file"),
    "no folder": (
        {"folder": "/not/there"},
        MinisupError,
        "cannot use the folder '/not/there': there is no such directory",
    ),
    "no log": (
        {"programs": [GOOD], "log": "/not/there/log"},
        MinisupError,
        "cannot open the log file '/not/there/log': No such file or directory",
    ),
    "no socket": (
        {"programs": [GOOD], "socket": "/not/there/s"},
        MinisupError,
        "cannot open the socket '/not/there/s': Cannot open an HTTP server: socket.error reported errno.ENOENT (2)",
    ),
}


@pytest.mark.parametrize(("arguments", "kind", "text"), BLOCKS.values(), ids=BLOCKS)
async def test_a_block_that_is_not_entered(
    arguments: dict[str, Any], kind: type[Exception], text: str, traces: Traces
) -> None:
    with pytest.raises(kind) as error:
        async with Supervisor(**arguments):
            raise AssertionError("it is entered")
    assert str(error.value) == text


async def test_a_socket_that_is_taken(tmp_path: Path, traces: Traces) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(path))
        taken.listen()
        with pytest.raises(
            MinisupError, match=f"^cannot open the socket '{path}': Another program is already listening"
        ):
            async with Supervisor(programs=[GOOD], socket=path):
                raise AssertionError("it is entered")


async def test_two_configurations() -> None:
    with pytest.raises(MinisupError, match=r"^cannot use conf and text: one of them is the configuration$"):
        Supervisor("a.conf", text="[program:b]\ncommand=c")


async def test_no_second_block(traces: Traces) -> None:
    supervisor = Supervisor(programs=[GOOD])
    for call in (lambda: supervisor.start("good"), lambda: supervisor.ready()):
        with pytest.raises(MinisupError, match=r"^cannot use a Supervisor outside of its block$"):
            await call()
    async with supervisor:
        pass
    with pytest.raises(MinisupError, match=r"^cannot use a Supervisor outside of its block$"):
        supervisor.processes()
    with pytest.raises(MinisupError, match=r"^cannot use a Supervisor for a second block$"):
        async with supervisor:
            pass


# --- calls that are refused ------------------------------------------------------------------------------------------

CALLS: dict[str, tuple[str, tuple[Any, ...], type[Exception], str]] = {
    "start": (
        "start",
        ("web",),
        UnknownProgram,
        "cannot start 'web': there is no such program (there are: down, good)",
    ),
    "stop": ("stop", ("a:b",), UnknownProgram, "cannot stop 'a:b': there is no such program (there are: down, good)"),
    "remove": ("remove", ("a",), UnknownProgram, "cannot remove 'a': there is no such program (there are: down, good)"),
    "ready": ("ready", ("a",), UnknownProgram, "cannot wait for 'a': there is no such program (there are: down, good)"),
    "signal": ("signal", ("good", "TERMITE"), MinisupError, "cannot signal 'good': there is no signal 'TERMITE'"),
    "signal down": ("signal", ("down", "TERM"), MinisupError, "cannot signal 'down': it does not run"),
    "state": (
        "wait_for",
        ("good", "RUNING"),
        MinisupError,
        "cannot wait for state 'RUNING': it is none of STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, "
        "UNKNOWN",
    ),
    "late": (
        "wait_for",
        ("down", "RUNNING", 0.01),
        TimedOut,
        "cannot wait for 'down' any longer, not RUNNING within 0.01 seconds: not started (STOPPED)",
    ),
    "channel": (
        "tail",
        ("good", 1, "stdin"),
        MinisupError,
        "cannot read 'stdin' of 'good': it is neither stdout nor stderr",
    ),
    "no log": ("tail", ("down",), MinisupError, "cannot read stdout of 'down': it has no log file"),
    "add": ("add", (GOOD,), ConfigError, "cannot use name 'good': there is a program or group of that name"),
}


@pytest.mark.parametrize(("method", "words", "kind", "text"), CALLS.values(), ids=CALLS)
async def test_a_call_that_is_refused(method: str, words: tuple[Any, ...], kind: type[Exception], text: str) -> None:
    down = Program("down", FOREVER, autostart=False, stdout_logfile=None)
    async with Supervisor(programs=[GOOD, down]) as supervisor:
        with pytest.raises(kind) as error:
            await getattr(supervisor, method)(*words)
        assert str(error.value) == text
        with pytest.raises(MinisupError, match=r"^cannot listen to 'PROCES': there is no such event$"):
            supervisor.events("PROCES")
        assert supervisor.info("good").pid


async def test_a_start_that_fails_stops_what_it_started(traces: Traces) -> None:
    bad = Program("bad", ["sh", "-c", "echo out; echo why >&2; exit 3"], autostart=False)
    other = Program("other", FOREVER, autostart=False)
    async with Supervisor(programs=[GOOD, bad, other]) as supervisor:
        with pytest.raises(StartError) as error:
            await supervisor.start()
        assert re.fullmatch(r"cannot start 'bad': .*exit status 3 \(BACKOFF\)\n  \| out\n  \| why", str(error.value))
        assert (error.value.name, error.value.state, error.value.returncode) == ("bad", "BACKOFF", 3)
        assert error.value.log == "out\nwhy\n"
        assert {info.name: info.state in ("STARTING", "RUNNING") for info in supervisor.processes()} == {
            "bad": False,
            "good": True,
            "other": False,
        }
        with pytest.raises(StartError, match=r"^cannot start 'new': can't find command '/not/there'"):
            await supervisor.add(Program("new", "/not/there"))
        assert [info.name for info in supervisor.processes()] == ["bad", "good", "other"]


async def test_a_program_that_is_not_ready(traces: Traces) -> None:
    late = Program("web", ["sh", "-c", "echo hello; exec sleep 1000"], ready="file:/not/there", ready_timeout=0.05)
    with pytest.raises(StartError, match=r"^cannot start 'web': not ready in time by file:/not/there: .*\n  \| hello$"):
        async with Supervisor(programs=[late]):
            raise AssertionError("it is entered")
    gone = Program("web", ["sh", "-c", "echo hello; exit 3"], ready="file:/not/there")
    with pytest.raises(StartError, match=r"^cannot start 'web': .*exit status 3 \(BACKOFF\)\n  \| hello$"):
        async with Supervisor(programs=[gone]):
            raise AssertionError("it is entered")
