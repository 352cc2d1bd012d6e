/* SPDX-License-Identifier: MIT */
/*
 * Damaged PE files, started for real:
 *
 *   badpe [SECONDS [SEED]]     known damage, then random damage for that long
 *   badpe write DIRECTORY      the files with known damage, for somebody else to start
 *   badpe eat WHAT             use up the stack, the heap, memory, threads or handles
 *   badpe loops                load DLLs that import one another
 *
 * The files are this program with something changed. What must hold: CreateProcess says no, or the
 * process ends by itself or can be ended; a whole program still starts; and there are no more objects of any type
 * at the end than there were. The last line is `survived`.
 */
#include "counts.h"

#include <stdlib.h>

#include "tests/fuzz/random.h"

#define CHILD_MS 3000
#define SHORT    4 /* without a time to fill: every such step of what is changed */

static uint8_t *image;
static DWORD image_size;
static char directory[MAX_PATH];
static unsigned stride = SHORT;

/* ---- the image ------------------------------------------------------------------------------------ */

static IMAGE_NT_HEADERS32 *headers(uint8_t *file)
{
    return (IMAGE_NT_HEADERS32 *)(file + ((IMAGE_DOS_HEADER *)file)->e_lfanew);
}

static IMAGE_SECTION_HEADER *section(uint8_t *file, unsigned index)
{
    return IMAGE_FIRST_SECTION(headers(file)) + index;
}

static int read_image(void)
{
    char path[MAX_PATH];
    GetModuleFileNameA(NULL, path, sizeof path);
    HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    image_size = GetFileSize(file, NULL);
    image = malloc(image_size);
    int done = image && ReadFile(file, image, image_size, &image_size, NULL);
    CloseHandle(file);
    return done;
}

static int write_file(const char *name, const uint8_t *bytes, DWORD size)
{
    DWORD done = 0;
    HANDLE file = CreateFileA(name, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return 0;
    WriteFile(file, bytes, size, &done, NULL);
    CloseHandle(file);
    return done == size;
}

/* ---- starting ------------------------------------------------------------------------------------- */

static unsigned refused, ended, stopped;

/*
 * A child is in a job, and what it has started ends with it: a damaged copy may take itself for the
 * original.
 */
static DWORD start(const char *command)
{
    char line[MAX_PATH + 40];
    DWORD code = 0;
    HANDLE job;
    STARTUPINFOA info = {.cb = sizeof info};
    PROCESS_INFORMATION process;
    snprintf(line, sizeof line, "%s", command);
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &info,
                        &process)) {
        refused++;
        return (DWORD)-1;
    }
    job = CreateJobObjectA(NULL, NULL);
    if (!job || !AssignProcessToJobObject(job, process.hProcess))
        printf("no job, error %lu\n", GetLastError());
    ResumeThread(process.hThread);
    if (WaitForSingleObject(process.hProcess, CHILD_MS) == WAIT_OBJECT_0) {
        ended++;
    } else {
        stopped++;
        fprintf(stderr, "stopped: %s\n", command);
        TerminateProcess(process.hProcess, 99);
        WaitForSingleObject(process.hProcess, INFINITE);
    }
    GetExitCodeProcess(process.hProcess, &code);
    TerminateJobObject(job, 99);
    CloseHandle(job);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    return code;
}

static void try_file(const char *name, const uint8_t *bytes, DWORD size)
{
    char path[MAX_PATH * 2], line[MAX_PATH * 2 + 8];
    snprintf(path, sizeof path, "%s\\%s", directory, name);
    snprintf(line, sizeof line, "%s whole", path);
    if (!write_file(path, bytes, size))
        printf("cannot write %s\n", path);
    else
        start(line);
    DeleteFileA(path);
}

/* ---- known damage --------------------------------------------------------------------------------- */

static const DWORD extremes[] = {0,          1,          0x7f,       0xfff,     0x1001,
                                 0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff};
#define EXTREMES (sizeof extremes / sizeof extremes[0])

