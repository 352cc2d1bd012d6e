/* SPDX-License-Identifier: MIT */
/* Reads through a null pointer, after an exception that it has handled. */
#include <stdio.h>
#include <windows.h>

static volatile int value = 42;
static int *volatile pointer;

static LONG CALLBACK handler(EXCEPTION_POINTERS *info)
{
    if (info->ExceptionRecord->ExceptionCode != EXCEPTION_ILLEGAL_INSTRUCTION)
        return EXCEPTION_CONTINUE_SEARCH;
    info->ContextRecord->Eip += 2;
    return EXCEPTION_CONTINUE_EXECUTION;
}

int main(void)
{
    AddVectoredExceptionHandler(1, handler);
    __asm__ volatile("ud2");
    puts("before");
    fflush(stdout);
    int read = *pointer;
    printf("after: %d %d\n", read, value);
    return 3;
}
