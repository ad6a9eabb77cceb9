"""Run by the Python of the real supervisor and by that of minisup-compat: what the package `supervisor` does, in lines.

Usage: compat_probe.py FOLDER. Both must print the same.
"""

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

FOLDER = Path(sys.argv[1])


def show(label, function, *args, **kwargs):
    """One line: what a call gives, or raises."""
    try:
        found = repr(function(*args, **kwargs))
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    print(label, args, kwargs or "", "->", found)


def of_states():
    from supervisor import states

    for name in ("ProcessStates", "SupervisorStates", "EventListenerStates"):
        print(name, sorted((k, v, type(v)) for k, v in vars(getattr(states, name)).items() if k.isupper()))
    print(states.STOPPED_STATES, states.RUNNING_STATES, states.SIGNALLABLE_STATES)
    for code in (*range(-2, 50, 1), 100, 200, 1000, None):
        show("process", states.getProcessStateDescription, code)
        show("supervisor", states.getSupervisorStateDescription, code)
        show("listener", states.getEventListenerStateDescription, code)


VALUES = {
    "auto_restart": ["true", "FALSE", "unexpected", "Unexpected", "never", "1"],
    "boolean": ["yes", "NO", "on", "off", "1", "0", "maybe", "", True, 0],
    "byte_size": ["1", "2kb", "3MB", "1gb", "4 kb", "x", "", "1tb"],
    "colon_separated_user_group": ["root", "root:root", "0:0", "nobody-here", "root:nobody-here", ""],
    "dict_of_key_value_pairs": ["A=1", "A='1,2',B=\"x y\"", "", "A", "A=1,B", "A=%(x)s"],
    "existing_directory": ["/", "/tmp", "/nowhere", "~root"],
    "existing_dirpath": ["/tmp/x", "x", "/nowhere/x", ""],
    "gid_for_uid": [0],
    "inet_address": ["9001", "*:9001", "Host:80", ":80", "host:", "x", "0", "65536", "host:x"],
    "integer": ["1", " 2 ", "-3", "1_000", "x", "", 4, 4.5],
    "list_of_exitcodes": ["0,2", "", "256", "x", "1, 2", None],
    "list_of_ints": ["1,2", "", "x", None],
    "list_of_strings": ["a, b ,c", "", None, ","],
    "logfile_name": ["/tmp/a", "NONE", "off", "AUTO", "Syslog", "", None, "/nowhere/a"],
    "logging_level": ["info", "WARN", "blather", "loud"],
    "name_to_gid": ["root", "0", "nobody-here", "4000000"],
    "name_to_uid": ["root", "0", "nobody-here", "4000000"],
    "octal_type": ["022", "777", "9", "", "x"],
    "port_number": ["1", "0", "65535", "65536", "x"],
    "process_or_group_name": ["a", " a ", "a b", "a:b", "a/b", 3],
    "profile_options": ["cumulative,callers", "calls", ""],
    "url": ["http://a", "unix:///a", "a", "http:", "//a"],
}


def of_datatypes():
    from supervisor import datatypes

    for name, values in VALUES.items():
        for value in values:
            show(name, getattr(datatypes, name), value)
    for value in ("TERM", "sigterm", "15", 15, "0", "x", "99", " hup "):
        show("signal_number", lambda text: int(datatypes.signal_number(text)), value)
    times = datatypes.SuffixMultiplier({"s": 1, "m": 60, "h": 3600}, 5)
    for value in ("1s", "2M", "3h", "4", "x", "s"):
        show("SuffixMultiplier", times, value)
    even = datatypes.RangeCheckedConversion(datatypes.integer, min=2, max=4)
    for value in ("1", "2", "4", "5", "x"):
        show("RangeCheckedConversion", even, value)
    for text in ("/tmp/s", "host:80", "9001", "host:x"):
        show("SocketAddress", lambda text: vars(datatypes.SocketAddress(text)), text)
    print(datatypes.TRUTHY_STRINGS, datatypes.FALSY_STRINGS, datatypes.LOGFILE_AUTOS, datatypes.LOGFILE_SYSLOGS)


