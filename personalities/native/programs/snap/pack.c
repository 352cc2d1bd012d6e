/* SPDX-License-Identifier: MIT */
/*
 * Compressed snapshots, for storage and transport: a snapshot as one Zstandard frame (RFC 8878). They are
 * told from others by their first bytes when they are read, and by their name's end when they are written.
 * What is read is unpacked into a file without a name, since a snapshot is read here and there.
 */
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "snap.h"

#define LEVEL      3
#define WINDOW_LOG 27 /* at most 128 MiB to unpack with */
#define SUFFIX     ".zst"
#define PIECE      (128u << 10)

struct stream {
    const struct snap_source *source;
    uint64_t at, size; /* of the source */
    const struct snap_sink *sink;
    uint64_t written;
    uint8_t in[PIECE], out[PIECE];
    ZSTD_inBuffer input;
};

bool snap_is_packed(const struct snap_file *file)
{
    uint32_t magic = 0;
    return file->size > sizeof magic &&
           file->source.read(file->source.context, 0, &magic, sizeof magic) == OK &&
           magic == ZSTD_MAGICNUMBER;
}

/* The next piece of what is read, once the last is used up. */
static status_t refill(struct stream *stream)
{
    if (stream->input.pos < stream->input.size || stream->at == stream->size)
        return OK;
    uint64_t left = stream->size - stream->at;
    uint32_t part = left < PIECE ? (uint32_t)left : PIECE;
    status_t status = stream->source->read(stream->source->context, stream->at, stream->in, part);
    stream->at += part;
    stream->input = (ZSTD_inBuffer){stream->in, part, 0};
    return status;
}

static status_t drain(struct stream *stream, const ZSTD_outBuffer *output)
{
    status_t status =
        stream->sink->write(stream->sink->context, stream->written, stream->out, output->pos);
    stream->written += output->pos;
    return status;
}

static status_t pack(struct stream *stream)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    status_t status = context != NULL ? OK : ERR_NO_MEMORY;
    size_t left = 1;
    if (context != NULL &&
        (ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL)) ||
         ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)) ||
         ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, stream->size))))
        status = ERR_NO_MEMORY;
    while (status == OK && left != 0) {
        ZSTD_outBuffer output = {stream->out, sizeof stream->out, 0};
        status = refill(stream);
        if (status != OK)
            break;
        left = ZSTD_compressStream2(context, &output, &stream->input,
                                    stream->at == stream->size ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            status = ERR_NO_MEMORY;
        else
            status = drain(stream, &output);
        if (stream->at < stream->size || stream->input.pos < stream->input.size)
            left = 1;
    }
    ZSTD_freeCCtx(context);
    return status;
}

/* BAD_EXECUTABLE: damaged, or cut off. */
static status_t unpack(struct stream *stream)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    status_t status = context != NULL ? OK : ERR_NO_MEMORY;
    size_t left = 1;
    if (context != NULL)
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG);
    while (status == OK && left != 0) {
        ZSTD_outBuffer output = {stream->out, sizeof stream->out, 0};
        status = refill(stream);
        if (status != OK)
            break;
        left = ZSTD_decompressStream(context, &output, &stream->input);
        bool stuck = stream->input.pos == stream->input.size && stream->at == stream->size &&
                     output.pos < output.size && left != 0;
        if (ZSTD_isError(left) || stuck || stream->written + output.pos > UINT32_MAX)
            status = ERR_BAD_EXECUTABLE;
        else
            status = drain(stream, &output);
    }
    if (status == OK && (stream->input.pos < stream->input.size || stream->at < stream->size))
        status = ERR_BAD_EXECUTABLE; /* there is more than a frame */
    ZSTD_freeDCtx(context);
    return status;
}

/* From one file into the other, by `work`. */
static status_t run(const struct snap_file *from, struct snap_output *to,
                    status_t (*work)(struct stream *stream))
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return ERR_NO_MEMORY;
    stream->source = &from->source;
    stream->size = from->size;
    stream->sink = &to->sink;
    status_t status = work(stream);
    free(stream);
    return status;
}

bool snap_unpack(const char *path, const struct snap_file *file, struct snap_output *output)
{
    if (!snap_output_begin(output, SNAP_TEMPORARY))
        return false;
    status_t status = run(file, output, unpack);
    if (snap_explain(path, status,
                     status == ERR_BAD_EXECUTABLE ? "the compressed file is damaged or cut off"
                                                  : NULL))
        return true;
    snap_output_discard(output);
    return false;
}

bool snap_file_open_unpacked(struct snap_file *file, const char *path)
{
    struct snap_output output;
    if (!snap_file_open_raw(file, path) || !snap_is_packed(file))
        return file->fd >= 0;
    bool good = snap_unpack(path, file, &output);
    snap_file_close(file);
    if (good)
        snap_output_read(&output, file, true);
    return good;
}

/* ---- output ------------------------------------------------------------------------------------- */

bool snap_output_open(struct snap_output *output, const char *path)
{
    return snap_output_begin(output, path);
}

bool snap_output_commit(struct snap_output *output)
{
    size_t length = strlen(output->path), end = sizeof SUFFIX - 1;
    struct snap_output packed;
    struct snap_file plain;
    if (length <= end || strcmp(output->path + length - end, SUFFIX) != 0)
        return snap_output_finish(output);
    bool good = snap_output_begin(&packed, output->path);
    if (good) {
        snap_output_read(output, &plain, false);
        good = snap_explain(output->path, run(&plain, &packed, pack), NULL);
        if (good)
            good = snap_output_finish(&packed);
        else
            snap_output_discard(&packed);
    }
    snap_output_discard(output);
    output->size = packed.size;
    return good;
}
