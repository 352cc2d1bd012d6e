/* SPDX-License-Identifier: MIT */
/* Addresses on the stack and the functions that they are in: dbghelp, and what ntdll has of it. */
#include "show.h"

#include <dbghelp.h>

static HANDLE process;

/* What of a module is exported is all that is known of it without debug information. */
static void show_symbol(const char *what, const void *address)
{
    union {
        SYMBOL_INFO info;
        char space[sizeof(SYMBOL_INFO) + 256];
    } symbol = {.info = {.SizeOfStruct = sizeof(SYMBOL_INFO), .MaxNameLen = 256}};
    DWORD64 displacement = 0;
    SetLastError(0);
    if (SymFromAddr(process, (DWORD)address, &displacement, &symbol.info))
        printf("%s: %s + %u\n", what, symbol.info.Name, (unsigned)displacement);
    else
        printf("%s: error %lu\n", what, GetLastError());
}

static void show_module(const char *what, const void *address)
{
    IMAGEHLP_MODULE module = {.SizeOfStruct = sizeof module};
    if (SymGetModuleInfo(process, (DWORD)address, &module))
        printf("%s: %s, base %d\n", what, module.ModuleName,
               module.BaseOfImage == SymGetModuleBase(process, (DWORD)address));
    else
        printf("%s: error %lu\n", what, GetLastError());
}

static const char *name_of(DWORD address)
{
    static char name[MAX_PATH];
    HMODULE module;
    if (!GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            (LPCSTR)address, &module))
        return "nothing";
    GetModuleFileNameA(module, name, sizeof name);
    return strrchr(name, '\\') + 1;
}

__attribute__((noinline)) static void walk(void)
{
    CONTEXT context = {.ContextFlags = CONTEXT_FULL};
    STACKFRAME frame = {0};
    RtlCaptureContext(&context);
    frame.AddrPC = (ADDRESS){.Offset = context.Eip, .Mode = AddrModeFlat};
    frame.AddrFrame = (ADDRESS){.Offset = context.Ebp, .Mode = AddrModeFlat};
    frame.AddrStack = (ADDRESS){.Offset = context.Esp, .Mode = AddrModeFlat};
    for (int i = 0;
         i < 12 && StackWalk(IMAGE_FILE_MACHINE_I386, process, GetCurrentThread(), &frame, &context,
                             NULL, SymFunctionTableAccess, SymGetModuleBase, NULL);
         i++)
        printf("frame %d: %s\n", i, name_of(frame.AddrPC.Offset));
    void *addresses[12];
    int count = CaptureStackBackTrace(0, 12, addresses, NULL);
    for (int i = 0; i < count; i++)
        printf("address %d: %s\n", i, name_of((DWORD)addresses[i]));
}

__attribute__((noinline)) static void between(int depth)
{
    if (depth > 0)
        between(depth - 1);
    else
        walk();
    __asm__ volatile(""); /* so that this is no tail call */
}

int main(void)
{
    HMODULE kernel32 = GetModuleHandleA("kernel32.dll");
    const char *create = (const char *)GetProcAddress(kernel32, "CreateFileW");
    process = GetCurrentProcess();
    show_begin();
    printf("options %lx\n", SymGetOptions());
    SHOW(SymSetOptions(SYMOPT_UNDNAME | SYMOPT_DEFERRED_LOADS));
    printf("initialized %d\n", SymInitialize(process, NULL, TRUE));
    show_module("kernel32", kernel32);
    show_module("own", GetModuleHandleA(NULL));
    show_module("nothing", (void *)0x1000);
    show_symbol("CreateFileW", create);
    show_symbol("nothing", (void *)0x1000);
    between(2);
    SHOW(SymCleanup(process));
    SHOW(SymCleanup(process));
    return 0;
}
