/* SPDX-License-Identifier: MIT */
/*
 * The text form of the registry:
 *
 *   [Machine\Software\Microsoft]        a key, below the one that is read or written
 *   #time=1d0000000000000               when it was written, FILETIME in hex
 *   #class="text"                       its class
 *   #link                               it is a symbolic link
 *   "Name"="text"                       REG_SZ; @ is the value without a name
 *   "Name"=dword:0000002a               REG_DWORD
 *   "Name"=hex:01,02,ff                 REG_BINARY
 *   "Name"=hex(7):61,00,00,00           a value of any type, by its number in hex
 *   ; a remark
 *
 * In quotes, \\ and \" stand for a backslash and a quote, \n and \r for line ends, and \xHHHH for a
 * unit of UTF-16 that is none of a character.
 */
#include <personalities/nt/registry.h>

#include <atomik/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static uint32_t hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* The unit behind a backslash; *from moves behind it. */
static WCHAR escaped(const char **from, const char *end)
{
    char c = *(*from)++;
    if (c == 'n')
        return '\n';
    if (c == 'r')
        return '\r';
    if (c != 'x' || end - *from < 4)
        return (uint8_t)c;
    uint32_t unit = 0;
    for (uint32_t i = 0; i < 4; i++)
        unit = unit << 4 | (hex_digit((*from)[i]) & 15);
    *from += 4;
    return unit;
}

/* The text between quotes at *at, which moves behind the closing one; NULL: there is none. */
static WCHAR *read_quoted(const char **at, const char *end, uint32_t *length)
{
    const char *from = *at;
    if (from == end || *from++ != '"')
        return NULL;
    WCHAR *chars = malloc((end - from + 1) * sizeof(WCHAR));
    uint32_t used = 0;
    if (!chars)
        return NULL;
    while (from < end && *from != '"') {
        if (*from == '\\' && from + 1 < end) {
            from++;
            chars[used++] = escaped(&from, end);
            continue;
        }
        const char *run = from;
        while (from < end && *from != '"' && *from != '\\')
            from++;
        used += utf8_to_utf16(run, from - run, chars + used, from - run);
    }
    chars[used] = 0;
    *length = used;
    if (from < end) {
        *at = from + 1;
        return chars;
    }
    free(chars);
    return NULL;
}

