"""What is imported from here and belongs elsewhere; the processes themselves are not served."""

from supervisor import _missing
from supervisor.options import BadCommand, ProcessException, decode_wait_status, signame
from supervisor.states import (
    STOPPED_STATES,
    EventListenerStates,
    ProcessStates,
    SupervisorStates,
    getProcessStateDescription,
)

__getattr__ = _missing.names_of(__name__)
