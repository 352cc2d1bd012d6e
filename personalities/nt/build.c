/* SPDX-License-Identifier: MIT */
/*
 * The memory of a new process: shared pages, program, ntdll, API set map, parameters, PEB, and its
 * first thread. Everything is written through the space's handle: the caller runs in another one.
 */
#include <personalities/nt/process.h>

#include <ipc/call.h>
#include <personalities/nt/ntdll.h>
#include <personalities/nt/section.h>
#include <personalities/nt/shared_data.h>

#include <stdlib.h>
#include <string.h>

#define SYSTEM_NAME            L"\\??\\C:\\windows\\system32\\ntdll.dll"
#define PEB_SIZE               (2 * PAGE_SIZE) /* the second page is ntdll's table of debug channels */
#define GDI_TABLE_SIZE         0x180000u
#define CURRENT_DIRECTORY_SIZE 520

static NTSTATUS put(struct nt_process *process, uint32_t address, const void *bytes,
                    uint32_t length)
{
    uint32_t done;
    status_t status = space_write(process->space, address, bytes, length, &done);
    return status == OK && done == length ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

/* ---- images ---- */

NTSTATUS open_system_image(struct nt_process *process, const char *path, struct image **image)
{
    handle_t node;
    struct fs_attr attr;
    status_t status = BLOCKING(fs_client_open(&process->fs, HANDLE_NONE, path, strlen(path),
                                              FS_O_READ | FS_O_NOCASE, 0, &node, &attr));
    if (status != OK)
        return nt_status(status);
    NTSTATUS result = image_open(node, &attr, image);
    handle_drop(&node);
    return result;
}

static NTSTATUS map_program(struct nt_process *process, struct image *image)
{
    struct object *section;
    image_hold(image);
    process->image = image;
    image_hold(image);
    NTSTATUS status = section_create_image(image, process->image_name, &section);
    if (status)
        return status;
    uint32_t base = 0;
    status = image_map(process, image, section, true, &base);
    process->image_base = base;
    object_release(section);
    return status;
}

static NTSTATUS map_ntdll(struct nt_process *process)
{
    struct image *image;
    struct object *section;
    NTSTATUS status = open_system_image(process, SYSTEM_DIRECTORY "ntdll.dll", &image);
    if (status)
        return status;
    status = ntdll_describe(image, &process->ntdll);
    if (status) {
        image_release(image);
        return status;
    }
    status = section_create_image(image, SYSTEM_NAME, &section);
    if (status)
        return status;
    uint32_t base = 0;
    status = image_map(process, image, section, true, &base);
    process->ntdll_base = base;
    object_release(section);
    return status ? status : ntdll_hook(process);
}

/* ---- the API set map: one section of a DLL, the same for all ---- */

static handle_t api_set_vmo;
static uint32_t api_set_size;

static bool find_section(const struct image *image, const char *name, IMAGE_SECTION_HEADER *section)
{
    IMAGE_DOS_HEADER dos;
    IMAGE_NT_HEADERS32 headers;
    if (vmo_read(image->vmo, 0, &dos, sizeof dos) != OK ||
        vmo_read(image->vmo, dos.e_lfanew, &headers, sizeof headers) != OK)
        return false;
    uint32_t offset = dos.e_lfanew + offsetof(IMAGE_NT_HEADERS32, OptionalHeader) +
                      headers.FileHeader.SizeOfOptionalHeader;
    for (uint32_t i = 0; i < headers.FileHeader.NumberOfSections; i++, offset += sizeof *section) {
        if (vmo_read(image->vmo, offset, section, sizeof *section) != OK)
            return false;
        if (strncmp((const char *)section->Name, name, sizeof section->Name) == 0)
            return true;
    }
    return false;
}

static NTSTATUS load_api_set(struct nt_process *process)
{
    struct image *image;
    IMAGE_SECTION_HEADER section;
    if (api_set_vmo)
        return STATUS_SUCCESS;
    NTSTATUS status = open_system_image(process, SYSTEM_DIRECTORY "apisetschema.dll", &image);
    if (status)
        return status;
    if (!find_section(image, ".apiset", &section) || section.SizeOfRawData == 0)
        status = STATUS_INVALID_IMAGE_FORMAT;
    uint8_t *bytes = status ? NULL : malloc(section.SizeOfRawData);
    if (!status && !bytes)
        status = STATUS_NO_MEMORY;
    if (!status)
        status =
            nt_status(vmo_read(image->vmo, section.PointerToRawData, bytes, section.SizeOfRawData));
    if (!status && !api_set_vmo)
        status = nt_status(vmo_create(0, section.SizeOfRawData, &api_set_vmo));
    if (!status)
        status = nt_status(vmo_write(api_set_vmo, 0, bytes, section.SizeOfRawData));
    api_set_size = status ? 0 : section.SizeOfRawData;
    free(bytes);
    image_release(image);
    return status;
}

static NTSTATUS map_api_set(struct nt_process *process, uint32_t *address)
{
    NTSTATUS status = load_api_set(process);
    if (status)
        return status;
    uint32_t size = (api_set_size + PAGE_MASK) & ~PAGE_MASK;
    static const struct vm_place top = {.top_down = true};
    struct map_request request = {.vmo = api_set_vmo,
                                  .address = vm_search(process, size, &top),
                                  .length = size,
                                  .prot = PROT_R,
                                  .flags = MAP_FLAG_FIXED | MAP_FLAG_SHARED};
    if (!request.address ||
        !vm_add(process, request.address, size, MEM_MAPPED, PAGE_READONLY, NULL))
        return STATUS_NO_MEMORY;
    *address = request.address;
    return nt_status(space_map(process->space, &request));
}

/* ---- parameters ---- */

struct block {
    uint8_t *bytes;
    uint32_t base; /* address in the process */
    uint32_t used, size;
};

static uint32_t block_add(struct block *block, const void *bytes, uint32_t length)
{
    uint32_t address = block->base + block->used;
    memcpy(block->bytes + block->used, bytes, length);
    block->used = (block->used + length + 3) & ~3u;
    return address;
}

static UNICODE_STRING block_text(struct block *block, struct text text, uint32_t room)
{
    uint32_t bytes = text.length * sizeof(WCHAR);
    uint32_t maximum = room > bytes + sizeof(WCHAR) ? room : bytes + sizeof(WCHAR);
    UNICODE_STRING string = {.Length = bytes, .MaximumLength = maximum};
    string.Buffer = (WCHAR *)(block->base + block->used);
    memcpy(block->bytes + block->used, text.chars, bytes);
    block->used = (block->used + maximum + 3) & ~3u;
    return string;
}

static struct text text_of(const WCHAR *chars)
{
    return (struct text){chars, text_length(chars)};
}

static void fill_parameters(const struct process_start *start, struct block *block)
{
    RTL_USER_PROCESS_PARAMETERS *p = (RTL_USER_PROCESS_PARAMETERS *)block->bytes;
    p->AllocationSize = p->Size = block->size;
    p->Flags = PROCESS_PARAMS_FLAG_NORMALIZED;
    p->ConsoleHandle = (HANDLE)start->console_handle;
    p->ConsoleFlags = start->console_flags;
    p->hStdInput = (HANDLE)start->std_handles[0];
    p->hStdOutput = (HANDLE)start->std_handles[1];
    p->hStdError = (HANDLE)start->std_handles[2];
    p->CurrentDirectory.DosPath =
        block_text(block, text_of(start->directory), CURRENT_DIRECTORY_SIZE);
    p->ImagePathName = block_text(block, text_of(start->image_path), 0);
    p->CommandLine = block_text(block, start->command_line, 0);
    p->WindowTitle = block_text(block, start->title, 0);
    p->Desktop = block_text(block, start->desktop, 0);
    p->ShellInfo = block_text(block, start->shell_info, 0);
    p->RuntimeInfo =
        (UNICODE_STRING){.Length = start->runtime_bytes, .MaximumLength = start->runtime_bytes};
    p->RuntimeInfo.Buffer = (WCHAR *)block_add(block, start->runtime_info, start->runtime_bytes);
    p->Environment = (WCHAR *)block_add(block, start->environment, start->environment_bytes);
    p->EnvironmentSize = start->environment_bytes;
    memcpy(&p->dwX, start->geometry, sizeof start->geometry);
    p->dwFillAttribute = start->fill_attribute;
    p->dwFlags = start->window_flags;
    p->wShowWindow = start->show_window;
    p->ProcessGroupId = start->process_group;
}

static uint32_t parameters_size(const struct process_start *start)
{
    uint32_t chars = text_length(start->image_path) + start->command_line.length +
                     start->title.length + start->desktop.length + start->shell_info.length;
    /* Each string has its terminator and may be padded. */
    return sizeof(RTL_USER_PROCESS_PARAMETERS) + chars * sizeof(WCHAR) + 8 * 8 +
           CURRENT_DIRECTORY_SIZE + (text_length(start->directory) + 1) * sizeof(WCHAR) +
           start->environment_bytes + start->runtime_bytes;
}

/* In an allocation of its own: ntdll copies it and frees this one. */
static NTSTATUS make_parameters(struct nt_process *process, const struct process_start *start)
{
    struct block block = {.used = sizeof(RTL_USER_PROCESS_PARAMETERS)};
    block.size = (parameters_size(start) + PAGE_MASK) & ~PAGE_MASK;
    NTSTATUS status =
        vm_allocate(process, &block.base, &block.size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (status)
        return status;
    block.bytes = calloc(1, block.size);
    if (!block.bytes)
        return STATUS_NO_MEMORY;
    fill_parameters(start, &block);
    status = put(process, block.base, block.bytes, block.size);
    process->parameters = block.base;
    free(block.bytes);
    return status;
}

/* ---- PEB ---- */

/*
 * Where Wine has the address of its Unix program, in which its dbghelp looks for debug information; 0 means to it
 * that this is no process. There is nothing at this address, so it goes on without.
 */
#define NO_UNIX_LOADER 1

static void fill_peb(const struct nt_process *process, PEB *peb)
{
    const struct load_plan *plan = &process->image->plan;
    memset(peb, 0, sizeof *peb);
    peb->ImageBaseAddress = (HMODULE)process->image_base;
    peb->ProcessParameters = (RTL_USER_PROCESS_PARAMETERS *)process->parameters;
    peb->NumberOfProcessors = 1;
    peb->CriticalSectionTimeout.QuadPart = -25920000000000ll;
    peb->HeapSegmentReserve = 0x100000;
    peb->HeapSegmentCommit = 0x2000;
    peb->HeapDeCommitTotalFreeThreshold = 0x10000;
    peb->HeapDeCommitFreeBlockThreshold = 0x1000;
    peb->OSMajorVersion = NT_VERSION_MAJOR;
    peb->OSMinorVersion = NT_VERSION_MINOR;
    peb->OSBuildNumber = NT_VERSION_BUILD;
    peb->OSPlatformId = 2;
    peb->ImageSubSystem = plan->subsystem;
    peb->ImageSubSystemMajorVersion = plan->subsystem_major;
    peb->ImageSubSystemMinorVersion = plan->subsystem_minor;
    peb->SessionId = 1;
    peb->CloudFileFlags = NO_UNIX_LOADER;
}

static NTSTATUS make_peb(struct nt_process *process)
{
    PEB *peb = malloc(sizeof *peb);
    uint32_t api_set = 0, gdi = 0, gdi_size = GDI_TABLE_SIZE, base = 0, size = PEB_SIZE;
    if (!peb)
        return STATUS_NO_MEMORY;
    fill_peb(process, peb);
    /* Programs without API set imports run without the map. */
    (void)map_api_set(process, &api_set);
    NTSTATUS status = vm_allocate(process, &gdi, &gdi_size, MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN,
                                  PAGE_READWRITE);
    if (!status)
        status = vm_allocate(process, &base, &size, MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN,
                             PAGE_READWRITE);
    peb->ApiSetMap = (void *)api_set;
    peb->GdiSharedHandleTable = (void *)gdi;
    process->gdi_table = gdi;
    if (!status)
        status = put(process, base, peb, sizeof *peb);
    process->peb = base;
    free(peb);
    return status;
}

NTSTATUS process_build(struct nt_process *process, const struct process_start *start,
                       struct nt_thread **thread)
{
    if (space_create(&process->space) != OK)
        return STATUS_NO_MEMORY;
    NTSTATUS status = map_program(process, start->image);
    if (!status)
        status = shared_data_map(process);
    if (!status)
        status = map_ntdll(process);
    if (!status)
        status = make_parameters(process, start);
    if (!status)
        status = make_peb(process);
    struct thread_request request = {.start = process->image->plan.entry,
                                     .parameter = process->peb,
                                     .stack_reserve = process->image->plan.stack_reserve,
                                     .stack_commit = process->image->plan.stack_commit,
                                     .suspended = start->suspended};
    if (!status)
        status = nt_thread_create(process, &request, thread);
    if (!status)
        object_hold(&(*thread)->object);
    shared_data_wake();
    return status;
}