def of_events():
    from supervisor import events

    print(sorted(name for name in vars(events.EventTypes) if name.isupper()))
    for name in sorted(vars(events.EventTypes)):
        if name.isupper():
            kind = getattr(events.EventTypes, name)
            ancestors = [
                of for of, value in vars(events.EventTypes).items() if of.isupper() and issubclass(kind, value)
            ]
            print(name, kind.__name__, events.getEventNameByType(kind), sorted(ancestors))
    group = SimpleNamespace(config=SimpleNamespace(name="crew"))
    process = SimpleNamespace(config=SimpleNamespace(name="cat"), group=group, pid=42, backoff=3)
    alone = SimpleNamespace(config=SimpleNamespace(name="cat"), group=None, pid=0, backoff=0)
    for who in (process, alone):
        for name in sorted(vars(events)):
            kind = getattr(events, name)
            if not isinstance(kind, type) or not name.endswith("Event") or name.startswith("_"):
                continue
            if issubclass(kind, events.ProcessStateEvent):
                show(name, kind(who, 10).payload)
                show(name, kind(who, 20, expected=False).payload)
            elif name.endswith(("StdoutEvent", "StderrEvent")):
                show(name, kind(who, 7, "lätta\n".encode()).payload)
                show(name, kind(who, 7, b"\xff").payload)
                print(kind.channel)
    show("remote", events.RemoteCommunicationEvent("a", "b\nc").payload)
    show("group", events.ProcessGroupAddedEvent("crew").payload)
    show("tick", events.Tick60Event(60, None).payload)
    print([tick.period for tick in events.TICK_EVENTS], events.SupervisorRunningEvent().payload())
    print(events.ProcessCommunicationEvent.BEGIN_TOKEN, events.ProcessCommunicationEvent.END_TOKEN)

    class Mine(events.Event):
        def payload(self):
            return "mine"

    seen = []

    def first(event):
        seen.append(("first", event.payload()))

    def second(event):
        seen.append(("second", event.payload()))

    events.register("MINE", Mine)
    print(events.EventTypes.MINE is Mine, events.getEventNameByType(Mine), events.getEventNameByType(int))
    events.subscribe(events.Event, first)
    events.subscribe(Mine, second)
    events.notify(Mine())
    events.notify(events.SupervisorRunningEvent())
    events.unsubscribe(events.Event, first)
    show("unsubscribe", lambda: events.unsubscribe(events.Event, first))
    events.notify(Mine())
    events.clear()
    events.notify(Mine())
    print(seen, events.callbacks)


def of_childutils():
    from supervisor import childutils

    os.environ["TZ"] = "UTC"
    for now in (0, 1714564800.25, 1714564800.9999):
        show("get_asctime", childutils.get_asctime, now)
    for line in ("a:1 b:2\n", "", "a", "a:b:c"):
        show("get_headers", childutils.get_headers, line)
    for payload in ("a:1\ndata\nmore", "a:1", "a:1\n"):
        show("eventdata", childutils.eventdata, payload)
    out = io.StringIO()
    stdin = io.StringIO("ver:3.0 len:4\nlät\nver:3.0 len:0\n")
    for _ in range(3):
        show("wait", lambda: childutils.listener.wait(stdin, out))
    childutils.listener.ready(out)
    childutils.listener.ok(out)
    childutils.listener.fail(out)
    childutils.listener.send("more", out)
    print(repr(out.getvalue()))
    raw = io.BytesIO()
    childutils.pcomm.send(b"data", raw)
    print(raw.getvalue())
    show("transport", childutils.getRPCTransport, {})
    show("transport", childutils.getRPCTransport, {"SUPERVISOR_SERVER_URL": "ftp://x"})
    found = childutils.getRPCTransport({"SUPERVISOR_SERVER_URL": "unix:///a"})
    print(found.username, found.password, found.serverurl, found.connection, found.verbose)
    print(repr(childutils.getRPCInterface({"SUPERVISOR_SERVER_URL": "unix:///a"})))


def of_xmlrpc():
    from supervisor import http, rpcinterface, xmlrpc
    from supervisor.dispatchers import PEventListenerDispatcher, RejectEvent, default_handler, stripEscapes

    for code in range(100):
        show("fault", xmlrpc.getFaultDescription, code)
    for error in (xmlrpc.RPCError(10), xmlrpc.RPCError(10, "x"), xmlrpc.RPCError(3000, 5)):
        print(error, error.code, error.text)
    for value in (1, "2", 1 << 40, -(1 << 40), 1.9):
        show("capped_int", xmlrpc.capped_int, value)
    show("make_datetime", xmlrpc.make_datetime, "20240501T12:30:00")
    for value in (1, "x", ("a",), [1, {"a": True}], xmlrpc.xmlrpclib.Fault(1, "no")):
        print(xmlrpc.xmlrpc_marshal(value))
    print(isinstance(http.NOT_DONE_YET, type), xmlrpc.NOT_DONE_YET is http.NOT_DONE_YET, rpcinterface.API_VERSION)
    for response in (b"OK", b"FAIL", b"OK\n", b""):
        show("default_handler", default_handler, None, response)
    print(
        RejectEvent.__mro__[1:],
        PEventListenerDispatcher.READY_FOR_EVENTS_TOKEN,
        PEventListenerDispatcher.RESULT_TOKEN_START,
    )
    for text in (b"plain", b"\x1b[1mbold\x1b[0m", b"\x1b[31;1mred", b"a\x1b[2Kb"):
        show("stripEscapes", stripEscapes, text)
    running = SimpleNamespace(get_state=lambda: 20)
    stopped = SimpleNamespace(get_state=lambda: 0)
    for process in (running, stopped):
        print(
            rpcinterface.isRunning(process),
            rpcinterface.isNotRunning(process),
            bool(rpcinterface.isSignallable(process)),
        )


