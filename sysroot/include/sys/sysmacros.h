/* SPDX-License-Identifier: MIT */
#ifndef _SYS_SYSMACROS_H
#define _SYS_SYSMACROS_H

#ifdef __cplusplus
extern "C" {
#endif

#define major(device)                                         \
    ((unsigned)(((unsigned long long)(device) >> 8 & 0xfff) | \
                ((unsigned long long)(device) >> 32 & ~0xfffU)))
#define minor(device)                                 \
    ((unsigned)(((unsigned long long)(device)&0xff) | \
                ((unsigned long long)(device) >> 12 & ~0xffU)))
#define makedev(high, low)                                                                         \
    (((unsigned long long)((high)&0xfffU) << 8) | ((unsigned long long)((high) & ~0xfffU) << 32) | \
     ((low)&0xffU) | ((unsigned long long)((low) & ~0xffU) << 12))

#ifdef __cplusplus
}
#endif

#endif
