/* SPDX-License-Identifier: MIT */
/* Extended attributes of host files, as 9P has them: a fid of its own that is read or written. */
#include "p9.h"

#define SCRATCH_FID 0xfffffff0u

/* Reads a value or, with an empty name, the list of names. */
static status_t read_all(uint32_t fid, struct fs_xattr *call)
{
    uint64_t size;
    status_t status =
        p9_xattr_walk(fid, SCRATCH_FID, call->name, (uint32_t)call->name_length, &size);
    if (status != OK)
        return status;
    call->result = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    uint32_t done = 0;
    while (status == OK && call->result <= call->size && done < call->result) {
        uint32_t part = 0;
        status = p9_read(SCRATCH_FID, done, call->value + done, call->result - done, &part);
        if (status == OK && part == 0)
            status = ERR_IO_ERROR;
        done += part;
    }
    p9_clunk(SCRATCH_FID);
    return status;
}

/* The value takes effect when the fid is closed. A size of 0 with REPLACE removes. */
static status_t write_all(uint32_t fid, const struct fs_xattr *call, uint32_t flags)
{
    status_t status = p9_clone(fid, SCRATCH_FID);
    if (status != OK)
        return status;
    status =
        p9_xattr_create(SCRATCH_FID, call->name, (uint32_t)call->name_length, call->size, flags);
    for (uint32_t done = 0; status == OK && done < call->size;) {
        uint32_t part = 0;
        status = p9_write(SCRATCH_FID, done, call->value + done, call->size - done, &part);
        if (status == OK && part == 0)
            status = ERR_IO_ERROR;
        done += part;
    }
    status_t closed = p9_clunk_status(SCRATCH_FID);
    return status != OK ? status : closed;
}

status_t p9_xattr(uint32_t fid, struct fs_xattr *call)
{
    struct fs_xattr none = *call;
    switch (call->op) {
    case FS_XATTR_GET:
        return read_all(fid, call);
    case FS_XATTR_LIST:
        call->name_length = 0;
        return read_all(fid, call);
    case FS_XATTR_SET:
        return write_all(fid, call, call->flags);
    }
    none.size = 0;
    status_t status = read_all(fid, &none); /* removing what is not there succeeds on some hosts */
    return status != OK ? status : write_all(fid, &none, FS_XATTR_REPLACE);
}
