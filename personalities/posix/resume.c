/* SPDX-License-Identifier: MIT */
/* Calls that are issued again after their process stood still. See resume.h. */
#include "resume.h"

#include "file.h"
#include "task.h"

/* thread->restart.words of RESTART_CALL */
enum { WORD_MOVED, WORD_RESULT, WORD_NUMBER, WORD_ADDRESS };

#define TRAP_LENGTH 2u /* of the instruction that issues a call */

ktime_t call_deadline(ktime_t deadline)
{
    const struct thread *thread = self(); /* NULL: the server's own work */
    return unlikely(thread && thread->resumed) ? thread->restart.deadline : deadline;
}

uint32_t call_moved(struct io *io)
{
    const struct thread *thread = self();
    uint32_t moved = unlikely(thread->resumed) ? thread->restart.words[WORD_MOVED] : 0;
    moved = MIN(moved, io->left);
    io_skip(io, moved);
    return moved;
}

/* Whether the snapshot is all that it is interrupted for. */
static bool stands_still_only(struct thread *thread)
{
    const struct process *process = thread->process;
    return process->frozen && !process->stopped && !thread->tracing && !thread_must_end(thread) &&
           !signal_waiting(thread);
}

static int32_t again(struct thread *thread, int32_t result, ktime_t deadline, uint32_t moved)
{
    thread->restart.kind = RESTART_CALL;
    thread->restart.deadline = deadline;
    thread->restart.words[WORD_MOVED] = moved;
    thread->restart.words[WORD_RESULT] = (uint32_t)result;
    thread->attention = 1; /* the loop looks at it, whatever becomes of the result */
    return -ERESTART_RESUME;
}

int32_t call_interrupted(int32_t result, ktime_t deadline)
{
    struct thread *thread = self();
    return stands_still_only(thread) ? again(thread, result, deadline, 0) : result;
}

int32_t call_transferred(const struct io *io, uint32_t moved, int32_t result)
{
    struct thread *thread = self();
    uint32_t sum = moved + (uint32_t)MAX(result, 0);
    bool waits = result >= 0 ? io->left > 0 : result == -ERESTARTSYS || result == -ERESTART_RESUME;
    if (sum == 0)
        return result;
    if (!waits || !stands_still_only(thread))
        return (int32_t)sum;
    /* What waited inside may have noted its deadline. */
    ktime_t deadline = thread->resumed || thread->restart.kind == RESTART_CALL
                           ? thread->restart.deadline
                           : DEADLINE_NEVER;
    return again(thread, (int32_t)sum, deadline, sum);
}

void call_resume_begin(struct thread *thread, uint32_t number, const struct registers *regs)
{
    if (thread->restart.kind != RESTART_CALL)
        return;
    thread->restart.kind = RESTART_NONE;
    thread->resumed = thread->restart.words[WORD_NUMBER] == number &&
                      thread->restart.words[WORD_ADDRESS] == regs->eip - TRAP_LENGTH;
    thread_watch(thread);
}

void call_resume_later(struct thread *thread, int32_t result)
{
    if (thread->restart.kind != RESTART_CALL)
        return;
    if (result != -ERESTART_RESUME) {
        thread->restart.kind = RESTART_NONE; /* it had a better result after all */
        return;
    }
    thread->restart.words[WORD_NUMBER] = thread->trap_number;
    thread->restart.words[WORD_ADDRESS] = thread->frame->regs.eip - TRAP_LENGTH;
    thread_watch(thread);
}

void call_resume_never(struct thread *thread)
{
    struct registers *regs = &thread->frame->regs;
    if (thread->restart.kind != RESTART_CALL)
        return;
    thread->restart.kind = RESTART_NONE;
    thread_watch(thread);
    if (!thread->in_call && regs->eip != thread->restart.words[WORD_ADDRESS])
        return;
    if (!thread->in_call)
        regs->eip += TRAP_LENGTH;
    regs->eax = thread->restart.words[WORD_RESULT];
}
