/* SPDX-License-Identifier: MIT */
/* Large files with holes: controls, sizes, what reads as zero, what mappings forbid. */
#include "show.h"

#include <winioctl.h>

static HANDLE file;

static void show_size(void)
{
    LARGE_INTEGER size;
    SHOW(GetFileSizeEx(file, &size));
    printf("size %lx%08lx\n", size.HighPart, size.LowPart);
}

static void put(LONGLONG at, const char *bytes)
{
    LARGE_INTEGER to = {.QuadPart = at};
    DWORD done;
    SHOW(SetFilePointerEx(file, to, NULL, FILE_BEGIN));
    SHOW(WriteFile(file, bytes, (DWORD)strlen(bytes), &done, NULL));
}

static void show_bytes(LONGLONG at, DWORD count)
{
    LARGE_INTEGER to = {.QuadPart = at};
    unsigned char bytes[32];
    DWORD done = 0;
    SetFilePointerEx(file, to, NULL, FILE_BEGIN);
    SHOW(ReadFile(file, bytes, count, &done, NULL));
    for (DWORD i = 0; i < done; i++)
        printf("%02x%s", bytes[i], i + 1 < done ? " " : "\n");
}

static void large(void)
{
    DWORD done;
    puts("-- large");
    SHOW(DeviceIoControl(file, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &done, NULL));
    put(0, "begin");
    put(0x38000000ll, "end");
    show_size();
    show_bytes(0x37fffffall, 9);
    show_bytes(0x20000000ll, 4);
    show_bytes(3, 6);
}

static void cut(LONGLONG at)
{
    LARGE_INTEGER to = {.QuadPart = at};
    SetFilePointerEx(file, to, NULL, FILE_BEGIN);
    SHOW(SetEndOfFile(file));
    show_size();
}

static void what_is_mapped(void)
{
    puts("-- what is mapped");
    cut(4096);
    HANDLE mapping = CreateFileMappingA(file, NULL, PAGE_READONLY, 0, 0, NULL);
    char *view = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
    SHOW(view != NULL && memcmp(view, "begin", 5) == 0 && view[100] == 0);
    cut(100);
    cut(5000);
    SHOW(CloseHandle(mapping));
    SHOW(CloseHandle(file));
    file = CreateFileA("sparse.bin", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, NULL,
                       CREATE_ALWAYS, 0, NULL);
    SHOW(file == INVALID_HANDLE_VALUE);
    SHOW(GetLastError() == ERROR_USER_MAPPED_FILE);
    SHOW(UnmapViewOfFile(view));
    file = CreateFileA("sparse.bin", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    SHOW(file != INVALID_HANDLE_VALUE);
    show_size();
    SHOW(CloseHandle(file));
}

/* A program that runs stays what it is. */
static void what_runs(void)
{
    char self[MAX_PATH];
    GetModuleFileNameA(NULL, self, sizeof self);
    puts("-- what runs");
    SHOW(CopyFileA(self, "other.exe", FALSE));
    HMODULE module = LoadLibraryA("other.exe");
    SHOW(module != NULL);
    HANDLE opened = CreateFileA("other.exe", GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                NULL, OPEN_EXISTING, 0, NULL);
    SHOW(opened == INVALID_HANDLE_VALUE);
    SHOW(GetLastError());
    SHOW(DeleteFileA("other.exe"));
    SHOW(FreeLibrary(module));
    SHOW(DeleteFileA("other.exe"));
}

int main(void)
{
    show_begin();
    file = CreateFileA("sparse.bin", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    SHOW(file != INVALID_HANDLE_VALUE);
    large();
    what_is_mapped();
    what_runs();
    SHOW(DeleteFileA("sparse.bin"));
    return 0;
}
