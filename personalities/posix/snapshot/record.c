/* SPDX-License-Identifier: MIT */
/* Recording and replay: the log, its taps, and what is done again. See record.h. */
#include "record.h"

#include <capture/capture.h>
#include <snapshot/snapshot.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../calls.h"
#include "../file.h"
#include "../task.h"

#define LOG_MAGIC   0x474f4c53u /* "SLOG" */
#define LOG_VERSION 2u
#define LOG_BUFFER  65536u
#define RANGES      64u
#define OUT_MAX     (1u << 20)  /* bytes of one range */
#define MAPPED_MAX  (32u << 20) /* of a file that is mapped */
#define TRIES       100u

uint32_t recordings;

/* ---- the log ------------------------------------------------------------------------------------------ */

enum entry_kind { ENTRY_CALL = 1, ENTRY_OUT, ENTRY_IN, ENTRY_SIGNAL, ENTRY_END };
struct entry {
    uint32_t kind, size; /* of what follows */
};
/* A call, as words: what is not in the log is as with the call before. */
enum call_word {
    WORD_NUMBER,
    WORD_ARGUMENTS,
    WORD_RESULT = WORD_ARGUMENTS + 6,
    WORD_BLOCKED, /* the signal masks after it, low half first */
    WORD_RESTORE_BLOCKED = WORD_BLOCKED + 2,
    WORD_HAS_RESTORE_BLOCKED = WORD_RESTORE_BLOCKED + 2,
    CALL_WORDS
};
struct call {
    uint32_t words[CALL_WORDS];
};
#define CALL_ENTRY_HEAD ((uint32_t)(sizeof(struct entry) + sizeof(uint32_t)))
#define CALL_ENTRY_MAX  (CALL_ENTRY_HEAD + CALL_WORDS * 4u)
struct range_entry {
    uint32_t address, length, crc; /* OUT: its bytes follow */
};

struct recording {
    bool replaying, inside; /* inside: a call, whose copies are of interest */
    uint64_t calls;
    struct call last;
    uint32_t changed; /* words of it since the last one that is in the log: a bit each */
    /* recording */
    struct capture_output output;
    uint64_t offset; /* in the log */
    uint8_t *buffer;
    uint32_t used;
    bool failed;
    uint32_t range_count;
    struct range_entry ranges[RANGES];
    bool is_out[RANGES];
    /* replaying */
    struct replay_options options;
    uint64_t size, at;
};

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
    put_entry(own, ENTRY_END, why, (uint32_t)strlen(why), 0);
    flush(own);
}

/* ---- recording ------------------------------------------------------------------------------------------ */

static void free_recording(struct recording *own)
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
    struct thread *thread;
    list_each(thread, &process->threads, struct thread, link) thread_watch(thread);
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
            free_recording(own);
        else
            close_handle(log);
        return status;
    }
    put(own, head, sizeof head);
    process->recording = own;
    recordings++;
    watch_threads(process);
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
    free_recording(own);
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

