/* SPDX-License-Identifier: MIT */
/* One control code of \Device\ConDrv as it is being handled: input in console_input.c, output in console_output.c. */
#ifndef NT_CONSOLE_REQUEST_H
#define NT_CONSOLE_REQUEST_H

#include <personalities/nt/console_state.h>

#include <string.h>

struct console_request {
    struct nt_thread *thread;
    struct console *console;
    enum console_role role;
    const void *in;
    uint32_t in_length;
    void *out;
    uint32_t out_length;
    uint32_t information; /* bytes of `out` that are the answer */
};

static inline NTSTATUS request_answer(struct console_request *r, const void *bytes, uint32_t length)
{
    if (r->out_length < length)
        return STATUS_INVALID_PARAMETER;
    memcpy(r->out, bytes, length);
    r->information = length;
    return STATUS_SUCCESS;
}

static inline NTSTATUS request_answer32(struct console_request *r, uint32_t value)
{
    return request_answer(r, &value, sizeof value);
}

static inline uint32_t request_word(const struct console_request *r, uint32_t index)
{
    uint32_t value;
    memcpy(&value, (const uint8_t *)r->in + index * sizeof value, sizeof value);
    return value;
}

/* ---- input ---- */
NTSTATUS console_read_file(struct console_request *r); /* bytes */
/* One line as UTF-16, behind `header` bytes of the answer. */
NTSTATUS console_read_chars(struct console_request *r, uint32_t header);
/* Records of keys; peek: they stay. */
NTSTATUS console_read_records(struct console_request *r, bool peek);
/* How many records wait. */
uint32_t console_count_records(struct nt_thread *thread, const struct console *console);

/* ---- output ---- */
NTSTATUS console_get_output_info(struct console_request *r);
NTSTATUS console_set_output_info(struct console_request *r);
NTSTATUS console_fill_output(struct console_request *r);
NTSTATUS console_write_cells(struct console_request *r);
NTSTATUS console_write_chars(struct console_request *r);
NTSTATUS console_write_file(struct console_request *r);

#endif
