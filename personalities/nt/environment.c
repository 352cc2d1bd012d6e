/* SPDX-License-Identifier: MIT */
/* Environments and command lines, from Unix to NT and back. */
#include <personalities/nt/process.h>

#include <personalities/nt/file.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSTEM_PATH "C:\\windows\\system32;C:\\windows"
#define UNIX_SYSTEM "/c/windows/system32:/c/windows"

/* Set if the Unix side does not set them. */
static const char *const defaults[] = {
    "ALLUSERSPROFILE=C:\\ProgramData",
    "COMPUTERNAME=ATOMIK",
    "ComSpec=C:\\windows\\system32\\cmd.exe",
    "HOMEDRIVE=C:",
    "NUMBER_OF_PROCESSORS=1",
    "OS=Windows_NT",
    "PATHEXT=.COM;.EXE;.BAT;.CMD;.UNIX",
    "PROCESSOR_ARCHITECTURE=x86",
    "PROMPT=$P$G",
    "ProgramFiles=C:\\Program Files",
    "SystemDrive=C:",
    "SystemRoot=C:\\windows",
    "TEMP=C:\\windows\\temp",
    "TMP=C:\\windows\\temp",
    "windir=C:\\windows",
};

struct buffer {
    char *bytes;
    size_t used, size;
    bool failed;
};

static void append(struct buffer *buffer, const char *bytes, size_t length)
{
    if (buffer->used + length > buffer->size) {
        size_t size = (buffer->used + length) * 2 + 256;
        char *grown = realloc(buffer->bytes, size);
        if (!grown) {
            buffer->failed = true;
            return;
        }
        buffer->bytes = grown;
        buffer->size = size;
    }
    memcpy(buffer->bytes + buffer->used, bytes, length);
    buffer->used += length;
}

static void append_string(struct buffer *buffer, const char *string)
{
    append(buffer, string, strlen(string));
}

static size_t name_length(const char *variable)
{
    return strcspn(variable, "=");
}

static const char *find_variable(char *const envp[], const char *name, size_t length)
{
    for (uint32_t i = 0; envp[i]; i++)
        if (name_length(envp[i]) == length && strncasecmp(envp[i], name, length) == 0 &&
            envp[i][length] == '=')
            return envp[i] + length + 1;
    return NULL;
}

static bool in_system_path(const char *directory)
{
    return strcasecmp(directory, "C:\\windows\\system32") == 0 ||
           strcasecmp(directory, "C:\\windows") == 0;
}

/* The directories of a Unix PATH, as drive Z: (or C:) has them. */
static void append_path(struct buffer *buffer, const char *path)
{
    append_string(buffer, "PATH=" SYSTEM_PATH);
    while (path && *path) {
        size_t length = strcspn(path, ":");
        char *directory = strndup(path, length);
        WCHAR *nt = directory && directory[0] == '/' ? path_to_nt(directory, NULL) : NULL;
        char *utf8 = nt ? text_to_utf8((struct text){nt, text_length(nt)}) : NULL;
        if (utf8 && !in_system_path(utf8)) {
            append_string(buffer, ";");
            append_string(buffer, utf8);
        }
        free(utf8);
        free(nt);
        free(directory);
        path += length + (path[length] == ':');
    }
    append(buffer, "", 1);
}

static void append_variable(struct buffer *buffer, const char *name, const char *format,
                            const char *value)
{
    char text[256];
    snprintf(text, sizeof text, format, value);
    append_string(buffer, name);
    append_string(buffer, "=");
    append(buffer, text, strlen(text) + 1);
}

static void append_user(struct buffer *buffer, char *const envp[])
{
    const char *user = find_variable(envp, "USER", 4);
    if (!user)
        user = "root";
    if (!find_variable(envp, "USERNAME", 8))
        append_variable(buffer, "USERNAME", "%s", user);
    append_variable(buffer, "WINEUSERNAME", "%s", user); /* what GetUserName returns */
    if (!find_variable(envp, "USERPROFILE", 11))
        append_variable(buffer, "USERPROFILE", "C:\\users\\%s", user);
    if (!find_variable(envp, "HOMEPATH", 8))
        append_variable(buffer, "HOMEPATH", "\\users\\%s", user);
    if (!find_variable(envp, "APPDATA", 7))
        append_variable(buffer, "APPDATA", "C:\\users\\%s\\AppData\\Roaming", user);
}

/* Variables that are ours to set, or that would change what Wine's DLLs do. */
static bool is_reserved(const char *variable)
{
    size_t length = name_length(variable);
    return length == 0 || variable[length] != '=' ||
           (length == 4 && strncasecmp(variable, "PATH", 4) == 0) ||
           strncasecmp(variable, "WINE", 4) == 0;
}

