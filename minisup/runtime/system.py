"""The seam to the operating system: all that the driver may ask of it for the sake of children.

`minisup.runtime.posix` answers for real; tests bring a world of their own. Nothing else forks, execs, waits or kills.
"""

import errno
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from minisup.core.words import Instant
from minisup.errors import Fault, Faults
from minisup.specs import ProcessSpec


class CommandProblem(Exception):
    """A command that cannot be run, in supervisord's words; `fault` is what a client gets for it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.fault = Fault(code, text)

    @classmethod
    def not_found(cls, text: str) -> "CommandProblem":
        return cls(Faults.NO_FILE, text)

    @classmethod
    def not_executable(cls, text: str) -> "CommandProblem":
        return cls(Faults.NOT_EXECUTABLE, text)


class Command(NamedTuple):
    """What a command line means: the file to execute and its arguments, the first of them as written."""

    path: str
    argv: list[str]


class Child(NamedTuple):
    """A child that was just spawned, and our ends of its pipes (non-blocking, close-on-exec); None: no such pipe."""

    pid: int
    stdin: int | None
    stdout: int
    stderr: int | None


class System(Protocol):
    """What may be asked."""

    def now(self) -> Instant:
        """The present."""

    def resolve(self, spec: ProcessSpec) -> Command:
        """Find the file of a program's command.

        Raises:
            CommandProblem: there is none, or it cannot be executed.
        """

    def spawn(
        self, spec: ProcessSpec, command: Command, environment: Mapping[str, str], stdin: int | None = None
    ) -> Child:
        """Start a child in a process group of its own.

        A descriptor given as `stdin` becomes its standard input, where otherwise a pipe is; it stays open here.

        What fails after the fork (user, directory, exec) is not an error here: the child says it on its stderr and
        ends with 127, as supervisord's children do.

        Raises:
            OSError: no pipes (EMFILE and the like; `filename` is ``pipe``) or no process (``fork``).
            CommandProblem: inside a host, where there is no child that could say it.
        """

    def kill(self, pid: int, signum: int, group: bool) -> None:
        """Send a signal to a process, or to its process group.

        Raises:
            OSError: as kill(2).
        """

    def reap(self) -> tuple[int, int] | None:
        """(pid, raw status) of a child that ended, or None when no child has ended."""


def errno_name(error: OSError) -> str:
    """``ENOENT`` for 2; the number where it has no name."""
    return errno.errorcode.get(error.errno or 0, str(error.errno))
