"""Stories of commands: what others built on supervisorctl, and curl."""

import json
import re
import subprocess
from typing import Any

from .room import Room, Story

SUPERVISORCTL = """
[supervisorctl]
serverurl=unix://@DIR@/s.sock
"""

TCP = """
[inet_http_server]
port=127.0.0.1:@PORT@
username=user
password=pass
"""

SLEEPERS = "".join(
    f"[program:{name}]\ncommand=/bin/sleep 600\nstartsecs=0\nautostart={start}\n"
    for name, start in (("a1", "true"), ("a2", "true"), ("b", "false"), ("x1", "true"), ("x2", "true"))
)
GROUPED = SUPERVISORCTL + SLEEPERS + "[group:x]\nprograms=x1,x2\n"
"""`a1` and `a2` run, `b` does not; `x:x1` and `x:x2` run."""


def _rows(text: str) -> list[str]:
    return sorted(text.splitlines())


def _states(room: Room) -> dict[str, str]:
    return {
        info["name"]: info["statename"]
        for info in room.call("supervisor.getAllProcessInfo")
        if info["statename"] != "STOPPED"
    }


def wildcards(room: Room) -> None:
    """Commands that a plugin adds to supervisorctl; it runs each process in a thread."""
    room.plugins("supervisorwildcards", "supervisorserialrestart")
    room.up(
        GROUPED
        + "[ctlplugin:wildcards]\n"
        + "supervisor.ctl_factory=supervisorwildcards.controllerplugin:make_wildcards_controllerplugin\n"
        + "match_group=1\n"
        + "[ctlplugin:serialrestart]\n"
        + "supervisor.ctl_factory=supervisorserialrestart.controllerplugin:make_serialrestart_controllerplugin\n"
    )
    room.reaches("a2", "RUNNING")
    assert _rows(room.ctl("mstop", "a*:*", "x:*1").out) == ["a1: stopped", "a2: stopped", "x:x1: stopped"]
    assert _states(room) == {"x2": "RUNNING"}
    assert _rows(room.ctl("mstart", "*").out) == [
        *("a1: started", "a2: started", "b: started"),
        *("x:x1: started", "x:x2: ERROR (already started)"),
    ]
    before = room.info("x:x2")["pid"]
    assert _rows(room.ctl("mrestart", "*2").out) == [
        *("a2: started", "a2: stopped", "x:x2: started", "x:x2: stopped"),
    ]
    assert room.info("x:x2")["pid"] not in (0, before)
    assert room.ctl("mstop", "nobody*").out == "No process matched given expression.\n"
    assert _rows(room.ctl("serialrestart", "a?").out) == ["a1: started", "a1: stopped", "a2: started", "a2: stopped"]
    assert "mrestart" in room.ctl("help").out


