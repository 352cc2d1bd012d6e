/* SPDX-License-Identifier: MIT */
/* Sockets, System V's IPC and message queues. */
#include <errno.h>
#include <mqueue.h>
#include <stdarg.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "pass.h"

/* clang-format off */
PASS(int, socket, socket, (int family, int type, int protocol), family, type, protocol)
PASS(int, socketpair, socketpair, (int family, int type, int protocol, int fds[2]), family, type, protocol, fds)
PASS(int, bind, bind, (int fd, const struct sockaddr *address, socklen_t size), fd, address, size)
PASS_CANCEL(int, connect, connect, (int fd, const struct sockaddr *address, socklen_t size), fd, address, size)
PASS(int, listen, listen, (int fd, int backlog), fd, backlog)
PASS_CANCEL(int, accept, accept4, (int fd, struct sockaddr *restrict address, socklen_t *restrict size), fd, address, size)
PASS_CANCEL(int, accept4, accept4, (int fd, struct sockaddr *restrict address, socklen_t *restrict size, int flags), fd, address, size, flags)
PASS(int, shutdown, shutdown, (int fd, int how), fd, how)
PASS(int, getsockname, getsockname, (int fd, struct sockaddr *restrict address, socklen_t *restrict size), fd, address, size)
PASS(int, getpeername, getpeername, (int fd, struct sockaddr *restrict address, socklen_t *restrict size), fd, address, size)
PASS_CANCEL(ssize_t, send, sendto, (int fd, const void *buffer, size_t length, int flags), fd, buffer, length, flags)
PASS_CANCEL(ssize_t, sendto, sendto, (int fd, const void *buffer, size_t length, int flags, const struct sockaddr *address, socklen_t size), fd, buffer, length, flags, address, size)
PASS_CANCEL(ssize_t, sendmsg, sendmsg, (int fd, const struct msghdr *message, int flags), fd, message, flags)
PASS_CANCEL(ssize_t, recv, recvfrom, (int fd, void *buffer, size_t length, int flags), fd, buffer, length, flags)
PASS_CANCEL(ssize_t, recvfrom, recvfrom, (int fd, void *restrict buffer, size_t length, int flags, struct sockaddr *restrict address, socklen_t *restrict size), fd, buffer, length, flags, address, size)
PASS_CANCEL(ssize_t, recvmsg, recvmsg, (int fd, struct msghdr *message, int flags), fd, message, flags)
PASS_CANCEL(int, sendmmsg, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags), fd, messages, count, flags)
PASS_CANCEL(int, recvmmsg, recvmmsg_time64, (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout), fd, messages, count, flags, timeout)

PASS(int, shmget, shmget, (key_t key, size_t size, int flags), key, size, flags)
PASS(int, shmdt, shmdt, (const void *address), address)
PASS(int, semget, semget, (key_t key, int count, int flags), key, count, flags)
PASS(int, semop, semtimedop_time64, (int id, struct sembuf *operations, size_t count), id, operations, count, 0)
PASS(int, semtimedop, semtimedop_time64, (int id, struct sembuf *operations, size_t count, const struct timespec *timeout), id, operations, count, timeout)
PASS(int, msgget, msgget, (key_t key, int flags), key, flags)
PASS_CANCEL(int, msgsnd, msgsnd, (int id, const void *message, size_t size, int flags), id, message, size, flags)
PASS_CANCEL(ssize_t, msgrcv, msgrcv, (int id, void *message, size_t size, long type, int flags), id, message, size, type, flags)

PASS(int, mq_close, close, (mqd_t queue), queue)
PASS(int, mq_getattr, mq_getsetattr, (mqd_t queue, struct mq_attr *attr), queue, 0, attr)
PASS(int, mq_setattr, mq_getsetattr, (mqd_t queue, const struct mq_attr *restrict new, struct mq_attr *restrict old), queue, new, old)
PASS(int, mq_notify, mq_notify, (mqd_t queue, const struct sigevent *event), queue, event)
PASS_CANCEL(int, mq_timedsend, mq_timedsend_time64, (mqd_t queue, const char *text, size_t size, unsigned priority, const struct timespec *deadline), queue, text, size, priority, deadline)
PASS_CANCEL(int, mq_send, mq_timedsend_time64, (mqd_t queue, const char *text, size_t size, unsigned priority), queue, text, size, priority)
PASS_CANCEL(ssize_t, mq_timedreceive, mq_timedreceive_time64, (mqd_t queue, char *restrict text, size_t size, unsigned *restrict priority, const struct timespec *restrict deadline), queue, text, size, priority, deadline)
PASS_CANCEL(ssize_t, mq_receive, mq_timedreceive_time64, (mqd_t queue, char *text, size_t size, unsigned *priority), queue, text, size, priority)
/* clang-format on */

