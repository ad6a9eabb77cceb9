"""Minisup broken on purpose: `MINISUP_MUTANT=NAME python launch.py run -n -c FILE`.

Minisup itself knows nothing of this: an attribute of one of its modules is replaced before it starts. The oracle has to
notice every one of them.
"""

import dataclasses
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import minisup.__main__ as entry


def _every_program(**wrong: Any) -> None:
    """All programs get these values, whatever the file says."""
    from minisup.config import programs

    read = programs._Builder.process
    programs._Builder.process = lambda self, *args: dataclasses.replace(read(self, *args), **wrong)  # type: ignore[method-assign]


def startsecs_ignored() -> None:
    from minisup.core import lifecycle
    from minisup.core.words import Spawned
    from minisup.states import ProcessStates

    right = lifecycle.starting_spawned

    def wrong(process: Any, given: Any, at: Any) -> Any:
        effects = right(process, given, at)
        if process.state == ProcessStates.STARTING:
            effects += lifecycle.starting_deadline(process, lifecycle.DeadlineReached(), at)
        return effects

    lifecycle.HANDLERS[ProcessStates.STARTING, Spawned] = wrong


def exitcodes_ignored() -> None:
    _every_program(exitcodes=(0,))


def stop_order_reversed() -> None:
    from minisup.core import shutdown

    right = shutdown._levels
    shutdown._levels = lambda groups: right(groups)[::-1]


def sigkill_never_sent() -> None:
    from minisup.core import lifecycle

    right = lifecycle._kill_hard
    lifecycle._kill_hard = lambda process, at: [
        effect for effect in right(process, at) if not isinstance(effect, lifecycle.Kill)
    ]


def fault_code_changed() -> None:
    from minisup.errors import Faults

    Faults.ALREADY_STARTED = Faults.NOT_RUNNING  # type: ignore[misc]


def log_line_reworded() -> None:
    from minisup.core import narration
    from minisup.core.words import Log

    narration.stopped = lambda name, how, expected: Log("info" if expected else "warn", f"ended: {name} ({how})")


def one_backup_fewer() -> None:
    from minisup.runtime import logfile

    right = logfile.LogFile.__init__

    def wrong(self: Any, path: str, maxbytes: int, backups: int, *args: Any, **more: Any) -> None:
        right(self, path, maxbytes, backups - 1, *args, **more)

    logfile.LogFile.__init__ = wrong  # type: ignore[method-assign]


def redirect_stderr_ignored() -> None:
    from minisup.runtime import posix

    right = posix._Pipes.__init__
    posix._Pipes.__init__ = lambda self, redirect_stderr: right(self, False)  # type: ignore[method-assign]


def environment_not_merged() -> None:
    _every_program(environment={})


def socket_mode_wrong() -> None:
    os.chmod = lambda *args, right=os.chmod, **more: right(args[0], 0o777, *args[2:], **more)


def exit_status_wrong() -> None:
    from minisup import app

    right = app.run
    app.run = lambda *args: right(*args) or 1
    leave = os._exit
    os._exit = lambda status: leave(status or 1)  # type: ignore[assignment]


def unexpected_as_always() -> None:
    _every_program(autorestart="always")


def stop_signal_ignored() -> None:
    _every_program(stopsignal=15)


def one_retry_fewer() -> None:
    from minisup.core import lifecycle

    right = lifecycle._back_off

    def wrong(process: Any, at: Any) -> Any:
        process.backoff += process.backoff == 0
        return right(process, at)

    lifecycle._back_off = wrong


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        startsecs_ignored,
        exitcodes_ignored,
        stop_order_reversed,
        sigkill_never_sent,
        fault_code_changed,
        log_line_reworded,
        one_backup_fewer,
        redirect_stderr_ignored,
        environment_not_merged,
        socket_mode_wrong,
        exit_status_wrong,
        unexpected_as_always,
        stop_signal_ignored,
        one_retry_fewer,
    )
}


if __name__ == "__main__":
    MUTANTS[os.environ["MINISUP_MUTANT"]]()
    sys.argv[0] = "minisup"
    entry.main()
