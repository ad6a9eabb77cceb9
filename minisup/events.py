"""The catalogue of wire events: names, their tree, and the text of a payload.

An event is a name and a payload; nothing else about it reaches a listener. Source: supervisor's ``events`` module.
"""

PARENTS: dict[str, str | None] = {
    "EVENT": None,
    "PROCESS_STATE": "EVENT",
    "PROCESS_STATE_STARTING": "PROCESS_STATE",
    "PROCESS_STATE_RUNNING": "PROCESS_STATE",
    "PROCESS_STATE_BACKOFF": "PROCESS_STATE",
    "PROCESS_STATE_STOPPING": "PROCESS_STATE",
    "PROCESS_STATE_EXITED": "PROCESS_STATE",
    "PROCESS_STATE_STOPPED": "PROCESS_STATE",
    "PROCESS_STATE_FATAL": "PROCESS_STATE",
    "PROCESS_STATE_UNKNOWN": "PROCESS_STATE",
    "PROCESS_COMMUNICATION": "EVENT",
    "PROCESS_COMMUNICATION_STDOUT": "PROCESS_COMMUNICATION",
    "PROCESS_COMMUNICATION_STDERR": "PROCESS_COMMUNICATION",
    "PROCESS_LOG": "EVENT",
    "PROCESS_LOG_STDOUT": "PROCESS_LOG",
    "PROCESS_LOG_STDERR": "PROCESS_LOG",
    "REMOTE_COMMUNICATION": "EVENT",
    "SUPERVISOR_STATE_CHANGE": "EVENT",
    "SUPERVISOR_STATE_CHANGE_RUNNING": "SUPERVISOR_STATE_CHANGE",
    "SUPERVISOR_STATE_CHANGE_STOPPING": "SUPERVISOR_STATE_CHANGE",
    "TICK": "EVENT",
    "TICK_5": "TICK",
    "TICK_60": "TICK",
    "TICK_3600": "TICK",
    "PROCESS_GROUP": "EVENT",
    "PROCESS_GROUP_ADDED": "PROCESS_GROUP",
    "PROCESS_GROUP_REMOVED": "PROCESS_GROUP",
}
"""Each event's parent; subscribing to a name covers everything below it."""


class Event:
    """Something that happened, as event listeners are told.

    Attributes:
        name: one of `PARENTS`: ``PROCESS_STATE_RUNNING``.
        payload: its text.
        fields: what the first line of the payload says, by name: ``processname``, ``groupname``, ``pid`` and others.
        body: the payload behind that line: what a program wrote, or a client sent.
    """

    __slots__ = ("name", "payload")

    def __init__(self, name: str, payload: str = "") -> None:
        self.name = name
        self.payload = payload

    @property
    def fields(self) -> dict[str, str]:
        """What the first line of the payload says, ``processname`` and others, by name."""
        pairs = (word.partition(":") for word in self.payload.partition("\n")[0].split())
        return {name: value for name, _, value in pairs}

    @property
    def body(self) -> str:
        """The payload behind its first line: what a program wrote, or a client sent."""
        return self.payload.partition("\n")[2]

    def __repr__(self) -> str:
        return f"Event({self.name!r}, {self.payload!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and (self.name, self.payload) == (other.name, other.payload)

    __hash__ = None  # type: ignore[assignment]


def is_a(name: str, ancestor: str) -> bool:
    """Whether a subscription to `ancestor` covers the event called `name`."""
    step: str | None = name
    while step is not None:
        if step == ancestor:
            return True
        step = PARENTS[step]
    return False


def process_state(state: str, process: str, group: str, from_state: str, **more: object) -> Event:
    """``PROCESS_STATE_<state>``; `more` are the further fields in their order (tries, expected, pid)."""
    fields = {"processname": process, "groupname": group, "from_state": from_state, **more}
    return Event(f"PROCESS_STATE_{state}", " ".join(f"{name}:{value}" for name, value in fields.items()))


def process_output(name: str, process: str, group: str, pid: int, data: bytes, channel: str | None = None) -> Event:
    """A PROCESS_LOG_* (with its channel) or PROCESS_COMMUNICATION_* event for bytes that a child wrote."""
    head = f"processname:{process} groupname:{group} pid:{pid}" + (f" channel:{channel}" if channel else "")
    return Event(name, f"{head}\n{text_of(data)}")


def process_group(name: str, group: str) -> Event:
    """PROCESS_GROUP_ADDED or PROCESS_GROUP_REMOVED."""
    return Event(name, f"groupname:{group}\n")


def text_of(data: bytes) -> str:
    """Bytes as events and log lines show them."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"Undecodable: {data!r}"
