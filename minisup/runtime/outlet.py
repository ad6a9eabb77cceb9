"""What the driver needs of those around it: who it works for, and who tells it of deaths."""

from collections.abc import Mapping
from typing import Protocol

from minisup.core.words import Input
from minisup.events import Event
from minisup.runtime.channel import Channel
from minisup.specs import LogSpec, ProcessKey, ProcessSpec


class Deaths(Protocol):
    """Tells of deaths where there is no SIGCHLD: `fileno` is readable when there is something to reap."""

    def fileno(self) -> int:
        """A descriptor, always the same."""


class Outlet(Protocol):
    """Whoever has the driver: a daemon (`minisup.app`) or a host (`minisup.embed`)."""

    def environment(self, key: ProcessKey, spec: ProcessSpec) -> Mapping[str, str]:
        """The whole environment of a child."""

    def channel(self, key: ProcessKey, name: str, spec: LogSpec) -> Channel:
        """A new output channel."""

    def publish(self, event: Event) -> None:
        """An event, for whoever listens beside the pools of the engine."""

    def judge(self, handler: str, event: Event, result: bytes) -> str:
        """What a result handler (``module:function``) makes of a listener's result; a word of `minisup.core.pool`."""

    def reload(self) -> Input | None:
        """Read and check the configuration; the input to go on with, or None where it is no good."""
