/* SPDX-License-Identifier: MIT */
/* Restoring trees that have processes of several personalities: members, pipes, starts. See tree.h. */
#include "tree.h"

#include <ipc/call.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX      512u
#define DEFAULT_CAPACITY 65536u
#define STREAMS          3u
#define PATH_BYTES       4096u

/* ---- members ------------------------------------------------------------------------------------ */

static status_t refuse(struct capture_tree *tree, status_t status, const char *problem,
                       uint32_t pid)
{
    tree->problem = problem;
    tree->where = pid;
    return status;
}

static void member_free(struct capture_member *member)
{
    if (!member->own) {
        snap_free(&member->read);
        capture_image_close(&member->image);
        handle_drop(&member->image.vmo);
    }
    free(member);
}

void capture_tree_free(struct capture_tree *tree)
{
    while (tree->members != NULL) {
        struct capture_member *member = tree->members;
        tree->members = member->next;
        member_free(member);
    }
    while (tree->pipes != NULL) {
        struct capture_pipe *pipe = tree->pipes;
        tree->pipes = pipe->next;
        handle_drop(&pipe->ends[0]);
        handle_drop(&pipe->ends[1]);
        free(pipe);
    }
    for (uint32_t i = 0; i < CAPTURE_STREAMS_MAX; i++) {
        handle_drop(&tree->kept[i][0]);
        handle_drop(&tree->kept[i][1]);
    }
}

struct capture_member *capture_tree_member(const struct capture_tree *tree, uint32_t pid)
{
    struct capture_member *member = tree->members;
    while (member != NULL && member->pid != pid)
        member = member->next;
    return member;
}

/* At the end: parents come before their children. */
static status_t add(struct capture_tree *tree, struct capture_member *member)
{
    const struct snap_note *process = snap_next(member->snapshot, SNAP_PROCESS, NULL);
    struct capture_member **last = &tree->members;
    member->pid = snap_get_u32(process, SNAP_PROCESS_PID, 0);
    member->ppid = snap_get_u32(process, SNAP_PROCESS_PPID, 0);
    if (tree->count >= MEMBERS_MAX || capture_tree_member(tree, member->pid) != NULL)
        return refuse(tree, ERR_BAD_EXECUTABLE, "an impossible tree", member->pid);
    while (*last != NULL)
        last = &(*last)->next;
    *last = member;
    tree->count++;
    return OK;
}

status_t capture_tree_own(struct capture_tree *tree, const struct snapshot *snapshot)
{
    struct capture_member *member = calloc(1, sizeof *member);
    if (member == NULL)
        return ERR_NO_MEMORY;
    member->own = true;
    member->snapshot = snapshot;
    status_t status = add(tree, member);
    if (status != OK)
        free(member);
    return status;
}

/* Takes the image, also after an error. */
static status_t read_member(struct capture_tree *tree, uint32_t pid, handle_t vmo,
                            struct capture_member **result)
{
    struct capture_member *member = calloc(1, sizeof *member);
    if (member == NULL) {
        handle_drop(&vmo);
        return ERR_NO_MEMORY;
    }
    const struct capture_options options = {.accept_edited = tree->options.accept_edited};
    member->image.vmo = vmo;
    member->image.init = tree->init;
    snap_init(&member->read);
    status_t status = capture_read(&member->read, &member->image, &options, &tree->problem);
    tree->where = pid;
    member->snapshot = &member->read;
    if (status == OK)
        status = add(tree, member);
    if (status != OK) {
        member_free(member);
        return status;
    }
    *result = member;
    return member->pid == pid
               ? OK
               : refuse(tree, ERR_BAD_EXECUTABLE, "the file of a child is another process's", pid);
}

/* The next child that had not ended; NULL first. */
static const struct snap_note *next_child(const struct capture_member *member,
                                          const struct snap_note *note)
{
    uint32_t length;
    do
        note = snap_next(member->snapshot, SNAP_CHILD, note);
    while (note != NULL && snap_get(note, SNAP_CHILD_STATUS, &length) != NULL);
    return note;
}

