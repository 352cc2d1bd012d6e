/* SPDX-License-Identifier: MIT */
/* What Windows says that it is, and the environment: GetVersionEx and its kin, variables and their expansion. */
#include "show.h"

static void versions(void)
{
    OSVERSIONINFOEXA info = {.dwOSVersionInfoSize = sizeof info};
    SYSTEM_INFO system;
    DWORD product;
    puts("-- versions");
    DWORD version = GetVersion();
    printf("GetVersion %lu.%lu\n", version & 0xff, version >> 8 & 0xff);
    SHOW(GetVersionExA((OSVERSIONINFOA *)&info));
    printf("%lu.%lu platform %lu, service pack [%s] %u, suite %x, type %u\n", info.dwMajorVersion,
           info.dwMinorVersion, info.dwPlatformId, info.szCSDVersion, info.wServicePackMajor,
           info.wSuiteMask, info.wProductType);
    info.dwOSVersionInfoSize = 5;
    SHOW(GetVersionExA((OSVERSIONINFOA *)&info));
    info = (OSVERSIONINFOEXA){
        .dwOSVersionInfoSize = sizeof info, .dwMajorVersion = 6, .dwMinorVersion = 1};
    ULONGLONG mask = VerSetConditionMask(0, VER_MAJORVERSION, VER_GREATER_EQUAL);
    mask = VerSetConditionMask(mask, VER_MINORVERSION, VER_GREATER_EQUAL);
    SHOW(VerifyVersionInfoA(&info, VER_MAJORVERSION | VER_MINORVERSION, mask));
    info.dwMajorVersion = 11;
    SHOW(VerifyVersionInfoA(&info, VER_MAJORVERSION | VER_MINORVERSION, mask));
    SHOW(GetProductInfo(6, 1, 0, 0, &product));
    GetNativeSystemInfo(&system);
    printf("page %lu, granularity %lu, architecture %u, from %p to %p\n", system.dwPageSize,
           system.dwAllocationGranularity, system.wProcessorArchitecture,
           system.lpMinimumApplicationAddress, system.lpMaximumApplicationAddress);
    BOOL wow = 5;
    SHOW(IsWow64Process(GetCurrentProcess(), &wow));
    printf("wow64 %d\n", wow);
    SHOW(IsProcessorFeaturePresent(PF_COMPARE_EXCHANGE_DOUBLE));
    SHOW(IsProcessorFeaturePresent(PF_FLOATING_POINT_EMULATED));
    SHOW(GetSystemMetrics(SM_CLEANBOOT));
}

static void expand(const char *text, DWORD size)
{
    char out[300];
    memset(out, '#', sizeof out);
    DWORD needed = ExpandEnvironmentStringsA(text, out, size);
    printf("%s in %lu: %lu", text, size, needed);
    if (needed && needed <= size)
        printf(" [%s]", out);
    puts("");
}

static void environment(void)
{
    char text[20];
    WCHAR wide[100];
    puts("-- environment");
    SHOW(SetEnvironmentVariableA("ATOMIK_A", "value"));
    SHOW(SetEnvironmentVariableA("ATOMIK_EMPTY", ""));
    SHOW(SetEnvironmentVariableA("atomik_a", "another"));
    SHOW(SetEnvironmentVariableA("=bad=", "x"));
    SHOW(SetEnvironmentVariableA("", "x"));
    SHOW(SetEnvironmentVariableA("ATOMIK_GONE", NULL));
    SHOW(GetEnvironmentVariableA("ATOMIK_A", text, sizeof text));
    printf("[%s]\n", text);
    SHOW(GetEnvironmentVariableA("Atomik_A", text, 3));
    SHOW(GetEnvironmentVariableA("ATOMIK_EMPTY", text, sizeof text));
    SHOW(GetEnvironmentVariableA("ATOMIK_NONE", text, sizeof text));
    expand("a%ATOMIK_A%b%atomik_a%c", 300);
    expand("%ATOMIK_NONE% %% %ATOMIK_EMPTY% %open", 300);
    expand("%SystemRoot%\\x;%SYSTEMDRIVE%;%ComSpec%;%NUMBER", 300);
    expand("%ATOMIK_A%", 3);
    expand("", 300);
    SHOW(ExpandEnvironmentStringsW(L"<%ATOMIK_A%>", wide, 100));
    printf("%ls\n", wide);
    SHOW(putenv("ATOMIK_B=of the library"));
    SHOW(GetEnvironmentVariableA("ATOMIK_B", text, sizeof text));
    printf("%s %s\n", getenv("ATOMIK_B"), getenv("ATOMIK_NONE") ? "there" : "missing");
    char *block = GetEnvironmentStringsA();
    int found = 0, unsorted = 0;
    for (char *one = block; *one; one += strlen(one) + 1)
        found += !strncmp(one, "ATOMIK_", 7);
    printf("%d of ours\n", found + unsorted);
    SHOW(FreeEnvironmentStringsA(block));
}

int main(void)
{
    show_begin();
    versions();
    environment();
    return 0;
}
