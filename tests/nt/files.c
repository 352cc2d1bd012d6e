/* SPDX-License-Identifier: MIT */
/* Files by the calls that programs use: sharing, deleting, moving, copying, attributes, times, sizes, names. */
#include "show.h"

/* Where a sparse file ends: beyond 4 GiB if an argument says so, for file systems that have such files. */
static LONGLONG far_away = 0x30000000;

static void put(const char *name, const char *text)
{
    DWORD count;
    HANDLE file = CreateFileA(name, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    WriteFile(file, text, (DWORD)strlen(text), &count, NULL);
    CloseHandle(file);
}

static void show_file(const char *name)
{
    char text[100];
    DWORD count = 0;
    HANDLE file = CreateFileA(name, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        printf("%s: error %lu\n", name, GetLastError());
        return;
    }
    ReadFile(file, text, sizeof text, &count, NULL);
    CloseHandle(file);
    printf("%s: %.*s\n", name, (int)count, text);
}

static BOOL can_open(const char *name, DWORD access, DWORD share)
{
    HANDLE file = CreateFileA(name, access, share, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return FALSE;
    CloseHandle(file);
    return TRUE;
}

static void shared(void)
{
    puts("-- sharing");
    put("a.txt", "contents");
    HANDLE file = CreateFileA("a.txt", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    SHOW(can_open("a.txt", GENERIC_READ, FILE_SHARE_READ));
    SHOW(can_open("A.TXT", GENERIC_WRITE, FILE_SHARE_READ));
    SHOW(can_open("a.txt", GENERIC_READ, 0));
    SHOW(can_open("a.txt", 0, 0));
    SHOW(DeleteFileA("a.txt"));
    SHOW(MoveFileA("a.txt", "b.txt"));
    CloseHandle(file);
    file = CreateFileA("a.txt", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
                       OPEN_EXISTING, 0, NULL);
    SHOW(MoveFileA("a.txt", "b.txt"));
    SHOW(DeleteFileA("b.txt"));
    CloseHandle(file);
    SHOW(can_open("b.txt", GENERIC_READ, 7));
    file = CreateFileA("c.txt", GENERIC_WRITE | DELETE, 7, NULL, CREATE_NEW,
                       FILE_FLAG_DELETE_ON_CLOSE, NULL);
    SHOW(GetFileAttributesA("c.txt"));
    SHOW(CreateFileA("c.txt", GENERIC_WRITE, 7, NULL, CREATE_NEW, 0, NULL));
    CloseHandle(file);
    SHOW(GetFileAttributesA("c.txt"));
}

static void dispositions(void)
{
    static const DWORD all[] = {CREATE_NEW, OPEN_EXISTING, OPEN_ALWAYS, CREATE_ALWAYS,
                                TRUNCATE_EXISTING};
    puts("-- dispositions");
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        for (int there = 0; there < 2; there++) {
            DeleteFileA("d.txt");
            if (there)
                put("d.txt", "12345");
            SetLastError(0);
            HANDLE file = CreateFileA("d.txt", GENERIC_WRITE, 0, NULL, all[i], 0, NULL);
            DWORD error = GetLastError();
            printf("%lu %d: %d, error %lu, size %ld\n", all[i], there, file != INVALID_HANDLE_VALUE,
                   error, file == INVALID_HANDLE_VALUE ? -1L : (long)GetFileSize(file, NULL));
            CloseHandle(file);
        }
    SHOW(DeleteFileA("d.txt"));
}

static void moved(void)
{
    puts("-- moving and copying");
    put("a.txt", "first");
    put("b.txt", "second");
    SHOW(MoveFileA("a.txt", "b.txt"));
    SHOW(MoveFileExA("a.txt", "b.txt", MOVEFILE_REPLACE_EXISTING));
    show_file("b.txt");
    SHOW(MoveFileA("b.txt", "B.TXT"));
    SHOW(CopyFileA("b.txt", "c.txt", TRUE));
    SHOW(CopyFileA("b.txt", "c.txt", TRUE));
    SHOW(CopyFileA("b.txt", "c.txt", FALSE));
    SHOW(SetFileAttributesA("c.txt", FILE_ATTRIBUTE_READONLY));
    SHOW(DeleteFileA("c.txt"));
    SHOW(SetFileAttributesA("c.txt", FILE_ATTRIBUTE_NORMAL));
    SHOW(MoveFileExA("b.txt", "c.txt", MOVEFILE_REPLACE_EXISTING));
    put("d.txt", "replacement");
    SHOW(ReplaceFileA("c.txt", "d.txt", "backup.txt", 0, NULL, NULL));
    show_file("c.txt");
    show_file("backup.txt");
    SHOW(CreateHardLinkA("link.txt", "c.txt", NULL));
    show_file("link.txt");
    SHOW(DeleteFileA("c.txt"));
    show_file("link.txt");
    SHOW(DeleteFileA("link.txt"));
    SHOW(DeleteFileA("backup.txt"));
    SHOW(DeleteFileA("b.txt"));
    SHOW(MoveFileA("nosuch", "other"));
}

static void directories(void)
{
    char text[MAX_PATH];
    puts("-- directories");
    SHOW(CreateDirectoryA("dir", NULL));
    SHOW(CreateDirectoryA("DIR", NULL));
    SHOW(CreateDirectoryA("none\\dir", NULL));
    put("dir\\file", "x");
    SHOW(RemoveDirectoryA("dir"));
    SHOW(DeleteFileA("dir"));
    SHOW(RemoveDirectoryA("dir\\file"));
    SHOW(MoveFileA("dir", "dir\\sub"));
    SHOW(MoveFileA("dir", "moved"));
    SHOW(GetFileAttributesA("moved\\file"));
    SHOW(GetFileAttributesA("moved\\file\\x"));
    SHOW(GetFileAttributesA("moved"));
    SHOW(can_open("moved", GENERIC_READ, 7));
    SHOW(SetCurrentDirectoryA("moved"));
    SHOW(RemoveDirectoryA("..\\moved"));
    SHOW(DeleteFileA("file"));
    SHOW(SetCurrentDirectoryA(".."));
    SHOW(RemoveDirectoryA("moved"));
    SHOW(SetCurrentDirectoryA("moved"));
    SHOW(GetTempFileNameA(".", "atm", 0x1234, text));
    printf("%s\n", text);
    SHOW(GetFullPathNameA("a\\..\\.\\b\\c...", sizeof text, text, NULL) > 0);
    printf("%s\n", strrchr(text, '\\') + 1);
}

static void positions(void)
{
    LARGE_INTEGER size, distant = {.QuadPart = far_away}, back = {.QuadPart = -100};
    DWORD count;
    char text[10];
    puts("-- positions and sizes");
    HANDLE file =
        CreateFileA("p.bin", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    SHOW(WriteFile(file, "0123456789", 10, &count, NULL));
    SHOW(SetFilePointer(file, -3, NULL, FILE_END));
    SHOW(SetFilePointer(file, -30, NULL, FILE_CURRENT));
    SHOW(ReadFile(file, text, 10, &count, NULL));
    printf("%lu\n", count);
    SHOW(ReadFile(file, text, 10, &count, NULL));
    printf("%lu\n", count);
    SHOW(SetFilePointer(file, 4, NULL, FILE_BEGIN));
    SHOW(SetEndOfFile(file));
    SHOW(GetFileSize(file, NULL));
    SHOW(SetFilePointer(file, 8, NULL, FILE_BEGIN));
    SHOW(WriteFile(file, "x", 1, &count, NULL));
    SHOW(SetFilePointer(file, 3, NULL, FILE_BEGIN));
    SHOW(ReadFile(file, text, 10, &count, NULL));
    printf("%lu: %02x %02x %02x %02x %02x %02x\n", count, text[0], text[1], text[2], text[3],
           text[4], text[5]);
    SHOW(SetFilePointerEx(file, distant, NULL, FILE_BEGIN));
    SHOW(SetEndOfFile(file));
    SHOW(GetFileSizeEx(file, &size));
    printf("as set %d\n", size.QuadPart == far_away);
    SHOW(SetFilePointerEx(file, back, &size, FILE_END));
    printf("as set %d\n", size.QuadPart == far_away - 100);
    SHOW(WriteFile(file, "far", 3, &count, NULL));
    OVERLAPPED at = {.Offset = (DWORD)size.QuadPart, .OffsetHigh = (DWORD)(size.QuadPart >> 32)};
    SHOW(ReadFile(file, text, 3, &count, &at));
    printf("%.3s\n", text);
    CloseHandle(file);
    WIN32_FIND_DATAA found;
    CloseHandle(FindFirstFileA("p.bin", &found));
    size.HighPart = (LONG)found.nFileSizeHigh;
    size.LowPart = found.nFileSizeLow;
    printf("as set %d\n", size.QuadPart == far_away);
    SHOW(DeleteFileA("p.bin"));
}

static void information(void)
{
    BY_HANDLE_FILE_INFORMATION info;
    FILE_STANDARD_INFO standard;
    FILE_BASIC_INFO basic;
    FILETIME time = {0x12340000, 0x01c00000}, read;
    WIN32_FILE_ATTRIBUTE_DATA data;
    puts("-- information");
    put("i.txt", "hello");
    HANDLE file =
        CreateFileA("i.txt", GENERIC_READ | GENERIC_WRITE, 7, NULL, OPEN_EXISTING, 0, NULL);
    SHOW(SetFileTime(file, NULL, NULL, &time));
    SHOW(GetFileTime(file, NULL, NULL, &read));
    printf("%08lx%08lx\n", read.dwHighDateTime, read.dwLowDateTime);
    SHOW(GetFileInformationByHandle(file, &info));
    printf("attributes %lx, links %lu, size %lu, written %08lx%08lx\n", info.dwFileAttributes,
           info.nNumberOfLinks, info.nFileSizeLow, info.ftLastWriteTime.dwHighDateTime,
           info.ftLastWriteTime.dwLowDateTime);
    SHOW(GetFileInformationByHandleEx(file, FileStandardInfo, &standard, sizeof standard));
    printf("end %lld, links %lu, deleted %d, directory %d\n", standard.EndOfFile.QuadPart,
           standard.NumberOfLinks, standard.DeletePending, standard.Directory);
    SHOW(GetFileInformationByHandleEx(file, FileBasicInfo, &basic, sizeof basic));
    basic.FileAttributes = FILE_ATTRIBUTE_HIDDEN;
    SHOW(SetFileInformationByHandle(file, FileBasicInfo, &basic, sizeof basic));
    SHOW(GetFileInformationByHandleEx(file, FileBasicInfo, &basic, 3));
    SHOW(GetFileAttributesExA("i.txt", GetFileExInfoStandard, &data));
    printf("hidden %d, size %lu\n", !!(data.dwFileAttributes & FILE_ATTRIBUTE_HIDDEN),
           data.nFileSizeLow);
    FILE_DISPOSITION_INFO dispose = {TRUE};
    SHOW(SetFileInformationByHandle(file, FileDispositionInfo, &dispose, sizeof dispose));
    SHOW(GetFileType(file));
    CloseHandle(file);
    file = CreateFileA("i.txt", GENERIC_READ | GENERIC_WRITE | DELETE, 7, NULL, OPEN_EXISTING, 0,
                       NULL);
    SHOW(SetFileInformationByHandle(file, FileDispositionInfo, &dispose, sizeof dispose));
    CloseHandle(file);
    SHOW(GetFileAttributesA("i.txt"));
}

int main(int argc, char **argv)
{
    char root[] = "C:\\", name[30], system[30];
    DWORD serial, length, flags;
    show_begin();
    if (argc > 1)
        far_away = strtoll(argv[1], NULL, 10);
    shared();
    dispositions();
    moved();
    directories();
    positions();
    information();
    puts("-- volumes");
    SHOW(GetVolumeInformationA(root, name, sizeof name, &serial, &length, &flags, system,
                               sizeof system));
    printf("names of %lu, cases kept %d\n", length, !!(flags & FILE_CASE_PRESERVED_NAMES));
    printf("drive types %u %u\n", GetDriveTypeA(root), GetDriveTypeA("Q:\\"));
    SHOW(can_open("NUL", GENERIC_READ | GENERIC_WRITE, 0));
    SHOW(can_open("C:\\windows\\nul", GENERIC_READ | GENERIC_WRITE, 0));
    return 0;
}
