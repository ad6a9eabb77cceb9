"""The words of the core: inputs (what happened or was asked, past participles) and effects (what to do, imperatives).

Machines take inputs and an `Instant` and return effects. The driver carries effects out in order and feeds what they
gave back (`Spawned`, `SpawnFailed`, `KillFailed`) to the engine before anything else. Nothing here does anything.
"""

from collections.abc import Sequence
from typing import NamedTuple

from minisup.errors import Fault
from minisup.events import Event
from minisup.specs import GroupSpec, ProcessKey, ProcessSpec


class Instant(NamedTuple):
    """A moment: `mono` decides (seconds of CLOCK_MONOTONIC), `wall` reports (seconds since the epoch)."""

    mono: float
    wall: float


class Target(NamedTuple):
    """One process that a call is about.

    Attributes:
        key: the process.
        label: its name as the caller wrote it; faults repeat it.
        refusal: why it must not be started, found out by whoever may ask the operating system; None where it may.
    """

    key: ProcessKey
    label: str
    refusal: Fault | None = None


class Outcome(NamedTuple):
    """How a call ended for one of its targets: a fault, or None for success."""

    key: ProcessKey
    fault: Fault | None


class Word:
    """Base of inputs and effects: equal when of one class with equal slots, and shown by them."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]


class Input(Word):
    """Something that happened, or was asked."""

    __slots__ = ()


class Effect(Word):
    """Something to do."""

    __slots__ = ()


# --- inputs of one process ------------------------------------------------------------------------------------------


class StartRequested(Input):
    """Somebody, or the configuration, wants the process up."""

    __slots__ = ()


class StopRequested(Input):
    """Somebody wants the process down: its stop signal, then SIGKILL after `waitsecs` seconds."""

    __slots__ = ("waitsecs",)

    def __init__(self, waitsecs: float) -> None:
        self.waitsecs = waitsecs


class SignalRequested(Input):
    """A signal to pass on; no state changes by it."""

    __slots__ = ("signum",)

    def __init__(self, signum: int) -> None:
        self.signum = signum


class KillRequested(Input):
    """Patience is over: SIGKILL now, whatever stopwaitsecs says."""

    __slots__ = ()


class GiveUpRequested(Input):
    """The daemon stops and will not retry a process that is in BACKOFF."""

    __slots__ = ()


class ShutdownBegan(Input):
    """The daemon stops: from now on nothing is started again by itself."""

    __slots__ = ()


class DeadlineReached(Input):
    """The machine's `deadline` is due."""

    __slots__ = ()


class Spawned(Input):
    """Answer to `Spawn`: there is a child."""

    __slots__ = ("key", "pid")

    def __init__(self, key: ProcessKey, pid: int) -> None:
        self.key = key
        self.pid = pid


class SpawnFailed(Input):
    """Answer to `Spawn`: there is none; `why` is what clients see as spawnerr."""

    __slots__ = ("key", "why")

    def __init__(self, key: ProcessKey, why: str) -> None:
        self.key = key
        self.why = why


class SignalSent(Input):
    """Answer to `Kill`: the signal is on its way."""

    __slots__ = ("key",)

    def __init__(self, key: ProcessKey) -> None:
        self.key = key


class KillFailed(Input):
    """Answer to `Kill`: it failed. `gone`: the process had just ended by itself (ESRCH)."""

    __slots__ = ("gone", "key", "why")

    def __init__(self, key: ProcessKey, why: str, gone: bool) -> None:
        self.key = key
        self.why = why
        self.gone = gone


class Exited(Input):
    """wait(2) reported a child: `status` is the raw wait status. Its last output is in the log already."""

    __slots__ = ("pid", "status")

    def __init__(self, pid: int, status: int) -> None:
        self.pid = pid
        self.status = status


# --- inputs of the engine -------------------------------------------------------------------------------------------


class Booted(Input):
    """Sockets answer, signals are caught: begin."""

    __slots__ = ()


class TimePassed(Input):
    """The engine's `deadline` is due, or may be."""

    __slots__ = ()


class SignalReceived(Input):
    """A signal to the daemon itself."""

    __slots__ = ("signum",)

    def __init__(self, signum: int) -> None:
        self.signum = signum


class GroupAdded(Input):
    """A group becomes active; its AUTO logs have their paths."""

    __slots__ = ("spec",)

    def __init__(self, spec: GroupSpec) -> None:
        self.spec = spec


class GroupChanged(Input):
    """An active group has other processes from now on; those that go do not run."""

    __slots__ = ("spec",)

    def __init__(self, spec: GroupSpec) -> None:
        self.spec = spec


