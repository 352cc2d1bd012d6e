/* SPDX-License-Identifier: MIT */
/* Texts and errno numbers of errors, both from abi/atomik/errors.def. */
#include <atomik/startup.h>

const char *status_text(status_t status)
{
    switch (status) {
    case OK:
        return "no error";
#define ERROR(code, name, errno_value, ntstatus, text) \
    case code:                                         \
        return text;
#include <atomik/errors.def>
#undef ERROR
    default:
        return "unknown error";
    }
}

int status_errno(status_t status)
{
    switch (status) {
    case OK:
        return 0;
#define ERROR(code, name, errno_value, ntstatus, text) \
    case code:                                         \
        return errno_value;
#include <atomik/errors.def>
#undef ERROR
    default:
        return 5; /* EIO */
    }
}
