"""What a program that embeds us must not leave behind: descendants of its programs, and its temporary folder.

Every child carries a mark in its environment, a variable whose name only this supervisor knows, and so do its
descendants. A program may overwrite its environment (redis and nginx do, to change their title), so what the mark does
not find is found by parents and process groups. Nobody else's process is touched: a process is known by its pid and the
time of its start, and gets signals through a pidfd.

Three ways to the end. An orderly one: `end` is called when all programs were stopped. A fault: the same. The host is
killed outright: the watcher, a shell that waits for the end of file of a socket whose other end only the host has,
kills what is left and removes the folder. It knows the process groups of all children, for it is told of them. The
watcher of a host inside this host is spared: it has work of its own, and ends by itself.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple
from weakref import WeakSet

from minisup.runtime.posix import Relative, relatives

MARK = "MINISUP_EMBED_"
"""How the names of marks begin."""
LAST_MOMENT = 0.5
"""Seconds that descendants whose program has ended get between TERM and KILL."""
PATIENCE = 10.0
"""Seconds after which a process that does not die of SIGKILL is given up."""

_WATCHER = r"""# minisup-watcher
trap '' TERM INT HUP
mark=$1 folder=$2 ours=
while read -r word pid; do
    case $word in
    +) ours="$ours $pid" ;;
    -) left= && for one in $ours; do [ "$one" = "$pid" ] || left="$left $one"; done && ours=$left ;;
    .) exit ;;
    esac
done
round=0
while [ $round -lt 100 ]; do
    found= grown=y
    while [ "$grown" ]; do
        grown=
        for stat in /proc/[0-9]*/stat; do
            read -r line <"$stat" || continue
            pid=${line%% *}
            set -- ${line##*) }
            case " $found " in *" $pid "*) continue ;; esac
            case $1 in [ZX]) continue ;; esac
            case " $ours " in *" $pid "* | *" $2 "* | *" $3 "*) found="$found $pid" ours="$ours $pid" grown=y ;; esac
        done
        for path in $(grep -lsF "$mark=" /proc/[0-9]*/environ); do
            pid=${path#/proc/} pid=${pid%/environ}
            case " $found " in *" $pid "*) ;; *) found="$found $pid" ours="$ours $pid" grown=y ;; esac
        done
    done
    left=
    for pid in $found; do
        line= && read -r line <"/proc/$pid/cmdline"
        case $line in *"# minisup-watcher") ;; *) left="$left $pid" ;; esac
    done
    [ "$left" ] || break
    kill -9 $left
    [ $round -lt 5 ] || sleep 1
    round=$((round + 1))
