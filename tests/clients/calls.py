"""Stories of libraries and programs that call over XML-RPC."""

import json
import xmlrpc.client

import pytest

from .commands import TCP
from .room import Room, Story

PROGRAMS = """
[program:cat]
command=/bin/cat
startsecs=0
[program:one]
command=/bin/sleep 600
startsecs=0
[program:two]
command=/bin/sleep 600
startsecs=0
autostart=false
[group:pair]
programs=one,two
"""


def xmlrpc_client(room: Room) -> None:
    """Python's own client over TCP, with a password in the address."""
    room.up(TCP + PROGRAMS)
    with xmlrpc.client.ServerProxy(room.fill("http://user:pass@127.0.0.1:@PORT@/RPC2")) as server:
        assert server.supervisor.getState() == {"statecode": 1, "statename": "RUNNING"}
        assert server.supervisor.getVersion() == server.supervisor.getAPIVersion() == "3.0"
        room.reaches("pair:one", "RUNNING")
        states = {info["name"]: info["statename"] for info in server.supervisor.getAllProcessInfo()}
        assert states == {"cat": "RUNNING", "one": "RUNNING", "two": "STOPPED"}
        calls = [
            ("stopProcessGroup", ["pair"]),
            ("startProcess", ["pair:two", 1]),  # as web front ends do: a number for a boolean
            ("sendProcessStdin", ["cat", "näh\n"]),
            ("startProcess", ["nobody"]),
        ]
        # Not by MultiCall: supervisord does not wrap each answer in a list, and MultiCall refuses what is not wrapped.
        stopped, started, sent, fault = server.system.multicall(
            [{"methodName": f"supervisor.{name}", "params": words} for name, words in calls]
        )
        assert started is sent is True
        assert [(row["name"], row["status"], row["description"]) for row in stopped] == [("one", 80, "OK")]
        assert fault == {"faultCode": 10, "faultString": "BAD_NAME: nobody"}
        room.until(lambda: server.supervisor.tailProcessStdoutLog("cat", 0, 100)[0] == "näh\n", "what cat says")
        with pytest.raises(xmlrpc.client.Fault) as bad:
            server.supervisor.startProcess("nobody")
        assert (bad.value.faultCode, bad.value.faultString) == (10, "BAD_NAME: nobody")
        assert "supervisor.getAllProcessInfo" in server.system.listMethods()
    for who in ("", "user:wrong@"):
        with (
            xmlrpc.client.ServerProxy(room.fill(f"http://{who}127.0.0.1:@PORT@/RPC2")) as server,
            pytest.raises(xmlrpc.client.ProtocolError) as refused,
        ):
            server.supervisor.getState()
        assert (refused.value.errcode, refused.value.errmsg) == (401, "Unauthorized")


_NODE = """\
const client = require('supervisord').connect(process.argv[1]);
const calls = JSON.parse(process.argv[2]);
const answers = [];
function next() {
    if (!calls.length) { console.log(JSON.stringify(answers)); return; }
    const [name, ...words] = calls.shift();
    client[name](...words, (error, value) => {
        answers.push(error ? [error.faultCode ?? error.message, error.faultString] : value);
        next();
    });
}
next();
"""


def npm_supervisord(room: Room) -> None:
    """npm's client, over both kinds of sockets; it still uses names of methods from before supervisor 3."""
    room.up(TCP + PROGRAMS)
    room.reaches("pair:one", "RUNNING")

    def node(server: str, *calls: list[object]) -> list[object]:
        done = room.run("node", "-e", _NODE, server, json.dumps(calls), env={"NODE_PATH": "@CLIENTS@/node_modules"})
        assert not done.status, done.err
        answers: list[object] = json.loads(done.out)
        return answers

    unix, tcp = "unix://@DIR@/s.sock", "http://user:pass@127.0.0.1:@PORT@"
    version, state, rows, started, again, sent = node(
        tcp,
        *(["getVersion"], ["getState"], ["getAllProcessInfo"]),
        *(["startProcess", "pair:two"], ["startProcess", "pair:two"], ["sendProcessStdin", "cat", "hello\n"]),
    )
    assert (version, state) == ("3.0", {"statecode": 1, "statename": "RUNNING"})
    assert isinstance(rows, list)
    assert [row["name"] for row in rows] == ["cat", "one", "two"]
    assert (started, again, sent) == (True, [60, "ALREADY_STARTED: pair:two"], True)
    room.until(lambda: room.call("supervisor.tailProcessStdoutLog", "cat", 0, 100)[0] == "hello\n", "what cat says")
    tail, read, cleared, both, signalled, main = node(
        unix,
        *(["tailProcessLog", "cat", 0, 4], ["readProcessLog", "cat", 0, 5], ["clearProcessLog", "cat"]),
        ["multicall", [{"methodName": f"supervisor.{name}", "params": []} for name in ("getPID", "getIdentification")]],
        *(["signalProcessGroup", "pair", "CONT"], ["readMainLog", 0, 0]),
    )
    assert (tail, read, cleared) == (["llo\n", 6, True], "hello", True)
    assert both == [room.call("supervisor.getPID"), "supervisor"]
    assert isinstance(signalled, list)
    assert [row["description"] for row in signalled] == ["OK", "OK"]
    assert "spawned: 'cat'" in str(main)


