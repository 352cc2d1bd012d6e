/* SPDX-License-Identifier: MIT */
/*
 * A thread of the C library. gs:0 is its structure, which begins with what the compiler knows: a
 * pointer to itself (thread-local variables lie below it) and at 0x14 the stack protector's value.
 *
 * A thread that the library made lives in one mapping: guard, stack, thread-local variables, this
 * structure, newlib's reentrancy structure. The first thread has static ones.
 */
#ifndef SYSROOT_THREAD_H
#define SYSROOT_THREAD_H

#include <pthread.h>
#include <reent.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIGNAL_CANCEL = 33, /* tells a thread to look at its `cancelled` */
    SIGNAL_TIMER = 34,  /* wakes the thread of a timer that calls a function */
};

/* How a thread ends: joinable ones are freed by who joins, detached ones by themselves. */
enum thread_state { THREAD_JOINABLE, THREAD_DETACHED, THREAD_EXITING, THREAD_JOINED };

struct robust_list {
    void *next;
    long offset; /* from a list node to its mutex's lock word */
    void *pending;
};

/*
 * Small free blocks that a thread keeps (memory/heap.c). The C library has no thread-local variables of
 * the compiler's kind: so linkers that know none, like tcc's, can link programs.
 */
enum { HEAP_CLASSES = 97 };
struct heap_cache {
    struct block *free[HEAP_CLASSES];
    unsigned char count[HEAP_CLASSES];
    bool ended; /* the thread is ending: nothing more is kept */
};

enum { CEILING_MAX = 99 };

struct __atomik_thread {
    struct __atomik_thread *self;
    void *reserved[3];
    uintptr_t sysinfo; /* 0x10 */
    uintptr_t canary;  /* 0x14 */
    int tid;           /* the kernel sets it to zero and wakes when the thread is gone */
    volatile int cancelled;
    unsigned char cancel_disabled, cancel_async, cancel_acting;
    bool robust_known; /* the kernel knows the list below */
    volatile int state;
    struct _reent *reent;
    struct robust_list robust;
    struct __pthread_cleanup *cleanup;
    void **specific; /* PTHREAD_KEYS_MAX values, when any was set */
    void *map;
    size_t map_size;
    void *stack;
    size_t stack_size, guard_size;
    void *(*start)(void *);
    void *argument, *result;
    struct __atomik_thread *next, *previous; /* all threads, a ring */
    sigset_t start_mask;
    int start_policy, start_priority; /* -1: as the creator */
    volatile int start_gate;
    char dlerror_text[96];
    bool dlerror_set;
    struct heap_cache heap;
    int boost, base_policy, base_priority;   /* thread/ceiling.c */
    unsigned char ceilings[CEILING_MAX + 1]; /* how many mutexes of each it holds */
};

_Static_assert(offsetof(struct __atomik_thread, canary) == 0x14, "the compiler reads gs:0x14");

static inline struct __atomik_thread *thread_self(void)
{
    struct __atomik_thread *self;
    __asm__("movl %%gs:0, %0" : "=r"(self));
    return self;
}

/* The program's image, for thread-local variables and unwinding. */
struct program {
    const void *headers; /* Elf32_Phdr[] */
    size_t header_count;
    const void *tls_image;
    size_t tls_filled, tls_size, tls_align;
    const uint32_t *auxiliary;
    size_t thread_size; /* thread-local variables and the structure behind them */
};
extern struct program __atomik_program;
extern volatile int __atomik_thread_count; /* more than the first have been made: 1 and up */

/* Puts the thread-local variables and the structure into `memory`; the structure is the result. */
struct __atomik_thread *__atomik_thread_place(void *memory);

/* Blocks or restores all signals, the library's own too. */
void __atomik_block_all(sigset_t *old);
void __atomik_restore_mask(const sigset_t *old);

/* ---- locks of the library itself: 0 free, 1 taken, 2 taken and awaited ---- */

void __atomik_lock_slow(volatile int *lock);
void __atomik_unlock_slow(volatile int *lock);

static inline void lock(volatile int *word)
{
    if (!__sync_bool_compare_and_swap(word, 0, 1))
        __atomik_lock_slow(word);
}

static inline void unlock(volatile int *word)
{
    if (__sync_lock_test_and_set(word, 0) == 2)
        __atomik_unlock_slow(word);
}

/* ---- futexes ---- */

enum {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_PRIVATE = 128,
    FUTEX_REALTIME = 256,
};

/* Waits while *word is `value`, until `deadline` on `clock` if there is one. 0 or an errno; EINTR and
 * EAGAIN mean to look again. With `cancel` it is a cancellation point. */
int __atomik_futex_wait(volatile int *word, int value, clockid_t clock,
                        const struct timespec *deadline, int shared, bool cancel);
void __atomik_futex_wake(volatile int *word, int count, int shared);

int __atomik_bad_time(const struct timespec *time);

_Noreturn void __atomik_thread_end(void *result);
void __atomik_run_key_destructors(struct __atomik_thread *self);
/* newlib's lock of the heap, and ours of the list of threads, around fork. */
void __atomik_threads_lock(void);
void __atomik_threads_unlock(void);

#endif
