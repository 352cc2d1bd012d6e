/* SPDX-License-Identifier: MIT */
/*
 * Dispatch of kernel calls. For each row of calls.def a thunk takes the argument words apart and
 * calls the typed handler, so that a handler whose parameters do not fit its row does not compile;
 * a number that is given twice does not either (override-init).
 */
#include <kernel/calls.h>
#include <kernel/log.h>
#include <kernel/pager.h>
#include <kernel/thread.h>

#define WORD_handle(word)    words[word]
#define WORD_u32(word)       words[word]
#define WORD_addr(word)      words[word]
#define WORD_u64(word)       ((uint64_t)words[(word) + 1] << 32 | words[word])
#define IN(word, kind, name) , WORD_##kind(word)
#define ADDRESS(word) \
    , (user_t)        \
    {                 \
        words[word]   \
    }
#define OUT(word, type, name)   ADDRESS(word)
#define INOUT(word, type, name) ADDRESS(word)
#define BUFIN(word, name)       ADDRESS(word)
#define BUFOUT(word, name)      ADDRESS(word)
#define SYSCALL(number, call, arguments, text)          \
    static status_t thunk_##call(const uint32_t *words) \
    {                                                   \
        return call_##call(HANDLER_DROP(_ arguments));  \
    }
#include <atomik/calls.def>
#undef SYSCALL

typedef status_t (*thunk_t)(const uint32_t *words);
static const thunk_t thunks[CALL_LIMIT] = {
#define SYSCALL(number, call, arguments, text) [number] = thunk_##call,
#include <atomik/calls.def>
#undef SYSCALL
};

/*
 * SHOULD_WAIT with a page that is needed: what the call uses lies in a file that is not read yet, and
 * nothing has been done so far. So it is made again when the page is there.
 */
static status_t carry_out(thunk_t thunk, const uint32_t words[6])
{
    status_t status = OK;
    pager_relieve();
    while (status == OK) {
        current->page_need.vmo = NULL;
        status = thunk(words);
        if (status != ERR_SHOULD_WAIT || current->page_need.vmo == NULL)
            return status;
        status = pager_wait(false);
    }
    return status;
}

status_t kernel_call_dispatch(uint32_t number, const uint32_t words[6])
{
    if (number < CALL_LIMIT && thunks[number]) {
        status_t status = carry_out(thunks[number], words);
        if (status != ERR_CANCELLED || !(current->attention & ATTENTION_SUSPEND))
            return status;
        arch_call_again(current);
        return (status_t)number;
    }
    if (!current->process->unknown_logged) {
        current->process->unknown_logged = true;
        log_print("%s: kernel call %u does not exist\n", current->process->name, number);
    }
    return ERR_NOT_IMPLEMENTED;
}
