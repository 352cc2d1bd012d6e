/* SPDX-License-Identifier: MIT */
/* Recording: the log and its taps. See record.h. */
#include "recording.h"

#include <snapshot/snapshot.h>
#include <stdlib.h>
#include <string.h>

#include "../calls.h"
#include "../file.h"
#include "../task.h"

#define LOG_BUFFER 65536u
#define OUT_MAX    (1u << 20)  /* bytes of one range */
#define MAPPED_MAX (32u << 20) /* of a file that is mapped */
#define TRIES      100u

uint32_t recordings;

/* ---- the log ------------------------------------------------------------------------------------------ */

static void flush(struct recording *own)
{
    status_t status = OK;
    for (uint32_t i = 0; i < TRIES && own->used > 0; i++) {
        status = capture_output_write(&own->output, own->offset, own->buffer, own->used);
        if (status != ERR_INTERRUPTED)
            break;
    }
    own->failed |= status != OK;
    own->offset += own->used;
    own->used = 0;
}

static void put(struct recording *own, const void *data, uint32_t length)
{
    const uint8_t *from = data;
    while (length > 0 && !own->failed) {
        uint32_t part = MIN(length, LOG_BUFFER - own->used);
        memcpy(own->buffer + own->used, from, part);
        own->used += part;
        from += part;
        length -= part;
        if (own->used == LOG_BUFFER)
            flush(own);
    }
}

static void put_entry(struct recording *own, uint32_t kind, const void *data, uint32_t size,
                      uint32_t more)
{
    struct entry entry = {kind, size + more};
    put(own, &entry, sizeof entry);
    put(own, data, size);
}

/* ENTRY_REPEAT: how many calls were as the last one. */
static void put_repeats(struct recording *own)
{
    uint32_t count = own->repeats;
    own->repeats = 0;
    if (count > 0)
        put_entry(own, ENTRY_REPEAT, &count, sizeof count, 0);
}

static void put_word(struct recording *own, uint32_t word)
{
    __builtin_memcpy(own->buffer + own->used, &word, sizeof word); /* a store, not a call */
    own->used += (uint32_t)sizeof word;
}

static inline void note_word(struct recording *own, uint32_t word, uint32_t value)
{
    if (likely(own->last.words[word] == value))
        return;
    own->last.words[word] = value;
    own->changed |= 1u << word;
}

/*
 * ENTRY_CALL: a word with a bit for each word that follows, and those. Straight into the buffer, since
 * programs make calls far more often than anything else that is recorded.
 */
static void put_call(struct recording *own)
{
    uint32_t mask = own->changed, size = sizeof mask;
    put_repeats(own);
    if (unlikely(LOG_BUFFER - own->used < CALL_ENTRY_MAX))
        flush(own);
    uint8_t *head = own->buffer + own->used;
    own->used += CALL_ENTRY_HEAD;
    for (uint32_t left = mask; unlikely(left != 0); left &= left - 1) {
        put_word(own, own->last.words[__builtin_ctz(left)]);
        size += 4;
    }
    __builtin_memcpy(head, &(struct entry){ENTRY_CALL, size}, sizeof(struct entry));
    __builtin_memcpy(head + sizeof(struct entry), &mask, sizeof mask);
    own->changed = 0;
}

static void put_end(struct recording *own, const char *why)
{
    put_repeats(own);
    put_entry(own, ENTRY_END, why, (uint32_t)strlen(why), 0);
    flush(own);
}

/* ---- recording ------------------------------------------------------------------------------------------ */

void recording_free(struct recording *own)
{
    capture_output_close(&own->output);
    close_handle(own->output.file);
    close_handle(own->options.log);
    if (own->options.report)
        file_release(own->options.report);
    free(own->buffer);
    release(own);
}

/* Calls go the way by which they are recorded, or no longer. Lock held. */
static void watch_threads(struct process *process)
{
    list_each(thread, &process->threads, struct thread, link) thread_watch(thread);
}

void recording_attach(struct process *process, struct recording *own)
{
    process->recording = own;
    recordings++;
    watch_threads(process);
}

status_t record_begin(struct process *process, handle_t log)
{
    struct recording *own = process->recording ? NULL : allocate(sizeof *own);
    uint32_t head[2] = {LOG_MAGIC, LOG_VERSION};
    status_t status = process->thread_count > 1 ? ERR_NOT_SUPPORTED : own ? OK : ERR_BUSY;
    if (status == OK) {
        own->buffer = malloc(LOG_BUFFER);
        status = own->buffer ? capture_output_open(&own->output, log) : ERR_NO_MEMORY;
    }
    if (status != OK) {
        if (own)
            recording_free(own);
        else
            close_handle(log);
        return status;
    }
    put(own, head, sizeof head);
    recording_attach(process, own);
    return OK;
}

