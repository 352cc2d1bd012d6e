/* SPDX-License-Identifier: MIT */
/*
 * Random system calls with random arguments:
 *
 *   ntfuzz SECONDS [FIRST-SEED]      children with consecutive seeds, one after the other
 *   ntfuzz child SEED CALLS [say]    the calls of one seed; say: print each before it is made
 *
 * A child may die or hang; it is ended after CHILD_MS. What must hold: this program goes on, and
 * prints at the end how many children ended how, and of which types of
 * objects there are more than at the beginning. The seed of the child that was running is on the last
 * line printed when the system did not survive.
 */
#include "counts.h"

#include <stdlib.h>

#include "tests/fuzz/random.h"

#define CHILD_MS  800
#define CALLS     3000
#define CALLS_MAX 400
#define ARGS_MAX  17
#define POOL      48

struct stub {
    const char *name;
    uint32_t address, words;
};
static struct stub stubs[CALLS_MAX];
static unsigned stub_count;

static struct random chance;

static uint32_t below(uint32_t limit)
{
    return random_below(&chance, limit);
}

/* Calls that only end the child, or the machine. */
static int excluded(const char *name)
{
    static const char *const names[] = {
        "NtTerminateProcess", "NtTerminateThread", "NtContinue",       "NtRaiseException",
        "NtShutdownSystem",   "NtSuspendThread",   "NtSuspendProcess", "NtSetSystemTime",
        "NtSetContextThread", "NtDelayExecution"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return 1;
    return 0;
}

/* Every export of ntdll that is a system call: mov eax, number ... ret bytes. */
static void find_stubs(void)
{
    uint8_t *base = (uint8_t *)GetModuleHandleA("ntdll.dll");
    IMAGE_NT_HEADERS *headers = (void *)(base + ((IMAGE_DOS_HEADER *)base)->e_lfanew);
    IMAGE_EXPORT_DIRECTORY *exports =
        (void *)(base + headers->OptionalHeader.DataDirectory[0].VirtualAddress);
    uint32_t *names = (void *)(base + exports->AddressOfNames);
    uint32_t *functions = (void *)(base + exports->AddressOfFunctions);
    uint16_t *ordinals = (void *)(base + exports->AddressOfNameOrdinals);
    for (uint32_t i = 0; i < exports->NumberOfNames && stub_count < CALLS_MAX; i++) {
        const char *name = (char *)base + names[i];
        uint8_t *code = base + functions[ordinals[i]];
        if (strncmp(name, "Nt", 2) != 0 || code[0] != 0xb8 || code[10] != 0xff ||
            code[12] != 0xc2 || excluded(name))
            continue;
        stubs[stub_count++] =
            (struct stub){name, (uint32_t)(uintptr_t)code, (code[13] | code[14] << 8) / 4u};
    }
}

/* ---- arguments ---- */

static HANDLE pool[POOL];
static uint8_t *memory; /* 64 KiB, the last page read-only, nothing behind it */
#define MEMORY 0x10000u

static void fill_pool(void)
{
    unsigned n = 0;
    HANDLE read_end, write_end;
    HKEY key;
    pool[n++] = CreateEventA(NULL, FALSE, FALSE, NULL);
    pool[n++] = CreateEventA(NULL, TRUE, TRUE, NULL);
    pool[n++] = CreateMutexA(NULL, FALSE, NULL);
    pool[n++] = CreateSemaphoreA(NULL, 1, 5, NULL);
    pool[n++] = CreateWaitableTimerA(NULL, FALSE, NULL);
    pool[n++] = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    pool[n++] = CreateJobObjectA(NULL, NULL);
    pool[n++] = CreateFileA("fuzz.tmp", GENERIC_READ | GENERIC_WRITE | DELETE, 7, NULL, OPEN_ALWAYS,
                            0, NULL);
    pool[n++] = CreateFileA("fuzz.tmp", GENERIC_READ | GENERIC_WRITE, 7, NULL, OPEN_ALWAYS,
                            FILE_FLAG_OVERLAPPED, NULL);
    pool[n++] =
        CreateFileA(".", GENERIC_READ, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    pool[n++] = CreateFileA("NUL", GENERIC_READ | GENERIC_WRITE, 7, NULL, OPEN_EXISTING, 0, NULL);
    pool[n++] = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x20000, NULL);
    pool[n++] = CreateFileMappingA(pool[7], NULL, PAGE_READWRITE, 0, 0x3000, NULL);
    CreatePipe(&read_end, &write_end, NULL, 0);
    pool[n++] = read_end;
    pool[n++] = write_end;
    pool[n++] = CreateNamedPipeA("\\\\.\\pipe\\fuzz", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                                 PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 4, 512, 512, 0, NULL);
    pool[n++] = CreateFileA("\\\\.\\pipe\\fuzz", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                            OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (RegCreateKeyExA(HKEY_CURRENT_USER, "Software\\AtomikFuzz", 0, NULL, REG_OPTION_VOLATILE,
                        KEY_ALL_ACCESS, NULL, &key, NULL) == ERROR_SUCCESS)
        pool[n++] = key;
    OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &pool[n++]);
    pool[n++] =
        CreateThread(NULL, 0, (LPTHREAD_START_ROUTINE)(void *)Sleep, NULL, CREATE_SUSPENDED, NULL);
    pool[n++] = (HANDLE)-1;
    pool[n++] = (HANDLE)-2;
    while (n < POOL)
        pool[n++] = (HANDLE)(uintptr_t)(below(200) * 4);
}

static uint32_t random_pointer(void)
{
    switch (below(12)) {
    case 0:
        return 0;
    case 1:
        return random_number(&chance);
    case 2:
        return (uint32_t)(uintptr_t)memory + MEMORY - 0x1000 + below(0x1000); /* read-only */
    case 3:
        return (uint32_t)(uintptr_t)memory + MEMORY - below(32); /* across the end */
    case 4:
        return 0x7ffe0000u + below(0x2000);
    case 5:
        return 0xa0000000u + random_next(&chance) % 0x60000000u;
    }
    return (uint32_t)(uintptr_t)memory + (below(MEMORY - 0x1000) & ~3u);
}

static uint32_t random_argument(void)
{
    switch (below(3)) {
    case 0:
        return (uint32_t)(uintptr_t)pool[below(POOL)];
    case 1:
        return random_pointer();
    }
    return random_number(&chance);
}

/* Structures that calls read: handles, pointers and numbers mixed, sometimes of a plausible shape. */
static void fill_memory(void)
{
    uint32_t *words = (uint32_t *)memory;
    for (unsigned i = 0; i < 256; i++)
        words[below((MEMORY - 0x1000) / 4)] = random_argument();
    uint32_t *attributes = words + (below(0x3000) & ~7u);
    uint32_t *name = attributes + 8;
    attributes[0] = 24;
    attributes[1] = below(2) ? 0 : random_argument();
    attributes[2] = (uint32_t)(uintptr_t)name;
    attributes[3] = random_number(&chance) & 0x3f2;
    attributes[4] = attributes[5] = 0;
    name[0] = (below(40) * 2) | 0x1000000;
    name[1] = (uint32_t)(uintptr_t)memory + (below(0x8000) & ~1u);
}

static void call(const struct stub *stub, const uint32_t *arguments)
{
    uint32_t address = stub->address, words = stub->words;
    /* The stub pops its arguments; the stack pointer is put back whatever it did. */
    __asm__ volatile("pushl %%ebx\n\t"
                     "pushl %%esi\n\t"
                     "pushl %%edi\n\t"
                     "pushl %%ebp\n\t"
                     "movl %%esp, %%ebp\n\t"
                     "movl %%ecx, %%ebx\n\t"
                     "1: testl %%ebx, %%ebx\n\t"
                     "jz 2f\n\t"
                     "decl %%ebx\n\t"
                     "pushl (%%edx,%%ebx,4)\n\t"
                     "jmp 1b\n\t"
                     "2: call *%%eax\n\t"
                     "movl %%ebp, %%esp\n\t"
                     "popl %%ebp\n\t"
                     "popl %%edi\n\t"
                     "popl %%esi\n\t"
                     "popl %%ebx\n\t"
                     : "+a"(address), "+c"(words), "+d"(arguments)
                     :
                     : "memory", "cc");
}

static LONG CALLBACK skip_faults(EXCEPTION_POINTERS *pointers)
{
    (void)pointers;
    ExitProcess(2);
}

static int child(uint64_t seed, unsigned calls, int say)
{
    DWORD old;
    random_seed(&chance, seed);
    find_stubs();
    memory = VirtualAlloc(NULL, MEMORY, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    VirtualProtect(memory + MEMORY - 0x1000, 0x1000, PAGE_READONLY, &old);
    fill_pool();
    AddVectoredExceptionHandler(1, skip_faults);
    for (unsigned i = 0; i < calls; i++) {
        uint32_t arguments[ARGS_MAX];
        const struct stub *stub = &stubs[below(stub_count)];
        for (unsigned n = 0; n < ARGS_MAX; n++)
            arguments[n] = random_argument();
        if (below(4) == 0)
            fill_memory();
        if (say) {
            printf("%s", stub->name);
            for (unsigned n = 0; n < stub->words; n++)
                printf(" %x", (unsigned)arguments[n]);
            putchar('\n');
            fflush(stdout);
        }
        call(stub, arguments);
    }
    return 0;
}

/* ---- the parent ---- */

static DWORD run_child(uint64_t seed)
{
    char path[MAX_PATH], line[MAX_PATH + 60];
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION process;
    DWORD code = 0;
    GetModuleFileNameA(NULL, path, sizeof path);
    snprintf(line, sizeof line, "\"%s\" child %lu %u", path, (unsigned long)seed, CALLS);
    if (!CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, &process))
        return 0xffffffff;
    if (WaitForSingleObject(process.hProcess, CHILD_MS) != WAIT_OBJECT_0) {
        TerminateProcess(process.hProcess, 99);
        if (WaitForSingleObject(process.hProcess, CHILD_MS) != WAIT_OBJECT_0)
            printf("seed %lu: cannot be ended\n", (unsigned long)seed);
    }
    GetExitCodeProcess(process.hProcess, &code);
    CloseHandle(process.hProcess);
    CloseHandle(process.hThread);
    return code;
}

int main(int argc, char **argv)
{
    unsigned ended = 0, died = 0, hung = 0, failed = 0;
    if (argc > 3 && strcmp(argv[1], "child") == 0)
        return child(strtoull(argv[2], NULL, 10), atoi(argv[3]), argc > 4);
    ULONGLONG limit = GetTickCount64() + (argc > 1 ? atoi(argv[1]) : 10) * 1000ull;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct counts before = counts_now();
    for (; GetTickCount64() < limit; seed++) {
        printf("seed %lu\r", (unsigned long)seed);
        fflush(stdout);
        DWORD code = run_child(seed);
        ended += code == 0;
        hung += code == 99;
        failed += code == 0xffffffff;
        died += code != 0 && code != 99 && code != 0xffffffff;
    }
    printf("%u ended, %u died, %u were ended, %u did not start; next seed %lu\n", ended, died, hung,
           failed, (unsigned long)seed);
    return failed != 0 || counts_compare(&before) != 0;
}
