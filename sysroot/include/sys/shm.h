/* SPDX-License-Identifier: MIT */
#ifndef _SYS_SHM_H
#define _SYS_SHM_H

#include <sys/ipc.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long shmatt_t;

/* The kernel interface's structure; the upper halves of the times are apart. */
struct shmid_ds {
    struct ipc_perm shm_perm;
    size_t shm_segsz;
    unsigned long __atime_low, __atime_high, __dtime_low, __dtime_high, __ctime_low, __ctime_high;
    pid_t shm_cpid, shm_lpid;
    shmatt_t shm_nattch;
    unsigned long __reserved[2];
    time_t shm_atime, shm_dtime, shm_ctime;
};

#define SHM_R      0400
#define SHM_W      0200
#define SHM_RDONLY 010000
#define SHM_RND    020000
#define SHM_REMAP  040000
#define SHM_EXEC   0100000
#define SHM_LOCK   11
#define SHM_UNLOCK 12
#define SHMLBA     4096

void *shmat(int, const void *, int);
int shmctl(int, int, struct shmid_ds *);
int shmdt(const void *);
int shmget(key_t, size_t, int);

#ifdef __cplusplus
}
#endif

#endif
