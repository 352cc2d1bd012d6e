/* SPDX-License-Identifier: MIT */
/* AF_UNIX stream sockets: listen, connect, accept, data, end of data, errors, readiness. */
#include "show.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ALL (POLLIN | POLLOUT | POLLRDHUP | POLLPRI)

static struct sockaddr_un address;
static socklen_t address_size;

static void set_address(const char *path)
{
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, path);
    address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

static int attach(int fd)
{
    return connect(fd, (struct sockaddr *)&address, address_size);
}

static void errors(void)
{
    int fd = need(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    char byte;
    show_poll("new socket", fd, ALL, 0);
    show(read(fd, &byte, 1));
    show(recv(fd, &byte, 1, 0));
    show(send(fd, "x", 1, MSG_NOSIGNAL));
    show(listen(fd, 1));
    show(accept(fd, NULL, NULL));
    set_address("nothing");
    show(attach(fd));
    close(need(open("file", O_CREAT | O_WRONLY, 0600)));
    set_address("file");
    show(attach(fd));
    show(connect(fd, (struct sockaddr *)&address, 1));
    show(connect(fd, (struct sockaddr *)&address, 200));
    show(lseek(fd, 0, SEEK_SET));
    show(socket(AF_INET + 100, SOCK_STREAM, 0));
    show(socket(AF_UNIX, SOCK_RDM, 0));
    show(socket(AF_UNIX, 99, 0));
    show(socket(AF_UNIX, SOCK_STREAM, 77));
    show(getpeername(fd, (struct sockaddr *)&address, &address_size));
    show(listen(1, 1));
    show(listen(77, 1));
    show(open("file/nothing", O_RDONLY));
    close(fd);
    unlink("file");
}

static void connection(void)
{
    char text[64] = "";
    struct sockaddr_un peer;
    socklen_t size = sizeof peer;
    int listener = need(socket(AF_UNIX, SOCK_STREAM, 0)), client, server;
    set_address("socket");
    show(bind(listener, (struct sockaddr *)&address, address_size));
    show(bind(listener, (struct sockaddr *)&address, address_size));
    struct stat status;
    need(stat("socket", &status));
    say("mode %o", status.st_mode);
    show(open("socket", O_RDWR));
    client = need(socket(AF_UNIX, SOCK_STREAM, 0));
    show(attach(client));
    show(listen(listener, 2));
    show_poll("listener", listener, ALL, 0);
    show(attach(client));
    show_poll("listener with a connection", listener, ALL, 0);
    show_poll("client", client, ALL, 0);
    show(attach(client));
    show(write(client, "before accept", 13));
    server = need(accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC));
    say("peer address: %d bytes, family %d", size, peer.sun_family);
    size = sizeof peer;
    show(getsockname(server, (struct sockaddr *)&peer, &size));
    say("server address: %d bytes, %s", size, peer.sun_path);
    size = sizeof peer;
    show(getpeername(client, (struct sockaddr *)&peer, &size));
    say("client's peer: %d bytes, %s", size, peer.sun_path);
    show(read(server, text, 6));
    show(recv(server, text + 6, 20, MSG_PEEK));
    show(recv(server, text + 6, 20, 0));
    say("%s", text);
    show(recv(server, text, 20, MSG_DONTWAIT));
    show(fcntl(server, F_GETFD));
    show_poll("server", server, ALL, 0);
    show(close(listener));
    show(attach(need(socket(AF_UNIX, SOCK_STREAM, 0))));
    show(send(server, "answer", 6, 0));
    show(close(server));
    show_poll("client whose peer is gone", client, ALL, 0);
    show(read(client, text, 20));
    show(read(client, text, 20));
    signal(SIGPIPE, SIG_IGN);
    show(write(client, "x", 1));
    signal(SIGPIPE, SIG_DFL);
    show(send(client, "x", 1, MSG_NOSIGNAL));
    close(client);
    unlink("socket");
}

static void unread_data(void)
{
    int fds[2];
    char byte;
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    write(fds[0], "unread", 6);
    write(fds[1], "z", 1);
    close(fds[1]);
    show_poll("peer closed with unread data", fds[0], ALL, 0);
    show(read(fds[0], &byte, 1));
    show(read(fds[0], &byte, 1));
    show(read(fds[0], &byte, 1));
    close(fds[0]);
}

