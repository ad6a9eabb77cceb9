"""Programs whose end is the end of the daemon, and the exit code that tells the truth about it.

``--exit-on fatal``: a program that has become FATAL ends the daemon. ``--exit-on exit``: a program that has ended by
itself does, whatever its autorestart says; one that somebody stopped does not. The daemon stops the others in order and
leaves with the code of the program that was to blame, or always with that of ``--exit-code-from PROGRAM``.
"""

from collections.abc import Collection

from minisup.core.lifecycle import Process
from minisup.errors import MinisupError
from minisup.names import make_namespec
from minisup.specs import Configuration, ProcessKey
from minisup.states import ProcessStates

NEVER_RAN = 127
"""What a shell says of a command that it could not run."""
ENDED = (ProcessStates.EXITED, ProcessStates.BACKOFF, ProcessStates.FATAL)


def exit_code(process: Process) -> int:
    """The code of the last run, as a shell would tell it: the program's own, 128 and the number of a deadly signal.

    0 for a program that never was to run; `NEVER_RAN` for one that could not be; 1 for one that is FATAL although it
    always ended with 0: it did not do what it was there for.
    """
    if process.started is None:
        return 0
    if process.status is None:
        return NEVER_RAN if process.spawnerr else 0
    signum = process.status & 0x7F
    code = 128 + signum if signum else process.status >> 8 & 0xFF
    return code or int(process.state == ProcessStates.FATAL)


class Essential:
    """Watches over the programs that count.

    Args:
        exit_on: ``fatal`` or ``exit``; None for neither.
        code_from: the process whose code is always the daemon's; None for the one to blame.
        own: the processes that count; None for all.

    Attributes:
        code: what the daemon leaves with, so far.
        own: the processes that count, as above; others may come to count when the configuration is read again.
    """

    __slots__ = ("_code_from", "_ends", "code", "own")

    def __init__(
        self,
        exit_on: str | None = None,
        code_from: ProcessKey | None = None,
        own: Collection[ProcessKey] | None = None,
    ) -> None:
        self._ends: tuple[int, ...] = {"fatal": (ProcessStates.FATAL,), "exit": ENDED}.get(exit_on or "", ())
        self._code_from = code_from
        self.own = own
        self.code = 0

    def look(self, process: Process, before: int, stopping: bool) -> bool:
        """A process, in the state `before` until now, took an input: does the daemon end by that?

        Call it for every process while the daemon runs and while it stops (`stopping`): then nobody is to blame, but
        the process whose code counts always may only end now.
        """
        if process.key == self._code_from:
            self.code = exit_code(process)
        if stopping or process.state == before or process.state not in self._ends or before in self._ends:
            return False
        if self.own is not None and process.key not in self.own:
            return False
        if self._code_from is None:
            self.code = exit_code(process)
        return True


def watch(configuration: Configuration) -> Essential | None:
    """Whose end is the daemon's, if the configuration says so.

    Raises:
        MinisupError: it names a program that is not there.
    """
    spec = configuration.daemon
    if spec.exit_on is None and spec.exit_code_from is None:
        return None
    keys = [(group.name, process.name) for group in configuration.groups for process in group.processes]
    code_from = None
    if spec.exit_code_from is not None:
        full = [key for key in keys if ":".join(key) == spec.exit_code_from]
        bare = [key for key in keys if key[1] == spec.exit_code_from]
        code_from = full[0] if full else bare[0] if len(bare) == 1 else None
        if code_from is None:
            there = ", ".join(sorted(make_namespec(*key) for key in keys)) or "none"
            why = f"there is no such program (there are: {there})"
            raise MinisupError(f"cannot take the exit code from {spec.exit_code_from!r}: {why}")
    return Essential(spec.exit_on, code_from, spec.own)