static bool is_error(int32_t result)
{
    return result < 0 && result >= -4095;
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

static uint64_t call_mask(const struct call *call, enum call_word low)
{
    return call->words[low] | (uint64_t)call->words[low + 1] << 32;
}

static int32_t perform(uint32_t number, const struct registers *regs)
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

static int32_t record_one(struct thread *thread, struct recording *own, uint32_t number,
                          const struct registers *regs)
{
    struct process *process = thread->process;
    note_call(own, number, regs);
    if (number == __NR_exit || number == __NR_exit_group) {
        note_result(own, thread, 0);
        put_call(own);
        record_end(process, "the program ended");
        return perform(number, regs);
    }
    thread->trap_number = number;
    own->range_count = 0;
    own->inside = true;
    int32_t result = perform(number, regs);
    own->inside = false;
    own->calls++;
    if (number == __NR_execve && result == -RESULT_KEEP_REGISTERS) {
        record_end(process, "the process became another program");
        return result;
    }
    add_mapping(own, result);
    note_result(own, thread, result);
    put_call(own);
    put_ranges(own, process->mm->space);
    if (own->used > LOG_BUFFER / 2)
        flush(own);
    const char *limit = limit_of_recording(process, own, number, result);
    if (unlikely(limit != NULL))
        record_end(process, limit);
    else if (signal_pending_set(thread) & ~thread->blocked)
        thread->attention = 1; /* what had to wait for the end of a call */
    return result;
}

/* ---- replay ----------------------------------------------------------------------------------------------- */

static bool read_log(struct recording *own, void *to, uint32_t length)
{
    if (length > own->size - own->at || vmo_read(own->options.log, own->at, to, length) != OK)
        return false;
    own->at += length;
    return true;
}

/* The next entry's head, without going behind it. */
static bool peek_entry(struct recording *own, struct entry *entry)
{
    uint64_t at = own->at;
    bool good = read_log(own, entry, sizeof *entry) && entry->size <= own->size - own->at;
    own->at = at;
    return good;
}

int replay_begin(struct process *process, const struct replay_options *options)
{
    struct recording *own = allocate(sizeof *own);
    struct vmo_info info;
    uint32_t head[2] = {0, 0};
    if (!own)
        return -ENOMEM;
    own->replaying = true;
    own->options = *options;
    if (vmo_info(options->log, &info) == OK)
        own->size = info.size_low | (uint64_t)info.size_high << 32;
    if (!read_log(own, head, sizeof head) || head[0] != LOG_MAGIC || head[1] != LOG_VERSION) {
        free_recording(own);
        return -ENOEXEC;
    }
    server_lock();
    process->recording = own;
    recordings++;
    watch_threads(process);
    server_unlock();
    return 0;
}

/* The replay stops here, and the process with it: it can be looked into, saved, or let go on. */
static void __attribute__((format(printf, 2, 3)))
stop(struct thread *thread, const char *format, ...)
{
    struct recording *own = thread->process->recording;
    char line[320];
    int length = snprintf(line, sizeof line, "replay: call %llu: ", (unsigned long long)own->calls);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
    va_end(arguments);
    strlcpy(line + strlen(line), "\n", 2);
    if (own->options.report)
        file_print(own->options.report, line, (uint32_t)strlen(line));
    server_lock();
    process_stop(thread->process, SIGSTOP);
    thread->attention = 1;
    server_unlock();
}

/* From now on the process is as any other, once it goes on. */
static void finish(struct thread *thread)
{
    record_end(thread->process, "");
}

/* Calls that concern nothing but the process's own state, which later calls build on. */
static bool is_done_again(uint32_t number)
{
    switch (number) {
    case __NR_brk:
    case __NR_munmap:
    case __NR_mprotect:
    case __NR_mremap:
    case __NR_madvise:
    case __NR_rt_sigaction:
    case __NR_sigaction:
    case __NR_signal:
    case __NR_rt_sigprocmask:
    case __NR_sigprocmask:
    case __NR_sigaltstack:
    case __NR_sigreturn:
    case __NR_rt_sigreturn:
    case __NR_set_thread_area:
    case __NR_set_tid_address:
    case __NR_set_robust_list:
    case __NR_exit:
    case __NR_exit_group:
        return true;
    }
    return false;
}

/* A mapping of a file becomes memory at the same place, and its content comes from the log. */
static int32_t map_again(const struct registers *regs, int32_t wanted)
{
    struct registers again = *regs;
    if (is_error(wanted))
        return wanted;
    if (!(regs->esi & MAP_ANONYMOUS)) {
        again.ebx = (uint32_t)wanted;
        again.esi = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
        again.edi = UINT32_MAX;
        again.ebp = 0;
    }
    return perform(__NR_mmap2, &again);
}

static bool write_bytes(struct recording *own, handle_t space, const struct range_entry *range)
{
    uint8_t piece[2048];
    for (uint32_t at = 0; at < range->length;) {
        uint32_t part = MIN(range->length - at, (uint32_t)sizeof piece), done = 0;
        if (!read_log(own, piece, part))
            return false;
        /* Beyond the end of a mapped file nothing is there: that is not written either. */
        (void)!space_write(space, range->address + at, piece, part, &done);
        at += part;
    }
    return true;
}

static bool is_same(handle_t space, const struct range_entry *range)
{
    uint8_t piece[2048];
    uint32_t crc = 0;
    for (uint32_t at = 0; at < range->length;) {
        uint32_t part = MIN(range->length - at, (uint32_t)sizeof piece), done = 0;
        if (space_read(space, range->address + at, piece, part, &done) != OK || done != part)
            return false;
        crc = snap_crc32c(crc, piece, part);
        at += part;
    }
    return crc == range->crc;
}

/* What the call wrote into memory; *differs: what it read from there is not what it was. */
static bool take_ranges(struct thread *thread, struct recording *own, struct range_entry *differs)
{
    handle_t space = thread->process->mm->space;
    struct entry entry;
    while (peek_entry(own, &entry) && (entry.kind == ENTRY_OUT || entry.kind == ENTRY_IN)) {
        struct range_entry range;
        if (entry.size < sizeof range || !read_log(own, &entry, sizeof entry) ||
            !read_log(own, &range, sizeof range))
            return false;
        if (entry.kind == ENTRY_IN && !is_same(space, &range))
            *differs = range;
        if (entry.kind == ENTRY_OUT &&
            (range.length != entry.size - sizeof range || !write_bytes(own, space, &range)))
            return false;
    }
    return true;
}

/* The call that the log has next. */
static bool take_call(struct recording *own, struct call *call)
{
    uint32_t mask = 0, words[CALL_WORDS];
    struct entry entry;
    if (!peek_entry(own, &entry) || entry.kind != ENTRY_CALL || entry.size < sizeof mask ||
        entry.size > sizeof mask + sizeof words || !read_log(own, &entry, sizeof entry) ||
        !read_log(own, &mask, sizeof mask))
        return false;
    uint32_t count = (uint32_t)__builtin_popcount(mask);
    if (mask >> CALL_WORDS || entry.size != sizeof mask + count * 4 ||
        !read_log(own, words, count * 4))
        return false;
    for (uint32_t i = 0, from = 0; i < CALL_WORDS; i++)
        if (mask & 1u << i)
            own->last.words[i] = words[from++];
    *call = own->last;
    return true;
}

static bool is_call(const struct call *call, uint32_t number, const struct registers *regs)
{
    uint32_t words[7] = {number, regs->ebx, regs->ecx, regs->edx, regs->esi, regs->edi, regs->ebp};
    return memcmp(words, call->words, sizeof words) == 0;
}

static const char *name_of(uint32_t number)
{
    const char *name = syscall_name(number);
    return name ? name : "unknown";
}

/* The end of the log: what was to come is not known. */
static int32_t end_of_log(struct thread *thread, struct recording *own, uint32_t number,
                          const struct registers *regs)
{
    char why[64] = "";
    struct entry entry;
    if (peek_entry(own, &entry) && entry.kind == ENTRY_END && entry.size < sizeof why &&
        read_log(own, &entry, sizeof entry))
        (void)read_log(own, why, entry.size);
    stop(thread, "the recording ends before %s: %s", name_of(number), why);
    finish(thread);
    (void)regs;
    return -ERESTARTNOINTR; /* it is made for real if the process goes on */
}

static int32_t differs(struct thread *thread, const struct call *call, uint32_t number,
                       const struct registers *regs)
{
    stop(thread, "divergence: it was %s(%#x, %#x, %#x, %#x), it is %s(%#x, %#x, %#x, %#x) at %#x",
         name_of(call->words[WORD_NUMBER]), call->words[WORD_ARGUMENTS],
         call->words[WORD_ARGUMENTS + 1], call->words[WORD_ARGUMENTS + 2],
         call->words[WORD_ARGUMENTS + 3], name_of(number), regs->ebx, regs->ecx, regs->edx,
         regs->esi, regs->eip - 2);
    finish(thread);
    return -ERESTARTNOINTR;
}

static int32_t do_again(struct thread *thread, const struct call *call,
                        const struct registers *regs)
{
    uint32_t number = call->words[WORD_NUMBER];
    int32_t wanted = (int32_t)call->words[WORD_RESULT];
    int32_t result = number == __NR_mmap2 ? map_again(regs, wanted) : perform(number, regs);
    if (number == __NR_set_tid_address)
        return wanted; /* its number is another one in a replay */
    if (result != wanted)
        stop(thread, "divergence: %s gave %#x, now it gives %#x", name_of(number), (uint32_t)wanted,
             (uint32_t)result);
    return result;
}

static int32_t __attribute__((noinline)) replay_one(struct thread *thread, struct recording *own,
                                                    uint32_t number, const struct registers *regs)
{
    struct entry entry;
    struct call call;
    struct range_entry different = {0, 0, 0};
    struct registers before = *regs;
    if (own->options.until && own->calls == own->options.until) {
        stop(thread, "before %s(%#x, %#x, %#x) at %#x", name_of(number), regs->ebx, regs->ecx,
             regs->edx, regs->eip - 2);
        own->options.until = 0;
        return -ERESTARTNOINTR;
    }
    if (!take_call(own, &call))
        return end_of_log(thread, own, number, regs);
    if (!is_call(&call, number, regs))
        return differs(thread, &call, number, regs);
    own->calls++;
    if (number == __NR_exit || number == __NR_exit_group) {
        finish(thread);
        return perform(number, regs);
    }
    bool again = is_done_again(number) || number == __NR_mmap2;
    int32_t result = again ? do_again(thread, &call, regs) : (int32_t)call.words[WORD_RESULT];
    if (!take_ranges(thread, own, &different))
        return differs(thread, &call, number, &before);
    if (different.length)
        stop(thread, "divergence: %s says something else: %u bytes at %#x are not what they were",
             name_of(number), different.length, different.address);
    if (!again) {
        thread->blocked = call_mask(&call, WORD_BLOCKED);
        thread->restore_blocked = call_mask(&call, WORD_RESTORE_BLOCKED);
        thread->has_restore_blocked = call.words[WORD_HAS_RESTORE_BLOCKED] != 0;
    }
    if (peek_entry(own, &entry) && entry.kind == ENTRY_SIGNAL)
        thread->attention = 1;
    return result;
}

int32_t record_call(struct thread *thread, uint32_t number, const struct registers *regs)
{
    struct recording *own = thread->process->recording;
    return unlikely(own->replaying) ? replay_one(thread, own, number, regs)
                                    : record_one(thread, own, number, regs);
}

/* ---- signals ------------------------------------------------------------------------------------------------ */

/* The next one of the log, if it is its turn. What the process did to itself is waiting as well: it goes. */
static uint32_t signal_of_log(struct thread *thread, struct recording *own, siginfo_t *info)
{
    struct entry entry;
    siginfo_t real;
    uint64_t faults = thread->pending.set & SIGNALS_FAULT;
    if (!peek_entry(own, &entry) || entry.kind != ENTRY_SIGNAL || entry.size != sizeof *info)
        return faults ? signal_take(thread, faults, info) : 0;
    (void)(read_log(own, &entry, sizeof entry) && read_log(own, info, sizeof *info));
    if (signal_pending_set(thread) & SIGNAL_BIT((uint32_t)info->si_signo))
        (void)signal_take(thread, SIGNAL_BIT((uint32_t)info->si_signo), &real);
    if (info->si_signo < 1 || info->si_signo > (int)SIGNAL_COUNT)
        return 0;
    return (SIGNAL_BIT((uint32_t)info->si_signo) & SIGNALS_STOP) ? 0 : (uint32_t)info->si_signo;
}

uint32_t record_signal(struct thread *thread, siginfo_t *info)
{
    struct recording *own = thread->process->recording;
    if (own->replaying)
        return signal_of_log(thread, own, info);
    /* Out of the program's own code only faults are delivered: the place of others is a call. */
    uint64_t set = ~thread->blocked;
    if (!thread->in_call)
        set &= thread->pending.set & SIGNALS_FAULT;
    uint32_t signal = signal_take(thread, set, info);
    if (signal != 0 && LOG_BUFFER - own->used > sizeof *info + sizeof(struct entry))
        put_entry(own, ENTRY_SIGNAL, info, sizeof *info,
                  0); /* not to the file: there is the lock */
    else if (signal != 0)
        own->failed = true;
    return signal;
}

bool record_is_replayed_crash(struct thread *thread, uint32_t signal)
{
    struct recording *own = thread->process->recording;
    const struct registers *regs = &thread->frame->regs;
    if (!own || !own->replaying || !own->options.until_crash)
        return false;
    server_unlock();
    stop(thread, "the crash: signal %u at %#x, address %#x", signal, regs->eip,
         thread->trap_address);
    finish(thread);
    server_lock();
    return true;
}
