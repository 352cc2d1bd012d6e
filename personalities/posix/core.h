/* SPDX-License-Identifier: MIT */
/*
 * What every file of the posix server uses: the server lock, sleeping, copies to and from guests,
 * errors, time and the log.
 *
 * Lock order: the server lock, then the lock of missing.c; there are no others. System call handlers
 * are called without the server lock. It may
 * be held over guest copies of at most a page and over short calls to init, never over anything
 * that waits for a program, a terminal or a disk.
 */
#ifndef POSIX_CORE_H
#define POSIX_CORE_H

#include <atomik/list.h>
#include <atomik/objects.h>
#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <atomik/types.h>

#include "linux.h"

#define ARRAY_COUNT(array) (sizeof(array) / sizeof(array)[0])
#define MIN(a, b)          ((a) < (b) ? (a) : (b))
#define MAX(a, b)          ((a) > (b) ? (a) : (b))
#define NS_PER_SEC         1000000000ull
#define likely(x)          __builtin_expect(!!(x), 1)
#define unlikely(x)        __builtin_expect(!!(x), 0)

struct thread;

/* An address of a guest. Only guest copies may look behind it. */
typedef struct {
    uint32_t address;
} user_t;
#define USER(value) ((user_t){value})
static inline user_t user_at(user_t base, uint32_t offset)
{
    return USER(base.address + offset);
}

/* ---- the server lock ---- */
extern struct mutex big_lock; /* for these two only */
static inline void server_lock(void)
{
    mutex_lock(&big_lock);
}
static inline void server_unlock(void)
{
    mutex_unlock(&big_lock);
}

/* ---- sleeping; all with the server lock held, which is released meanwhile ---- */
struct wait_queue {
    struct list waiters;
};
struct waiter {
    struct list link;
    struct thread *thread;
    bool woken;
    bool until_end; /* only the end of the process interrupts it, no signal and no stop */
};
#define WAIT_QUEUE_INIT(name)     \
    {                             \
        LIST_INIT((name).waiters) \
    }
void wait_queue_init(struct wait_queue *queue);
/* 0: woken; -ETIMEDOUT; -ERESTARTSYS: the thread has a signal, a stop or its end to look at. */
int wait_queue_sleep(struct wait_queue *queue, ktime_t deadline);
/* The same, with nothing but the end of the thread to interrupt it. */
int wait_queue_sleep_until_end(struct wait_queue *queue, ktime_t deadline);
void wait_queue_wake(struct wait_queue *queue, uint32_t count);
#define WAKE_ALL UINT32_MAX
/* For callers that sort waiters themselves (futexes): sleep until waiter->woken. */
int waiter_sleep(struct waiter *waiter, ktime_t deadline);
void waiter_wake(struct waiter *waiter);

/* ---- guest memory of the calling thread: 0 or -EFAULT ---- */
int copy_in(void *to, user_t from, uint32_t length);
int copy_out(user_t to, const void *from, uint32_t length);
int zero_out(user_t to, uint32_t length);
int copy_view(void *to, const void *from, uint32_t length); /* one side is a view of a file */
/* Whether length bytes at `to` can be written now; the bytes stay what they are. */
int probe_out(user_t to, uint32_t length);
/* Length without the NUL, -EFAULT, or -ENAMETOOLONG if there is no NUL in `size` bytes. */
int copy_in_string(char *to, user_t from, uint32_t size);
static inline int put_user(user_t to, uint32_t value)
{
    return copy_out(to, &value, 4);
}
int get_user(uint32_t *value, user_t from);

/* ---- errors ---- */
/* Negative errno of a status; 0 for OK. INTERRUPTED becomes -ERESTARTSYS. */
int errno_of(status_t status);
/* Of what a file server was asked: one that is gone is a device that fails, not a pipe without a reader. */
static inline int file_errno(status_t status)
{
    return errno_of(status == ERR_PEER_CLOSED ? ERR_IO_ERROR : status);
}
/* For calls that fail only through a mistake of ours or an object that went away meanwhile. */
void ignore(status_t status);
void close_handle(handle_t handle);

/* ---- time ---- */
ktime_t now(void);
uint64_t wall_clock(void);
static inline ktime_t deadline_after(uint64_t ns)
{
    ktime_t time = now();
    return ns > UINT64_MAX / 2 || time + ns < time ? DEADLINE_NEVER : time + ns;
}

/* ---- memory and text: the server's own ---- */
void *allocate(uint32_t size); /* zeroed; NULL when out */
void release(void *pointer);
char *text_copy(const char *text); /* NULL when out */
/* A line into the kernel log. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A text buffer that grows; `failed` once memory ran out. */
struct text {
    char *data;
    uint32_t length, capacity;
    bool failed;
};
void text_add(struct text *text, const void *data, uint32_t length);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *text);

#endif
