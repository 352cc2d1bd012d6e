/* SPDX-License-Identifier: MIT */
/* newlib's feature-test macros, and the options of POSIX that the system layer provides. */
#ifndef _ATOMIK_SYS_FEATURES_H
#define _ATOMIK_SYS_FEATURES_H

#include_next <sys/features.h>

#define _POSIX_VERSION  200809L
#define _POSIX2_VERSION 200809L
#define _POSIX2_C_BIND  200809L
#define _XOPEN_VERSION  700
#define _XOPEN_UNIX     1
#define _XOPEN_ENH_I18N 1
#define _XOPEN_SHM      1

#define _POSIX_ADVISORY_INFO              200809L
#define _POSIX_ASYNCHRONOUS_IO            200809L
#define _POSIX_BARRIERS                   200809L
#define _POSIX_CHOWN_RESTRICTED           0
#define _POSIX_CLOCK_SELECTION            200809L
#define _POSIX_CPUTIME                    200809L
#define _POSIX_FSYNC                      200809L
#define _POSIX_IPV6                       200809L
#define _POSIX_JOB_CONTROL                1
#define _POSIX_MAPPED_FILES               200809L
#define _POSIX_MEMLOCK                    200809L
#define _POSIX_MEMLOCK_RANGE              200809L
#define _POSIX_MEMORY_PROTECTION          200809L
#define _POSIX_MESSAGE_PASSING            200809L
#define _POSIX_MONOTONIC_CLOCK            200809L
#define _POSIX_NO_TRUNC                   1
#define _POSIX_PRIORITIZED_IO             200809L
#define _POSIX_PRIORITY_SCHEDULING        200809L
#define _POSIX_READER_WRITER_LOCKS        200809L
#define _POSIX_REALTIME_SIGNALS           200809L
#define _POSIX_REGEXP                     1
#define _POSIX_SAVED_IDS                  1
#define _POSIX_SEMAPHORES                 200809L
#define _POSIX_SHARED_MEMORY_OBJECTS      200809L
#define _POSIX_SHELL                      1
#define _POSIX_SPAWN                      200809L
#define _POSIX_SPIN_LOCKS                 200809L
#define _POSIX_SPORADIC_SERVER            (-1)
#define _POSIX_SYNCHRONIZED_IO            200809L
#define _POSIX_THREADS                    200809L
#define _POSIX_THREAD_ATTR_STACKADDR      200809L
#define _POSIX_THREAD_ATTR_STACKSIZE      200809L
#define _POSIX_THREAD_CPUTIME             200809L
#define _POSIX_THREAD_PRIO_INHERIT        (-1)
#define _POSIX_THREAD_PRIO_PROTECT        (-1)
#define _POSIX_THREAD_PRIORITY_SCHEDULING 200809L
#define _POSIX_THREAD_PROCESS_SHARED      200809L
#define _POSIX_THREAD_SAFE_FUNCTIONS      200809L
#define _POSIX_THREAD_SPORADIC_SERVER     (-1)
#define _POSIX_TIMEOUTS                   200809L
#define _POSIX_TIMERS                     200809L
#define _POSIX_TRACE                      (-1)
#define _POSIX_TYPED_MEMORY_OBJECTS       (-1)
#define _POSIX_VDISABLE                   '\0'
#define _POSIX_V6_ILP32_OFF32             (-1)
#define _POSIX_V6_ILP32_OFFBIG            1
#define _POSIX_V7_ILP32_OFF32             (-1)
#define _POSIX_V7_ILP32_OFFBIG            1
#define _UNIX98_THREAD_MUTEX_ATTRIBUTES   1
#define __STDC_ISO_10646__                201806L

/* What newlib's headers ask before they declare types, members and functions. */
#define __DYNAMIC_REENT__
#define _READ_WRITE_RETURN_TYPE  _ssize_t
#define _READ_WRITE_BUFSIZE_TYPE __SIZE_TYPE__
#define __TM_GMTOFF              tm_gmtoff
#define __TM_ZONE                tm_zone

#endif
