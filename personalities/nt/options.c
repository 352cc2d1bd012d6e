/* SPDX-License-Identifier: MIT */
/*
 * Options that the registry gives single programs, below "Image File Execution Options" under the name
 * of the program's file.
 *
 *   IgnoreCtrlC (DWORD)   Ctrl-C does not end the program: for command interpreters that, like Wine's
 *                         cmd.exe, install no handler, and that are to outlive the programs they run.
 *                         Unlike the state that SetConsoleCtrlHandler sets, it is not inherited.
 */
#include <personalities/nt/options.h>

#include <personalities/nt/registry.h>

#include <string.h>

#define OPTIONS_KEY \
    L"Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion\\Image File Execution Options"

static struct text last_component(const WCHAR *path)
{
    uint32_t length = text_length(path), start = length;
    while (start && path[start - 1] != '\\')
        start--;
    return (struct text){path + start, length - start};
}

static bool find_option(const WCHAR *image_path, struct text name, uint32_t *value)
{
    struct text path = {L"" OPTIONS_KEY, sizeof OPTIONS_KEY / sizeof(WCHAR) - 1};
    struct key *key = &registry_root;
    while (key && path.length) {
        uint32_t length = 0;
        while (length < path.length && path.chars[length] != '\\')
            length++;
        key = key_find_child(key, (struct text){path.chars, length});
        path = text_skip(path, length < path.length ? length + 1 : length);
    }
    key = key ? key_find_child(key, last_component(image_path)) : NULL;
    const struct value *found = key ? key_find_value(key, name) : NULL;
    if (!found || found->type != REG_DWORD || found->size != sizeof *value)
        return false;
    memcpy(value, found->data, sizeof *value);
    return true;
}

bool option_ignores_ctrl_c(const WCHAR *image_path)
{
    uint32_t value;
    return find_option(image_path, LITERAL("IgnoreCtrlC"), &value) && value;
}
