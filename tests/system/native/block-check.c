/* SPDX-License-Identifier: MIT */
/*
 * Uses a block device as a file server does, and says what it finds:
 *   block-check list               every device: name, sectors, sector size, flags
 *   block-check sum NAME           a checksum of its whole content
 *   block-check fill NAME SEED     write numbered sectors all over it, flush, read them back
 *   block-check verify NAME SEED   are they still there?
 *   block-check bad NAME           requests that must be refused
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/startup.h>
#include <ipc/blockclient.h>
#include <ipc/call.h>
#include <ipc/initclient.h>

#define BUFFER (256u << 10)

static int failures;

static void expect(const char *what, status_t got, status_t wanted)
{
    if (got == wanted)
        return;
    printf("%s: %s, not %s\n", what, status_text(got), status_text(wanted));
    failures++;
}

static void list(void)
{
    char name[INIT_NAME_MAX];
    struct block_info info;
    handle_t init = startup_handle(STARTUP_INIT);
    for (uint32_t i = 0; init_name_list(init, i, name, sizeof name) == OK; i++) {
        if (strncmp(name, BLOCK_NAME_PREFIX, strlen(BLOCK_NAME_PREFIX)) != 0 ||
            block_client_info(init, name, &info) != OK)
            continue;
        printf("%s start %u sectors %u of %u%s%s\n", info.name, (unsigned)info.start,
               (unsigned)info.sectors, (unsigned)info.sector_size,
               info.flags & BLOCK_READ_ONLY ? " ro" : "",
               info.flags & BLOCK_WRITE_CACHE ? " cache" : "");
    }
}

static status_t open_session(const char *name, uint32_t flags, struct block_session *session)
{
    status_t status = block_client_open(startup_handle(STARTUP_INIT), name, flags, BUFFER, session);
    if (status != OK)
        printf("%s: %s\n", name, status_text(status));
    return status;
}

/* Pieces of the buffer, sectors `step` apart in each call: `count` extents at once. */
#define PIECE 8u /* sectors */
static uint32_t fill_extents(const struct block_session *session, uint64_t *at,
                             struct block_extent extents[BLOCK_EXTENTS_MAX])
{
    uint32_t count = 0;
    while (count < BLOCK_EXTENTS_MAX &&
           (count + 1) * PIECE * BLOCK_SECTOR <= session->buffer_size &&
           *at + PIECE <= session->info.sectors) {
        extents[count] = (struct block_extent){
            .sector = *at, .count = PIECE, .offset = count * PIECE * BLOCK_SECTOR};
        *at += PIECE;
        count++;
    }
    return count;
}

static void pattern(uint8_t *sector, uint64_t number, uint32_t seed)
{
    uint32_t value = (uint32_t)number * 2654435761u ^ seed;
    for (uint32_t i = 0; i < BLOCK_SECTOR / 4; i++) {
        memcpy(sector + i * 4, &value, 4);
        value = value * 1664525u + 1013904223u;
    }
}

static uint32_t compare(const struct block_session *session, const struct block_extent *extents,
                        uint32_t count, uint32_t seed)
{
    uint8_t wanted[BLOCK_SECTOR];
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < count * PIECE; i++) {
        pattern(wanted, extents[0].sector + i, seed);
        wrong += memcmp(wanted, session->data + i * BLOCK_SECTOR, BLOCK_SECTOR) != 0;
    }
    return wrong;
}

static void pass(struct block_session *session, uint32_t seed, bool write)
{
    struct block_extent extents[BLOCK_EXTENTS_MAX];
    uint64_t at = 0;
    uint32_t count, wrong = 0;
    while ((count = fill_extents(session, &at, extents)) > 0) {
        for (uint32_t i = 0; write && i < count * PIECE; i++)
            pattern(session->data + i * BLOCK_SECTOR, extents[0].sector + i, seed);
        expect("transfer",
               block_client_transfer(session, write ? BLOCK_WRITE : BLOCK_READ, 0, extents, count),
               OK);
        if (!write)
            wrong += compare(session, extents, count, seed);
    }
    if (wrong > 0) {
        printf("%u sectors are wrong\n", (unsigned)wrong);
        failures++;
    }
}

