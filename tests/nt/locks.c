/* SPDX-License-Identifier: MIT */
/* Byte-range locks: conflicts, shared ones, and waiting for one. */
#include "show.h"

static HANDLE open_file(void)
{
    return CreateFileA("locks.tmp", GENERIC_READ | GENERIC_WRITE,
                       FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_ALWAYS, 0, NULL);
}

static DWORD CALLBACK wait_for_lock(void *argument)
{
    OVERLAPPED at = {.Offset = 12};
    SHOW(LockFileEx(argument, LOCKFILE_EXCLUSIVE_LOCK, 0, 5, 0, &at));
    SHOW(UnlockFileEx(argument, 0, 5, 0, &at));
    return 0;
}

int main(void)
{
    OVERLAPPED at = {.Offset = 10}, overlapping = {.Offset = 12};
    show_begin();
    HANDLE a = open_file(), b = open_file();
    SHOW(LockFileEx(a, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 5, 0, &at));
    SHOW(LockFileEx(b, LOCKFILE_FAIL_IMMEDIATELY, 0, 5, 0, &overlapping));
    HANDLE thread = CreateThread(NULL, 0, wait_for_lock, b, 0, NULL);
    SHOW(WaitForSingleObject(thread, SOON));
    SHOW(UnlockFileEx(a, 0, 5, 0, &at));
    SHOW(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
    SHOW(LockFileEx(a, LOCKFILE_FAIL_IMMEDIATELY, 0, 5, 0, &at));
    SHOW(LockFileEx(b, LOCKFILE_FAIL_IMMEDIATELY, 0, 5, 0, &at));
    SHOW(LockFileEx(b, LOCKFILE_FAIL_IMMEDIATELY | LOCKFILE_EXCLUSIVE_LOCK, 0, 5, 0, &at));
    CloseHandle(thread);
    CloseHandle(a);
    CloseHandle(b);
    SHOW(DeleteFileA("locks.tmp"));
    return 0;
}
