/* SPDX-License-Identifier: MIT */
#include_next <grp.h>

#ifndef _ATOMIK_GRP_H
#define _ATOMIK_GRP_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

int getgrouplist(const char *, gid_t, gid_t *, int *);
int initgroups(const char *, gid_t);

#ifdef __cplusplus
}
#endif

#endif