static NTSTATUS read_hex(const char *at, const char *end, uint8_t **data, uint32_t *size)
{
    *data = malloc((end - at) / 2 + 1);
    *size = 0;
    if (!*data)
        return STATUS_NO_MEMORY;
    while (end - at >= 2) {
        (*data)[(*size)++] = hex_digit(at[0]) << 4 | (hex_digit(at[1]) & 15);
        at += end - at > 2 && at[2] == ',' ? 3 : end - at;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS read_typed(struct key *key, struct text name, const char *at, const char *end)
{
    uint8_t *data;
    uint32_t type = REG_BINARY, size;
    if (*at == '(') {
        char *stop;
        type = strtoul(at + 1, &stop, 16);
        at = stop < end && *stop == ')' ? stop + 1 : end;
    }
    if (at == end || *at != ':')
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = read_hex(at + 1, end, &data, &size);
    return status ? status : key_set_value(key, name, type, data, size);
}

static NTSTATUS read_data(struct key *key, struct text name, const char *at, const char *end)
{
    uint32_t length;
    if (end - at > 6 && strncmp(at, "dword:", 6) == 0) {
        uint32_t number = strtoul(at + 6, NULL, 16);
        uint8_t *data = malloc(sizeof number);
        if (data)
            memcpy(data, &number, sizeof number);
        return data ? key_set_value(key, name, REG_DWORD, data, sizeof number) : STATUS_NO_MEMORY;
    }
    if (end - at >= 4 && strncmp(at, "hex", 3) == 0)
        return read_typed(key, name, at + 3, end);
    WCHAR *text = read_quoted(&at, end, &length);
    return text ? key_set_value(key, name, REG_SZ, (uint8_t *)text, (length + 1) * sizeof(WCHAR))
                : STATUS_INVALID_PARAMETER;
}

static NTSTATUS read_value_line(struct key *key, const char *at, const char *end)
{
    uint32_t length = 0;
    bool unnamed = *at == '@';
    WCHAR *name = unnamed ? calloc(1, sizeof(WCHAR)) : read_quoted(&at, end, &length);
    if (!name)
        return STATUS_INVALID_PARAMETER;
    at += unnamed;
    NTSTATUS status = at < end && *at == '='
                          ? read_data(key, (struct text){name, length}, at + 1, end)
                          : STATUS_INVALID_PARAMETER;
    free(name);
    return status;
}

static NTSTATUS read_attribute(struct key *key, const char *at, const char *end, uint64_t *written)
{
    if (end - at > 6 && strncmp(at, "#time=", 6) == 0) {
        *written = 0;
        for (at += 6; at < end && hex_digit(*at) < 16; at++)
            *written = *written << 4 | hex_digit(*at);
    } else if (end - at > 7 && strncmp(at, "#class=", 7) == 0) {
        at += 7;
        free(key->class);
        key->class = read_quoted(&at, end, &key->class_length);
    } else if (end - at == 5 && strncmp(at, "#link", 5) == 0) {
        key->is_link = true;
    }
    return STATUS_SUCCESS;
}

struct reader {
    struct key *from, *key;
    uint64_t written; /* of the current key, as the text says; 0: it does not */
};

/* Values that were read have moved the time. */
static void key_end(struct reader *reader)
{
    if (reader->key && reader->written)
        reader->key->written = reader->written;
    reader->written = 0;
}

static NTSTATUS read_line(struct reader *reader, const char *at, const char *end)
{
    uint32_t length;
    if (at == end || *at == ';')
        return STATUS_SUCCESS;
    if (*at == '#')
        return reader->key ? read_attribute(reader->key, at, end, &reader->written)
                           : STATUS_SUCCESS;
    if (*at != '[')
        return reader->key ? read_value_line(reader->key, at, end) : STATUS_INVALID_PARAMETER;
    if (end[-1] != ']')
        return STATUS_INVALID_PARAMETER;
    key_end(reader);
    WCHAR *path = text_from_utf8(at + 1, end - at - 2, &length);
    reader->key = path ? key_make_path(reader->from, (struct text){path, length}) : NULL;
    free(path);
    return reader->key ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

void registry_read_text(struct key *from, const char *text, size_t length)
{
    struct reader reader = {.from = from};
    const char *at = text, *limit = text + length;
    for (uint32_t line = 1; at < limit; line++) {
        const char *end = memchr(at, '\n', limit - at);
        if (!end)
            end = limit;
        if (read_line(&reader, at, end))
            log_printf("registry: line %u is wrong", line);
        at = end + 1;
    }
    key_end(&reader);
}

/* ---- writing ---- */

struct writer {
    char *bytes;
    size_t used, size;
    bool failed;
};

static void put(struct writer *writer, const char *bytes, size_t length)
{
    if (writer->used + length > writer->size && !writer->failed) {
        size_t size = (writer->used + length) * 2 + 4096;
        char *grown = realloc(writer->bytes, size);
        if (grown) {
            writer->bytes = grown;
            writer->size = size;
        } else {
            writer->failed = true;
        }
    }
    if (writer->failed)
        return;
    memcpy(writer->bytes + writer->used, bytes, length);
    writer->used += length;
}

static void put_string(struct writer *writer, const char *string)
{
    put(writer, string, strlen(string));
}

static bool is_surrogate(WCHAR c)
{
    return c >= 0xd800 && c < 0xe000;
}

static void put_unit(struct writer *writer, WCHAR c)
{
    char bytes[8];
    if (c == '\\' || c == '"') {
        put_string(writer, c == '"' ? "\\\"" : "\\\\");
    } else if (c == '\n' || c == '\r') {
        put_string(writer, c == '\n' ? "\\n" : "\\r");
    } else if (c == 0 || is_surrogate(c)) {
        snprintf(bytes, sizeof bytes, "\\x%04x", c);
        put_string(writer, bytes);
    } else {
        put(writer, bytes, utf16_to_utf8(&c, 1, bytes, sizeof bytes));
    }
}

static void put_quoted(struct writer *writer, const WCHAR *chars, uint32_t length)
{
    put_string(writer, "\"");
    for (uint32_t i = 0; i < length; i++)
        put_unit(writer, chars[i]);
    put_string(writer, "\"");
}

static void put_hex(struct writer *writer, const struct value *value)
{
    char bytes[16];
    if (value->type == REG_BINARY)
        snprintf(bytes, sizeof bytes, "hex:");
    else
        snprintf(bytes, sizeof bytes, "hex(%x):", value->type);
    put_string(writer, bytes);
    for (uint32_t i = 0; i < value->size; i++) {
        snprintf(bytes, sizeof bytes, i ? ",%02x" : "%02x", value->data[i]);
        put_string(writer, bytes);
    }
}

/* A terminated text of whole characters, as REG_SZ should be. */
static bool is_plain_text(const struct value *value)
{
    const WCHAR *chars = (const WCHAR *)value->data;
    uint32_t length = value->size / sizeof(WCHAR);
    return value->type == REG_SZ && value->size % sizeof(WCHAR) == 0 && length > 0 &&
           chars[length - 1] == 0;
}

static void put_value(struct writer *writer, const struct value *value)
{
    char number[24];
    if (value->name_length)
        put_quoted(writer, value->name, value->name_length);
    else
        put_string(writer, "@");
    put_string(writer, "=");
    if (is_plain_text(value)) {
        put_quoted(writer, (const WCHAR *)value->data, value->size / sizeof(WCHAR) - 1);
    } else if (value->type == REG_DWORD && value->size == sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, value->data, sizeof word);
        snprintf(number, sizeof number, "dword:%08x", word);
        put_string(writer, number);
    } else {
        put_hex(writer, value);
    }
    put_string(writer, "\n");
}

static void put_key(struct writer *writer, const struct key *key, const char *path)
{
    char time[40];
    put_string(writer, "[");
    put_string(writer, path);
    snprintf(time, sizeof time, "]\n#time=%08x%08x\n", (uint32_t)(key->written >> 32),
             (uint32_t)key->written);
    put_string(writer, time);
    if (key->class) {
        put_string(writer, "#class=");
        put_quoted(writer, key->class, key->class_length);
        put_string(writer, "\n");
    }
    if (key->is_link)
        put_string(writer, "#link\n");
    for (const struct value *value = key->values; value; value = value->next)
        put_value(writer, value);
}

/* The depth of the tree is bounded by that of paths. */
static void put_tree(struct writer *writer, const struct key *key, const char *path)
{
    put_key(writer, key, path);
    for (const struct key *child = key->children; child; child = child->next) {
        char *name = child->is_volatile ? NULL : text_to_utf8(key_name(child));
        size_t length = name ? strlen(path) + strlen(name) + 2 : 0;
        char *below = name ? malloc(length) : NULL;
        if (below) {
            snprintf(below, length, "%s%s%s", path, *path ? "\\" : "", name);
            put_tree(writer, child, below);
        } else if (!child->is_volatile) {
            writer->failed = true;
        }
        free(name);
        free(below);
    }
}

char *registry_write_text(const struct key *key, size_t *length)
{
    struct writer writer = {0};
    put_tree(&writer, key, "");
    *length = writer.used;
    if (!writer.failed)
        return writer.bytes;
    free(writer.bytes);
    return NULL;
}
