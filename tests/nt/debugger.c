/* SPDX-License-Identifier: MIT */
/* A debugger: what it hears of a child that starts, prints, breaks, faults and ends. */
#include "show.h"

static void child(void)
{
    OutputDebugStringA("to the debugger");
    DebugBreak();
    volatile int *nowhere = (int *)0x10;
    *nowhere = 1;
}

static const char *exception_name(DWORD code)
{
    switch (code) {
    case EXCEPTION_BREAKPOINT:
        return "breakpoint";
    case EXCEPTION_ACCESS_VIOLATION:
        return "access violation";
    }
    return "other exception";
}

/* What to answer: breakpoints are handled, faults are the program's own. */
static DWORD show_exception(const EXCEPTION_DEBUG_INFO *info)
{
    DWORD code = info->ExceptionRecord.ExceptionCode;
    printf("%s, %s chance\n", exception_name(code), info->dwFirstChance ? "first" : "second");
    return code == EXCEPTION_BREAKPOINT ? DBG_CONTINUE : DBG_EXCEPTION_NOT_HANDLED;
}

static void show_string(HANDLE process, const OUTPUT_DEBUG_STRING_INFO *info)
{
    char text[64] = "";
    SIZE_T done;
    ReadProcessMemory(
        process, info->lpDebugStringData, text,
        info->nDebugStringLength < sizeof text ? info->nDebugStringLength : sizeof text - 1, &done);
    printf("string '%s'\n", text);
}

int main(int argc, char **argv)
{
    DEBUG_EVENT event;
    HANDLE process = NULL;
    int modules = 0;
    show_begin();
    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        child();
        return 0;
    }
    PROCESS_INFORMATION started = start_self("child", DEBUG_ONLY_THIS_PROCESS, FALSE);
    while (WaitForDebugEvent(&event, LONG_TIME)) {
        DWORD answer = DBG_CONTINUE;
        switch (event.dwDebugEventCode) {
        case CREATE_PROCESS_DEBUG_EVENT:
            process = event.u.CreateProcessInfo.hProcess;
            printf("process: same id %d, file %d\n", event.dwProcessId == started.dwProcessId,
                   event.u.CreateProcessInfo.hFile != NULL);
            break;
        case LOAD_DLL_DEBUG_EVENT:
            modules++;
            break;
        case OUTPUT_DEBUG_STRING_EVENT:
            show_string(process, &event.u.DebugString);
            break;
        case EXCEPTION_DEBUG_EVENT:
            answer = show_exception(&event.u.Exception);
            break;
        case EXIT_PROCESS_DEBUG_EVENT:
            printf("end: %lx\n", event.u.ExitProcess.dwExitCode);
            break;
        }
        ContinueDebugEvent(event.dwProcessId, event.dwThreadId, answer);
        if (event.dwDebugEventCode == EXIT_PROCESS_DEBUG_EVENT)
            break;
    }
    printf("modules %d\n", modules > 2);
    SHOW(WaitForSingleObject(started.hProcess, LONG_TIME));
    return 0;
}