void record_end(struct process *process, const char *why)
{
    struct recording *own = process->recording;
    if (!own)
        return;
    if (!own->replaying)
        put_end(own, why);
    server_lock();
    process->recording = NULL;
    recordings--;
    watch_threads(process);
    server_unlock();
    recording_free(own);
}

static struct recording *active(void)
{
    const struct thread *thread = self();
    struct recording *own = thread ? thread->process->recording : NULL;
    return own && own->inside ? own : NULL;
}

static void add_range(struct recording *own, uint32_t address, uint32_t length, uint32_t crc,
                      bool out)
{
    struct range_entry *last = &own->ranges[own->range_count - 1];
    if (out && own->range_count > 0 && own->is_out[own->range_count - 1] &&
        last->address + last->length == address && last->length + length <= OUT_MAX) {
        last->length += length; /* they often follow each other */
        return;
    }
    if (own->range_count == RANGES) {
        own->failed = true;
        return;
    }
    own->is_out[own->range_count] = out;
    own->ranges[own->range_count++] = (struct range_entry){address, length, crc};
}

void record_out(uint32_t address, uint32_t length)
{
    struct recording *own = active();
    if (own && !own->replaying && length > 0)
        add_range(own, address, length, 0, true);
}

/* What a program says to the outside; only that is compared. */
static bool is_output(uint32_t number)
{
    return number == __NR_write || number == __NR_writev || number == __NR_pwrite64 ||
           number == __NR_sendto || number == __NR_sendmsg;
}

void record_in(uint32_t address, const void *data, uint32_t length)
{
    struct recording *own = active();
    if (own && !own->replaying && length > 0 && is_output(self()->trap_number))
        add_range(own, address, length, snap_crc32c(0, data, length), false);
}

/* The bytes of a range as they are now; what cannot be read is zero. */
static void put_bytes(struct recording *own, handle_t space, const struct range_entry *range)
{
    uint8_t piece[2048];
    for (uint32_t at = 0; at < range->length;) {
        uint32_t part = MIN(range->length - at, (uint32_t)sizeof piece), done = 0;
        if (space_read(space, range->address + at, piece, part, &done) != OK)
            done = 0;
        memset(piece + done, 0, part - done);
        put(own, piece, part);
        at += part;
    }
}

static void put_ranges(struct recording *own, handle_t space)
{
    for (uint32_t i = 0; i < own->range_count; i++) {
        const struct range_entry *range = &own->ranges[i];
        bool out = own->is_out[i];
        put_entry(own, out ? ENTRY_OUT : ENTRY_IN, range, sizeof *range, out ? range->length : 0);
        if (out)
            put_bytes(own, space, range);
    }
}

/* A file that was mapped: its content goes into the log, for the replay has no file. */
static void add_mapping(struct recording *own, int32_t result)
{
    const uint32_t *words = own->last.words;
    uint32_t length = words[WORD_ARGUMENTS + 1];
    if (words[WORD_NUMBER] != __NR_mmap2 || is_error(result) ||
        (words[WORD_ARGUMENTS + 3] & MAP_ANONYMOUS))
        return;
    if (length > MAPPED_MAX)
        own->failed = true;
    else
        add_range(own, (uint32_t)result, (length + PAGE_MASK) & ~PAGE_MASK, 0, true);
}

static void note_call(struct recording *own, uint32_t number, const struct registers *regs)
{
    note_word(own, WORD_NUMBER, number);
    note_word(own, WORD_ARGUMENTS, regs->ebx);
    note_word(own, WORD_ARGUMENTS + 1, regs->ecx);
    note_word(own, WORD_ARGUMENTS + 2, regs->edx);
    note_word(own, WORD_ARGUMENTS + 3, regs->esi);
    note_word(own, WORD_ARGUMENTS + 4, regs->edi);
    note_word(own, WORD_ARGUMENTS + 5, regs->ebp);
}

static void note_result(struct recording *own, const struct thread *thread, int32_t result)
{
    note_word(own, WORD_RESULT, (uint32_t)result);
    note_word(own, WORD_BLOCKED, (uint32_t)thread->blocked);
    note_word(own, WORD_BLOCKED + 1, (uint32_t)(thread->blocked >> 32));
    note_word(own, WORD_RESTORE_BLOCKED, (uint32_t)thread->restore_blocked);
    note_word(own, WORD_RESTORE_BLOCKED + 1, (uint32_t)(thread->restore_blocked >> 32));
    note_word(own, WORD_HAS_RESTORE_BLOCKED, thread->has_restore_blocked);
}

