"""The events, as plugins see them: classes of their own, registered under the names of the wire.

A plugin that runs in the daemon subscribes to them and publishes its own. The tree and the texts are minisup's
(`minisup.events`); what stands here are the classes around them.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from minisup.events import process_group, process_output, process_state
from supervisor.compat import as_bytes
from supervisor.states import getProcessStateDescription

callbacks: list[tuple[type, Callable[[Any], object]]] = []


def subscribe(type: type, callback: Callable[[Any], object]) -> None:
    """Call a function with each event of a class or of a class below it."""
    callbacks.append((type, callback))


def unsubscribe(type: type, callback: Callable[[Any], object]) -> None:
    """Undo one `subscribe`; ValueError where there was none."""
    callbacks.remove((type, callback))


def notify(event: object) -> None:
    """Publish an event, to all who subscribed, in their order."""
    for type, callback in callbacks:
        if isinstance(event, type):
            callback(event)


def clear() -> None:
    """Forget all subscriptions."""
    callbacks[:] = []


class Event:
    """What all events are; one of our own needs a method `payload` that returns text."""


class _OutputEvent(Event):
    channel: ClassVar[str | None] = None

    def __init__(self, process: Any, pid: int, data: bytes) -> None:
        self.process = process
        self.pid = pid
        self.data = data

    def _payload(self, channel: str | None) -> str:
        name, group = _names(self.process)
        return process_output("", name, group, self.pid, as_bytes(self.data), channel).payload


class ProcessLogEvent(_OutputEvent):
    """A program wrote, and its log says that this is an event."""

    def payload(self) -> str:
        """Headers, and the output."""
        return self._payload(str(self.channel))


class ProcessLogStdoutEvent(ProcessLogEvent):
    """On stdout."""

    channel = "stdout"


class ProcessLogStderrEvent(ProcessLogEvent):
    """On stderr."""

    channel = "stderr"


class ProcessCommunicationEvent(_OutputEvent):
    """A program wrote something between the tags."""

    BEGIN_TOKEN = b"<!--XSUPERVISOR:BEGIN-->"
    END_TOKEN = b"<!--XSUPERVISOR:END-->"

    def payload(self) -> str:
        """Headers, and what stood between the tags."""
        return self._payload(None)


class ProcessCommunicationStdoutEvent(ProcessCommunicationEvent):
    """On stdout."""

    channel = "stdout"


class ProcessCommunicationStderrEvent(ProcessCommunicationEvent):
    """On stderr."""

    channel = "stderr"


class RemoteCommunicationEvent(Event):
    """A client called sendRemoteCommEvent."""

    def __init__(self, type: str, data: str) -> None:
        self.type = type
        self.data = data

    def payload(self) -> str:
        """The type, and the data."""
        return f"type:{self.type}\n{self.data}"


class SupervisorStateChangeEvent(Event):
    """The daemon itself changed its state."""

    def payload(self) -> str:
        """Nothing."""
        return ""


class SupervisorRunningEvent(SupervisorStateChangeEvent):
    """It has started."""


class SupervisorStoppingEvent(SupervisorStateChangeEvent):
    """It begins to stop, for good or to start anew."""


class EventRejectedEvent:
    """No event for listeners, and so no `Event`: one of them refused one."""

    def __init__(self, process: Any, event: Any) -> None:
        self.process = process
        self.event = event


class ProcessStateEvent(Event):
    """A process changed its state."""

    frm: ClassVar[Any] = None
    to: ClassVar[Any] = None

    def __init__(self, process: Any, from_state: int, expected: bool = True) -> None:
        self.process = process
        self.from_state = from_state
        self.expected = expected
        self.extra_values = self.get_extra_values()  # now: of the next process the pid is another

    def payload(self) -> str:
        """Headers only."""
        name, group = _names(self.process)
        before = str(getProcessStateDescription(self.from_state))
        return process_state("", name, group, before, **dict(self.extra_values)).payload

    def get_extra_values(self) -> list[tuple[str, Any]]:
        """The further headers and their values."""
        return []


class ProcessStateFatalEvent(ProcessStateEvent):
    """It is not started any more."""


class ProcessStateUnknownEvent(ProcessStateEvent):
    """Something is wrong with the daemon."""


class ProcessStateStartingOrBackoffEvent(ProcessStateEvent):
    """It is started, or will be again."""

    def get_extra_values(self) -> list[tuple[str, Any]]:
        """How many starts have failed."""
        return [("tries", int(self.process.backoff))]


class ProcessStateBackoffEvent(ProcessStateStartingOrBackoffEvent):
    """It ended too soon."""


class ProcessStateStartingEvent(ProcessStateStartingOrBackoffEvent):
    """It is started."""


class ProcessStateExitedEvent(ProcessStateEvent):
    """It ended by itself."""

    def get_extra_values(self) -> list[tuple[str, Any]]:
        """Whether its exit code was expected, and its pid."""
        return [("expected", int(self.expected)), ("pid", self.process.pid)]


class _WithPid(ProcessStateEvent):
    def get_extra_values(self) -> list[tuple[str, Any]]:
        """Its pid."""
        return [("pid", self.process.pid)]


class ProcessStateRunningEvent(_WithPid):
    """It has stayed up long enough."""


class ProcessStateStoppingEvent(_WithPid):
    """It was asked to stop."""


class ProcessStateStoppedEvent(_WithPid):
    """It ended because it was asked to."""


class ProcessGroupEvent(Event):
    """A group came or went."""

    def __init__(self, group: str) -> None:
        self.group = group

    def payload(self) -> str:
        """Its name."""
        return process_group("", self.group).payload


class ProcessGroupAddedEvent(ProcessGroupEvent):
    """It came."""


class ProcessGroupRemovedEvent(ProcessGroupEvent):
    """It went."""


class TickEvent(Event):
    """Time has passed."""

    def __init__(self, when: int, supervisord: Any) -> None:
        self.when = when
        self.supervisord = supervisord

    def payload(self) -> str:
        """When it was."""
        return f"when:{self.when}"


class Tick5Event(TickEvent):
    """Five seconds."""

    period = 5


class Tick60Event(TickEvent):
    """A minute."""

    period = 60


class Tick3600Event(TickEvent):
    """An hour."""

    period = 3600


TICK_EVENTS = [Tick5Event, Tick60Event, Tick3600Event]


class EventTypes:
    """The names of the wire, and the classes that they mean."""

    EVENT = Event
    PROCESS_STATE = ProcessStateEvent
    PROCESS_STATE_STOPPED = ProcessStateStoppedEvent
    PROCESS_STATE_EXITED = ProcessStateExitedEvent
    PROCESS_STATE_STARTING = ProcessStateStartingEvent
    PROCESS_STATE_STOPPING = ProcessStateStoppingEvent
    PROCESS_STATE_BACKOFF = ProcessStateBackoffEvent
    PROCESS_STATE_FATAL = ProcessStateFatalEvent
    PROCESS_STATE_RUNNING = ProcessStateRunningEvent
    PROCESS_STATE_UNKNOWN = ProcessStateUnknownEvent
    PROCESS_COMMUNICATION = ProcessCommunicationEvent
    PROCESS_COMMUNICATION_STDOUT = ProcessCommunicationStdoutEvent
    PROCESS_COMMUNICATION_STDERR = ProcessCommunicationStderrEvent
    PROCESS_LOG = ProcessLogEvent
    PROCESS_LOG_STDOUT = ProcessLogStdoutEvent
    PROCESS_LOG_STDERR = ProcessLogStderrEvent
    REMOTE_COMMUNICATION = RemoteCommunicationEvent
    SUPERVISOR_STATE_CHANGE = SupervisorStateChangeEvent
    SUPERVISOR_STATE_CHANGE_RUNNING = SupervisorRunningEvent
    SUPERVISOR_STATE_CHANGE_STOPPING = SupervisorStoppingEvent
    TICK = TickEvent
    TICK_5 = Tick5Event
    TICK_60 = Tick60Event
    TICK_3600 = Tick3600Event
    PROCESS_GROUP = ProcessGroupEvent
    PROCESS_GROUP_ADDED = ProcessGroupAddedEvent
    PROCESS_GROUP_REMOVED = ProcessGroupRemovedEvent


def getEventNameByType(requested: type) -> str | None:
    """The name under which a class is registered, or None."""
    return next((name for name, found in vars(EventTypes).items() if found is requested), None)


def register(name: str, event: type) -> None:
    """Give a class of our own a name, so that ``events=`` of a listener may say it; before the file is read."""
    setattr(EventTypes, name, event)


def _names(process: Any) -> tuple[str, str]:
    """Name and group of a process, as the daemon's objects say them."""
    return process.config.name, "" if process.group is None else process.group.config.name
