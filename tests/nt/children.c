/* SPDX-License-Identifier: MIT */
/* What a child process gets: handles, streams, environment, directory, command line; and what its parent sees. */
#include "show.h"

static void report(int argc, char **argv)
{
    char text[MAX_PATH];
    for (int i = 2; i < argc; i++)
        printf("argument [%s]\n", argv[i]);
    DWORD length = GetEnvironmentVariableA("ATOMIK_GIVEN", text, sizeof text);
    printf("variable %lu [%s]\n", length, length ? text : "");
    GetCurrentDirectoryA(sizeof text, text);
    printf("directory %s\n", text);
    STARTUPINFOA start;
    GetStartupInfoA(&start);
    printf("flags %lx show %u title %s\n", start.dwFlags, start.wShowWindow,
           start.lpTitle && start.dwFlags ? start.lpTitle : "");
}

/* "use HANDLE": write to what the parent says was inherited. */
static int use(const char *number)
{
    DWORD count = 0;
    HANDLE handle = (HANDLE)(size_t)strtoul(number, NULL, 16);
    BOOL done = WriteFile(handle, "from the child", 14, &count, NULL);
    printf("written %d %lu error %lu\n", done, count, done ? 0 : GetLastError());
    return done ? 0 : 1;
}

static int copy_input(void)
{
    char line[100];
    while (fgets(line, sizeof line, stdin))
        printf("read %s", line);
    fputs("to the errors\n", stderr);
    return 0;
}

static DWORD wait_for(PROCESS_INFORMATION *child)
{
    DWORD code = 0;
    if (WaitForSingleObject(child->hProcess, LONG_TIME) != WAIT_OBJECT_0)
        puts("it does not end");
    GetExitCodeProcess(child->hProcess, &code);
    CloseHandle(child->hThread);
    CloseHandle(child->hProcess);
    return code;
}

static BOOL start(const char *arguments, STARTUPINFOA *info, BOOL inherit, DWORD flags,
                  void *environment, const char *directory, PROCESS_INFORMATION *child)
{
    char path[MAX_PATH], line[MAX_PATH + 200];
    GetModuleFileNameA(NULL, path, sizeof path);
    snprintf(line, sizeof line, "\"%s\" %s", path, arguments);
    return CreateProcessA(path, line, NULL, NULL, inherit, flags, environment, directory, info,
                          child);
}

static void read_all(HANDLE pipe, const char *what)
{
    char text[1000] = "";
    DWORD count, length = 0;
    while (ReadFile(pipe, text + length, sizeof text - length, &count, NULL) && count)
        length += count;
    printf("%s: %.*s\n%s ends with error %lu\n", what, (int)length, text, what, GetLastError());
}

static void inherited(void)
{
    SECURITY_ATTRIBUTES all = {sizeof all, NULL, TRUE};
    HANDLE reader, writer;
    DWORD flags;
    char line[40];
    STARTUPINFOA info = {.cb = sizeof info};
    PROCESS_INFORMATION child;
    puts("-- handles");
    CreatePipe(&reader, &writer, &all, 0);
    SHOW(SetHandleInformation(reader, HANDLE_FLAG_INHERIT, 0));
    SHOW(GetHandleInformation(reader, &flags));
    printf("flags %lx\n", flags);
    SHOW(GetHandleInformation(writer, &flags));
    printf("flags %lx\n", flags);
    sprintf(line, "use %lx", (unsigned long)(size_t)writer);
    SHOW(start(line, &info, TRUE, 0, NULL, NULL, &child));
    printf("code %lu\n", wait_for(&child));
    SHOW(start(line, &info, FALSE, 0, NULL, NULL, &child));
    printf("code %lu\n", wait_for(&child));
    sprintf(line, "use %lx", (unsigned long)(size_t)reader);
    SHOW(start(line, &info, TRUE, 0, NULL, NULL, &child));
    printf("code %lu\n", wait_for(&child));
    CloseHandle(writer);
    read_all(reader, "pipe");
    CloseHandle(reader);
}

