/* SPDX-License-Identifier: MIT */
/*
 * The Windows side of crossing.c: carries out commands "HANDLE OPERATION START LENGTH" on one file that it
 * has open twice, a and b, and answers each with the error, 0 for none. Operations: exclusive and shared
 * (locks, at once or not at all), wait (for an exclusive one), unlock, read, write.
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <stdio.h>
#include <string.h>

static BOOL carry_out(HANDLE file, const char *operation, DWORD start, DWORD length)
{
    char bytes[256] = "";
    OVERLAPPED at = {.Offset = start};
    DWORD done;
    if (strcmp(operation, "exclusive") == 0)
        return LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, length, 0,
                          &at);
    if (strcmp(operation, "shared") == 0)
        return LockFileEx(file, LOCKFILE_FAIL_IMMEDIATELY, 0, length, 0, &at);
    if (strcmp(operation, "wait") == 0)
        return LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK, 0, length, 0, &at);
    if (strcmp(operation, "unlock") == 0)
        return UnlockFileEx(file, 0, length, 0, &at);
    if (strcmp(operation, "read") == 0)
        return ReadFile(file, bytes, length, &done, &at);
    return WriteFile(file, bytes, length, &done, &at);
}

static HANDLE open_file(const char *name)
{
    return CreateFileA(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                       OPEN_EXISTING, 0, NULL);
}

int main(int argc, char **argv)
{
    char line[100], name, operation[20];
    unsigned start, length;
    if (argc < 2)
        return 2;
    HANDLE a = open_file(argv[1]), b = open_file(argv[1]);
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ); /* an answer is one write, for one read */
    while (fgets(line, sizeof line, stdin) != NULL &&
           sscanf(line, "%c %19s %u %u", &name, operation, &start, &length) == 4) {
        BOOL fine = carry_out(name == 'a' ? a : b, operation, start, length);
        printf("%lu\n", fine ? 0 : GetLastError());
        fflush(stdout);
    }
    return 0;
}
