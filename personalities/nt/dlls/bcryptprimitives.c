/* SPDX-License-Identifier: MIT */
/*
 * bcryptprimitives.dll: the one call that programs make of it. The run-time libraries of Rust and Go
 * take their random numbers here and do not start without it; Wine 8 has no such DLL.
 */
#include <windows.h>

/* In advapi32 under this name: random bytes from the system (RtlGenRandom). */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *buffer, SIZE_T length)
{
    return SystemFunction036(buffer, length);
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved)
{
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        DisableThreadLibraryCalls(module);
    return TRUE;
}
