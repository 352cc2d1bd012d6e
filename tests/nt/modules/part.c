/* SPDX-License-Identifier: MIT */
/*
 * A DLL that tells what its TLS callbacks and its DllMain are called with. NAME: its letter; NEEDS, if it
 * imports another one: that one's letter; QUIET: it wants to hear of no threads; REFUSES: it does not load.
 */
#include <stdio.h>
#include <windows.h>

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)
#define TEXT2(a)    #a
#define TEXT1(a)    TEXT2(a)

static const char *const reasons[] = {"process detach", "process attach", "thread attach",
                                      "thread detach"};

static void say(const char *what, DWORD reason, const void *reserved)
{
    /* Of threads and processes that end, nothing but the system is left to print. */
    printf("  %s: %s, %s%s\n", TEXT1(NAME), what, reasons[reason], reserved ? ", for good" : "");
    fflush(stdout);
}

static void NTAPI callback(void *module, DWORD reason, void *reserved)
{
    (void)module;
    say("TLS callback", reason, reserved);
}

static void NTAPI other_callback(void *module, DWORD reason, void *reserved)
{
    (void)module;
    if (reason == DLL_PROCESS_ATTACH || reason == DLL_THREAD_ATTACH)
        say("second TLS callback", reason, reserved);
}

/* The linker sorts them by what comes behind the $. */
__attribute__((section(".CRT$XLX"), used)) static const PIMAGE_TLS_CALLBACK second = other_callback;
__attribute__((section(".CRT$XLW"), used)) static const PIMAGE_TLS_CALLBACK first = callback;
static __thread int number = 40;

#ifdef NEEDS
__declspec(dllimport) int JOIN(value_of_, NEEDS)(void);
#define OTHERS JOIN(value_of_, NEEDS)()
#else
#define OTHERS 1
#endif

__declspec(dllexport) int JOIN(value_of_, NAME)(void)
{
    return OTHERS + number++;
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved)
{
    (void)module;
    say("DllMain", reason, reserved);
#ifdef QUIET
    if (reason == DLL_PROCESS_ATTACH)
        DisableThreadLibraryCalls(module);
#endif
#ifdef REFUSES
    return reason != DLL_PROCESS_ATTACH;
#else
    return TRUE;
#endif
}