static void shutdowns(void)
{
    int fds[2];
    char byte;
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    show(shutdown(fds[0], 3));
    show(write(fds[0], "ab", 2));
    show(shutdown(fds[0], SHUT_WR));
    show_poll("peer of one that sends no more", fds[1], ALL, 0);
    show_poll("one that sends no more", fds[0], ALL, 0);
    show(read(fds[1], &byte, 1));
    show(read(fds[1], &byte, 1));
    show(read(fds[1], &byte, 1));
    show(send(fds[0], "x", 1, MSG_NOSIGNAL));
    show(write(fds[1], "back", 4));
    show(shutdown(fds[0], SHUT_RD));
    show_poll("after both", fds[0], ALL, 0);
    show(read(fds[0], &byte, 1));
    show(send(fds[1], "x", 1, MSG_NOSIGNAL));
    close(fds[0]);
    close(fds[1]);
}

static void *late_writer(void *argument)
{
    for (int i = 0; i < 4; i++) {
        sleep_ms(20);
        write(*(int *)argument, "abc", 3);
    }
    return NULL;
}

static void waiting(void)
{
    int fds[2];
    char text[16] = "";
    pthread_t thread;
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    pthread_create(&thread, NULL, late_writer, &fds[1]);
    show(recv(fds[0], text, 10, MSG_WAITALL));
    say("%s", text);
    pthread_join(thread, NULL);
    show(recv(fds[0], text, 16, 0));
    struct timeval span = {0, 50000};
    show(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span));
    show(read(fds[0], text, 16));
    close(fds[0]);
    close(fds[1]);
}

/* A megabyte goes through in order, with a reader that is slower than the writer. */
static void much_data(void)
{
    int fds[2], sum = 0, wrong = 0;
    static unsigned char buffer[50000];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        for (int sent = 0; sent < 1000000;) {
            for (int i = 0; i < 25000; i++)
                buffer[i] = (unsigned char)((sent + i) % 251);
            int done = (int)write(fds[1], buffer, 25000);
            sent += done;
        }
        _exit(0);
    }
    close(fds[1]);
    for (;;) {
        int done = (int)read(fds[0], buffer, sizeof buffer);
        if (done <= 0)
            break;
        for (int i = 0; i < done; i++)
            wrong += buffer[i] != (sum + i) % 251;
        sum += done;
    }
    say("received %d, wrong %d", sum, wrong);
    show_end("writer", child);
    close(fds[0]);
}

static void full_buffer(void)
{
    int fds[2];
    static char block[4096];
    long sum = 0, done;
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
    while ((done = write(fds[0], block, sizeof block)) > 0)
        sum += done;
    say("full: %s, enough: %d", strerrorname_np(errno), sum >= 65536);
    show_poll("full", fds[0], POLLOUT, 0);
    while (read(fds[1], block, sizeof block) > 0)
        ;
    show_poll("empty again", fds[0], POLLOUT, 0);
    close(fds[0]);
    close(fds[1]);
}

static void backlog(void)
{
    int listener = need(socket(AF_UNIX, SOCK_STREAM, 0)), clients[4];
    set_address("crowd");
    need(bind(listener, (struct sockaddr *)&address, address_size));
    need(listen(listener, 1));
    for (int i = 0; i < 3; i++) {
        clients[i] = need(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        show(attach(clients[i]));
    }
    close(listener);
    char byte;
    show_poll("client of a listener that is gone", clients[0], ALL, 0);
    show(read(clients[0], &byte, 1));
    show(read(clients[0], &byte, 1));
    unlink("crowd");
}

static void sigpipe(void)
{
    int fds[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    close(fds[1]);
    pid_t child = fork();
    if (child == 0)
        _exit(send(fds[0], "x", 1, 0) < 0 ? 5 : 6);
    show_end("send", child);
    child = fork();
    if (child == 0)
        _exit(write(fds[0], "x", 1) < 0 ? 5 : 6);
    show_end("write", child);
    need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds));
    close(fds[1]);
    child = fork();
    if (child == 0)
        _exit(write(fds[0], "x", 1) < 0 ? 5 : 6);
    show_end("write of a packet", child);
}

int main(void)
{
    errors();
    connection();
    unread_data();
    shutdowns();
    waiting();
    much_data();
    full_buffer();
    backlog();
    sigpipe();
    return 0;
}