static void damage_entry_point(uint8_t *file, DWORD value)
{
    headers(file)->OptionalHeader.AddressOfEntryPoint = value;
}
static void damage_base(uint8_t *file, DWORD value)
{
    headers(file)->OptionalHeader.ImageBase = value;
}
static void damage_image_size(uint8_t *file, DWORD value)
{
    headers(file)->OptionalHeader.SizeOfImage = value;
}
static void damage_header_size(uint8_t *file, DWORD value)
{
    headers(file)->OptionalHeader.SizeOfHeaders = value;
}
static void damage_section_alignment(uint8_t *file, DWORD value)
{
    headers(file)->OptionalHeader.SectionAlignment = value;
}
static void damage_file_alignment(uint8_t *file, DWORD value)
{
    headers(file)->OptionalHeader.FileAlignment = value;
}
static void damage_stack(uint8_t *file, DWORD value)
{
    headers(file)->OptionalHeader.SizeOfStackReserve = value;
    headers(file)->OptionalHeader.SizeOfStackCommit = value;
}
static void damage_heap(uint8_t *file, DWORD value)
{
    headers(file)->OptionalHeader.SizeOfHeapReserve = value;
}
static void damage_section_count(uint8_t *file, DWORD value)
{
    headers(file)->FileHeader.NumberOfSections = (WORD)value;
}
static void damage_optional_size(uint8_t *file, DWORD value)
{
    headers(file)->FileHeader.SizeOfOptionalHeader = (WORD)value;
}
static void damage_header_place(uint8_t *file, DWORD value)
{
    ((IMAGE_DOS_HEADER *)file)->e_lfanew = (LONG)value;
}
static void damage_machine(uint8_t *file, DWORD value)
{
    headers(file)->FileHeader.Machine = (WORD)value;
}
static void damage_magic(uint8_t *file, DWORD value)
{
    headers(file)->OptionalHeader.Magic = (WORD)value;
}
static void damage_subsystem(uint8_t *file, DWORD value)
{
    headers(file)->OptionalHeader.Subsystem = (WORD)value;
}
static void damage_overlap(uint8_t *file, DWORD value)
{
    section(file, 1)->VirtualAddress = section(file, 0)->VirtualAddress + (value & 0x1000);
}
static void damage_raw_place(uint8_t *file, DWORD value)
{
    section(file, 0)->PointerToRawData = value;
}
static void damage_raw_size(uint8_t *file, DWORD value)
{
    section(file, 0)->SizeOfRawData = value;
}
static void damage_virtual_size(uint8_t *file, DWORD value)
{
    section(file, 1)->Misc.VirtualSize = value;
}
static void damage_virtual_place(uint8_t *file, DWORD value)
{
    section(file, 1)->VirtualAddress = value;
}
static void damage_rights(uint8_t *file, DWORD value)
{
    section(file, 0)->Characteristics = value;
}

static const struct {
    const char *name;
    void (*act)(uint8_t *file, DWORD value);
} damages[] = {
    {"entry", damage_entry_point},
    {"base", damage_base},
    {"imagesize", damage_image_size},
    {"headersize", damage_header_size},
    {"align", damage_section_alignment},
    {"filealign", damage_file_alignment},
    {"stack", damage_stack},
    {"heap", damage_heap},
    {"sections", damage_section_count},
    {"optional", damage_optional_size},
    {"lfanew", damage_header_place},
    {"machine", damage_machine},
    {"magic", damage_magic},
    {"subsystem", damage_subsystem},
    {"overlap", damage_overlap},
    {"rawplace", damage_raw_place},
    {"rawsize", damage_raw_size},
    {"virtualsize", damage_virtual_size},
    {"place", damage_virtual_place},
    {"rights", damage_rights},
};
#define DAMAGES (sizeof damages / sizeof damages[0])

typedef void (*receiver)(const char *name, const uint8_t *bytes, DWORD size);

static void all_fields(uint8_t *copy, receiver take)
{
    char name[40];
    for (unsigned i = 0; i < DAMAGES; i++)
        for (unsigned k = 0; k < EXTREMES; k += stride) {
            memcpy(copy, image, image_size);
            damages[i].act(copy, extremes[k]);
            snprintf(name, sizeof name, "%s%u.exe", damages[i].name, k);
            take(name, copy, image_size);
        }
}

static void all_directories(uint8_t *copy, receiver take)
{
    char name[40];
    for (unsigned i = 0; i < IMAGE_NUMBEROF_DIRECTORY_ENTRIES; i++)
        for (unsigned k = 0; k < EXTREMES; k += stride) {
            memcpy(copy, image, image_size);
            IMAGE_DATA_DIRECTORY *entry = &headers(copy)->OptionalHeader.DataDirectory[i];
            entry->VirtualAddress = extremes[k];
            entry->Size = k & 1 ? 0x1000 : extremes[EXTREMES - 1 - k];
            snprintf(name, sizeof name, "dir%u-%u.exe", i, k);
            take(name, copy, image_size);
        }
}

