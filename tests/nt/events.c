/* SPDX-License-Identifier: MIT */
/* Console control events: who gets them, who takes them, and how a program ends that does not. For test_nt_programs.py. */
#include "show.h"

#define READY "atomik-events-ready"

static HANDLE heard;

static BOOL WINAPI take(DWORD event)
{
    printf("event %lu\n", event);
    SetEvent(heard);
    return TRUE;
}

static BOOL WINAPI pass_on(DWORD event)
{
    printf("passed on %lu\n", event);
    return FALSE;
}

/* In a new group Wine's kernelbase ignores events until it is told not to. */
static int child(const char *how)
{
    SetConsoleCtrlHandler(NULL, FALSE);
    SetConsoleCtrlHandler(*how == 't' ? take : pass_on, TRUE);
    SetEvent(OpenEventA(EVENT_MODIFY_STATE, FALSE, READY));
    return WaitForSingleObject(heard, LONG_TIME) == WAIT_OBJECT_0 ? 5 : 6;
}

/* A child in a group of its own gets the event; this program does not. */
static void send_to_child(const char *how)
{
    DWORD code;
    HANDLE ready = CreateEventA(NULL, FALSE, FALSE, READY);
    PROCESS_INFORMATION process = start_self(how, CREATE_NEW_PROCESS_GROUP, FALSE);
    SHOW(WaitForSingleObject(ready, LONG_TIME));
    /* Printed when the child has ended, which prints as well. */
    BOOL sent = GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, process.dwProcessId);
    DWORD waited = WaitForSingleObject(process.hProcess, LONG_TIME);
    GetExitCodeProcess(process.hProcess, &code);
    printf("sent %d, waited %lu, child %s ends with %lx\n", sent, waited, how, code);
    CloseHandle(ready);
}

int main(int argc, char **argv)
{
    show_begin();
    heard = CreateEventA(NULL, FALSE, FALSE, NULL);
    if (argc > 1 && strcmp(argv[1], "wait"))
        return child(argv[1]);
    SHOW(SetConsoleCtrlHandler(take, TRUE));
    if (argc == 1) {
        send_to_child("takes");
        send_to_child("passes");
        SHOW(WaitForSingleObject(heard, 0));
        SHOW(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
        SHOW(WaitForSingleObject(heard, LONG_TIME));
        SHOW(SetConsoleCtrlHandler(NULL, TRUE));
        SHOW(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
        SHOW(WaitForSingleObject(heard, SOON));
        SHOW(SetConsoleCtrlHandler(NULL, FALSE));
    }
    puts("waiting");
    SHOW(WaitForSingleObject(heard, LONG_TIME));
    return 9;
}
