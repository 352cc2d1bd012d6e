/* SPDX-License-Identifier: MIT */
/* Exceptions of the processor and of calls as a program's handlers get them, and what ends a program without one. */
#include "show.h"

#define TRAP_FLAG 0x100
#define HERE      ((void *)-1) /* go on where it happened */

/* Where to go on after a fault, which the handler puts into eip. */
static void *volatile resume;
static unsigned char *guarded;

static void show_parameters(const EXCEPTION_RECORD *record)
{
    printf("code %08lx flags %lx", record->ExceptionCode, record->ExceptionFlags);
    for (DWORD i = 0; i < record->NumberParameters; i++) {
        ULONG_PTR value = record->ExceptionInformation[i];
        if (record->ExceptionCode == DBG_PRINTEXCEPTION_C)
            printf(" ...");
        else if (guarded && value == (ULONG_PTR)guarded)
            printf(" (the page)");
        else
            printf(" %lx", (unsigned long)value);
    }
    puts("");
}

static LONG CALLBACK handle(EXCEPTION_POINTERS *pointers)
{
    CONTEXT *context = pointers->ContextRecord;
    show_parameters(pointers->ExceptionRecord);
    if (!resume)
        return EXCEPTION_CONTINUE_SEARCH;
    if (resume != HERE)
        context->Eip = (DWORD)(size_t)resume;
    else if (pointers->ExceptionRecord->ExceptionCode == EXCEPTION_BREAKPOINT)
        context->Eip++;
    context->EFlags &= ~TRAP_FLAG;
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* Run an instruction that faults; the handler goes on behind it. */
#define FAULT(instruction, ...)                                \
    do {                                                       \
        printf("%s: ", instruction);                           \
        asm volatile("movl $1f, %0\n\t" instruction "\n1:\n\t" \
                     : "=m"(resume)                            \
                     : __VA_ARGS__                             \
                     : "eax", "ecx", "edx", "memory");         \
    } while (0)

static void processor(void)
{
    puts("-- the processor's");
    FAULT("movl 0x10, %%eax", "m"(resume));
    FAULT("movl %%eax, 0x20", "m"(resume));
    FAULT("call *%1", "r"(0x30));
    FAULT("movl 0x90000000, %%eax", "m"(resume));
    FAULT("xorl %%ecx, %%ecx\n\tdivl %%ecx", "m"(resume));
    FAULT("movl $0x80000000, %%eax\n\tcltd\n\tmovl $-1, %%ecx\n\tidivl %%ecx", "m"(resume));
    FAULT("ud2", "m"(resume));
    FAULT("cli", "m"(resume));
    FAULT("hlt", "m"(resume));
    FAULT("inb $0x60, %%al", "m"(resume));
    FAULT("int $0x2c", "m"(resume));
    FAULT("int3", "m"(resume));
    FAULT("movl $0x7fffffff, %%eax\n\tincl %%eax\n\tinto", "m"(resume));
    FAULT("movl %%esp, %%ecx\n\tmovl $0x3f, %%eax\n\tmov %%ax, %%gs", "m"(resume));
    resume = HERE;
    printf("single step: ");
    asm volatile("pushfl; orl $0x100, (%%esp); popfl; nop; nop" ::: "memory", "cc");
}

static void pages(void)
{
    DWORD old;
    puts("-- of pages");
    guarded = VirtualAlloc(NULL, 0x1000, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE | PAGE_GUARD);
    FAULT("movl (%1), %%eax", "r"(guarded));
    SHOW(guarded[0]);
    SHOW(VirtualProtect(guarded, 0x1000, PAGE_READONLY, &old));
    FAULT("movl %%eax, (%1)", "r"(guarded));
    SHOW(VirtualProtect(guarded, 0x1000, PAGE_NOACCESS, &old));
    FAULT("movl (%1), %%eax", "r"(guarded));
    SHOW(VirtualFree(guarded, 0x1000, MEM_DECOMMIT));
    FAULT("movl (%1), %%eax", "r"(guarded));
}

static void raised(void)
{
    static const ULONG_PTR parameters[] = {1, 2, 3};
    puts("-- raised");
    resume = HERE;
    RaiseException(0xe0001234, 0, 3, parameters);
    RaiseException(0x12345678, EXCEPTION_NONCONTINUABLE, 0, NULL);
    OutputDebugStringA("nobody hears");
    DebugBreak();
}

static void die(int how)
{
    SetErrorMode(SEM_NOGPFAULTERRORBOX);
    switch (how) {
    case 1:
        *(volatile int *)16 = 1;
        break;
    case 2:
        RaiseException(0xe0005678, 0, 0, NULL);
        break;
    case 3:
        asm volatile("ud2");
        break;
    case 4:
        asm volatile("xorl %%ecx, %%ecx; divl %%ecx" ::: "eax", "ecx", "edx");
        break;
    case 5:
        asm volatile("int3");
        break;
    case 6:
        abort();
    case 7:
        TerminateProcess(GetCurrentProcess(), 0xc0000017);
    }
}

static LONG WINAPI last_filter(EXCEPTION_POINTERS *pointers)
{
    printf("the last filter: %08lx\n", pointers->ExceptionRecord->ExceptionCode);
    ExitProcess(33);
}

static void ends(const char *how)
{
    DWORD code;
    PROCESS_INFORMATION child = start_self(how, 0, FALSE);
    WaitForSingleObject(child.hProcess, LONG_TIME);
    GetExitCodeProcess(child.hProcess, &code);
    printf("%s ends with %08lx\n", how, code);
}

int main(int argc, char **argv)
{
    show_begin();
    if (argc > 1) {
        if (argv[1][0] == 'f')
            SetUnhandledExceptionFilter(last_filter);
        die(argv[1][1] - '0');
        return 77;
    }
    void *handler = AddVectoredExceptionHandler(TRUE, handle);
    processor();
    pages();
    raised();
    SHOW(RemoveVectoredExceptionHandler(handler));
    for (int i = 0; i < 8; i++)
        ends((char[]){'d', (char)('0' + i), 0});
    ends("f1");
    ends("f2");
    return 0;
}
