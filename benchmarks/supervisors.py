"""The supervisors that can be measured, each behind the same few questions: how to configure, start, ask and end it.

All of them get the same job: a number of programs, kept running, each with its number (slot) as its last word. What
programs print is read and dropped where a supervisor reads it at all, unless the job says that it is to be kept.
"""

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xmlrpc.client import dumps

from benchmarks.programs import Door

ROOT = Path(__file__).resolve().parent.parent

# What can be measured of a supervisor.
RUN = "run"
"""It keeps programs running."""
ASK = "ask"
"""It has a control socket that tells its state."""
RPC = "rpc"
"""It speaks supervisord's XML-RPC."""
LOGS = "logs"
"""It keeps what programs print."""
CTL = "ctl"
"""It has a command that prints the status of all programs."""
READ = "read"
"""It reads a configuration that can be timed alone."""
INIT = "init"
"""It can be PID 1."""
FLOOR = "floor"
"""It is no supervisor but what one is compared with: `answer.c` answers in its stead."""
COPY = "copy"
"""It is no supervisor but copies what a writer prints to a file."""


class Job(NamedTuple):
    """What a supervisor has to do.

    Attributes:
        folder: an empty one, for its files; the compiled programs are in its parent.
        words: the command of each program, but for the slot.
        size: how many programs.
        logs: keep what they print, in ``SLOT.log``.
        respawn: start a program anew when it ends.
    """

    folder: Path
    words: Sequence[str]
    size: int
    logs: bool = False
    respawn: bool = True


class Supervisor:
    """One of those that are measured.

    Args:
        name: as it stands in the tables.
        command: its program, if not the usual one.

    Attributes:
        can: what can be measured.
        end_signal: ends it with all of its programs.
    """

    can: frozenset[str] = frozenset()
    end_signal = signal.SIGTERM
    expected = ""
    """Each answer to `question` holds it."""

    def __init__(self, name: str, command: str | None = None) -> None:
        self.name = name
        self.program = command or self.usual()

    def usual(self) -> str:
        """Its program, where none was named."""
        raise NotImplementedError

    def missing(self) -> str | None:
        """Why it cannot be measured here; None if it can."""
        return None if shutil.which(self.program) else f"{self.program} is not installed"

    def version(self) -> str:
        """What exactly is measured."""
        return ""

    def prepare(self, job: Job) -> list[str]:
        """Write its configuration; the command that starts it in the foreground."""
        raise NotImplementedError

    def door(self, job: Job) -> Door:
        """Where it is asked."""
        return Door(job.folder / "s")

    def question(self) -> bytes:
        """Asks for the state of the supervisor itself."""
        raise NotImplementedError

    def ctl_status(self, job: Job) -> list[str]:
        """The command that prints the status of all programs."""
        raise NotImplementedError

    def reading(self, path: Path) -> list[str]:
        """A command that prints how many seconds it took to read and check the configuration `path`."""
        raise NotImplementedError


HEAD = """\
[supervisord]
nodaemon=true
logfile={folder}/main.log
logfile_maxbytes=0
pidfile={folder}/pid
childlogdir={folder}
[unix_http_server]
file={folder}/s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/s
"""

PROGRAM = """\
[program:p{slot}]
command={command} {slot}
startsecs=0
autorestart={respawn}
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=0
"""


def configuration(job: Job) -> str:
    """The job in supervisord's words."""
    command, respawn = " ".join(job.words), str(job.respawn).lower()
    return HEAD.format(folder=job.folder) + "".join(
        PROGRAM.format(
            slot=slot, command=command, respawn=respawn, log=job.folder / f"{slot}.log" if job.logs else "NONE"
        )
        for slot in range(job.size)
    )


def call(method: str, *params: object) -> bytes:
    """A call of supervisord's XML-RPC, as bytes of HTTP."""
    body = dumps(params, f"supervisor.{method}").encode()  # type: ignore[arg-type]
    head = f"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Supervisord(Supervisor):
    """The real one."""

    can = frozenset((RUN, ASK, RPC, LOGS, CTL, READ, INIT))
    expected = "RUNNING"
    times_reading = (
        "import sys, time; from supervisor.options import ServerOptions; options = ServerOptions();"
        "began = time.perf_counter(); options.realize(['-n', '-c', sys.argv[1]]);"
        "print(time.perf_counter() - began)"
    )

    def usual(self) -> str:
        return str(ROOT / ".venv-supervisor/bin/supervisord")

    def version(self) -> str:
        return subprocess.run([self.program, "-v"], capture_output=True, text=True, check=False).stdout.strip()

    def prepare(self, job: Job) -> list[str]:
        path = job.folder / "conf"
        path.write_text(configuration(job))
        return [*self.start(), "-n", "-c", str(path)]

    def start(self) -> list[str]:
        """The words that the options follow."""
        return [self.program]

    def question(self) -> bytes:
        return call("getState")

    def ctl_status(self, job: Job) -> list[str]:
        return [str(Path(self.program).with_name("supervisorctl")), "-c", str(job.folder / "conf"), "status"]

    def reading(self, path: Path) -> list[str]:
        return [str(Path(self.program).with_name("python")), "-c", self.times_reading, str(path)]


class Minisup(Supervisord):
    """This checkout, or another one."""

    times_reading = (
        "import sys, time; from minisup.config.build import examine; from minisup.config.facts import Facts, Overrides;"
        "facts = Facts.of_this_machine(); began = time.perf_counter();"
        "found = examine(Overrides(sys.argv[1], argv0='minisup'), facts); took = time.perf_counter() - began;"
        "assert not found[1], found[1]; print(took)"
    )

    def usual(self) -> str:
        return str(Path(sys.executable).with_name("minisup"))

    def version(self) -> str:
        asked = [self.program, "--version"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

    def start(self) -> list[str]:
        return [self.program, "run"]

    def ctl_status(self, job: Job) -> list[str]:
        return [self.program, "ctl", "-c", str(job.folder / "conf"), "status"]
