/* SPDX-License-Identifier: MIT */
/*
 * What personality servers share for taking and restoring snapshots: the bulk way into a file, the
 * pages of an address space, and the way back. Nothing here knows a personality.
 */
#ifndef LIB_CAPTURE_H
#define LIB_CAPTURE_H

#include <atomik/syscall.h>
#include <ipc/fsclient.h>
#include <snapshot/snapshot.h>

/* ---- the file (file.c) ---- */

/* Writes go through a buffer shared with the file server, so that a snapshot is not many small messages. */
struct capture_output {
    handle_t file; /* borrowed */
    handle_t vmo;
    uint8_t *view;
};
/* After an error it is to be closed all the same. */
status_t capture_output_open(struct capture_output *output, handle_t file);
void capture_output_close(struct capture_output *output);
/* A snap_sink whose context is a struct capture_output. */
status_t capture_output_write(void *context, uint64_t offset, const void *from, uint32_t length);
/* A whole snapshot into a file, which is borrowed; *size in bytes, if it went well. */
status_t capture_write(struct snapshot *snapshot, handle_t file, uint64_t *size);
/* A new file that `write` fills, and that gets its name when it is complete; after an error there is none. */
status_t capture_file(const struct fs_walk_context *walk, const char *name,
                      status_t (*write)(void *context, handle_t file), void *context);

/* ---- files whose content is memory (memory_file.c) ---- */

/* A part of an object, which nobody makes shorter meanwhile. */
struct capture_window {
    handle_t vmo;  /* borrowed */
    uint32_t size; /* whole pages */
    uint8_t *view; /* or NULL */
    uint64_t offset;
};
/* NULL: it is too long, or there is no memory. */
const void *capture_window_look(struct capture_window *window, uint64_t offset, uint32_t length);
void capture_window_close(struct capture_window *window);

/* A place where pages of a space or an object are looked at: nobody takes them away, or changes them, there. */
struct capture_bench {
    handle_t vmo;
    const uint8_t *view; /* or NULL: nothing can be brought */
};
void capture_bench_open(struct capture_bench *bench);
void capture_bench_close(struct capture_bench *bench);
/* How many bytes, of at most `length`, are at its beginning now. */
uint32_t capture_bench_bring(struct capture_bench *bench, handle_t from, uint64_t offset,
                             uint32_t length);

/* A file to be written by its sink. */
struct capture_memory_file {
    handle_t file; /* borrowed */
    handle_t vmo;
    uint64_t size; /* that it has been given */
    struct capture_bench bench;
    struct snap_sink sink;
};
/* False: its content is not memory, and nothing is to be closed. */
bool capture_memory_file_open(struct capture_memory_file *to, handle_t file);
void capture_memory_file_close(struct capture_memory_file *to);

/* ---- what a restore is asked for (content.c) ---- */

/* What counts of files that are not as they were: nothing (the restore fails), what they are now, or
 * what they were, as far as the snapshot has their content. */
enum restore_policy { POLICY_FAIL, POLICY_CURRENT, POLICY_SNAPSHOT };
struct capture_options {
    enum restore_policy policy;
    bool accept_edited; /* memory that another tool has changed */
    bool lazy;          /* memory comes when it is used */
};
/* Options that all personalities take. False: it is none of them. */
bool capture_option(const char *text, struct capture_options *options);
/* Whether it is a process of this personality, in a format that is known. *problem: why not. */
status_t capture_check(const struct snapshot *snapshot, const char *personality,
                       const char **problem);

/* ---- the file of a restore (image.c) ---- */

struct capture_image {
    handle_t vmo;     /* the file's, borrowed */
    handle_t file;    /* borrowed: open such that nobody writes to it; or HANDLE_NONE */
    handle_t init;    /* borrowed: a lazy restore finds there who supplies its memory */
    handle_t content; /* what was in it: nobody changes that any more */
    bool needs_file;  /* it is that of the file itself, which is to stay open so */
    handle_t
        memory; /* where the pages of the process come from: the content, or verified pages of it */
    struct snap_source source, memory_source;
    struct capture_window window; /* on the content */
};
/*
 * Reads and verifies the snapshot in an image, which stays as long as the snapshot, and is to be closed even
 * after an error. *problem says then what is wrong, or is NULL. Memory that another tool has changed is an
 * error unless it is accepted. With a lazy restore memory is verified when it is brought in, page by page.
 */
status_t capture_read(struct snapshot *snapshot, struct capture_image *image,
                      const struct capture_options *options, const char **problem);
