/* SPDX-License-Identifier: MIT */
/*
 * Memory of a snapshot. The notes of an allocation's runs follow each other; the allocation is made as
 * a whole, each run gets its state, and then the pages that the snapshot has are written. Images are
 * private memory with their content, unless the snapshot was taken without text: then they are mapped
 * from their files again.
 */
#include <personalities/nt/section.h>
#include <personalities/nt/snapshot/restore.h>

#include <string.h>

struct run {
    uint32_t start, end, protect, type, allocation, initial, object, content;
    uint64_t offset;
    bool system; /* the server's own pages */
};

static NTSTATUS read_run(struct restore *restore, const struct snap_note *note, struct run *run)
{
    char name[16] = "";
    (void)snap_get_text(note, SNAP_VMA_NAME, name, sizeof name);
    *run = (struct run){.start = snap_get_u32(note, SNAP_VMA_START, 0),
                        .end = snap_get_u32(note, SNAP_VMA_END, 0),
                        .protect = snap_get_u32(note, SNAP_VMA_PROTECT, 0),
                        .type = snap_get_u32(note, SNAP_VMA_STATE, 0),
                        .allocation = snap_get_u32(note, SNAP_VMA_ALLOCATION, 0),
                        .initial = snap_get_u32(note, SNAP_VMA_INITIAL, 0),
                        .object = snap_get_u32(note, SNAP_VMA_OBJECT, 0),
                        .content = snap_get_u32(note, SNAP_VMA_CONTENT, 0),
                        .offset = snap_get_u64(note, SNAP_VMA_OFFSET, 0),
                        .system = strcmp(name, "[system]") == 0};
    bool possible = !((run->start | run->end) & PAGE_MASK) && run->start < run->end &&
                    run->end <= NT_GUEST_LIMIT && run->allocation <= run->start &&
                    (run->protect == 0 || vm_protect_valid(run->protect)) &&
                    vm_protect_valid(run->initial) &&
                    (run->type == MEM_PRIVATE || run->type == MEM_MAPPED || run->type == MEM_IMAGE);
    return possible ? STATUS_SUCCESS
                    : restore_refuse(restore, STATUS_INVALID_IMAGE_FORMAT,
                                     "an impossible mapping at %#x", run->start);
}

/* The address after the last run of an allocation whose first run is at `note`. */
static NTSTATUS measure(struct restore *restore, const struct snap_note *note,
                        const struct run *first, uint32_t *end)
{
    struct run run = *first;
    NTSTATUS status = STATUS_SUCCESS;
    for (*end = first->start; !status && note && run.allocation == first->allocation;) {
        if (run.start != *end)
            return restore_refuse(restore, STATUS_INVALID_IMAGE_FORMAT,
                                  "an allocation with a gap at %#x", run.start);
        *end = run.end;
        note = snap_next(&restore->snapshot, SNAP_VMA, note);
        if (note)
            status = read_run(restore, note, &run);
    }
    return status;
}

/* ---- allocations ------------------------------------------------------------------------------------- */

static NTSTATUS view(struct restore *restore, const struct run *run, struct object *section,
                     uint32_t size)
{
    return section_map_at(restore->process, section, run->start, size, run->offset, run->initial);
}

static NTSTATUS image_again(struct restore *restore, const struct run *run, struct object *section,
                            uint32_t size)
{
    struct image *image = section_of(section)->image;
    uint32_t base = run->start;
    if (!image || image->plan.image_size != size)
        return restore_refuse(restore, STATUS_OBJECT_NAME_NOT_FOUND,
                              "the file that was mapped at %#x is not there, or another", base);
    NTSTATUS status = image_map(restore->process, image, section, true, &base);
    return status == STATUS_IMAGE_NOT_AT_BASE ? STATUS_SUCCESS : status;
}

static NTSTATUS private_memory(struct restore *restore, const struct run *run,
                               struct object *section, uint32_t size)
{
    struct allocation *allocation =
        vm_add(restore->process, run->start, size, run->type, run->initial, section);
    if (!allocation)
        return STATUS_NO_MEMORY;
    allocation_set_protect(allocation, run->start, size, 0);
    return STATUS_SUCCESS;
}

static NTSTATUS make_allocation(struct restore *restore, const struct run *run, uint32_t size)
{
    struct object *section = restored_object(restore, run->object);
    if (run->start != run->allocation || (run->start & (VM_GRANULARITY - 1)) ||
        !vm_range_free(restore->process, run->start, size) ||
        (section && section->type != &section_type) || (run->object && !section))
        return restore_refuse(restore, STATUS_INVALID_IMAGE_FORMAT,
                              "an impossible allocation at %#x", run->start);
    if (run->type == MEM_IMAGE && run->content == SNAP_CONTENT_FILE)
        return section ? image_again(restore, run, section, size) : STATUS_INVALID_IMAGE_FORMAT;
    if (run->type == MEM_MAPPED && section)
        return view(restore, run, section, size);
    return private_memory(restore, run, section, size);
}

/* ---- runs ---------------------------------------------------------------------------------------------- */

/* What is mapped already keeps its content; the rest is new memory. */
static NTSTATUS set_run(struct restore *restore, const struct run *run)
{
    struct nt_process *process = restore->process;
    uint32_t length = run->end - run->start;
    bool mapped = vm_page_protect(process, run->start) != 0;
    struct map_request request = {.address = run->start,
                                  .length = length,
                                  .prot = vm_kernel_prot(run->protect),
                                  .flags = MAP_FLAG_FIXED};
    status_t status = OK;
    if (run->protect == 0)
        status = mapped ? space_unmap(process->space, run->start, length) : OK;
    else
        status = mapped ? space_protect(process->space, run->start, length, request.prot)
                        : space_map(process->space, &request);
    if (status != OK)
        return nt_status(status);
    allocation_set_protect(vm_find(process, run->start), run->start, length, run->protect);
    return STATUS_SUCCESS;
}

static NTSTATUS map_all(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_VMA, NULL);
    NTSTATUS status = STATUS_SUCCESS;
    uint32_t current = 0, end;
    for (; note && !status; note = snap_next(&restore->snapshot, SNAP_VMA, note)) {
        struct run run;
        status = read_run(restore, note, &run);
        if (status || run.system)
            continue;
        if (run.allocation != current) {
            status = measure(restore, note, &run, &end);
            if (!status)
                status = make_allocation(restore, &run, end - run.start);
            current = run.allocation;
        }
        if (!status)
            status = set_run(restore, &run);
    }
    return status;
}

/* ---- contents ------------------------------------------------------------------------------------------- */

/* The server's own pages, and files that are mapped coherently, have their content. */
static bool keeps_content(void *context, const struct snap_load *load)
{
    const struct restore *restore = context;
    struct allocation *allocation = vm_find(restore->process, load->address);
    if (!allocation || allocation->fixed)
        return allocation != NULL;
    const struct section *section = allocation->section ? section_of(allocation->section) : NULL;
    return section && section->node && allocation->type == MEM_MAPPED;
}

NTSTATUS restore_memory(struct restore *restore)
{
    uint32_t where = 0;
    NTSTATUS status = map_all(restore);
    if (status)
        return status;
    const struct capture_loads loads = {restore->process->space, &restore->snapshot,
                                        &restore->image, keeps_content, restore};
    status_t written = capture_bring_loads(&loads, &where);
    restore->process->restored_from = capture_image_id(&restore->image);
    return written == ERR_BAD_EXECUTABLE
               ? restore_refuse(restore, STATUS_INVALID_IMAGE_FORMAT,
                                "memory where nothing is mapped (%#x)", where)
               : nt_status(written);
}
