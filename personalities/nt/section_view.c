/* SPDX-License-Identifier: MIT */
/* Views of sections in the memory of a process. */
#include <personalities/nt/section.h>

#include <ipc/call.h>
#include <personalities/nt/debug.h>
#include <personalities/nt/path.h>

struct view_request {
    uint32_t base, size;
    uint64_t offset;
    uint32_t type, protect, zero_bits;
};

static bool copies_on_write(uint32_t protect)
{
    return (protect & (PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY)) != 0;
}

static NTSTATUS check_view(const struct section *section, struct view_request *view)
{
    if ((view->offset | view->base) & (VM_GRANULARITY - 1))
        return STATUS_MAPPED_ALIGNMENT;
    if (!vm_protect_valid(view->protect))
        return STATUS_INVALID_PAGE_PROTECTION;
    if (view->offset >= section->size)
        return STATUS_INVALID_VIEW_SIZE;
    if (protect_writes(view->protect) && !protect_writes(section->protect))
        return STATUS_SECTION_PROTECTION;
    uint64_t rest = section->size - view->offset;
    if (view->size == 0 && rest < NT_GUEST_LIMIT)
        view->size = (uint32_t)rest;
    if (view->size == 0 || view->size > ((rest + PAGE_MASK) & ~(uint64_t)PAGE_MASK))
        return STATUS_INVALID_VIEW_SIZE;
    view->size = (view->size + PAGE_MASK) & ~PAGE_MASK;
    return STATUS_SUCCESS;
}

