/* SPDX-License-Identifier: MIT */
/* The types of the system interface. Wide ones throughout: 64-bit file offsets, inode numbers and time. */
#ifndef _SYS__TYPES_H
#define _SYS__TYPES_H

#define __need_size_t
#define __need_wint_t
#include <stddef.h>
#include <newlib.h>
#include <sys/config.h>
#include <machine/_types.h>

typedef long long __blkcnt_t;
typedef long __blksize_t;
typedef unsigned long long __fsblkcnt_t;
typedef unsigned long long __fsfilcnt_t;
typedef long long _off_t;
typedef _off_t __off_t;
typedef long long _off64_t;
typedef _off64_t __loff_t;
typedef long long _fpos_t;
typedef int __pid_t;
typedef unsigned long long __dev_t;
typedef unsigned int __uid_t;
typedef unsigned int __gid_t;
typedef unsigned int __id_t;
typedef unsigned long long __ino_t;
typedef unsigned int __mode_t;
typedef unsigned int __nlink_t;
typedef int __key_t;

#undef __size_t
typedef __SIZE_TYPE__ __size_t;
typedef int _ssize_t;
typedef _ssize_t __ssize_t;

/* State of a multibyte conversion. */
typedef struct {
    int __count;
    union {
        wint_t __wch;
        unsigned char __wchb[4];
    } __value;
} _mbstate_t;

typedef void *_iconv_t;

#define _CLOCK_T_ long
typedef _CLOCK_T_ __clock_t;
#define _TIME_T_ __int_least64_t
typedef _TIME_T_ __time_t;
#define _CLOCKID_T_ int
typedef _CLOCKID_T_ __clockid_t;
#define _TIMER_T_ void *
typedef _TIMER_T_ __timer_t;

typedef unsigned short __sa_family_t;
typedef unsigned int __socklen_t;
typedef int __nl_item;
typedef long __suseconds_t;
typedef unsigned long __useconds_t;
typedef __builtin_va_list __va_list;

#endif
