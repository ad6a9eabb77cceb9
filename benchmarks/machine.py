"""What the kernel says of this machine and of processes: who works, who was woken, how much memory is theirs."""

import contextlib
import ctypes
import os
import platform
import resource
import signal
import time
from collections.abc import Iterable
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


class Quiet:
    """Waits until nobody else uses this machine, and remembers how often that was in vain.

    Args:
        patience: seconds to wait at most before a round; halved after each wait in vain, so that a machine that is
            never quiet does not cost more time than the measures.
        limit: the share of one processor that others may use.
    """

    def __init__(self, patience: float = 20.0, limit: float = 0.15, window: float = 0.25) -> None:
        self.waits = 0
        self.in_vain = 0
        self.noise: list[float] = []
        """Processors in use by others, before each round."""
        self._patience = self._left = patience
        self._limit = limit
        self._window = window

    def wait(self) -> None:
        """Return once the machine is quiet, or the patience is over."""
        end = time.monotonic() + self._left
        self.waits += 1
        while (busy := self._busy()) > self._limit and time.monotonic() < end:
            pass
        self.noise.append(busy)
        if busy > self._limit:
            self.in_vain += 1
            self._left /= 2
        else:
            self._left = self._patience

    def _busy(self) -> float:
        before, total = _work()
        time.sleep(self._window)
        after, later = _work()
        return (after - before) / max(later - total, 1) * (os.cpu_count() or 1)

    def __str__(self) -> str:
        if not self.noise:
            return "nobody looked whether the machine was quiet"
        middle = sorted(self.noise)[len(self.noise) // 2]
        vain = f"; it was not quiet before {self.in_vain} of {self.waits} rounds" if self.in_vain else ""
        return f"others used {middle:.2f} processors before a round (median; at most {max(self.noise):.2f}){vain}"


def _work() -> tuple[int, int]:
    """(ticks that were worked, ticks) of all processors; what another machine stole from ours was worked, too."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def description() -> str:
    """This machine in a line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processors = os.cpu_count()
    system = f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    return f"{processors} processors ({model}), {memory:.0f} GiB, {system}"


# --- processes --------------------------------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    """The children of a process."""
    found: list[int] = []
    for task in _tasks(pid):
        with contextlib.suppress(OSError):
            found += map(int, Path(f"{task}/children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """The children of a process, theirs, and so on."""
    found = children(pid)
    for one in found:  # grows while we go
        found += children(one)
    return found


def worked(pids: Iterable[int]) -> float:
    """Seconds of a processor that these processes have had so far, all of their threads (/proc/PID/schedstat)."""
    return sum(int(text.split()[0]) for text in _of_tasks(pids, "schedstat")) / 1e9


def wakeups(pids: Iterable[int]) -> int:
    """How often these processes were switched away from, which is how often they were woken."""
    return sum(
        int(line.split()[1])
        for text in _of_tasks(pids, "status")
        for line in text.splitlines()
        if "ctxt_switches" in line
    )


def private_dirty(pids: Iterable[int]) -> int:
    """Bytes of memory that these processes alone have written to."""
    return _of_rollup(pids, "Private_Dirty:")


def _of_rollup(pids: Iterable[int], field: str) -> int:
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def _tasks(pid: int) -> list[str]:
    try:
        return [f"/proc/{pid}/task/{task}" for task in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def _of_tasks(pids: Iterable[int], name: str) -> list[str]:
    found = []
    for pid in pids:
        for task in _tasks(pid):
            with contextlib.suppress(OSError):
                found.append(Path(f"{task}/{name}").read_text())
    return found


# --- ourselves --------------------------------------------------------------------------------------------------------


def prepare() -> None:
    """Let whatever our children leave behind become our child, and let them open as many files as they may."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def sweep() -> None:
    """Kill and reap all that we or our children have started; none of it is left."""
    while found := descendants(os.getpid()):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.002)