static NTSTATUS place_view(struct nt_process *process, struct view_request *view)
{
    if (view->base)
        return vm_range_free(process, view->base, view->size) ? STATUS_SUCCESS
                                                              : STATUS_CONFLICTING_ADDRESSES;
    struct vm_place place = vm_place_of(view->type, view->zero_bits);
    view->base = vm_search(process, view->size, &place);
    return view->base ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static NTSTATUS map_data(struct nt_process *process, struct section *section,
                         struct view_request *view)
{
    NTSTATUS status = check_view(section, view);
    if (!status)
        status = place_view(process, view);
    if (status)
        return status;
    struct allocation *allocation =
        vm_add(process, view->base, view->size, MEM_MAPPED, view->protect, &section->object);
    if (!allocation)
        return STATUS_NO_MEMORY;
    struct map_request request = {.vmo = section->vmo,
                                  .address = view->base,
                                  .length = view->size,
                                  .offset_low = (uint32_t)view->offset,
                                  .offset_high = (uint32_t)(view->offset >> 32),
                                  .prot = vm_kernel_prot(view->protect),
                                  .flags = MAP_FLAG_FIXED};
    if (!copies_on_write(view->protect))
        request.flags |= MAP_FLAG_SHARED;
    if (space_map(process->space, &request) == OK)
        return STATUS_SUCCESS;
    vm_remove(process, allocation);
    return STATUS_NO_MEMORY;
}

NTSTATUS section_map_at(struct nt_process *process, struct object *section, uint32_t base,
                        uint32_t size, uint64_t offset, uint32_t protect)
{
    struct view_request view = {.base = base, .size = size, .offset = offset, .protect = protect};
    return section_of(section)->vmo ? map_data(process, section_of(section), &view)
                                    : STATUS_INVALID_PARAMETER;
}

NTSTATUS section_map_content(struct nt_process *process, struct section_content *content,
                             uint32_t *base)
{
    struct section *section = section_new(PAGE_READONLY, SEC_COMMIT);
    struct view_request view = {.protect = PAGE_READONLY};
    if (!section) {
        handle_drop(&content->node);
        handle_drop(&content->vmo);
        return STATUS_NO_MEMORY;
    }
    section->node = content->node;
    section->vmo = content->vmo;
    section->size = content->size;
    section->coherent = content->coherent;
    section->file_name = path_object_name(content->path);
    NTSTATUS status = map_data(process, section, &view);
    *base = view.base;
    object_release(&section->object);
    return status;
}

static NTSTATUS map_view(struct nt_thread *thread, struct nt_process *process,
                         struct section *section, struct view_request *view)
{
    if (!section->image)
        return section->flags & SEC_IMAGE ? STATUS_INVALID_FILE_FOR_SECTION
                                          : map_data(process, section, view);
    NTSTATUS status = image_map(process, section->image, &section->object, false, &view->base);
    view->size = section->image->plan.image_size;
    if (NT_SUCCESS_(status)) {
        image_mapped(process, section->image, view->base);
        if (process == thread->process)
            debug_image_mapped(thread, section->file_name, view->base);
    }
    return status;
}

static NTSTATUS read_view(struct call *call, struct view_request *view)
{
    NTSTATUS status = guest_read(&view->base, call->args[2], sizeof view->base);
    if (!status)
        status = guest_read(&view->size, call->args[6], sizeof view->size);
    if (!status && call->args[5])
        status = guest_read(&view->offset, call->args[5], sizeof view->offset);
    return status;
}

static NTSTATUS write_view(struct call *call, const struct view_request *view)
{
    NTSTATUS status = guest_write32(call->args[2], view->base);
    if (!status)
        status = guest_write32(call->args[6], view->size);
    return status;
}

static NTSTATUS map_view_call(struct call *call, struct view_request *view)
{
    struct object *object;
    struct nt_process *process;
    NTSTATUS status = handle_object(call->thread, call->args[0], &section_type, 0, &object);
    if (status)
        return status;
    status = process_from_handle(call->thread, call->args[1], PROCESS_VM_OPERATION, &process);
    if (!status) {
        status = process->exiting ? STATUS_PROCESS_IS_TERMINATING
                                  : map_view(call->thread, process, section_of(object), view);
        object_release(&process->object);
    }
    object_release(object);
    return status;
}

NTSTATUS nt_map_view_of_section(struct call *call)
{
    struct view_request view = {
        .type = call->args[8], .protect = call->args[9], .zero_bits = call->args[3]};
    NTSTATUS status = read_view(call, &view);
    if (status)
        return status;
    if (!vm_zero_bits_valid(view.zero_bits) ||
        (view.zero_bits && view.base >> (32 - view.zero_bits)))
        return STATUS_INVALID_PARAMETER_4;
    NTSTATUS mapped = map_view_call(call, &view);
    if (!NT_SUCCESS_(mapped))
        return mapped;
    status = write_view(call, &view);
    return status ? status : mapped;
}

/* (section, process, *base, *offset, *size, type, protect, parameters, count) */
NTSTATUS nt_map_view_of_section_ex(struct call *call)
{
    uint32_t offset = call->args[3], size = call->args[4], type = call->args[5],
             protect = call->args[6];
    if (call->args[8])
        return STATUS_NOT_IMPLEMENTED;
    call->args[5] = offset;
    call->args[6] = size;
    call->args[8] = type;
    call->args[9] = protect;
    return nt_map_view_of_section(call);
}

static struct allocation *view_at(struct nt_process *process, uint32_t address)
{
    struct allocation *allocation = vm_find(process, address);
    return allocation && allocation->section ? allocation : NULL;
}

NTSTATUS nt_unmap_view_of_section(struct call *call)
{
    struct nt_process *process;
    NTSTATUS status =
        process_from_handle(call->thread, call->args[0], PROCESS_VM_OPERATION, &process);
    if (status)
        return status;
    struct allocation *view = view_at(process, call->args[1]);
    if (!view) {
        status = STATUS_NOT_MAPPED_VIEW;
    } else {
        struct section *section = section_of(view->section);
        /* Who wrote to the file through memory is not known any more: its time moves. */
        if (section->coherent && protect_writes(view->protect))
            (void)!fs_client_modified(section->node);
        if (view->type == MEM_IMAGE && process == call->process)
            debug_image_unmapped(call->thread, view->base);
        vm_remove(process, view);
    }
    object_release(&process->object);
    return status;
}

NTSTATUS nt_flush_virtual_memory(struct call *call)
{
    struct nt_process *process;
    uint32_t address;
    NTSTATUS status = guest_read(&address, call->args[1], sizeof address);
    if (!status)
        status = process_from_handle(call->thread, call->args[0], PROCESS_VM_OPERATION, &process);
    if (status)
        return status;
    struct allocation *view = view_at(process, address);
    if (!view)
        status = STATUS_NOT_MAPPED_VIEW;
    else if (section_of(view->section)->coherent && protect_writes(view->protect))
        (void)!fs_client_modified(section_of(view->section)->node);
    object_release(&process->object);
    return status;
}

NTSTATUS nt_are_mapped_files_the_same(struct call *call)
{
    struct allocation *a = view_at(call->process, call->args[0]),
                      *b = view_at(call->process, call->args[1]);
    if (!a || !b)
        return STATUS_INVALID_ADDRESS;
    struct image *first = section_of(a->section)->image, *second = section_of(b->section)->image;
    if (!first || !second)
        return STATUS_CONFLICTING_ADDRESSES;
    return first == second ? STATUS_SUCCESS : STATUS_NOT_SAME_DEVICE;
}
