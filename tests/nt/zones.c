/* SPDX-License-Identifier: MIT */
/* Time zones: rules that are given, those of the registry, and how local times are made. */
#include "show.h"

static void show_time(const char *what, const SYSTEMTIME *time)
{
    printf("%s %04u-%02u-%02u %02u:%02u:%02u.%03u day %u\n", what, time->wYear, time->wMonth,
           time->wDay, time->wHour, time->wMinute, time->wSecond, time->wMilliseconds,
           time->wDayOfWeek);
}

/* Central Europe since 1996: the last Sundays of October and March. */
static const TIME_ZONE_INFORMATION berlin = {
    .Bias = -60,
    .StandardDate = {.wMonth = 10, .wDay = 5, .wHour = 3},
    .DaylightDate = {.wMonth = 3, .wDay = 5, .wHour = 2},
    .DaylightBias = -60,
};
/* The south has its summer over the new year. */
static const TIME_ZONE_INFORMATION sydney = {
    .Bias = -600,
    .StandardDate = {.wMonth = 4, .wDay = 1, .wHour = 3},
    .DaylightDate = {.wMonth = 10, .wDay = 1, .wHour = 2},
    .DaylightBias = -60,
};

static void convert(const char *name, const TIME_ZONE_INFORMATION *zone)
{
    static const SYSTEMTIME times[] = {
        {.wYear = 2023, .wMonth = 1, .wDay = 15, .wHour = 12},
        {.wYear = 2023, .wMonth = 3, .wDay = 26, .wHour = 0, .wMinute = 59, .wSecond = 59},
        {.wYear = 2023, .wMonth = 3, .wDay = 26, .wHour = 1},
        {.wYear = 2023, .wMonth = 7, .wDay = 31, .wHour = 23, .wMinute = 30},
        {.wYear = 2023, .wMonth = 10, .wDay = 29, .wHour = 0, .wMinute = 59},
        {.wYear = 2023, .wMonth = 10, .wDay = 29, .wHour = 1},
        {.wYear = 2024, .wMonth = 2, .wDay = 29, .wHour = 22},
    };
    printf("-- %s\n", name);
    for (unsigned i = 0; i < sizeof times / sizeof times[0]; i++) {
        SYSTEMTIME local, back;
        SHOW(SystemTimeToTzSpecificLocalTime((TIME_ZONE_INFORMATION *)zone, &times[i], &local));
        show_time("local", &local);
        SHOW(TzSpecificLocalTimeToSystemTime(zone, &local, &back));
        show_time("back ", &back);
    }
}

static void refused(void)
{
    SYSTEMTIME wrong = {.wYear = 2023, .wMonth = 13, .wDay = 1}, local;
    FILETIME file;
    puts("-- refused");
    SHOW(SystemTimeToTzSpecificLocalTime((TIME_ZONE_INFORMATION *)&berlin, &wrong, &local));
    SHOW(SystemTimeToFileTime(&wrong, &file));
}

static void current(void)
{
    TIME_ZONE_INFORMATION zone;
    DYNAMIC_TIME_ZONE_INFORMATION dynamic;
    FILETIME file = {0x12345678, 0x01d00000}, local;
    puts("-- current");
    SHOW(GetTimeZoneInformation(&zone));
    printf("bias %ld, %u %u\n", zone.Bias, zone.StandardDate.wMonth, zone.DaylightDate.wMonth);
    SHOW(GetDynamicTimeZoneInformation(&dynamic));
    printf("bias %ld\n", dynamic.Bias);
    SHOW(FileTimeToLocalFileTime(&file, &local));
    printf("%08lx%08lx\n", local.dwHighDateTime, local.dwLowDateTime);
    SHOW(LocalFileTimeToFileTime(&local, &file));
    printf("%08lx%08lx\n", file.dwHighDateTime, file.dwLowDateTime);
}

static void show_year(USHORT year, DYNAMIC_TIME_ZONE_INFORMATION *zone)
{
    TIME_ZONE_INFORMATION then;
    SHOW(GetTimeZoneInformationForYear(year, zone, &then));
    printf("%u: bias %ld, ends month %u day %u, begins month %u day %u\n", year, then.Bias,
           then.StandardDate.wMonth, then.StandardDate.wDay, then.DaylightDate.wMonth,
           then.DaylightDate.wDay);
}

static void registered(void)
{
    static const WCHAR *const names[] = {L"Alaskan Standard Time", L"Tokyo Standard Time",
                                         L"W. Europe Standard Time"};
    /* MinGW's advapi32 does not know it. */
    DWORD(WINAPI * enumerate)
    (DWORD, DYNAMIC_TIME_ZONE_INFORMATION *) =
        (void *)GetProcAddress(LoadLibraryA("advapi32.dll"), "EnumDynamicTimeZoneInformation");
    DYNAMIC_TIME_ZONE_INFORMATION zone;
    DWORD count = 0;
    puts("-- registered");
    for (; enumerate(count, &zone) == ERROR_SUCCESS; count++) {
        for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (wcscmp(zone.TimeZoneKeyName, names[i]) != 0)
                continue;
            printf("%ls: bias %ld, %ls, %ls\n", zone.TimeZoneKeyName, zone.Bias, zone.StandardName,
                   zone.DaylightName);
            show_year(2005, &zone);
            show_year(2020, &zone);
        }
    }
    printf("%lu zones\n", count);
}

int main(void)
{
    show_begin();
    convert("Berlin", &berlin);
    convert("Sydney", &sydney);
    refused();
    current();
    registered();
    return 0;
}
