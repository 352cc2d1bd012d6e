/* SPDX-License-Identifier: MIT */
/* tasklist: the processes of this system that Windows programs see, with the memory they use. */
#include "program.h"

#include <psapi.h>
#include <tlhelp32.h>

enum format { FORMAT_TABLE, FORMAT_LIST, FORMAT_CSV };

static enum format format = FORMAT_TABLE;
static bool no_header;
static const char *image_filter, *pid_filter;

static unsigned long memory_kib(DWORD pid)
{
    PROCESS_MEMORY_COUNTERS counters = {.cb = sizeof counters};
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
    if (process) {
        GetProcessMemoryInfo(process, &counters, sizeof counters);
        CloseHandle(process);
    }
    return counters.WorkingSetSize / 1024;
}

static const char *with_commas(unsigned long value)
{
    static char text[32];
    if (value >= 1000000)
        snprintf(text, sizeof text, "%lu,%03lu,%03lu", value / 1000000, value / 1000 % 1000,
                 value % 1000);
    else if (value >= 1000)
        snprintf(text, sizeof text, "%lu,%03lu", value / 1000, value % 1000);
    else
        snprintf(text, sizeof text, "%lu", value);
    return text;
}

static void print_header(void)
{
    if (no_header || format == FORMAT_LIST)
        return;
    if (format == FORMAT_CSV)
        printf("\"Image Name\",\"PID\",\"Session Name\",\"Session#\",\"Mem Usage\"\n");
    else
        printf("\n%-25s %8s %-16s %11s %12s\n%.25s %.8s %.16s %.11s %.12s\n", "Image Name", "PID",
               "Session Name", "Session#", "Mem Usage", "=========================", "========",
               "================", "===========", "============");
}

static void print_process(const PROCESSENTRY32 *entry)
{
    DWORD session = 0;
    const char *memory = with_commas(memory_kib(entry->th32ProcessID));
    unsigned long pid = entry->th32ProcessID;
    ProcessIdToSessionId(pid, &session);
    if (format == FORMAT_CSV)
        printf("\"%s\",\"%lu\",\"Console\",\"%lu\",\"%s K\"\n", entry->szExeFile, pid, session,
               memory);
    else if (format == FORMAT_LIST)
        printf("\nImage Name:   %s\nPID:          %lu\nSession Name: Console\nSession#:     %lu\n"
               "Mem Usage:    %s K\n",
               entry->szExeFile, pid, session, memory);
    else
        printf("%-25.25s %8lu %-16s %11lu %10s K\n", entry->szExeFile, pid, "Console", session,
               memory);
}

static bool wanted(const PROCESSENTRY32 *entry)
{
    return (!image_filter || _stricmp(entry->szExeFile, image_filter) == 0) &&
           (!pid_filter || entry->th32ProcessID == strtoul(pid_filter, NULL, 10));
}

/* "imagename eq NAME" or "pid eq NUMBER". */
static bool take_filter(char *filter)
{
    char *field = strtok(filter, " "), *relation = strtok(NULL, " "), *value = strtok(NULL, "");
    if (!value || _stricmp(relation, "eq") != 0)
        return false;
    if (_stricmp(field, "imagename") == 0)
        image_filter = value;
    else if (_stricmp(field, "pid") == 0)
        pid_filter = value;
    else
        return false;
    return true;
}

static bool take_format(const char *name)
{
    static const char *const names[] = {"table", "list", "csv"};
    for (int i = 0; i < 3; i++)
        if (_stricmp(names[i], name) == 0) {
            format = i;
            return true;
        }
    return false;
}

static bool take_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (_stricmp(argv[i], "/nh") == 0)
            no_header = true;
        else if (_stricmp(argv[i], "/fo") == 0 && more && take_format(argv[i + 1]))
            i++;
        else if (_stricmp(argv[i], "/fi") == 0 && more && take_filter(argv[i + 1]))
            i++;
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    PROCESSENTRY32 entry = {.dwSize = sizeof entry};
    bool any = false;
    if (argc > 1 && strcmp(argv[1], "/?") == 0) {
        printf("TASKLIST [/FI filter] [/FO TABLE|LIST|CSV] [/NH]\n");
        return 0;
    }
    if (!take_arguments(argc, argv)) {
        fprintf(stderr, "ERROR: Invalid argument/option.\nType \"TASKLIST /?\" for usage.\n");
        return 1;
    }
    HANDLE list = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    if (list == INVALID_HANDLE_VALUE) {
        fprintf(stderr, "ERROR: The list of processes cannot be read.\n");
        return 1;
    }
    for (BOOL more = Process32First(list, &entry); more; more = Process32Next(list, &entry)) {
        if (!wanted(&entry))
            continue;
        if (!any)
            print_header();
        any = true;
        print_process(&entry);
    }
    CloseHandle(list);
    if (!any)
        printf("INFO: No tasks are running which match the specified criteria.\n");
    return 0;
}
