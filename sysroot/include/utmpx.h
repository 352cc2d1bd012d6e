/* SPDX-License-Identifier: MIT */
#ifndef _UTMPX_H
#define _UTMPX_H

#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EMPTY         0
#define RUN_LVL       1
#define BOOT_TIME     2
#define NEW_TIME      3
#define OLD_TIME      4
#define INIT_PROCESS  5
#define LOGIN_PROCESS 6
#define USER_PROCESS  7
#define DEAD_PROCESS  8
struct __exit_status {
    short e_termination, e_exit;
};
/* A record of /var/run/utmp on i386; the time is 32 bits wide there. */
struct utmpx {
    short ut_type;
    pid_t ut_pid;
    char ut_line[32], ut_id[4], ut_user[32], ut_host[256];
    struct __exit_status ut_exit;
    int ut_session;
    struct {
        unsigned int tv_sec;
        int tv_usec;
    } ut_tv;
    int ut_addr_v6[4];
    char __reserved[20];
};

void setutxent(void);
void endutxent(void);
struct utmpx *getutxent(void);
struct utmpx *getutxid(const struct utmpx *);
struct utmpx *getutxline(const struct utmpx *);
struct utmpx *pututxline(const struct utmpx *);

#ifdef __cplusplus
}
#endif

#endif
