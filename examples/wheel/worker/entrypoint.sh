#!/bin/sh
# The programs of the worker spoke: each says who it is, then waits for its stop signal.
trap 'echo "$1 $$ stops"; exit 0' TERM
echo "$1 $$ on $HOSTNAME, started by $SUPERVISOR_GROUP_NAME:$SUPERVISOR_PROCESS_NAME"
[ "$1" = report ] && echo "nothing to complain about yet" >&2
while :; do sleep 1 & wait $!; done
