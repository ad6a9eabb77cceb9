"""The daemon's own log: one line per record, to a file, to stdout in the foreground, to syslog.

The format is supervisord's, to the letter. Source: supervisor's ``loggers`` and ``options.make_logger``.
"""

import time
from collections.abc import Callable

from minisup.errors import MinisupError
from minisup.runtime.console import Console, Voice, inherited_fd
from minisup.runtime.logfile import LogFile, to_syslog
from minisup.specs import DaemonSpec

LEVELS = {
    "critical": (50, "CRIT"),
    "error": (40, "ERRO"),
    "warn": (30, "WARN"),
    "info": (20, "INFO"),
    "debug": (10, "DEBG"),
    "trace": (5, "TRAC"),
    "blather": (3, "BLAT"),
}
"""Words of [supervisord] loglevel: how much they weigh, and how lines show them."""


class LogError(MinisupError):
    """The main log cannot be opened."""


class MainLog:
    """The main log, open from the start.

    Args:
        spec: file, rotation, level, syslog; with `nodaemon` and not `silent` every line is on `stdout`, too.
        stdout: the inherited stdout, or None.
        stderr: the inherited stderr, for ``logfile=/dev/stderr``, or None.
        clock: seconds since the epoch.

    Attributes:
        path: the file, as clients may read it; None where there is none, or where it is no file (``/dev/stdout``).

    Raises:
        LogError: the file cannot be opened. If nobody asked for it (`spec.logfile_default`), it is done without.
    """

    def __init__(
        self,
        spec: DaemonSpec,
        *,
        stdout: Console | None = None,
        stderr: Console | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path: str | None = None
        self._threshold = LEVELS[spec.loglevel][0]
        self._clock = clock
        self._second = -1
        self._stamp = ""
        self._file: LogFile | None = None
        self._syslog = spec.log_syslog
        consoles = [stdout] if stdout is not None and spec.nodaemon and not spec.silent else []
        fd = inherited_fd(spec.logfile) if spec.logfile else None
        named = (stdout, stderr)[fd - 1] if fd else None
        if named is not None and named not in consoles:  # supervisord says everything twice on one stdout
            consoles.append(named)
        self._voices: list[Voice] = [console.voice() for console in consoles]
        self._last_resort = stderr.voice() if stderr is not None and not consoles else None
        if spec.logfile and named is None:
            self._open(spec, spec.logfile)

    def enabled(self, level: str) -> bool:
        """Whether records of this level word are written at all."""
        return LEVELS[level][0] >= self._threshold

    def log(self, level: str, text: str) -> None:
        """Write one record; `level` is a word of `LEVELS`. Never raises for trouble with a sink."""
        weight, code = LEVELS[level]
        if weight < self._threshold:
            return
        head = f"{self._now()} {code} "
        data = _encoded(f"{head}{text}\n")
        if self._file is not None:
            self._file.write(data)
        self._spread(head, text, data)

    def append(self, data: bytes) -> None:
        """Put bytes into the file as they are: somebody else's lines among ours."""
        if self._file is not None:
            self._file.write(data)

    def reopen(self) -> None:
        """Open the file anew, for somebody moved it away. If that fails the old file is used on, and it is said."""
        self.log("info", "supervisord logreopen")
        if self._file is None:
            return
        try:
            self._file.reopen()
        except OSError as why:
            self.log("error", f"cannot reopen the log {self._file.path!r}: {why.strerror}")

    def clear(self) -> None:
        """Remove the file and begin it anew; where there is none, nothing happens.

        Raises:
            OSError: it cannot be removed, or not be opened again.
        """
        if self._file is None:
            return
        self._file.clear()
        # QUIRK(supervisor): one line per sink, to the sinks that are not reopened yet: the new file begins empty, and
        # a foreground stdout shows as many lines as there are sinks. tests/test_mainlog.py: test_clear
        for _ in range(len(self._voices) + 1):
            if self.enabled("info"):
                head, text = f"{self._now()} INFO ", "reopening log file"
                self._spread(head, text, _encoded(f"{head}{text}\n"))

    def close(self) -> None:
        """Close the file. What is said afterwards reaches stdout and syslog only."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, spec: DaemonSpec, path: str) -> None:
        file = LogFile(path, spec.logfile_maxbytes, spec.logfile_backups, self._complain)
        try:
            file.open()
        except OSError as why:
            text = f"cannot open the log file {path!r}: {why.strerror}"
            if not spec.logfile_default:
                raise LogError(text) from why
            self.log("warn", f"{text}; going on without it")
            return
        self._file = file
        self.path = path

    def _complain(self, level: str, text: str) -> None:
        """The file itself is in trouble: everybody else is told."""
        head = f"{self._now()} {LEVELS[level][1]} "
        data = _encoded(f"{head}{text}\n")
        self._spread(head, text, data)
        if self._last_resort is not None:
            self._last_resort.write(data)

    def _spread(self, head: str, text: str, data: bytes) -> None:
        for voice in self._voices:
            voice.write(data)
        if self._syslog:
            to_syslog(text, head)

    def _now(self) -> str:
        """``YYYY-MM-DD HH:MM:SS,mmm`` in local time; the part before the comma is kept for its second."""
        now = self._clock()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._stamp},{int((now - second) * 1000):03d}"


class Mirror:
    """What a program says on stderr, said again on a console and in the file of the main log, line by line.

    Args:
        log: whose file gets the lines.
        voice: of the console.
    """

    LONGEST = 16 * 1024
    """Bytes of a line that has no end; it is shown in pieces then."""

    def __init__(self, log: MainLog, voice: Voice) -> None:
        self._log = log
        self._voice = voice
        self._begun = b""

    def write(self, data: bytes) -> None:
        """Say what is complete, keep what is not."""
        self._voice.write(data)
        lines, newline, rest = (self._begun + data).rpartition(b"\n")
        self._begun = rest
        if newline:
            self._log.append(lines + newline)
        if len(rest) > self.LONGEST:
            self.end()

    def end(self) -> None:
        """Nothing more comes: a begun line is ended."""
        self._voice.end()
        if self._begun:
            self._log.append(self._begun + b"\n")
            self._begun = b""


def _encoded(line: str) -> bytes:
    """UTF-8; bytes of file names that are not come out as they were (PEP 383)."""
    try:
        return line.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return line.encode("utf-8", "backslashreplace")
