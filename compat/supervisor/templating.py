"""Not served: see `supervisor._missing`."""

from supervisor._missing import refuse

refuse(__name__)
