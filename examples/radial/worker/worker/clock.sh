# Puts the time where the web spoke serves it.
echo "the clock of $SUPERVISOR_GROUP_NAME" >&2
while date > "$1"; do sleep 1; done
