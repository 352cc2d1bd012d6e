/* SPDX-License-Identifier: MIT */
/* The lock, time, status codes and guest memory. */
#include <personalities/nt/nt.h>

#include <atomik/thread.h>
#include <atomik/time.h>
#include <server/guest_copy.h>

#include <stdlib.h>
#include <string.h>

#define EPOCH_DIFFERENCE 116444736000000000ull /* 1601 to 1970 in 100 ns */

struct mutex nt_mutex;

void nt_lock(void)
{
    mutex_lock(&nt_mutex);
}

void nt_unlock(void)
{
    mutex_unlock(&nt_mutex);
}

/* ---- time ---- */

uint64_t nt_from_ns(uint64_t realtime_ns)
{
    return realtime_ns / 100 + EPOCH_DIFFERENCE;
}

uint64_t nt_to_ns(uint64_t filetime)
{
    return filetime < EPOCH_DIFFERENCE ? 0 : (filetime - EPOCH_DIFFERENCE) * 100;
}

uint64_t nt_time(void)
{
    return nt_from_ns(time_realtime());
}

uint64_t nt_uptime(void)
{
    return time_monotonic() / 100;
}

ktime_t nt_deadline_ns(uint64_t filetime)
{
    if (filetime == 0)
        return DEADLINE_NEVER;
    uint64_t now = nt_time(), uptime = time_monotonic();
    if (filetime <= now)
        return uptime;
    uint64_t distance = filetime - now;
    return distance > UINT64_MAX / 200 ? DEADLINE_NEVER : uptime + distance * 100;
}

/* ---- status ---- */

NTSTATUS nt_status(status_t status)
{
    switch (status) {
    case OK:
        return STATUS_SUCCESS;
#define ERROR(code, name, errno_value, ntstatus, text) \
    case code:                                         \
        return (NTSTATUS)(ntstatus);
#include <atomik/errors.def>
#undef ERROR
    }
    return STATUS_UNSUCCESSFUL;
}

/* ---- guest memory ---- */

NTSTATUS guest_read(void *to, uint32_t guest, size_t length)
{
    return guest_copy_in(to, guest, length) == OK ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

NTSTATUS guest_write(uint32_t guest, const void *from, size_t length)
{
    return guest_copy_out(guest, from, length) == OK ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

NTSTATUS guest_read_text(uint32_t unicode_string, struct text *text, WCHAR **storage)
{
    UNICODE_STRING string;
    *storage = NULL;
    *text = (struct text){NULL, 0};
    NTSTATUS status = guest_read(&string, unicode_string, sizeof string);
    if (status)
        return status;
    if (string.Length & 1)
        return STATUS_OBJECT_NAME_INVALID;
    WCHAR *chars = malloc(string.Length + sizeof(WCHAR));
    if (!chars)
        return STATUS_NO_MEMORY;
    status = guest_read(chars, (uint32_t)string.Buffer, string.Length);
    if (status) {
        free(chars);
        return status;
    }
    chars[string.Length / sizeof(WCHAR)] = 0;
    *text = (struct text){chars, string.Length / sizeof(WCHAR)};
    *storage = chars;
    return STATUS_SUCCESS;
}

NTSTATUS guest_return(uint32_t buffer, uint32_t length, uint32_t returned, const void *from,
                      uint32_t needed)
{
    NTSTATUS status = guest_return32(returned, needed);
    if (status)
        return status;
    if (length < needed)
        return STATUS_INFO_LENGTH_MISMATCH;
    return guest_write(buffer, from, needed);
}
