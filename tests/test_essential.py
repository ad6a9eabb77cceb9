"""Programs whose end is the end of the daemon, and its exit code: decided, and seen on `minisup run`."""

import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from daemon import Daemon, Room, program, room
from world import Habits, World, group
from world import program as spec

from minisup.core.engine import Engine
from minisup.core.essential import NEVER_RAN, Essential
from minisup.core.words import Booted, GroupAdded
from minisup.specs import GroupSpec

# --- decided ---------------------------------------------------------------------------------------------------------

A, B = ("a", "a"), ("b", "b")


def world(*groups: GroupSpec, **more: Any) -> tuple[World, Essential]:
    """A world whose programs are essential; nothing in it was started. `more` goes to `Essential`."""
    essential = Essential(**more)
    found = World(boot=False)
    found.engine = Engine(None, essential)
    for one in groups:
        found.give(GroupAdded(one))
    found.give(Booted())
    found.heard()
    return found, essential


def two(**more: Any) -> list[GroupSpec]:
    return [group("a", spec("a", startsecs=1, **more)), group("b", spec("b", startsecs=1))]


def lives(status: int, seconds: float = 5.0) -> Habits:
    return Habits(seconds, status)


EXIT_3 = 3 << 8
SEGV = signal.SIGSEGV
NOT_THERE = Habits(spawns="no such program")

# What ends the daemon, habits of a, its options; whether the daemon ends, and its exit code.
ENDS: dict[str, tuple[str, Habits, dict[str, Any], bool, int]] = {
    "exit, with 0": ("exit", lives(0), {}, True, 0),
    "exit, with 3": ("exit", lives(EXIT_3), {}, True, 3),
    "exit, by a signal": ("exit", lives(SEGV), {}, True, 128 + SEGV),
    "exit, by a signal, with a core": ("exit", lives(SEGV | 0x80), {}, True, 128 + SEGV),
    "exit, although it would be restarted": ("exit", lives(EXIT_3), {"autorestart": "always"}, True, 3),
    "exit, too quickly": ("exit", lives(EXIT_3, 0.5), {"startretries": 3}, True, 3),
    "exit, cannot be spawned": ("exit", NOT_THERE, {}, True, NEVER_RAN),
    "fatal, after a retry": ("fatal", lives(EXIT_3, 0.5), {"startretries": 1}, True, 3),
    "fatal, at once": ("fatal", lives(EXIT_3, 0.5), {"startretries": 0}, True, 3),
    "fatal, by a signal": ("fatal", lives(SEGV, 0.5), {"startretries": 0}, True, 128 + SEGV),
    "fatal, with 0": ("fatal", lives(0, 0.5), {"startretries": 0}, True, 1),
    "fatal, cannot be spawned": ("fatal", NOT_THERE, {"startretries": 0}, True, NEVER_RAN),
    "an exit is not fatal": ("fatal", lives(EXIT_3), {"autorestart": "never"}, False, 0),
    "neither": ("never", lives(EXIT_3), {"autorestart": "never"}, False, 0),
}


@pytest.mark.parametrize("case", ENDS)
def test_ends(case: str) -> None:
    exit_on, habits, options, ends, code = ENDS[case]
    found, essential = world(*two(**options), exit_on=exit_on)
    found.habits["a"] = habits
    found.start(1, "b:b")
    found.start(2, "a:a", wait=False)
    found.run(20)
    assert found.ended is ends
    assert essential.code == code
    if ends:
        said = found.heard("warn: 'a' has ended", "warn: 'b'", "quit", "b STOPPING")
        assert said[0] == "warn: 'a' has ended, and the daemon with it (exit_on)"
        assert said[-1] == "quit"
        assert found.states()["b"] == "STOPPED"


def test_a_stop_is_no_end() -> None:
    found, essential = world(*two(), exit_on="exit")
    found.start(1, "a:a", "b:b")
    found.run(5)
    found.stop(2, "a:a")
    found.run(5)
    assert not found.ended
    found.start(3, "a:a")
    found.run(5)
    assert not found.ended
    found.die("a", EXIT_3)
    found.run(1)
    assert found.ended
    assert essential.code == 3


def test_only_its_own() -> None:
    found, essential = world(*two(), exit_on="exit", own=[A])
    found.start(1, "a:a", "b:b")
    found.run(5)
    found.die("b", EXIT_3)
    assert not found.ended
    found.die("a", 5 << 8)
    found.run(1)
    assert found.ended
    assert essential.code == 5