static void all_truncations(uint8_t *copy, DWORD step, receiver take)
{
    char name[40];
    DWORD end = headers(image)->OptionalHeader.SizeOfHeaders;
    (void)copy;
    for (DWORD size = 0; size <= end; size += step) {
        snprintf(name, sizeof name, "cut%lu.exe", size);
        take(name, image, size);
    }
}

/* A DLL of one section that imports one name from another, and exports nothing. */
static DWORD make_dll(uint8_t *file, const char *imports)
{
    enum { SECTION = 0x1000, NAME = 0x80, THUNKS = 0x40, HINT = 0x60 };
    memset(file, 0, SECTION * 2);
    IMAGE_DOS_HEADER *dos = (IMAGE_DOS_HEADER *)file;
    dos->e_magic = IMAGE_DOS_SIGNATURE;
    dos->e_lfanew = sizeof *dos;
    IMAGE_NT_HEADERS32 *nt = headers(file);
    nt->Signature = IMAGE_NT_SIGNATURE;
    nt->FileHeader.Machine = IMAGE_FILE_MACHINE_I386;
    nt->FileHeader.NumberOfSections = 1;
    nt->FileHeader.SizeOfOptionalHeader = sizeof nt->OptionalHeader;
    nt->FileHeader.Characteristics =
        IMAGE_FILE_EXECUTABLE_IMAGE | IMAGE_FILE_DLL | IMAGE_FILE_32BIT_MACHINE;
    nt->OptionalHeader.Magic = IMAGE_NT_OPTIONAL_HDR32_MAGIC;
    nt->OptionalHeader.ImageBase = 0x10000000;
    nt->OptionalHeader.SectionAlignment = nt->OptionalHeader.FileAlignment = SECTION;
    nt->OptionalHeader.MajorSubsystemVersion = nt->OptionalHeader.MajorOperatingSystemVersion = 4;
    nt->OptionalHeader.SizeOfImage = SECTION * 2;
    nt->OptionalHeader.SizeOfHeaders = SECTION;
    nt->OptionalHeader.Subsystem = IMAGE_SUBSYSTEM_WINDOWS_CUI;
    nt->OptionalHeader.NumberOfRvaAndSizes = IMAGE_NUMBEROF_DIRECTORY_ENTRIES;
    nt->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT] =
        (IMAGE_DATA_DIRECTORY){SECTION, 40};
    *section(file, 0) =
        (IMAGE_SECTION_HEADER){.Misc.VirtualSize = SECTION,
                               .VirtualAddress = SECTION,
                               .SizeOfRawData = SECTION,
                               .PointerToRawData = SECTION,
                               .Characteristics = IMAGE_SCN_MEM_READ | IMAGE_SCN_MEM_WRITE};
    IMAGE_IMPORT_DESCRIPTOR *import = (IMAGE_IMPORT_DESCRIPTOR *)(file + SECTION);
    import->OriginalFirstThunk = import->FirstThunk = SECTION + THUNKS;
    import->Name = SECTION + NAME;
    *(DWORD *)(file + SECTION + THUNKS) = SECTION + HINT;
    strcpy((char *)file + SECTION + HINT + 2, "nothing");
    strcpy((char *)file + SECTION + NAME, imports);
    return SECTION * 2;
}

/* A circle of DLLs that import one another, and one that imports itself. */
static void import_loops(void)
{
    static const char *const circle[][2] = {{"loop0.dll", "loop1.dll"},
                                            {"loop1.dll", "loop2.dll"},
                                            {"loop2.dll", "loop0.dll"},
                                            {"self.dll", "self.dll"}};
    static uint8_t file[0x2000];
    SetCurrentDirectoryA(directory); /* where they are looked for */
    char path[MAX_PATH * 2];
    for (unsigned i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s\\%s", directory, circle[i][0]);
        write_file(path, file, make_dll(file, circle[i][1]));
    }
    for (unsigned i = 0; i < 4; i += 3) {
        snprintf(path, sizeof path, "%s\\%s", directory, circle[i][0]);
        HMODULE module = LoadLibraryA(path);
        printf("%s: %s\n", circle[i][0], module ? "loaded" : "refused");
    }
    for (unsigned i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s\\%s", directory, circle[i][0]);
        DeleteFileA(path);
    }
}

/* ---- random damage -------------------------------------------------------------------------------- */

static struct random chance;