/* Of two handles that can be inherited, only the one in the list is. */
static void listed(void)
{
    SECURITY_ATTRIBUTES all = {sizeof all, NULL, TRUE};
    HANDLE reader, writer;
    char line[40];
    SIZE_T size = 0;
    PROCESS_INFORMATION child;
    puts("-- a list of handles");
    CreatePipe(&reader, &writer, &all, 0);
    HANDLE other = CreateFileA("other.txt", GENERIC_WRITE, 0, &all, CREATE_ALWAYS, 0, NULL);
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    STARTUPINFOEXA info = {.StartupInfo.cb = sizeof info, .lpAttributeList = malloc(size)};
    SHOW(InitializeProcThreadAttributeList(info.lpAttributeList, 1, 0, &size));
    SHOW(UpdateProcThreadAttribute(info.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                                   &writer, sizeof writer, NULL, NULL));
    sprintf(line, "use %lx", (unsigned long)(size_t)writer);
    SHOW(start(line, &info.StartupInfo, TRUE, EXTENDED_STARTUPINFO_PRESENT, NULL, NULL, &child));
    printf("code %lu\n", wait_for(&child));
    sprintf(line, "use %lx", (unsigned long)(size_t)other);
    SHOW(start(line, &info.StartupInfo, TRUE, EXTENDED_STARTUPINFO_PRESENT, NULL, NULL, &child));
    printf("code %lu\n", wait_for(&child));
    SHOW(GetFileSize(other, NULL));
    DeleteProcThreadAttributeList(info.lpAttributeList);
    CloseHandle(writer);
    read_all(reader, "pipe");
    CloseHandle(reader);
    CloseHandle(other);
    SHOW(DeleteFileA("other.txt"));
}

static void streams(void)
{
    SECURITY_ATTRIBUTES all = {sizeof all, NULL, TRUE};
    HANDLE in_reader, in_writer, out_reader, out_writer;
    DWORD count;
    PROCESS_INFORMATION child;
    puts("-- streams");
    CreatePipe(&in_reader, &in_writer, &all, 0);
    CreatePipe(&out_reader, &out_writer, &all, 0);
    SetHandleInformation(in_writer, HANDLE_FLAG_INHERIT, 0);
    HANDLE errors =
        CreateFileA("errors.txt", GENERIC_WRITE, FILE_SHARE_READ, &all, CREATE_ALWAYS, 0, NULL);
    STARTUPINFOA info = {.cb = sizeof info,
                         .dwFlags = STARTF_USESTDHANDLES,
                         .hStdInput = in_reader,
                         .hStdOutput = out_writer,
                         .hStdError = errors};
    SHOW(start("copy", &info, TRUE, 0, NULL, NULL, &child));
    CloseHandle(in_reader);
    CloseHandle(out_writer);
    SHOW(WriteFile(in_writer, "one\r\ntwo\r\n", 10, &count, NULL));
    CloseHandle(in_writer);
    read_all(out_reader, "output");
    printf("code %lu\n", wait_for(&child));
    SHOW(GetFileSize(errors, NULL));
    CloseHandle(errors);
    CloseHandle(out_reader);
    SHOW(DeleteFileA("errors.txt"));
}

/* A duplicate that closes its source takes its place. */
static void replaced(void)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL), same, second;
    DWORD flags;
    puts("-- duplicates");
    SHOW(DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &same, 0, TRUE,
                         DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    SHOW(same == event && GetHandleInformation(event, &flags));
    printf("flags %lx\n", flags);
    SHOW(DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &second, SYNCHRONIZE,
                         FALSE, 0));
    SHOW(SetEvent(second));
    SHOW(SetEvent(event));
    SHOW(WaitForSingleObject(second, 0));
    SHOW(SetHandleInformation(event, HANDLE_FLAG_PROTECT_FROM_CLOSE,
                              HANDLE_FLAG_PROTECT_FROM_CLOSE));
    SHOW(CloseHandle(event));
    CloseHandle(second);
}

