/* SPDX-License-Identifier: MIT */
/*
 * Micro-benchmarks of the Win32 console API, one program for Wine and Atomik alike. Repetition and
 * output are those of bench.c. Run as `bench-win.exe [name]...`; it starts itself as the child that
 * one of the process tests waits for, and hello-win.exe, which has to be in its own directory.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

#define ROUNDS     15
#define ROUND_NS   4000000ull
#define FILE_BYTES (4u << 20)
#define FILES      100u
#define KEY_NAME   "Software\\AtomikBench"

static char self[MAX_PATH], hello[MAX_PATH], directory[MAX_PATH];
static char buffer[65536];
static HANDLE event, events[2], mutex, file, nowhere, pipe_there[2], pipe_back[2];
static HKEY key;

static uint64_t now(void)
{
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (uint64_t)count.QuadPart * 1000000000u / (uint64_t)frequency.QuadPart;
}

static void fail(const char *what)
{
    printf("%s: error %lu\n", what, GetLastError());
    ExitProcess(1);
}

static void check(BOOL done, const char *what)
{
    if (!done)
        fail(what);
}

static void wait_for(HANDLE object)
{
    check(WaitForSingleObject(object, INFINITE) == WAIT_OBJECT_0, "wait");
}

/* A call that is refused at once: the cost of the trap and the way to the table. */
static void null_call(unsigned count)
{
    while (count--)
        check(!SetEvent(NULL), "SetEvent of no event");
}

static void event_set_wait(unsigned count)
{
    while (count--) {
        check(SetEvent(event), "SetEvent");
        wait_for(event);
    }
}

static void mutex_lock_unlock(unsigned count)
{
    while (count--) {
        wait_for(mutex);
        check(ReleaseMutex(mutex), "ReleaseMutex");
    }
}

static DWORD WINAPI answer_events(void *count)
{
    for (unsigned left = *(unsigned *)count; left > 0; left--) {
        wait_for(events[0]);
        check(SetEvent(events[1]), "SetEvent");
    }
    return 0;
}

static HANDLE start_thread(LPTHREAD_START_ROUTINE run, void *argument)
{
    HANDLE thread = CreateThread(NULL, 0, run, argument, 0, NULL);
    check(thread != NULL, "CreateThread");
    return thread;
}

static void end_thread(HANDLE thread)
{
    wait_for(thread);
    CloseHandle(thread);
}

static void event_ping_pong(unsigned count)
{
    HANDLE thread = start_thread(answer_events, &count);
    for (unsigned i = 0; i < count; i++) {
        check(SetEvent(events[0]), "SetEvent");
        wait_for(events[1]);
    }
    end_thread(thread);
}

static DWORD WINAPI nothing(void *argument)
{
    (void)argument;
    return 0;
}

static void thread_create_join(unsigned count)
{
    while (count--)
        end_thread(start_thread(nothing, NULL));
}

/* The program's output goes nowhere; what it does is to end with code 3. */
static void run_and_wait(const char *program, const char *argument)
{
    STARTUPINFOA startup = {
        .cb = sizeof startup,
        .dwFlags = STARTF_USESTDHANDLES,
        .hStdInput = nowhere,
        .hStdOutput = nowhere,
        .hStdError = nowhere,
    };
    PROCESS_INFORMATION process;
    DWORD code;
    char line[2 * MAX_PATH];

    snprintf(line, sizeof line, "\"%s\" %s", program, argument);
    check(CreateProcessA(program, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process),
          "CreateProcess");
    CloseHandle(process.hThread);
    wait_for(process.hProcess);
    check(GetExitCodeProcess(process.hProcess, &code) && code == 3, "exit code");
    CloseHandle(process.hProcess);
}

static void create_process_wait(unsigned count)
{
    while (count--)
        run_and_wait(self, "--exit");
}

static void create_close_file(unsigned count)
{
    while (count--) {
        HANDLE handle =
            CreateFileA(self, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
        check(handle != INVALID_HANDLE_VALUE, "CreateFile");
        CloseHandle(handle);
    }
}

static void find_files(unsigned count)
{
    char pattern[MAX_PATH + 8];
    snprintf(pattern, sizeof pattern, "%s\\*.dat", directory);
    while (count--) {
        WIN32_FIND_DATAA found;
        unsigned seen = 0;
        HANDLE search = FindFirstFileA(pattern, &found);
        check(search != INVALID_HANDLE_VALUE, "FindFirstFile");
        do
            seen++;
        while (FindNextFileA(search, &found));
        FindClose(search);
        check(seen == FILES, "files found");
    }
}

static void read_one(HANDLE from)
{
    DWORD done;
    check(ReadFile(from, buffer, 1, &done, NULL) && done == 1, "ReadFile");
}

static void write_one(HANDLE to)
{
    DWORD done;
    check(WriteFile(to, buffer, 1, &done, NULL) && done == 1, "WriteFile");
}

static DWORD WINAPI answer_pipe(void *count)
{
    for (unsigned left = *(unsigned *)count; left > 0; left--) {
        read_one(pipe_there[0]);
        write_one(pipe_back[1]);
    }
    return 0;
}

static void pipe_round_trip(unsigned count)
{
    HANDLE thread = start_thread(answer_pipe, &count);
    for (unsigned i = 0; i < count; i++) {
        write_one(pipe_there[1]);
        read_one(pipe_back[0]);
    }
    end_thread(thread);
}

static void registry_query(unsigned count)
{
    while (count--) {
        DWORD value, size = sizeof value, type;
        check(RegQueryValueExA(key, "value", NULL, &type, (BYTE *)&value, &size) == ERROR_SUCCESS &&
                  value == 42,
              "RegQueryValueEx");
    }
}

static void rewind_file(void)
{
    check(SetFilePointer(file, 0, NULL, FILE_BEGIN) == 0, "SetFilePointer");
}

/* The file is rewound now and then, which is a small part of the figure. */
static void read_byte(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (i % 4096 == 0)
            rewind_file();
        read_one(file);
    }
}

