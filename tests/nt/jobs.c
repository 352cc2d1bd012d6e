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
    return 0;
}
