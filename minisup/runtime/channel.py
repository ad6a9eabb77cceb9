"""What happens to the bytes that a process writes: file, console, syslog, events, capture, debug echo.

A channel belongs to one output of one process and lives as long as the process is configured, over all its runs. Each
run begins with `open` and ends with `end`; runs may overlap, when a grandchild keeps the pipe of the last one.
"""

import codecs
from collections.abc import Callable, Collection
from typing import Protocol

from minisup.core.words import Heard
from minisup.events import Event, process_output, text_of
from minisup.protocol.capture import BLOCK, PLAIN, AnsiStripper, CaptureSplitter, Piece
from minisup.runtime.console import Consoles, Voice
from minisup.runtime.logfile import LogFile, Say, to_syslog
from minisup.runtime.mainlog import MainLog
from minisup.specs import LogSpec, ProcessKey, ProcessSpec


class Copy(Protocol):
    """Gets what a channel logs, as well."""

    def write(self, data: bytes) -> None:
        """Take what was logged."""

    def end(self) -> None:
        """A run is over: what is begun will not be ended."""


class Channel:
    """One output of one process.

    Args:
        process: its name, as log lines and events call it.
        group: the name of its group.
        name: ``stdout`` or ``stderr``.
        spec: where the bytes go.
        strip_ansi: take control sequences of terminals out first.
        consoles: where paths lead that name the inherited stdout and stderr.
        say: brings (level word, text) into the main log.
        echo: whether the main log shows all output (loglevel debug or lower); asked at each `open`.
        publish: takes an event to its listeners.
        copy: gets a copy of everything that is logged.
    """

    __slots__ = (
        "_consoles", "_copy", "_decoder", "_echo", "_echoes", "_file", "_group", "_name", "_pid", "_process",
        "_publish", "_runs", "_say", "_spec", "_splitter", "_strip_ansi", "_stripper", "_tells", "_voice", "_watcher",
    )  # fmt: skip

    def __init__(
        self,
        process: str,
        group: str,
        name: str,
        spec: LogSpec,
        *,
        strip_ansi: bool,
        consoles: Consoles,
        say: Say,
        echo: Callable[[], bool],
        publish: Callable[[Event], None],
        copy: Copy | None = None,
    ) -> None:
        self._process = process
        self._group = group
        self._name = name
        self._spec = spec
        self._strip_ansi = strip_ansi
        self._consoles = consoles
        self._say = say
        self._echo = echo
        self._publish = publish
        self._copy = copy
        self._file: LogFile | None = None
        self._voice: Voice | None = None
        self._splitter: CaptureSplitter | None = None
        self._stripper: AnsiStripper | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._echoes = False
        self._tells = False
        self._runs = 0
        self._pid = 0
        self._watcher: Callable[[int, bytes], None] | None = None

    @property
    def lost_bytes(self) -> int:
        """How many bytes the log file could not take."""
        return self._file.lost_bytes if self._file else 0

    def open(self) -> None:
        """A run begins: open what it writes to. Each successful `open` needs one `end`.

        Raises:
            OSError: the log file cannot be opened.
        """
        if self._runs:
            self._flush(self._pid)
        self._find()
        if self._file is not None:
            self._file.open()
        self._stripper = AnsiStripper() if self._strip_ansi else None
        if self._spec.capture_maxbytes > 0:
            self._splitter = CaptureSplitter(self._spec.capture_maxbytes, self._stripper)
        if self._spec.syslog:
            self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._echoes = self._echo()
        self._tells = self._echoes or self._spec.events_enabled
        self._runs += 1

    def feed(self, pid: int, data: bytes) -> None:
        """Take what the run `pid` wrote. Never raises for trouble with a log."""
        self._pid = pid
        if self._splitter is not None:
            self._take(pid, self._splitter.feed(data))
        elif self._stripper is None:
            self._write(pid, data)
        elif text := self._stripper.feed(data):
            self._write(pid, text)

    def watch(self, watcher: Callable[[int, bytes], None] | None) -> None:
        """From now on somebody gets all that is logged, with the pid of who wrote it; None for nobody."""
        self._watcher = watcher

    def end(self, pid: int) -> None:
        """A run writes no more: bring out what was held back; the last one closes the file."""
        if self._runs > 1:  # what is held back belongs to the newer run
            self._runs -= 1
            return
        self._flush(pid)
        self.close()

    def reopen(self) -> None:
        """Open the log file anew, because it was moved away. Trouble is said; the old file is used on then."""
        if self._file is None:
            return
        try:
            self._file.reopen()
        except OSError as why:
            self._say("error", f"cannot reopen the log {self._file.path!r}: {why.strerror}")

    def clear(self) -> None:
        """Remove the log file, and begin it anew if the process runs; forget what was captured.

        Raises:
            OSError: it cannot be removed or opened.
        """
        if self._splitter is not None:
            self._splitter.clear()
        if not self._runs:
            self._find()
        if self._file is not None:
            self._file.clear()

    def close(self) -> None:
        """Close everything at once; what is held back in a capture is lost."""
        self._runs = 0
        if self._voice is not None:
            self._voice.end()
        if self._file is not None:
            self._file.close()

    def _find(self) -> None:
        """Whether the path means a file or a console may change when a daemon goes into the background."""
        path = self._spec.path
        console = self._consoles.of_path(path) if path else None
        if console is None:
            self._voice = None
            if path and self._file is None:
                self._file = LogFile(path, self._spec.maxbytes, self._spec.backups, self._say)
            return
        if self._file is not None:
            self._file.close()
        self._file = None
        if self._voice is None or self._voice.console is not console:
            self._voice = console.voice()

    def _flush(self, pid: int) -> None:
        if self._splitter is not None:
            self._take(pid, self._splitter.end())
        elif self._stripper is not None and (text := self._stripper.end()):
            self._write(pid, text)
        if self._voice is not None:
            self._voice.end()
        if self._copy is not None:
            self._copy.end()

    def _take(self, pid: int, pieces: list[Piece]) -> None:
        for kind, data in pieces:
            if kind == PLAIN:
                self._write(pid, data)
            elif kind == BLOCK:
                self._publish(
                    process_output(f"PROCESS_COMMUNICATION_{self._name.upper()}", self._process, self._group, pid, data)
                )
                self._say("debug", f"{self._process!r} {self._name} emitted a comm event")
            elif self._tells:
                # QUIRK(supervisor): PROCESS_LOG events are sent for captured data too.
                # tests/test_channel.py: test_captured_data_is_a_log_event_too
                self._tell(pid, data)

    def _write(self, pid: int, data: bytes) -> None:
        if self._file is not None:
            self._file.write(data)
        elif self._voice is not None:
            self._voice.write(data)
        if self._copy is not None:
            self._copy.write(data)
        if self._decoder is not None:
            to_syslog(self._decoder.decode(data), self._process + " ")
        if self._tells:
            self._tell(pid, data)
        if self._watcher is not None:
            self._watcher(pid, data)

    def _tell(self, pid: int, data: bytes) -> None:
        if self._echoes:
            self._say("debug", f"{self._process!r} {self._name} output:\n{text_of(data)}")
        if self._spec.events_enabled:
            self._publish(
                process_output(f"PROCESS_LOG_{self._name.upper()}", self._process, self._group, pid, data, self._name)
            )


