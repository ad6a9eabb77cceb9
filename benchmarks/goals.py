"""What is measured, in which unit, what decides it, and what minisup is to reach: the table of tables."""

from typing import NamedTuple

S, F = "supervisord", "floor"
SUBJECT = "minisup"
"""Whose goals they are."""


class Goal(NamedTuple):
    """A limit to the ratio between minisup and another supervisor in the same run.

    Attributes:
        sign: ``<=`` or ``>=``.
        limit: of the ratio; of the value itself where there is no `to`.
        to: the other supervisor.
    """

    sign: str
    limit: float
    to: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.limit:g}{' ' + self.to if self.to else ''}"

    def met(self, value: float) -> bool:
        """Whether a ratio, or a value, is within the limit."""
        return value <= self.limit if self.sign == "<=" else value >= self.limit


class Measure(NamedTuple):
    """A row of the table.

    Attributes:
        key: its name in the files.
        title: as it is shown; ``{middle}``, ``{big}`` are numbers of programs.
        unit: of the samples.
        goals: what minisup is to reach.
        decides: what a supervisor spends there.
        of: the samples it is made from, if they have another key.
        quantile: of all samples of all rounds.
    """

    key: str
    title: str
    unit: str
    goals: tuple[Goal, ...]
    decides: str
    of: str = ""
    quantile: float = 0.5

    @property
    def samples(self) -> str:
        """The key of its samples."""
        return self.of or self.key


def _at_most(limit: float, to: str = "") -> Goal:
    return Goal("<=", limit, to)


def _at_least(limit: float, to: str = "") -> Goal:
    return Goal(">=", limit, to)


RESTARTS = "SIGCHLD to vfork: how soon the loop is awake, and what it does before the spawn"
ALL = "the work per start: one vfork with its pipes, and nothing that grows with the number of programs"
STARTS = "imports first, then the configuration, then one spawn per program"
ENDS = "one kill and one wait per program, and no look around once a second"
WORKS = "parsing of HTTP and XML, and one write; supervisord looks through all of its descriptors at each turn"
STATES = "the text per process"
LOGS = "the size of the pipe and of a read: each byte is copied twice, by read and write"
MANY = "how many readings a turn has, and who comes first in it"
MEMORY = "imported modules; then what is kept per program"
CLIENTS = "imports, then one call"

MEASURES = (
    Measure("restart", "restart after SIGKILL, p50", "ms", (_at_most(1.7, F), _at_most(1, "runit")), RESTARTS),
    Measure("restart.99", "restart after SIGKILL, p99", "ms", (_at_most(2, F),), RESTARTS, "restart", 0.99),
    Measure("restart.big", "restart after SIGKILL, N={big}, p50", "ms", (_at_most(3, F),), RESTARTS),
    Measure("crash", "all of {big} crash, all replaced", "ms", (_at_most(1.8, F), _at_most(1, "runit")), ALL),
    Measure("running.middle", "exec to all running, N={middle}", "ms", (_at_most(0.4, S),), STARTS),
    Measure("running.big", "exec to all running, N={big}", "ms", (_at_most(0.18, S), _at_most(1, "s6")), STARTS),
    Measure("answer.one", "exec to socket answering, N=1", "ms", (_at_most(1, S),), STARTS),
    Measure("answer.big", "exec to socket answering, N={big}", "ms", (_at_most(0.06, S),), STARTS),
    Measure("gone.ten", "SIGTERM to gone, N=10", "ms", (_at_most(0.01, S),), ENDS),
    Measure("gone.big", "SIGTERM to gone, N={big}", "ms", (_at_most(1.2, "runit"),), ENDS),
    Measure("stop", "stopProcess, p50", "ms", (_at_most(0.5, S),), ENDS),
    Measure("start", "startProcess, p50", "ms", (_at_most(0.5, S),), ALL),
    Measure(
        "orphans", "{orphans} orphans of PID 1 reaped", "ms", (_at_most(1.5, "s6"),), "waiting until nobody is left"
    ),
    Measure("idle.cpu.one", "idle, N=1: CPU", "ms/s", (_at_most(0),), "timers"),
    Measure("idle.woken.one", "idle, N=1: woken", "1/s", (_at_most(0),), "timers"),
    Measure("idle.cpu.big", "idle, N={big}: CPU", "ms/s", (_at_most(0),), "timers"),
    Measure("idle.woken.big", "idle, N={big}: woken", "1/s", (_at_most(0),), "timers"),
    Measure("ask.one", "getState, keep-alive, N=1, p50", "ms", (_at_most(0.9, S),), WORKS),
    Measure("ask.big", "getState, keep-alive, N={big}, p50", "ms", (_at_most(0.04, S),), WORKS),
    Measure("all.middle", "getAllProcessInfo, N={middle}", "ms", (_at_most(0.15, S),), STATES),
    Measure("all.big", "getAllProcessInfo, N={big}", "ms", (_at_most(0.006, S),), STATES),
    Measure("rate.one", "getState, 16 clients, N=1", "per s", (_at_least(1.2, S),), WORKS),
    Measure("rate.middle", "getState, 16 clients, N={middle}", "per s", (_at_least(1.2, S),), WORKS),
    Measure("log.rate", "log, 1 writer of 64 KiB", "MB/s", (_at_least(1.3, S), _at_least(1, "cat")), LOGS),
    Measure("log.cpu", "log, 1 writer of 64 KiB: CPU", "s/GB", (_at_most(0.9, "cat"),), LOGS),
    Measure("logs.rate", "logs, 16 writers of 100 bytes", "MB/s", (_at_least(0.95, S),), MANY),
    Measure("logs.cpu", "logs, 16 writers of 100 bytes: CPU", "s/GB", (_at_most(1.1, "cat"),), MANY),
    Measure("logs.ask", "logs, 16 writers of 100 bytes: getState, p99", "ms", (_at_most(0.5, S),), MANY),
    Measure("memory.one", "Private_Dirty after a first status, N=1", "MiB", (_at_most(1, S),), MEMORY),
    Measure("memory.big", "Private_Dirty after a first status, N={big}", "MiB", (_at_most(0.75, S),), MEMORY),
    Measure("memory.each", "Private_Dirty, each program more", "KiB", (_at_most(6),), MEMORY),
    Measure("ctl.one", "the whole `ctl status`, N=1", "ms", (_at_most(0.4, S),), CLIENTS),
    Measure("ctl.big", "the whole `ctl status`, N={big}", "ms", (_at_most(0.1, S),), CLIENTS),
    Measure("read", "configuration of {big} programs read", "ms", (_at_most(0.3, S),), "work per line and per program"),
    Measure("read.twice", "the same, of twice as many", "times", (_at_most(2.2),), "that nothing is quadratic"),
)
BY_KEY = {measure.key: measure for measure in MEASURES}
