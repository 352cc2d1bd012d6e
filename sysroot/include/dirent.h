/* SPDX-License-Identifier: MIT */
#ifndef _DIRENT_H
#define _DIRENT_H

#include <sys/dirent.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAXNAMLEN 255

DIR *opendir(const char *);
DIR *fdopendir(int);
int closedir(DIR *);
struct dirent *readdir(DIR *);
int readdir_r(DIR *__restrict, struct dirent *__restrict, struct dirent **__restrict);
void rewinddir(DIR *);
void seekdir(DIR *, long);
long telldir(DIR *);
int dirfd(DIR *);
int alphasort(const struct dirent **, const struct dirent **);
int versionsort(const struct dirent **, const struct dirent **);
int scandir(const char *, struct dirent ***, int (*)(const struct dirent *),
            int (*)(const struct dirent **, const struct dirent **));
int scandirat(int, const char *, struct dirent ***, int (*)(const struct dirent *),
              int (*)(const struct dirent **, const struct dirent **));
ssize_t getdents64(int, void *, size_t);

#ifdef __cplusplus
}
#endif

#endif