static status_t read_children(struct capture_tree *tree, const struct capture_member *member)
{
    struct capture_member *child;
    status_t status = OK;
    const struct snap_note *note = next_child(member, NULL);
    for (; note != NULL && status == OK; note = next_child(member, note)) {
        uint32_t pid = snap_get_u32(note, SNAP_CHILD_PID, 0);
        handle_t vmo = HANDLE_NONE;
        status = tree->open(tree->context, pid, &vmo);
        if (status != OK)
            return refuse(tree, status, "the snapshot of a child is not there", pid);
        status = read_member(tree, pid, vmo, &child);
    }
    return status;
}

status_t capture_tree_child(struct capture_tree *tree, const char *own, uint32_t pid, handle_t vmo,
                            bool *taken)
{
    char personality[16];
    struct capture_member *member;
    *taken =
        capture_personality(vmo, personality, sizeof personality) && strcmp(personality, own) != 0;
    if (!*taken)
        return OK;
    status_t status = read_member(tree, pid, vmo, &member);
    /* Those below it come behind it, and those below them behind these. */
    for (; status == OK && member != NULL; member = member->next)
        status = read_children(tree, member);
    return status;
}

struct capture_member *capture_tree_next(const struct capture_tree *tree,
                                         const struct capture_member *after)
{
    struct capture_member *member = after != NULL ? after->next : tree->members;
    for (; member != NULL; member = member->next) {
        const struct capture_member *parent = capture_tree_member(tree, member->ppid);
        if (!member->own && parent != NULL && parent->own)
            return member;
    }
    return NULL;
}

static bool is_below(const struct capture_tree *tree, const struct capture_member *member,
                     const struct capture_member *root)
{
    /* A parent comes before its children: this ends. */
    for (uint32_t i = 0; member != NULL && i < MEMBERS_MAX; i++) {
        if (member == root)
            return true;
        member = capture_tree_member(tree, member->ppid);
    }
    return false;
}

/* ---- pipes -------------------------------------------------------------------------------------- */

static struct capture_pipe *find_pipe(const struct capture_tree *tree, uint32_t stream)
{
    struct capture_pipe *pipe = tree->pipes;
    while (pipe != NULL && pipe->stream != stream)
        pipe = pipe->next;
    return pipe;
}

static struct capture_pipe *new_pipe(struct capture_tree *tree, uint32_t stream)
{
    struct capture_pipe *pipe = calloc(1, sizeof *pipe);
    if (pipe == NULL)
        return NULL;
    pipe->stream = stream;
    pipe->next = tree->pipes;
    tree->pipes = pipe;
    return pipe;
}

static bool is_kept(const handle_t ends[2])
{
    return ends[0] != HANDLE_NONE || ends[1] != HANDLE_NONE;
}

void capture_tree_keep(struct capture_tree *tree, uint32_t fd, const handle_t ends[2])
{
    uint32_t index = fd - STREAMS;
    bool fits = fd >= STREAMS && index < CAPTURE_STREAMS_MAX && !is_kept(tree->kept[index]);
    for (uint32_t i = 0; i < 2; i++) {
        handle_t end = ends[i];
        if (fits)
            tree->kept[index][i] = end;
        else
            handle_drop(&end);
    }
}

/* "--stream=NUMBER:FD" */
bool capture_tree_option(struct capture_tree *tree, const char *option)
{
    static const char start[] = "--stream=";
    char *end;
    if (strncmp(option, start, sizeof start - 1) != 0)
        return false;
    uint32_t stream = (uint32_t)strtoul(option + sizeof start - 1, &end, 10);
    uint32_t fd = *end == ':' ? (uint32_t)strtoul(end + 1, &end, 10) - STREAMS : UINT32_MAX;
    if (*end != '\0' || stream == 0 || fd >= CAPTURE_STREAMS_MAX || !is_kept(tree->kept[fd]) ||
        find_pipe(tree, stream) != NULL)
        return false;
    struct capture_pipe *pipe = new_pipe(tree, stream);
    if (pipe == NULL)
        return false;
    memcpy(pipe->ends, tree->kept[fd], sizeof pipe->ends);
    memset(tree->kept[fd], 0, sizeof tree->kept[fd]);
    pipe->given = true;
    return true;
}

