/* SPDX-License-Identifier: MIT */
/*
 * Futexes: sleep until somebody says that a word of memory has changed.
 *
 * A word is known by its address space and address. A server's words in its window belong to the
 * server's own space, whichever guest is attached. Words are private to a space; what personality
 * servers share between their guests they key themselves (space_object).
 */
#include <kernel/calls.h>
#include <kernel/memory.h>

#define BUCKETS 256

struct sleeper {
    struct list link;
    struct thread *thread;
    const struct space *space;
    uint32_t address;
};

static struct list buckets[BUCKETS];

static const struct space *space_of(uint32_t address)
{
    return address >= SERVER_BASE ? current->process->space : current->space;
}

static struct list *bucket_of(const struct space *space, uint32_t address)
{
    uint32_t hash = (address >> 2) * 0x9e3779b1u ^ (uint32_t)(uintptr_t)space * 0x85ebca6bu;
    struct list *bucket = &buckets[hash >> 24];

    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

status_t call_futex_wait(uint32_t word, uint32_t expected, uint64_t deadline, uint32_t flags)
{
    uint32_t value;

    if ((flags & ~(uint32_t)CALL_UNINTERRUPTIBLE) || word % sizeof value)
        return ERR_INVALID_ARGUMENT;
    status_t status = user_read(&value, (user_t){word}, sizeof value);
    if (status != OK)
        return status;
    if (value != expected)
        return ERR_SHOULD_WAIT;
    struct sleeper sleeper = {.thread = current, .space = space_of(word), .address = word};
    list_append(bucket_of(sleeper.space, word), &sleeper.link);
    current->in_futex = true;
    status = thread_block(deadline, !(flags & CALL_UNINTERRUPTIBLE));
    current->in_futex = false;
    list_remove(&sleeper.link);
    return status;
}

status_t call_futex_wake(uint32_t word, uint32_t count, user_t result)
{
    uint32_t woken = 0;
    struct list *item, *following;

    if (word % sizeof(uint32_t))
        return ERR_INVALID_ARGUMENT;
    status_t status = user_check((user_t){word}, sizeof(uint32_t));
    if (status == OK && result.address)
        status = user_probe(result, sizeof woken);
    if (status != OK)
        return status;
    const struct space *space = space_of(word);
    struct list *bucket = bucket_of(space, word);
    list_for_each_safe(item, following, bucket)
    {
        struct sleeper *sleeper = list_entry(item, struct sleeper, link);
        if (woken == count)
            break;
        if (sleeper->space != space || sleeper->address != word)
            continue;
        list_remove(item);
        thread_wake(sleeper->thread, OK);
        woken++;
    }
    return result.address ? user_write(result, &woken, sizeof woken) : OK;
}
