/* SPDX-License-Identifier: MIT */
/* What travels with data: descriptors and credentials; several messages in one call; collection. */
#include "show.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static char control[512];

static long send_files(int fd, const char *text, const int *files, int count)
{
    struct iovec piece = {(char *)text, strlen(text)};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){CMSG_LEN((size_t)count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(header), files, (size_t)count * sizeof(int));
    return sendmsg(fd, &message, 0);
}

/* Receives and says what came. Returns the first descriptor, or -1. */
static int receive(int fd, size_t length, size_t room, int flags)
{
    char text[64] = "";
    struct iovec piece = {text, length};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
    int first = -1;
    memset(control, 0x55, sizeof control);
    long result = recvmsg(fd, &message, flags);
    if (result < 0) {
        say("recvmsg: %s", strerrorname_np(errno));
        return -1;
    }
    say("recvmsg: %ld \"%s\", control %zu, flags %#x", result, text, message.msg_controllen,
        message.msg_flags);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
         header = CMSG_NXTHDR(&message, header)) {
        say("  level %d type %d length %zu", header->cmsg_level, header->cmsg_type,
            header->cmsg_len);
        if (header->cmsg_type == SCM_CREDENTIALS) {
            struct ucred *credentials = (struct ucred *)CMSG_DATA(header);
            say("  own pid %d, uid %d, gid %d", credentials->pid == getpid(), credentials->uid,
                credentials->gid);
        }
        if (header->cmsg_type == SCM_RIGHTS) {
            int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            const int *files = (const int *)CMSG_DATA(header);
            for (int i = 0; i < count; i++)
                say("  descriptor: close on exec %d", fcntl(files[i], F_GETFD));
            first = files[0];
            for (int i = 1; i < count; i++)
                close(files[i]);
        }
    }
    return first;
}

static void descriptors(int type)
{
    int fds[2], pipe_ends[2], files[3];
    char text[16] = "";
    say("type %d", type);
    need(socketpair(AF_UNIX, type, 0, fds));
    need(pipe(pipe_ends));
    files[0] = pipe_ends[0];
    files[1] = pipe_ends[1];
    files[2] = fds[0];
    show(send_files(fds[0], "two", pipe_ends, 2));
    show(write(fds[0], "plain", 5));
    show(send_files(fds[0], "one", files, 1));
    show(send_files(fds[0], "three", files, 3));
    close(pipe_ends[0]);
    write(pipe_ends[1], "through", 7);
    close(receive(fds[1], 60, sizeof control, MSG_PEEK));
    int end = receive(fds[1], 60, sizeof control, MSG_CMSG_CLOEXEC);
    show(read(end, text, 16));
    close(end);
    close(receive(fds[1], 60, sizeof control, 0));
    receive(fds[1], 2, 0, 0);
    close(receive(fds[1], 60, CMSG_LEN(2 * sizeof(int)), 0));
    files[1] = 99;
    show(send_files(fds[0], "bad", files, 2));
    files[0] = fds[0];
    show(send_files(fds[0], "", files, 1));
    receive(fds[1], 60, sizeof control, MSG_DONTWAIT);
    close(fds[0]);
    close(fds[1]);
}