/* The two below say whether a call and what came of it are as the last one; most are not, or are many. */
static inline bool is_last(const struct recording *own, uint32_t number,
                           const struct registers *regs)
{
    const uint32_t *last = own->last.words, *arguments = last + WORD_ARGUMENTS;
    return ((last[WORD_NUMBER] ^ number) | (arguments[0] ^ regs->ebx) | (arguments[1] ^ regs->ecx) |
            (arguments[2] ^ regs->edx) | (arguments[3] ^ regs->esi) | (arguments[4] ^ regs->edi) |
            (arguments[5] ^ regs->ebp)) == 0;
}

static inline bool is_last_result(const struct recording *own, const struct thread *thread,
                                  int32_t result)
{
    const uint32_t *last = own->last.words;
    return ((last[WORD_RESULT] ^ (uint32_t)result) |
            (last[WORD_BLOCKED] ^ (uint32_t)thread->blocked) |
            (last[WORD_BLOCKED + 1] ^ (uint32_t)(thread->blocked >> 32)) |
            (last[WORD_RESTORE_BLOCKED] ^ (uint32_t)thread->restore_blocked) |
            (last[WORD_RESTORE_BLOCKED + 1] ^ (uint32_t)(thread->restore_blocked >> 32)) |
            (last[WORD_HAS_RESTORE_BLOCKED] ^ thread->has_restore_blocked)) == 0;
}

int32_t recording_perform(uint32_t number, const struct registers *regs)
{
    return number < SYSCALL_LIMIT && syscall_thunks[number] ? syscall_thunks[number](regs)
                                                            : syscall_unknown(number);
}

/* Why the recording ends with a call; NULL: it goes on. */
static const char *limit_of_recording(const struct process *process, const struct recording *own,
                                      uint32_t number, int32_t result)
{
    if (own->failed)
        return "the log could not be written";
    if (process->thread_count > 1)
        return "a second thread";
    if ((number == __NR_shmat || number == __NR_mmap || number == __NR_ipc) && !is_error(result))
        return "a call whose mappings are not recorded";
    return NULL;
}

/* What came of a call, into the log. False: the recording has ended. */
static bool __attribute__((noinline))
put_outcome(struct thread *thread, struct recording *own, uint32_t number, int32_t result)
{
    struct process *process = thread->process;
    if (number == __NR_execve && result == -RESULT_KEEP_REGISTERS) {
        record_end(process, "the process became another program");
        return false;
    }
    add_mapping(own, result);
    note_result(own, thread, result);
    put_call(own);
    put_ranges(own, process->mm->space);
    own->repeatable = own->range_count == 0;
    if (own->used > LOG_BUFFER / 2)
        flush(own);
    const char *limit = limit_of_recording(process, own, number, result);
    if (limit != NULL)
        record_end(process, limit);
    return limit == NULL;
}

static int32_t record_one(struct thread *thread, struct recording *own, uint32_t number,
                          const struct registers *regs)
{
    bool same = is_last(own, number, regs) && own->repeatable;
    if (!same)
        note_call(own, number, regs);
    if (number == __NR_exit || number == __NR_exit_group) {
        note_result(own, thread, 0);
        put_call(own);
        record_end(thread->process, "the program ended");
        return recording_perform(number, regs);
    }
    thread->trap_number = number;
    own->range_count = 0;
    own->inside = true;
    int32_t result = recording_perform(number, regs);
    own->inside = false;
    own->calls++;
    if (same && own->range_count == 0 && is_last_result(own, thread, result) &&
        own->repeats != UINT32_MAX)
        own->repeats++;
    else if (!put_outcome(thread, own, number, result))
        return result;
    if (signal_pending_set(thread) & ~thread->blocked)
        thread->attention = 1; /* what had to wait for the end of a call */
    return result;
}

int32_t record_call(struct thread *thread, uint32_t number, const struct registers *regs)
{
    struct recording *own = thread->process->recording;
    return unlikely(own->replaying) ? replay_call(thread, own, number, regs)
                                    : record_one(thread, own, number, regs);
}

/* ---- signals ------------------------------------------------------------------------------------------------ */

uint32_t record_signal(struct thread *thread, siginfo_t *info)
{
    struct recording *own = thread->process->recording;
    if (own->replaying)
        return replay_signal(thread, own, info);
    /* Out of the program's own code only faults are delivered: the place of others is a call. */
    uint64_t set = ~thread->blocked;
    if (!thread->in_call)
        set &= thread->pending.set & SIGNALS_FAULT;
    uint32_t signal = signal_take(thread, set, info);
    if (signal != 0 && LOG_BUFFER - own->used > sizeof *info + 3 * sizeof(struct entry)) {
        put_repeats(own); /* neither goes to the file: there is the lock */
        put_entry(own, ENTRY_SIGNAL, info, sizeof *info, 0);
    } else if (signal != 0)
        own->failed = true;
    return signal;
}
