"""[rpcinterface:x]: the objects of plugins, what they may answer and what they see of the daemon."""

import os
import sys
from pathlib import Path

from .case import HEAD, Case
from .programs import program
from .steps import Call, Exits, Step, Until, Write, call

_VENV = os.environ.get("MINISUP_ORACLE_VENV") or Path(__file__).parents[2] / ".venv-supervisor"
REAL_PACKAGE = f"{_VENV}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
"""Where the real package `supervisor` is; minisup's own Python knows none."""

MINE = '''\
import datetime, re
import supervisor.rpcinterface, supervisor.states
from supervisor import events
from supervisor.http import NOT_DONE_YET
from supervisor.xmlrpc import Faults, RPCError

TEXT = 'a text'

class Thing:
    def __init__(self):
        self.a, self.b = 1, ["x"]

class Base:
    def inherited(self):
        """ Not listed.

        @return string x """
        return "inherited"

class Mine(Base):
    constant = 5
    Kind = Thing

    def __init__(self, supervisord, **options):
        self.supervisord = supervisord
        self._options = options
        self._seen = []
        self._count = 0
        self.on_the_instance = lambda: 1
        self.alias = self.echo
        self.builtin = [].count
        supervisord.options.logger.info("made with %r" % sorted(options.items()))

    # --- what methods may be

    def options(self):
        return self._options

    def echo(self, value, again=None):
        """ Says it

        @param string value   what
        @param   int  again   how often,
                              in words
        @return array result  it
        """
        return [value, again or 0]

    def no_return(self, value):
        """@param string value"""
        return value

    def undocumented(self):
        return True

    @staticmethod
    def static():
        """@return int one"""
        return 1

    @classmethod
    def of_class(cls):
        """@return string its name"""
        return cls.__name__

    @property
    def is_property(self):
        return self.echo

    def _private(self):
        return 1

    def count(self):
        self._count += 1
        return self._count

    # --- what they may answer

    def results(self, what):
        return {
            "none": None, "tuple": ("one",), "two": (1, 2), "empty": (), "in a list": [(1, (2, "three"))],
            "object": Thing(), "method": self.echo, "set": {1}, "datetime": datetime.datetime(2020, 1, 2),
            "bytes": b"abc", "keys": {1: 2}, "float": 1.5, "true": True, "nested": {"a": {"b": [Thing()]}},
            "none inside": [None], "function inside": [lambda: 1], "complex": 1j,
        }[what]

    def raises(self, what):
        if what == "fault":
            raise RPCError(Faults.BAD_NAME, "why")
        if what == "bare fault":
            raise RPCError(Faults.FAILED)
        if what == "own fault":
            raise RPCError(230, "mine")
        if what == "type error":
            len(5)
        if what == "exit":
            raise AttributeError("gone")
        if what == "leave":
            raise SystemExit(3)
        raise ValueError("broken")

    def later(self, what, times=2):
        left = [times]
        def answer():
            left[0] -= 1
            if left[0] > 0:
                return NOT_DONE_YET
            return self.raises(what) if what in ("fault", "type error", "value error", "leave") else self.results(what)
        answer.delay = 0.01
        return answer

    def without_delay(self):
        return lambda: "never"

    def late_method(self):
        return self.undocumented

    # --- what they see of the daemon

    def daemon(self):
        sd, o = self.supervisord, self.supervisord.options
        return [sd.get_state(), o.mood, o.identifier, o.serverurl, o.configfile, o.here, o.nodaemon, o.logfile,
                o.pidfile, o.childlogdir, o.strip_ansi, o.minfds, o.umask, o.get_pid() > 1, o.nocleanup, o.silent]

    def servers(self):
        return [dict(one, family=int(one["family"])) for one in self.supervisord.options.server_configs]

    def groups(self):
        return [[name, g.config.name, g.config.priority, [c.name for c in g.config.process_configs],
                 sorted(g.processes), [p.config.name for p in g.get_unstopped_processes()]]
                for name, g in sorted(self.supervisord.process_groups.items())]

    def configs(self):
        return [[g.name, g.priority, [c.name for c in g.process_configs]]
                for g in self.supervisord.options.process_group_configs]

    def process(self, group, name):
        p = self.supervisord.process_groups[group].processes[name]
        return [p.config.name, p.group.config.name, p.pid > 0, p.state, p.get_state(), p.laststart > 0, p.laststop > 0,
                str(p.exitstatus), str(p.spawnerr), p.backoff, bool(p.killing)]

    def config(self, group, name):
        c = self.supervisord.process_groups[group].processes[name].config
        return {key: str(getattr(c, key)) for key in (
            "name", "command", "uid", "directory", "umask", "priority", "autostart", "startsecs", "startretries",
            "stdout_logfile", "stdout_capture_maxbytes", "stdout_events_enabled", "stdout_syslog",
            "stdout_logfile_backups", "stdout_logfile_maxbytes", "stderr_logfile", "stderr_logfile_backups",
            "exitcodes", "stopwaitsecs", "stopasgroup", "killasgroup", "redirect_stderr", "environment", "serverurl",
        )} | {"stopsignal": int(c.stopsignal)}

    def look(self, name):
        return hasattr(self.supervisord, name)

    def act(self, group, name, what, *arguments):
        process = self.supervisord.process_groups[group].processes[name]
        result = getattr(process, what)(*arguments)
        return [str(result) if what != "spawn" else result == process.pid and result > 0, process.state]

    def log(self, level, text):
        getattr(self.supervisord.options.logger, level)(text)
        self.supervisord.options.logger.log(30, text)
        return True

    def reread(self):
        self.supervisord.options.process_config(do_usage=False)
        return [[config.name for config in found] for found in self.supervisord.diff_to_active()]

    def add(self, name):
        for config in self.supervisord.options.process_group_configs:
            if config.name == name:
                return [self.supervisord.add_process_group(config), self.supervisord.add_process_group(config)]

    def remove(self, name):
        return self.supervisord.remove_process_group(name)

    def leave(self):
        self.supervisord.options.mood = supervisor.states.SupervisorStates.SHUTDOWN
        return self.supervisord.get_state()

    # --- events

    def subscribe(self, name):
        self._ticks = name.startswith("TICK")
        events.subscribe(getattr(events.EventTypes, name), self._hear)
        return True

    def _hear(self, event):
        more = [event.process.config.name, event.process.group.config.name] if hasattr(event, "process") else []
        payload = re.sub("pid:[1-9][0-9]*", "pid:PID", str(event.payload()))
        name = events.getEventNameByType(type(event))
        if self._ticks or not name.startswith("TICK"):  # whether one falls into a case about others is luck
            self._seen.append([name, payload, *more])

    def seen(self):
        seen, self._seen = self._seen, []
        return seen

    def publish(self, type, data):
        events.notify(events.RemoteCommunicationEvent(type, data))
        return True


def make(supervisord, **options):
    return Mine(supervisord, **options)

def broken(supervisord, **options):
    raise ValueError("no plugin today")

class Whole(supervisor.rpcinterface.SupervisorNamespaceRPCInterface):
    def __init__(self, supervisord):
        supervisor.rpcinterface.SupervisorNamespaceRPCInterface.__init__(self, supervisord)

    def own(self):
        """@return string x"""
        return "own"
'''

