"""What the text of an option means, for listeners and plugins with options of their own.

Each is a function of a text and raises ValueError in supervisord's words. The rules are those of
`minisup.config.values`.
"""

import pwd
import socket
from collections.abc import Callable, Mapping
from typing import Any

from minisup import signals
from minisup.config import values
from minisup.config.facts import Facts
from supervisor import _missing
from supervisor.compat import urlparse
from supervisor.loggers import getLevelNumByDescription

__getattr__ = _missing.names_of(__name__)

TRUTHY_STRINGS = values.TRUE
FALSY_STRINGS = values.FALSE
SIGNUMS = sorted(signals.VALID)


class Automatic:
    """The class itself stands for AUTO."""


class Syslog:
    """The class itself stands for syslog."""


class RestartWhenExitUnexpected:
    """The class itself stands for ``autorestart=unexpected``."""


class RestartUnconditionally:
    """The class itself stands for ``autorestart=true``."""


LOGFILE_NONES = ("none", "off", None)
LOGFILE_AUTOS = (Automatic, "auto")
LOGFILE_SYSLOGS = (Syslog, "syslog")


def _read(convert: values.Converter, value: object) -> Any:
    try:
        return convert(str(value), Facts.of_this_machine())
    except values.Refused as error:
        raise ValueError(error.legacy) from None


def process_or_group_name(name: object) -> str:
    """A name without blank, colon and slash; outer white space is removed."""
    found: str = _read(values.process_name, name)
    return found


def integer(value: str | float) -> int:
    """A whole number."""
    return int(value)


def boolean(s: object) -> bool:
    """yes, true, on, 1 or no, false, off, 0, in any case."""
    found: bool = _read(values.boolean, s)
    return found


def list_of_strings(arg: str | None) -> list[str]:
    """Texts with commas between."""
    return list(_read(values.strings, arg or ""))


def list_of_ints(arg: str | None) -> list[int]:
    """Whole numbers with commas between."""
    try:
        return [int(number) for number in arg.split(",")] if arg else []
    except ValueError:
        raise ValueError(f"not a valid list of ints: {arg!r}") from None


def list_of_exitcodes(arg: str | None) -> list[int]:
    """Numbers from 0 to 255 with commas between."""
    return list(_read(values.exitcodes, arg or ""))


def dict_of_key_value_pairs(arg: object) -> dict[str, str]:
    """``KEY=value,KEY2="v a l"``."""
    found: dict[str, str] = _read(values.environment, arg)
    return found


def logfile_name(val: Any) -> Any:
    """A path; `Automatic`, `Syslog`, or None for no file."""
    if val in (None, Automatic, Syslog):
        return val
    found = _read(values.logfile, val)
    return {values.AUTO: Automatic, values.SYSLOG: Syslog}.get(found, found)


class RangeCheckedConversion:
    """Another conversion, and a check that what comes out of it lies between two values."""

    def __init__(self, conversion: Callable[[Any], Any], min: Any = None, max: Any = None) -> None:
        self._conversion = conversion
        self._min = min
        self._max = max

    def __call__(self, value: Any) -> Any:
        found = self._conversion(value)
        if self._min is not None and found < self._min:
            raise ValueError(f"{found!r} is below lower bound ({self._min!r})")
        if self._max is not None and found > self._max:
            raise ValueError(f"{found!r} is above upper bound ({self._max!r})")
        return found


port_number = RangeCheckedConversion(integer, min=1, max=65535).__call__


def inet_address(s: str) -> tuple[str, int]:
    """``port``, ``*:port`` or ``host:port`` as (host, port)."""
    host, port = _read(values.inet_address, s)
    return host, port


class SocketAddress:
    """A path or an address of TCP: `family` and `address` of a socket."""

    def __init__(self, s: str) -> None:
        self.family = socket.AF_UNIX
        self.address: str | tuple[str, int] = s
        if "/" not in s and ":" in s:
            self.family = socket.AF_INET
            self.address = inet_address(s)


def colon_separated_user_group(arg: str) -> tuple[int, int]:
    """(uid, gid) of ``user:group``, names or numbers; gid -1 without a group."""
    uid, gid = _read(values.owner, arg)
    return uid, gid


def name_to_uid(name: object) -> int:
    """The number of a user, by name or number."""
    found: int = _read(values.user, name)
    return found


def name_to_gid(name: str | int) -> int:
    """The number of a group, by name or number."""
    try:
        key: str | int = int(name)
    except ValueError:
        key = name
    found = Facts.of_this_machine().group(key)
    if found is None:
        raise ValueError(f"Invalid group {'id' if isinstance(key, int) else 'name'} {name}")
    return found


def gid_for_uid(uid: int) -> int:
    """The primary group of a user; KeyError where there is no such user."""
    return pwd.getpwuid(uid).pw_gid


def octal_type(arg: object) -> int:
    """An octal number, as for chmod."""
    found: int = _read(values.octal, arg)
    return found


def existing_directory(v: str) -> str:
    """A directory that is there; ``~`` is expanded."""
    found: str = _read(values.directory, v)
    return found


def existing_dirpath(v: str) -> str:
    """A file in a directory that is there; ``~`` is expanded."""
    found: str = _read(values.path, v)
    return found


def logging_level(value: object) -> int | None:
    """The number of a level's word."""
    return getLevelNumByDescription(_read(values.level, value))


class SuffixMultiplier:
    """A number with one of several suffixes, each of which multiplies it by its own number."""

    def __init__(self, d: Mapping[str, int], default: int = 1) -> None:
        self._multipliers = d
        self._default = default

    def __call__(self, v: str) -> int:
        text = v.lower()
        for suffix, multiplier in self._multipliers.items():
            if text.endswith(suffix):
                return int(text.removesuffix(suffix)) * multiplier
        return int(text) * self._default


byte_size = SuffixMultiplier({"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30})


def url(value: str) -> str:
    """A URL with a scheme."""
    parsed = urlparse.urlparse(value)
    if parsed.scheme and (parsed.netloc or parsed.path):
        return value
    raise ValueError(f"value {value!r} is not a URL")


def signal_number(value: str | int) -> int:
    """The number of a signal, by name or number."""
    return signals.number(value)


def auto_restart(value: str) -> Any:
    """One of the two classes, or False."""
    words = {"always": RestartUnconditionally, "never": False, "unexpected": RestartWhenExitUnexpected}
    return words[_read(values.autorestart, value)]


def profile_options(value: str) -> tuple[list[str], bool]:
    """How a profile would be sorted, and whether callers would be shown."""
    words = [word.lower() for word in list_of_strings(value)]
    return [word for word in words if word != "callers"], "callers" in words
