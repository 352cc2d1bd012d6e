/* SPDX-License-Identifier: MIT */
#ifndef _SYS_SEM_H
#define _SYS_SEM_H

#include <sys/ipc.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct semid_ds {
    struct ipc_perm sem_perm;
    unsigned long __otime_low, __otime_high, __ctime_low, __ctime_high;
    unsigned long sem_nsems, __reserved[2];
    time_t sem_otime, sem_ctime;
};

struct sembuf {
    unsigned short sem_num;
    short sem_op, sem_flg;
};

#define SEM_UNDO 0x1000
#define GETPID   11
#define GETVAL   12
#define GETALL   13
#define GETNCNT  14
#define GETZCNT  15
#define SETVAL   16
#define SETALL   17

int semctl(int, int, int, ...);
int semget(key_t, int, int);
int semop(int, struct sembuf *, size_t);
int semtimedop(int, struct sembuf *, size_t, const struct timespec *);

#ifdef __cplusplus
}
#endif

#endif