static const struct snap_note *next_stream(const struct snapshot *snapshot,
                                           const struct snap_note *note)
{
    do
        note = snap_next(snapshot, SNAP_OBJECT, note);
    while (note != NULL && snap_get_u32(note, SNAP_OBJECT_STREAM, 0) == 0);
    return note;
}

static const struct snap_note *find_stream(const struct snapshot *snapshot, uint32_t stream,
                                           bool with_queue)
{
    uint32_t length;
    const struct snap_note *note = next_stream(snapshot, NULL);
    while (note != NULL && (snap_get_u32(note, SNAP_OBJECT_STREAM, 0) != stream ||
                            (with_queue && snap_get(note, SNAP_OBJECT_QUEUE, &length) == NULL)))
        note = next_stream(snapshot, note);
    return note;
}

/* Sides of a pipe, as bits. */
enum { READS = 1, WRITES = 2 };
static uint32_t sides(const struct snapshot *snapshot, uint32_t stream)
{
    const struct snap_note *note = next_stream(snapshot, NULL);
    uint32_t found = 0;
    for (; note != NULL; note = next_stream(snapshot, note)) {
        char side[8] = "";
        if (snap_get_u32(note, SNAP_OBJECT_STREAM, 0) != stream)
            continue;
        (void)snap_get_text(note, SNAP_OBJECT_SIDE, side, sizeof side);
        found |= strcmp(side, "read") == 0    ? READS
                 : strcmp(side, "write") == 0 ? WRITES
                                              : READS | WRITES;
    }
    return found;
}

/* One that has an end outside is as with a process alone: a descriptor of who restores. */
bool capture_tree_shares(const struct capture_tree *tree, uint32_t stream)
{
    const struct capture_pipe *pipe = find_pipe(tree, stream);
    uint32_t own = 0, others = 0;
    if (stream == 0 || (pipe != NULL && pipe->given))
        return stream != 0;
    for (const struct capture_member *each = tree->members; each != NULL; each = each->next)
        *(each->own ? &own : &others) |= sides(each->snapshot, stream);
    return others != 0 && (own | others) == (READS | WRITES);
}

/* What the process that reads has seen waiting. */
static status_t fill(const struct capture_tree *tree, uint32_t stream, uint32_t capacity,
                     handle_t write_end)
{
    const struct capture_member *member = tree->members;
    const struct snap_note *note = NULL;
    while (member != NULL && (note = find_stream(member->snapshot, stream, true)) == NULL)
        member = member->next;
    const struct snap_blob *blob =
        note == NULL ? NULL
                     : snap_find_blob(member->snapshot, snap_get_u32(note, SNAP_OBJECT_QUEUE, 0));
    uint32_t done = 0;
    if (blob == NULL || blob->size == 0)
        return OK;
    uint8_t *bytes = blob->size <= capacity ? malloc(blob->size) : NULL;
    if (bytes == NULL)
        return blob->size <= capacity ? ERR_NO_MEMORY : ERR_TOO_LARGE;
    status_t status = snap_bytes_read(&blob->bytes, 0, bytes, blob->size);
    if (status == OK)
        status = stream_write(write_end, bytes, blob->size, &done, DEADLINE_POLL);
    free(bytes);
    return status == OK && done < blob->size ? ERR_TOO_LARGE : status;
}

status_t capture_tree_pipe(struct capture_tree *tree, uint32_t stream, uint32_t capacity,
                           bool write, handle_t *end)
{
    struct capture_pipe *pipe = find_pipe(tree, stream);
    if (pipe != NULL)
        return stream_open(pipe->ends[pipe->ends[0] == HANDLE_NONE], write, end);
    pipe = new_pipe(tree, stream);
    if (pipe == NULL)
        return ERR_NO_MEMORY;
    status_t status = stream_create(capacity, &pipe->ends[0], &pipe->ends[1]);
    if (status == OK)
        status = fill(tree, stream, capacity, pipe->ends[1]);
    return status == OK ? stream_open(pipe->ends[0], write, end) : status;
}

