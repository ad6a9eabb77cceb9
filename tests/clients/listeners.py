"""Stories of event listeners. TICK_5 stands for TICK_60, which these understand as well: nobody waits a minute."""

import json
import re

from .room import Room, Story
from .servers import MailServer, Site, Syslog


def listener(name: str, command: str, events: str, more: str = "") -> str:
    """A section of a listener that starts at once and whose words are in `logs/NAME.log`."""
    return f"""
[eventlistener:{name}]
command=@CLIENTS@/bin/{command}
events={events}
startsecs=0
stderr_logfile=@DIR@/logs/{name}.log
{more}
"""


SLEEPER = """
[program:web]
command=/bin/sleep 600
startsecs=0
"""


def _crashes(*names: str) -> str:
    """Programs that end with 7 at once."""
    return "".join(f"[program:{name}]\ncommand=/bin/sh -c 'exit 7'\nautorestart=false\nstartsecs=0\n" for name in names)


def crashmail(room: Room) -> None:
    room.up(
        listener("crashmail", "crashmail -a -m you@example.org -o web1 -s @DIR@/mail", "PROCESS_STATE_EXITED")
        + _crashes("crash")
        + "[program:fine]\ncommand=/bin/true\nstartsecs=0\nautorestart=false\npriority=1\n"
        + "[program:killed]\ncommand=/bin/sleep 600\nstartsecs=0\nautorestart=false\n"
    )
    room.reaches("fine", "EXITED")
    (mail,) = room.mails(1)
    assert re.fullmatch(
        r"To: you@example.org\nSubject: web1: crash crashed at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\n\n"
        r"Process crash in group crash exited unexpectedly \(pid [1-9]\d*\) from state RUNNING",
        mail,
    )
    pid = room.reaches("killed", "RUNNING")["pid"]
    room.call("supervisor.signalProcess", "killed", "KILL")
    assert f"Process killed in group killed exited unexpectedly (pid {pid}) from state RUNNING" in room.mails(2)[1]
    assert room.info("crashmail")["statename"] == "RUNNING"
    room.until(lambda: room.read("logs/crashmail.log").count("Mailed:\n\nTo: you@example.org") == 2, "its own log")


def crashmailbatch(room: Room) -> None:
    with MailServer() as post:
        command = f"crashmailbatch -t you@example.org -f me@example.org -H 127.0.0.1:{post.port} -e TICK_5 -i 0.05"
        room.up(
            listener("batch", command, "PROCESS_STATE_EXITED,TICK_5", "buffer_size=50")
            + _crashes("one", "two")
            + "[group:crashes]\nprograms=one,two\n"
        )
        room.until(lambda: "".join(post.mails).count("died unexpectedly") == 2, "a mail about two deaths")
        said = "".join(post.mails)
    assert "Subject: Crash alert from supervisord\r\nFrom: me@example.org\r\nTo: you@example.org\r\n" in said
    for name in ("one", "two"):
        assert re.search(
            rf"\n\d{{4}}-\d\d-\d\d [\d:,]{{12}} -- Process crashes:{name} \(pid [1-9]\d*\) died unexpectedly", said
        )


def fatalmailbatch(room: Room) -> None:
    with MailServer() as post:
        command = f"fatalmailbatch -t you@example.org -f me@example.org -H 127.0.0.1:{post.port} -e TICK_5 -i 0.05"
        room.up(
            listener("batch", command, "PROCESS_STATE,TICK_5", "buffer_size=50")
            + "[program:gone]\ncommand=/nowhere/to/be/found\nstartretries=0\n"
            + _crashes("crash")
        )
        room.until(lambda: post.mails, "a mail")
    assert "Subject: Fatal start alert from supervisord\r\n" in post.mails[0]
    assert re.search(r"\n\d{4}-\S+ \S+ -- Process gone:gone failed to start too many times", post.mails[0])
    assert "crash:" not in "".join(post.mails)


def httpok(room: Room) -> None:
    with Site() as site:
        url = f"http://127.0.0.1:{site.port}/alive?x=1"
        room.up(
            listener("httpok", f"httpok -p web -n site -m you@example.org -s @DIR@/mail -t 5 {url}", "TICK_5") + SLEEPER
        )
        before = room.reaches("web", "RUNNING")["pid"]
        room.until(lambda: site.asked.get(200), "a first look")
        assert room.info("web")["pid"] == before
        site.status = 503
        room.until(lambda: site.asked.get(503), "a look at the broken site")
        site.status = 200
        (mail,) = room.mails(1)
    assert mail.splitlines() == [
        "To: you@example.org",
        f"Subject: httpok [site]: {url}: bad status returned",
        "",
        f"status contacting {url}: 503 Service Unavailable",
        "Restarting selected processes ['web']",
        "web is in RUNNING state, restarting",
        "web restarted",
    ]
    after = room.reaches("web", "RUNNING")["pid"]
    assert after != before


def memmon(room: Room) -> None:
    command = "memmon -p web=1KB -g others=100MB -m you@example.org -u 1h -n site -s @DIR@/mail"
    room.up(
        listener("memmon", command, "TICK_5")
        + SLEEPER
        + "[program:other]\ncommand=/bin/sleep 600\nstartsecs=0\n[group:others]\nprograms=other\n"
    )
    before, other = room.reaches("web", "RUNNING")["pid"], room.reaches("others:other", "RUNNING")["pid"]
    mail = room.mails(1)[0]
    assert mail.startswith("To: you@example.org\nSubject: memmon [site]: process web:web restarted\n\n")
    assert "memmon.py restarted the process named web:web" in mail
    assert room.reaches("web", "RUNNING")["pid"] != before
    assert room.info("others:other")["pid"] == other
    room.until(lambda: "RSS of others:other is" in room.read("logs/memmon.log"), "its look at the group")
    assert "Restarting others:other" not in room.read("logs/memmon.log")