def ansible(room: Room) -> None:
    """The module in a playbook, run by ansible."""
    ctl = room.fill("@DIR@/bin/supervisorctl")
    by_url = {"supervisorctl_path": ctl, "server_url": room.fill("unix://@DIR@/s.sock")}
    by_config = {"supervisorctl_path": ctl, "config": room.fill("@DIR@/s.conf")}
    by_tcp = {
        "supervisorctl_path": ctl,
        "server_url": room.fill("http://127.0.0.1:@PORT@"),
        "username": "user",
        "password": "pass",
    }
    late = {"dest": room.fill("@DIR@/conf.d/late.ini"), "content": "[program:late]\ncommand=/bin/sleep 600\n"}
    module = "community.general.supervisorctl"
    steps: list[tuple[str, dict[str, str]]] = [
        (module, {"name": "b", "state": "started", **by_url}),
        (module, {"name": "b", "state": "started", **by_url}),
        (module, {"name": "b", "state": "stopped", **by_config}),
        (module, {"name": "b", "state": "stopped", **by_config}),
        (module, {"name": "x:x1", "state": "stopped", **by_url}),
        (module, {"name": "x:", "state": "stopped", **by_url}),
        (module, {"name": "x:", "state": "started", **by_url}),
        (module, {"name": "x:", "state": "restarted", **by_tcp}),
        (module, {"name": "a1", "state": "signalled", "signal": "CONT", **by_config}),
        (module, {"name": "nobody", "state": "started", **by_url}),
        ("ansible.builtin.copy", late),
        (module, {"name": "late", "state": "present", **by_url}),
        (module, {"name": "late", "state": "present", **by_url}),
        (module, {"name": "late", "state": "absent", **by_url}),
        (module, {"name": "late", "state": "absent", "stop_before_removing": "true", **by_url}),
        (module, {"name": "late", "state": "absent", **by_url}),
    ]
    tasks: list[dict[str, Any]] = [
        {name: words, "register": f"done{number}", "ignore_errors": True} for number, (name, words) in enumerate(steps)
    ]
    all_of_it = "{{ [" + ", ".join(f"done{number}" for number in range(len(steps))) + "] | to_json }}"
    tasks.append({"ansible.builtin.copy": {"dest": room.fill("@DIR@/done.json"), "content": all_of_it}})
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    room.up(
        TCP + GROUPED + "[include]\nfiles=conf.d/*.ini\n", files={"play.json": json.dumps([play]), "conf.d/no.in": ""}
    )
    room.reaches("a1", "RUNNING")

    done = room.run(
        *("ansible-playbook", "-i", "localhost,", "-e", "ansible_python_interpreter=@CLIENTS@/bin/python", "play.json"),
        env={"ANSIBLE_COLLECTIONS_PATH": "@CLIENTS@/ansible"},
    )
    assert room.read("done.json"), f"{done.out}\n{done.err}"
    seen = [
        "failed: " + said["msg"].strip()
        if said.get("failed")
        else f"changed: {' '.join(said.get('affected', []))}".strip()
        if said["changed"]
        else "no change"
        for (name, _), said in zip(steps, json.loads(room.read("done.json")), strict=True)
        if name == module
    ]
    assert seen == [
        "changed: b",
        "no change",
        "changed: b",
        "no change",
        "changed: x:x1",
        "changed: x:x2",
        "changed: x:x1 x:x2",
        "changed: x:x1 x:x2",
        "changed: a1",
        "failed: ERROR (no such process)",
        "changed:",
        "no change",
        "failed: ERROR: process/group still running: late",
        "changed:",
        "no change",
    ]
    assert _states(room) == {"a1": "RUNNING", "a2": "RUNNING", "x1": "RUNNING", "x2": "RUNNING"}


_SALT = """\
import json, sys
import salt.config, salt.loader

options = salt.config.minion_config(sys.argv[1])
options["file_client"] = "local"
options["grains"] = {}
modules = salt.loader.minion_mods(options, context={}, whitelist=["supervisord", "cmdmod"])
where = {"bin_env": sys.argv[2], "conf_file": sys.argv[3]}
json.dump([modules["supervisord." + name](*words, **where) for name, *words in json.load(sys.stdin)], sys.stdout)
"""


def salt(room: Room) -> None:
    """The execution module, loaded by salt's own loader."""
    calls = [
        ["status_bool", "a1", "RUNNING"],
        ["status_bool", "nobody"],
        ["start", "b"],
        ["start", "b"],
        ["status"],
        ["stop", "x:*"],
        ["restart", "x:"],
        ["custom", "signal CONT a1"],
        ["reread"],
        ["update"],
        ["stop", "late"],
        ["remove", "late:"],
        ["add", "late"],
        ["stop", "nobody"],
    ]
    room.up(
        GROUPED + "[include]\nfiles=conf.d/*.ini\n",
        files={"minion": "root_dir: @DIR@/salt\n", "conf.d/no.in": ""},
    )
    room.reaches("a1", "RUNNING")
    room.write("conf.d/late.ini", "[program:late]\ncommand=/bin/sleep 600\nstartsecs=0\n")
    done = room.run(
        *("@CLIENTS@/bin/python", "-c", _SALT, "@DIR@/minion", "@DIR@", "@DIR@/s.conf"),
        stdin=json.dumps(calls),
        env={"PYTHONPATH": "@CLIENTS@/salt"},
    )
    assert not done.status, done.err
    answers = json.loads(done.out)
    status = answers.pop(4)
    answers[4] = "\n".join(_rows(answers[4]))  # who is gone first is luck
    assert {name: row["state"] for name, row in status.items()} == dict.fromkeys(
        ("a1", "a2", "b", "x:x1", "x:x2"), "RUNNING"
    )
    assert re.fullmatch(r"pid \d+, uptime 0:\d\d:\d\d", status["a1"]["reason"])
    assert answers == [
        True,
        False,
        "b: started",
        "b: ERROR (already started)",
        "x:x1: stopped\nx:x2: stopped",
        "x:x1: started\nx:x2: started",
        "a1: signalled",
        "late: available",
        "late: added process group",
        "late: stopped",
        "late: removed process group",
        "late: added process group",
        "nobody: ERROR (no such process)",
    ]


