/* SPDX-License-Identifier: MIT */
/* Functions on long double: the results are those of glibc 2.36 on the same 80 bits, to two units of the last place. */
#include <math.h>

#include "check.h"

struct row {
    const char *call;
    long double result, expected;
};
#define ROW(call, expected)   \
    {                         \
#call, call, expected \
    }

/* Two units: the libraries round differently in the last place. */
static int near(long double result, long double expected)
{
    return fabsl(result - expected) <= fabsl(expected) * 0x1p-62L;
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (near(rows[i].result, rows[i].expected))
            continue;
        printf("%s is %La and not %La\n", rows[i].call, rows[i].result, rows[i].expected);
        failures++;
    }
}

static void test_trigonometric(void)
{
    const struct row rows[] = {
        ROW(sinl(0.5L), 0xf.57743a2582f7f44p-5L),
        ROW(sinl(3.0L), 0x9.081c36db6aada79p-6L),
        ROW(sinl(100000.0L), 0x9.26d54e293f4b1c8p-8L),
        ROW(sinl(1e+20L), -0xa.52f302feb22839ep-4L),
        ROW(cosl(0.5L), 0xe.0a94032dbea7ceep-4L),
        ROW(cosl(3.0L), -0xf.d7025f42f2e9308p-4L),
        ROW(cosl(100000.0L), -0xf.fd61c20d9ed39b1p-4L),
        ROW(cosl(1e+20L), 0xc.393907e3069eb22p-4L),
        ROW(tanl(0.5L), 0x8.bda7adf9a3a5219p-4L),
        ROW(tanl(3.0L), -0x9.1f7b892a5c37866p-6L),
        ROW(tanl(100000.0L), -0x9.2854ea81989e47ep-8L),
        ROW(asinl(0.3L), 0x9.c00acf0a7b7f5b8p-5L),
        ROW(asinl(-0.9L), -0x8.f549b82fd0b8fa3p-3L),
        ROW(acosl(0.3L), 0xa.20faf65f77ac4c7p-3L),
        ROW(acosl(-0.9L), 0xa.c323b128f3a28ecp-2L),
        ROW(atanl(0.3L), 0x9.539d330f5782f19p-5L),
        ROW(atanl(50.0L), 0xc.68094d66b68e166p-3L),
        ROW(sinhl(0.3L), 0x9.bea157aa5c932fep-5L),
        ROW(sinhl(50.0L), 0x8.c881f20405a2b32p+68L),
        ROW(coshl(0.3L), 0x8.5cda705b7626063p-3L),
        ROW(coshl(50.0L), 0x8.c881f20405a2b32p+68L),
        ROW(tanhl(0.3L), 0x9.526ed3ec8a7d089p-5L),
        ROW(tanhl(5.0L), 0xf.ffa0cb346f889a8p-4L),
        ROW(asinhl(0.3L), 0x9.762752b2fe60796p-5L),
        ROW(asinhl(50.0L), 0x9.35e5f8cb4e1397dp-1L),
        ROW(acoshl(1.3L), 0xc.1a59655bfac6cf7p-4L),
        ROW(acoshl(50.0L), 0x9.35cbc1e8544e54ap-1L),
        ROW(atanhl(0.3L), 0x9.e795a830be4aa8ap-5L),
        ROW(atanhl(-0.9L), -0xb.c71b0302599638fp-3L),
        ROW(atan2l(1.0L, -2.0L), 0xa.b63739cbfad72ccp-2L),
        ROW(atan2l(-1.0L, -2.0L), -0xa.b63739cbfad72ccp-2L),
    };
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void test_exponential(void)
{
    const struct row rows[] = {
        ROW(expl(0.3L), 0xa.cc82c6460d4ad23p-3L),
        ROW(expl(-50.0L), 0xe.92beaa3f041f6b9p-76L),
        ROW(expl(11000.0L), 0xc.838961a26b2addap+15866L),
        ROW(exp2l(0.3L), 0x9.d9623dffc19470ep-3L),
        ROW(exp2l(-50.5L), 0xb.504f333f9de6484p-54L),
        ROW(exp2l(16000.0L), 0x8p+15997L),
        ROW(expm1l(1e-10L), 0xd.be6feceed2717d8p-37L),
        ROW(expm1l(3.0L), 0x9.8af2dfb7d882f97p+1L),
        ROW(logl(0.3L), -0x9.a1bc7e5ed390372p-3L),
        ROW(logl(1e+300L), 0xa.cb1a23fc3fda9abp+6L),
        ROW(log2l(0.3L), -0xd.e54e37a9c4bd22cp-3L),
        ROW(log2l(1e+300L), 0xf.92504f8d45c46e2p+6L),
        ROW(log10l(0.3L), -0x8.5db61a6c0a80bddp-4L),
        ROW(log10l(1e+300L), 0x9.6p+5L),
        ROW(log1pl(1e-10L), 0xd.be6fece8eb493a6p-37L),
        ROW(log1pl(3.0L), 0xb.17217f7d1cf79acp-3L),
        ROW(cbrtl(2.0L), 0xa.14517cc6b945711p-3L),
        ROW(cbrtl(-1e+100L), -0xd.47193dd364e447cp+107L),
        ROW(logbl(1e+300L), 0xf.9p+6L),
        ROW(powl(2.0L, 0.5L), 0xb.504f333f9de6484p-3L),
        ROW(powl(1.0001L, 10000000.0L), 0xc.51e0a8ecd23f3c6p+1439L),
        ROW(powl(3.0L, 5000.0L), 0xe.0cd03be7bed83d6p+7921L),
    };
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void test_other(void)
{
    const struct row rows[] = {
        ROW(erfl(0.3L), 0xa.841c440ef507cf4p-5L),
        ROW(erfl(2.0L), 0xf.ecd70a13caf1997p-4L),
        ROW(erfcl(0.3L), 0xa.bdf1ddf8857c186p-4L),
        ROW(erfcl(5.0L), 0xd.860d3acfbb9c49bp-43L),
        ROW(tgammal(0.5L), 0xe.2dfc48da77b553dp-3L),
        ROW(tgammal(10.5L), 0x8.a56f31c912e4ea4p+17L),
        ROW(lgammal(0.5L), 0x9.28682473d0de85fp-4L),
        ROW(lgammal(1000.5L), 0xb.8a564b64eae9538p+9L),
        ROW(floorl(-1.5L), -0x8p-2L),
        ROW(ceill(-1.5L), -0x8p-3L),
        ROW(truncl(-1.5L), -0x8p-3L),
        ROW(roundl(-1.5L), -0x8p-2L),
        ROW(roundl(2.5L), 0xcp-2L),
        ROW(nearbyintl(2.5L), 0x8p-2L),
        ROW(fabsl(-3.0L), 0xcp-2L),
        ROW(fmodl(1e+30L, 7.0L), 0xcp-2L),
        ROW(remainderl(1e+30L, 7.0L), 0xcp-2L),
        ROW(fdiml(3.0L, 1.0L), 0x8p-2L),
        ROW(copysignl(3.0L, -1.0L), -0xcp-2L),
        ROW(nextafterl(1.0L, 2.0L), 0x8.000000000000001p-3L),
        ROW(fmaxl(1.0L, 2.0L), 0x8p-2L),
        ROW(fminl(1.0L, 2.0L), 0x8p-3L),
    };
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void test_parts(void)
{
    int exponent, quotient;
    long double whole, sine, cosine;
    CHECK(frexpl(12.0L, &exponent) == 0.75L && exponent == 4);
    CHECK(modfl(-2.25L, &whole) == -0.25L && whole == -2.0L);
    CHECK(remquol(29.0L, 3.0L, &quotient) == -1.0L && (quotient & 7) == 2);
    CHECK(ldexpl(0.75L, 4) == 12.0L && scalbnl(1.0L, -16440) == 0x1p-16440L &&
          scalblnl(1.0L, 3L) == 8.0L);
    CHECK(ilogbl(0x1p-16440L) == -16440 && lroundl(-2.5L) == -3 &&
          llroundl(1e15L + 0.5L) == 1000000000000001LL);
    CHECK(isnan(nanl("")) && fmal(0x1p60L, 0x1p60L, -0x1p120L) == 0.0L &&
          fmal(3.0L, 4.0L, 5.0L) == 17.0L);
    CHECK(nexttoward(1.0, 2.0L) == 1.0 + 0x1p-52 && nexttowardf(1.0F, 0.0L) == 1.0F - 0x1p-24F);
    sincosl(1.0L, &sine, &cosine);
    CHECK(sine == sinl(1.0L) && cosine == cosl(1.0L));
    /* A difference of two larger numbers. */
    CHECK(fabsl(lgammal(-2.5L) - -0xe.65fcfaf6878ac48p-8L) < 0x1p-62L && signgam == -1);
    CHECK(!isfinite(lgammal(-1.0L)) && lgammal(-0.5L) > 0 && signgam == -1);
}

int main(void)
{
    test_trigonometric();
    test_exponential();
    test_other();
    test_parts();
    return finish();
}