def test_at_the_start_of_everything() -> None:
    """a cannot be spawned, b is only about to be: nothing is sent to a child that has no pid yet."""
    essential = Essential("fatal")
    found = World(boot=False)
    found.engine = Engine(None, essential)
    found.habits["a"] = NOT_THERE
    for name in ("a", "b"):
        found.give(GroupAdded(group(name, spec(name, autostart=True, startretries=0))))
    found.give(Booted())
    found.run(1)
    assert found.ended
    assert essential.code == NEVER_RAN
    assert found.heard("spawn", "kill", "quit") == ["spawn a", "spawn b", "kill b 15", "quit"]


def test_two_at_once() -> None:
    found, essential = world(*two(), exit_on="exit")
    found.start(1, "a:a", "b:b")
    found.run(5)
    found.die("b", 4 << 8)
    found.die("a", EXIT_3)
    found.run(1)
    assert essential.code == 4
    assert found.heard("warn: 'a'", "warn: 'b'") == ["warn: 'b' has ended, and the daemon with it (exit_on)"]


def test_a_shutdown_that_comes_first() -> None:
    found, essential = world(*two(), exit_on="exit")
    found.start(1, "a:a", "b:b")
    found.run(5)
    found.die("b", 4 << 8)
    found.shutdown()
    found.run(1)
    assert found.ended
    assert essential.code == 4


def test_the_first_is_to_blame() -> None:
    """b ends by itself, and badly, while the daemon stops because of a."""
    found, essential = world(
        group("a", spec("a"), priority=1),
        group("b", spec("b"), priority=2),
        group("c", spec("c"), priority=3),
        exit_on="exit",
    )
    found.habits["c"] = Habits(obeys=3.0)
    found.start(1, "a:a", "b:b", "c:c")
    found.run(5)
    found.die("a", EXIT_3)
    found.run(1)  # c still stops, b was not told yet
    found.die("b", 9 << 8)
    found.run(5)
    assert found.ended
    assert essential.code == 3


def test_an_end_during_a_shutdown_is_nobodys_fault() -> None:
    found, essential = world(group("a", spec("a"), priority=1), group("c", spec("c"), priority=3), exit_on="exit")
    found.habits["c"] = Habits(obeys=3.0)
    found.start(1, "a:a", "c:c")
    found.run(5)
    found.shutdown()
    found.run(1)
    found.die("a", EXIT_3)
    found.run(5)
    assert found.ended
    assert essential.code == 0


class TestCodeFrom:
    def test_of_another_than_the_one_to_blame(self) -> None:
        found, essential = world(*two(), exit_on="exit", code_from=B)
        found.habits["b"] = Habits(obeys=0.0)
        found.start(1, "a:a", "b:b")
        found.run(5)
        found.die("a", EXIT_3)
        found.run(1)
        assert found.ended
        assert essential.code == 128 + signal.SIGTERM  # b was stopped

    def test_of_one_that_ended_before(self) -> None:
        found, essential = world(*two(autorestart="never"), exit_on="fatal", code_from=A)
        found.start(1, "a:a", "b:b")
        found.run(5)
        found.die("a", 5 << 8)
        found.run(5)
        assert not found.ended
        found.shutdown()
        found.run(1)
        assert found.ended
        assert essential.code == 5

    def test_alone_it_ends_nothing(self) -> None:
        found, essential = world(*two(autorestart="never"), code_from=A)
        found.start(1, "a:a")
        found.run(5)
        found.die("a", 5 << 8)
        found.run(5)
        assert not found.ended
        assert essential.code == 5

    def test_of_one_that_never_was_started(self) -> None:
        found, essential = world(*two(), code_from=A)
        found.start(1, "b:b")
        found.run(5)
        found.shutdown()
        found.run(1)
        assert found.ended
        assert essential.code == 0

    def test_of_one_that_runs_again(self) -> None:
        found, essential = world(*two(autorestart="always"), code_from=A)
        found.start(1, "a:a")
        found.run(5)
        found.die("a", 5 << 8)
        found.run(5)
        assert found.states()["a"] == "RUNNING"
        assert essential.code == 0


# --- seen ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Any) -> Iterator[Room]:
    with room(tmp_path) as found:
        yield found