def nagios(room: Room) -> None:
    room.up(
        TCP
        + SUPERVISORCTL
        + SLEEPERS
        + "[program:once]\ncommand=/bin/sh -c 'read line'\nautorestart=false\nstartsecs=0\n"
        + "[program:gone]\ncommand=/bin/false\nautostart=false\nstartretries=0\n"
    )
    room.reaches("x2", "RUNNING")

    def check(*words: str) -> tuple[int, str]:
        done = room.run("check_supervisord.py", *words)
        return done.status, done.out

    unix = ("-s", "@DIR@/s.sock")
    tcp = ("-s", "127.0.0.1", "-p", "@PORT@", "-u", "user", "-S", "pass")
    assert (
        check(*unix)
        == check(*tcp)
        == (0, "OK: 'a1': OK, 'a2': OK, 'b': OK, 'gone': OK, 'once': OK, 'x1': OK, 'x2': OK\n")
    )
    room.call("supervisor.sendProcessStdin", "once", "go\n")
    room.reaches("once", "EXITED")
    assert check(*tcp, "-P", "once,a1") == (1, "WARNING: something curiously with 'once': (EXITED), 'a1': OK\n")
    assert room.ctl("start", "gone").out == "gone: ERROR (spawn error)\n"
    room.reaches("gone", "FATAL")
    assert check(*unix, "-P", "gone") == (
        2,
        "CRITICAL: problem with 'gone': (Exited too quickly (process log may have details))\n",
    )
    status, said = check("-s", "127.0.0.1", "-p", "@PORT@", "-u", "user", "-S", "wrong")
    assert status == 3
    assert "401 Unauthorized" in said


def curl(room: Room) -> None:
    """The status page, parts of logs, and logs that go on."""
    room.up(
        TCP
        + SLEEPERS
        + "[program:talker]\nstartsecs=0\n"
        + "command=/bin/sh -c 'echo first; echo aside >&2; read said; echo $said; exec sleep 600'\n"
    )
    room.until(lambda: "first" in room.call("supervisor.readProcessStdoutLog", "talker", 0, 0), "its first word")

    def curl(*words: str) -> str:
        done = room.run("curl", "-sS", "--max-time", "60", *words)
        assert not done.status, f"curl ended with {done.status}: {done.err}"
        return done.out

    unix = ("--unix-socket", "@DIR@/s.sock")
    tcp = ("-u", "user:pass")
    here = "http://127.0.0.1:@PORT@"
    page = curl(*tcp, f"{here}/")
    assert all(name in page for name in ("a1", "a2", "talker"))
    assert curl(*unix, "http://localhost/index.html").count("talker")
    assert "first" in curl(*tcp, f"{here}/tail.html?processname=talker")
    status = ("-o", "answer", "-w", "%{http_code} %{content_type}")
    assert curl(*status, *tcp, f"{here}/") == "200 text/html;charset=utf-8"
    assert curl(*status, f"{here}/") == "401 text/html"
    assert curl(*status, "-u", "user:wrong", f"{here}/logtail/talker") == "401 text/html"
    assert curl(*status, *tcp, f"{here}/nowhere") == "404 text/html"
    assert curl(*status, *tcp, f"{here}/logtail/nobody") == "404 text/html"
    said = _following(room, "stdout", ("curl", "-sSN", *tcp, f"{here}/logtail/talker"), "first\n", "second\n")
    assert said == "first\nsecond\n"
    assert (
        _following(room, "stderr", ("curl", "-sSN", *unix, "http://localhost/logtail/talker/stderr"), "aside\n")
        == "aside\n"
    )
    assert "spawned: 'talker'" in _following(
        room, "main", ("curl", "-sSN", *tcp, f"{here}/mainlogtail"), "spawned: 'talker'"
    )


def _following(room: Room, name: str, command: tuple[str, ...], *wanted: str) -> str:
    """Run a command that follows a log until it said all of `wanted`; the talker is told to go on after the first."""
    path = room.folder / f"followed.{name}"
    with (
        open(path, "w") as file,
        subprocess.Popen([room.fill(word) for word in command], stdout=file, env=room.environment({})) as process,
    ):
        try:
            for number, text in enumerate(wanted):
                if number:
                    room.call("supervisor.sendProcessStdin", "talker", text)
                room.until(lambda text=text: text in path.read_text(), f"{text!r} followed")
        finally:
            process.kill()
    return path.read_text()


STORIES: list[Story] = [ansible, salt, wildcards, nagios, curl]
WITH_SUPERVISORCTL: list[Story] = [ansible, salt, wildcards]
"""These are also told with `minisup ctl` under the name of supervisorctl."""