static void surroundings(void)
{
    static char block[] = "ATOMIK_GIVEN=a value\0SystemRoot=C:\\windows\0";
    static WCHAR wide[] = L"ATOMIK_GIVEN=wide\0SystemRoot=C:\\windows\0";
    STARTUPINFOA info = {.cb = sizeof info};
    PROCESS_INFORMATION child;
    puts("-- environment, directory, command line");
    SetEnvironmentVariableA("ATOMIK_GIVEN", "the parent's");
    SHOW(start("report a \"b c\" d\\\\\"e\" \"\" \\\"f", &info, TRUE, 0, NULL, "C:\\windows",
               &child));
    printf("code %lu\n", wait_for(&child));
    SHOW(start("report", &info, TRUE, 0, block, "C:\\", &child));
    printf("code %lu\n", wait_for(&child));
    info.dwFlags = STARTF_USESHOWWINDOW;
    info.wShowWindow = SW_MINIMIZE;
    info.lpTitle = "a title";
    SHOW(start("report", &info, TRUE, CREATE_UNICODE_ENVIRONMENT, wide, "C:\\", &child));
    printf("code %lu\n", wait_for(&child));
    SHOW(start("report", &info, TRUE, 0, NULL, "C:\\nosuch", &child));
    SHOW(CreateProcessA("nosuch.exe", NULL, NULL, NULL, FALSE, 0, NULL, NULL, &info, &child));
    SHOW(CreateProcessA("C:\\windows\\win.ini.nosuch", NULL, NULL, NULL, FALSE, 0, NULL, NULL,
                        &info, &child));
}

static void handles_of_others(void)
{
    STARTUPINFOA info = {.cb = sizeof info};
    PROCESS_INFORMATION child;
    HANDLE theirs, ours, event = CreateEventA(NULL, TRUE, FALSE, NULL);
    DWORD code;
    puts("-- from outside");
    SHOW(start("sleep", &info, FALSE, CREATE_SUSPENDED, NULL, NULL, &child));
    SHOW(DuplicateHandle(GetCurrentProcess(), event, child.hProcess, &theirs, 0, FALSE,
                         DUPLICATE_SAME_ACCESS));
    SHOW(DuplicateHandle(child.hProcess, theirs, GetCurrentProcess(), &ours, 0, FALSE,
                         DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    SHOW(SetEvent(ours));
    SHOW(WaitForSingleObject(event, 0));
    void *memory = VirtualAllocEx(child.hProcess, NULL, 0x1000, MEM_COMMIT, PAGE_READWRITE);
    char text[6] = "";
    SHOW(WriteProcessMemory(child.hProcess, memory, "hello", 6, NULL));
    SHOW(ReadProcessMemory(child.hProcess, memory, text, 6, NULL));
    printf("read %s\n", text);
    SHOW(GetExitCodeProcess(child.hProcess, &code));
    printf("code %lu\n", code);
    SHOW(GetProcessId(child.hProcess) == child.dwProcessId);
    HANDLE again = OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, child.dwProcessId);
    SHOW(again != NULL);
    SHOW(TerminateProcess(again, 1));
    SHOW(TerminateProcess(child.hProcess, 55));
    printf("code %lu\n", wait_for(&child));
    SHOW(GetExitCodeProcess(again, &code));
    CloseHandle(again);
    SHOW(OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, 0));
}

int main(int argc, char **argv)
{
    show_begin();
    if (argc > 2 && !strcmp(argv[1], "use"))
        return use(argv[2]);
    if (argc > 1 && !strcmp(argv[1], "copy"))
        return copy_input();
    if (argc > 1 && !strcmp(argv[1], "report")) {
        report(argc, argv);
        return argc;
    }
    inherited();
    listed();
    streams();
    replaced();
    surroundings();
    handles_of_others();
    return 0;
}
