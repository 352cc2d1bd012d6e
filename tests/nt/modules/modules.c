/* SPDX-License-Identifier: MIT */
/*
 * In which order modules hear of the process and its threads, and DLLs that are loaded when they are first used.
 * The program imports a, which imports b; c imports b too; d is loaded by its first call, absent is
 * not there, and b has no such function as `missing`.
 */
#include <setjmp.h>

#include "tests/nt/show.h"

__declspec(dllimport) int value_of_a(void);
int value_of_d(void), value_of_absent(void), value_of_missing(void);

static void NTAPI callback(void *module, DWORD reason, void *reserved)
{
    (void)module;
    printf("  program: TLS callback, reason %lu%s\n", reason, reserved ? ", for good" : "");
    fflush(stdout);
}
__attribute__((section(".CRT$XLX"), used)) static const PIMAGE_TLS_CALLBACK first = callback;
static __thread int own = 7;

static DWORD WINAPI thread(void *argument)
{
    (void)argument;
    printf("in the thread: own %d, a %d\n", own++, value_of_a());
    return 0;
}

static void run_thread(void)
{
    HANDLE handle = CreateThread(NULL, 0, thread, NULL, 0, NULL);
    WaitForSingleObject(handle, INFINITE);
    CloseHandle(handle);
}

static void load(const char *name)
{
    printf("-- load %s\n", name);
    SetLastError(0);
    HMODULE module = LoadLibraryA(name);
    printf("%d, error %lu\n", module != NULL, module ? 0 : GetLastError());
    run_thread();
    if (module)
        SHOW(FreeLibrary(module));
    printf("there %d\n", GetModuleHandleA(name) != NULL);
}

static jmp_buf back;
static LONG WINAPI on_exception(EXCEPTION_POINTERS *pointers)
{
    printf("exception %lx\n", pointers->ExceptionRecord->ExceptionCode);
    longjmp(back, 1);
}

static void use(const char *what, int (*function)(void))
{
    if (setjmp(back) == 0)
        printf("%s %d\n", what, function());
}

int main(void)
{
    show_begin();
    printf("main: own %d, a %d\n", own, value_of_a());
    run_thread();
    load("c.dll");
    load("quiet.dll");
    load("refuses.dll");
    puts("-- delayed");
    printf("there %d\n", GetModuleHandleA("d.dll") != NULL);
    use("d", value_of_d);
    use("d", value_of_d);
    printf("there %d\n", GetModuleHandleA("d.dll") != NULL);
    AddVectoredExceptionHandler(1, on_exception);
    use("absent", value_of_absent);
    use("missing", value_of_missing);
    puts("-- end");
    return 3;
}
