/* SPDX-License-Identifier: MIT */
/* What a terminal's keys are as input records, and what of colours and cursor the console tells back. */
#include "show.h"

static void show_screen(HANDLE output)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    if (!GetConsoleScreenBufferInfo(output, &info)) {
        printf("screen: error %lu\n", GetLastError());
        return;
    }
    printf("attributes %x, window %d, cursor column %d\n", info.wAttributes,
           info.srWindow.Right - info.srWindow.Left + 1 <= info.dwSize.X, info.dwCursorPosition.X);
}

static void colours(HANDLE output)
{
    CONSOLE_CURSOR_INFO cursor;
    DWORD done;
    show_screen(output);
    SHOW(SetConsoleTextAttribute(output, FOREGROUND_RED | FOREGROUND_INTENSITY | BACKGROUND_BLUE));
    show_screen(output);
    SHOW(SetConsoleTextAttribute(output, 7));
    WriteConsoleA(output, "four", 4, &done, NULL);
    show_screen(output);
    SHOW(GetConsoleCursorInfo(output, &cursor) && cursor.bVisible);
    cursor.bVisible = FALSE;
    SHOW(SetConsoleCursorInfo(output, &cursor));
    SHOW(GetConsoleCursorInfo(output, &cursor) && !cursor.bVisible);
    cursor.bVisible = TRUE;
    SHOW(SetConsoleCursorInfo(output, &cursor));
    SHOW(SetConsoleTitleA("keys"));
}

/* Until a q goes down. */
static void keys(HANDLE input)
{
    INPUT_RECORD record;
    DWORD count;
    for (;;) {
        if (!ReadConsoleInputW(input, &record, 1, &count) || count != 1) {
            printf("ReadConsoleInput: error %lu\n", GetLastError());
            return;
        }
        if (record.EventType != KEY_EVENT)
            continue;
        const KEY_EVENT_RECORD *key = &record.Event.KeyEvent;
        if (key->bKeyDown && key->uChar.UnicodeChar == 'q')
            return;
        printf("%s key %x scan %x char %x state %lx\n", key->bKeyDown ? "down" : "up",
               key->wVirtualKeyCode, key->wVirtualScanCode, key->uChar.UnicodeChar,
               key->dwControlKeyState);
    }
}

int main(void)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE), output = GetStdHandle(STD_OUTPUT_HANDLE);
    DWORD mode = 0, waiting = 0;
    show_begin();
    colours(output);
    SHOW(GetConsoleMode(input, &mode));
    SHOW(SetConsoleMode(input, 0));
    SHOW(FlushConsoleInputBuffer(input));
    SHOW(GetNumberOfConsoleInputEvents(input, &waiting) && waiting == 0);
    puts("ready");
    keys(input);
    SHOW(SetConsoleMode(input, mode));
    return 0;
}
