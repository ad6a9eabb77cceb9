/* Asks a server on a unix socket, as fast as it answers, and says how long each answer took.

   client SOCKET FRAMING EXPECTED CONNECTIONS COUNT SECONDS PAUSE GREETING REQUEST [REQUEST ...]

   FRAMING says where an answer ends: "http" (Content-Length) or "zmtp" (ZeroMQ 3). EXPECTED is a text that each answer
   must hold. Ends after COUNT answers or SECONDS, whichever comes first, a single connection once all REQUESTs have had
   their turn; PAUSE microseconds lie between an answer and the next request. GREETING is the file of bytes to send first,
   or "-"; each REQUEST is a file, and they are sent by turns.
   Connecting is tried again until somebody listens (60 seconds), and again where a server that has not answered yet hangs up.

   Prints "first MOMENT" (CLOCK_MONOTONIC of the first answer, in nanoseconds), "answers COUNT SECONDS", and for each
   REQUEST "request P50 P99 LONGEST" in nanoseconds. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct text {
    char *data;
    size_t size;
};
struct connection {
    int fd, request, greeted, answered;
    uint64_t asked;
    size_t size, room, whole; /* of what came: bytes, space, how many belong to the answer (0: not known yet) */
    char *data;
};
struct times {
    uint64_t *took;
    size_t count, room;
};

static int zmtp;
static const char *expected;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void rest(uint64_t nanoseconds) {
    nanosleep(&(struct timespec){nanoseconds / 1000000000, nanoseconds % 1000000000}, NULL);
}

static void fail(const char *what, struct connection *c) {
    fprintf(stderr, "client: %s: %.*s\n", what, c ? (int)(c->size < 1000 ? c->size : 1000) : 0, c ? c->data : "");
    exit(1);
}

static struct text load(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &status)) fail(path, NULL);
    struct text text = {malloc(status.st_size), status.st_size};
    if (read(fd, text.data, text.size) != (ssize_t)text.size) fail(path, NULL);
    close(fd);
    return text;
}

static void put(struct connection *c, struct text text) {
    for (size_t sent = 0; sent < text.size;) {
        ssize_t more = send(c->fd, text.data + sent, text.size - sent, MSG_NOSIGNAL);
        if (more < 0) fail("cannot send", NULL);
        sent += more;
    }
}

static int dial(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    for (uint64_t end = now() + 60000000000ull;;) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
        close(fd);
        if (now() > end) fail(strerror(errno), NULL);
        rest(200000);
    }
}

/* How many bytes the answer has, once that can be known; 0 before. */
static size_t http_size(struct connection *c) {
    char *end = memmem(c->data, c->size, "\r\n\r\n", 4);
    if (!end) return 0;
    if (c->size < 12 || memcmp(c->data + 8, " 200", 4)) fail("not what was asked for", c);
    *end = 0;
    char *length = strcasestr(c->data, "\r\ncontent-length:");
    if (!length) fail("an answer without a length", c);
    *end = '\r';
    return end + 4 - c->data + atol(length + 17);
}

/* Frames: flags (1: more to come, 2: long size, 4: command), size, bytes. The greeting is 64 bytes and a command. */
static size_t zmtp_size(struct connection *c) {
    size_t at = c->greeted ? 0 : 64;
    for (;;) {
        if (c->size < at + 9) return 0;
        unsigned char *frame = (unsigned char *)c->data + at;
        size_t size = frame[1];
        if (frame[0] & 2) {
            size = 0;
            for (int i = 1; i < 9; i++) size = size << 8 | frame[i];
        }
        at += size + (frame[0] & 2 ? 9 : 2);
        if (at > c->size) return 0;
        if (!(frame[0] & 5)) return at; /* neither a command nor more to come: the answer ends here */
    }
}

/* 1 if the answer is whole now, -1 if the server has hung up before its first one. */
static int take(struct connection *c) {
    if (c->room - c->size < 65536) c->data = realloc(c->data, c->room = c->room * 2 + 131072);
    ssize_t more = recv(c->fd, c->data + c->size, c->room - c->size - 1, 0);
    if (more <= 0 && !c->answered) return -1;
    if (more <= 0) fail(more ? strerror(errno) : "the server has hung up", c);
    c->size += more;
    if (!c->whole) c->whole = zmtp ? zmtp_size(c) : http_size(c);
    if (!c->whole || c->size < c->whole) return 0;
    if (!memmem(c->data, c->size < 8192 ? c->size : 8192, expected, strlen(expected))) fail("not what was asked for", c);
    c->size = c->whole = 0;
    c->greeted = c->answered = 1;
    return 1;
}

static void open_one(struct connection *c, const char *path, const char *greeting, struct text request) {
    if (c->fd) {
        close(c->fd);
        rest(1000000);
    }
    c->fd = dial(path);
    c->size = c->whole = 0;
    c->greeted = !strcmp(greeting, "-");
    if (!c->greeted) put(c, load(greeting));
    c->asked = now();
    put(c, request);
}

static void add(struct times *times, uint64_t took) {
    if (times->count == times->room)
        times->took = realloc(times->took, (times->room = times->room * 2 + 1024) * sizeof *times->took);
    times->took[times->count++] = took;
}

static int compare(const void *a, const void *b) {
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

int main(int argc, char **argv) {
    if (argc < 10) return 2;
    zmtp = !strcmp(argv[2], "zmtp");
    expected = argv[3];
    int connections = atoi(argv[4]), requests = argc - 9;
    uint64_t wanted = atoll(argv[5]), pause = atoll(argv[7]) * 1000, done = 0, first = 0;
    double seconds = atof(argv[6]);
    struct connection *all = calloc(connections, sizeof *all);
    struct pollfd *polled = calloc(connections, sizeof *polled);
    struct text *texts = calloc(requests, sizeof *texts);
    struct times *times = calloc(requests, sizeof *times);
    for (int i = 0; i < requests; i++) texts[i] = load(argv[9 + i]);
    for (int i = 0; i < connections; i++) {
        open_one(&all[i], argv[1], argv[8], texts[0]);
        polled[i] = (struct pollfd){.fd = all[i].fd, .events = POLLIN};
    }
    uint64_t begin = all->asked, end = begin + (uint64_t)(seconds * 1e9), at = begin;
    while ((done < wanted && at < end) || (connections == 1 && all->request)) {
        if (connections > 1 && poll(polled, connections, -1) < 0) fail(strerror(errno), NULL);
        for (int i = 0; i < connections; i++) {
            struct connection *c = &all[i];
            if (connections > 1 && !polled[i].revents) continue;
            int whole = take(c);
            if (whole < 0) {
                open_one(c, argv[1], argv[8], texts[0]);
                polled[i].fd = c->fd;
            }
            if (whole <= 0) continue;
            at = now();
            if (!done++) first = at;
            add(&times[c->request], at - c->asked);
            if (pause) rest(pause);
            if (++c->request == requests) c->request = 0;
            c->asked = now();
            if ((done < wanted && at < end) || c->request) put(c, texts[c->request]);
        }
    }
    printf("first %llu\nanswers %llu %.9f\n", (unsigned long long)first, (unsigned long long)done, (at - begin) / 1e9);
    for (int i = 0; i < requests; i++) {
        size_t n = times[i].count;
        if (n == 0) fail("no answer in that time", NULL);
        qsort(times[i].took, n, sizeof *times[i].took, compare);
        printf("request %llu %llu %llu\n", (unsigned long long)times[i].took[n / 2],
               (unsigned long long)times[i].took[n - 1 - n / 100], (unsigned long long)times[i].took[n - 1]);
    }
    return 0;
}
