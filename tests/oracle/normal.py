"""What two runs may differ in by nature, taken out: pids, clocks, folders, ports, random names, the command's name."""

import re
from typing import Any

from .peer import Peer

_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ([A-Z]{4}) (.*)$")

_RULES = [
    (re.compile(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n|\n)*(.*)$", re.M), r"Traceback: \1"),
    (re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ", re.M), "TIME "),
    (re.compile(r"\bpid \d+"), "pid PID"),
    (re.compile(r"\((?:pid )?\d+\) (?=with SIGKILL|laststart)"), "(PID) "),
    (re.compile(r"\(pid PID\)"), "(pid PID)"),
    (re.compile(r"uptime \d+:\d\d:\d\d"), "uptime UP"),
    (re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d\d \d\d:\d\d [AP]M"), "STOPTIME"),
    (re.compile(r"---([^-\s/]+)-[a-z0-9_]{8}\.log"), r"---\1-RANDOM.log"),
    (re.compile(r"For help, use .* -h$", re.M), "For help, use PROG -h"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0xADDRESS"),
    (re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"), "HTTPDATE"),
    (re.compile(r"file: (?!')\S+ line: \d+"), "file: FILE line: N"),
]

_SUBJECT = [
    re.compile(pattern)
    for pattern in (
        r"spawned: '(.*)' with",
        r"(?:success|gave up): (.*) entered",
        r"exited: (\S*) \(",
        r"stopped: (\S*) \(",
        r"killing '(.*)' \(",
        r"process '(.*)' ",
        r"'(.*)' std(?:out|err) output",
        r"(?:Creating|Closing) socket (.*)",
    )
]

NOISE = re.compile(r"waiting for .* to (?:die|stop)$")
"""Log lines that depend on the one-second tick of the real one; a case that is about them asks for them."""

_CLOCKS = {"start", "stop", "now"}


def text(value: str, peer: Peer) -> str:
    """`value` with everything that differs by nature replaced by a word for it."""
    value = value.replace(f"{peer.folder}.err", "@ERR@").replace(str(peer.folder), "@DIR@")
    value = re.sub(rf"\b{peer.port}\b", "@PORT@", value)
    for pattern, word in _RULES:
        value = pattern.sub(word, value)
    return value


def answer(value: Any, peer: Peer) -> Any:
    """An RPC value, struct members by their meaning: clocks to 0 or `T`, pids to 0 or `PID`."""
    if isinstance(value, str):
        return text(value, peer)
    if isinstance(value, (list, tuple)):
        return [answer(one, peer) for one in value]
    if isinstance(value, dict):
        shown = {}
        for key, one in value.items():
            if key in _CLOCKS and isinstance(one, int):
                shown[key] = "T" if one else 0
            elif key == "pid" and isinstance(one, int):
                shown[key] = "PID" if one else 0
            else:
                shown[key] = answer(one, peer)
        return shown
    return value


def log_lines(value: str, peer: Peer) -> list[str]:
    """The lines of a main log, clock and pids taken out: `INFO spawned: 'a' with pid PID`."""
    lines: list[str] = []
    skip = False
    for line in value.splitlines():
        match = _LINE.match(line)
        if not (skip and match is None):  # of a traceback only that there was one
            lines.append(text(f"{match[1]} {match[2]}" if match else line, peer))
            skip = "Traceback (most recent call last):" in line
    return lines


def by_subject(lines: list[str]) -> dict[str, list[str]]:
    """Log lines per process that they speak of, those of the daemon itself under ``.

    The order of lines of different processes is luck in the real one: it acts once per turn of its loop.
    """
    found: dict[str, list[str]] = {}
    for line in lines:
        match = next(filter(None, (pattern.search(line) for pattern in _SUBJECT)), None)
        found.setdefault(match[1] if match else "", []).append(line)
    return dict(sorted(found.items()))
