/* SPDX-License-Identifier: MIT */
/* lgammal tells the sign in newlib's signgam; the function beneath is one of those that long-double adds. */
#include <math.h>

extern int __long_signgam;
int __long_signgam;

long double lgammal(long double x)
{
    return lgammal_r(x, &signgam);
}
