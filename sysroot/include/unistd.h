/* SPDX-License-Identifier: MIT */
#include_next <unistd.h>

#ifndef _ATOMIK_UNISTD_H
#define _ATOMIK_UNISTD_H

#include <sys/types.h>

#ifndef _CS_PATH
#define _CS_PATH 0
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define L_SET     SEEK_SET
#define L_INCR    SEEK_CUR
#define L_XTND    SEEK_END
#define SEEK_DATA 3
#define SEEK_HOLE 4

/* What newlib declares only for other systems or under narrower feature tests. */
char *crypt(const char *, const char *);
char *ctermid(char *);
char *cuserid(char *);
int dup3(int, int, int);
int execvpe(const char *, char *const[], char *const[]);
int execveat(int, const char *, char *const[], char *const[], int);
int eaccess(const char *, int);
int euidaccess(const char *, int);
int fchdir(int);
int fdatasync(int);
char *get_current_dir_name(void);
int getdomainname(char *, size_t);
int setdomainname(const char *, size_t);
int getdtablesize(void);
int getentropy(void *, size_t);
int getgrouplist(const char *, gid_t, gid_t *, int *);
int gethostname(char *, size_t);
long gethostid(void);
int getlogin_r(char *, size_t);
int getpagesize(void);
char *getpass(const char *);
int getresgid(gid_t *, gid_t *, gid_t *);
int getresuid(uid_t *, uid_t *, uid_t *);
int setresgid(gid_t, gid_t, gid_t);
int setresuid(uid_t, uid_t, uid_t);
int setfsuid(uid_t);
int setfsgid(gid_t);
pid_t gettid(void);
int lchown(const char *, uid_t, gid_t);
int lockf(int, int, off_t);
int nice(int);
int pipe2(int[2], int);
ssize_t pread(int, void *, size_t, off_t);
ssize_t pwrite(int, const void *, size_t, off_t);
int brk(void *);
void *sbrk(ptrdiff_t);
void swab(const void *__restrict, void *__restrict, ssize_t);
int symlink(const char *, const char *);
void sync(void);
int syncfs(int);
long syscall(long, ...);
int truncate(const char *, off_t);
int ftruncate(int, off_t);
int usleep(useconds_t);
useconds_t ualarm(useconds_t, useconds_t);
pid_t vfork(void) __attribute__((__returns_twice__));
int vhangup(void);
int acct(const char *);
int chroot(const char *);
int daemon(int, int);
int issetugid(void);
ssize_t copy_file_range(int, off_t *, int, off_t *, size_t, unsigned);
int close_range(unsigned, unsigned, int);
void closefrom(int);
int renameat(int, const char *, int, const char *);
int ttyname_r(int, char *, size_t);

#ifdef __cplusplus
}
#endif

#endif
