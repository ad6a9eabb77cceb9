"""`minisup.testing`, as those use it who embed us."""

import pytest

from minisup import ConfigError, Program
from minisup.testing import Habits, World, exited, killed


def test_three_days_of_crashes() -> None:
    world = World(Program("web", "web", autorestart=True), habits={"web": Habits(lives=60, status=exited(1))})
    world.run(3 * 24 * 3600)
    assert world.spawned == 4_321
    assert world.states() == {"web": "STARTING"}


def test_a_program_that_gives_up() -> None:
    text = "[program:web]\ncommand=web\nstartretries=2\n[program:by-hand]\ncommand=b\nautostart=false"
    world = World(text=text, habits={"web": Habits(lives=0.5, status=killed("SEGV"))})
    world.run(60)
    assert world.states() == {"by-hand": "STOPPED", "web": "FATAL"}
    assert world.spawned == 3
    assert world.heard("info: gave up") == [
        "info: gave up: web entered FATAL state, too many start retries too quickly"
    ]


def test_by_hand() -> None:
    world = World(Program("web", "web", autostart=False, autorestart=False, ready="tcp:1", ready_timeout=5))
    world.habits["web"] = Habits(ready=6, obeys=2)
    world.start("web")
    world.run(5.5)
    assert [line for line in world.heard() if line.startswith("warn: ")] == [
        "warn: late: web is RUNNING but not ready after 5 seconds: not yet"
    ]
    world.run(2)
    assert world.process("web").readiness.ready
    world.signal("web", "HUP")
    world.run(2)
    assert world.states() == {"web": "EXITED"}
    world.start("web")
    world.die("web", exited(3))
    assert world.states() == {"web": "BACKOFF"}
    world.run(10)
    world.shutdown()
    world.run(10)
    assert world.ended and world.states() == {"web": "STOPPED"}


def test_a_bad_text() -> None:
    with pytest.raises(ConfigError, match="<text>:2: cannot use startsecs 'x'"):
        World(text="[program:web]\nstartsecs=x\ncommand=web")
