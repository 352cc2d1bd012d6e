/* SPDX-License-Identifier: MIT */
/* newlib's, and the functions on long double that it declares only where long double is double. */
#ifndef _ATOMIK_MATH_H
#define _ATOMIK_MATH_H

#include_next <math.h>
#include <sys/cdefs.h>

#if __ISO_C_VISIBLE >= 1999 || defined(__cplusplus)
__BEGIN_DECLS
long double acoshl(long double);
long double acosl(long double);
long double asinhl(long double);
long double asinl(long double);
long double atanhl(long double);
long double atanl(long double);
long double cbrtl(long double);
long double ceill(long double);
long double coshl(long double);
long double cosl(long double);
long double erfcl(long double);
long double erfl(long double);
long double exp2l(long double);
long double expl(long double);
long double expm1l(long double);
long double fabsl(long double);
long double floorl(long double);
long double lgammal(long double);
long double log10l(long double);
long double log1pl(long double);
long double log2l(long double);
long double logbl(long double);
long double logl(long double);
long double nearbyintl(long double);
long double roundl(long double);
long double sinhl(long double);
long double sinl(long double);
long double tanhl(long double);
long double tanl(long double);
long double tgammal(long double);
long double truncl(long double);
long double atan2l(long double, long double);
long double copysignl(long double, long double);
long double fdiml(long double, long double);
long double fmaxl(long double, long double);
long double fminl(long double, long double);
long double fmodl(long double, long double);
long double nextafterl(long double, long double);
long double nexttowardl(long double, long double);
long double powl(long double, long double);
long double remainderl(long double, long double);
double nexttoward(double, long double);
float nexttowardf(float, long double);
long double fmal(long double, long double, long double);
long double frexpl(long double, int *);
int ilogbl(long double);
long double ldexpl(long double, int);
long long llroundl(long double);
long lroundl(long double);
long double modfl(long double, long double *);
long double nanl(const char *);
long double remquol(long double, long double, int *);
long double scalbnl(long double, int);
long double scalblnl(long double, long);
#if __GNU_VISIBLE
void sincosl(long double, long double *, long double *);
#endif
#if __MISC_VISIBLE
long double lgammal_r(long double, int *);
#endif
__END_DECLS
#endif

#endif