_DATADOG = """\
import json, sys, xmlrpc.client
from supervisor.xmlrpc import SupervisorTransport

url, user, password = sys.argv[1:]
server = xmlrpc.client.ServerProxy("http://127.0.0.1", SupervisorTransport(user or None, password or None, url))
print(json.dumps([server.supervisor.getSupervisorVersion(), server.supervisor.getAllProcessInfo()]))
"""


def supervisor_transport(room: Room) -> None:
    """As the checks of monitoring agents ask: with the transport of supervisor's package, over both sockets."""
    room.up(TCP + PROGRAMS)
    one = room.reaches("pair:one", "RUNNING")
    for url, *who in (("unix://@DIR@/s.sock", "", ""), ("http://127.0.0.1:@PORT@", "user", "pass")):
        done = room.run("@CLIENTS@/bin/python", "-c", _DATADOG, url, *who)
        assert not done.status, done.err
        version, rows = json.loads(done.out)
        assert version == "4.3.0"
        assert [row["name"] for row in rows] == ["cat", "one", "two"]
        assert {**rows[1], "now": 0, "description": ""} == {**one, "now": 0, "description": ""}
        assert [type(rows[1][key]) for key in ("start", "stop", "now", "state", "exitstatus", "pid")] == [int] * 6


def http_client(room: Room) -> None:
    """As scripts do that want no package: `ServerProxy` over a bare http.client on the unix socket."""
    script = """\
import http.client, json, socket, sys, xmlrpc.client

class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(sys.argv[1])

class Transport(xmlrpc.client.Transport):
    def make_connection(self, host):
        return Connection(host)

with xmlrpc.client.ServerProxy("http://localhost", transport=Transport()) as server:
    names = [info["group"] + ":" + info["name"] for info in server.supervisor.getAllProcessInfo()]
    print(json.dumps([names, server.supervisor.stopProcess(names[0]), server.supervisor.startProcess(names[0])]))
"""
    room.up(PROGRAMS)
    room.reaches("cat", "RUNNING")
    done = room.run("@CLIENTS@/bin/python", "-c", script, "@DIR@/s.sock")
    assert not done.status, done.err
    assert json.loads(done.out) == [["cat:cat", "pair:one", "pair:two"], True, True]


def _plugin(room: Room, name: str) -> str:
    """The section of a plugin that the daemon itself imports."""
    package = f"supervisor_{name}"
    room.plugins(package)
    factory = f"{package}.rpcinterface:make_{name}_rpcinterface"
    return f"[rpcinterface:{name}]\nsupervisor.rpcinterface_factory={factory}\n"


def supervisor_cache(room: Room) -> None:
    """A plugin of the daemon that keeps what clients give it."""
    room.up(_plugin(room, "cache"), env={"PYTHONPATH": "@DIR@/plugins"})
    assert room.call("cache.getAPIVersion") == "0.2"
    assert [room.call("cache.store", key, "one") for key in "ba"] == [True, True]
    assert (room.call("cache.getKeys"), room.call("cache.getCount"), room.call("cache.fetch", "a")) == (
        ["a", "b"],
        2,
        "one",
    )
    assert room.call("cache.delete", "a") and room.call("cache.clear")
    for params, fault in (
        (("a",), "BAD_NAME"),
        ((), "INCORRECT_PARAMETERS"),
        (("",), "BAD_NAME: Cache key must be .*"),
    ):
        with pytest.raises(xmlrpc.client.Fault, match=fault):
            room.call("cache.fetch", *params)
    assert room.call("system.methodSignature", "cache.store") == ["boolean", "string", "string"]
    assert "cache.store" in room.call("system.listMethods")


def supervisor_twiddler(room: Room) -> None:
    """A plugin of the daemon that adds programs to groups, and takes processes out of them."""
    room.up(_plugin(room, "twiddler") + PROGRAMS, env={"PYTHONPATH": "@DIR@/plugins"})
    assert sorted(room.call("twiddler.getGroupNames")) == ["cat", "pair"]
    options = {"command": "/bin/sleep 600", "numprocs": "2", "process_name": "new%(process_num)d", "startsecs": "0"}
    assert room.call("twiddler.addProgramToGroup", "pair", "new", options)
    room.reaches("pair:new0", "RUNNING")
    room.reaches("pair:new1", "RUNNING")
    for group, more, fault in (
        ("pair", {}, "INCORRECT_PARAMETERS: program section program:new does not specify a command"),
        ("pair", options, "BAD_NAME: new0"),
        ("none", options, "BAD_NAME: group: none"),
    ):
        with pytest.raises(xmlrpc.client.Fault, match=fault):
            room.call("twiddler.addProgramToGroup", group, "new", more)
    with pytest.raises(xmlrpc.client.Fault, match="STILL_RUNNING: new0"):
        room.call("twiddler.removeProcessFromGroup", "pair", "new0")
    room.call("supervisor.stopProcess", "pair:new0")
    assert room.call("twiddler.removeProcessFromGroup", "pair", "new0")
    assert "new0" not in [info["name"] for info in room.call("supervisor.getAllProcessInfo")]
    assert room.call("supervisor.reloadConfig") == [[[], ["pair"], []]]
    assert room.call("twiddler.log", "a line", "WARN")
    assert "WARN a line" in room.read("supervisord.log")


STORIES: list[Story] = [
    *(xmlrpc_client, npm_supervisord, supervisor_transport, http_client),
    *(supervisor_cache, supervisor_twiddler),
]
