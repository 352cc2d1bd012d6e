/* SPDX-License-Identifier: MIT */
#ifndef _SYS_MSG_H
#define _SYS_MSG_H

#include <sys/ipc.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long msgqnum_t;
typedef unsigned long msglen_t;

struct msqid_ds {
    struct ipc_perm msg_perm;
    unsigned long __stime_low, __stime_high, __rtime_low, __rtime_high, __ctime_low, __ctime_high;
    unsigned long __msg_cbytes;
    msgqnum_t msg_qnum;
    msglen_t msg_qbytes;
    pid_t msg_lspid, msg_lrpid;
    unsigned long __reserved[2];
    time_t msg_stime, msg_rtime, msg_ctime;
};

struct msgbuf {
    long mtype;
    char mtext[1];
};

#define MSG_NOERROR 010000
#define MSG_EXCEPT  020000

int msgctl(int, int, struct msqid_ds *);
int msgget(key_t, int);
ssize_t msgrcv(int, void *, size_t, long, int);
int msgsnd(int, const void *, size_t, int);

#ifdef __cplusplus
}
#endif

#endif
