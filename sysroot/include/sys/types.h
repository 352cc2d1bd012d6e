/* SPDX-License-Identifier: MIT */
/*
 * The types of POSIX and of BSD, in the widths of <sys/_types.h>. What other headers this one brings comes last: a program
 * may stand a <sys/select.h> of its own in front (gnulib does) that includes <signal.h>, <time.h> and <pthread.h> in turn,
 * and these need the types.
 */
#ifndef _SYS_TYPES_H
#define _SYS_TYPES_H

#include <_ansi.h>
#include <machine/_types.h>
#include <sys/_stdint.h>
#include <sys/_types.h>
#include <sys/cdefs.h>

/* Others of newlib's headers declare the same types, each under the macro that stands before it. */
#ifndef _BLKCNT_T_DECLARED
#define _BLKCNT_T_DECLARED
typedef __blkcnt_t blkcnt_t;
#endif
#ifndef _BLKSIZE_T_DECLARED
#define _BLKSIZE_T_DECLARED
typedef __blksize_t blksize_t;
#endif
#if !defined(__clock_t_defined) && !defined(_CLOCK_T_DECLARED)
#define __clock_t_defined
#define _CLOCK_T_DECLARED
typedef _CLOCK_T_ clock_t;
#endif
#if !defined(__clockid_t_defined) && !defined(_CLOCKID_T_DECLARED)
#define __clockid_t_defined
#define _CLOCKID_T_DECLARED
typedef __clockid_t clockid_t;
#endif
#ifndef _DEV_T_DECLARED
#define _DEV_T_DECLARED
typedef __dev_t dev_t;
#endif
#ifndef _FSBLKCNT_T_DECLARED
#define _FSBLKCNT_T_DECLARED
typedef __fsblkcnt_t fsblkcnt_t;
typedef __fsfilcnt_t fsfilcnt_t;
#endif
#ifndef _GID_T_DECLARED
#define _GID_T_DECLARED
typedef __gid_t gid_t;
#endif
#ifndef _ID_T_DECLARED
#define _ID_T_DECLARED
typedef __id_t id_t;
#endif
#ifndef _INO_T_DECLARED
#define _INO_T_DECLARED
typedef __ino_t ino_t;
#endif
#ifndef _KEY_T_DECLARED
#define _KEY_T_DECLARED
typedef __key_t key_t;
#endif
#ifndef _MODE_T_DECLARED
#define _MODE_T_DECLARED
typedef __mode_t mode_t;
#endif
#ifndef _NLINK_T_DECLARED
#define _NLINK_T_DECLARED
typedef __nlink_t nlink_t;
#endif
#ifndef _OFF_T_DECLARED
#define _OFF_T_DECLARED
typedef __off_t off_t;
#endif
#ifndef _PID_T_DECLARED
#define _PID_T_DECLARED
typedef __pid_t pid_t;
#endif
#ifndef _SSIZE_T_DECLARED
#define _SSIZE_T_DECLARED
typedef _ssize_t ssize_t;
#endif
#ifndef _SUSECONDS_T_DECLARED
#define _SUSECONDS_T_DECLARED
typedef __suseconds_t suseconds_t;
#endif
#if !defined(__time_t_defined) && !defined(_TIME_T_DECLARED)
#define __time_t_defined
#define _TIME_T_DECLARED
typedef _TIME_T_ time_t;
#endif
#if !defined(__timer_t_defined) && !defined(_TIMER_T_DECLARED)
#define __timer_t_defined
#define _TIMER_T_DECLARED
typedef __timer_t timer_t;
#endif
#ifndef _UID_T_DECLARED
#define _UID_T_DECLARED
typedef __uid_t uid_t;
#endif
#ifndef _USECONDS_T_DECLARED
#define _USECONDS_T_DECLARED
typedef __useconds_t useconds_t;
#endif

/* BSD's and System V's. */
#define __BIT_TYPES_DEFINED__ 1
typedef __uint8_t u_int8_t;
typedef __uint16_t u_int16_t;
typedef __uint32_t u_int32_t;
typedef __uint64_t u_int64_t;
typedef __intptr_t register_t;
typedef __int64_t sbintime_t;
#ifndef __daddr_t_defined
#define __daddr_t_defined
typedef long daddr_t;
#endif
#ifndef __caddr_t_defined
#define __caddr_t_defined
typedef char *caddr_t;
#endif

#if __MISC_VISIBLE
#ifndef _BSDTYPES_DEFINED
#define _BSDTYPES_DEFINED
#define __u_char_defined
#define __u_short_defined
#define __u_int_defined
#define __u_long_defined
typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
typedef unsigned long u_long;
#endif
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
#endif

#if __BSD_VISIBLE
typedef __uintptr_t u_register_t;
#ifndef _IN_ADDR_T_DECLARED
#define _IN_ADDR_T_DECLARED
typedef __uint32_t in_addr_t;
#endif
#ifndef _IN_PORT_T_DECLARED
#define _IN_PORT_T_DECLARED
typedef __uint16_t in_port_t;
#endif
#endif

#include <sys/features.h>

#include <sys/_pthreadtypes.h>

#if __BSD_VISIBLE
#include <machine/endian.h>
#include <sys/select.h>
#endif

#endif
