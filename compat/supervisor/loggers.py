"""Log files as plugins and listeners write them: levels, loggers and their handlers.

Not the daemon's own log: that is `minisup.runtime.mainlog`. Files are written and rotated by `minisup.runtime.logfile`.
"""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from minisup.runtime.logfile import LogFile, to_syslog
from supervisor.childutils import get_asctime
from supervisor.compat import as_bytes, as_string, is_text_stream, long, syslog


class LevelsByName:
    """Levels by the word of a log line."""

    CRIT = 50
    ERRO = 40
    WARN = 30
    INFO = 20
    DEBG = 10
    TRAC = 5
    BLAT = 3


class LevelsByDescription:
    """Levels by the word of a configuration."""

    critical = LevelsByName.CRIT
    error = LevelsByName.ERRO
    warn = LevelsByName.WARN
    info = LevelsByName.INFO
    debug = LevelsByName.DEBG
    trace = LevelsByName.TRAC
    blather = LevelsByName.BLAT


LOG_LEVELS_BY_NUM = {level: name for name, level in vars(LevelsByName).items() if not name.startswith("_")}


def getLevelNumByDescription(description: str) -> int | None:
    """20 for ``info``; None for no level."""
    return getattr(LevelsByDescription, description, None)


class LogRecord:
    """One line before it has its form."""

    def __init__(self, level: int, msg: str | bytes, **kw: Any) -> None:
        self.level = level
        self.msg = msg
        self.kw = kw
        self.dictrepr: dict[str, str] | None = None

    def asdict(self) -> dict[str, str]:
        """What a format may name: `message`, `levelname`, and `asctime`, which is that of the first call."""
        if self.dictrepr is None:
            message = as_string(self.msg)
            self.dictrepr = {
                "message": message % self.kw if self.kw else message,
                "levelname": LOG_LEVELS_BY_NUM[self.level],
                "asctime": get_asctime(),
            }
        return self.dictrepr


class Handler:
    """Brings lines of its level and above to a stream, of text or of bytes."""

    fmt = "%(message)s"
    level = LevelsByName.INFO

    def __init__(self, stream: Any = None) -> None:
        self.stream = stream
        self.closed = False

    def setFormat(self, fmt: str) -> None:
        """What a line looks like."""
        self.fmt = fmt

    def setLevel(self, level: int) -> None:
        """Which lines it takes."""
        self.level = level

    def flush(self) -> None:
        """Bring out what the stream holds back."""
        try:
            self.stream.flush()
        except OSError as why:
            if why.errno != errno.EPIPE:
                raise

    def close(self) -> None:
        """Close the stream, unless it is stdin, stdout or stderr."""
        if self.closed:
            return
        try:
            if self.stream.fileno() < 3:
                return
        except (AttributeError, OSError):
            pass  # not of the system
        self.stream.close()
        self.closed = True

    def emit(self, record: LogRecord) -> None:
        """Write a line; what goes wrong is told on stderr."""
        try:
            raw = isinstance(record.msg, bytes) and self.fmt == Handler.fmt and not any(record.kw.values())
            line = record.msg if raw else self.fmt % record.asdict()
            self.stream.write(as_string(line) if is_text_stream(self.stream) else as_bytes(line))
            self.flush()
        except Exception:
            self.handleError()

    def handleError(self) -> None:
        """Tell on stderr what went wrong."""
        traceback.print_exc(file=sys.stderr)


class StreamHandler(Handler):
    """To a stream that was open before."""

    def __init__(self, strm: Any = None) -> None:
        super().__init__(strm)

    def remove(self) -> None:
        """Forget what the stream has kept, if it keeps anything."""
        if hasattr(self.stream, "clear"):
            self.stream.clear()

    def reopen(self) -> None:
        """Nothing: it was not we who opened it."""