class GroupRemoved(Input):
    """A group with nothing running in it goes away."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Published(Input):
    """An event happened: comes back for each `Publish`, and for what channels and clients publish."""

    __slots__ = ("event",)

    def __init__(self, event: Event) -> None:
        self.event = event


class Heard(Input):
    """An event listener wrote to its stdout."""

    __slots__ = ("data", "key", "pid")

    def __init__(self, key: ProcessKey, pid: int, data: bytes) -> None:
        self.key = key
        self.pid = pid
        self.data = data


class Sent(Input):
    """Answer to `Send`: the data is with the listener; `full`: some of it waits for room, `Drained` follows."""

    __slots__ = ("full", "key")

    def __init__(self, key: ProcessKey, full: bool) -> None:
        self.key = key
        self.full = full


class SendFailed(Input):
    """Answer to `Send`: the listener does not read any more (EPIPE)."""

    __slots__ = ("key",)

    def __init__(self, key: ProcessKey) -> None:
        self.key = key


class Drained(Input):
    """A listener has read what waited for room."""

    __slots__ = ("key",)

    def __init__(self, key: ProcessKey) -> None:
        self.key = key


class Judged(Input):
    """Answer to `Judge`: ``accepted``, ``rejected`` or ``failed``."""

    __slots__ = ("key", "verdict")

    def __init__(self, key: ProcessKey, verdict: str) -> None:
        self.key = key
        self.verdict = verdict


class Probed(Input):
    """Answer to `Probe`: the process is ready, or it is not and `why` says what was seen."""

    __slots__ = ("key", "ok", "pid", "why")

    def __init__(self, key: ProcessKey, pid: int, ok: bool, why: str = "") -> None:
        self.key = key
        self.pid = pid
        self.ok = ok
        self.why = why


class ReadyCalled(Input):
    """A client wants to know when targets are ready.

    Answered by `Answer`: when all of them are at one time; when one will not be by itself; when `seconds` have passed.
    With None for `seconds` one that is late (ready_timeout) counts as one that will not be.
    """

    __slots__ = ("seconds", "targets", "ticket")

    def __init__(self, ticket: int, targets: Sequence[Target], seconds: float | None) -> None:
        self.ticket = ticket
        self.targets = targets
        self.seconds = seconds


class StartCalled(Input):
    """A client wants targets started. Answered by `Answer`; with `wait`, when each is up or has failed."""

    __slots__ = ("targets", "ticket", "wait")

    def __init__(self, ticket: int, targets: Sequence[Target], wait: bool) -> None:
        self.ticket = ticket
        self.targets = targets
        self.wait = wait


class StopCalled(Input):
    """A client wants targets stopped. Answered by `Answer`; with `wait`, when each is down."""

    __slots__ = ("targets", "ticket", "wait")

    def __init__(self, ticket: int, targets: Sequence[Target], wait: bool) -> None:
        self.ticket = ticket
        self.targets = targets
        self.wait = wait


class SignalCalled(Input):
    """A client passes a signal to targets. Answered by `Answer` once it is sent."""

    __slots__ = ("signum", "targets", "ticket")

    def __init__(self, ticket: int, targets: Sequence[Target], signum: int) -> None:
        self.ticket = ticket
        self.targets = targets
        self.signum = signum


class ShutdownCalled(Input):
    """Stop everything in order and end, or with `restart` begin anew."""

    __slots__ = ("restart",)

    def __init__(self, restart: bool) -> None:
        self.restart = restart


# --- effects --------------------------------------------------------------------------------------------------------


class Spawn(Effect):
    """Start a child. Must be answered by `Spawned` or `SpawnFailed`."""

    __slots__ = ("key", "spec")

    def __init__(self, key: ProcessKey, spec: ProcessSpec) -> None:
        self.key = key
        self.spec = spec


class Kill(Effect):
    """Send a signal to a child, or to its process group. Must be answered by `SignalSent` or `KillFailed`."""

    __slots__ = ("group", "key", "pid", "signum")

    def __init__(self, key: ProcessKey, pid: int, signum: int, group: bool) -> None:
        self.key = key
        self.pid = pid
        self.signum = signum
        self.group = group


class Publish(Effect):
    """Tell who listens; it comes back as `Published` where there are pools."""

    __slots__ = ("event",)

    def __init__(self, event: Event) -> None:
        self.event = event


class Send(Effect):
    """Write an event to the stdin of a listener. Must be answered by `Sent` or `SendFailed`."""

    __slots__ = ("data", "key")

    def __init__(self, key: ProcessKey, data: bytes) -> None:
        self.key = key
        self.data = data


class Judge(Effect):
    """Ask a result handler (``module:function``) what a result means. Must be answered by `Judged`."""

    __slots__ = ("event", "handler", "key", "result")

    def __init__(self, key: ProcessKey, handler: str, event: Event, result: bytes) -> None:
        self.key = key
        self.handler = handler
        self.event = event
        self.result = result


class Probe(Effect):
    """Look once whether a process is ready, or watch out for its own word. Answered by `Probed`, now or later."""

    __slots__ = ("key", "pid", "spec")

    def __init__(self, key: ProcessKey, pid: int, spec: ProcessSpec) -> None:
        self.key = key
        self.pid = pid
        self.spec = spec


class StopProbing(Effect):
    """Nobody waits for the answer to `Probe` any more."""

    __slots__ = ("key",)

    def __init__(self, key: ProcessKey) -> None:
        self.key = key


class Announce(Effect):
    """Whether a process with `ready` is ready has changed; `state` is a word of `minisup.core.readiness`.

    For whoever embeds us; event listeners hear nothing of it.
    """

    __slots__ = ("key", "state")

    def __init__(self, key: ProcessKey, state: str) -> None:
        self.key = key
        self.state = state


class Log(Effect):
    """A line of the main log; `level` is a word of [supervisord] loglevel."""

    __slots__ = ("level", "text")

    def __init__(self, level: str, text: str) -> None:
        self.level = level
        self.text = text


class Answer(Effect):
    """The end of a call: one outcome per target that it touched, in the order in which they ended."""

    __slots__ = ("outcomes", "ticket")

    def __init__(self, ticket: int, outcomes: list[Outcome]) -> None:
        self.ticket = ticket
        self.outcomes = outcomes


class ReopenLogs(Effect):
    """Close and open the main log and the logs of children: somebody moved the files away."""

    __slots__ = ()


class Reload(Effect):
    """Read and check the configuration; only if it is good, the answer is `ShutdownCalled(restart=True)`."""

    __slots__ = ()


class Quit(Effect):
    """Nothing runs any more: leave, or with `restart` begin anew."""

    __slots__ = ("restart",)

    def __init__(self, restart: bool) -> None:
        self.restart = restart
