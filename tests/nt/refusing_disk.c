/* SPDX-License-Identifier: MIT */
/*
 * refusing_disk DIRECTORY: changes files in a directory whose disk may refuse that, being full, read-only
 * or broken, and prints for each change the error of Win32 and the status of NT. In it there are files `old`
 * and `spare` and empty directories `dir` and `other`.
 */
#include "show.h"

static ULONG(WINAPI *last_status)(void);

/* What has been done before is undone by nobody: each change is of something else. */
static void report(const char *what, BOOL done)
{
    unsigned long error = GetLastError();
    if (done)
        printf("%s: done\n", what);
    else
        printf("%s: error %lu, status %08lx\n", what, error, last_status());
}

static BOOL open_and_close(const char *name, DWORD access, DWORD how)
{
    HANDLE file = CreateFileA(name, access, FILE_SHARE_READ, NULL, how, 0, NULL);
    return file != INVALID_HANDLE_VALUE && CloseHandle(file);
}

static BOOL delete_when_closed(const char *name)
{
    HANDLE file = CreateFileA(name, DELETE, 7, NULL, OPEN_EXISTING,
                              FILE_FLAG_DELETE_ON_CLOSE | FILE_FLAG_BACKUP_SEMANTICS, NULL);
    return file != INVALID_HANDLE_VALUE && CloseHandle(file);
}

/* All of a file at once. */
static BOOL read_whole(const char *name)
{
    static char bytes[64 << 10];
    DWORD done;
    HANDLE file = CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    BOOL read = file != INVALID_HANDLE_VALUE && ReadFile(file, bytes, sizeof bytes, &done, NULL);
    DWORD error = GetLastError();
    CloseHandle(file);
    SetLastError(error);
    return read;
}

/* As much as fits, at most 64 MiB, each piece put on the disk; *any: there was room for something. */
static BOOL fill(const char *name, BOOL *any)
{
    static char piece[256 << 10];
    DWORD written = 0;
    BOOL done = TRUE;
    HANDLE file = CreateFileA(name, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    *any = FALSE;
    if (file == INVALID_HANDLE_VALUE)
        return FALSE;
    for (int i = 0; i < 256 && done; i++) {
        done = WriteFile(file, piece, sizeof piece, &written, NULL) && FlushFileBuffers(file);
        *any = *any || (done && written == sizeof piece);
    }
    DWORD error = GetLastError();
    CloseHandle(file);
    SetLastError(error);
    return done;
}

int main(int argc, char **argv)
{
    BOOL any;
    show_begin();
    last_status = (void *)GetProcAddress(GetModuleHandleA("ntdll"), "RtlGetLastNtStatus");
    if (argc < 2 || !SetCurrentDirectoryA(argv[1]))
        return 1;
    report("read", read_whole("old"));
    report("open to write", open_and_close("old", GENERIC_WRITE, OPEN_EXISTING));
    report("create", open_and_close("new", GENERIC_WRITE, CREATE_NEW));
    report("make a directory", CreateDirectoryA("newdir", NULL));
    report("fill", fill("big", &any));
    printf("room for something: %s\n", any ? "yes" : "no");
    report("rename", MoveFileA("old", "renamed"));
    report("set attributes", SetFileAttributesA("dir", FILE_ATTRIBUTE_HIDDEN));
    report("delete", DeleteFileA("spare"));
    report("remove a directory", RemoveDirectoryA("other"));
    report("delete when closed", delete_when_closed("dir"));
    return 0;
}