/* Whether somebody else than this member and those below it has the pipe. */
static bool leads_out(const struct capture_tree *tree, const struct capture_member *member,
                      uint32_t stream)
{
    const struct capture_pipe *pipe = find_pipe(tree, stream);
    if (pipe != NULL && pipe->given)
        return true;
    for (const struct capture_member *each = tree->members; each != NULL; each = each->next)
        if (!is_below(tree, each, member) && find_stream(each->snapshot, stream, false) != NULL)
            return true;
    return false;
}

static bool contains(const uint32_t *list, uint32_t count, uint32_t value)
{
    while (count > 0 && list[count - 1] != value)
        count--;
    return count > 0;
}

uint32_t capture_tree_streams(const struct capture_tree *tree, const struct capture_member *member,
                              uint32_t *streams, uint32_t room)
{
    uint32_t count = 0;
    for (const struct capture_member *each = tree->members; each != NULL; each = each->next) {
        if (!is_below(tree, each, member))
            continue;
        const struct snap_note *note = next_stream(each->snapshot, NULL);
        for (; note != NULL && count < room; note = next_stream(each->snapshot, note)) {
            uint32_t stream = snap_get_u32(note, SNAP_OBJECT_STREAM, 0);
            if (!contains(streams, count, stream) && capture_tree_shares(tree, stream) &&
                leads_out(tree, member, stream))
                streams[count++] = stream;
        }
    }
    return count;
}

static uint32_t capacity_of(const struct capture_tree *tree, uint32_t stream)
{
    for (const struct capture_member *each = tree->members; each != NULL; each = each->next) {
        const struct snap_note *note = find_stream(each->snapshot, stream, false);
        if (note != NULL)
            return snap_get_u32(note, SNAP_OBJECT_CAPACITY, DEFAULT_CAPACITY);
    }
    return DEFAULT_CAPACITY;
}

status_t capture_tree_descriptor(struct capture_tree *tree, const struct capture_member *member,
                                 uint32_t stream, uint32_t fd, handle_t ends[2],
                                 char option[CAPTURE_OPTION_MAX])
{
    uint32_t used = 0, capacity = capacity_of(tree, stream);
    status_t status = OK;
    for (const struct capture_member *each = tree->members; each != NULL; each = each->next)
        if (is_below(tree, each, member))
            used |= sides(each->snapshot, stream);
    ends[0] = ends[1] = HANDLE_NONE;
    if (used & READS)
        status = capture_tree_pipe(tree, stream, capacity, false, &ends[0]);
    if (status == OK && (used & WRITES))
        status = capture_tree_pipe(tree, stream, capacity, true, &ends[1]);
    if (status != OK)
        handle_drop(&ends[0]);
    snprintf(option, CAPTURE_OPTION_MAX, "--stream=%u:%u", (unsigned)stream, (unsigned)fd);
    return status;
}

/* ---- starts ------------------------------------------------------------------------------------- */

static void path_beside(const char *path, uint32_t pid, char *to, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(to, size, "%.*sp%u.snap", slash != NULL ? (int)(slash - path) + 1 : 0, path,
             (unsigned)pid);
}

status_t capture_open_beside(const struct fs_walk_context *walk, const char *path, uint32_t pid,
                             handle_t *node, handle_t *vmo)
{
    char *beside = malloc(PATH_BYTES);
    uint64_t size;
    bool coherent;
    if (beside == NULL)
        return ERR_NO_MEMORY;
    path_beside(path, pid, beside, PATH_BYTES);
    status_t status =
        fs_client_open(walk, HANDLE_NONE, beside, strlen(beside), FS_O_READ, 0, node, NULL);
    free(beside);
    if (status == OK && vmo != NULL) {
        status = fs_client_vmo(*node, PROT_R, vmo, &size, &coherent);
        if (status != OK)
            handle_drop(node);
    }
    return status;
}

const char *capture_policy_option(enum restore_policy policy)
{
    return policy == POLICY_CURRENT    ? "--files=current"
           : policy == POLICY_SNAPSHOT ? "--files=snapshot"
                                       : "--files=fail";
}

/* argv of a start: what the personality's restore takes as its options. */
struct arguments {
    char options[CAPTURE_STREAMS_MAX][CAPTURE_OPTION_MAX];
    char *list[CAPTURE_STREAMS_MAX + 5];
    uint32_t count;
};

