/* SPDX-License-Identifier: MIT */
/* Replay: calls are answered from the log, and what is done again. See record.h. */
#include <snapshot/snapshot.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../calls.h"
#include "../file.h"
#include "../task.h"
#include "recording.h"

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
        recording_free(own);
        return -ENOEXEC;
    }
    server_lock();
    recording_attach(process, own);
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
    return recording_perform(__NR_mmap2, &again);
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

/* One that is as the last one, if that comes next. */
static bool take_repeat(struct recording *own)
{
    struct entry entry;
    if (own->repeats == 0 && peek_entry(own, &entry) && entry.kind == ENTRY_REPEAT &&
        entry.size == sizeof own->repeats && read_log(own, &entry, sizeof entry))
        (void)read_log(own, &own->repeats, sizeof own->repeats);
    if (own->repeats == 0)
        return false;
    own->repeats--;
    return true;
}

/* The call that the log has next. */
static bool take_call(struct recording *own, struct call *call)
{
    uint32_t mask = 0, words[CALL_WORDS];
    struct entry entry;
    if (take_repeat(own)) {
        *call = own->last;
        return true;
    }
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

static uint64_t call_mask(const struct call *call, enum call_word low)
{
    return call->words[low] | (uint64_t)call->words[low + 1] << 32;
}

static int32_t do_again(struct thread *thread, const struct call *call,
                        const struct registers *regs)
{
    uint32_t number = call->words[WORD_NUMBER];
    int32_t wanted = (int32_t)call->words[WORD_RESULT];
    int32_t result =
        number == __NR_mmap2 ? map_again(regs, wanted) : recording_perform(number, regs);
    if (number == __NR_set_tid_address)
        return wanted; /* its number is another one in a replay */
    if (result != wanted)
        stop(thread, "divergence: %s gave %#x, now it gives %#x", name_of(number), (uint32_t)wanted,
             (uint32_t)result);
    return result;
}

int32_t replay_call(struct thread *thread, struct recording *own, uint32_t number,
                    const struct registers *regs)
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
        return recording_perform(number, regs);
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
    if (own->repeats == 0 && peek_entry(own, &entry) && entry.kind == ENTRY_SIGNAL)
        thread->attention = 1;
    return result;
}

/* ---- signals -----------------------------------------------------------------------------------------------*/

/* The next entry, if it is a signal that there is; without going behind it. */
static bool peek_signal(struct recording *own, siginfo_t *info)
{
    uint64_t at = own->at;
    struct entry entry;
    bool good = own->repeats == 0 && peek_entry(own, &entry) && entry.kind == ENTRY_SIGNAL &&
                entry.size == sizeof *info && read_log(own, &entry, sizeof entry) &&
                read_log(own, info, sizeof *info) && info->si_signo >= 1 &&
                info->si_signo <= (int)SIGNAL_COUNT;
    own->at = at;
    return good;
}

/*
 * What the process did to itself is waiting as well: it goes. A fault has its place in the program's own
 * code, not at a call: it waits until the program comes there.
 */
uint32_t replay_signal(struct thread *thread, struct recording *own, siginfo_t *info)
{
    siginfo_t real;
    uint64_t faults = thread->pending.set & SIGNALS_FAULT;
    if (!peek_signal(own, info))
        return faults ? signal_take(thread, faults, info) : 0;
    uint64_t bit = SIGNAL_BIT((uint32_t)info->si_signo);
    if ((bit & SIGNALS_FAULT) && info->si_code > 0 && !(faults & bit))
        return 0;
    own->at += sizeof(struct entry) + sizeof *info;
    if (signal_pending_set(thread) & bit)
        (void)signal_take(thread, bit, &real);
    return (bit & SIGNALS_STOP) ? 0 : (uint32_t)info->si_signo;
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
