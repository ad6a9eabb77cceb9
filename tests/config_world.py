"""A world for the tests of the configuration: files in a dict, two users, nothing of the machine."""

import fnmatch
import posixpath
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from minisup.config.build import load
from minisup.config.facts import Facts, Overrides
from minisup.errors import ConfigError, Problem
from minisup.specs import Configuration

USERS = {"root": (0, 0), "web": (33, 34)}
GROUPS = {"root": 0, "www": 34}


def world(
    files: Mapping[str, str | bytes] | None = None,
    *,
    uid: int = 1000,
    environ: Mapping[str, str] | None = None,
    cwd: str = "/w",
    resolve: Callable[[str], str | None] = lambda spec: None,
) -> Facts:
    """Facts in which only `files` exist, and the directories they are in, and /tmp."""
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in (files or {}).items()}
    directories = {"/", "/tmp", "/home/me", cwd}
    for path in contents:
        while path != "/":
            path = posixpath.dirname(path)
            directories.add(path)

    def read(path: str) -> bytes:
        if path in directories:
            raise IsADirectoryError(21, "Is a directory", path)
        if path not in contents:
            raise FileNotFoundError(2, "No such file or directory", path)
        return contents[path]

    def user(name: str | int) -> tuple[int, int] | None:
        if isinstance(name, int):
            return next((entry for entry in USERS.values() if entry[0] == name), None)
        return USERS.get(name)

    def group(name: str | int) -> int | None:
        if isinstance(name, int):
            return name if name in GROUPS.values() else None
        return GROUPS.get(name)

    def glob(pattern: str) -> list[str]:
        pattern = posixpath.normpath(pattern)
        there = [*contents, *directories]
        return [path for path in there if fnmatch.fnmatch(path, pattern) and path.count("/") == pattern.count("/")]

    return Facts(
        environ=environ if environ is not None else {"HOME": "/home/me", "E": "v"},
        cwd=cwd,
        host_node_name="node1",
        uid=uid,
        user=user,
        group=group,
        is_dir=lambda path: posixpath.normpath("/" + path.lstrip("/")) in directories,
        exists=lambda path: path in contents or path in directories,
        glob=glob,
        read=read,
        expand_user=lambda path: "/home/me" + path[1:] if path[:1] == "~" else path,
        resolve=resolve,
    )


def read(text: str | bytes, more: Mapping[str, str | bytes] | None = None, **facts: object) -> Configuration:
    """The configuration of /w/s.conf with this text."""
    return load(Overrides("/w/s.conf"), world({"/w/s.conf": text, **(more or {})}, **facts))  # type: ignore[arg-type]


def problems(text: str | bytes, more: Mapping[str, str | bytes] | None = None, **facts: object) -> list[Problem]:
    """What is wrong with /w/s.conf of this text."""
    try:
        read(text, more, **facts)
    except ConfigError as error:
        return error.problems
    return []


def legacy(text: str | bytes, more: Mapping[str, str | bytes] | None = None, **facts: object) -> str | None:
    """What supervisord says about it: the text of the first problem."""
    found = problems(text, more, **facts)
    return found[0].legacy if found else None


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of Python `work` runs: a measure of cost that a busy machine does not change."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
