"""What the control side may ask of the daemon: the one door between sockets and engine.

Reads look at the machines of the core directly, for nothing changes them between two awaits. Everything that changes
something is a method here. The composition root (`minisup.app`) implements it; tests bring their own.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from minisup.core.roster import Group
from minisup.core.words import Input, Instant, Outcome, Target
from minisup.errors import Fault
from minisup.specs import Configuration, GroupSpec, ProcessKey, ProcessSpec

if TYPE_CHECKING:
    from minisup.control.rpc import Method


class Port(Protocol):
    """The daemon, as its clients may use it. Methods raise `minisup.errors.Fault` where they say so."""

    @property
    def configuration(self) -> Configuration:
        """What was read last: by the start, by `reread`."""

    @property
    def mood(self) -> int:
        """One of `minisup.states.SupervisorStates`."""

    @property
    def groups(self) -> Mapping[str, Group]:
        """The active groups, in the order in which they became active."""

    def now(self) -> Instant:
        """The present."""

    def refusal(self, spec: ProcessSpec) -> Fault | None:
        """Why a program cannot be started: NO_FILE or NOT_EXECUTABLE with the reason; None when it can."""

    async def start(self, targets: Sequence[Target], wait: bool) -> list[Outcome]:
        """Start processes; with `wait`, return when each is RUNNING or failed. Never raises for a target."""

    async def stop(self, targets: Sequence[Target], wait: bool) -> list[Outcome]:
        """Stop processes; with `wait`, return when each is down."""

    async def signal(self, targets: Sequence[Target], signum: int) -> list[Outcome]:
        """Send a signal to processes."""

    async def wait_ready(self, targets: Sequence[Target], seconds: float | None) -> list[Outcome]:
        """Wait until all of them are ready at one time; see `minisup.runtime.driver.Driver.when_ready`."""

    def reread(self) -> tuple[list[str], list[str], list[str]]:
        """Read the configuration again: names of groups (added, changed, removed) against the active ones.

        Raises:
            Fault: CANT_REREAD with supervisord's wording of the first problem.
        """

    def diff(self) -> tuple[list[str], list[str], list[str]]:
        """The same for what was read last."""

    def add_group(self, spec: GroupSpec) -> None:
        """Make a configured group active; its programs autostart."""

    def change_group(self, spec: GroupSpec) -> None:
        """Give an active group other processes. Nothing runs of those that go; those that come autostart."""

    def remove_group(self, name: str) -> None:
        """Forget an active group in which nothing runs."""

    def read_program(self, section: str, options: Mapping[str, str], group: str) -> tuple[ProcessSpec, ...]:
        """The processes that a section describes that stands in no file.

        Raises:
            Fault: INCORRECT_PARAMETERS with supervisord's wording of the first problem.
        """

    def post(self, given: Input) -> None:
        """Hand the engine an input. The answer to a ticket that no client has is nobody's."""

    def plugin_methods(self, section: str) -> "Mapping[str, Method]":
        """What plugins serve on the server of a section, by full name."""

    def shutdown(self) -> None:
        """Begin to stop everything and end."""

    def restart(self) -> None:
        """Read the configuration; if it is good, begin to stop everything and start anew with it.

        Raises:
            Fault: CANT_REREAD; then nothing is stopped.
        """

    @property
    def main_log(self) -> str | None:
        """The path of the daemon's own log file; None where it has none."""

    def clear_main_log(self) -> None:
        """Remove the main log and begin it anew.

        Raises:
            OSError: it cannot be removed.
        """

    def clear_logs(self, key: ProcessKey) -> None:
        """Remove both logs of a process and, where it runs, begin them anew.

        Raises:
            OSError: one cannot be removed or opened.
        """

    def write_stdin(self, key: ProcessKey, data: bytes) -> None:
        """Queue bytes for a child's standard input.

        Raises:
            BrokenPipeError: it has no standard input (any more).
        """

    def send_event(self, kind: str, data: str) -> None:
        """Publish a REMOTE_COMMUNICATION event."""

    def log(self, level: str, text: str) -> None:
        """Write a line to the main log."""
