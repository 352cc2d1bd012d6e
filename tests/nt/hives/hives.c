/* SPDX-License-Identifier: MIT */
/*
 * hives write         sets VALUES values of one key to the same number again and again, makes them durable,
 *                     and prints that number
 * hives check         prints how many there are and between which numbers they lie
 *
 * For tests/system/test_registry.py, which takes the power away meanwhile.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

#define VALUES 300
#define PLACE  "Software\\AtomikHives"

static void name_of(unsigned index, char *name)
{
    sprintf(name, "value %u", index);
}

static int write_values(HKEY key)
{
    char name[16];
    for (DWORD number = 1;; number++) {
        for (unsigned i = 0; i < VALUES; i++) {
            name_of(i, name);
            if (RegSetValueExA(key, name, 0, REG_DWORD, (BYTE *)&number, sizeof number))
                return 1;
        }
        if (RegFlushKey(key))
            return 1;
        printf("durable %lu\n", number);
        fflush(stdout);
    }
}

static int check_values(HKEY key)
{
    unsigned count = 0;
    DWORD least = MAXDWORD, most = 0;
    for (unsigned i = 0; i < VALUES; i++) {
        char name[16];
        DWORD number, size = sizeof number;
        name_of(i, name);
        if (RegQueryValueExA(key, name, NULL, NULL, (BYTE *)&number, &size))
            continue;
        count++;
        least = number < least ? number : least;
        most = number > most ? number : most;
    }
    printf("%u values, %lu to %lu\n", count, least, most);
    return 0;
}

int main(int argc, char **argv)
{
    HKEY key;
    if (argc != 2 ||
        RegCreateKeyExA(HKEY_LOCAL_MACHINE, PLACE, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL))
        return 2;
    return strcmp(argv[1], "write") == 0 ? write_values(key) : check_values(key);
}
