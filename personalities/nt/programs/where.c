/* SPDX-License-Identifier: MIT */
/*
 * where: the files that a pattern finds in the current directory and on the PATH, or below a directory
 * (/r), or in the directories of a variable ($VARIABLE:pattern) or list (directory;directory:pattern).
 */
#include "program.h"

static bool quiet, details, quoted;
static int found_count;

static void print_file(const char *path, const WIN32_FIND_DATAA *data)
{
    SYSTEMTIME time;
    FILETIME local;
    found_count++;
    if (quiet)
        return;
    if (details) {
        FileTimeToLocalFileTime(&data->ftLastWriteTime, &local);
        FileTimeToSystemTime(&local, &time);
        printf("%10lu   %2u/%2u/%4u  %02u:%02u:%02u  ", (unsigned long)data->nFileSizeLow,
               time.wMonth, time.wDay, time.wYear, time.wHour, time.wMinute, time.wSecond);
    }
    printf(quoted ? "\"%s\"\n" : "%s\n", path);
}

static void search(const char *directory, const char *pattern)
{
    char path[MAX_PATH * 2], full[MAX_PATH * 2];
    WIN32_FIND_DATAA data;
    size_t length = strlen(directory);
    const char *slash = length && directory[length - 1] != '\\' ? "\\" : "";
    snprintf(path, sizeof path, "%s%s%s", directory, slash, pattern);
    HANDLE handle = FindFirstFileA(path, &data);
    if (handle == INVALID_HANDLE_VALUE)
        return;
    do {
        if (data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
            continue;
        snprintf(path, sizeof path, "%s%s%s", directory, slash, data.cFileName);
        if (!GetFullPathNameA(path, sizeof full, full, NULL))
            snprintf(full, sizeof full, "%s", path);
        print_file(full, &data);
    } while (FindNextFileA(handle, &data));
    FindClose(handle);
}

/* The pattern itself, then with each extension of PATHEXT. */
static void search_program(const char *directory, const char *pattern)
{
    char extensions[1024], name[MAX_PATH];
    search(directory, pattern);
    if (!GetEnvironmentVariableA("PATHEXT", extensions, sizeof extensions))
        strcpy(extensions, ".COM;.EXE;.BAT;.CMD");
    for (char *at = extensions, *next; at; at = next) {
        next = strchr(at, ';');
        if (next)
            *next++ = 0;
        snprintf(name, sizeof name, "%s%s", pattern, at);
        if (*at)
            search(directory, name);
    }
}

static void search_list(char *list, const char *pattern)
{
    for (char *next; list; list = next) {
        next = strchr(list, ';');
        if (next)
            *next++ = 0;
        if (*list)
            search_program(list, pattern);
    }
}

static void search_path(const char *pattern)
{
    static char path[32768];
    search_program(".", pattern);
    if (GetEnvironmentVariableA("PATH", path, sizeof path))
        search_list(path, pattern);
}

static void search_below(const char *directory, const char *pattern)
{
    char path[MAX_PATH * 2];
    WIN32_FIND_DATAA data;
    search(directory, pattern);
    snprintf(path, sizeof path, "%s\\*", directory);
    HANDLE handle = FindFirstFileA(path, &data);
    if (handle == INVALID_HANDLE_VALUE)
        return;
    do {
        if (!(data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) ||
            strcmp(data.cFileName, ".") == 0 || strcmp(data.cFileName, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s\\%s", directory, data.cFileName);
        search_below(path, pattern);
    } while (FindNextFileA(handle, &data));
    FindClose(handle);
}

static void search_argument(char *argument)
{
    static char list[32768];
    char *colon = strrchr(argument, ':');
    if (!colon) {
        search_path(argument);
        return;
    }
    *colon = 0;
    if (argument[0] != '$')
        snprintf(list, sizeof list, "%s", argument);
    else if (!GetEnvironmentVariableA(argument + 1, list, sizeof list))
        return;
    search_list(list, colon + 1);
}

static int bad(const char *problem)
{
    fprintf(stderr, "ERROR: %s\nType \"WHERE /?\" for usage help.\n", problem);
    return 2;
}

int main(int argc, char **argv)
{
    const char *below = NULL;
    int at = 1, missing = 0;
    for (; at < argc && argv[at][0] == '/'; at++) {
        if (strcmp(argv[at], "/?") == 0) {
            printf("WHERE [/R dir] [/Q] [/F] [/T] pattern...\n");
            return 0;
        }
        quiet |= _stricmp(argv[at], "/q") == 0;
        quoted |= _stricmp(argv[at], "/f") == 0;
        details |= _stricmp(argv[at], "/t") == 0;
        if (_stricmp(argv[at], "/r") == 0 && at + 1 < argc)
            below = argv[++at];
        else if (!strchr("qQfFtT", argv[at][1]) || argv[at][2])
            return bad("Invalid argument or option.");
    }
    if (at >= argc)
        return bad("A pattern is needed.");
    for (; at < argc; at++) {
        int before = found_count;
        if (below)
            search_below(below, argv[at]);
        else
            search_argument(argv[at]);
        missing += found_count == before;
    }
    if (missing && !quiet)
        fprintf(stderr, "INFO: Could not find files for the given pattern(s).\n");
    return missing ? 1 : 0;
}
