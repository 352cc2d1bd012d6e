/* SPDX-License-Identifier: MIT */
/* fsutil: the parts of the original that concern files, links and the size of volumes. */
#include "program.h"

static int failed(void)
{
    char *text = NULL;
    DWORD error = GetLastError();
    FormatMessageA(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM, NULL, error, 0,
                   (char *)&text, 0, NULL);
    printf("Error:  %s", text ? text : "unknown\n");
    return 1;
}

static int file_create(char **argv)
{
    LARGE_INTEGER size = {.QuadPart = _strtoi64(argv[1], NULL, 0)};
    HANDLE file =
        CreateFileA(argv[0], GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return failed();
    BOOL done = SetFilePointerEx(file, size, NULL, FILE_BEGIN) && SetEndOfFile(file);
    CloseHandle(file);
    if (!done)
        return failed();
    printf("File %s is created\n", argv[0]);
    return 0;
}

static int file_set_end(char **argv)
{
    LARGE_INTEGER size = {.QuadPart = _strtoi64(argv[1], NULL, 0)};
    HANDLE file = CreateFileA(argv[0], GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return failed();
    BOOL done = SetFilePointerEx(file, size, NULL, FILE_BEGIN) && SetEndOfFile(file);
    CloseHandle(file);
    return done ? 0 : failed();
}

static int file_id(char **argv)
{
    BY_HANDLE_FILE_INFORMATION info;
    HANDLE file = CreateFileA(argv[0], 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                              NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return failed();
    BOOL done = GetFileInformationByHandle(file, &info);
    CloseHandle(file);
    if (!done)
        return failed();
    printf("File ID is 0x%016llx\n",
           (unsigned long long)info.nFileIndexHigh << 32 | info.nFileIndexLow);
    return 0;
}

static int hardlink_create(char **argv)
{
    if (!CreateHardLinkA(argv[0], argv[1], NULL))
        return failed();
    printf("Hardlink created for %s <<===>> %s\n", argv[0], argv[1]);
    return 0;
}

static int drives(char **argv)
{
    char names[256];
    (void)argv;
    DWORD length = GetLogicalDriveStringsA(sizeof names, names);
    if (length == 0)
        return failed();
    printf("\nDrives:");
    for (char *name = names; *name; name += strlen(name) + 1)
        printf(" %s", name);
    printf("\n");
    return 0;
}

static int drive_type(char **argv)
{
    static const char *const names[] = {
        "Unknown Drive",        "No such Root Directory", "Removable Drive", "Fixed Drive",
        "Remote/Network Drive", "CD-ROM Drive",           "Ram Disk"};
    UINT type = GetDriveTypeA(argv[0]);
    printf("%s - %s\n", argv[0], type < 7 ? names[type] : names[0]);
    return 0;
}

static int volume_info(char **argv)
{
    char name[MAX_PATH], system[MAX_PATH], root[MAX_PATH];
    DWORD serial, component, flags;
    snprintf(root, sizeof root, "%s%s", argv[0], strchr(argv[0], '\\') ? "" : "\\");
    if (!GetVolumeInformationA(root, name, sizeof name, &serial, &component, &flags, system,
                               sizeof system))
        return failed();
    printf("Volume Name : %s\nVolume Serial Number : 0x%lx\nMax Component Length : %lu\n"
           "File System Name : %s\n",
           name, serial, component, system);
    return 0;
}

static int disk_free(char **argv)
{
    ULARGE_INTEGER available, total, all_free;
    if (!GetDiskFreeSpaceExA(argv[0], &available, &total, &all_free))
        return failed();
    printf("Total free bytes        : %llu\nTotal bytes             : %llu\n"
           "Total quota free bytes  : %llu\n",
           all_free.QuadPart, total.QuadPart, available.QuadPart);
    return 0;
}

static const struct command {
    const char *group, *name, *arguments;
    int count;
    int (*run)(char **argv);
} commands[] = {
    {"file", "createnew", "<filename> <length>", 2, file_create},
    {"file", "seteof", "<filename> <length>", 2, file_set_end},
    {"file", "queryfileid", "<filename>", 1, file_id},
    {"fsinfo", "drives", "", 0, drives},
    {"fsinfo", "drivetype", "<drive>", 1, drive_type},
    {"fsinfo", "volumeinfo", "<drive>", 1, volume_info},
    {"hardlink", "create", "<new filename> <existing filename>", 2, hardlink_create},
    {"volume", "diskfree", "<drive>", 1, disk_free},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0] && argc >= 3; i++)
        if (_stricmp(argv[1], commands[i].group) == 0 && _stricmp(argv[2], commands[i].name) == 0 &&
            argc == 3 + commands[i].count)
            return commands[i].run(argv + 3);
    printf("Usage:\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        printf("    fsutil %s %s %s\n", commands[i].group, commands[i].name, commands[i].arguments);
    return argc == 1 ? 0 : 1;
}
