/* SPDX-License-Identifier: MIT */
/* Tables of mounted file systems. */
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FILE *setmntent(const char *path, const char *mode)
{
    return fopen(path, mode);
}

int endmntent(FILE *file)
{
    if (file)
        fclose(file);
    return 1;
}

/* \040 and the like, in place. */
static char *unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3]) {
            *to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = 0;
    return text;
}

struct mntent *getmntent_r(FILE *file, struct mntent *entry, char *buffer, int size)
{
    while (fgets(buffer, size, file)) {
        char *rest, *words[6];
        int count = 0;
        buffer[strcspn(buffer, "#\n")] = 0;
        for (char *word = strtok_r(buffer, " \t", &rest); word && count < 6;
             word = strtok_r(NULL, " \t", &rest))
            words[count++] = unescape(word);
        if (count < 3)
            continue;
        *entry = (struct mntent){words[0], words[1], words[2], "", 0, 0};
        if (count > 3)
            entry->mnt_opts = words[3];
        entry->mnt_freq = count > 4 ? atoi(words[4]) : 0;
        entry->mnt_passno = count > 5 ? atoi(words[5]) : 0;
        return entry;
    }
    return NULL;
}

struct mntent *getmntent(FILE *file)
{
    static struct mntent entry;
    static char buffer[4096];
    return getmntent_r(file, &entry, buffer, sizeof buffer);
}

int addmntent(FILE *file, const struct mntent *entry)
{
    if (fseek(file, 0, SEEK_END) < 0)
        return 1;
    return fprintf(file, "%s %s %s %s %d %d\n", entry->mnt_fsname, entry->mnt_dir, entry->mnt_type,
                   entry->mnt_opts, entry->mnt_freq, entry->mnt_passno) < 0;
}

char *hasmntopt(const struct mntent *entry, const char *option)
{
    size_t length = strlen(option);
    for (char *at = entry->mnt_opts; (at = strstr(at, option)) != NULL; at += length) {
        char after = at[length];
        if ((at == entry->mnt_opts || at[-1] == ',') && (!after || after == ',' || after == '='))
            return at;
    }
    return NULL;
}
