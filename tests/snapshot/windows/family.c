/* SPDX-License-Identifier: MIT */
/*
 * A Windows program with a child of its own kind and one that is a Unix program. The first inherits an
 * event, a mapping and the write end of a pipe, none of which has a name; the other writes to the same
 * output. What is printed does not depend on how often all of them are saved and restored.
 *
 *   family.exe                       runs itself and /host/family.sh
 *   family.exe child EVENT MAPPING
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define ROUNDS 40
#define TICK   10

static void fail(const char *what)
{
    printf("%s: error %lu\n", what, GetLastError());
    exit(1);
}

static int child(HANDLE event, HANDLE mapping)
{
    volatile LONG *counter = MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0);
    if (!counter)
        fail("view");
    for (int i = 0; i < ROUNDS; i++) {
        InterlockedAdd(counter, i);
        printf("child %d\n", i);
        fflush(stdout);
        Sleep(TICK);
    }
    SetEvent(event);
    return 5;
}

static PROCESS_INFORMATION start(char *command, HANDLE output)
{
    STARTUPINFOA startup = {.cb = sizeof startup,
                            .dwFlags = STARTF_USESTDHANDLES,
                            .hStdInput = GetStdHandle(STD_INPUT_HANDLE),
                            .hStdOutput = output,
                            .hStdError = GetStdHandle(STD_ERROR_HANDLE)};
    PROCESS_INFORMATION info;
    if (!CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &info))
        fail(command);
    return info;
}

static void wait_for(const char *name, const PROCESS_INFORMATION *info)
{
    DWORD code = 0, thread_code = 0;
    if (WaitForSingleObject(info->hProcess, 20000) != WAIT_OBJECT_0)
        fail(name);
    GetExitCodeProcess(info->hProcess, &code);
    GetExitCodeThread(info->hThread, &thread_code);
    printf("%s: %lu %lu\n", name, code, thread_code);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "child") == 0)
        return child((HANDLE)strtoul(argv[2], NULL, 10), (HANDLE)strtoul(argv[3], NULL, 10));
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE event = CreateEventA(&inherited, TRUE, FALSE, NULL), read_end, write_end;
    HANDLE mapping =
        CreateFileMappingA(INVALID_HANDLE_VALUE, &inherited, PAGE_READWRITE, 0, 4096, NULL);
    if (!event || !mapping || !CreatePipe(&read_end, &write_end, &inherited, 0))
        fail("objects");
    volatile LONG *counter = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
    char command[MAX_PATH + 64], script[] = "/bin/sh /host/family.sh";
    snprintf(command, sizeof command, "\"%s\" child %lu %lu", argv[0], (DWORD)event,
             (DWORD)mapping);
    PROCESS_INFORMATION own = start(command, write_end);
    PROCESS_INFORMATION other = start(script, GetStdHandle(STD_OUTPUT_HANDLE));
    CloseHandle(write_end);
    char bytes[64];
    DWORD length, total = 0;
    while (ReadFile(read_end, bytes, sizeof bytes, &length, NULL) && length > 0)
        total += length;
    wait_for("Unix child", &other);
    printf("%lu bytes, event %lu, counter %ld\n", total, WaitForSingleObject(event, 0), *counter);
    wait_for("child", &own);
    return 3;
}