/* Time limits are 64-bit pairs there; ours end after the low half of the microseconds. */
static int is_time_limit(int level, int name)
{
    return level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    int64_t wide[2];
    if (is_time_limit(level, name) && size >= sizeof(struct timeval)) {
        const struct timeval *limit = value;
        wide[0] = limit->tv_sec;
        wide[1] = limit->tv_usec;
        value = wide;
        size = sizeof wide;
    }
    return (int)RESULT(CALL(setsockopt, fd, level, name, value, size));
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict size)
{
    if (!is_time_limit(level, name) || *size < sizeof(struct timeval))
        return (int)RESULT(CALL(getsockopt, fd, level, name, value, size));
    int64_t wide[2];
    socklen_t wide_size = sizeof wide;
    long raw = CALL(getsockopt, fd, level, name, wide, &wide_size);
    if (raw < 0)
        return (int)RESULT(raw);
    *(struct timeval *)value = (struct timeval){wide[0], (suseconds_t)wide[1]};
    *size = sizeof(struct timeval);
    return 0;
}

int sockatmark(int fd)
{
    enum { SIOCATMARK = 0x8905 };
    int mark;
    long raw = CALL(ioctl, fd, SIOCATMARK, &mark);
    return raw < 0 ? (int)RESULT(raw) : mark;
}

int getpeereid(int fd, uid_t *user, gid_t *group)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -1;
    *user = peer.uid;
    *group = peer.gid;
    return 0;
}

struct cmsghdr *__cmsg_next(struct msghdr *header, struct cmsghdr *message)
{
    char *end = (char *)header->msg_control + header->msg_controllen;
    if (message->cmsg_len < sizeof *message)
        return NULL;
    char *next = (char *)message + CMSG_ALIGN(message->cmsg_len);
    if (next > end || (size_t)(end - next) < sizeof *message)
        return NULL;
    return (struct cmsghdr *)next;
}

void *shmat(int id, const void *address, int flags)
{
    return (void *)RESULT(CALL(shmat, id, address, flags));
}

enum { IPC_64 = 0x100 };

static time_t join(unsigned long low, unsigned long high)
{
    return (time_t)((uint64_t)high << 32 | low);
}

int shmctl(int id, int command, struct shmid_ds *data)
{
    long raw = CALL(shmctl, id, command | IPC_64, data);
    if (raw >= 0 && command == IPC_STAT) {
        data->shm_atime = join(data->__atime_low, data->__atime_high);
        data->shm_dtime = join(data->__dtime_low, data->__dtime_high);
        data->shm_ctime = join(data->__ctime_low, data->__ctime_high);
    }
    return (int)RESULT(raw);
}

int msgctl(int id, int command, struct msqid_ds *data)
{
    long raw = CALL(msgctl, id, command | IPC_64, data);
    if (raw >= 0 && command == IPC_STAT) {
        data->msg_stime = join(data->__stime_low, data->__stime_high);
        data->msg_rtime = join(data->__rtime_low, data->__rtime_high);
        data->msg_ctime = join(data->__ctime_low, data->__ctime_high);
    }
    return (int)RESULT(raw);
}

int semctl(int id, int number, int command, ...)
{
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *); /* a word, whatever the command makes of it */
    va_end(list);
    long raw = CALL(semctl, id, number, command | IPC_64, argument);
    if (raw >= 0 && command == IPC_STAT) {
        struct semid_ds *data = argument;
        data->sem_otime = join(data->__otime_low, data->__otime_high);
        data->sem_ctime = join(data->__ctime_low, data->__ctime_high);
    }
    return (int)RESULT(raw);
}

key_t ftok(const char *path, int id)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return -1;
    return (key_t)((status.st_ino & 0xffff) | (status.st_dev & 0xff) << 16 | (unsigned)id << 24);
}

/* The call wants the name without its slash. */
static const char *queue_name(const char *name)
{
    return *name == '/' ? name + 1 : name;
}

mqd_t mq_open(const char *name, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    struct mq_attr *attr = flags & O_CREAT ? va_arg(list, struct mq_attr *) : NULL;
    va_end(list);
    if (*name != '/') {
        errno = EINVAL;
        return -1;
    }
    return (mqd_t)RESULT(CALL(mq_open, queue_name(name), flags, mode, attr));
}

int mq_unlink(const char *name)
{
    long raw = CALL(mq_unlink, queue_name(name));
    return (int)RESULT(raw == -EPERM ? -EACCES : raw);
}