def dependent_startup(room: Room) -> None:
    room.up(
        listener(
            "dependentstartup",
            "supervisord-dependent-startup -c @DIR@/s.conf",
            "PROCESS_STATE",
            "autorestart=unexpected\nstartretries=0\nexitcodes=0,3\nbuffer_size=100",
        )
        + "[include]\nfiles=conf.d/*.ini\n",
        files={
            "conf.d/database.ini": "[program:database]\ncommand=/bin/sleep 600\nautostart=false\nstartsecs=0\n"
            "dependent_startup=true\n",
            "conf.d/migration.ini": "[program:migration]\ncommand=/bin/true\nautostart=false\nautorestart=false\n"
            "startsecs=0\ndependent_startup=true\ndependent_startup_wait_for=database:running\n",
            "conf.d/web.ini": "[program:web]\ncommand=/bin/sleep 600\nautostart=false\nstartsecs=0\npriority=1\n"
            "dependent_startup=true\ndependent_startup_wait_for=database migration:exited\n",
            "conf.d/not.ini": "[program:not]\ncommand=/bin/sleep 600\nautostart=false\n",
        },
    )
    room.reaches("web", "RUNNING")
    assert room.reaches("dependentstartup", "EXITED")["exitstatus"] == 0
    assert {name: room.info(name)["statename"] for name in ("database", "migration", "not")} == {
        "database": "RUNNING",
        "migration": "EXITED",
        "not": "STOPPED",
    }
    spawned = re.findall(r"INFO spawned: '(\w+)'", room.read("supervisord.log"))
    # It may ask for a program that has ended a second time: its own events are behind what it asks.
    assert list(dict.fromkeys(spawned)) == ["dependentstartup", "database", "migration", "web"]


def supervisor_checks(room: Room) -> None:
    """The HTTP check restarts what is broken; those of TCP, XML-RPC and memory are content."""
    both = {
        "xmlrpc": {"sock_path": room.fill("@DIR@/s.sock"), "method": "supervisor.getState"},
        "memory": {"max_rss": 1e9},
    }
    with Site() as site:
        room.up(
            listener("http", f"supervisor_http_check -n http -g web -u /ping -r 0 -t 5 -p {site.port}", "TICK_5")
            + listener("tcp", f"supervisor_tcp_check -n tcp -g web -r 0 -t 5 -p {site.port}", "TICK_5")
            + listener("both", f"supervisor_complex_check -n both -N web:web -c '{json.dumps(both)}'", "TICK_5")
            + SLEEPER
        )
        before = room.reaches("web", "RUNNING")["pid"]
        site.status = 500
        room.until(lambda: room.info("web")["pid"] not in (0, before), "a restart")
        site.status = 200
        for name, kind in (("http", "http"), ("tcp", "tcp"), ("both", "xmlrpc"), ("both", "memory")):
            room.until(
                lambda name=name, kind=kind: (
                    f"`{kind}` check succeeded for process web" in room.read(f"logs/{name}.log")
                ),
                f"the {kind} check is content",
            )
    said = re.findall(r"\[http\] (.*)", room.read("logs/http.log"))
    failed = said.index("`http` check failed for process web. Trying to restart.")
    assert said[failed + 1 : failed + 4] == [
        "Trying to stop process web",
        "Stopped process web",
        "Starting process web",
    ]
    assert re.search(r"Result: {'statecode': 1, 'statename': 'RUNNING'}", room.read("logs/both.log"))
    assert all(room.call("supervisor.stopProcess", name) for name in ("http", "tcp", "both"))
    assert "told to stop" in room.read("logs/tcp.log")


def supervisor_logging(room: Room) -> None:
    """A listener that speaks the protocol itself and knows nothing of supervisor's package."""
    with Syslog() as syslog:
        room.up(
            listener(
                "logging",
                "supervisor_logging",
                "PROCESS_LOG",
                f"buffer_size=100\nenvironment=SYSLOG_SERVER=127.0.0.1,SYSLOG_PORT={syslog.port},SYSLOG_PROTO=udp",
            )
            + """
[program:talker]
command=/bin/sh -c 'echo "to the point: ü"; echo aside >&2; exec sleep 600'
stdout_events_enabled=true
stderr_events_enabled=true
"""
        )
        room.until(lambda: len(syslog.lines) >= 2, "two lines")
        pid = room.info("talker")["pid"]
    said = sorted(re.sub(r"^<14>\S+ \S+ ", "", line) for line in syslog.lines)
    assert said == [f"talker[{pid}]: aside \n\0", f"talker[{pid}]: to the point: ü \n\0"]


def supervisor_stdlog(room: Room) -> None:
    """A listener that hands everything back, and a handler of results that the daemon imports and calls."""
    room.plugins("supervisor_stdlog.py")
    room.up(
        listener("stdlog", "supervisor-stdlog", "PROCESS_LOG", "result_handler=supervisor_stdlog:log_handler")
        + """
[program:talker]
command=/bin/cat
stdout_events_enabled=true
""",
        env={"PYTHONPATH": "@DIR@/plugins", "PYTHONUNBUFFERED": "1"},
    )
    for word in ("first", "second"):
        room.call("supervisor.sendProcessStdin", "talker", f"{word}\n")
        line = f"\033[36mtalker | \033[37m{word}\033[m\n"
        room.until(lambda line=line: line in room.stdout, f"{line!r} on the daemon's stdout")


STORIES: list[Story] = [
    crashmail,
    crashmailbatch,
    fatalmailbatch,
    httpok,
    memmon,
    dependent_startup,
    supervisor_checks,
    supervisor_logging,
    supervisor_stdlog,
]
