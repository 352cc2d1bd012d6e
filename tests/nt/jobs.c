/* SPDX-License-Identifier: MIT */
/* Job objects: membership, messages, limits, and the end of all with the last handle. */
#include "show.h"

static HANDLE job, port;

static void show_messages(void)
{
    DWORD message;
    ULONG_PTR key;
    OVERLAPPED *process;
    while (GetQueuedCompletionStatus(port, &message, &key, &process, SOON))
        printf("message %lu, key %lu, of a process %d\n", message, (unsigned long)key,
               process != NULL);
}

static void show_accounts(void)
{
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION info;
    SHOW(QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &info, sizeof info,
                                   NULL));
    printf("total %lu, active %lu\n", info.TotalProcesses, info.ActiveProcesses);
}

/*
 * As build tools have it: the tool itself in a job, another one in that for what it starts. A child may leave the
 * inner one only; a port hears of all that are inside.
 */
static void nested(void)
{
    BOOL inside;
    HANDLE outer = CreateJobObjectA(NULL, NULL), inner = CreateJobObjectA(NULL, NULL);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags =
                                                       JOB_OBJECT_LIMIT_BREAKAWAY_OK};
    puts("-- nested");
    SHOW(AssignProcessToJobObject(outer, GetCurrentProcess()));
    SHOW(AssignProcessToJobObject(inner, GetCurrentProcess()));
    SHOW(SetInformationJobObject(inner, JobObjectExtendedLimitInformation, &limits, sizeof limits));
    port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    JOBOBJECT_ASSOCIATE_COMPLETION_PORT associate = {(void *)78, port};
    SHOW(SetInformationJobObject(outer, JobObjectAssociateCompletionPortInformation, &associate,
                                 sizeof associate));
    show_messages();
    PROCESS_INFORMATION child = start_self("10", CREATE_BREAKAWAY_FROM_JOB, FALSE);
    SHOW(IsProcessInJob(child.hProcess, inner, &inside));
    printf("in the inner %d\n", inside);
    SHOW(IsProcessInJob(child.hProcess, outer, &inside));
    printf("in the outer %d\n", inside);
    SHOW(WaitForSingleObject(child.hProcess, LONG_TIME));
    SHOW(IsProcessInJob(child.hProcess, outer, &inside));
    printf("after its end %d\n", inside);
    show_messages();
}

int main(int argc, char **argv)
{
    BOOL inside;
    DWORD code;
    show_begin();
    if (argc > 1) {
        Sleep(atoi(argv[1]));
        return 3;
    }
    job = CreateJobObjectA(NULL, NULL);
    port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    JOBOBJECT_ASSOCIATE_COMPLETION_PORT associate = {(void *)77, port};
    SHOW(SetInformationJobObject(job, JobObjectAssociateCompletionPortInformation, &associate,
                                 sizeof associate));
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK;
    SHOW(SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits));
    PROCESS_INFORMATION first = start_self("10", CREATE_SUSPENDED, FALSE);
    SHOW(IsProcessInJob(first.hProcess, job, &inside));
    printf("inside %d\n", inside);
    SHOW(AssignProcessToJobObject(job, first.hProcess));
    SHOW(IsProcessInJob(first.hProcess, job, &inside));
    printf("inside %d\n", inside);
    ResumeThread(first.hThread);
    SHOW(WaitForSingleObject(first.hProcess, LONG_TIME));
    show_messages();
    PROCESS_INFORMATION second = start_self("100000", CREATE_SUSPENDED, FALSE);
    SHOW(AssignProcessToJobObject(job, second.hProcess));
    ResumeThread(second.hThread);
    show_accounts();
    SHOW(TerminateJobObject(job, 9));
    SHOW(WaitForSingleObject(second.hProcess, LONG_TIME));
    GetExitCodeProcess(second.hProcess, &code);
    printf("exit code %lu\n", code);
    show_messages();
    PROCESS_INFORMATION third = start_self("100000", CREATE_SUSPENDED, FALSE);
    SHOW(AssignProcessToJobObject(job, third.hProcess));
    ResumeThread(third.hThread);
    SHOW(CloseHandle(job));
    SHOW(WaitForSingleObject(third.hProcess, LONG_TIME));
    nested();
    return 0;
}
