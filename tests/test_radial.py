"""A whole wheel in containers: hub, spokes, the old way to start one. radial.py does what a container engine does."""

import os
import re
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import MINISUP, PYTHON, children, is_there, needs, said, until
from radial import READY, TARGET, Containers, Spoke, containers, ini, needs_containers

pytestmark = [pytest.mark.slow, needs_containers, needs("nginx")]

NGINX = """\
error_log stderr notice;
pid /own/nginx.pid;
events {}
http {
    access_log /dev/stdout;
    server { listen 80; root /data; }
}
"""

WORK = """\
#!/bin/sh
# One of two: a program that leaves orphans behind, complains, and says when it stops.
trap 'echo "$1 stops"; exit 0' TERM
[ "$1" = work ] && (sh -c 'sleep 0.1; exit 7' & exit 0)
echo "$1 complains, as it always does" >&2
echo "$1 began on $HOSTNAME: $SUPERVISOR_GROUP_NAME:$SUPERVISOR_PROCESS_NAME"
while :; do sleep 1 & wait $!; done
"""


WHEELS = ("/git/web", "/git/crew")
EXCEPTIONS = "/config/crew/*.sh:755"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Containers]:
    with containers(tmp_path) as found:
        (found.data / "hello").write_text("hello\n")
        yield found


def publish(here: Containers) -> None:
    """The skeleton and two wheels."""
    here.publish_skeleton()
    nginx = ini("web-group", {"web": '/usr/sbin/nginx -c /config/web/nginx.conf -g "daemon off;"'})
    here.publish("web", {"supervisor/conf.d/web.ini": nginx, "web/nginx.conf": NGINX})
    crew = ini("crew-group", {"worker": "/config/crew/work.sh work", "clerk": "/config/crew/work.sh write"})
    late = ini("late-group", {"late": "/config/crew/work.sh late"}, priority=2)
    files = {
        "supervisor/conf.d/crew.ini": crew,
        "supervisor/conf.d/late.ini": late,
        "crew/work.sh": WORK,
    }
    here.publish("crew", files)


def fill(here: Containers) -> Spoke:
    """A hub that has done its work, and idles."""
    publish(here)
    hub = here.hub("dynamic", *WHEELS, PERMISSIONS_EXCEPTIONS=EXCEPTIONS)
    hub.shows(READY)
    return hub


OWN = {
    "web": ["web-group:web"],
    "crew": ["crew-group:clerk", "crew-group:worker"],
}
"""What each spoke runs."""


def runs_its_own(spoke: Spoke, name: str) -> bool:
    """Whether a spoke runs its group, and nothing else was ever started."""
    states = spoke.states()
    assert sorted(states) == ["crew-group:clerk", "crew-group:worker", "late-group:late", "web-group:web"]
    assert {state for key, state in states.items() if key not in OWN[name]} == {"STOPPED"}
    return all(states[key] == "RUNNING" for key in OWN[name])


def up(spoke: Spoke, name: str) -> Spoke:
    """Wait until a spoke runs its group."""
    spoke.up()
    until(lambda: runs_its_own(spoke, name), spoke.main_log)
    return spoke


def fetch(here: Containers, spoke: Spoke) -> str:
    """What the web server answers, asked from inside of its network."""
    ask = 'import urllib.request as r; print(r.urlopen("http://127.0.0.1/hello", timeout=20).read().decode())'
    code, text = here.ask(PYTHON, "-I", "-c", ask, inside=spoke)
    assert code == 0, text
    return text.strip()


def zombies(pid: int) -> list[int]:
    return [child for child in children(pid) if not is_there(child)]


LINES = re.compile(r"^\d{4}-\d\d-\d\d .*\n", re.MULTILINE)
"""The supervisor's own lines, among those of programs."""


