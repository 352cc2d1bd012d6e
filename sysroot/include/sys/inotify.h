/* SPDX-License-Identifier: MIT */
#ifndef _SYS_INOTIFY_H
#define _SYS_INOTIFY_H

#include <fcntl.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IN_CLOEXEC       O_CLOEXEC
#define IN_NONBLOCK      O_NONBLOCK
#define IN_ACCESS        0x001
#define IN_MODIFY        0x002
#define IN_ATTRIB        0x004
#define IN_CLOSE_WRITE   0x008
#define IN_CLOSE_NOWRITE 0x010
#define IN_CLOSE         (IN_CLOSE_WRITE | IN_CLOSE_NOWRITE)
#define IN_OPEN          0x020
#define IN_MOVED_FROM    0x040
#define IN_MOVED_TO      0x080
#define IN_MOVE          (IN_MOVED_FROM | IN_MOVED_TO)
#define IN_CREATE        0x100
#define IN_DELETE        0x200
#define IN_DELETE_SELF   0x400
#define IN_MOVE_SELF     0x800
#define IN_ALL_EVENTS    0xfff
#define IN_UNMOUNT       0x2000
#define IN_Q_OVERFLOW    0x4000
#define IN_IGNORED       0x8000
#define IN_ONLYDIR       0x01000000
#define IN_DONT_FOLLOW   0x02000000
#define IN_EXCL_UNLINK   0x04000000
#define IN_MASK_ADD      0x20000000
#define IN_ISDIR         0x40000000
#define IN_ONESHOT       0x80000000

struct inotify_event {
    int wd;
    uint32_t mask, cookie, len;
    char name[];
};

int inotify_init(void);
int inotify_init1(int);
int inotify_add_watch(int, const char *, uint32_t);
int inotify_rm_watch(int, int);

#ifdef __cplusplus
}
#endif

#endif
