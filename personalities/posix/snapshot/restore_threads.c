/* SPDX-License-Identifier: MIT */
/* Threads, their registers and signals of a snapshot. */
#include <stdlib.h>
#include <string.h>

#include "../fpu.h"
#include "../task.h"
#include "restore.h"

#define THREADS_MAX 4096u

/* ---- signal actions ----------------------------------------------------------------------------------- */

int restore_actions(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_SIGACTION, NULL);
    restore->sighand = allocate(sizeof *restore->sighand);
    if (!restore->sighand)
        return -ENOMEM;
    restore->sighand->references = 1;
    for (; note; note = snap_next(&restore->snapshot, SNAP_SIGACTION, note)) {
        uint32_t signal = snap_get_u32(note, SNAP_SIGACTION_SIGNAL, 0);
        uint64_t mask = snap_get_u64(note, SNAP_SIGACTION_MASK, 0);
        if (signal < 1 || signal > SIGNAL_COUNT || signal == SIGKILL || signal == SIGSTOP)
            return restore_refuse(-ENOEXEC, "an action for an impossible signal", signal);
        restore->sighand->actions[signal - 1] = (struct linux_sigaction){
            .handler = snap_get_u32(note, SNAP_SIGACTION_HANDLER, 0),
            .flags = snap_get_u32(note, SNAP_SIGACTION_FLAGS, 0),
            .restorer = snap_get_u32(note, SNAP_SIGACTION_RESTORER, 0),
            .mask = {(uint32_t)mask, (uint32_t)(mask >> 32)},
        };
    }
    return 0;
}

/* ---- threads ------------------------------------------------------------------------------------------- */

/* The notes of one thread. */
struct thread_notes {
    const struct snap_note *status, *fpu, *tls, *own;
};

/* The standard note of a type between this thread's status and the next one's. */
static const struct snap_note *belonging(const struct restore *restore,
                                         const struct snap_note *status, uint32_t type)
{
    const struct snap_note *end = restore->snapshot.notes + restore->snapshot.note_count;
    for (const struct snap_note *note = status + 1; note < end; note++) {
        if (snap_note_is_own(note))
            continue;
        if (note->type == CORE_PRSTATUS)
            return NULL;
        if (note->type == type)
            return note;
    }
    return NULL;
}

/* Of the thread after `notes` (all NULL: of the first). False: there is none. */
static bool next_thread(const struct restore *restore, struct thread_notes *notes)
{
    notes->status = snap_next_standard(&restore->snapshot, CORE_PRSTATUS, notes->status);
    notes->own = snap_next(&restore->snapshot, SNAP_THREAD, notes->own);
    if (!notes->status || !notes->own)
        return false;
    notes->fpu = belonging(restore, notes->status, LINUX_PRXFPREG);
    notes->tls = belonging(restore, notes->status, LINUX_386_TLS);
    return notes->status->size >= sizeof(struct core_prstatus);
}

static void take_registers(const struct thread_notes *notes, struct registers *regs)
{
    struct core_prstatus status;
    memcpy(&status, notes->status->data, sizeof status);
    *regs = capture_registers_back(&status.regs);
}

static void take_restart(struct thread *thread, const struct snap_note *note)
{
    uint32_t length = 0, kind = snap_get_u32(note, SNAP_THREAD_RESTART_KIND, RESTART_NONE);
    uint64_t left = snap_get_u64(note, SNAP_THREAD_RESTART_LEFT, DEADLINE_NEVER);
    const uint8_t *words = snap_get(note, SNAP_THREAD_RESTART_WORDS, &length);
    if (kind > RESTART_CALL || !words || length != sizeof thread->restart.words)
        return;
    thread->restart.kind = kind;
    thread->restart.deadline = left == DEADLINE_NEVER ? DEADLINE_NEVER : deadline_after(left);
    memcpy(thread->restart.words, words, length);
}

/* Nobody gets more of the processor than the restoring process may give. */
static void take_sched(const struct restore *restore, struct thread *thread,
                       const struct snap_note *note)
{
    uint32_t length = 0, words[5];
    const uint8_t *data = snap_get(note, SNAP_THREAD_SCHED, &length);
    bool free = restorer_can(restore, CAP_SYS_NICE);
    if (!data || length != sizeof words)
        return;
    memcpy(words, data, sizeof words);
    int32_t nice = (int32_t)words[2];
    bool batch = words[0] == 0 || words[0] == 3 || words[0] == 5; /* none that real time is */
    if (words[0] > 5 || words[1] > 99 || nice < -20 || nice > 19 ||
        (!free && (!batch || nice < thread->sched.nice)))
        return;
    thread->sched = (struct thread_sched){words[0], words[1], nice, words[3], words[4] != 0};
}

