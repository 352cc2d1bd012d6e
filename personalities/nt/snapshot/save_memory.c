/* SPDX-License-Identifier: MIT */
/*
 * Mappings and their contents. Each run of pages of an allocation that have the same state is a note.
 * Memory that a section without a file shares with others is cloned while everything stands still, so
 * that what is written is of that moment.
 */
#include <ipc/call.h>
#include <personalities/nt/file.h>
#include <personalities/nt/section.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>

/* ---- notes -------------------------------------------------------------------------------------- */

/* What the first page of an allocation shows. */
static bool first_mapping(const struct save *save, const struct allocation *allocation,
                          struct mapping_info *mapping)
{
    return space_query(save->space, allocation->base, mapping) == OK &&
           mapping->address <= allocation->base;
}

static const char *name_of(const struct nt_process *process, const struct allocation *allocation)
{
    if (allocation->fixed)
        return "[system]";
    if (allocation->base == process->peb)
        return "[peb]";
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (allocation->base == thread->teb)
            return "[teb]";
        if (allocation->base == thread->stack_allocation)
            return "[stack]";
    }
    return NULL;
}

static void put_section(struct save *save, const struct allocation *allocation)
{
    struct snapshot *snapshot = &save->snapshot;
    struct mapping_info mapping;
    snap_put_u32(snapshot, SNAP_VMA_OBJECT, save_object(save, allocation->section));
    if (allocation->type == MEM_MAPPED && first_mapping(save, allocation, &mapping))
        snap_put_u64(snapshot, SNAP_VMA_OFFSET,
                     mapping.offset_low | (uint64_t)mapping.offset_high << 32);
}

static void put_run(struct save *save, const struct allocation *allocation, uint32_t page,
                    uint32_t count)
{
    struct snapshot *snapshot = &save->snapshot;
    uint32_t start = allocation->base + page * PAGE_SIZE;
    uint32_t protect = vm_page_protect(save->process, start);
    snap_note_begin(snapshot, SNAP_VMA);
    snap_put_u32(snapshot, SNAP_VMA_START, start);
    snap_put_u32(snapshot, SNAP_VMA_END, start + count * PAGE_SIZE);
    snap_put_u32(snapshot, SNAP_VMA_PROT, vm_kernel_prot(protect));
    snap_put_text(snapshot, SNAP_VMA_NAME, name_of(save->process, allocation));
    snap_put_u32(snapshot, SNAP_VMA_CONTENT,
                 allocation->type == MEM_IMAGE && (save->group->flags & SNAPSHOT_NO_TEXT)
                     ? SNAP_CONTENT_FILE
                     : SNAP_CONTENT_ZERO);
    snap_put_u32(snapshot, SNAP_VMA_PROTECT, protect);
    snap_put_u32(snapshot, SNAP_VMA_STATE, allocation->type);
    snap_put_u32(snapshot, SNAP_VMA_ALLOCATION, allocation->base);
    snap_put_u32(snapshot, SNAP_VMA_INITIAL, allocation->protect);
    if (allocation->section)
        put_section(save, allocation);
}

static void put_allocation(struct save *save, const struct allocation *allocation)
{
    for (uint32_t page = 0, end; page < allocation->pages; page = end) {
        for (end = page + 1; end < allocation->pages; end++)
            if (allocation->state[end] != allocation->state[page])
                break;
        put_run(save, allocation, page, end - page);
    }
}

/* ---- NT_FILE: what debuggers find the program and its libraries by ------------------------------- */

static void put_files(struct save *save)
{
    const struct vm *vm = &save->process->vm;
    struct snap_files files = {.count = 0};
    for (uint32_t i = 0; i < vm->count; i++) {
        const struct allocation *allocation = vm->allocations[i];
        const WCHAR *name =
            allocation->type == MEM_IMAGE ? section_of(allocation->section)->file_name : NULL;
        char *text = name ? text_to_utf8((struct text){name, text_length(name)}) : NULL;
        if (text)
            snap_files_add(&files, allocation->base,
                           allocation->base + allocation->pages * PAGE_SIZE, 0, text);
        free(text);
    }
    snap_files_end(&save->snapshot, &files);
}

/* ---- shared memory -------------------------------------------------------------------------------- */

/* In the clone of the space, memory that others may write to is a clone of its own. */
static void clone_view(struct save *save, const struct allocation *allocation)
{
    const struct section *section = allocation->section ? section_of(allocation->section) : NULL;
    struct mapping_info mapping;
    struct map_request request = {.address = allocation->base,
                                  .length = allocation->pages * PAGE_SIZE,
                                  .prot = PROT_R,
                                  .flags = MAP_FLAG_FIXED};
    if (!section || !section->vmo || section->node || !first_mapping(save, allocation, &mapping) ||
        !(mapping.flags & MAP_FLAG_SHARED))
        return;
    request.offset_low = mapping.offset_low;
    request.offset_high = mapping.offset_high;
    status_t status = fs_client_freeze(section->vmo, section->size, &request.vmo);
    if (status == OK)
        status = space_map(save->space, &request);
    handle_drop(&request.vmo);
    if (status != OK)
        save_refuse(save, status, "no memory for a copy of what it shares");
}

static void note_file(struct save *save, const struct allocation *allocation)
{
    const struct section *section = allocation->section ? section_of(allocation->section) : NULL;
    if (section && section->file_name)
        save->files[save->file_count++] = (struct saved_range){
            allocation->base, allocation->base + allocation->pages * PAGE_SIZE};
}

void save_mappings(struct save *save)
{
    const struct vm *vm = &save->process->vm;
    save->files = calloc(vm->count + 1, sizeof *save->files);
    if (!save->files) {
        save->snapshot.failed = true;
        return;
    }
    for (uint32_t i = 0; i < vm->count; i++) {
        note_file(save, vm->allocations[i]);
        put_allocation(save, vm->allocations[i]);
        clone_view(save, vm->allocations[i]);
    }
    put_files(save);
}

/* ---- contents ------------------------------------------------------------------------------------- */

static bool is_file(const struct save *save, uint32_t address)
{
    for (uint32_t i = 0; i < save->file_count; i++)
        if (address >= save->files[i].start && address < save->files[i].end)
            return true;
    return false;
}

/* Pages of a file that are not in memory have the file's content all the same. */
static bool is_wanted(void *context, const struct mapping_info *mapping, uint8_t state)
{
    const struct save *save = context;
    bool restored = mapping->vmo_id != 0 && mapping->vmo_id == save->process->restored_from;
    if ((state & PAGE_OWN) || restored)
        return true;
    return mapping->vmo_id && is_file(save, mapping->address)
               ? !(save->group->flags & SNAPSHOT_NO_TEXT)
               : (state & PAGE_OBJECT) != 0;
}

void save_memory(struct save *save)
{
    save->memory =
        (struct capture_memory){.space = save->space, .wanted = is_wanted, .context = save};
    capture_memory(&save->memory, &save->snapshot);
}

void save_content(struct save *save, handle_t vmo, uint64_t size)
{
    status_t status = capture_content_add(&save->contents, save->current, vmo, size);
    if (status == ERR_TOO_LARGE)
        save_refuse(save, status, "a file or section is too large for a snapshot");
    else if (status != OK)
        save->snapshot.failed = true;
}
