"""The programs that cases run, and a short way to write their sections."""

TALK = """\
#!@PYTHON@ -IS
# Says "ready", then every signal named in the arguments: NAME (go on) or NAME=CODE (exit with it).
import os, signal, sys

def tell(text):
    os.write(1, (text + "\\n").encode())

def handler(name, code):
    def handle(signum, frame):
        tell("got " + name)
        if code:
            os._exit(int(code))
    return handle

for word in sys.argv[1:]:
    name, _, code = word.partition("=")
    signal.signal(getattr(signal, "SIG" + name), handler(name, code))
tell("ready")
while True:
    signal.pause()
"""

FAMILY = """\
#!@PYTHON@ -IS
# A parent and a child in one process group; each says which signal it got.
# Arguments: parent's and child's answer to TERM, `exit` or `stay`.
import os, signal, sys

def tell(text):
    os.write(1, (text + "\\n").encode())

def live(who, answer):
    def handle(signum, frame):
        tell(who + " got TERM")
        if answer == "exit":
            os._exit(0)
    signal.signal(signal.SIGTERM, handle)
    tell(who + " ready")
    while True:
        signal.pause()

if os.fork() == 0:
    live("child", sys.argv[2])
live("parent", sys.argv[1])
"""

TURNS = """\
#!/bin/sh
# Its first runs exit with the codes given, one a run; afterwards it is `talk`. Usage: turns FILE CODE...
file=$1; shift
echo run >> "$file"
n=$(wc -l < "$file")
if [ "$n" -le "$#" ]; then
    shift $((n - 1))
    exit "$1"
fi
exec @DIR@/talk
"""

SEEN = """\
#!/bin/sh
# Signals first, for Python ignores some by itself.
grep -E 'Sig(Ign|Blk)' /proc/self/status
exec @PYTHON@ -IS @DIR@/rest "$@"
"""

REST = """\
# Writes down what it was given, then lives like `talk`.
import os, resource, signal, sys

mask = os.umask(0)
rows = [
    "argv " + repr(sys.argv[1:]),
    "cwd " + os.getcwd(),
    "umask %03o" % mask,
    "own group %s" % (os.getpgrp() == os.getpid()),
    "own session %s" % (os.getsid(0) == os.getpid()),
    "session of parent %s" % (os.getsid(0) == os.getsid(os.getppid())),
    "uid %s gid %s groups %s" % (os.getuid(), os.getgid(), os.getgroups()),
    "nofile %s" % resource.getrlimit(resource.RLIMIT_NOFILE)[0],
]
for fd in sorted(int(name) for name in os.listdir("/proc/self/fd")):
    try:
        rows.append("fd %d %s" % (fd, os.readlink("/proc/self/fd/%d" % fd).split(":")[0]))
    except OSError:
        pass
rows += ["env %s=%s" % pair for pair in sorted(os.environ.items()) if pair[0] not in ("LC_CTYPE", "PWD", "SHLVL", "_")]
os.write(1, ("\\n".join(rows) + "\\nready\\n").encode())
while True:
    signal.pause()
"""

ENVIRONMENT = """\
#!/bin/sh
# The variables named in the arguments, one a line.
for name; do
    eval "value=\\${$name-(unset)}"
    echo "$name=[$value]"
done
echo ready
exec sleep 100000
"""

WHO = """\
#!/bin/sh
# Who it runs as; no Python, for that one may be out of reach for others.
id -u; id -g; id -G; echo "HOME=$HOME USER=$USER"; pwd; umask
echo ready
exec sleep 100000
"""

LISTEN = """\
#!@PYTHON@ -IS
# An event listener. Usage: listen FILE [ANSWER...]. Each event goes to FILE as a line of Python: header, payload. The
# n-th one is answered with the n-th ANSWER, later ones with the last: `ok`, `fail`, `hang` (never answers), `die`, or
# else a text, written as it is but for escapes like \\n; `|` parts what is written one after the other. FILE.answer, if
# it is there, is the answer to all. With an @ in front of FILE it says READY for the first time when there is FILE.go.
import os, signal, sys, time

path, *answers = sys.argv[1:]
known = {"ok": "RESULT 2\\nOK", "fail": "RESULT 4\\nFAIL"}
events = open(0, encoding="utf-8", newline="")
count = 0
answer = ""
while path.startswith("@") and not os.path.exists(path[1:] + ".go"):
    time.sleep(0.02)
path = path.lstrip("@")
if os.path.exists(path + ".answer"):
    answers = [open(path + ".answer").read()]
while True:
    for part in (known.get(answer, answer) + "READY\\n").split("|"):
        os.write(1, part.encode("latin-1").decode("unicode_escape").encode("latin-1"))
        time.sleep(0.05 * ("|" in answer))
    head = events.readline()
    if not head:
        sys.exit()
    payload = events.read(int(head.split("len:")[1].split()[0]))
    with open(path, "a", encoding="utf-8") as file:
        file.write(repr((head, payload)) + "\\n")
    answer = answers[min(count, len(answers) - 1)] if answers else "ok"
    count += 1
    if answer == "die":
        os._exit(3)
    if answer == "hang":
        signal.pause()
"""

FILES = {
    "talk": TALK,
    "family": FAMILY,
    "turns": TURNS,
    "seen": SEEN,
    "rest": REST,
    "environment": ENVIRONMENT,
    "who": WHO,
    "listen": LISTEN,
}


def program(name: str, command: str = "@DIR@/talk", kind: str = "program", **options: object) -> str:
    """A section whose output goes to NAME.log and NAME.err in the folder, unless `options` say otherwise."""
    lines = {
        "command": command,
        "stdout_logfile": f"@DIR@/{name}.log",
        "stderr_logfile": f"@DIR@/{name}.err",
        **options,
    }
    return f"[{kind}:{name}]\n" + "".join(f"{key}={value}\n" for key, value in lines.items() if value is not None)


def listener(name: str, events: str, *answers: str, file: str = "", **options: object) -> str:
    """A pool that writes NAME.events; `answers` as `listen` takes them."""
    words = " ".join(f"'{answer}'" for answer in answers)
    lines = {"events": events, "startsecs": 0, "buffer_size": 100, "stdout_logfile": "NONE", **options}
    return program(name, f"@DIR@/listen {file or f'@DIR@/{name}.events'} {words}".strip(), "eventlistener", **lines)


SLOW = program("a", "/bin/sh -c 'echo $$ > @DIR@/a.pid; exec @DIR@/talk TERM'", startsecs=0, stopwaitsecs=600)
"""It never stops by itself; whoever lets it be stopped kills it, by its number in a.pid, when he has seen enough."""