def test_a_wheel(here: Containers) -> None:
    publish(here)
    hub = here.hub("dynamic", *WHEELS, PERMISSIONS_EXCEPTIONS=EXCEPTIONS)
    web, crew = here.spoke("web"), here.spoke("crew")  # at the same time: they wait
    up(web, "web")
    up(crew, "crew")
    assert READY in hub.shown()
    assert hub.process.poll() is None
    assert sorted(path.name for path in here.run.iterdir()) == ["supervisor"]

    for spoke, name in ((web, "web"), (crew, "crew")):
        host = f"{name}-host"
        assert sorted(os.listdir(spoke.run)) == sorted(
            [".lock", name, "supervisor.sock", "supervisord.conf", "supervisord.pid"]
        )
        assert (spoke.run / name).stat().st_size == 0
        assert os.readlink(spoke.run / "supervisord.conf") == f"/config/{TARGET}"
        assert stat.S_ISSOCK((spoke.run / "supervisor.sock").stat().st_mode)
        assert (spoke.run / "supervisord.pid").read_text() == "1\n"
        own = [key.partition(":")[2] for key in OWN[name]]
        logs = ["supervisord.log", *(f"{program}_{kind}.log" for program in own for kind in ("stdout", "stderr"))]
        assert sorted(os.listdir(here.log / host)) == sorted(logs)
        left = "crew-group, late-group" if name == "web" else "web-group, late-group"
        assert spoke.said("left alone") == [f"left alone, for other spokes: {left}"]
        assert len(spoke.said("spawned: ")) == len(OWN[name])

    assert fetch(here, web) == "hello"
    assert "'worker'" not in web.main_log() and "'web'" not in crew.main_log()

    # The real supervisorctl, from a third container.
    code, text = here.ctl(web, "status")
    assert [line.split()[:2] for line in text.splitlines()] == [
        ["crew-group:clerk", "STOPPED"],
        ["crew-group:worker", "STOPPED"],
        ["late-group:late", "STOPPED"],
        ["web-group:web", "RUNNING"],
    ]
    assert code == 3
    code, text = here.ctl(crew, "status", "crew-group:*")
    assert code == 0
    assert [line.split()[:2] for line in text.splitlines()] == [
        ["crew-group:clerk", "RUNNING"],
        ["crew-group:worker", "RUNNING"],
    ]
    assert here.ctl(crew, "restart", "crew-group:clerk") == (
        0,
        "crew-group:clerk: stopped\ncrew-group:clerk: started\n",
    )

    # Programs' stderr is on the container's output and in supervisord.log, their stdout is not.
    crew.shows("work complains, as it always does\n")
    crew.shows("write complains, as it always does\n", 2)
    own_lines = LINES.sub("", crew.log("supervisord.log")).splitlines()
    assert sorted(own_lines) == ["work complains, as it always does", *2 * ["write complains, as it always does"]]
    assert crew.shown().endswith(crew.log("supervisord.log"))  # before it we waited for the hub
    assert "start worker process" in web.log("web_stderr.log")
    for line in web.log("web_stderr.log").splitlines():
        assert line in web.shown() and line in web.log("supervisord.log")
    assert "GET /hello" not in web.shown()
    assert "write began on crew-host: crew-group:clerk" in crew.log("clerk_stdout.log").splitlines()

    # Orphans have a parent.
    crew.says(r"reaped unknown pid \d+ \(exit status 7\)")
    assert zombies(crew.pid) == []

    # The end: told once, all of it in order, and nothing is left in the way.
    assert here.ctl(crew, "start", "late-group:*") == (0, "late-group:late: started\n")
    until(lambda: "late began" in crew.log("late_stdout.log"))
    for spoke in (web, crew):
        began = time.monotonic()
        assert spoke.stop() == 0
        assert time.monotonic() - began < 10
        assert sorted(path.name for path in spoke.run.iterdir()) == sorted(
            [".lock", "supervisord.conf", "web" if spoke is web else "crew"]
        )
    stopped = crew.said("stopped: ")[1:]  # the first was the clerk's restart
    assert stopped[0] == "stopped: late (exit status 0)"
    assert sorted(stopped[1:]) == ["stopped: clerk (exit status 0)", "stopped: worker (exit status 0)"]
    assert crew.log("worker_stdout.log").splitlines()[-1] == "work stops"
    assert web.said("stopped: ") == ["stopped: web (exit status 0)"]

    began = time.monotonic()
    assert hub.stop() == 0
    assert time.monotonic() - began < 5


def test_the_same_container_again(here: Containers) -> None:
    fill(here)
    for number, (name, last) in enumerate([("web", "TERM"), ("web", "KILL"), ("crew", "KILL"), ("crew", "TERM")]):
        spoke = up(here.spoke(name), name)
        if last == "KILL":
            here.kill(spoke)
            left = ("supervisor.sock", "supervisord.pid", "supervisord.conf", ".lock", name)
            assert [path for path in left if not os.path.lexists(spoke.run / path)] == []
        else:
            assert spoke.stop() == 0
        again = up(here.spoke(name), name)
        assert len(again.said("supervisord started with pid 1")) == (2 if number % 2 == 0 else 4)
        if name == "web":
            assert fetch(here, again) == "hello"
        assert here.ctl(again, "status", f"{name}-group:*")[0] == 0
        assert again.stop() == 0