FILES = {"mine.py": MINE}
ENV = {"PYTHONPATH": f"@DIR@:{REAL_PACKAGE}"}
PLUGIN = "[rpcinterface:mine]\nsupervisor.rpcinterface_factory=mine:make\n"
SLEEPS = program("a", "/bin/sleep 600")


def _case(config: str, *steps: Step, **more: object) -> Case:
    return Case(config, steps, FILES, env=ENV, files_too=False, **more)  # type: ignore[arg-type]


def _factory(text: str, **differs: str) -> Case:
    return _case(
        f"[rpcinterface:x]\nsupervisor.rpcinterface_factory={text}\n", ready=False, without=("socket",), differs=differs
    )


_RESULTS = (
    *("none", "tuple", "two", "empty", "in a list", "object", "method", "set", "datetime", "bytes", "keys"),
    *("float", "true", "nested", "none inside", "function inside", "complex"),
)

CASES = {
    "plugin: its options and methods": _case(
        PLUGIN + "Key = %%(here)s value\nother=\n",
        call("mine.options"),
        call("mine.echo", "x"),
        call("mine.echo", "x", 3),
        call("mine.echo"),
        call("mine.echo", 1, 2, 3),
        *(call(f"mine.{name}") for name in ("inherited", "undocumented", "of_class", "static", "_private", "nothing")),
        *(call(f"mine.{name}") for name in ("on_the_instance", "alias", "builtin", "constant", "Kind", "__init__")),
        *(call(name) for name in ("mine", "mine.echo.x", "mine.supervisord.get_state", "mine.", ".echo")),
        call("system.listMethods"),
        *(call("system.methodHelp", f"mine.{name}") for name in ("echo", "undocumented", "static", "inherited", "x")),
        *(
            call("system.methodSignature", f"mine.{name}")
            for name in ("echo", "no_return", "undocumented", "static", "of_class", "inherited", "Kind")
        ),
    ),
    "plugin: what it answers": _case(
        PLUGIN,
        *(call("mine.results", what) for what in _RESULTS),
        *(call("mine.raises", what) for what in ("fault", "bare fault", "own fault", "type error", "exit", "?")),
        call("mine.raises", "leave"),
    ),
    "plugin: what it answers later": _case(
        PLUGIN,
        *(call("mine.later", what) for what in ("float", "tuple", "fault", "type error", "value error", "in a list")),
        call("mine.later", "leave"),
        call("mine.later", "true", 1),
        call("mine.without_delay"),
        call("mine.late_method"),
    ),
    "plugin: in a multicall": _case(
        PLUGIN,
        *(
            call(
                "system.multicall", [{"methodName": f"mine.{name}", "params": list(params)} for name, *params in calls]
            )
            for calls in (
                [("echo", 1), ("later", "float"), ("results", "tuple"), ("later", "fault"), ("raises", "fault")],
                [("raises", "?"), ("later", "value error"), ("raises", "type error"), ("echo",), ("static",)],
            )
        ),
    ),
    "plugin: what it sees": _case(
        PLUGIN
        + SLEEPS
        + program("b", "/bin/no/such/file", autostart="false", environment='A="1"', stopsignal="INT", priority=7)
        + "[group:g]\nprograms=b\npriority=3\n",
        Until("a", "RUNNING"),
        *(call(f"mine.{name}") for name in ("daemon", "servers", "groups", "configs")),
        call("mine.process", "a", "a"),
        call("mine.process", "g", "b"),
        call("mine.config", "a", "a"),
        call("mine.config", "g", "b"),
        *(call("mine.look", name) for name in ("options", "process_groups", "nonsense")),
        call("mine.process", "a", "x"),
        call("mine.log", "warn", "one"),
        call("mine.log", "critical", "two"),
        call("mine.log", "debug", "three"),
    ),
    "plugin: what it does with processes": _case(
        PLUGIN + program("a", "/bin/sleep 600", autostart="false"),
        call("mine.act", "a", "a", "spawn"),
        Until("a", "RUNNING"),
        call("mine.act", "a", "a", "signal", 23),
        call("mine.act", "a", "a", "stop"),
        Until("a", "STOPPED"),
        call("mine.process", "a", "a"),
        call("mine.act", "a", "a", "spawn"),
        Until("a", "RUNNING"),
        call("mine.act", "a", "a", "kill", 9),
        Until("a", "STOPPED"),
    ),
    "plugin: what it does with groups": _case(
        PLUGIN + SLEEPS,
        Until("a", "RUNNING"),
        Write("s.conf", HEAD + PLUGIN + program("a", "/bin/sleep 601") + program("b", "/bin/sleep 600")),
        call("mine.reread"),
        call("mine.add", "b"),
        Until("b", "RUNNING"),
        call("mine.remove", "b"),
        call("stopProcess", "b"),
        call("mine.remove", "b"),
        call("mine.reread"),
        Write("s.conf", "[nonsense"),
        call("mine.reread"),
        without=("nonsense",),
    ),
    "plugin: it ends the daemon": _case(PLUGIN + SLEEPS, Until("a", "RUNNING"), call("mine.leave"), Exits()),
    "plugin: events": _case(
        PLUGIN + program("a", "/bin/sleep 600", autostart="false", startsecs=0),
        call("mine.subscribe", "PROCESS_STATE"),
        call("startProcess", "a"),
        call("stopProcess", "a"),
        call("mine.seen"),
        call("mine.subscribe", "EVENT"),
        call("mine.publish", "kind", "some data"),
        call("sendRemoteCommEvent", "x", "y\nz"),
        call("sendRemoteCommEvent", "x groupname:a from_state:b pid:c", ""),
        call("removeProcessGroup", "a"),
        call("addProcessGroup", "a"),
        call("mine.seen"),
    ),
    "plugin: an object for each server": _case(
        PLUGIN + "[inet_http_server]\nport=127.0.0.1:@PORT@\n",
        *(Call("mine.count", sock=sock, label=f"{n}") for n, sock in enumerate(["s.sock", "s.sock", None, "s.sock"])),
    ),
    "plugin: names": _case(
        "[rpcinterface:other]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        "[rpcinterface:system]\nsupervisor.rpcinterface_factory=mine:make\n"
        "[rpcinterface:a.b]\nsupervisor.rpcinterface_factory=mine:make\n",
        call("other.getState"),
        call("other.nothing"),
        call("system.echo", 1),
        call("a.b.echo", 1),
        call("system.listMethods"),
    ),
    "plugin: in place of ours": _case(
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=mine:Whole\n" + SLEEPS,
        Until("a", "RUNNING"),
        call("supervisor.own"),
        call("getState"),
        call("stopProcess", "a"),
        call("startProcess", "nobody"),
        call("startProcess", "a"),
        call("startProcess", "a"),
        call("stopProcess", "a", False),
        Until("a", "STOPPED"),
        call("startAllProcesses", label="all are started"),
        call("signalProcess", "a", "WINCH"),
        call("sendProcessStdin", "a", "words"),
        call("tailProcessStdoutLog", "a", 0, 10),
        call("clearProcessLogs", "a"),
        call("getAllProcessInfo"),
        call("getAllConfigInfo"),
        call("reloadConfig"),
        call("removeProcessGroup", "a"),
        call("stopProcessGroup", "a"),
        call("removeProcessGroup", "a"),
        call("addProcessGroup", "a"),
        call("addProcessGroup", "a"),
        Until("a", "RUNNING"),
        call("stopAllProcesses"),
        call("getIdentification"),
        call("readLog", 0, 5, label="the log"),
        call("sendRemoteCommEvent", "a", "b"),
        call("system.listMethods"),
    ),
    "plugin: a factory that raises": _factory("mine:broken"),
    "plugin: a factory that is not there": _factory("mine:nothing", stderr="conf-first-error"),
    "plugin: a module that is not there": _factory("nothing:nothing", stderr="conf-first-error"),
    "plugin: a factory that cannot be called": _factory("mine:TEXT"),
    "plugin: a factory that is not there any more": _case(
        PLUGIN,
        Write("s.conf", HEAD + "[rpcinterface:mine]\nsupervisor.rpcinterface_factory=mine:gone\n"),
        call("reloadConfig"),
        call("mine.echo", 1),
    ),
}
