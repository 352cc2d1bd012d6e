/* SPDX-License-Identifier: MIT */
/* newlib's header, with the functions on long double that it lacks. */
#include_next <complex.h>

#ifndef _ATOMIK_COMPLEX_H
#define _ATOMIK_COMPLEX_H

#ifdef __cplusplus
extern "C" {
#endif

long double _Complex cacosl(long double _Complex);
long double _Complex cacoshl(long double _Complex);
long double _Complex casinhl(long double _Complex);
long double _Complex catanhl(long double _Complex);
long double _Complex ccosl(long double _Complex);
long double _Complex ccoshl(long double _Complex);
long double _Complex cexpl(long double _Complex);
long double _Complex conjl(long double _Complex);
long double _Complex cpowl(long double _Complex, long double _Complex);
long double _Complex cprojl(long double _Complex);
long double _Complex csinl(long double _Complex);
long double _Complex csinhl(long double _Complex);
long double _Complex ctanl(long double _Complex);
long double _Complex ctanhl(long double _Complex);

#ifdef __cplusplus
}
#endif

#endif
