/* SPDX-License-Identifier: MIT */
/* Two handles of one file: what one writes, extends or cuts off the other sees at once. Prints `ok` or what is wrong. */
#include <stdio.h>
#include <string.h>
#include <windows.h>

#define SIZE 300000u

static unsigned char out[SIZE], in[SIZE];
static int wrong;

static void expect(int true_, const char *what)
{
    if (!true_) {
        printf("wrong: %s (error %lu)\n", what, GetLastError());
        wrong = 1;
    }
}

static HANDLE open_file(DWORD disposition)
{
    return CreateFileA("transfers.tmp", GENERIC_READ | GENERIC_WRITE,
                       FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, disposition, 0, NULL);
}

static DWORD put(HANDLE file, DWORD at, DWORD length)
{
    DWORD done = 0;
    SetFilePointer(file, at, NULL, FILE_BEGIN);
    expect(WriteFile(file, out + at, length, &done, NULL), "WriteFile");
    return done;
}

static DWORD get(HANDLE file, DWORD at, DWORD length)
{
    DWORD done = 0;
    SetFilePointer(file, at, NULL, FILE_BEGIN);
    memset(in, 0xee, sizeof in);
    expect(ReadFile(file, in, length, &done, NULL), "ReadFile");
    return done;
}

static void contents(HANDLE a, HANDLE b)
{
    expect(put(a, 0, 100000) == 100000 && get(b, 0, SIZE) == 100000, "first length");
    expect(memcmp(in, out, 100000) == 0, "first bytes");
    expect(put(b, 99990, 20) == 20 && get(a, 99985, 100) == 25, "length across the end");
    expect(memcmp(in, out + 99985, 25) == 0, "bytes across the end");
    expect(put(b, 200000, 100000) == 100000 && get(a, 150000, 10) == 10, "length of a hole");
    expect(in[0] == 0 && in[9] == 0, "bytes of a hole");
    expect(get(a, 199990, SIZE) == 100010 && memcmp(in + 10, out + 200000, 100000) == 0,
           "bytes after a hole");
}

static void ends(HANDLE a, HANDLE b)
{
    DWORD done = 77;
    SetFilePointer(a, 10, NULL, FILE_BEGIN);
    expect(SetEndOfFile(a), "SetEndOfFile");
    expect(get(b, 150000, 10) == 0 && get(b, 0, 100) == 10, "length after cutting off");
    expect(GetFileSize(b, NULL) == 10, "GetFileSize");
    expect(put(b, 5000, 1) == 1 && get(a, 10, 4990) == 4990 && in[0] == 0,
           "cut off bytes are gone");
    expect(!WriteFile(a, (void *)16, 100000, &done, NULL), "a bad buffer is refused");
    expect(GetFileSize(a, NULL) == 5001, "and changes nothing");
}

int main(void)
{
    for (unsigned i = 0; i < SIZE; i++)
        out[i] = (unsigned char)(i * 7 + i / 251);
    HANDLE a = open_file(CREATE_ALWAYS), b = open_file(OPEN_EXISTING);
    expect(a != INVALID_HANDLE_VALUE && b != INVALID_HANDLE_VALUE, "CreateFile");
    contents(a, b);
    ends(a, b);
    CloseHandle(a);
    CloseHandle(b);
    if (!wrong)
        printf("ok\n");
    return wrong;
}
