/* SPDX-License-Identifier: MIT */
/*
 * The trace: with ATOMIK_TRACE=1 in its environment a program's system calls are written to its
 * standard error, one line each, decoded by the argument letters of syscalls.def.
 */
#include <personalities/nt/dispatch.h>
#include <personalities/nt/file.h>
#include <personalities/nt/ntdll.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 600

struct line {
    char text[LINE_SIZE];
    uint32_t used;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line->text + line->used, LINE_SIZE - line->used, format, arguments);
    va_end(arguments);
    line->used += length;
    if (line->used > LINE_SIZE - 1)
        line->used = LINE_SIZE - 1;
}

static void add_text(struct line *line, uint32_t unicode_string)
{
    struct text text;
    WCHAR *storage;
    if (!unicode_string || guest_read_text(unicode_string, &text, &storage)) {
        add(line, "%#x", unicode_string);
        return;
    }
    char *bytes = text_to_utf8(text);
    add(line, "\"%s\"", bytes ? bytes : "");
    free(bytes);
    free(storage);
}

static void add_attributes(struct line *line, uint32_t guest)
{
    OBJECT_ATTRIBUTES attributes;
    if (!guest || guest_read(&attributes, guest, sizeof attributes)) {
        add(line, "%#x", guest);
        return;
    }
    if (attributes.RootDirectory)
        add(line, "[%x]", (uint32_t)attributes.RootDirectory);
    if (attributes.ObjectName)
        add_text(line, (uint32_t)attributes.ObjectName);
    else
        add(line, "unnamed");
}

static void add_word_at(struct line *line, uint32_t guest)
{
    uint32_t value;
    if (!guest || guest_read(&value, guest, sizeof value))
        add(line, "%#x", guest);
    else
        add(line, "*%x", value);
}

static void add_block(struct line *line, uint32_t guest)
{
    IO_STATUS_BLOCK block;
    if (!guest || guest_read(&block, guest, sizeof block))
        add(line, "%#x", guest);
    else
        add(line, "{%x, %x}", (uint32_t)block.Status, (uint32_t)block.Information);
}

static void add_timeout(struct line *line, uint32_t guest)
{
    int64_t value;
    if (!guest)
        add(line, "never");
    else if (guest_read(&value, guest, sizeof value))
        add(line, "%#x", guest);
    else
        add(line, "%lld ms", (long long)value / 10000);
}

static const char *status_name(uint32_t status)
{
    static const struct {
        uint32_t code;
        const char *name;
    } names[] = {
#define STATUS_NAME(code, name) {code, #name},
#include <status_names.def>
#undef STATUS_NAME
    };
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].code == status)
            return names[i].name;
    return NULL;
}

/* What a handle means: its type and, where it has one, its name. */
static void add_handle(struct line *line, struct nt_thread *thread, uint32_t value)
{
    uint32_t length;
    const struct handle_entry *entry = handle_entry(thread->process, value);
    add(line, "%x", value);
    if ((int32_t)value <= 0 || !entry)
        return;
    struct object *object = entry->object;
    WCHAR *name = object_full_name(object, &length);
    char *type = text_to_utf8((struct text){object->type->name, text_length(object->type->name)});
    char *bytes = name ? text_to_utf8((struct text){name, length}) : NULL;
    add(line, bytes && *bytes ? "<%s %s>" : "<%s>", type ? type : "", bytes ? bytes : "");
    free(name);
    free(type);
    free(bytes);
}

static void add_result(struct line *line, const struct bound_call *bound, NTSTATUS status)
{
    /* Calls of win32u return values of many kinds. */
    const char *name =
        strncmp(bound->name, "NtUser", 6) == 0 || strncmp(bound->name, "NtGdi", 5) == 0
            ? NULL
            : status_name((uint32_t)status);
    if (status == STATUS_REGISTERS_SET)
        add(line, ")\n");
    else if (name)
        add(line, ") = %x %s\n", (uint32_t)status, name);
    else
        add(line, ") = %x\n", (uint32_t)status);
}

static void add_argument(struct line *line, struct nt_thread *thread, char kind, uint32_t value)
{
    switch (kind) {
    case 'h':
        add_handle(line, thread, value);
        break;
    case 'd':
        add(line, "%d", (int)value);
        break;
    case 'b':
        add(line, "%s", value & 0xff ? "true" : "false");
        break;
    case 'H':
    case 'P':
        add_word_at(line, value);
        break;
    case 'O':
        add_attributes(line, value);
        break;
    case 'U':
        add_text(line, value);
        break;
    case 'I':
        add_block(line, value);
        break;
    case 'T':
        add_timeout(line, value);
        break;
    default:
        add(line, "%x", value);
    }
}

void trace_call(struct nt_thread *thread, const struct bound_call *bound, const struct call *call,
                NTSTATUS status)
{
    struct line *line = calloc(1, sizeof *line);
    uint32_t done;
    if (!line)
        return;
    add(line, "%x %s(", thread->tid, bound->name);
    for (uint32_t i = 0; bound->row->arguments[i]; i++) {
        add(line, "%s", i ? ", " : "");
        add_argument(line, thread, bound->row->arguments[i], call->args[i]);
    }
    add_result(line, bound, status);
    struct object *trace = thread->process->trace;
    object_hold(trace);
    (void)ntfile_write(thread, file_of(trace), line->text, line->used, OFFSET_CURRENT, &done);
    object_release(trace);
    free(line);
}