CONFIGURATION = """\
[supervisord]
logfile=%(here)s/main.log
pidfile=%(here)s/pid
identifier=probe
loglevel=debug
minfds=100
environment=A="1"

[unix_http_server]
file=%(here)s/s
chmod=0770

[inet_http_server]
port=*:9001
username=user
password=123

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://%(here)s/s
prompt=probe
username=user

[program:cat]
command=/bin/cat ; all day
numprocs=2
process_name=%(program_name)s_%(process_num)d
autorestart=true
exitcodes=0,2
stopsignal=HUP
umask=027
user=root
environment=B="2"
stdout_logfile=%(here)s/cat.log
stderr_logfile=NONE
stdout_capture_maxbytes=1KB

[group:crew]
programs=cat
priority=5

[eventlistener:ear]
command=/bin/cat
events=TICK_5,EVENT
buffer_size=7
"""


def of_options():
    from supervisor import options

    print(options.VERSION, (Path(options.__file__).parent / "version.txt").read_text().strip())
    for pair in (("a", "a"), ("g", "p")):
        show("make_namespec", options.make_namespec, *pair)
    for name in ("a", "g:p", "g:*", "g:", ":p", "a:b:c", ""):
        show("split_namespec", options.split_namespec, name)
    show("normalize_path", options.normalize_path, "~root/../a//b/")
    for text in ("a", "%(b)s", "%(c)s", "%", "%(b)d", "%%"):
        show("expand", options.expand, text, {"b": "x"}, "section.option")
    for status in (0, 256, 15, 139, 11, 0x137F, 65280):
        show("decode_wait_status", options.decode_wait_status, status)
    for number in (15, 6, 17, 29, 34, 64, 99):
        show("signame", options.signame, number)
    log = FOLDER / "log"
    log.write_bytes(b"0123456789")
    for pair in ((0, 0), (3, 4), (-4, 0), (-4, 2), (0, -1), (-20, 0), (5, 100)):
        show("readFile", options.readFile, str(log), *pair)
        show("tailFile", options.tailFile, str(log), *pair)
    show("readFile", options.readFile, str(FOLDER / "nowhere"), 0, 0)
    show("tailFile", options.tailFile, str(FOLDER / "nowhere"), 0, 0)
    for name in ("BadCommand", "NotExecutable", "NotFound", "NoPermission", "ProcessException"):
        print([kind.__name__ for kind in getattr(options, name).__mro__])

    path = FOLDER / "supervisord.conf"
    path.write_text(CONFIGURATION)
    parser = options.UnhosedConfigParser()
    print(parser.mysection, parser.read(str(path)), parser.read([str(FOLDER / "nowhere")]))
    print(sorted(parser.section_to_file.items()), parser.items("program:cat"))
    parser.expansions = {"here": "H"}
    show("saneget", parser.saneget, "supervisord", "logfile")
    show("saneget", parser.saneget, "supervisord", "logfile", do_expand=False)
    show("saneget", parser.saneget, "supervisord", "logfile", expansions={"here": "X"})
    show("saneget", parser.saneget, "supervisord", "nothing")
    show("saneget", parser.saneget, "supervisord", "nothing", "%(here)s")
    show("saneget", parser.saneget, "supervisord", "nothing", None)
    show("saneget", parser.saneget, "program:cat", "process_name")
    show("saneget", parser.saneget, "nowhere", "x", 1)
    show("getdefault", parser.getdefault, "identifier")
    show("getdefault", parser.getdefault, "nothing", default=3)
    parser.expand_here("/there")
    print(parser.get("supervisord", "logfile"))
    again = options.UnhosedConfigParser()
    again.read_string("[a]\nb=1 ;c\nb=2 #d\n[a]\ne: f;g\n")
    print(again.items("a"))


NAMES = (
    *(
        "autorestart",
        "autostart",
        "command",
        "directory",
        "environment",
        "exitcodes",
        "killasgroup",
        "name",
        "priority",
    ),
    *("redirect_stderr", "serverurl", "startretries", "startsecs", "stopasgroup", "stopwaitsecs", "uid", "umask"),
    *(f"stdout_{name}" for name in ("logfile", "logfile_maxbytes", "logfile_backups", "capture_maxbytes")),
    *(f"stderr_{name}" for name in ("logfile", "logfile_maxbytes", "logfile_backups", "events_enabled", "syslog")),
)


