/* SPDX-License-Identifier: MIT */
/* Users and groups, from /etc/passwd and /etc/group. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Splits a line at colons into `count` fields; the last takes what is left. */
static bool split(char *line, char **fields, int count)
{
    for (int i = 0; i < count; i++) {
        fields[i] = line;
        line = i + 1 < count ? strchr(line, ':') : NULL;
        if (!line && i + 1 < count)
            return false;
        if (line)
            *line++ = 0;
    }
    return true;
}

static bool number(const char *text, unsigned *value)
{
    char *end;
    unsigned long read = strtoul(text, &end, 10);
    *value = (unsigned)read;
    return end != text && !*end;
}

/* One line into the caller's buffer. 1 a line, 0 the end, else an errno. */
static int read_line(FILE *file, char *buffer, size_t size)
{
    if (size > INT32_MAX)
        size = INT32_MAX;
    long before = ftell(file);
    if (size < 2 || !fgets(buffer, (int)size, file))
        return size < 2 ? ERANGE : 0;
    size_t length = strlen(buffer);
    if (buffer[length - 1] == '\n') {
        buffer[length - 1] = 0;
    } else if (length == size - 1) {
        fseek(file, before, SEEK_SET);
        return ERANGE;
    }
    return 1;
}

static bool parse_user(char *line, struct passwd *user)
{
    char *fields[7];
    if (!split(line, fields, 7) || !number(fields[2], &user->pw_uid) ||
        !number(fields[3], &user->pw_gid))
        return false;
    user->pw_name = fields[0];
    user->pw_passwd = fields[1];
    user->pw_comment = user->pw_gecos = fields[4];
    user->pw_dir = fields[5];
    user->pw_shell = fields[6];
    return true;
}

/* The members' addresses stand behind the line, in what is left of the buffer. */
static int parse_group(char *line, struct group *group, const char *end)
{
    char *fields[4];
    char *after = line + strlen(line) + 1;
    if (!split(line, fields, 4) || !number(fields[2], &group->gr_gid))
        return 0;
    char **member = (char **)(((uintptr_t)after + sizeof(char *) - 1) & -sizeof(char *));
    group->gr_name = fields[0];
    group->gr_passwd = fields[1];
    group->gr_mem = member;
    for (char *name = fields[3], *next; name && *name; name = next) {
        next = strchr(name, ',');
        if (next)
            *next++ = 0;
        if ((const char *)(member + 2) > end)
            return ERANGE;
        *member++ = name;
    }
    if ((const char *)(member + 1) > end)
        return ERANGE;
    *member = NULL;
    return 1;
}

static int next_user(FILE *file, struct passwd *user, char *buffer, size_t size)
{
    int read;
    while ((read = read_line(file, buffer, size)) == 1)
        if (parse_user(buffer, user))
            return 1;
    return read;
}

static int next_group(FILE *file, struct group *group, char *buffer, size_t size)
{
    int read;
    while ((read = read_line(file, buffer, size)) == 1) {
        int parsed = parse_group(buffer, group, buffer + size);
        if (parsed)
            return parsed;
    }
    return read;
}

/* ---- by name or number ---- */

static int find_user(const char *name, uid_t uid, struct passwd *user, char *buffer, size_t size,
                     struct passwd **result)
{
    FILE *file = fopen("/etc/passwd", "re");
    int read = 0;
    *result = NULL;
    if (!file)
        return errno == ENOENT ? 0 : errno;
    while ((read = next_user(file, user, buffer, size)) == 1)
        if (name ? !strcmp(user->pw_name, name) : user->pw_uid == uid)
            break;
    fclose(file);
    if (read == 1)
        *result = user;
    return read == 1 ? 0 : read;
}

int getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size,
               struct passwd **result)
{
    return find_user(name, 0, user, buffer, size, result);
}

int getpwuid_r(uid_t uid, struct passwd *user, char *buffer, size_t size, struct passwd **result)
{
    return find_user(NULL, uid, user, buffer, size, result);
}

static int find_group(const char *name, gid_t gid, struct group *group, char *buffer, size_t size,
                      struct group **result)
{
    FILE *file = fopen("/etc/group", "re");
    int read = 0;
    *result = NULL;
    if (!file)
        return errno == ENOENT ? 0 : errno;
    while ((read = next_group(file, group, buffer, size)) == 1)
        if (name ? !strcmp(group->gr_name, name) : group->gr_gid == gid)
            break;
    fclose(file);
    if (read == 1)
        *result = group;
    return read == 1 ? 0 : read;
}

