/* SPDX-License-Identifier: MIT */
/* systeminfo: name, version, processor and memory of this system, as its own interfaces report them. */
#include "program.h"

#define VERSION_KEY "Software\\Microsoft\\Windows NT\\CurrentVersion"

typedef LONG(WINAPI *get_version_function)(OSVERSIONINFOEXW *);

static void line(const char *name, const char *value)
{
    char label[32];
    snprintf(label, sizeof label, "%s:", name);
    printf("%-27s%s\n", label, value);
}

static void registry_line(const char *label, const char *name)
{
    char value[256] = "";
    DWORD size = sizeof value;
    if (RegGetValueA(HKEY_LOCAL_MACHINE, VERSION_KEY, name, RRF_RT_REG_SZ, NULL, value, &size))
        strcpy(value, "N/A");
    line(label, value);
}

/* GetVersionEx tells programs without a manifest of an older system. */
static void version_line(void)
{
    char text[64];
    OSVERSIONINFOEXW info = {.dwOSVersionInfoSize = sizeof info};
    FARPROC function = GetProcAddress(GetModuleHandleA("ntdll.dll"), "RtlGetVersion");
    get_version_function get_version;
    memcpy(&get_version, &function, sizeof get_version);
    if (!get_version || get_version(&info))
        return;
    snprintf(text, sizeof text, "%lu.%lu.%lu N/A Build %lu", info.dwMajorVersion,
             info.dwMinorVersion, info.dwBuildNumber, info.dwBuildNumber);
    line("OS Version", text);
}

static void memory_line(const char *label, unsigned long long bytes)
{
    char text[64];
    unsigned long mib = (unsigned long)(bytes >> 20);
    if (mib >= 1000)
        snprintf(text, sizeof text, "%lu,%03lu MB", mib / 1000, mib % 1000);
    else
        snprintf(text, sizeof text, "%lu MB", mib);
    line(label, text);
}

static void boot_time_line(void)
{
    char text[64];
    FILETIME now;
    ULARGE_INTEGER time;
    SYSTEMTIME boot;
    GetSystemTimeAsFileTime(&now);
    time.LowPart = now.dwLowDateTime;
    time.HighPart = now.dwHighDateTime;
    time.QuadPart -= GetTickCount64() * 10000;
    now.dwLowDateTime = time.LowPart;
    now.dwHighDateTime = time.HighPart;
    FileTimeToSystemTime(&now, &boot);
    snprintf(text, sizeof text, "%u/%u/%u, %02u:%02u:%02u", boot.wMonth, boot.wDay, boot.wYear,
             boot.wHour, boot.wMinute, boot.wSecond);
    line("System Boot Time", text);
}

int main(int argc, char **argv)
{
    char text[MAX_PATH];
    DWORD size = sizeof text;
    SYSTEM_INFO system;
    MEMORYSTATUSEX memory = {.dwLength = sizeof memory};
    if (argc > 1) {
        printf("SYSTEMINFO takes no options.\n");
        return strcmp(argv[1], "/?") == 0 ? 0 : 1;
    }
    printf("\n");
    if (GetComputerNameA(text, &size))
        line("Host Name", text);
    registry_line("OS Name", "ProductName");
    version_line();
    registry_line("Registered Owner", "RegisteredOwner");
    boot_time_line();
    line("System Type", "X86-based PC");
    GetSystemInfo(&system);
    snprintf(text, sizeof text, "%lu Processor(s) Installed.", system.dwNumberOfProcessors);
    line("Processor(s)", text);
    if (GetWindowsDirectoryA(text, sizeof text))
        line("Windows Directory", text);
    if (GetSystemDirectoryA(text, sizeof text))
        line("System Directory", text);
    if (GlobalMemoryStatusEx(&memory)) {
        memory_line("Total Physical Memory", memory.ullTotalPhys);
        memory_line("Available Physical Memory", memory.ullAvailPhys);
    }
    return 0;
}
