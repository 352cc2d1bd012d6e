/* SPDX-License-Identifier: MIT */
/* The log of a recording, as record.c writes and replay.c reads it. */
#ifndef POSIX_SNAPSHOT_RECORDING_H
#define POSIX_SNAPSHOT_RECORDING_H

#include <capture/capture.h>

#include "record.h"

#define LOG_MAGIC   0x474f4c53u /* "SLOG" */
#define LOG_VERSION 3u
#define RANGES      64u

/*
 * The log begins with these two words, then entries follow: a call (or how many were as the last one), what
 * it wrote and said, a signal that was delivered after it.
 */
enum entry_kind { ENTRY_CALL = 1, ENTRY_OUT, ENTRY_IN, ENTRY_SIGNAL, ENTRY_END, ENTRY_REPEAT };
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
    uint32_t
        repeats; /* calls that are as the last one: not in the log so far, or still to come from it */
    bool repeatable; /* with the last one there was nothing but its words */
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

/* ---- record.c ---- */
void recording_free(struct recording *own);
/* The process's recording is this one; its calls go the way by which they are recorded. Lock held. */
void recording_attach(struct process *process, struct recording *own);
int32_t recording_perform(uint32_t number, const struct registers *regs);

/* ---- replay.c ---- */
int32_t replay_call(struct thread *thread, struct recording *own, uint32_t number,
                    const struct registers *regs);
/* The next signal of the log, if it is its turn. */
uint32_t replay_signal(struct thread *thread, struct recording *own, siginfo_t *info);

static inline bool is_error(int32_t result)
{
    return result < 0 && result >= -4095;
}

#endif
