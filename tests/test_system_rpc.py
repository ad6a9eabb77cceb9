"""`system.*`, and what the dispatcher does with calls that it does not like."""

import xmlrpc.client
from datetime import datetime
from typing import Any

import anyio
import pytest
from fake_port import FakePort

from minisup.control.rpc import METHODS, Method
from minisup.control.system_rpc import SHOWN, SYSTEM, Dispatcher
from minisup.errors import Fault, Faults
from minisup.states import ProcessStates, SupervisorStates

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
def dispatcher(port: FakePort) -> Dispatcher:
    return Dispatcher(port)


async def ask(dispatcher: Dispatcher, method: str, *params: Any) -> Any:
    """What a client of the standard library makes of the answer; the status where there is no document."""
    found = await dispatcher.answer(xmlrpc.client.dumps(params, method, allow_none=True).encode())
    if isinstance(found, int):
        return found
    try:
        (value,), _ = xmlrpc.client.loads(found)
    except xmlrpc.client.Fault as fault:
        return fault.faultCode, fault.faultString
    return value


ANSWERS: dict[str, tuple[str, tuple[Any, ...], Any]] = {
    "a result": ("supervisor.getIdentification", (), "wheel"),
    "no such method": ("supervisor.nope", (), (1, "UNKNOWN_METHOD")),
    "no such namespace": ("nope.getState", (), (1, "UNKNOWN_METHOD")),
    "no namespace": ("getState", (), (1, "UNKNOWN_METHOD")),
    "a path": ("supervisor.getState.__class__", (), (1, "UNKNOWN_METHOD")),
    "not for the public": ("supervisor._update", (), (1, "UNKNOWN_METHOD")),
    "an argument too many": ("supervisor.getState", (1,), (2, "INCORRECT_PARAMETERS")),
    "an argument too few": ("supervisor.getProcessInfo", (), (2, "INCORRECT_PARAMETERS")),
    "optional and too many": ("supervisor.startProcess", ("x", True, 1), (2, "INCORRECT_PARAMETERS")),
    "a fault": ("supervisor.getProcessInfo", ("nope",), (10, "BAD_NAME: nope")),
    "a type error": ("supervisor.readLog", (None, 0), (20, "NO_FILE")),
    "an unhashable name": ("supervisor.startProcessGroup", ([],), (2, "INCORRECT_PARAMETERS")),
    "a number where a name is due": ("supervisor.startProcess", (5,), 500),
    "help": ("system.methodHelp", ("supervisor.getPID",), "The process id of the daemon."),
    "help for the unknown": ("system.methodHelp", ("supervisor.nope",), (4, "SIGNATURE_UNSUPPORTED")),
    "help for no name": ("system.methodHelp", ([],), (4, "SIGNATURE_UNSUPPORTED")),
    "signature": ("system.methodSignature", ("supervisor.startProcess",), ["boolean", "string", "boolean"]),
    "signature of ours": ("system.methodSignature", ("system.multicall",), ["array", "array"]),
    "signature of the unknown": ("system.methodSignature", ("x",), (4, "SIGNATURE_UNSUPPORTED")),
    "multicall of nothing": ("system.multicall", ([],), []),
    "multicall of what is no list": ("system.multicall", (5,), (2, "INCORRECT_PARAMETERS")),
    "multicall of a struct": ("system.multicall", ({},), (2, "INCORRECT_PARAMETERS")),
    "multicall of what is no struct": ("system.multicall", (["x"],), 500),
    "multicall of a text": ("system.multicall", ("x",), 500),
    "multicall of an empty text": ("system.multicall", ("",), []),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_answers(dispatcher: Dispatcher, case: str) -> None:
    method, params, expected = ANSWERS[case]
    assert await ask(dispatcher, method, *params) == expected


# Verified on supervisord 4.3.0.
@pytest.mark.parametrize("signal", [[], {}, None, ["HUP"], datetime(2026, 1, 2)], ids=repr)
async def test_a_signal_of_a_wrong_type_is_an_error_of_the_server(
    port: FakePort, dispatcher: Dispatcher, signal: Any
) -> None:
    calls: dict[str, tuple[Any, ...]] = {
        "signalProcess": ("solo", signal),
        "signalProcessGroup": ("solo", signal),
        "signalAllProcesses": (signal,),
    }
    for method, params in calls.items():
        # The process is looked for first, and a signal for nobody is not looked at.
        expected: Any = 500 if method == "signalProcess" else []
        assert await ask(dispatcher, f"supervisor.{method}", *params) == expected
    port.process("solo", "solo")
    for method, params in calls.items():
        assert await ask(dispatcher, f"supervisor.{method}", *params) == 500
    assert await ask(dispatcher, "supervisor.signalProcess", "nope", signal) == (10, "BAD_NAME: nope")
    assert port.asked == []


async def test_all_methods_are_listed(dispatcher: Dispatcher) -> None:
    names = await ask(dispatcher, "system.listMethods")
    ours = {name for name in METHODS if name.startswith("minisup.")}
    assert names == sorted({*METHODS, *SYSTEM} - ours)
    assert (len(METHODS.keys() - ours), len(SYSTEM)) == (37, 4)


@pytest.mark.parametrize("name", [*METHODS, *SYSTEM])
async def test_signature_and_help_fit_the_method(dispatcher: Dispatcher, name: str) -> None:
    signature = await ask(dispatcher, "system.methodSignature", name)
    method = dispatcher.methods[name]
    assert method.takes(len(signature) - 1)
    assert not method.takes(len(signature))
    text = await ask(dispatcher, "system.methodHelp", name)
    assert text and text == text.strip() and "\n    " not in text


# --- while the daemon stops -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("mood", [SupervisorStates.SHUTDOWN, SupervisorStates.RESTARTING])
async def test_a_stopping_daemon_refuses_all_but_events(
    port: FakePort, dispatcher: Dispatcher, name: str, mood: int
) -> None:
    port.mood = mood
    params = ["x"] * (len(METHODS[name].signature.split()) - 1)
    answer = await ask(dispatcher, name, *params)
    if name == "supervisor.sendRemoteCommEvent":
        assert answer is True
    else:
        assert answer == (6, "SHUTDOWN_STATE")
        assert port.asked == []
    assert await ask(dispatcher, name, *params, "x", "x") == (2, "INCORRECT_PARAMETERS")


async def test_a_stopping_daemon_still_tells_of_its_methods(port: FakePort, dispatcher: Dispatcher) -> None:
    port.mood = SupervisorStates.SHUTDOWN
    assert len(await ask(dispatcher, "system.listMethods")) == 41
    calls = [{"methodName": "supervisor.getState", "params": []}]
    assert await ask(dispatcher, "system.multicall", calls) == [{"faultCode": 6, "faultString": "SHUTDOWN_STATE"}]


# --- multicall ------------------------------------------------------------------------------------------------------

MEMBERS: dict[str, tuple[dict[str, Any], Any]] = {
    "bare": ({"methodName": "supervisor.getAPIVersion", "params": []}, "3.0"),
    "without params": ({"methodName": "supervisor.getAPIVersion"}, "3.0"),
    "a fault": (
        {"methodName": "supervisor.getProcessInfo", "params": ["x"]},
        {"faultCode": 10, "faultString": "BAD_NAME: x"},
    ),
    "no name": ({"params": []}, {"faultCode": 2, "faultString": "INCORRECT_PARAMETERS: No methodName"}),
    "unknown": ({"methodName": "x", "params": []}, {"faultCode": 1, "faultString": "UNKNOWN_METHOD"}),
    "wrong params": (
        {"methodName": "supervisor.getState", "params": 5},
        {"faultCode": 2, "faultString": "INCORRECT_PARAMETERS"},
    ),
    "params that are nil": (
        {"methodName": "supervisor.getState", "params": None},
        {"faultCode": 2, "faultString": "INCORRECT_PARAMETERS"},
    ),
    "params that are an empty struct": ({"methodName": "supervisor.getAPIVersion", "params": {}}, "3.0"),
    "params that are a struct": (
        {"methodName": "supervisor.getProcessInfo", "params": {"x": 5}},
        {"faultCode": 10, "faultString": "BAD_NAME: x"},
    ),
    "params that are a text": (
        {"methodName": "supervisor.getProcessInfo", "params": "x"},
        {"faultCode": 10, "faultString": "BAD_NAME: x"},
    ),
    "unknown, with wrong params": (
        {"methodName": "x.y", "params": 5},
        {"faultCode": 1, "faultString": "UNKNOWN_METHOD"},
    ),
    "a path": ({"methodName": "supervisor.a.b"}, {"faultCode": 1, "faultString": "UNKNOWN_METHOD"}),
    "a number for a name": (
        {"methodName": 5},
        {"faultCode": 30, "faultString": "FAILED: <class 'AttributeError'>:'int' object has no attribute 'split'"},
    ),
    "a list for a name": (
        {"methodName": []},
        {"faultCode": 30, "faultString": "FAILED: <class 'AttributeError'>:'list' object has no attribute 'split'"},
    ),
    "recursion": (
        {"methodName": "system.multicall", "params": [[]]},
        {"faultCode": 2, "faultString": "INCORRECT_PARAMETERS: Recursive system.multicall forbidden"},
    ),
    "an exception": (
        {"methodName": "supervisor.getProcessInfo", "params": [5]},
        {
            "faultCode": 30,
            "faultString": "FAILED: <class 'AttributeError'>:'int' object has no attribute 'partition'",
        },
    ),
}


async def test_a_multicall_answers_each_member(dispatcher: Dispatcher) -> None:
    answers = await ask(dispatcher, "system.multicall", [call for call, _ in MEMBERS.values()])
    assert dict(zip(MEMBERS, answers, strict=True)) == {case: expected for case, (_, expected) in MEMBERS.items()}


async def test_members_wait_for_each_other(port: FakePort, dispatcher: Dispatcher) -> None:
    port.gate, port.waiting = anyio.Event(), anyio.Event()
    port.process("solo", "solo")
    calls = [{"methodName": f"supervisor.{verb}Process", "params": ["solo"]} for verb in ("stop", "start")]
    answers: list[Any] = []

    async def client() -> None:
        answers.extend(await ask(dispatcher, "system.multicall", calls))

    async with anyio.create_task_group() as group:
        group.start_soon(client)
        await port.waiting.wait()
        assert [what[0] for what in port.asked] == ["stop"]
        port.gate.set()
    assert answers == [True, True]
    assert [what[0] for what in port.asked] == ["stop", "start"]


# --- what is logged -------------------------------------------------------------------------------------------------


async def test_a_body_that_is_no_call_is_logged(port: FakePort, dispatcher: Dispatcher) -> None:
    assert await dispatcher.answer(b"hello") == 400
    assert await dispatcher.answer(b"<a/>") == 400
    assert await dispatcher.answer(b"x" * (SHOWN + 1)) == 400
    assert port.lines[:2] == [
        ("error", "XML-RPC request data 'hello' is invalid: unmarshallable"),
        ("error", "XML-RPC request data '<a/>' is invalid: no method name"),
    ]
    assert len(port.lines[2][1]) < SHOWN + 100


async def test_an_exception_is_logged_with_its_traceback(port: FakePort, dispatcher: Dispatcher) -> None:
    assert await ask(dispatcher, "supervisor.startProcess", 5) == 500
    [(level, text)] = port.lines
    assert level == "critical"
    assert text.startswith("Handling XML-RPC request with data ")
    assert '</methodCall>\\n" raised an unexpected exception: Traceback' in text


async def test_type_errors_are_named_in_the_log(port: FakePort, dispatcher: Dispatcher) -> None:
    await ask(dispatcher, "supervisor.startProcessGroup", [])
    [(level, text)] = port.lines
    assert (level, "unhashable" in text) == ("debug", True)


async def test_a_verbose_dispatcher_narrates(port: FakePort) -> None:
    dispatcher = Dispatcher(port, verbose=True)
    await ask(dispatcher, "supervisor.getState")
    await ask(dispatcher, "supervisor.getProcessInfo", "x")
    assert port.lines == [
        ("trace", "XML-RPC method called: supervisor.getState()"),
        ("trace", "XML-RPC method supervisor.getState() returned successfully"),
        ("trace", "XML-RPC method called: supervisor.getProcessInfo()"),
        ("trace", "XML-RPC method supervisor.getProcessInfo() returned fault: [10] BAD_NAME: x"),
    ]


async def test_a_result_that_is_none_is_an_error_of_ours(port: FakePort) -> None:
    dispatcher = Dispatcher(port, methods={"x.y": Method(lambda port: None, "array")})
    assert await ask(dispatcher, "x.y") == 500


async def test_faults_of_the_port_pass(port: FakePort, dispatcher: Dispatcher) -> None:
    port.process("solo", "solo", ProcessStates.STOPPED)
    port.faults[("solo", "solo")] = Fault(Faults.SPAWN_ERROR, "solo")
    assert await ask(dispatcher, "supervisor.startProcess", "solo") == (50, "SPAWN_ERROR: solo")
