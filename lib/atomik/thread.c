/* SPDX-License-Identifier: MIT */
#include <atomik/thread.h>

#include <atomik/objects.h>
#include <atomik/syscall.h>

/* At the top of a new thread's stack. */
struct thread_start {
    void (*function)(void *);
    void *argument;
    uint32_t map_address, map_length; /* of the stack with its guard page */
};

void thread_main(struct thread_start *start) __attribute__((noreturn));
void thread_leave(uint32_t address, uint32_t length) __attribute__((noreturn));
void thread_entry(void);

/*
 * thread_entry: eax is the argument of thread_create. thread_leave unmaps the stack that it runs
 * on, so between its two kernel calls it must not touch memory.
 */
#define STRING_(x) #x
#define STRING(x)  STRING_(x)
__asm__(".text\n"
        ".globl thread_entry\n"
        "thread_entry:\n"
        "    xorl %ebp, %ebp\n"
        "    andl $-16, %esp\n"
        "    subl $12, %esp\n"
        "    pushl %eax\n"
        "    call thread_main\n"
        ".globl thread_leave\n"
        "thread_leave:\n"
        "    movl 4(%esp), %ecx\n"
        "    movl 8(%esp), %edx\n"
        "    xorl %ebx, %ebx\n"
        "    movl $44, %eax\n" /* space_unmap */
        "    int $" STRING(CALL_VECTOR) "\n"
                                        "    xorl %ebx, %ebx\n"
                                        "    movl $19, %eax\n" /* thread_exit */
                                        "    int $" STRING(CALL_VECTOR) "\n"
                                                                        "    ud2\n");
_Static_assert(CALL_space_unmap == 44 && CALL_thread_exit == 19, "numbers in the assembler above");

void thread_main(struct thread_start *start)
{
    start->function(start->argument);
    thread_leave(start->map_address, start->map_length);
}

/* Ends a thread without its thread_start: found again through the mapping that holds the stack. */
void thread_end(void)
{
    struct mapping_info mapping;
    uint32_t here = (uint32_t)__builtin_frame_address(0);
    if (space_query(HANDLE_SELF, here, &mapping) != OK || mapping.address > here ||
        mapping.tag == 0)
        thread_leave(0, 0); /* the first thread: its stack stays */
    thread_leave(mapping.address - PAGE_SIZE, mapping.length + PAGE_SIZE);
}

/* The tag keeps neighbouring stacks from merging into one mapping; thread_end relies on that. */
static uint32_t next_tag = 1;

static status_t map_stack(size_t size, struct map_request *guarded)
{
    *guarded = (struct map_request){
        .length = size + PAGE_SIZE, .prot = PROT_NONE_, .flags = MAP_FLAG_GUARD};
    status_t status = space_map(HANDLE_SELF, guarded);
    if (status != OK)
        return status;
    struct map_request stack = {.address = guarded->address + PAGE_SIZE,
                                .length = size,
                                .prot = PROT_R | PROT_W,
                                .flags = MAP_FLAG_FIXED,
                                .tag =
                                    __atomic_fetch_add(&next_tag, 1, __ATOMIC_RELAXED) | 1u << 31};
    status = space_map(HANDLE_SELF, &stack);
    if (status != OK && space_unmap(HANDLE_SELF, guarded->address, guarded->length) != OK)
        __builtin_trap();
    return status;
}

status_t thread_spawn(void (*function)(void *), void *argument, size_t stack_size, handle_t *thread)
{
    size_t size =
        ((stack_size == 0 ? THREAD_STACK_DEFAULT : stack_size) + PAGE_MASK) & ~(size_t)PAGE_MASK;
    struct map_request mapping;
    status_t status = map_stack(size, &mapping);
    if (status != OK)
        return status;
    struct thread_start *start = (struct thread_start *)(mapping.address + mapping.length) - 1;
    *start = (struct thread_start){function, argument, mapping.address, mapping.length};
    status = thread_create(HANDLE_SELF, (uintptr_t)thread_entry, (uintptr_t)start, (uintptr_t)start,
                           thread);
    if (status != OK && space_unmap(HANDLE_SELF, mapping.address, mapping.length) != OK)
        __builtin_trap();
    return status;
}

static void sleep_on(uint32_t *word, uint32_t expected)
{
    status_t status = futex_wait((uintptr_t)word, expected, DEADLINE_NEVER, CALL_UNINTERRUPTIBLE);
    if (status != OK && status != ERR_SHOULD_WAIT && status != ERR_INTERRUPTED)
        __builtin_trap();
}

static void wake(uint32_t *word, uint32_t count)
{
    if (futex_wake((uintptr_t)word, count, NULL) != OK)
        __builtin_trap();
}

void mutex_lock_contended(struct mutex *mutex)
{
    while (__atomic_exchange_n(&mutex->state, 2, __ATOMIC_ACQUIRE) != 0)
        sleep_on(&mutex->state, 2);
}

void mutex_wake_waiter(struct mutex *mutex)
{
    wake(&mutex->state, 1);
}

bool condition_wait_until(struct condition *condition, struct mutex *mutex, ktime_t deadline)
{
    uint32_t sequence = __atomic_load_n(&condition->sequence, __ATOMIC_RELAXED);
    mutex_unlock(mutex);
    status_t status =
        futex_wait((uintptr_t)&condition->sequence, sequence, deadline, CALL_UNINTERRUPTIBLE);
    mutex_lock(mutex);
    return status != ERR_TIMED_OUT;
}

void condition_wait(struct condition *condition, struct mutex *mutex)
{
    condition_wait_until(condition, mutex, DEADLINE_NEVER);
}

void condition_signal(struct condition *condition)
{
    __atomic_fetch_add(&condition->sequence, 1, __ATOMIC_RELAXED);
    wake(&condition->sequence, 1);
}

void condition_broadcast(struct condition *condition)
{
    __atomic_fetch_add(&condition->sequence, 1, __ATOMIC_RELAXED);
    wake(&condition->sequence, UINT32_MAX);
}
