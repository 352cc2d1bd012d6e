/* SPDX-License-Identifier: MIT */
/*
 * The Unix trap ABI of Atomik, which is Linux's on i386: int 0x80, number in eax, arguments in ebx ecx
 * edx esi edi ebp, the negative errno as the result of a failure. Errno, flags and structures of the
 * headers are the ABI's own, so that a call passes its arguments on as they are.
 *
 * CALL(name, ...) is the raw result, RESULT(raw) sets errno, CANCEL(name, ...) is a call at which a
 * thread can be cancelled. 64-bit arguments are passed as WIDE(value), two words.
 */
#ifndef SYSROOT_SYSTEM_H
#define SYSROOT_SYSTEM_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define WIDE(value) (long)(uint32_t)(uint64_t)(value), (long)((uint64_t)(value) >> 32)

/* Six arguments need ebp, which the compiler may not give away. */
long __atomik_call6(long number, long a, long b, long c, long d, long e, long f);
long __atomik_cancel_point(long number, long a, long b, long c, long d, long e, long f);
long __atomik_failed(long raw);

static inline long call0_(long number)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number) : "memory");
    return result;
}

static inline long call1_(long number, long a)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a) : "memory");
    return result;
}

static inline long call2_(long number, long a, long b)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b) : "memory");
    return result;
}

static inline long call3_(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

static inline long call4_(long number, long a, long b, long c, long d)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d)
                     : "memory");
    return result;
}

static inline long call5_(long number, long a, long b, long c, long d, long e)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return result;
}

/* Each argument becomes a word; callN by the number of arguments. */
#define call0(n)                call0_(n)
#define call1(n, a)             call1_(n, (long)(a))
#define call2(n, a, b)          call2_(n, (long)(a), (long)(b))
#define call3(n, a, b, c)       call3_(n, (long)(a), (long)(b), (long)(c))
#define call4(n, a, b, c, d)    call4_(n, (long)(a), (long)(b), (long)(c), (long)(d))
#define call5(n, a, b, c, d, e) call5_(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define call6(n, a, b, c, d, e, f) \
    __atomik_call6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#define COUNT_(n, a, b, c, d, e, f, count, ...) count
#define COUNT(...)                              COUNT_(__VA_ARGS__, 6, 5, 4, 3, 2, 1, 0, )
#define JOIN_(a, b)                             a##b
#define JOIN(a, b)                              JOIN_(a, b)
#define CALLN(...)                              JOIN(call, COUNT(__VA_ARGS__))(__VA_ARGS__)
#define CALL(name, ...)                         CALLN(SYS_##name, ##__VA_ARGS__)

/* A cancellation point: the arguments that are missing are zero. Only a program that can cancel threads
 * has what makes it one; in any other it is a plain call. */
#define CANCEL(name, ...) CANCELN(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CANCELN(...)      CANCEL_(__VA_ARGS__)
#define CANCEL_(n, a, b, c, d, e, f, ...) \
    __atomik_cancel_point(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#define RESULT(raw)                                                   \
    ({                                                                \
        long raw_ = (raw);                                            \
        (unsigned long)raw_ > -4096UL ? __atomik_failed(raw_) : raw_; \
    })

#endif
