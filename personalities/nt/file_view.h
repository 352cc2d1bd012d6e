/* SPDX-License-Identifier: MIT */
/*
 * Transfers of a disk file through a view of its content: no message, one copy. Only for files whose
 * server gives a coherent VMO; the others, and what these functions do not do, go by messages.
 */
#ifndef NT_FILE_VIEW_H
#define NT_FILE_VIEW_H

#include <personalities/nt/nt.h>

struct nt_file;

struct file_view {
    handle_t vmo; /* HANDLE_NONE: not asked for, or there is none (`refused`) */
    bool refused;
    bool writable; /* the VMO may be written */
    bool modified; /* written since the file system was last told */
    uint8_t
        *address; /* what is mapped: `length` bytes of the file from `start` on; NULL: nothing */
    uint64_t start;
    uint32_t length, pins;
    struct list link; /* all that are mapped, the one used longest ago first */
};

/*
 * Move bytes at `offset` between the file and the guest; *done are fewer than asked only at the end of
 * the file. False: do all of it by message, which also finds out what is wrong with the guest's memory.
 */
bool view_read(struct nt_file *file, uint32_t guest, uint32_t length, uint64_t offset,
               uint32_t *done);
bool view_write(struct nt_file *file, uint32_t guest, uint32_t length, uint64_t offset,
                uint32_t *done);
/* Tell the file system about writes, before anybody looks at the times. */
void view_flush(struct nt_file *file);
/* The file object ends. */
void view_end(struct nt_file *file);

#endif
