/* SPDX-License-Identifier: MIT */
/* A console program that imports user32 and gdi32 starts, and their functions for text work. */
#include "show.h"

static void text(void)
{
    char out[100], line[] = "abc\xe4";
    WCHAR wide[] = L"stra\u00dfe \u00e4";
    SHOW(CharUpperA(line) == line);
    printf("%.3s %x\n", line, line[3] & 0xff);
    CharUpperW(wide);
    for (int i = 0; wide[i]; i++)
        printf(" %x", wide[i]);
    puts("");
    SHOW((char)(size_t)CharLowerA((char *)(size_t)'Q'));
    SHOW(wsprintfA(out, "%d %5s %04x %lu %c %%", -3, "ab", 0xbeef, 7ul, 'x'));
    puts(out);
    SHOW(LoadStringA(NULL, 1, out, sizeof out));
    SHOW(IsCharAlphaA('a'));
    SHOW(CharNextA("ab")[0]);
    SHOW(CharToOemA("plain", out));
    SHOW(CharPrevA("ab", "ab")[0] == 'a');
}

int main(void)
{
    show_begin();
    text();
    SHOW(GetDeviceCaps(NULL, BITSPIXEL));
    return 0;
}
