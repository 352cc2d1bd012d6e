/* SPDX-License-Identifier: MIT */
/*
 * Handlers of the calls on guests: frame page, segments, FPU and debug state. guest_enter itself is
 * arch code; what gets here of it is the call of a thread that has no business with guests.
 *
 * The frame page is the only page that kernel and server share. It belongs to a VMO that nobody has
 * a handle for, so it stays the same page as long as the thread has it, whatever the server does to
 * the mapping.
 */
#include <kernel/calls.h>
#include <kernel/ipc.h>
#include <kernel/log.h>
#include <kernel/memory.h>

status_t call_guest_enter(uint32_t reserved)
{
    (void)reserved;
    return is_server(current->process) ? ERR_INVALID_ARGUMENT : ERR_NOT_SUPPORTED;
}

/* ---- the frame page ---- */

/* A VMO over one fresh frame that the kernel can see. */
static status_t frame_vmo_new(struct vmo **vmo, struct guest_frame **view)
{
    struct page *page = frame_alloc(FRAME_LOW | FRAME_ZERO);

    if (!page)
        return ERR_NO_MEMORY;
    paddr_t address = frame_address(page);
    status_t status = vmo_new_from_frames(address, PAGE_SIZE, 0, vmo);
    if (status != OK) {
        frame_release(page);
        return status;
    }
    *view = arch_direct(address);
    return OK;
}

status_t call_guest_bind(user_t result)
{
    struct process *process = current->process;
    struct map_request request = {
        .length = PAGE_SIZE,
        .prot = PROT_R | PROT_W,
        .flags = MAP_FLAG_SHARED | MAP_FLAG_COMMIT | MAP_FLAG_TOPDOWN,
    };
    struct guest_frame *view;

    if (!is_server(process))
        return ERR_NOT_SUPPORTED;
    if (current->frame_vmo)
        return ERR_ALREADY_EXISTS;
    status_t status = user_probe(result, sizeof request.address);
    if (status == OK)
        status = process_charge_pages(process, 1);
    if (status != OK)
        return status;
    status = frame_vmo_new(&current->frame_vmo, &view);
    if (status != OK)
        goto out_uncharge;
    status = space_map_vmo(process->space, current->frame_vmo, RIGHT_READ | RIGHT_WRITE | RIGHT_MAP,
                           &request);
    if (status != OK)
        goto out_release;
    current->frame_address = request.address;
    current->arch.frame = view;
    current->attention |= ATTENTION_ENTER_SLOW;
    return user_write(result, &request.address, sizeof request.address);
out_release:
    object_release(vmo_object(current->frame_vmo));
    current->frame_vmo = NULL;
out_uncharge:
    process_uncharge_pages(process, 1);
    return status;
}

/* Takes the page out of the window again, unless the server has put something else there. */
static void unmap_frame(struct thread *thread)
{
    struct space *space = thread->process->space;
    paddr_t frame;
    uint32_t bits;

    if (!arch_query(space_arch(space), thread->frame_address, &frame, &bits) ||
        frame != arch_direct_to_phys(thread->arch.frame))
        return;
    if (space_unmap_range(space, thread->frame_address, PAGE_SIZE) != OK)
        log_print("%s: a guest frame stays mapped at %x\n", thread->process->name,
                  thread->frame_address);
}

void guest_thread_end(struct thread *thread)
{
    if (!thread->frame_vmo)
        return;
    unmap_frame(thread);
    thread->arch.frame = NULL;
    object_release(vmo_object(thread->frame_vmo));
    thread->frame_vmo = NULL;
    process_uncharge_pages(thread->process, 1);
}

/* ---- segments ---- */

status_t call_guest_tls(uint32_t slot, uint32_t low, uint32_t high)
{
    if (!is_server(current->process))
        return ERR_NOT_SUPPORTED;
    if (slot >= GUEST_TLS_SLOTS)
        return ERR_OUT_OF_RANGE;
    if (!arch_descriptor_ok(low, high))
        return ERR_INVALID_ARGUMENT;
    arch_tls_set(current, slot, low, high);
    return OK;
}

status_t call_guest_ldt(handle_t handle, uint32_t index, uint32_t low, uint32_t high)
{
    struct object *object;

    if (!is_server(current->process))
        return ERR_NOT_SUPPORTED;
    status_t status = handle_get(current->process, handle, OBJECT_SPACE, RIGHT_MANAGE, &object);
    if (status != OK)
        return status;
    if (index >= LDT_MAX_ENTRIES)
        return ERR_OUT_OF_RANGE;
    struct space *space = space_from_object(object);
    if (!arch_descriptor_ok(low, high) || space == current->process->space)
        return ERR_INVALID_ARGUMENT;
    return arch_ldt_set(space_arch(space), index, low, high);
}

/* ---- processor state ---- */

/* A live server thread whose guest state may be looked at or changed. */
static status_t get_guest_thread(handle_t handle, uint32_t rights, struct thread **thread)
{
    status_t status = handle_get_thread(handle, rights, thread);

    if (status != OK)
        return status;
    if (!(*thread)->process || !is_server((*thread)->process))
        return ERR_NOT_SUPPORTED;
    return (*thread)->state == THREAD_DEAD ? ERR_BAD_STATE : OK;
}

/* The copy may wait for a page, the handle be closed meanwhile. */
static status_t fpu_copy(handle_t handle, uint32_t rights, user_t state, bool in)
{
    struct thread *thread;
    status_t status = get_guest_thread(handle, rights, &thread);

    if (status != OK)
        return status;
    object_hold(&thread->object);
    status = in ? user_read(arch_fpu_replace(thread), state, FPU_STATE_SIZE)
                : user_write(state, arch_fpu_image(thread), FPU_STATE_SIZE);
    object_release(&thread->object);
    return status;
}

status_t call_guest_fpu_read(handle_t handle, user_t state)
{
    return fpu_copy(handle, RIGHT_READ, state, false);
}

status_t call_guest_fpu_write(handle_t handle, user_t state)
{
    return fpu_copy(handle, RIGHT_MANAGE, state, true);
}

status_t call_guest_fpu_reset(uint32_t control_word)
{
    if (!is_server(current->process))
        return ERR_NOT_SUPPORTED;
    if (control_word > UINT16_MAX)
        return ERR_INVALID_ARGUMENT;
    arch_fpu_reset(current, (uint16_t)control_word);
    return OK;
}

status_t call_guest_debug(handle_t handle, user_t registers)
{
    uint32_t values[6];
    struct thread *thread;
    status_t status = get_guest_thread(handle, RIGHT_MANAGE, &thread);

    if (status == OK)
        status = user_read(values, registers, sizeof values);
    if (status == OK)
        arch_debug_set(thread, values);
    return status;
}