static void random_damage(uint8_t *copy, DWORD seconds)
{
    ULONGLONG until = GetTickCount64() + seconds * 1000ull;
    DWORD header = headers(image)->OptionalHeader.SizeOfHeaders;
    for (unsigned n = 0; GetTickCount64() < until; n++) {
        char name[40];
        memcpy(copy, image, image_size);
        for (unsigned i = random_below(&chance, 6) + 1; i > 0; i--)
            copy[random_below(&chance, random_below(&chance, 4) ? header : image_size)] =
                (uint8_t)random_next(&chance);
        snprintf(name, sizeof name, "random%u.exe", n);
        try_file(name, copy, image_size);
    }
}

/* ---- using things up ------------------------------------------------------------------------------ */

static volatile int sink;
static int recurse(int depth)
{
    volatile char space[4000];
    space[0] = (char)depth;
    int below = depth == INT32_MAX ? 0 : recurse(depth + 1);
    sink += space[0];
    return below + space[0];
}

static DWORD WINAPI idle(void *argument)
{
    (void)argument;
    Sleep(INFINITE);
    return 0;
}

static int eat(const char *what)
{
    unsigned count = 0;
    if (strcmp(what, "stack") == 0)
        return recurse(0);
    if (strcmp(what, "heap") == 0)
        while (count < 1u << 20 && HeapAlloc(GetProcessHeap(), 0, 1 << 20))
            count++;
    else if (strcmp(what, "memory") == 0)
        for (char *block; (block = VirtualAlloc(NULL, 1 << 20, MEM_COMMIT, PAGE_READWRITE));
             count++)
            for (unsigned i = 0; i < 1 << 20; i += 4096)
                block[i] = 1;
    else if (strcmp(what, "threads") == 0)
        while (CreateThread(NULL, 0x10000, idle, NULL, 0, NULL))
            count++;
    else if (strcmp(what, "handles") == 0)
        while (CreateEventA(NULL, FALSE, FALSE, NULL))
            count++;
    return count > 10 ? 7 : 1;
}

static void eat_all(const char *self)
{
    static const char *const things[] = {"stack", "heap", "memory", "threads", "handles"};
    for (unsigned i = 0; i < sizeof things / sizeof things[0]; i++) {
        char line[MAX_PATH + 40];
        snprintf(line, sizeof line, "\"%s\" eat %s", self, things[i]);
        DWORD code = start(line);
        if (strcmp(things[i], "memory") ==
            0) /* whom the system ends when memory is out is its choice */
            printf("%s: over\n", things[i]);
        else
            printf("%s: %lx\n", things[i], code);
    }
}

/* ---- all of it ------------------------------------------------------------------------------------ */

static void save(const char *name, const uint8_t *bytes, DWORD size)
{
    char path[MAX_PATH * 2];
    snprintf(path, sizeof path, "%s\\%s", directory, name);
    if (!write_file(path, bytes, size))
        printf("cannot write %s\n", path);
}

static void damage_all(uint8_t *copy, DWORD step, receiver take)
{
    all_truncations(copy, step, take);
    all_fields(copy, take);
    all_directories(copy, take);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc == 2 && strcmp(argv[1], "whole") == 0)
        return 5;
    if (argc == 3 && strcmp(argv[1], "eat") == 0)
        return eat(argv[2]);
    GetTempPathA(sizeof directory - 1, directory);
    directory[strlen(directory) - 1] = 0;
    if (argc == 2 && strcmp(argv[1], "loops") == 0) {
        import_loops();
        return 0;
    }
    uint8_t *copy = read_image() ? malloc(image_size) : NULL;
    if (!copy)
        return 1;
    if (argc == 3 && strcmp(argv[1], "write") == 0) {
        snprintf(directory, sizeof directory, "%s", argv[2]);
        damage_all(copy, 97, save);
        return 0;
    }
    char whole[MAX_PATH + 40], loops[MAX_PATH + 40];
    snprintf(whole, sizeof whole, "\"%s\" whole", argv[0]);
    snprintf(loops, sizeof loops, "\"%s\" loops", argv[0]);
    DWORD seconds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    stride = seconds ? 1 : SHORT;
    random_seed(&chance, argc > 2 ? strtoul(argv[2], NULL, 10) : 1);
    start(whole);
    struct counts before = counts_now();
    damage_all(copy, seconds ? 1 : 31, try_file);
    start(loops);
    random_damage(copy, seconds);
    eat_all(argv[0]);
    unsigned left = counts_compare(&before);
    fprintf(stderr, "%u refused, %u ended, %u stopped\n", refused, ended, stopped);
    printf("%s\n", start(whole) == 5 && left == 0 ? "survived" : "damaged");
    return 0;
}