static status_t send_pipe(struct capture_tree *tree, const struct capture_member *member,
                          const struct capture_start *start, uint32_t number, uint32_t stream,
                          uint32_t descriptor, char option[CAPTURE_OPTION_MAX])
{
    handle_t ends[2];
    status_t status = capture_tree_descriptor(tree, member, stream, descriptor, ends, option);
    if (status != OK)
        return status;
    struct start_fd fd = {.fd = descriptor, .kind = FD_STREAM_PAIR};
    if (ends[0] == HANDLE_NONE)
        fd.kind = FD_STREAM_WRITE;
    else if (ends[1] == HANDLE_NONE)
        fd.kind = FD_STREAM_READ;
    bool writes = fd.kind == FD_STREAM_WRITE;
    status = init_start_fd(start->init, number, &fd, ends[writes], writes ? HANDLE_NONE : ends[1]);
    handle_drop(&ends[0]);
    handle_drop(&ends[1]);
    return status;
}

static status_t send_streams(struct capture_tree *tree, const struct capture_member *member,
                             const struct capture_start *start, uint32_t number,
                             struct arguments *arguments)
{
    uint32_t streams[CAPTURE_STREAMS_MAX];
    uint32_t count = capture_tree_streams(tree, member, streams, CAPTURE_STREAMS_MAX);
    status_t status = OK;
    for (uint32_t i = 0; i < STREAMS && status == OK; i++)
        if (start->streams[i].kind != FD_NONE)
            status = init_start_fd(start->init, number, &start->streams[i], start->handles[i][0],
                                   start->handles[i][1]);
    for (uint32_t i = 0; i < count && status == OK; i++) {
        status =
            send_pipe(tree, member, start, number, streams[i], STREAMS + i, arguments->options[i]);
        arguments->list[arguments->count++] = arguments->options[i];
    }
    return status;
}

static status_t commit(const struct capture_member *member, const struct capture_start *start,
                       uint32_t number, struct arguments *arguments, uint32_t *pid)
{
    static char *const no_environment[] = {NULL}; /* that is in the snapshot's memory */
    struct start_arguments description = {.umask = 022};
    handle_t strings = HANDLE_NONE, node = HANDLE_NONE;
    char *path = malloc(PATH_BYTES);
    status_t status = path != NULL ? OK : ERR_NO_MEMORY;
    if (status == OK) {
        path_beside(start->path, member->pid, path, PATH_BYTES);
        status = capture_open_beside(start->walk, start->path, member->pid, &node, NULL);
    }
    if (status == OK)
        status = start_strings_vmo(path, start->cwd, arguments->list, no_environment, &description,
                                   &strings);
    if (status == OK)
        status = init_start_commit(start->init, number, &description, strings, start->walk->root,
                                   start->walk->cwd, node, true, pid);
    else
        init_start_abandon(start->init, number);
    handle_drop(&strings);
    handle_drop(&node);
    free(path);
    return status;
}

status_t capture_tree_start(struct capture_tree *tree, const struct capture_member *member,
                            const struct capture_start *start, uint32_t *pid)
{
    char personality[16] = "";
    (void)snap_get_personality(member->snapshot, personality, sizeof personality);
    struct start_request request = {
        .personality = personality, .ppid = start->ppid, .uid = start->uid, .wanted = member->pid};
    struct arguments *arguments = calloc(1, sizeof *arguments);
    uint32_t number;
    if (arguments == NULL)
        return ERR_NO_MEMORY;
    arguments->list[arguments->count++] = (char *)"restore";
    arguments->list[arguments->count++] = (char *)capture_policy_option(tree->options.policy);
    if (tree->options.accept_edited)
        arguments->list[arguments->count++] = (char *)"--accept-edited";
    if (tree->options.lazy)
        arguments->list[arguments->count++] = (char *)"--lazy";
    status_t status = init_start_begin(start->init, &request, &number);
    if (status == OK) {
        status = send_streams(tree, member, start, number, arguments);
        if (status == OK)
            status = commit(member, start, number, arguments, pid);
        else
            init_start_abandon(start->init, number);
    }
    free(arguments);
    return status;
}