static long send_credentials(int fd, pid_t pid, uid_t uid)
{
    struct iovec piece = {"c", 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE(sizeof(struct ucred))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    struct ucred credentials = {pid, uid, 0};
    *header = (struct cmsghdr){CMSG_LEN(sizeof credentials), SOL_SOCKET, SCM_CREDENTIALS};
    memcpy(CMSG_DATA(header), &credentials, sizeof credentials);
    return sendmsg(fd, &message, 0);
}

static void credentials(int type)
{
    int fds[2], on = 1;
    struct ucred peer = {1, 1, 1};
    socklen_t size = sizeof peer;
    say("type %d", type);
    need(socketpair(AF_UNIX, type, 0, fds));
    show(getsockopt(fds[0], SOL_SOCKET, SO_PEERCRED, &peer, &size));
    say("own pid %d, uid %d, gid %d", peer.pid == getpid(), peer.uid, peer.gid);
    show(write(fds[0], "before", 6));
    show(setsockopt(fds[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    show(write(fds[0], "after", 5));
    receive(fds[1], 60, sizeof control, 0);
    receive(fds[1], 60, sizeof control, 0);
    show(send_credentials(fds[0], getpid(), 0));
    receive(fds[1], 60, 10, 0);
    show(write(fds[0], "x", 1));
    receive(fds[1], 60, 0, 0);
    pid_t child = fork();
    if (child == 0) {
        need(setuid(1000));
        show(send_credentials(fds[0], getpid(), 1000));
        show(send_credentials(fds[0], getpid(), 0));
        show(send_credentials(fds[0], getppid(), 1000));
        write(fds[0], "child", 5);
        _exit(0);
    }
    show_end("child", child);
    receive(fds[1], 60, sizeof control, 0);
    receive(fds[1], 60, sizeof control, MSG_DONTWAIT);
    close(fds[0]);
    close(fds[1]);
}

static void malformed(void)
{
    int fds[2];
    struct iovec piece = {"c", 1};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 12};
    struct cmsghdr *header = (struct cmsghdr *)control;
    need(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
    *header = (struct cmsghdr){8, SOL_SOCKET, SCM_RIGHTS};
    show(sendmsg(fds[0], &message, 0));
    *header = (struct cmsghdr){16, SOL_SOCKET, SCM_RIGHTS};
    show(sendmsg(fds[0], &message, 0));
    *header = (struct cmsghdr){12, SOL_SOCKET, 55};
    show(sendmsg(fds[0], &message, 0));
    *header = (struct cmsghdr){12, 77, 55};
    show(sendmsg(fds[0], &message, 0));
    message.msg_iovlen = 2000;
    show(sendmsg(fds[0], &message, 0));
    show(recvmsg(fds[0], &message, 0));
    show(sendmsg(fds[0], (struct msghdr *)16, 0));
}

static void many_messages(void)
{
    int fds[2];
    char texts[5][8] = {"one", "two", "three", "four", "five"};
    struct iovec pieces[5];
    struct mmsghdr messages[5];
    need(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < 5; i++) {
        pieces[i] = (struct iovec){texts[i], strlen(texts[i])};
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    show(sendmmsg(fds[0], messages, 4, 0));
    say("lengths %u %u %u %u", messages[0].msg_len, messages[1].msg_len, messages[2].msg_len,
        messages[3].msg_len);
    for (int i = 0; i < 5; i++)
        pieces[i].iov_len = 8;
    show(recvmmsg(fds[1], messages, 2, 0, NULL));
    show(recvmmsg(fds[1], messages, 5, MSG_WAITFORONE, NULL));
    say("lengths %u %u", messages[0].msg_len, messages[1].msg_len);
    show(recvmmsg(fds[1], messages, 5, MSG_DONTWAIT, NULL));
}

/* Sockets that only messages to themselves refer to go away, with what else travels there. */
static void collection(void)
{
    int pipe_ends[2], fds[2];
    char byte;
    need(pipe(pipe_ends));
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    int files[3] = {fds[0], fds[1], pipe_ends[1]};
    show(send_files(fds[0], "x", files, 3));
    show(send_files(fds[1], "x", files, 3));
    close(fds[0]);
    close(fds[1]);
    close(pipe_ends[1]);
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    close(fds[0]);
    close(fds[1]);
    show_poll("end of a pipe", pipe_ends[0], POLLIN, 2000);
    show(read(pipe_ends[0], &byte, 1));
}

int main(void)
{
    descriptors(SOCK_STREAM);
    descriptors(SOCK_DGRAM);
    credentials(SOCK_STREAM);
    credentials(SOCK_DGRAM);
    malformed();
    many_messages();
    collection();
    return 0;
}
