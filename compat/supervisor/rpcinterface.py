"""The methods of `supervisor.*` as an object, for plugins of the daemon that call them or add their own.

The object that a factory of ``[rpcinterface:x]`` gets has a method `call`, with the name of a method and its
arguments, and all of these are it. One that has to wait returns a function; call that until it gives something else
than `supervisor.http.NOT_DONE_YET`.
"""

from typing import Any

from supervisor import _missing
from supervisor.http import NOT_DONE_YET
from supervisor.options import VERSION, make_namespec, split_namespec
from supervisor.states import (
    RUNNING_STATES,
    SIGNALLABLE_STATES,
    STOPPED_STATES,
    ProcessStates,
    SupervisorStates,
    getProcessStateDescription,
    getSupervisorStateDescription,
)
from supervisor.xmlrpc import Faults, RPCError, capped_int

__getattr__ = _missing.names_of(__name__)

API_VERSION = "3.0"


class SupervisorNamespaceRPCInterface:
    """Every method of `supervisor.*`; what each does is said by ``supervisorctl`` and `system.methodHelp`."""

    def __init__(self, supervisord: Any) -> None:
        self.supervisord = supervisord

    def _update(self, text: str) -> None:
        if self.supervisord.options.mood < SupervisorStates.RUNNING:
            raise RPCError(Faults.SHUTDOWN_STATE)

    def _call(self, name: str, *params: Any) -> Any:
        return self.supervisord.call(f"supervisor.{name}", *params)

    def getAPIVersion(self) -> Any:
        return self._call("getAPIVersion")

    def getSupervisorVersion(self) -> Any:
        return self._call("getSupervisorVersion")

    def getIdentification(self) -> Any:
        return self._call("getIdentification")

    def getState(self) -> Any:
        return self._call("getState")

    def getPID(self) -> Any:
        return self._call("getPID")

    def readLog(self, offset: int, length: int) -> Any:
        return self._call("readLog", offset, length)

    def clearLog(self) -> Any:
        return self._call("clearLog")

    def shutdown(self) -> Any:
        return self._call("shutdown")

    def restart(self) -> Any:
        return self._call("restart")

    def reloadConfig(self) -> Any:
        return self._call("reloadConfig")

    def addProcessGroup(self, name: str) -> Any:
        return self._call("addProcessGroup", name)

    def removeProcessGroup(self, name: str) -> Any:
        return self._call("removeProcessGroup", name)

    def startProcess(self, name: str, wait: bool = True) -> Any:
        return self._call("startProcess", name, wait)

    def startProcessGroup(self, name: str, wait: bool = True) -> Any:
        return self._call("startProcessGroup", name, wait)

    def startAllProcesses(self, wait: bool = True) -> Any:
        return self._call("startAllProcesses", wait)

    def stopProcess(self, name: str, wait: bool = True) -> Any:
        return self._call("stopProcess", name, wait)

    def stopProcessGroup(self, name: str, wait: bool = True) -> Any:
        return self._call("stopProcessGroup", name, wait)

    def stopAllProcesses(self, wait: bool = True) -> Any:
        return self._call("stopAllProcesses", wait)

    def signalProcess(self, name: str, signal: str | int) -> Any:
        return self._call("signalProcess", name, signal)

    def signalProcessGroup(self, name: str, signal: str | int) -> Any:
        return self._call("signalProcessGroup", name, signal)

    def signalAllProcesses(self, signal: str | int) -> Any:
        return self._call("signalAllProcesses", signal)

    def getAllConfigInfo(self) -> Any:
        return self._call("getAllConfigInfo")

    def getProcessInfo(self, name: str) -> Any:
        return self._call("getProcessInfo", name)

    def getAllProcessInfo(self) -> Any:
        return self._call("getAllProcessInfo")

    def readProcessStdoutLog(self, name: str, offset: int, length: int) -> Any:
        return self._call("readProcessStdoutLog", name, offset, length)

    def readProcessStderrLog(self, name: str, offset: int, length: int) -> Any:
        return self._call("readProcessStderrLog", name, offset, length)

    def tailProcessStdoutLog(self, name: str, offset: int, length: int) -> Any:
        return self._call("tailProcessStdoutLog", name, offset, length)

    def tailProcessStderrLog(self, name: str, offset: int, length: int) -> Any:
        return self._call("tailProcessStderrLog", name, offset, length)

    def clearProcessLogs(self, name: str) -> Any:
        return self._call("clearProcessLogs", name)

    def clearAllProcessLogs(self) -> Any:
        return self._call("clearAllProcessLogs")

    def sendProcessStdin(self, name: str, chars: str | bytes) -> Any:
        return self._call("sendProcessStdin", name, chars)

    def sendRemoteCommEvent(self, type: str, data: str) -> Any:
        return self._call("sendRemoteCommEvent", type, data)

    # as they were called before 3.0
    getVersion = getAPIVersion
    readMainLog = readLog
    readProcessLog = readProcessStdoutLog
    tailProcessLog = tailProcessStdoutLog
    clearProcessLog = clearProcessLogs


def isRunning(process: Any) -> bool:
    """Whether a process is in one of RUNNING_STATES."""
    return process.get_state() in RUNNING_STATES


def isNotRunning(process: Any) -> bool:
    """Whether it is not."""
    return not isRunning(process)


def isSignallable(process: Any) -> bool:
    """Whether there is a process to signal."""
    return process.get_state() in SIGNALLABLE_STATES


def make_main_rpcinterface(supervisord: Any) -> SupervisorNamespaceRPCInterface:
    """The factory that every configuration names. minisup knows it by this name and never imports it."""
    return SupervisorNamespaceRPCInterface(supervisord)
