/* SPDX-License-Identifier: MIT */
/* What a snapshot says of the process itself: who it is, its limits, its names. */
#include <string.h>

#include "../task.h"
#include "restore.h"

static void take_ids(struct credentials *to, const struct snap_note *note)
{
    uint32_t length = 0, ids[8];
    const uint8_t *data = snap_get(note, SNAP_PROCESS_IDS, &length);
    if (!data || length != sizeof ids)
        return;
    memcpy(ids, data, sizeof ids);
    to->uid = ids[0], to->euid = ids[1], to->suid = ids[2], to->fsuid = ids[3];
    to->gid = ids[4], to->egid = ids[5], to->sgid = ids[6], to->fsgid = ids[7];
}

static void take_groups(struct credentials *to, const struct snap_note *note)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, SNAP_PROCESS_GROUPS, &length);
    struct group_list *groups = data && length <= GROUPS_MAX * 4u ? groups_new(length / 4) : NULL;
    if (!groups)
        return;
    memcpy(groups->gids, data, length & ~3u);
    struct credentials old = *to;
    to->groups = groups;
    credentials_release(&old);
}

/* No capability that the restoring process has not. */
static void take_capabilities(struct credentials *to, const struct snap_note *note)
{
    uint32_t length = 0;
    uint64_t sets[5];
    const uint8_t *data = snap_get(note, SNAP_PROCESS_CAPABILITIES, &length);
    if (!data || length != sizeof sets)
        return;
    memcpy(sets, data, sizeof sets);
    to->permitted &= sets[1];
    to->effective = sets[0] & to->permitted;
    to->inheritable = sets[2] & to->permitted;
    to->bounding &= sets[3];
    to->ambient = sets[4] & to->permitted & to->inheritable;
}

static void take_identity(const struct restore *restore, struct process *process,
                          const struct snap_note *note)
{
    struct credentials *to = &process->credentials;
    if (!restorer_can(restore, CAP_SETUID) || !restorer_can(restore, CAP_SETGID))
        return;
    take_ids(to, note);
    take_groups(to, note);
    take_capabilities(to, note);
}

static void take_limits(const struct restore *restore, struct process *process,
                        const struct snap_note *note)
{
    struct linux_rlimit64 limits[RLIMIT_COUNT];
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, SNAP_PROCESS_LIMITS, &length);
    if (!data || length != sizeof limits)
        return;
    memcpy(limits, data, sizeof limits);
    for (uint32_t i = 0; i < RLIMIT_COUNT; i++) {
        struct linux_rlimit64 *own = &process->limits[i];
        bool raise = limits[i].maximum > own->maximum && !restorer_can(restore, CAP_SYS_RESOURCE);
        if (!raise && limits[i].current <= limits[i].maximum)
            *own = limits[i];
    }
}

/* The clocks of its processor time go on. */
static void take_times(struct process *process, const struct snap_note *note)
{
    uint32_t length = 0;
    uint64_t times[4];
    const uint8_t *data = snap_get(note, SNAP_PROCESS_TIMES, &length);
    if (!data || length != sizeof times)
        return;
    memcpy(times, data, sizeof times);
    process->dead_user_time += times[0];
    process->dead_system_time += times[1];
    process->child_user_time = times[2];
    process->child_system_time = times[3];
}

void restore_stopped(struct restore *restore, struct process *process)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    uint32_t untold = snap_get_u32(note, SNAP_PROCESS_UNTOLD, 0);
    char state[8] = "";
    (void)snap_get_text(note, SNAP_PROCESS_STATE, state, sizeof state);
    process->stopped = strcmp(state, "stopped") == 0;
    process->stop_signal = process->stopped ? snap_get_u32(note, SNAP_PROCESS_STATUS, 0) & 0x7f : 0;
    process->stop_untold = process->stopped && (untold & 1);
    process->continue_untold = !process->stopped && (untold & 2);
}

void restore_state(struct restore *restore, struct process *process)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    (void)snap_get_text(note, SNAP_PROCESS_NAME, process->comm, sizeof process->comm);
    take_limits(restore, process, note);
    take_times(process, note);
    take_identity(restore, process, note);
    process->fs->umask = snap_get_u32(note, SNAP_PROCESS_UMASK, 022) & 0777;
    process->personality = snap_get_u32(note, SNAP_PROCESS_PERSONA, 0);
    process->dumpable = snap_get_u32(note, SNAP_PROCESS_DUMPABLE, 1) != 0;
    process->executed = true;
    process->death_signal = MIN(snap_get_u32(note, SNAP_PROCESS_DEATH_SIGNAL, 0), SIGNAL_COUNT);
    process->subreaper = snap_get_u32(note, SNAP_PROCESS_SUBREAPER, 0) != 0;
    process->no_new_privileges |= snap_get_u32(note, SNAP_PROCESS_NO_NEW_PRIVILEGES, 0) != 0;
    int32_t oom = (int32_t)snap_get_u32(note, SNAP_PROCESS_OOM_ADJUST, 0);
    if (oom >= process->oom_score_adj && oom <= 1000)
        process->oom_score_adj = oom;
}