def test_what_a_last_life_may_leave_behind(here: Containers) -> None:
    """A pidfile that lies, a link that leads elsewhere, a marker, an old lock, a draft of a link."""
    fill(here)
    run = here.run / "supervisor/crew-host"
    run.mkdir(parents=True)
    (run / "supervisord.pid").write_text("1\n")
    (run / "supervisord.conf").symlink_to("/nowhere")
    (run / "supervisord.conf.new").symlink_to("/nowhere")
    (run / "supervisor.sock").write_text("")
    (run / "crew").write_text("")
    (run / ".lock").write_text("")
    crew = up(here.spoke("crew"), "crew")
    assert here.ctl(crew, "pid") == (0, "1\n")
    assert crew.stop() == 0


def test_the_hub_again(here: Containers) -> None:
    hub = fill(here)
    here.kill(hub)
    here.publish("crew", {"crew/news": "news\n", "crew/work.sh": WORK + "# news\n"})
    hub = here.hub("dynamic", *WHEELS)
    hub.shows(READY)
    assert "restart" in hub.shown()
    assert not (here.config / "crew/news").exists()
    assert hub.stop() == 0
    hub = here.hub("dynamic", *WHEELS, UPDATES="True", PERMISSIONS_EXCEPTIONS=EXCEPTIONS)
    hub.shows(READY)
    assert (here.config / "crew/news").read_text() == "news\n"
    assert not here.lock.exists()
    up(here.spoke("crew"), "crew")


def test_the_hub_reaps(here: Containers) -> None:
    hub = fill(here)
    here.ask("sh", "-c", "sh -c 'sleep 0.05; exit 7' & exit 0", inside=hub)
    until(lambda: children(hub.pid) == [])


def test_two_containers_with_one_host_name(here: Containers) -> None:
    """The containers of a pod."""
    fill(here)
    web = here.spoke("web", id="one", HOSTNAME="pod")
    up(web, "web")
    refused = here.spoke("crew", id="two", HOSTNAME="pod")
    why = "another spoke with this id lives (set SPOKE_ID where containers share a host name)"
    assert refused.complaint() == f"cannot start a spoke as 'pod': {why}"
    assert runs_its_own(web, "web")
    crew = up(here.spoke("crew", id="two", HOSTNAME="pod", SPOKE_ID="pod-crew"), "crew")
    assert (here.log / "pod-crew/clerk_stdout.log").exists()
    assert here.ctl(crew, "status", "crew-group:*")[0] == 0
    here.kill(web)
    assert up(here.spoke("web", id="three", HOSTNAME="pod"), "web").stop() == 0


def test_a_program_that_will_not_go_costs_nine_seconds(here: Containers) -> None:
    """Docker kills after ten."""
    here.publish_skeleton()
    stubborn = ini("a-group", {"a": "sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done'"}, stopwaitsecs=600)
    hub = here.hub("dynamic", here.publish("a", {"supervisor/conf.d/a.ini": stubborn}))
    hub.shows(READY)
    spoke = here.spoke("a")
    until(lambda: "up" in spoke.log("a_stdout.log"), spoke.shown)
    began = time.monotonic()
    assert spoke.stop() == 0
    assert 8 < time.monotonic() - began < 90
    assert spoke.said("used up") == ["'a' used up its share of the shutdown timeout of 9 seconds"]
    assert spoke.said("stopped: ") == ["stopped: a (terminated by SIGKILL)"]


def test_the_container_ends_with_its_program(here: Containers) -> None:
    here.publish_skeleton()
    text = ini("a-group", {"a": "sh -c 'kill -SEGV $$'", "b": "sleep 1000"}, autorestart="false")
    hub = here.hub("dynamic", here.publish("a", {"supervisor/conf.d/a.ini": text}))
    hub.shows(READY)
    spoke = here.spoke("a", SPOKE_EXIT_ON="exit")
    assert spoke.wait() == 128 + signal.SIGSEGV
    assert spoke.said("stopped: ") == ["stopped: b (terminated by SIGTERM)"]


