/* SPDX-License-Identifier: MIT */
/* The registry: notification, volatile keys, symbolic links, order and types of values. */
#include "show.h"

#define PLACE "Software\\AtomikTest"

static HKEY make(const char *name, DWORD options)
{
    HKEY key = NULL;
    DWORD disposition = 0;
    LONG error = RegCreateKeyExA(HKEY_CURRENT_USER, name, 0, NULL, options, KEY_ALL_ACCESS, NULL,
                                 &key, &disposition);
    printf("create %s: %ld, disposition %lu\n", name, error, disposition);
    return key;
}

static void show_values(HKEY key)
{
    char name[64];
    BYTE data[64];
    for (DWORD i = 0;; i++) {
        DWORD name_size = sizeof name, size = sizeof data, type;
        if (RegEnumValueA(key, i, name, &name_size, NULL, &type, data, &size) != ERROR_SUCCESS)
            break;
        printf("value '%s', type %lu, %lu bytes\n", name, type, size);
    }
}

static void notification(HKEY key)
{
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    DWORD number = 5;
    puts("-- notification");
    SHOW(RegNotifyChangeKeyValue(key, TRUE, REG_NOTIFY_CHANGE_LAST_SET, event, TRUE));
    SHOW(WaitForSingleObject(event, 0));
    SHOW(RegSetValueExA(key, "Zahl", 0, REG_DWORD, (BYTE *)&number, sizeof number));
    SHOW(WaitForSingleObject(event, LONG_TIME));
    SHOW(RegNotifyChangeKeyValue(key, TRUE, REG_NOTIFY_CHANGE_LAST_SET, event, TRUE));
    SHOW(RegDeleteValueA(key, "Zahl"));
    SHOW(WaitForSingleObject(event, LONG_TIME));
    CloseHandle(event);
}

/* Letters of many scripts have capitals; those beyond 16 bits are not looked at as letters. */
static void without_case(HKEY key)
{
    HKEY sub;
    puts("-- without case");
    SHOW(RegCreateKeyW(key, L"\u010d\u0371\u0561\u1e03\U00010428", &sub));
    RegCloseKey(sub);
    SHOW(RegOpenKeyW(key, L"\u010c\u0370\u0531\u1e02\U00010428", &sub));
    RegCloseKey(sub);
    SHOW(RegOpenKeyW(key, L"\u010c\u0370\u0531\u1e02\U00010400", &sub));
    SHOW(RegDeleteKeyW(key, L"\u010c\u0370\u0531\u1e02\U00010428"));
}

int main(void)
{
    HKEY sub;
    DWORD disposition;
    show_begin();
    HKEY key = make(PLACE, 0);
    SHOW(RegSetValueExA(key, "b", 0, REG_SZ, (BYTE *)"text", 5));
    SHOW(RegSetValueExA(key, "A", 0, REG_BINARY, (BYTE *)"\1\2\3", 3));
    SHOW(RegSetValueExA(key, NULL, 0, REG_EXPAND_SZ, (BYTE *)"%PATH%", 7));
    show_values(key);
    notification(key);
    puts("-- volatile keys");
    HKEY volatile_key = make(PLACE "\\Volatile", REG_OPTION_VOLATILE);
    SHOW(RegCreateKeyExA(volatile_key, "Stable", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &sub,
                         &disposition));
    SHOW(RegCreateKeyExA(volatile_key, "Other", 0, NULL, REG_OPTION_VOLATILE, KEY_ALL_ACCESS, NULL,
                         &sub, &disposition));
    RegCloseKey(sub);
    puts("-- deleting");
    SHOW(RegDeleteKeyA(key, "Volatile"));
    SHOW(RegDeleteKeyA(volatile_key, "Other"));
    SHOW(RegDeleteKeyA(key, "Volatile"));
    SHOW(RegSetValueExA(volatile_key, "x", 0, REG_SZ, (BYTE *)"", 1));
    RegCloseKey(volatile_key);
    without_case(key);
    RegCloseKey(key);
    SHOW(RegDeleteKeyA(HKEY_CURRENT_USER, PLACE));
    return 0;
}
