/* SPDX-License-Identifier: MIT */
/* Changes of a directory and of the tree below it, told as they happen: ReadDirectoryChangesW. */
#include "show.h"

#define EVERYTHING                                                                          \
    (FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME | FILE_NOTIFY_CHANGE_SIZE | \
     FILE_NOTIFY_CHANGE_ATTRIBUTES)

static HANDLE directory;
static OVERLAPPED overlapped;
static DWORD buffer[1024];

static void ask(DWORD size, BOOL tree)
{
    ResetEvent(overlapped.hEvent);
    SHOW(ReadDirectoryChangesW(directory, buffer, size, tree, EVERYTHING, NULL, &overlapped, NULL));
}

static void tell(void)
{
    DWORD bytes = 0;
    SHOW(WaitForSingleObject(overlapped.hEvent, LONG_TIME));
    BOOL done = GetOverlappedResult(directory, &overlapped, &bytes, FALSE);
    printf("%d, %lu bytes\n", done, bytes);
    const FILE_NOTIFY_INFORMATION *record = (FILE_NOTIFY_INFORMATION *)buffer;
    while (bytes) {
        printf("  action %lu, %.*S\n", record->Action, (int)(record->FileNameLength / 2),
               record->FileName);
        if (!record->NextEntryOffset)
            break;
        record = (const FILE_NOTIFY_INFORMATION *)((const char *)record + record->NextEntryOffset);
    }
}

static void touch(const char *name)
{
    CloseHandle(CreateFileA(name, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL));
}

int main(void)
{
    show_begin();
    CreateDirectoryA("watched", NULL);
    directory = CreateFileA("watched", FILE_LIST_DIRECTORY,
                            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                            OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OVERLAPPED, NULL);
    overlapped.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    ask(sizeof buffer, TRUE);
    SHOW(WaitForSingleObject(overlapped.hEvent, SOON));
    touch("watched\\one");
    tell();
    ask(sizeof buffer, TRUE);
    SHOW(DeleteFileA("watched\\one"));
    tell();
    ask(sizeof buffer, TRUE);
    SHOW(CreateDirectoryA("watched\\below", NULL));
    tell();
    ask(sizeof buffer, TRUE);
    touch("watched\\below\\deep");
    tell();
    SHOW(CancelIo(directory));
    ask(4, TRUE);
    SHOW(DeleteFileA("watched\\below\\deep"));
    tell();
    ask(sizeof buffer, TRUE);
    SHOW(CancelIo(directory));
    SHOW(WaitForSingleObject(overlapped.hEvent, LONG_TIME));
    SHOW((long)overlapped.Internal);
    CloseHandle(directory);
    SHOW(RemoveDirectoryA("watched\\below"));
    SHOW(RemoveDirectoryA("watched"));
    return 0;
}
