/* SPDX-License-Identifier: MIT */
/* Reads /etc/init.conf out of the boot archive, whose head describes the format. */
#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>

#include "init.h"

#define CONFIG_PATH "/etc/init.conf"
#define CONFIG_MAX  65536u

static char *read_config(void)
{
    handle_t vmo;
    uint32_t size;
    status_t status = boot_file(CONFIG_PATH, &vmo, &size);
    if (status != OK)
        process_fail(CONFIG_PATH, status);
    char *text = size > CONFIG_MAX ? NULL : malloc(size + 1);
    if (text == NULL)
        process_fail(CONFIG_PATH, ERR_NO_MEMORY);
    status = vmo_read(vmo, 0, text, size);
    if (status != OK)
        process_fail(CONFIG_PATH, status);
    text[size] = 0;
    handle_drop(&vmo);
    return text;
}

/* The words of a line, in place; if=WORD and unless=WORD are taken out. False: not for this boot. */
static bool split(char *line, char **words, uint32_t *count)
{
    *count = 0;
    line[strcspn(line, "#")] = 0;
    for (;;) {
        line += strspn(line, " \t\r");
        if (*line == 0)
            return *count > 0;
        char *word = line;
        line += strcspn(line, " \t\r");
        if (*line != 0)
            *line++ = 0;
        if (strncmp(word, "if=", 3) == 0) {
            if (!cmdline_has(word + 3))
                return false;
        } else if (strncmp(word, "unless=", 7) == 0) {
            if (cmdline_has(word + 7))
                return false;
        } else if (*count < WORDS_MAX - 1) {
            words[(*count)++] = word;
            words[*count] = NULL;
        }
    }
}

void config_directive(char **words, uint32_t count)
{
    if (strcmp(words[0], "service") == 0 && count >= 3)
        service_directive(words + 1, count - 1);
    else if (strcmp(words[0], "console") == 0 && count >= 5)
        console_directive(words + 1, count - 1);
    else if (strcmp(words[0], "filesystem") == 0 && count >= 3)
        filesystem_directive(words + 1, count - 1);
    else if (strcmp(words[0], "env") == 0 && count == 2)
        env_directive(words[1]);
    else
        log_printf(CONFIG_PATH ": '%s' with %u words is no directive", words[0],
                   (unsigned)count - 1);
}

/* The text stays: services keep pointers into it. */
void config_run(void)
{
    char *line = read_config();
    while (*line != 0) {
        char *words[WORDS_MAX];
        uint32_t count;
        char *next = line + strcspn(line, "\n");
        if (*next != 0)
            *next++ = 0;
        if (split(line, words, &count))
            config_directive(words, count);
        line = next;
    }
}