static void write_byte(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (i % 4096 == 0)
            rewind_file();
        write_one(file);
    }
}

static void file_read(unsigned count)
{
    while (count--) {
        rewind_file();
        for (unsigned done = 0; done < FILE_BYTES; done += sizeof buffer) {
            DWORD got;
            check(ReadFile(file, buffer, sizeof buffer, &got, NULL) && got == sizeof buffer,
                  "ReadFile");
        }
    }
}

static void start_hello(unsigned count)
{
    while (count--)
        run_and_wait(hello, "a b c");
}

static const struct test {
    const char *name;
    void (*run)(unsigned count);
} tests[] = {
    {"null-call", null_call},
    {"event-set-wait", event_set_wait},
    {"mutex", mutex_lock_unlock},
    {"event-ping-pong", event_ping_pong},
    {"thread-create-join", thread_create_join},
    {"create-close-file", create_close_file},
    {"find-100-files", find_files},
    {"pipe-round-trip", pipe_round_trip},
    {"registry-query", registry_query},
    {"read-1", read_byte},
    {"write-1", write_byte},
    {"file-read-4MiB", file_read},
    {"create-process-wait", create_process_wait},
    {"hello", start_hello},
};

static uint64_t time_of(const struct test *test, unsigned count)
{
    uint64_t start = now();
    test->run(count);
    return now() - start;
}

static uint64_t best_of(const struct test *test, unsigned count, int rounds)
{
    uint64_t best = UINT64_MAX;
    while (rounds--) {
        uint64_t taken = time_of(test, count);
        best = taken < best ? taken : best;
    }
    return best;
}

/* The count is found by the best of some rounds, too: one that was held up would make it too small. */
static void measure(const struct test *test)
{
    unsigned count = 1;
    while (best_of(test, count, 3) < ROUND_NS && count < 1u << 24)
        count *= 2;
    uint64_t best = best_of(test, count, ROUNDS);
    printf("%-20s %12.1f ns\n", test->name, (double)best / count);
    fflush(stdout);
}

static HANDLE open_new(const char *name)
{
    char path[2 * MAX_PATH];
    snprintf(path, sizeof path, "%s\\%s", directory, name);
    HANDLE opened = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                                FILE_FLAG_DELETE_ON_CLOSE, NULL);
    check(opened != INVALID_HANDLE_VALUE, path);
    return opened;
}

/* A fresh directory below the temporary one, with the files that find-file finds. */
static void make_files(void)
{
    char temporary[MAX_PATH - 32], name[32];
    check(GetTempPathA(sizeof temporary, temporary) != 0, "GetTempPath");
    snprintf(directory, sizeof directory, "%sbench-%lu", temporary, GetCurrentProcessId());
    check(CreateDirectoryA(directory, NULL), directory);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "file-%u.dat", i);
        open_new(name); /* left open: it goes when this program ends */
    }
    file = open_new("bench.bin");
    for (unsigned done = 0; done < FILE_BYTES; done += sizeof buffer) {
        DWORD written;
        check(WriteFile(file, buffer, sizeof buffer, &written, NULL) && written == sizeof buffer,
              "writing the file");
    }
}

static void make_objects(void)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    DWORD value = 42;

    event = CreateEventA(NULL, FALSE, FALSE, NULL);
    events[0] = CreateEventA(NULL, FALSE, FALSE, NULL);
    events[1] = CreateEventA(NULL, FALSE, FALSE, NULL);
    mutex = CreateMutexA(NULL, FALSE, NULL);
    nowhere = CreateFileA("NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                          &inherited, OPEN_EXISTING, 0, NULL);
    check(event && events[0] && events[1] && mutex && nowhere != INVALID_HANDLE_VALUE, "objects");
    check(CreatePipe(&pipe_there[0], &pipe_there[1], NULL, 0) &&
              CreatePipe(&pipe_back[0], &pipe_back[1], NULL, 0),
          "CreatePipe");
    check(RegCreateKeyExA(HKEY_CURRENT_USER, KEY_NAME, 0, NULL, REG_OPTION_VOLATILE, KEY_ALL_ACCESS,
                          NULL, &key, NULL) == ERROR_SUCCESS,
          "RegCreateKeyEx");
    check(RegSetValueExA(key, "value", 0, REG_DWORD, (BYTE *)&value, sizeof value) == ERROR_SUCCESS,
          "RegSetValueEx");
}

static void find_programs(void)
{
    check(GetModuleFileNameA(NULL, self, sizeof self) != 0, "GetModuleFileName");
    strcpy(hello, self);
    char *name = strrchr(hello, '\\');
    check(name && name + sizeof "hello-win.exe" < hello + sizeof hello, "own path");
    strcpy(name + 1, "hello-win.exe");
}

static int wanted(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return 1;
    return argc == 1;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--exit") == 0)
        return 3;
    find_programs();
    make_files();
    make_objects();
    for (unsigned i = 0; i < sizeof tests / sizeof tests[0]; i++)
        if (wanted(argc, argv, tests[i].name))
            measure(&tests[i]);
    RegDeleteKeyA(HKEY_CURRENT_USER, KEY_NAME);
    return 0;
}
