/* SPDX-License-Identifier: MIT */
/* A directory is listed again after each change of it: names, sizes and attributes are those of now. */
#include "show.h"

static void list(const char *after)
{
    WIN32_FIND_DATAA found;
    HANDLE search = FindFirstFileA("d\\*", &found);
    printf("-- %s\n", after);
    if (search == INVALID_HANDLE_VALUE) {
        printf("error %lu\n", GetLastError());
        return;
    }
    do
        printf("%s %lu %lx\n", found.cFileName, found.nFileSizeLow, found.dwFileAttributes);
    while (FindNextFileA(search, &found));
    printf("end %lu\n", GetLastError());
    FindClose(search);
}

static HANDLE open_file(const char *name, DWORD disposition)
{
    return CreateFileA(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                       disposition, 0, NULL);
}

static void write_file(HANDLE file, const char *bytes)
{
    DWORD done;
    SHOW(WriteFile(file, bytes, (DWORD)strlen(bytes), &done, NULL));
}

static void changes(void)
{
    HANDLE file = open_file("d\\b", CREATE_NEW);
    list("a new file");
    write_file(file, "twelve bytes");
    FlushFileBuffers(file);
    list("written to");
    SetFilePointer(file, 5, NULL, FILE_BEGIN);
    SHOW(SetEndOfFile(file));
    list("cut");
    CloseHandle(file);
    SHOW(SetFileAttributesA("d\\b", FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_READONLY |
                                        FILE_ATTRIBUTE_ARCHIVE));
    list("other attributes");
    SHOW(SetFileAttributesA("d\\b", FILE_ATTRIBUTE_ARCHIVE));
    SHOW(CreateDirectoryA("d\\A", NULL));
    list("a directory");
    SHOW(MoveFileA("d\\b", "d\\c.text"));
    list("renamed");
    SHOW(MoveFileA("d\\c.text", "d\\A\\c.text"));
    list("moved below");
    SHOW(CopyFileA("d\\A\\c.text", "d\\copy", TRUE));
    list("copied");
    SHOW(DeleteFileA("d\\copy"));
    SHOW(RemoveDirectoryA("d\\A"));
    SHOW(DeleteFileA("d\\A\\c.text"));
    SHOW(RemoveDirectoryA("d\\A"));
    list("emptied");
}

/* An enumeration that has begun hands out the names that were there then. */
static void change_in_the_middle(void)
{
    WIN32_FIND_DATAA found;
    CloseHandle(open_file("d\\one", CREATE_NEW));
    CloseHandle(open_file("d\\two", CREATE_NEW));
    HANDLE search = FindFirstFileA("d\\*o*", &found);
    printf("-- in the middle\n%s\n", found.cFileName);
    SHOW(DeleteFileA("d\\one"));
    while (FindNextFileA(search, &found))
        puts(found.cFileName);
    FindClose(search);
    SHOW(DeleteFileA("d\\two"));
    list("all gone");
}

/* Every long name has a short one, which finds the file, and which patterns know. */
static void short_names(void)
{
    WIN32_FIND_DATAA found;
    char path[MAX_PATH], long_path[MAX_PATH];
    puts("-- short names");
    CloseHandle(open_file("d\\a long page.html", CREATE_NEW));
    CloseHandle(open_file("d\\SHORT.TXT", CREATE_NEW));
    HANDLE search = FindFirstFileA("d\\*.HTM", &found);
    SHOW(search != INVALID_HANDLE_VALUE);
    printf("%s %s, %d characters\n", found.cFileName, strrchr(found.cAlternateFileName, '.'),
           (int)strlen(found.cAlternateFileName));
    SHOW(FindNextFileA(search, &found));
    FindClose(search);
    SHOW(GetShortPathNameA("d\\a long page.html", path, sizeof path));
    SHOW(GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES);
    SHOW(GetLongPathNameA(path, long_path, sizeof long_path));
    puts(long_path);
    SHOW(GetShortPathNameA("d\\short.txt", path, sizeof path));
    puts(path);
    SHOW(GetShortPathNameA("d\\missing", path, sizeof path));
    SHOW(DeleteFileA("d\\SHORT.TXT"));
    SHOW(DeleteFileA("d\\a long page.html"));
}

int main(void)
{
    show_begin();
    SHOW(CreateDirectoryA("d", NULL));
    list("an empty directory");
    changes();
    change_in_the_middle();
    short_names();
    SHOW(RemoveDirectoryA("d"));
    list("removed");
    return 0;
}