STAYS = program("b", "sleep 1000", startsecs=0)


def start(here: Room, command: str, *options: str, supervisord: str = "", **more: Any) -> Daemon:
    here.write(program("a", command, startsecs=0, **more), STAYS, supervisord=supervisord)
    return here.start(*options, stderr=subprocess.PIPE)


@pytest.mark.slow
class TestRun:
    def test_exit(self, here: Room) -> None:
        daemon = start(here, "sh -c 'exit 7'", "--exit-on", "exit")
        assert daemon.wait() == 7
        assert daemon.said("has ended, and") == ["'a' has ended, and the daemon with it (exit_on)"]
        assert daemon.said("stopped: ") == ["stopped: b (terminated by SIGTERM)"]

    @pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
    def test_a_deadly_signal(self, here: Room, signum: int) -> None:
        assert start(here, f"sh -c 'kill -{signum} $$'", "--exit-on=exit").wait() == 128 + signum

    def test_fatal(self, here: Room) -> None:
        daemon = start(here, "sh -c 'exit 7'", "--exit-on", "FATAL", startretries=0)
        daemon.up().says("exited: a")  # startsecs=0: an exit, nothing fatal
        assert daemon.stop() == 0
        here.write(program("a", "sh -c 'exit 7'", startsecs=5, startretries=0), STAYS)
        assert here.start("--exit-on", "fatal").wait() == 7

    def test_a_program_that_is_not_there(self, here: Room) -> None:
        assert start(here, "/nowhere/at/all", "--exit-on", "fatal", startretries=0).wait() == NEVER_RAN

    def test_of_the_configuration(self, here: Room) -> None:
        assert start(here, "sh -c 'exit 7'", supervisord="exit_on=exit\n").wait() == 7

    @pytest.mark.parametrize("name", ["a", "a:a", "g:p", "p"])
    def test_code_from_by_every_name(self, here: Room, name: str) -> None:
        commands = {one: "sh -c 'exit 7'" if one in name else "sleep 1000" for one in ("a", "p")}
        here.write(
            *[program(one, command, startsecs=0) for one, command in commands.items()],
            "\n[group:g]\nprograms=p\n",
            supervisord=f"exit_on=exit\nexit_code_from={name}\n",
        )
        assert here.start().wait() == 7

    def test_the_command_line_wins(self, here: Room) -> None:
        daemon = start(here, "sh -c 'exit 7'", "--exit-on", "never", supervisord="exit_on=exit\n").up()
        daemon.says("exited: a")
        assert daemon.stop() == 0

    def test_code_from(self, here: Room) -> None:
        daemon = start(here, "sh -c 'exit 7'", "--exit-code-from", "b")
        daemon.up().running("b")
        daemon.says("exited: a")
        assert daemon.stop() == 128 + signal.SIGTERM

    def test_a_shutdown_is_no_failure(self, here: Room) -> None:
        daemon = start(here, "sleep 1000", "--exit-on", "exit").up().running("a", "b")
        assert daemon.stop() == 0

    def test_stopped_by_a_client(self, here: Room) -> None:
        daemon = start(here, "sleep 1000", "--exit-on", "exit").up().running("a", "b")
        daemon.rpc.stopProcess("a")
        assert daemon.state("a") == "STOPPED"
        assert daemon.stop() == 0

    def test_after_a_restart_of_the_daemon(self, here: Room) -> None:
        daemon = start(here, "sleep 1000", "--exit-on", "exit").up().running("a")
        daemon.send(signal.SIGHUP)
        daemon.says("supervisord started", 2)
        daemon.up().running("a")
        daemon.rpc.signalProcess("a", "KILL")
        assert daemon.wait() == 128 + signal.SIGKILL

    def test_nobody_of_that_name(self, here: Room) -> None:
        daemon = start(here, "sleep 1000", "--exit-code-from", "c")
        assert daemon.wait() == 2
        assert daemon.process.stderr is not None
        why = "there is no such program (there are: a, b)"
        assert f"cannot take the exit code from 'c': {why}\n" in daemon.process.stderr.read().decode()

    def test_an_ending_that_is_none(self, here: Room) -> None:
        daemon = start(here, "sleep 1000", "--exit-on", "sunday")
        assert daemon.wait() == 2
        assert daemon.process.stderr is not None
        assert "--exit-on 'sunday'" in daemon.process.stderr.read().decode()