int getgrnam_r(const char *name, struct group *group, char *buffer, size_t size,
               struct group **result)
{
    return find_group(name, 0, group, buffer, size, result);
}

int getgrgid_r(gid_t gid, struct group *group, char *buffer, size_t size, struct group **result)
{
    return find_group(NULL, gid, group, buffer, size, result);
}

/* ---- with the library's own memory ---- */

enum { OWN_SIZE = 4096 };
static struct passwd own_user;
static struct group own_group;
static char user_text[OWN_SIZE], group_text[OWN_SIZE];
static FILE *user_file, *group_file;

struct passwd *getpwnam(const char *name)
{
    struct passwd *result;
    int error = getpwnam_r(name, &own_user, user_text, OWN_SIZE, &result);
    errno = error ? error : errno;
    return result;
}

struct passwd *getpwuid(uid_t uid)
{
    struct passwd *result;
    int error = getpwuid_r(uid, &own_user, user_text, OWN_SIZE, &result);
    errno = error ? error : errno;
    return result;
}

struct group *getgrnam(const char *name)
{
    struct group *result;
    int error = getgrnam_r(name, &own_group, group_text, OWN_SIZE, &result);
    errno = error ? error : errno;
    return result;
}

struct group *getgrgid(gid_t gid)
{
    struct group *result;
    int error = getgrgid_r(gid, &own_group, group_text, OWN_SIZE, &result);
    errno = error ? error : errno;
    return result;
}

static void close_file(FILE **file)
{
    if (*file)
        fclose(*file);
    *file = NULL;
}

void setpwent(void)
{
    close_file(&user_file);
}

void endpwent(void)
{
    close_file(&user_file);
}

struct passwd *getpwent(void)
{
    if (!user_file && !(user_file = fopen("/etc/passwd", "re")))
        return NULL;
    return next_user(user_file, &own_user, user_text, OWN_SIZE) == 1 ? &own_user : NULL;
}

void setgrent(void)
{
    close_file(&group_file);
}

void endgrent(void)
{
    close_file(&group_file);
}

struct group *getgrent(void)
{
    if (!group_file && !(group_file = fopen("/etc/group", "re")))
        return NULL;
    return next_group(group_file, &own_group, group_text, OWN_SIZE) == 1 ? &own_group : NULL;
}

/* ---- the groups of a user ---- */

static bool is_member(const struct group *group, const char *name)
{
    for (char **member = group->gr_mem; *member; member++)
        if (!strcmp(*member, name))
            return true;
    return false;
}

int getgrouplist(const char *name, gid_t first, gid_t *groups, int *count)
{
    int room = *count, found = 0;
    struct group group;
    char buffer[OWN_SIZE];
    FILE *file = fopen("/etc/group", "re");
    if (found++ < room)
        groups[0] = first;
    while (file && next_group(file, &group, buffer, sizeof buffer) == 1)
        if (group.gr_gid != first && is_member(&group, name) && found++ < room)
            groups[found - 1] = group.gr_gid;
    if (file)
        fclose(file);
    *count = found;
    return found > room ? -1 : found;
}

int initgroups(const char *name, gid_t first)
{
    gid_t groups[256];
    int count = 256;
    if (getgrouplist(name, first, groups, &count) < 0)
        return -1;
    return setgroups(count, groups);
}

/* ---- who is logged in here ---- */

int getlogin_r(char *name, size_t size)
{
    const char *found = getenv("LOGNAME");
    const struct passwd *user = found ? NULL : getpwuid(getuid());
    if (user)
        found = user->pw_name;
    if (!found)
        return ENXIO;
    if (strlen(found) >= size)
        return ERANGE;
    strcpy(name, found);
    return 0;
}

char *getlogin(void)
{
    static char name[64];
    int error = getlogin_r(name, sizeof name);
    errno = error ? error : errno;
    return error ? NULL : name;
}

char *cuserid(char *buffer)
{
    static char own[64];
    const struct passwd *user = getpwuid(geteuid());
    char *result = buffer ? buffer : own;
    snprintf(result, buffer ? 32 : sizeof own, "%s", user ? user->pw_name : "");
    return result;
}