class BoundIO:
    """A stream that keeps the last bytes only."""

    def __init__(self, maxbytes: int, buf: bytes = b"") -> None:
        self.maxbytes = maxbytes
        self.buf = buf

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Forget all."""
        self.clear()

    def write(self, b: bytes) -> None:
        """Keep these bytes; where there is no room, as many old ones go."""
        if len(self.buf) + len(b) > self.maxbytes:
            self.buf = self.buf[len(b) :]
        self.buf += b

    def getvalue(self) -> bytes:
        """What is kept."""
        return self.buf

    def clear(self) -> None:
        """Forget all."""
        self.buf = b""


class _File(LogFile):
    """`LogFile` as a stream."""

    def __init__(self, path: str, maxbytes: int, backups: int) -> None:
        super().__init__(path, maxbytes, backups, lambda level, text: print(text, file=sys.stderr))
        self.open()

    def flush(self) -> None:
        """Nothing is held back."""


class FileHandler(Handler):
    """To a file, at its end."""

    stream: _File

    def __init__(self, filename: str, mode: str = "ab") -> None:
        super().__init__(_File(filename, 0, 0))
        self.baseFilename = filename
        self.mode = mode

    def reopen(self) -> None:
        """Open the path anew, for the file was moved away."""
        self.stream.open()
        self.closed = False

    def remove(self) -> None:
        """Close the file and remove it."""
        self.close()
        try:
            os.remove(self.baseFilename)
        except FileNotFoundError:
            pass


class RotatingFileHandler(FileHandler):
    """To a file that becomes ``filename.1`` at a size, and then ``filename.2``, and so on."""

    def __init__(
        self, filename: str, mode: str = "ab", maxBytes: int = 512 * 1024 * 1024, backupCount: int = 10
    ) -> None:
        super(FileHandler, self).__init__(_File(filename, maxBytes, backupCount))
        self.baseFilename = filename
        self.mode = mode
        self.maxBytes = maxBytes
        self.backupCount = backupCount


class SyslogHandler(Handler):
    """To the syslog, line by line."""

    def __init__(self) -> None:
        super().__init__()

    def close(self) -> None:
        """Nothing is open."""

    def reopen(self) -> None:
        """Nothing is open."""

    def emit(self, record: LogRecord) -> None:
        """Write each line of a message."""
        fields = dict(record.asdict())
        for line in fields["message"].rstrip("\n").split("\n"):
            to_syslog(self.fmt % {**fields, "message": line})


class Logger:
    """Hands lines of its level and above to its handlers."""

    getvalue: Callable[[], bytes]

    def __init__(self, level: int | None = None, handlers: list[Handler] | None = None) -> None:
        self.level = LevelsByName.INFO if level is None else level
        self.handlers = [] if handlers is None else handlers

    def close(self) -> None:
        """Close all handlers."""
        for handler in self.handlers:
            handler.close()

    def blather(self, msg: str, **kw: Any) -> None:
        """A line of level 3."""
        self._log(LevelsByName.BLAT, msg, kw)

    def trace(self, msg: str, **kw: Any) -> None:
        """A line of level 5."""
        self._log(LevelsByName.TRAC, msg, kw)

    def debug(self, msg: str, **kw: Any) -> None:
        """A line of level 10."""
        self._log(LevelsByName.DEBG, msg, kw)

    def info(self, msg: str, **kw: Any) -> None:
        """A line of level 20."""
        self._log(LevelsByName.INFO, msg, kw)

    def warn(self, msg: str, **kw: Any) -> None:
        """A line of level 30."""
        self._log(LevelsByName.WARN, msg, kw)

    def error(self, msg: str, **kw: Any) -> None:
        """A line of level 40."""
        self._log(LevelsByName.ERRO, msg, kw)

    def critical(self, msg: str, **kw: Any) -> None:
        """A line of level 50."""
        self._log(LevelsByName.CRIT, msg, kw)

    def _log(self, level: int, msg: str, kw: dict[str, Any]) -> None:
        if level >= self.level:
            self.log(level, msg, **kw)

    def log(self, level: int, msg: str, **kw: Any) -> None:
        """A line of any level, whatever our own is. `msg` is a %-format where `kw` has names for it."""
        record = LogRecord(level, msg, **kw)
        for handler in self.handlers:
            if level >= handler.level:
                handler.emit(record)

    def addHandler(self, hdlr: Handler) -> None:
        """Let one more have the lines."""
        self.handlers.append(hdlr)


def getLogger(level: int | None = None) -> Logger:
    """A logger without handlers."""
    return Logger(level)


def _add(logger: Logger, handler: Handler, fmt: str) -> None:
    handler.setFormat(fmt)
    handler.setLevel(logger.level)
    logger.addHandler(handler)


def handle_boundIO(logger: Logger, fmt: str, maxbytes: int = 1 << 21) -> None:
    """Keep the last bytes in memory: ``logger.getvalue()``."""
    kept = BoundIO(maxbytes)
    _add(logger, StreamHandler(kept), fmt)
    logger.getvalue = kept.getvalue


def handle_stdout(logger: Logger, fmt: str) -> None:
    """Write to stdout."""
    _add(logger, StreamHandler(sys.stdout), fmt)


def handle_syslog(logger: Logger, fmt: str) -> None:
    """Write to the syslog."""
    _add(logger, SyslogHandler(), fmt)


def handle_file(
    logger: Logger, filename: str, fmt: str, rotating: bool = False, maxbytes: int = 0, backups: int = 0
) -> None:
    """Write to a file; to the syslog where it is called ``syslog``."""
    if filename == "syslog":
        handler: Handler = SyslogHandler()
    elif rotating:
        handler = RotatingFileHandler(filename, "a", maxbytes, backups)
    else:
        handler = FileHandler(filename)
    _add(logger, handler, fmt)
