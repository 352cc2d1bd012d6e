/* SPDX-License-Identifier: MIT */
/* See calls.h. What the arguments mean is read in the rows of calls.def themselves. */
#include "calls.h"

#include <stdio.h>
#include <string.h>

#include <atomik/calls.h>
#include <atomik/syscall.h>

#define WORDS 6u

static const struct call_row {
    const char *name, *arguments;
} rows[CALL_LIMIT] = {
#define SYSCALL(number, name, arguments, text) [number] = {#name, #arguments},
#include <atomik/calls.def>
#undef SYSCALL
};

uint32_t calls_pending(handle_t space, const struct registers *regs)
{
    static const uint8_t instruction[2] = {0xcd, CALL_VECTOR};
    uint8_t here[2];
    uint32_t done = 0;
    if (regs->eax >= CALL_LIMIT || rows[regs->eax].name == NULL ||
        space_read(space, regs->eip, here, sizeof here, &done) != OK || done != sizeof here ||
        memcmp(here, instruction, sizeof here) != 0)
        return 0;
    return regs->eax;
}

static uint32_t *word_of(struct registers *regs, uint32_t word)
{
    uint32_t *const words[WORDS] = {&regs->ebx, &regs->ecx, &regs->edx,
                                    &regs->esi, &regs->edi, &regs->ebp};
    return words[word];
}

/* IN(word, u64, deadline) takes two words from this one on; WORDS: there is none. */
static uint32_t deadline_word(const struct registers *regs)
{
    const char *arguments = regs->eax < CALL_LIMIT ? rows[regs->eax].arguments : NULL;
    const char *at = arguments != NULL ? strstr(arguments, ", u64, deadline)") : NULL;
    uint32_t word = at != NULL && at > arguments ? (uint32_t)(at[-1] - '0') : WORDS;
    return word + 1 < WORDS ? word : WORDS;
}

bool calls_deadline(const struct registers *regs, uint64_t *deadline)
{
    struct registers copy = *regs;
    uint32_t word = deadline_word(regs);
    if (word == WORDS)
        return false;
    *deadline = *word_of(&copy, word) | (uint64_t)*word_of(&copy, word + 1) << 32;
    return true;
}

void calls_set_deadline(struct registers *regs, uint64_t deadline)
{
    uint32_t word = deadline_word(regs);
    if (word == WORDS)
        return;
    *word_of(regs, word) = (uint32_t)deadline;
    *word_of(regs, word + 1) = (uint32_t)(deadline >> 32);
}

void calls_describe(const struct registers *regs, char *text, size_t size)
{
    const struct call_row *row = &rows[regs->eax];
    struct registers copy = *regs;
    uint32_t count = 0;
    /* As many words as the row names: the highest number behind a parenthesis. */
    for (const char *at = strchr(row->arguments, '('); at != NULL; at = strchr(at + 1, '('))
        if (at[1] >= '0' && at[1] < '0' + (int)WORDS && (uint32_t)(at[1] - '0') >= count)
            count = (uint32_t)(at[1] - '0') + 1;
    int length = snprintf(text, size, "%s", row->name);
    for (uint32_t i = 0; i < count && (size_t)length < size; i++)
        length +=
            snprintf(text + length, size - (size_t)length, " %#x", (unsigned)*word_of(&copy, i));
}