static void take_state(const struct restore *restore, struct thread *thread,
                       const struct thread_notes *notes)
{
    const struct snap_note *own = notes->own;
    thread->blocked =
        snap_get_u64(own, SNAP_THREAD_BLOCKED, 0) & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
    thread->has_restore_blocked = false;
    thread->altstack = snap_get_u32(own, SNAP_THREAD_ALTSTACK, 0);
    thread->altstack_size = snap_get_u32(own, SNAP_THREAD_ALTSTACK_SIZE, 0);
    thread->altstack_flags = snap_get_u32(own, SNAP_THREAD_ALTSTACK_FLAGS, 0);
    thread->clear_tid = snap_get_u32(own, SNAP_THREAD_CLEAR_TID, 0);
    thread->robust_list = snap_get_u32(own, SNAP_THREAD_ROBUST_LIST, 0);
    thread->restart.kind = RESTART_NONE;
    take_restart(thread, own);
    take_sched(restore, thread, own);
    memset(thread->tls, 0, sizeof thread->tls);
    if (notes->tls && notes->tls->size == sizeof thread->tls)
        memcpy(thread->tls, notes->tls->data, sizeof thread->tls);
}

/* The thread that has the process's number, or the first if none has. */
static bool leader_of(const struct restore *restore, struct thread_notes *leader)
{
    struct thread_notes notes = {NULL, NULL, NULL, NULL};
    const struct snap_note *process = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    uint32_t pid = snap_get_u32(process, SNAP_PROCESS_PID, 0);
    bool found = false;
    while (next_thread(restore, &notes)) {
        bool same = snap_get_u32(notes.own, SNAP_THREAD_TID, 0) == pid;
        if (!found || same)
            *leader = notes;
        found = true;
        if (same)
            break;
    }
    return found;
}

void restore_first_thread(struct restore *restore, struct thread *thread)
{
    struct thread_notes notes;
    uint8_t state[FPU_STATE_SIZE] __attribute__((aligned(16)));
    if (!leader_of(restore, &notes))
        return; /* checked by restore_threads */
    take_state(restore, thread, &notes);
    take_registers(&notes, &thread->frame->regs);
    for (uint32_t slot = 0; slot < TLS_SLOTS; slot++)
        thread_set_tls(thread, slot);
    if (notes.fpu && notes.fpu->size == sizeof state) {
        memcpy(state, notes.fpu->data, sizeof state);
        ignore(guest_fpu_write(HANDLE_SELF, state));
    } else {
        ignore(guest_fpu_reset(X87_CONTROL));
    }
}

static int make_thread(struct restore *restore, struct process *process,
                       const struct thread_notes *notes)
{
    uint32_t tid = snap_get_u32(notes->own, SNAP_THREAD_TID, 0);
    struct thread *thread;
    if (tid == 0 || thread_find(tid))
        tid = thread_new_tid();
    int error = thread_new(process, tid, false, &thread);
    if (error < 0)
        return error;
    take_state(restore, thread, notes);
    take_registers(notes, &thread->start_registers);
    restore->threads[restore->thread_count++] = thread;
    if (!notes->fpu || notes->fpu->size != FPU_STATE_SIZE)
        return 0;
    thread->fpu = allocate(FPU_STATE_SIZE);
    if (!thread->fpu)
        return -ENOMEM;
    memcpy(thread->fpu, notes->fpu->data, FPU_STATE_SIZE);
    return 0;
}

int restore_threads(struct restore *restore, struct process *process)
{
    struct thread_notes notes = {NULL, NULL, NULL, NULL}, leader;
    restore->threads = calloc(THREADS_MAX, sizeof *restore->threads);
    if (!restore->threads)
        return -ENOMEM;
    int error = leader_of(restore, &leader) ? 0 : -ENOEXEC;
    while (error == 0 && next_thread(restore, &notes)) {
        if (notes.own != leader.own)
            error = restore->thread_count < THREADS_MAX ? make_thread(restore, process, &notes)
                                                        : -EAGAIN;
    }
    while (error < 0 && restore->thread_count > 0)
        thread_discard(restore->threads[--restore->thread_count]);
    return error;
}

/* ---- pending signals ------------------------------------------------------------------------------------ */

void restore_pending(struct restore *restore, struct process *process)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PENDING, NULL);
    for (; note; note = snap_next(&restore->snapshot, SNAP_PENDING, note)) {
        siginfo_t info;
        uint32_t length = 0, tid = snap_get_u32(note, SNAP_PENDING_TID, 0);
        const uint8_t *data = snap_get(note, SNAP_PENDING_INFO, &length);
        if (!data || length != sizeof info)
            continue;
        memcpy(&info, data, sizeof info);
        struct thread *thread = tid ? thread_find(tid) : NULL;
        if (info.si_signo < 1 || info.si_signo > (int)SIGNAL_COUNT)
            continue;
        if (thread && thread->process == process)
            signal_thread(thread, &info);
        else
            signal_process(process, &info);
    }
}