void capture_image_close(struct capture_image *image);
/* Whether the first bytes of a VMO are those of a snapshot. */
bool capture_recognise(handle_t vmo);
/*
 * Whose process the snapshot in a VMO is of, without a look at the digests, which whoever restores it
 * verifies. False: it cannot be read, or does not say.
 */
bool capture_personality(handle_t vmo, char *to, uint32_t size);

/* A random UUID (RFC 4122, version 4). */
void capture_uuid(uint8_t uuid[16]);
/* Begins the HEADER note of a snapshot that is taken now; flags: enum snapshot_flags; group: 16 bytes, or NULL. */
void capture_header(struct snapshot *snapshot, const char *personality, uint32_t flags,
                    const uint8_t *group, bool crash);

/* ---- registers, as NT_PRSTATUS has them ---- */
static inline struct core_registers capture_registers(const struct registers *regs,
                                                      uint32_t orig_eax)
{
    return (struct core_registers){regs->ebx, regs->ecx, regs->edx, regs->esi, regs->edi,
                                   regs->ebp, regs->eax, regs->ds,  regs->es,  regs->fs,
                                   regs->gs,  orig_eax,  regs->eip, regs->cs,  regs->eflags,
                                   regs->esp, regs->ss};
}
/* As they are in the file: what ring 3 may have is the caller's, or the kernel's, to see to. */
static inline struct registers capture_registers_back(const struct core_registers *from)
{
    return (struct registers){.gs = from->gs,
                              .fs = from->fs,
                              .es = from->es,
                              .ds = from->ds,
                              .edi = from->edi,
                              .esi = from->esi,
                              .ebp = from->ebp,
                              .ebx = from->ebx,
                              .edx = from->edx,
                              .ecx = from->ecx,
                              .eax = from->eax,
                              .eip = from->eip,
                              .cs = from->cs,
                              .eflags = from->eflags,
                              .esp = from->esp,
                              .ss = from->ss};
}

/*
 * The bytes that wait at the read end of a stream, into the QUEUE of its OBJECT note; once more, if it has
 * one: others may have written after it was noted down.
 */
void capture_queue(struct snapshot *snapshot, struct snap_note *note, handle_t read_end);

/* ---- memory (memory.c) ---- */

struct capture_memory {
    handle_t space; /* borrowed: a clone of the process's, which nobody changes */
    /* Is a page that the kernel has (enum page_state) to be in the snapshot? */
    bool (*wanted)(void *context, const struct mapping_info *mapping, uint8_t state);
    void *context;
    struct snap_source source; /* set by capture_memory; used until the snapshot is written */
};
/* The next mapping at or above *at, which moves behind it; false: there is none. */
bool capture_next_mapping(handle_t space, uint32_t *at, struct mapping_info *mapping);
/*
 * The same as the process knows it: memory that it was restored with (capture_image_id; 0: none) is of no object,
 * and one mapping with what continues it.
 */
bool capture_own_mapping(handle_t space, uint32_t restored_from, uint32_t *at,
                         struct mapping_info *mapping);
/*
 * Adds a load for every mapping. Pages that are not there, not wanted or zero have no bytes. `memory`
 * must stay until the snapshot has been written.
 */
void capture_memory(struct capture_memory *memory, struct snapshot *snapshot);

/*
 * Brings the loads of a snapshot into a space in which everything has been mapped. Loads for which `skip` holds
 * keep what is mapped there. BAD_EXECUTABLE with the address in *where: nothing is mapped.
 *
 * With an `image` private memory is not copied: mappings of its memory, copy on write, take the place of those
 * that are there. Such memory reads as it was in the snapshot when it is discarded, and is known by the VMO's
 * id, capture_image_id.
 */
struct capture_loads {
    handle_t space;
    const struct snapshot *snapshot;
    const struct capture_image *image; /* or NULL */
    bool (*skip)(void *context, const struct snap_load *load);
    void *context;
};
status_t capture_bring_loads(const struct capture_loads *loads, uint32_t *where);
/* 0: there is none, and no mapping shows it. */
uint32_t capture_image_id(const struct capture_image *image);

/* ---- contents of files and shared memory (content.c) ---- */

struct capture_content {
    struct capture_content *next;
    uint32_t object; /* whose */
    handle_t vmo;
    uint64_t size;
    struct snap_source source;
};
/* What a VMO has now, for an object of the snapshot. TOO_LARGE, NO_MEMORY. */
status_t capture_content_add(struct capture_content **list, uint32_t object, handle_t vmo,
                             uint64_t size);
/* Their notes; the list stays until the snapshot was written. */
void capture_contents_put(const struct capture_content *list, struct snapshot *snapshot);
void capture_contents_free(struct capture_content **list);

#endif
