/* SPDX-License-Identifier: MIT */
/* Writes the images that the unit tests build into DIR/elf32 and DIR/pe, for fuzzing to start from. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/unit/loaders/images.h"

static void write_seed(const char *directory, const char *kind, const char *name,
                       struct image image)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, kind);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/%s/%s", directory, kind, name);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(image.bytes, 1, image.size, file) != image.size ||
        fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    image_free(&image);
}

/* Two PT_LOADs that meet in a page, and one of zeros only in the next. */
static struct image shared_page_image(void)
{
    struct image image = elf_image();
    struct elf32_segment *segments = elf_set_loads(&image, 3);

    segments[0].address = 0x10000000;
    segments[0].file_size = segments[0].memory_size = 0x1234;
    segments[0].flags = ELF_SEGMENT_READ | ELF_SEGMENT_EXEC;
    segments[1].offset = 0x1300;
    segments[1].address = 0x10001300;
    segments[1].file_size = 0x100;
    segments[1].memory_size = 0x800;
    segments[1].flags = ELF_SEGMENT_READ | ELF_SEGMENT_WRITE;
    segments[2].address = 0x10001c00;
    segments[2].memory_size = 0x1000;
    segments[2].flags = ELF_SEGMENT_READ | ELF_SEGMENT_WRITE;
    elf_header(&image)->entry = 0x10000100;
    return image;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return 2;
    }
    mkdir(argv[1], 0777);
    write_seed(argv[1], "elf32", "static", elf_image());
    write_seed(argv[1], "elf32", "pie", elf_pie_image());
    write_seed(argv[1], "elf32", "shared-page", shared_page_image());
    write_seed(argv[1], "pe", "copied", pe_image());
    write_seed(argv[1], "pe", "mapped", pe_mappable_image());
    write_seed(argv[1], "pe", "flat", pe_flat_image());
    return 0;
}
