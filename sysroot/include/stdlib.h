/* SPDX-License-Identifier: MIT */
#include_next <stdlib.h>

#ifndef _ATOMIK_STDLIB_H
#define _ATOMIK_STDLIB_H

#include <alloca.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

int posix_openpt(int);
int grantpt(int);
int unlockpt(int);
char *ptsname(int);
int ptsname_r(int, char *, size_t);
int getpt(void);
int posix_memalign(void **, size_t, size_t);
char *realpath(const char *__restrict, char *__restrict);
char *canonicalize_file_name(const char *);
char *secure_getenv(const char *);
int clearenv(void);
int mkstemp(char *);
char *mkdtemp(char *);
int mkostemp(char *, int);
int mkstemps(char *, int);
int mkostemps(char *, int, int);
int getloadavg(double[], int);
void *reallocarray(void *, size_t, size_t);
void *valloc(size_t);
void *memalign(size_t, size_t);
int getsubopt(char **, char *const *, char **);
char *initstate(unsigned, char *, size_t);
char *setstate(char *);
long random(void);
void srandom(unsigned);
int putenv(char *);
int setenv(const char *, const char *, int);
int unsetenv(const char *);
int rpmatch(const char *);
char *ecvt(double, int, int *, int *);
char *fcvt(double, int, int *, int *);
char *gcvt(double, int, char *);

#ifdef __cplusplus
}
#endif

#endif