class Channels:
    """The channels of all processes.

    Args:
        make: gives a new channel: of which process, ``stdout`` or ``stderr``, where its bytes go.
    """

    def __init__(self, make: Callable[[ProcessKey, str, LogSpec], Channel]) -> None:
        self._make = make
        self._channels: dict[ProcessKey, list[Channel]] = {}

    def of(self, key: ProcessKey, spec: ProcessSpec) -> list[Channel]:
        """The channels of a process, made when first asked for; they outlive its children."""
        found = self._channels.get(key)
        if found is None:
            found = [self._make(key, "stdout", spec.stdout)]
            if not spec.redirect_stderr:
                found.append(self._make(key, "stderr", spec.stderr))
            self._channels[key] = found
        return found

    def open(self, key: ProcessKey, spec: ProcessSpec) -> list[Channel]:
        """They are opened anew at every spawn: a log folder that vanished shows here, as a failed start.

        Raises:
            OSError: a log file cannot be opened.
        """
        channels = self.of(key, spec)
        for number, channel in enumerate(channels):
            try:
                channel.open()
            except OSError:
                for opened in channels[:number]:
                    opened.end(0)
                raise
        return channels

    def forget(self, group: str, kept: Collection[str]) -> None:
        """Close those of a group, but for the processes that are `kept`."""
        for key in [key for key in self._channels if key[0] == group and key[1] not in kept]:
            for channel in self._channels.pop(key):
                channel.close()

    def reopen(self) -> None:
        """Open all log files anew, because they were moved away."""
        for channels in self._channels.values():
            for channel in channels:
                channel.reopen()

    def close(self) -> None:
        """Close all of them."""
        for channels in self._channels.values():
            for channel in channels:
                channel.close()


class Ear:
    """Where the stdout of an event listener goes: into its log, and to the machine of its pool."""

    __slots__ = ("_channel", "_hear", "_key", "_log")

    def __init__(self, channel: Channel, key: ProcessKey, hear: Callable[[Heard], None], log: MainLog) -> None:
        self._channel = channel
        self._key = key
        self._hear = hear
        self._log = log

    def feed(self, pid: int, data: bytes) -> None:
        if self._log.enabled("debug"):
            self._log.log("debug", f"{self._key[1]!r} stdout output:\n{data!r}")
        self._channel.feed(pid, data)
        self._hear(Heard(self._key, pid, data))

    def end(self, pid: int) -> None:
        self._channel.end(pid)
