/* SPDX-License-Identifier: MIT */
#ifndef _UTMP_H
#define _UTMP_H

#include <utmpx.h>

#define utmp        utmpx
#define ut_name     ut_user
#define ut_time     ut_tv.tv_sec
#define UT_LINESIZE 32
#define UT_NAMESIZE 32
#define UT_HOSTSIZE 256
#define UTMP_FILE   "/var/run/utmp"
#define WTMP_FILE   "/var/log/wtmp"
#define _PATH_UTMP  UTMP_FILE
#define _PATH_WTMP  WTMP_FILE
#define setutent    setutxent
#define endutent    endutxent
#define getutent    getutxent
#define getutid     getutxid
#define getutline   getutxline
#define pututline   pututxline

#endif
