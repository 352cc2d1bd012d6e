/* SPDX-License-Identifier: MIT */
#ifndef _SYS_STAT_H
#define _SYS_STAT_H

#include <sys/_timespec.h>
#include <sys/cdefs.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library's own layout, filled from statx. */
struct stat {
    dev_t st_dev;
    ino_t st_ino;
    mode_t st_mode;
    nlink_t st_nlink;
    uid_t st_uid;
    gid_t st_gid;
    dev_t st_rdev;
    off_t st_size;
    blksize_t st_blksize;
    blkcnt_t st_blocks;
    struct timespec st_atim;
    struct timespec st_mtim;
    struct timespec st_ctim;
};
#define st_atime     st_atim.tv_sec
#define st_mtime     st_mtim.tv_sec
#define st_ctime     st_ctim.tv_sec
#define st_atimensec st_atim.tv_nsec
#define st_mtimensec st_mtim.tv_nsec
#define st_ctimensec st_ctim.tv_nsec
#define st_atimespec st_atim
#define st_mtimespec st_mtim
#define st_ctimespec st_ctim

#define S_IFMT   0170000
#define S_IFIFO  0010000
#define S_IFCHR  0020000
#define S_IFDIR  0040000
#define S_IFBLK  0060000
#define S_IFREG  0100000
#define S_IFLNK  0120000
#define S_IFSOCK 0140000
#define _IFMT    S_IFMT
#define _IFDIR   S_IFDIR
#define _IFCHR   S_IFCHR
#define _IFBLK   S_IFBLK
#define _IFREG   S_IFREG
#define _IFLNK   S_IFLNK
#define _IFSOCK  S_IFSOCK
#define _IFIFO   S_IFIFO

#define S_ISUID     04000
#define S_ISGID     02000
#define S_ISVTX     01000
#define S_IRWXU     0700
#define S_IRUSR     0400
#define S_IWUSR     0200
#define S_IXUSR     0100
#define S_IRWXG     0070
#define S_IRGRP     0040
#define S_IWGRP     0020
#define S_IXGRP     0010
#define S_IRWXO     0007
#define S_IROTH     0004
#define S_IWOTH     0002
#define S_IXOTH     0001
#define S_IREAD     S_IRUSR
#define S_IWRITE    S_IWUSR
#define S_IEXEC     S_IXUSR
#define ACCESSPERMS 0777
#define ALLPERMS    07777
#define DEFFILEMODE 0666
#define S_BLKSIZE   512

#define S_ISBLK(mode)       (((mode)&S_IFMT) == S_IFBLK)
#define S_ISCHR(mode)       (((mode)&S_IFMT) == S_IFCHR)
#define S_ISDIR(mode)       (((mode)&S_IFMT) == S_IFDIR)
#define S_ISFIFO(mode)      (((mode)&S_IFMT) == S_IFIFO)
#define S_ISREG(mode)       (((mode)&S_IFMT) == S_IFREG)
#define S_ISLNK(mode)       (((mode)&S_IFMT) == S_IFLNK)
#define S_ISSOCK(mode)      (((mode)&S_IFMT) == S_IFSOCK)
#define S_TYPEISMQ(buffer)  ((buffer)->st_mode - (buffer)->st_mode)
#define S_TYPEISSEM(buffer) ((buffer)->st_mode - (buffer)->st_mode)
#define S_TYPEISSHM(buffer) ((buffer)->st_mode - (buffer)->st_mode)

#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe

int chmod(const char *, mode_t);
int fchmod(int, mode_t);
int fchmodat(int, const char *, mode_t, int);
int lchmod(const char *, mode_t);
int stat(const char *__restrict, struct stat *__restrict);
int fstat(int, struct stat *);
int lstat(const char *__restrict, struct stat *__restrict);
int fstatat(int, const char *__restrict, struct stat *__restrict, int);
int futimens(int, const struct timespec[2]);
int utimensat(int, const char *, const struct timespec[2], int);
int mkdir(const char *, mode_t);
int mkdirat(int, const char *, mode_t);
int mkfifo(const char *, mode_t);
int mkfifoat(int, const char *, mode_t);
int mknod(const char *, mode_t, dev_t);
int mknodat(int, const char *, mode_t, dev_t);
mode_t umask(mode_t);

#ifdef _COMPILING_NEWLIB
int _fstat(int, struct stat *);
int _stat(const char *__restrict, struct stat *__restrict);
int _mkdir(const char *, mode_t);
#endif

#ifdef __cplusplus
}
#endif

#endif