def of_server_options():
    from supervisor.options import ClientOptions, ServerOptions

    path = str(FOLDER / "supervisord.conf")
    found = ServerOptions()
    found.realize(["-c", path, "-l", str(FOLDER / "other.log")])
    for name in (
        *("configfile", "here", "logfile", "logfile_maxbytes", "logfile_backups", "loglevel", "pidfile", "identifier"),
        *("minfds", "minprocs", "umask", "directory", "childlogdir", "serverurl", "mood"),
    ):
        print(name, getattr(found, name))
    print(bool(found.nodaemon), bool(found.silent), bool(found.nocleanup), bool(found.strip_ansi))
    for server in found.server_configs:
        print({name: server.get(name) for name in ("family", "file", "host", "port", "username", "password", "chmod")})
    for group in found.process_group_configs:
        print(group.name, group.priority, getattr(group, "buffer_size", None))
        for process in group.process_configs:
            print(int(process.stopsignal), [(name, getattr(process, name)) for name in NAMES])
    once_more = ServerOptions()
    once_more.configfile = path
    once_more.process_config(False)
    print([group.name for group in once_more.process_group_configs])
    once_more.configfile = str(FOLDER / "nowhere.conf")
    show("process_config", once_more.process_config, do_usage=False)
    Path(path).write_text("[supervisord]\n[program:x]\n")
    once_more.configfile = path
    show("process_config", once_more.process_config, do_usage=False)

    Path(path).write_text(CONFIGURATION)
    client = ClientOptions()
    client.realize(["-c", path, "status", "a"])
    print(client.serverurl, client.prompt, client.username, client.password, bool(client.interactive), client.args)
    print([name for name, _, _ in client.plugin_factories], client.configfile, client.here)
    print(repr(client.getServerProxy()))


def of_loggers():
    from supervisor import loggers

    print(sorted((k, v) for k, v in vars(loggers.LevelsByName).items() if k.isupper()), loggers.LOG_LEVELS_BY_NUM)
    for word in ("info", "warn", "critical", "blather", "loud"):
        show("level", loggers.getLevelNumByDescription, word)
    form = "%(levelname)s %(message)s\n"
    logger = loggers.getLogger(loggers.LevelsByName.DEBG)
    loggers.handle_boundIO(logger, form, maxbytes=100)
    path = FOLDER / "logger.log"
    loggers.handle_file(logger, str(path), form)
    turning = FOLDER / "turning.log"
    loggers.handle_file(logger, str(turning), form, rotating=True, maxbytes=30, backups=2)
    logger.info("one")
    logger.trace("unseen")
    logger.warn("two %(what)s", what="words")
    logger.critical("lätta")
    logger.debug("three")
    logger.error("four")
    print(path.read_text(), sorted(p.name for p in FOLDER.glob("turning.log*")), logger.getvalue())
    for handler in logger.handlers:
        handler.reopen()
    logger.info("again")
    for handler in logger.handlers:
        handler.remove()
    logger.close()
    print(sorted(p.name for p in FOLDER.glob("*.log*")))
    raw = loggers.getLogger()
    loggers.handle_stdout(raw, "%(message)s\n")
    raw.info("to stdout")
    print(raw.level, len(raw.handlers))


def of_compat():
    from supervisor import compat

    show("as_bytes", compat.as_bytes, "ä")
    show("as_bytes", compat.as_bytes, b"\xff")
    show("as_bytes", compat.as_bytes, "ä", "latin-1")
    show("as_string", compat.as_string, "ä".encode())
    show("as_string", compat.as_string, b"\xff")
    print(compat.is_text_stream(io.StringIO()), compat.is_text_stream(io.BytesIO()), compat.PY2, compat.maxint)
    print(compat.import_spec("os.path:join") is os.path.join)
    show("import_spec", compat.import_spec, "no_such_module:x")
    show("import_spec", compat.import_spec, "os:no_such_name")
    for name in ("xmlrpclib", "httplib", "urllib", "urlparse", "ConfigParser", "syslog", "thread", "htmlentitydefs"):
        print(name, getattr(compat, name).__name__)
    for name in ("StringIO", "Fault", "escape", "HTMLParser", "basestring", "long", "raw_input", "unichr"):
        print(name, getattr(compat, name).__name__)


os.chdir(FOLDER)
for part in (
    *(of_states, of_datatypes, of_events, of_childutils, of_xmlrpc, of_options, of_server_options, of_loggers),
    of_compat,
):
    print(f"--- {part.__name__}")
    part()
