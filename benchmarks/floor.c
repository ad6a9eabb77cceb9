/* The floor: the least that a supervisor can do on this kernel.

   floor COUNT PROGRAM [ARGUMENT ...]    keeps COUNT programs running, each with its number as the last argument.
   A dead one is replaced at once; TERM ends all, and then us. Orphans (we may be PID 1) are reaped. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int slot_of[1 << 22]; /* by pid: slot + 1; the largest pid_max there is */
static pid_t *pid_of;
static sigset_t watched;
static char **program, number[16];

static void start(int slot) {
    snprintf(number, sizeof number, "%d", slot);
    pid_t pid = vfork();
    if (pid == 0) {
        sigprocmask(SIG_UNBLOCK, &watched, NULL);
        execv(program[0], program);
        _exit(127);
    }
    slot_of[pid] = slot + 1;
    pid_of[slot] = pid;
}

int main(int argc, char **argv) {
    int count = atoi(argv[1]);
    pid_t pid;
    program = calloc(argc, sizeof *program);
    pid_of = calloc(count, sizeof *pid_of);
    for (int i = 2; i < argc; i++) program[i - 2] = argv[i];
    program[argc - 2] = number;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    for (int slot = 0; slot < count; slot++) start(slot);
    while (sigwaitinfo(&watched, NULL) != SIGTERM)
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
            int slot = slot_of[pid] - 1;
            slot_of[pid] = 0;
            if (slot >= 0) start(slot);
        }
    for (int slot = 0; slot < count; slot++) kill(pid_of[slot], SIGTERM);
    while (wait(NULL) > 0) continue;
    return 0;
}
