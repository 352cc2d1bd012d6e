/* SPDX-License-Identifier: MIT */
/* Where a handle leads: the true name of a file or directory by its handle, and the user's home directory. */
#include "show.h"

static void show_final_name(const char *path, DWORD flags)
{
    char name[MAX_PATH] = "";
    HANDLE file =
        CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    SHOW(file != INVALID_HANDLE_VALUE);
    SHOW(GetFinalPathNameByHandleA(file, name, sizeof name, flags));
    printf("%s: %s\n", path, name);
    CloseHandle(file);
}

/* The question of os/user in Go, and of git and others. */
static void show_home(void)
{
    BOOL(WINAPI * get_directory)
    (HANDLE, char *, DWORD *) =
        (void *)GetProcAddress(LoadLibraryA("userenv.dll"), "GetUserProfileDirectoryA");
    char home[MAX_PATH] = "";
    DWORD size = sizeof home;
    HANDLE token;
    SHOW(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    SHOW(get_directory(token, home, &size));
    printf("%s\n", home);
    CloseHandle(token);
}

int main(void)
{
    show_begin();
    show_final_name("C:\\windows\\system32\\kernel32.dll", VOLUME_NAME_DOS);
    show_final_name("C:\\windows\\system32\\kernel32.dll", VOLUME_NAME_NONE);
    show_final_name("c:\\windows\\system32", VOLUME_NAME_DOS);
    show_final_name("C:\\", VOLUME_NAME_DOS);
    show_home();
    return 0;
}
