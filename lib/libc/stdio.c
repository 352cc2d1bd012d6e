/* SPDX-License-Identifier: MIT */
/*
 * Standard streams on descriptors 0, 1 and 2. Output to a terminal or the log goes out by lines,
 * other output by blocks, stderr at once. One mutex per stream.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atomik/file.h>
#include <atomik/log.h>
#include <atomik/syscall.h>
#include <atomik/thread.h>

enum buffering { BY_BLOCK, BY_LINE, BY_CALL };

struct stdio_stream {
    struct mutex lock;
    int fd;
    bool prepared, to_log, failed, ended;
    enum buffering buffering;
    uint32_t count, next; /* bytes in the buffer; input: the next to take */
    char bytes[4096];
};

static struct stdio_stream streams[3] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};
FILE *const stdin = &streams[0];
FILE *const stdout = &streams[1];
FILE *const stderr = &streams[2];

static void prepare(FILE *stream)
{
    struct start_fd info;
    handle_t h0, h1;
    if (stream->prepared)
        return;
    stream->prepared = true;
    stream->to_log = file_info(stream->fd, &info, &h0, &h1) != OK;
    stream->buffering = stream->to_log || file_is_terminal(stream->fd) ? BY_LINE : BY_BLOCK;
    if (stream->fd == 2 && !stream->to_log)
        stream->buffering = BY_CALL;
}

static void flush_locked(FILE *stream)
{
    size_t done;
    uint32_t count = stream->count;
    if (stream->fd == 0 || count == 0)
        return;
    stream->count = 0;
    if (stream->to_log)
        log_printf("%.*s", (int)count, stream->bytes);
    else if (file_write(stream->fd, stream->bytes, count, &done) != OK)
        stream->failed = true;
}

static void put_locked(FILE *stream, const char *from, size_t length)
{
    size_t limit = stream->to_log ? 400 : sizeof stream->bytes;
    for (size_t i = 0; i < length; i++) {
        stream->bytes[stream->count++] = from[i];
        if (stream->count == limit || (stream->buffering == BY_LINE && from[i] == '\n'))
            flush_locked(stream);
    }
}

size_t fwrite(const void *from, size_t size, size_t count, FILE *stream)
{
    mutex_lock(&stream->lock);
    prepare(stream);
    put_locked(stream, from, size * count);
    if (stream->buffering == BY_CALL)
        flush_locked(stream);
    bool failed = stream->failed;
    mutex_unlock(&stream->lock);
    return failed ? 0 : count;
}

int fflush(FILE *stream)
{
    bool failed = false;
    for (FILE *each = streams; each < streams + 3; each++) {
        if (stream != NULL && each != stream)
            continue;
        mutex_lock(&each->lock);
        flush_locked(each);
        failed |= each->failed;
        mutex_unlock(&each->lock);
    }
    return failed ? EOF : 0;
}

int vfprintf(FILE *stream, const char *format, va_list arguments)
{
    char line[1024];
    int length = vsnprintf(line, sizeof line, format, arguments);
    size_t part = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
    return fwrite(line, 1, part, stream) == part ? length : EOF;
}

int fprintf(FILE *stream, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vfprintf(stream, format, arguments);
    va_end(arguments);
    return length;
}

int printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vfprintf(stdout, format, arguments);
    va_end(arguments);
    return length;
}

int fputs(const char *text, FILE *stream)
{
    size_t length = strlen(text);
    return fwrite(text, 1, length, stream) == length ? 0 : EOF;
}

int puts(const char *text)
{
    return fputs(text, stdout) == EOF || fputc('\n', stdout) == EOF ? EOF : 0;
}

int fputc(int byte, FILE *stream)
{
    char c = (char)byte;
    return fwrite(&c, 1, 1, stream) == 1 ? (uint8_t)c : EOF;
}

int putchar(int byte)
{
    return fputc(byte, stdout);
}

/* Make sure of at least one byte in the buffer; false at the end or after an error. */
static bool fill_locked(FILE *stream)
{
    size_t done = 0;
    if (stream->next < stream->count)
        return true;
    stream->next = stream->count = 0;
    if (stream->ended || file_read(stream->fd, stream->bytes, sizeof stream->bytes, &done) != OK ||
        done == 0)
        stream->ended = true;
    stream->count = (uint32_t)done;
    return done > 0;
}

size_t fread(void *to, size_t size, size_t count, FILE *stream)
{
    size_t wanted = size * count, got = 0;
    if (wanted == 0)
        return 0;
    mutex_lock(&stream->lock);
    while (got < wanted && fill_locked(stream)) {
        size_t part = stream->count - stream->next;
        if (part > wanted - got)
            part = wanted - got;
        memcpy((char *)to + got, stream->bytes + stream->next, part);
        stream->next += part;
        got += part;
    }
    mutex_unlock(&stream->lock);
    return got / size;
}

int fgetc(FILE *stream)
{
    uint8_t byte;
    return fread(&byte, 1, 1, stream) == 1 ? byte : EOF;
}

int getchar(void)
{
    return fgetc(stdin);
}

char *fgets(char *to, int size, FILE *stream)
{
    int at = 0, byte = 0;
    while (at < size - 1 && byte != '\n') {
        byte = fgetc(stream);
        if (byte == EOF)
            break;
        to[at++] = (char)byte;
    }
    to[at] = 0;
    return at > 0 ? to : NULL;
}
