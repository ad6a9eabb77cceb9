/* What the measured supervisors run. Each says its own moments of CLOCK_MONOTONIC, so that whoever looks at them may
   look seldom. A moment is a record of 32 bytes at the end of the file STAMPS: slot, pid, nanoseconds, value, kind.

   child stamp STAMPS SLOT              says that it runs (kind 0), and pauses
   child write STAMPS BYTES SECONDS SLOT
                                        the same, waits for USR1, writes blocks of BYTES to its stdout for SECONDS,
                                        says how many (kind 1), and pauses
   child talk STAMPS BYTES EVERY SLOT   says that it runs, and writes lines of BYTES without end: a few every EVERY
                                        milliseconds, thousands at each USR1. The value of its stamp is at any time the
                                        number of lines that it has written. Leaves at TERM, never within a line
   child orphans STAMPS COUNT SLOT      says that it runs, makes COUNT orphans, lets them die at once, and says how many
                                        nanoseconds it took until the last of them was reaped (kind 2); then it pauses
   child check BYTES SLOT               reads the blocks of a `write` from its stdin, and prints how many came, and the
                                        bytes of one more that is not whole; 1 where one is not what it must be

   As the interpreter of a script ("#!child stamp STAMPS 7") it finds all of its words in one. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct stamp {
    uint32_t slot, pid;
    uint64_t moment, value, kind;
};

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void say(const char *path, int slot, uint64_t value, uint64_t kind) {
    struct stamp stamp = {slot, getpid(), now(), value, kind};
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (write(fd, &stamp, sizeof stamp) != sizeof stamp) _exit(3);
    close(fd);
}

/* A block: its slot and its number on top, then lines that are always the same. */
static void fill(char *block, size_t size, int slot) {
    memset(block, '.', size);
    for (size_t i = 99; i < size; i += 100) block[i] = '\n';
    block[size - 1] = '\n';
    char head[32];
    memcpy(block, head, snprintf(head, sizeof head, "%05d %016d ", slot, 0));
}

static void number(char *block, uint64_t value) {
    for (int i = 21; i > 5; i--, value /= 10) block[i] = '0' + value % 10;
}

static int put(const char *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(1, data, size);
        if (written < 0) return -1;
        data += written;
        size -= written;
    }
    return 0;
}

static void write_blocks(const char *stamps, size_t size, double seconds, int slot) {
    char *block = malloc(size);
    uint64_t count = 0;
    sigset_t go;
    fill(block, size, slot);
    sigemptyset(&go);
    sigaddset(&go, SIGUSR1);
    sigprocmask(SIG_BLOCK, &go, NULL);
    say(stamps, slot, 0, 0);
    sigwaitinfo(&go, NULL);
    for (uint64_t end = now() + seconds * 1e9; now() < end; count++) {
        number(block, count);
        if (put(block, size)) _exit(4);
    }
    say(stamps, slot, count, 1);
}

static volatile sig_atomic_t ended, flooded;

static void note(int signum) {
    if (signum == SIGTERM) ended = 1;
    if (signum == SIGUSR1) flooded = 1;
}

/* Says that it runs; the value of that stamp, for as long as we live. */
static volatile uint64_t *say_and_keep(const char *path, int slot) {
    struct stamp stamp = {slot, getpid(), now(), 0, 0};
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (write(fd, &stamp, sizeof stamp) != sizeof stamp) _exit(3);
    off_t at = lseek(fd, 0, SEEK_CUR) - (off_t)sizeof stamp, page = at / 4096 * 4096;
    char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
    if (mapped == MAP_FAILED) _exit(3);
    close(fd);
    return &((struct stamp *)(mapped + (at - page)))->value;
}

static void talk(const char *stamps, size_t size, long every, int slot) {
    char *line = malloc(size), pid[16];
    struct timespec pause = {every / 1000, every % 1000 * 1000000};
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART}; /* no write is cut short */
    fill(line, size, slot);
    memcpy(line + 23, pid, snprintf(pid, sizeof pid, "%07d ", getpid()));
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    srandom(getpid());
    volatile uint64_t *count = say_and_keep(stamps, slot);
    while (!ended) {
        long burst = flooded ? 20000 : random() % 8;
        for (flooded = 0; burst-- > 0 && !ended; ++*count) {
            number(line, *count);
            if (put(line, size)) _exit(4);
        }
        if (!flooded) nanosleep(&pause, NULL);
    }
    _exit(0);
}

static void orphans(const char *stamps, int count, int slot) {
    int gate[2], ids[2];
    pid_t *pids = calloc(count, sizeof *pids);
    char byte;
    if (pipe(gate) || pipe(ids)) _exit(3);
    say(stamps, slot, 0, 0);
    pid_t parent = fork(); /* dies first, so that its children are PID 1's */
    if (parent == 0) {
        for (int i = 0; i < count; i++) {
            pid_t pid = fork();
            if (pid == 0) {
                close(gate[1]);
                _exit(read(gate[0], &byte, 1));
            }
            if (pid < 0 || write(ids[1], &pid, sizeof pid) != sizeof pid) _exit(3);
        }
        _exit(0);
    }
    for (int i = 0; i < count; i++)
        if (read(ids[0], &pids[i], sizeof *pids) != sizeof *pids) _exit(3);
    waitpid(parent, NULL, 0);
    nanosleep(&(struct timespec){0, 500000000}, NULL); /* all of them wait at the gate */
    uint64_t begin = now();
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < count; i++) /* one that is not reaped yet can still be signalled */
        while (kill(pids[i], 0) == 0) nanosleep(&(struct timespec){0, 100000}, NULL);
    say(stamps, slot, now() - begin, 2);
}

static int check(size_t size, int slot) {
    char *wanted = malloc(size), *found = malloc(size);
    size_t got;
    uint64_t count = 0;
    fill(wanted, size, slot);
    for (;; count++) {
        for (got = 0; got < size;) {
            ssize_t more = read(0, found + got, size - got);
            if (more <= 0) break;
            got += more;
        }
        number(wanted, count);
        if (got < size) break;
        if (memcmp(wanted, found, size)) {
            printf("block %llu is not there: %.40s\n", (unsigned long long)count, found);
            return 1;
        }
    }
    if (memcmp(wanted, found, got)) return 1;
    printf("%llu %zu\n", (unsigned long long)count, got);
    return 0;
}

int main(int argc, char **argv) {
    char *words[8] = {0};
    int count = 0;
    if (argc > 1 && strchr(argv[1], ' ')) {
        for (char *word = strtok(argv[1], " "); word && count < 7; word = strtok(NULL, " ")) words[count++] = word;
    } else {
        for (int i = 1; i < argc && count < 7; i++) words[count++] = argv[i];
    }
    if (count < 3) return 2;
    int slot = atoi(words[count - 1]);
    if (!strcmp(words[0], "check")) return check(atol(words[1]), slot);
    if (!strcmp(words[0], "stamp")) say(words[1], slot, 0, 0);
    if (!strcmp(words[0], "write") && count == 5) write_blocks(words[1], atol(words[2]), atof(words[3]), slot);
    if (!strcmp(words[0], "talk") && count == 5) talk(words[1], atol(words[2]), atol(words[3]), slot);
    if (!strcmp(words[0], "orphans") && count == 4) orphans(words[1], atoi(words[2]), slot);
    for (;;) pause();
}
