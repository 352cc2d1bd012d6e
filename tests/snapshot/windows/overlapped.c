/* SPDX-License-Identifier: MIT */
/*
 * Operations that go on behind their calls while the program is saved: a read and a write of a pipe, a
 * pipe that listens, a lock that is waited for, changes of a directory and of the registry. Then each
 * comes to its end, and is told. Ends with code 8.
 */
#include <stdio.h>
#include <windows.h>

enum { READ, WRITE, CONNECT, LOCK, DIRECTORY, KEY, COUNT };

static const char *const names[] = {"read", "write", "connect", "lock", "directory", "key"};
static OVERLAPPED waits[COUNT];
static HANDLE file, other, server, client, narrow, narrow_end, listener, directory;
static HKEY key;
static char received[64], big[6000], changes[512];

static void check(int number, BOOL done)
{
    if (done || GetLastError() != ERROR_IO_PENDING)
        printf("%s does not wait: %lu\n", names[number], GetLastError());
}

static HANDLE make_pipe(const char *name, DWORD room)
{
    return CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1,
                            room, room, 0, NULL);
}

static HANDLE join_pipe(const char *name)
{
    return CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
}

static void begin_pipes(void)
{
    server = make_pipe("\\\\.\\pipe\\snap-read", 512);
    client = join_pipe("\\\\.\\pipe\\snap-read");
    narrow = make_pipe("\\\\.\\pipe\\snap-write", 512);
    narrow_end = join_pipe("\\\\.\\pipe\\snap-write");
    listener = make_pipe("\\\\.\\pipe\\snap-connect", 512);
    check(READ, ReadFile(server, received, sizeof received, NULL, &waits[READ]));
    for (unsigned i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 7);
    check(WRITE, WriteFile(narrow, big, sizeof big, NULL, &waits[WRITE]));
    check(CONNECT, ConnectNamedPipe(listener, &waits[CONNECT]));
}

static void begin_files(void)
{
    OVERLAPPED at = {.Offset = 10};
    DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    CreateDirectoryA("watched", NULL);
    file = CreateFileA("locked", GENERIC_READ | GENERIC_WRITE, share, NULL, CREATE_ALWAYS,
                       FILE_FLAG_OVERLAPPED, NULL);
    other = CreateFileA("locked", GENERIC_READ | GENERIC_WRITE, share, NULL, OPEN_EXISTING,
                        FILE_FLAG_OVERLAPPED, NULL);
    directory = CreateFileA("watched", FILE_LIST_DIRECTORY, share, NULL, OPEN_EXISTING,
                            FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OVERLAPPED, NULL);
    if (!LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK, 0, 20, 0, &at))
        printf("lock: %lu\n", GetLastError());
    waits[LOCK].Offset = 15;
    check(LOCK, LockFileEx(other, LOCKFILE_EXCLUSIVE_LOCK, 0, 5, 0, &waits[LOCK]));
    if (!ReadDirectoryChangesW(directory, changes, sizeof changes, FALSE,
                               FILE_NOTIFY_CHANGE_FILE_NAME, NULL, &waits[DIRECTORY], NULL))
        printf("directory: %lu\n", GetLastError());
    RegCreateKeyExA(HKEY_CURRENT_USER, "Software\\snap-test", 0, NULL, 0, KEY_ALL_ACCESS, NULL,
                    &key, NULL);
    RegDeleteValueA(key, "value");
    RegNotifyChangeKeyValue(key, FALSE, REG_NOTIFY_CHANGE_LAST_SET, waits[KEY].hEvent, TRUE);
}

static void end_of(int number, HANDLE handle)
{
    DWORD bytes = 0;
    BOOL good = WaitForSingleObject(waits[number].hEvent, 5000) == WAIT_OBJECT_0 &&
                (!handle || GetOverlappedResult(handle, &waits[number], &bytes, FALSE));
    printf("%s: %d, %lu bytes\n", names[number], good, bytes);
    fflush(stdout);
}

static void end_pipes(void)
{
    static char back[sizeof big];
    DWORD done = 0, at = 0;
    WriteFile(client, "hello", 5, &done, NULL);
    end_of(READ, server);
    printf("%.5s\n", received);
    while (at < sizeof back && ReadFile(narrow_end, back + at, sizeof back - at, &done, NULL))
        at += done;
    end_of(WRITE, narrow);
    printf("%s\n", memcmp(back, big, sizeof big) == 0 ? "as written" : "DIFFERENT");
    CloseHandle(join_pipe("\\\\.\\pipe\\snap-connect"));
    end_of(CONNECT, listener);
}

static void end_files(void)
{
    DWORD value = 1;
    OVERLAPPED at = {.Offset = 10};
    FILE_NOTIFY_INFORMATION *change = (FILE_NOTIFY_INFORMATION *)changes;
    printf("locked: %d\n", WaitForSingleObject(waits[LOCK].hEvent, 50) == WAIT_TIMEOUT);
    UnlockFileEx(file, 0, 20, 0, &at);
    end_of(LOCK, other);
    CloseHandle(CreateFileA("watched\\new", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
    end_of(DIRECTORY, directory);
    printf("%lu %.*ls\n", change->Action, (int)(change->FileNameLength / 2), change->FileName);
    RegSetValueExA(key, "value", 0, REG_DWORD, (BYTE *)&value, sizeof value);
    end_of(KEY, NULL);
}

int main(void)
{
    for (int i = 0; i < COUNT; i++)
        waits[i].hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    begin_pipes();
    begin_files();
    printf("begun\n");
    fflush(stdout);
    Sleep(700);
    end_pipes();
    end_files();
    return 8;
}
