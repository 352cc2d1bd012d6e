/* SPDX-License-Identifier: MIT */
/* Reads a file that nobody else may write to meanwhile, half a second after it has opened it. */
#include <stdio.h>
#include <windows.h>

int main(int argc, char **argv)
{
    char text[32] = "";
    DWORD length = 0;
    HANDLE file =
        argc > 1 ? CreateFileA(argv[1], GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL)
                 : INVALID_HANDLE_VALUE;
    if (file == INVALID_HANDLE_VALUE)
        return 1;
    printf("open\n");
    fflush(stdout);
    Sleep(500);
    if (!ReadFile(file, text, sizeof text - 1, &length, NULL))
        return 2;
    printf("%s\n", text);
    return 0;
}
