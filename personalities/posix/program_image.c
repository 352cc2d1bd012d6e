/* SPDX-License-Identifier: MIT */
/* execve: finding the program and the interpreters of scripts, and loading it. */
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <string.h>

#include "fpu.h"
#include "path.h"
#include "program.h"
#include "server.h"
#include "trace.h"

#define SCRIPT_DEPTH 4
#define LARGE_IMAGE  (1u << 20) /* bytes */

/* ---- finding the program ----------------------------------------------------------------------------- */

void program_image_close(struct image *image)
{
    if (image->vmo != HANDLE_NONE)
        close_handle(image->vmo);
    if (image->file)
        file_release(image->file);
    *image = (struct image){.file = NULL};
}

static bool may_execute(const struct fs_attr *attr)
{
    const struct credentials *credentials = &self()->process->credentials;
    if (capable(CAP_DAC_OVERRIDE))
        return attr->mode & 0111;
    if (credentials->fsuid == attr->uid)
        return attr->mode & 0100;
    return attr->mode & (in_group(credentials, attr->gid) ? 0010 : 0001);
}

/* Its content is the other personality's to fetch, in a way that needs less memory. */
static bool is_large_pe(const struct file *file)
{
    char magic[2];
    size_t done;
    return file->attr.size >= LARGE_IMAGE && file_is_node(file) &&
           fs_client_read(file->handle, 0, magic, sizeof magic, &done) == OK &&
           done == sizeof magic && memcmp(magic, "MZ", sizeof magic) == 0;
}

/* Without a VMO in *image if the program is a large PE. Interpreters may be written to, as on Linux. */
static int image_open(struct image *image, const char *path, bool interpreter)
{
    int error = interpreter ? path_open(AT_FDCWD, path, O_RDONLY | O_LARGEFILE, 0, &image->file)
                            : path_open_program(path, &image->file);
    if (error < 0)
        return error;
    if (!S_ISREG(image->file->attr.mode) || !may_execute(&image->file->attr) ||
        (image->file->attr.mount & FS_MOUNT_NO_EXECUTE) || !image->file->ops->vmo)
        error = -EACCES;
    else if (!is_large_pe(image->file))
        error = image->file->ops->vmo(image->file, PROT_R | PROT_X, false, &image->vmo);
    if (error < 0)
        program_image_close(image);
    return error;
}