def test_a_command_as_pid_1(here: Containers) -> None:
    spoke = here.spoke("web", "sh", "-c", 'echo "$$ $1"; exit 3', "sh", "two  words; 'and' \"quotes\" $HOME *")
    assert spoke.wait() == 3
    assert spoke.shown() == "1 two  words; 'and' \"quotes\" $HOME *\n"


def test_detached(here: Containers) -> None:
    """A spoke without a hub, and without its folders: /config is part of the container."""
    publish(here)
    env = {"SPOKE_DETACH_MODE": "True", "SUPERVISOR_REPO": "/git/skeleton", "WHEEL_REPO": "/git/crew"}
    command = 'umount /config /data /log && rmdir /config /data /log && exec "$@"'
    spoke = here.start("alone", "sh", "-c", command, "sh", MINISUP, "spoke", env={"SPOKE_NAME": "crew", **env})
    spoke.up()
    # No permissions of a hub here: 644 is no mode of a program.
    assert spoke.states() == {"crew-group:clerk": "FATAL", "crew-group:worker": "FATAL", "late-group:late": "STOPPED"}
    code, text = here.ask("sh", "-c", "cat /log/alone/supervisord.log; stat -c %a /config/crew/work.sh", inside=spoke)
    assert code == 0
    assert text.endswith("644\n")
    assert said(text, "left alone") == ["left alone, for other spokes: late-group"]
    assert spoke.stop() == 0


# --- the old way -----------------------------------------------------------------------------------------------------

ENTRYPOINT = """\
#!/bin/bash
# The way in which spokes were started before: the supervisor becomes PID 1, and in its back the group is started and
# complaints are copied as soon as there is something to start and to copy.
set -e
run=/run/supervisor/$HOSTNAME
mkdir -p "/log/$HOSTNAME" "$run"
touch "$run/$SPOKE_NAME"
ln -sf /config/supervisor/supervisord.conf "$run/supervisord.conf"

{
    until [ -e "$run/supervisord.pid" ]; do :; done
    supervisorctl -s "unix:///run/supervisor/$HOSTNAME/supervisor.sock" start "$SPOKE_NAME-group:*"
} &

{
    until [ -e "/log/$HOSTNAME/${SPOKE_NAME}_stderr.log" ]; do sleep 0.01; done
    tail --follow=name -n +1 /log/$HOSTNAME/*_stderr.log | tee -a "/log/$HOSTNAME/supervisord.log"
} &

exec supervisord --configuration=/run/supervisor/$HOSTNAME/supervisord.conf --logfile=/log/$HOSTNAME/supervisord.log
"""


def test_the_old_way(here: Containers) -> None:
    here.publish_skeleton()
    names = {"crew": "/config/crew/work.sh work", "clerk": "/config/crew/work.sh write"}
    other = ini("other-group", {"other": "sleep 1000"})
    files = {
        "supervisor/conf.d/crew.ini": ini("crew-group", names),
        "supervisor/conf.d/other.ini": other,
        "crew/work.sh": WORK,
        "entrypoint.sh": ENTRYPOINT,
    }
    hub = here.hub("dynamic", here.publish("crew", files), PERMISSIONS_EXCEPTIONS="/config/*.sh:755 /config/crew/*:755")
    hub.shows(READY)
    for _ in range(2):
        spoke = here.start("old", "/config/entrypoint.sh", env={"SPOKE_NAME": "crew"})
        spoke.shows("crew-group:crew: started")
        spoke.shows("crew-group:clerk: started")
        assert spoke.states() == {
            "crew-group:crew": "RUNNING",
            "crew-group:clerk": "RUNNING",
            "other-group:other": "STOPPED",
        }
        assert (spoke.run / "supervisord.pid").read_text() == "1\n"
        spoke.shows("work complains, as it always does")
        assert "work complains, as it always does" in spoke.log("supervisord.log")
        assert here.ctl(spoke, "status", "crew-group:*")[0] == 0
        assert here.ctl(spoke, "version") == (0, "4.3.0\n")
        assert spoke.stop() == 0
        assert sorted(path.name for path in spoke.run.iterdir()) == ["crew", "supervisord.conf"]
        lines = said(spoke.log("supervisord.log"), "^stopped: ")
        assert sorted(lines[-2:]) == ["stopped: clerk (exit status 0)", "stopped: crew (exit status 0)"]
