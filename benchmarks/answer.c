/* The floor of an answer: whatever comes in on a unix socket, the same bytes go out.

   answer SOCKET FILE    FILE holds the answer, whole. One read is taken for one request. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
    static char answer[1 << 23], request[1 << 16];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct epoll_event event = {.events = EPOLLIN}, ready[64];
    int file = open(argv[argc - 1], O_RDONLY), server = socket(AF_UNIX, SOCK_STREAM, 0), poll = epoll_create1(0);
    ssize_t size = read(file, answer, sizeof answer);
    if (argc != 3 || size <= 0) return 2;
    strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
    if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 64)) return 1;
    event.data.fd = server;
    epoll_ctl(poll, EPOLL_CTL_ADD, server, &event);
    for (;;) {
        int count = epoll_wait(poll, ready, 64, -1);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd == server) {
                event.data.fd = accept(server, NULL, NULL);
                epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
            } else if (read(fd, request, sizeof request) <= 0) {
                close(fd);
            } else {
                for (ssize_t sent = 0, more = 0; sent < size; sent += more)
                    if ((more = send(fd, answer + sent, size - sent, MSG_NOSIGNAL)) <= 0) break;
            }
        }
    }
}