static char *skip_blanks(char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* The line after #! in `line`, terminated: 1; 0: not a script. */
static int script_line(handle_t vmo, char line[SCRIPT_LINE])
{
    struct vmo_info info;
    if (vmo_info(vmo, &info) != OK)
        return -EIO;
    uint32_t length = MIN(info.size_low, SCRIPT_LINE - 1);
    if (length < 2 || vmo_read(vmo, 0, line, length) != OK || line[0] != '#' || line[1] != '!')
        return 0;
    line[length] = 0;
    char *end = strchr(line, '\n');
    if (!end)
        return -ENOEXEC;
    while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *end = 0;
    return 1;
}

/* The interpreter takes the script's place: its path, one optional argument, the script's path. */
static int use_interpreter(struct program *program, char *line)
{
    char *path = skip_blanks(line + 2), *argument = path;
    while (*argument && *argument != ' ' && *argument != '\t')
        argument++;
    if (*argument) {
        *argument++ = 0;
        argument = skip_blanks(argument);
    }
    if (!*path)
        return -ENOEXEC;
    const char *with[3] = {path, argument, program->path}, *without[2] = {path, program->path};
    int error = *argument ? string_list_prepend(&program->arguments, 1, with, 3)
                          : string_list_prepend(&program->arguments, 1, without, 2);
    strlcpy(program->path, path, sizeof program->path);
    return error;
}

int program_find(struct program *program)
{
    char line[SCRIPT_LINE];
    for (uint32_t depth = 0; depth <= SCRIPT_DEPTH; depth++) {
        int error = image_open(&program->image, program->path, false);
        if (error < 0)
            return error;
        if (program->image.vmo == HANDLE_NONE)
            return 0;
        int script = script_line(program->image.vmo, line);
        if (script == 0)
            return 0;
        program_image_close(&program->image);
        error = script < 0 ? script : use_interpreter(program, line);
        if (error < 0)
            return error;
    }
    return -ELOOP;
}

/* ---- loading ----------------------------------------------------------------------------------------- */

int program_load_errno(status_t status)
{
    return status == ERR_BAD_EXECUTABLE || status == ERR_ALREADY_EXISTS ? -ENOEXEC
                                                                        : errno_of(status);
}

/* Loads a position-independent image into the highest free range below MMAP_TOP, as mmap chooses. */
static status_t load_below_top(handle_t space, handle_t vmo, struct load_result *loaded)
{
    struct map_request room = {.flags = MAP_FLAG_TOPDOWN, .limit = MMAP_TOP};
    status_t status = space_load(space, vmo, 0, LOAD_RESERVE_ONLY, loaded);
    if (status != OK || loaded->base != 0) /* it has a place of its own */
        return status == OK ? space_load(space, vmo, 0, 0, loaded) : status;
    room.length = loaded->size;
    status = space_map(space, &room);
    if (status == OK)
        status = space_unmap(space, room.address, room.length);
    return status == OK ? space_load(space, vmo, room.address, LOAD_AT_BASE, loaded) : status;
}

/* What /proc/PID/maps and debuggers call the parts of an image. */
static void name_image(handle_t space, const struct load_result *loaded, const struct image *image)
{
    struct mapping_info info;
    server_lock();
    uint32_t tag = mapping_tag(image->file->path), end = loaded->base + loaded->size;
    server_unlock();
    for (uint32_t at = loaded->base; at < end && space_query(space, at, &info) == OK;
         at = info.address + info.length)
        if (info.vmo_id && info.address < end)
            ignore(space_tag(space, info.address, info.length, tag, 0));
}

static int load_interpreter(struct program *program)
{
    struct load_result *loaded = &program->image.loaded;
    struct image interpreter = {.file = NULL};
    char path[SCRIPT_LINE];
    if (loaded->interp_length == 0)
        return 0;
    if (loaded->interp_length >= sizeof path ||
        vmo_read(program->image.vmo, loaded->interp_offset, path, loaded->interp_length) != OK)
        return -ENOEXEC;
    path[loaded->interp_length] = 0;
    int error = image_open(&interpreter, path, true);
    if (error < 0)
        return error;
    error = program_load_errno(
        load_below_top(program->mm->space, interpreter.vmo, &program->image.interpreter));
    if (error == 0)
        name_image(program->mm->space, &program->image.interpreter, &interpreter);
    program_image_close(&interpreter);
    return error;
}

/* Set-id bits of the file are heeded unless the process gave that up or a weaker tracer looks on. */
void program_choose_credentials(struct process *process, struct program *program)
{
    const struct tracing *tracing = self()->tracing;
    program->credentials = process->credentials;
    bool watched = tracing && tracing->tracer &&
                   !(tracing->tracer->credentials.effective >> CAP_SYS_PTRACE & 1);
    credentials_exec(&program->credentials, &program->image.file->attr,
                     !process->no_new_privileges && !watched);
    program->secure = program->credentials.euid != program->credentials.uid ||
                      program->credentials.egid != program->credentials.gid;
}

int program_load(struct program *program)
{
    int error = mm_new(&program->mm);
    if (error < 0)
        return error;
    error = program_load_errno(
        space_load(program->mm->space, program->image.vmo, 0, 0, &program->image.loaded));
    if (error == 0)
        name_image(program->mm->space, &program->image.loaded, &program->image);
    if (error == 0)
        error = load_interpreter(program);
    if (error == 0)
        error = mm_map_vdso(program->mm);
    program->mm->brk_start = program->mm->brk_end = program->image.loaded.brk;
    return error;
}
