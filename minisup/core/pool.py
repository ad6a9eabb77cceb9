"""A pool of event listeners.

A pool is the processes of one [eventlistener:x]. It numbers each event that it wants and keeps it in a buffer of
`buffer_size` until one of its processes is RUNNING and READY; each event goes to one process, the first that can take
it. There is one event on its way to a process at a time: it is BUSY until it answers.

    published ──► buffer ──► Send ──► BUSY ──► result OK ──► done
                   ▲  │                │
                   │  └ overflow:      └──► rejected, died, garbage ──► back to the head of the buffer
                   └─────────────────────────────────────┘
                      the oldest is lost

A listener costs nobody but its own pool: it may hang (said once after `SLOW` seconds), die, talk nonsense, leave its
stdin unread (nothing is sent while a former event still fills the pipe) or close it (UNKNOWN), and reject an event for
ever (after `PROMPT` times in a row the pool rests for a second between two tries).

Source: supervisor's ``process.EventListenerPool``; its docs/events.rst.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from minisup.core import narration
from minisup.core.lifecycle import Process
from minisup.core.listener import ACKNOWLEDGED, BUSY, READY, Dialogue, Garbage, Ready, Result
from minisup.core.words import Drained, Effect, Heard, Input, Instant, Judge, Judged, Send, SendFailed, Sent
from minisup.events import PARENTS, Event, is_a
from minisup.specs import PoolSpec
from minisup.states import ProcessStates

DEFAULT_HANDLER = "supervisor.dispatchers:default_handler"
ACCEPTED, REJECTED, FAILED = "accepted", "rejected", "failed"
"""What a result handler makes of a result; FAILED where it broke itself."""
SLOW = 60.0
"""After so many seconds without an answer to an event a line says so."""
PROMPT = 5
"""So many times in a row a rejected event is sent again at once."""
REST = 1.0
"""Then the pool waits for so many seconds."""


class Numbered(NamedTuple):
    """An event as it goes to one pool: `serial` counts the events of the daemon, `poolserial` those of the pool."""

    serial: int
    poolserial: int
    event: Event


class Listener:
    """One process of a pool: its dialogue, and the event that it has.

    Attributes:
        event: what it is to answer; None when nothing.
        delivered: events that it got, over all its runs.
        rejected: events that it did not accept.
    """

    __slots__ = ("delivered", "dialogue", "event", "full", "patience", "pid", "process", "rejected")

    def __init__(self, process: Process) -> None:
        self.process = process
        self.pid = 0
        self.dialogue = Dialogue()
        self.event: Numbered | None = None
        self.patience: float | None = None  # when to say that it is slow
        self.full = False  # its pipe is: the former event is not out yet
        self.delivered = 0
        self.rejected = 0

    @property
    def state(self) -> str:
        """ACKNOWLEDGED, READY, BUSY or UNKNOWN."""
        return self.dialogue.state

    @property
    def can_take(self) -> bool:
        """Whether an event may be sent to it now."""
        running = self.process.state == ProcessStates.RUNNING
        return running and self.dialogue.state == READY and not self.full

    def begin(self) -> None:
        """A new run, or none."""
        self.pid = self.process.pid
        self.dialogue = Dialogue()
        self.event = self.patience = None
        self.full = False


class Pool:
    """The machine of one pool.

    Args:
        name: of its group.
        spec: what it wants.
        processes: the machines of its processes by name, in the order in which they are offered an event.
        identifier: of the daemon, as listeners are told.

    Attributes:
        listeners: by name of the process.
        discarded: events lost by overflow.
        deadline: when to call `report`, in monotonic seconds; None for never.
    """

    __slots__ = (
        "_awake",
        "_buffer",
        "_identifier",
        "_refusals",
        "_serial",
        "_wanted",
        "deadline",
        "discarded",
        "listeners",
        "name",
        "spec",
    )

    def __init__(self, name: str, spec: PoolSpec, processes: Mapping[str, Process], identifier: str) -> None:
        self.name = name
        self.spec = spec
        self._identifier = identifier
        self._wanted = frozenset(name for name in PARENTS if any(is_a(name, wish) for wish in spec.events))
        self.listeners = {key: Listener(process) for key, process in processes.items()}
        self.discarded = 0
        self.deadline: float | None = None
        self._buffer: deque[Numbered] = deque()
        self._serial = 0
        self._refusals = 0  # in a row
        self._awake: float | None = None  # when the rest is over

    @property
    def buffered(self) -> int:
        """How many events wait."""
        return len(self._buffer)

    def wants(self, name: str) -> bool:
        """Whether it subscribed to events of this name."""
        return name in self._wanted

    def handle(self, given: Input, at: Instant) -> list[Effect]:
        """Take one input about one of its listeners and say what to do about it, in order."""
        listener = self.listeners.get(given.key[1])  # type: ignore[attr-defined]
        return [] if listener is None else HANDLERS[type(given)](self, listener, given, at)

    # --- events -------------------------------------------------------------------------------------------------------

    def take(self, serial: int, event: Event, at: Instant) -> list[Effect]:
        """An event that it wants."""
        effects = self._make_room()
        self._buffer.append(Numbered(serial, self._serial, event))
        self._serial += 1
        return effects + self._dispatch(at)

    def _make_room(self) -> list[Effect]:
        if not self._buffer or len(self._buffer) < self.spec.buffer_size:
            return []
        self.discarded += 1
        return [narration.overflowed(self.name, self._buffer.popleft().serial)]

    def _put_back(self, listener: Listener) -> list[Effect]:
        """What a listener has goes back to the head of the buffer."""
        numbered, listener.event = listener.event, None
        listener.patience = None
        if numbered is None:
            return []
        effects: list[Effect] = [
            narration.rebuffering(numbered.serial, self.name, len(self._buffer), self.spec.buffer_size)
        ]
        effects += self._make_room()
        self._buffer.appendleft(numbered)
        return effects

    def _dispatch(self, at: Instant) -> list[Effect]:
        """Send the oldest event to who can take it: one at a time, the answer to `Send` leads to the next."""
        effects: list[Effect] = []
        if self._buffer and (self._awake is None or at.mono >= self._awake):
            for listener in self.listeners.values():
                if listener.can_take:
                    listener.event = self._buffer.popleft()
                    listener.patience = at.mono + SLOW
                    listener.dialogue.tell()
                    text = envelope(self._identifier, self.name, listener.event)
                    # A variable of the environment need not be UTF-8; a "?" is one character, so `len` stays true.
                    effects.append(Send(listener.process.key, text.encode(errors="replace")))
                    break
        self._set_deadline()
        return effects

    def sent(self, listener: Listener, given: Sent, at: Instant) -> list[Effect]:
        assert listener.event is not None
        listener.full = given.full
        listener.delivered += 1
        return [narration.event_sent(listener.event.serial, given.key[1]), *self._dispatch(at)]

    def send_failed(self, listener: Listener, given: SendFailed, at: Instant) -> list[Effect]:
        assert listener.event is not None
        said = narration.event_epipe(listener.event.serial, given.key[1])
        listener.dialogue.spoil()
        return [said, *narration.listener_lost(given.key[1], READY), *self._put_back(listener), *self._dispatch(at)]

    def drained(self, listener: Listener, given: Drained, at: Instant) -> list[Effect]:
        listener.full = False
        return self._dispatch(at)

    # --- what listeners say -------------------------------------------------------------------------------------------

    def heard(self, listener: Listener, given: Heard, at: Instant) -> list[Effect]:
        if given.pid != listener.pid:
            return []  # a grandchild of a former run
        listener.dialogue.hear(given.data)
        return self._listen(listener, at)

    def _listen(self, listener: Listener, at: Instant) -> list[Effect]:
        """Go through what it said, at most up to a result that somebody else must judge."""
        effects: list[Effect] = []
        name = listener.process.spec.name
        while True:
            before = listener.state
            match listener.dialogue.next():
                case None:
                    break
                case Ready():
                    effects.append(narration.listener_changed(name, before, READY))
                case Garbage(line):
                    if line is not None:
                        effects.append(narration.bad_result(name, line))
                    effects += [*narration.listener_lost(name, before), *self._put_back(listener)]
                case Result(data):
                    if self.spec.result_handler != DEFAULT_HANDLER:
                        assert listener.event is not None
                        handler, event = self.spec.result_handler, listener.event.event
                        effects.append(Judge(listener.process.key, handler, event, data))
                        break
                    effects += self._settle(listener, ACCEPTED if data == b"OK" else REJECTED, at)
        return effects + self._dispatch(at)  # not before all is heard: it may have spoilt its being READY

    def judged(self, listener: Listener, given: Judged, at: Instant) -> list[Effect]:
        return self._settle(listener, given.verdict, at) + self._listen(listener, at)

    def _settle(self, listener: Listener, verdict: str, at: Instant) -> list[Effect]:
        name = listener.process.spec.name
        listener.patience = None
        if verdict == ACCEPTED:
            listener.event = None
            self._refusals = 0
            return [narration.event_processed(name), narration.listener_changed(name, BUSY, ACKNOWLEDGED)]
        listener.rejected += 1
        if verdict == FAILED:
            listener.dialogue.spoil()
            return [narration.event_broke(name), *narration.listener_lost(name, BUSY), *self._put_back(listener)]
        self._refusals += 1
        if self._refusals > PROMPT:
            self._awake = at.mono + REST
        said = [narration.event_rejected(name), narration.listener_changed(name, BUSY, ACKNOWLEDGED)]
        return [*said, *self._put_back(listener)]

    # --- processes and time -------------------------------------------------------------------------------------------

    def look(self, process: Process, at: Instant) -> list[Effect]:
        """A process of the pool may have changed: a run began or ended, or it is RUNNING now."""
        listener = self.listeners[process.spec.name]
        effects: list[Effect] = []
        if process.pid != listener.pid:
            effects = self._put_back(listener)
            listener.begin()
        return effects + self._dispatch(at)

    def report(self, at: Instant) -> list[Effect]:
        """Its deadline is due: the rest is over, or a listener is slow."""
        effects: list[Effect] = []
        if self._awake is not None and at.mono >= self._awake:
            self._awake = None
        for name, listener in self.listeners.items():
            if listener.patience is not None and at.mono >= listener.patience:
                listener.patience = None
                assert listener.event is not None
                effects.append(narration.listener_slow(name, listener.event.serial, SLOW))
        return effects + self._dispatch(at)

    def _set_deadline(self) -> None:
        times = [listener.patience for listener in self.listeners.values() if listener.patience is not None]
        if self._awake is not None and self._buffer:
            times.append(self._awake)
        self.deadline = min(times, default=None)


HANDLERS: dict[type[Input], Callable[[Pool, Listener, Any, Instant], list[Effect]]] = {
    Sent: Pool.sent,
    SendFailed: Pool.send_failed,
    Drained: Pool.drained,
    Heard: Pool.heard,
    Judged: Pool.judged,
}


def envelope(identifier: str, pool: str, numbered: Numbered) -> str:
    """The text that a listener reads. Source: ``process.EventListenerPool._eventEnvelope``."""
    serial, poolserial, event = numbered
    # QUIRK(supervisor): `len` counts characters, and listeners that read text rest on it. test_pool.py: test_len
    return (
        f"ver:3.0 server:{identifier} serial:{serial} pool:{pool} poolserial:{poolserial} "
        f"eventname:{event.name} len:{len(event.payload)}\n{event.payload}"
    )