WCHAR *environment_from_unix(char *const envp[], uint32_t *bytes)
{
    struct buffer buffer = {0};
    for (uint32_t i = 0; envp[i]; i++)
        if (!is_reserved(envp[i]))
            append(&buffer, envp[i], strlen(envp[i]) + 1);
    for (uint32_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
        if (!find_variable(envp, defaults[i], name_length(defaults[i])))
            append(&buffer, defaults[i], strlen(defaults[i]) + 1);
    append_user(&buffer, envp);
    append_path(&buffer, find_variable(envp, "PATH", 4));
    append(&buffer, "", 1);
    uint32_t length = 0;
    WCHAR *block = buffer.failed ? NULL : text_from_utf8(buffer.bytes, buffer.used, &length);
    free(buffer.bytes);
    *bytes = length * sizeof(WCHAR);
    return block;
}

/* ---- lists of strings ---- */

static bool strings_add(char ***strings, uint32_t *count, char *string)
{
    char **grown = string ? realloc(*strings, (*count + 2) * sizeof *grown) : NULL;
    if (!grown) {
        free(string);
        return false;
    }
    grown[(*count)++] = string;
    grown[*count] = NULL;
    *strings = grown;
    return true;
}

void strings_free(char **strings)
{
    for (uint32_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

/* The Unix name of an absolute directory of C: or Z:, or NULL. */
static char *directory_to_unix(const char *dos)
{
    char drive = dos[0] | 0x20;
    size_t length = strlen(dos);
    if ((drive != 'c' && drive != 'z') || dos[1] != ':' || (dos[2] != '\\' && dos[2] != '/'))
        return NULL;
    char *path = malloc(length + 2);
    if (!path)
        return NULL;
    strcpy(path, drive == 'c' ? "/c" : "");
    strcat(path, dos + 2);
    for (char *at = path; *at; at++)
        if (*at == '\\')
            *at = '/';
    length = strlen(path);
    if (length > 1 && path[length - 1] == '/')
        path[length - 1] = 0;
    return path;
}

/* The system's own directories, first on NT, come last: Unix names are meant first. */
static char *path_to_unix(const char *path)
{
    struct buffer buffer = {0};
    append_string(&buffer, "PATH=");
    while (path && *path) {
        size_t length = strcspn(path, ";");
        char *dos = strndup(path, length);
        char *directory = dos && !in_system_path(dos) ? directory_to_unix(dos) : NULL;
        if (directory) {
            append_string(&buffer, directory);
            append_string(&buffer, ":");
        }
        free(directory);
        free(dos);
        path += length + (path[length] == ';');
    }
    append(&buffer, UNIX_SYSTEM, sizeof UNIX_SYSTEM);
    if (!buffer.failed)
        return buffer.bytes;
    free(buffer.bytes);
    return NULL;
}

char **environment_to_unix(const WCHAR *block, uint32_t bytes)
{
    char **envp = NULL;
    uint32_t count = 0, at = 0, limit = bytes / sizeof(WCHAR);
    char *path = NULL;
    while (at < limit && block[at]) {
        uint32_t length = 0;
        while (at + length < limit && block[at + length])
            length++;
        char *variable = text_to_utf8((struct text){block + at, length});
        at += length + 1;
        if (variable && is_reserved(variable)) {
            if (strncasecmp(variable, "PATH=", 5) == 0 && !path)
                path = path_to_unix(variable + 5);
            free(variable);
            continue;
        }
        if (!strings_add(&envp, &count, variable))
            goto fail;
    }
    if (strings_add(&envp, &count, path ? path : strdup("PATH=" UNIX_SYSTEM)))
        return envp;
    path = NULL;
fail:
    free(path);
    strings_free(envp);
    return NULL;
}

/* ---- command lines ---- */

static bool needs_quotes(const char *argument)
{
    return *argument == 0 || argument[strcspn(argument, " \t")] != 0;
}

/* Backslashes count only before a quote: there they are doubled, and the quote gets one more. */
static void append_argument(struct buffer *buffer, const char *argument)
{
    size_t backslashes = 0;
    bool quotes = needs_quotes(argument);
    append_string(buffer, quotes ? "\"" : "");
    for (const char *at = argument; *at; at++) {
        if (*at == '\\') {
            backslashes++;
        } else {
            if (*at == '"')
                for (size_t i = 0; i < backslashes + 1; i++)
                    append_string(buffer, "\\");
            backslashes = 0;
        }
        append(buffer, at, 1);
    }
    for (size_t i = 0; quotes && i < backslashes; i++)
        append_string(buffer, "\\");
    append_string(buffer, quotes ? "\"" : "");
}

/* The program's own name is its path: many programs look for an end of it that only a DOS path has. */
WCHAR *command_line_join(const WCHAR *program, char *const argv[], uint32_t *length)
{
    struct buffer buffer = {0};
    char *name = text_to_utf8((struct text){program, text_length(program)});
    append_argument(&buffer, name ? name : argv[0]);
    free(name);
    for (uint32_t i = 1; argv[0] && argv[i]; i++) {
        append_string(&buffer, " ");
        append_argument(&buffer, argv[i]);
    }
    WCHAR *line = buffer.failed ? NULL : text_from_utf8(buffer.bytes, buffer.used, length);
    free(buffer.bytes);
    return line;
}

/* One argument at *at, which moves behind it. */
static void split_one(const char **at, struct buffer *buffer)
{
    bool quoted = false;
    const char *from = *at;
    while (*from && (quoted || !isspace((uint8_t)*from))) {
        size_t backslashes = strspn(from, "\\");
        bool before_quote = from[backslashes] == '"';
        for (size_t i = 0; i < (before_quote ? backslashes / 2 : backslashes); i++)
            append_string(buffer, "\\");
        from += backslashes;
        if (before_quote && (backslashes & 1))
            append(buffer, from++, 1);
        else if (before_quote) {
            quoted = !quoted;
            from++;
        } else if (*from && (quoted || !isspace((uint8_t)*from)) && backslashes == 0)
            append(buffer, from++, 1);
    }
    append(buffer, "", 1);
    *at = from;
}

char **command_line_split(struct text line)
{
    char **argv = NULL, *bytes = text_to_utf8(line);
    uint32_t count = 0;
    const char *at = bytes;
    while (at && *at) {
        struct buffer buffer = {0};
        while (isspace((uint8_t)*at))
            at++;
        if (!*at)
            break;
        split_one(&at, &buffer);
        if (buffer.failed || !strings_add(&argv, &count, buffer.bytes)) {
            strings_free(argv);
            argv = NULL;
            break;
        }
    }
    free(bytes);
    return argv;
}
