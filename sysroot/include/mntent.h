/* SPDX-License-Identifier: MIT */
#ifndef _MNTENT_H
#define _MNTENT_H

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOUNTED        "/etc/mtab"
#define MNTTAB         "/etc/fstab"
#define MNTTYPE_IGNORE "ignore"
#define MNTTYPE_SWAP   "swap"
#define MNTOPT_RO      "ro"
#define MNTOPT_RW      "rw"
struct mntent {
    char *mnt_fsname, *mnt_dir, *mnt_type, *mnt_opts;
    int mnt_freq, mnt_passno;
};

FILE *setmntent(const char *, const char *);
struct mntent *getmntent(FILE *);
struct mntent *getmntent_r(FILE *, struct mntent *, char *, int);
int addmntent(FILE *, const struct mntent *);
int endmntent(FILE *);
char *hasmntopt(const struct mntent *, const char *);

#ifdef __cplusplus
}
#endif

#endif
