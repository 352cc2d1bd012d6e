// SPDX-License-Identifier: MIT
// A DLL with constructors, a DllMain that tells what it sees, and a function that calls back.
#include <windows.h>

#include <cstdio>

struct Whole {
    Whole() { std::printf("  constructed\n"); }
    ~Whole() { std::printf("  destroyed\n"), std::fflush(stdout); }
} whole;

extern "C" __declspec(dllexport) int run(int (*function)(int), int value)
{
    struct Leaving {
        ~Leaving() { std::printf("  leaving the DLL\n"), std::fflush(stdout); }
    } leaving;
    return function(value);
}

extern "C" BOOL WINAPI DllMain(HINSTANCE, DWORD reason, LPVOID reserved)
{
    static const char *const names[] = {"process detach", "process attach", "thread attach", "thread detach"};
    std::printf("  DllMain: %s%s\n", names[reason], reserved ? " at the end" : "");
    std::fflush(stdout);
    return TRUE;
}