static void sum(struct block_session *session)
{
    static uint8_t part[65536];
    uint32_t a = 1, b = 0;
    for (uint64_t at = 0; at < session->info.sectors;) {
        uint64_t left = session->info.sectors - at;
        uint32_t count =
            left < sizeof part / BLOCK_SECTOR ? (uint32_t)left : sizeof part / BLOCK_SECTOR;
        expect("read", block_client_read(session, at, part, count), OK);
        for (uint32_t i = 0; i < count * BLOCK_SECTOR; i++) {
            a = (a + part[i]) % 65521;
            b = (b + a) % 65521;
        }
        at += count;
    }
    printf("%08x\n", (unsigned)(b << 16 | a));
}

static void bad(struct block_session *session, const char *name)
{
    struct block_extent extent = {.sector = session->info.sectors, .count = PIECE};
    struct block_session other;
    expect("beyond the end", block_client_transfer(session, BLOCK_READ, 0, &extent, 1),
           ERR_OUT_OF_RANGE);
    extent.sector = ~(uint64_t)7;
    expect("wraps", block_client_transfer(session, BLOCK_READ, 0, &extent, 1), ERR_OUT_OF_RANGE);
    extent = (struct block_extent){.count = PIECE, .offset = session->buffer_size};
    expect("beyond the buffer", block_client_transfer(session, BLOCK_READ, 0, &extent, 1),
           ERR_INVALID_ARGUMENT);
    extent = (struct block_extent){.count = 0x800000, .offset = 512};
    expect("larger than the buffer", block_client_transfer(session, BLOCK_READ, 0, &extent, 1),
           session->info.sectors >= 0x800000 ? ERR_INVALID_ARGUMENT : ERR_OUT_OF_RANGE);
    extent = (struct block_extent){.count = 0};
    expect("nothing", block_client_transfer(session, BLOCK_READ, 0, &extent, 1),
           ERR_INVALID_ARGUMENT);
    extent = (struct block_extent){.count = PIECE};
    expect("no such operation", block_client_transfer(session, (enum block_op)77, 0, &extent, 1),
           ERR_INVALID_ARGUMENT);
    expect("not open for writing", block_client_transfer(session, BLOCK_WRITE, 0, &extent, 1),
           ERR_READ_ONLY);
    expect(
        "a second exclusive session",
        block_client_open(startup_handle(STARTUP_INIT), name, BLOCK_OPEN_EXCLUSIVE, BUFFER, &other),
        ERR_BUSY);
    expect("no such device",
           block_client_open(startup_handle(STARTUP_INIT), "nowhere", 0, BUFFER, &other),
           ERR_NOT_FOUND);
    puts("refused");
}

int main(int argc, char **argv)
{
    struct block_session session;
    uint32_t seed = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 0) : 1;
    if (argc < 3) {
        list();
        return 0;
    }
    bool fill = strcmp(argv[1], "fill") == 0;
    uint32_t flags = (fill ? BLOCK_OPEN_WRITE : 0) | BLOCK_OPEN_EXCLUSIVE;
    if (open_session(argv[2], flags, &session) != OK)
        return 1;
    if (strcmp(argv[1], "sum") == 0)
        sum(&session);
    if (strcmp(argv[1], "bad") == 0)
        bad(&session, argv[2]);
    if (fill) {
        pass(&session, seed, true);
        expect("flush", block_client_flush(&session), OK);
    }
    if (fill || strcmp(argv[1], "verify") == 0) {
        pass(&session, seed, false);
        puts(failures ? "wrong" : "right");
    }
    block_client_close(&session);
    return failures > 0;
}