done
[ -z "$folder" ] || rm -rf -- "$folder"
"""


class Identity(NamedTuple):
    """A process, whatever becomes of its number."""

    pid: int
    born: int


class Remains:
    """The descendants of one supervisor.

    Args:
        folder: a temporary folder that is to go with a host that is killed; None for none.

    Attributes:
        mark: the name of the variable that every child has in its environment, with any value.

    Raises:
        OSError: there can be no watcher.
    """

    def __init__(self, folder: str | None) -> None:
        self.mark = MARK + os.urandom(8).hex()
        self._children: set[int] = set()
        self._known: set[Identity] = set()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._socket = ours
        try:
            self._watcher = _watch(theirs, self.mark, folder)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        _WATCHED.add(ours)

    # --- what is there ------------------------------------------------------------------------------------------------

    def born(self, pid: int) -> None:
        """A child was spawned."""
        self._children.add(pid)
        self._tell(f"+ {pid}\n")

    def died(self, pid: int) -> None:
        """A child was reaped. What is left of its process group is ours from now on."""
        self._children.discard(pid)
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            pass
        except PermissionError:
            pass  # by a user that we are not: it has ended or we could not end it
        else:
            self._remember({pid})
        self._tell(f"- {pid}\n")

    def remember(self) -> None:
        """Note all descendants while their parents live. Takes a while (it reads /proc)."""
        self._remember(self._children)

    def _remember(self, leaders: Collection[int]) -> None:
        found = relatives()
        self._known.update(_family(found, {pid for pid, one in found.items() if one.group in leaders}))

    def _tell(self, line: str) -> None:
        try:
            self._socket.send(line.encode(), socket.MSG_NOSIGNAL)
        except OSError:
            pass  # somebody killed the watcher; or it is stopped, and cannot take more

    # --- the end ------------------------------------------------------------------------------------------------------

    def end(self) -> list[int]:
        """End all descendants, the watcher at last. Takes a while.

        Returns:
            The pids of those that did not even die of SIGKILL.
        """
        until = time.monotonic() + PATIENCE
        left = self._find()
        if left:
            _send(left, signal.SIGTERM)
            _await(left, time.monotonic() + LAST_MOMENT)
            left = self._find()
        while left and time.monotonic() < until:
            _send(left, signal.SIGKILL)
            _await(left, until)
            left = self._find()
        self._dismiss()
        return sorted(one.pid for one in left)

    def _find(self) -> set[Identity]:
        found = relatives()
        known = {one.pid for one in self._known.copy() if one.pid in found and found[one.pid].born == one.born}
        oldest = found[self._watcher.pid].born if self._watcher.pid in found else 0
        mark = f"{self.mark}=".encode()
        seeds = known | {pid for pid, one in found.items() if one.born >= oldest and mark in _environment(pid)}
        left = _family(found, seeds | self._children & found.keys())
        self._known |= left
        return left

    def _dismiss(self) -> None:
        self._tell(".\n")
        _WATCHED.discard(self._socket)
        self._socket.close()
        try:
            fd = os.pidfd_open(self._watcher.pid)
        except ProcessLookupError:
            pass  # somebody waits for all children
        else:
            if not _ended(fd, PATIENCE):
                self._watcher.kill()  # somebody has stopped it
            os.close(fd)
        self._watcher.wait()


def _family(found: dict[int, Relative], seeds: Iterable[int]) -> set[Identity]:
    """These and all below them, but for ourselves."""
    children: dict[int, list[int]] = {}
    for pid, one in found.items():
        children.setdefault(one.parent, []).append(pid)
    family: set[Identity] = set()
    todo = list(seeds)
    while todo:
        pid = todo.pop()
        identity = Identity(pid, found[pid].born)
        if identity not in family and pid != os.getpid():
            family.add(identity)
            todo += children.get(pid, ())
    return family


def _environment(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""  # somebody else's, or gone


@contextlib.contextmanager
def _handle(one: Identity) -> Iterator[int | None]:
    """A pidfd of this very process; None where it is gone."""
    try:
        fd = os.pidfd_open(one.pid)
    except OSError:
        yield None
        return
    try:
        found = relatives([one.pid]).get(one.pid)
        yield fd if found is not None and found.born == one.born else None
    finally:
        os.close(fd)


def _send(processes: Iterable[Identity], signum: int) -> None:
    for one in processes:
        with _handle(one) as fd:
            if fd is not None:
                with contextlib.suppress(OSError):  # it has just ended, or belongs to another user
                    signal.pidfd_send_signal(fd, signum)


def _await(processes: Iterable[Identity], until: float) -> None:
    for one in processes:
        with _handle(one) as fd:
            if fd is not None:
                _ended(fd, max(0.0, until - time.monotonic()))


def _ended(fd: int, seconds: float) -> bool:
    """Whether the process of a pidfd ends within so many seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


# --- the watcher ------------------------------------------------------------------------------------------------------

_WATCHED: "WeakSet[socket.socket]" = WeakSet()
"""The sockets whose end means that the host is gone: a copy of the host, made by fork(2), must not hold them."""


def _close_in_copy() -> None:
    for one in list(_WATCHED):
        one.close()
    _WATCHED.clear()


os.register_at_fork(after_in_child=_close_in_copy)


def _watch(stdin: socket.socket, mark: str, folder: str | None) -> "subprocess.Popen[bytes]":
    """A watcher: of its own session, with nothing of the host's, but with the marks of those that watch the host."""
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCHER, "minisup-watcher", mark, folder or ""],
        stdin=stdin.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": os.defpath, **{name: value for name, value in os.environ.items() if name.startswith(MARK)}},
        start_new_session=True,
    )
