/* SPDX-License-Identifier: MIT */
/* See claims.h. */
#include <ipc/claims.h>

#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <ipc/call.h>

#define CLAIMS (PAGE_SIZE / sizeof(struct fs_claim))

static struct mutex lock; /* of what follows, but for what the claims say */
static struct fs_claim *claims;
static handle_t vmo;
static uint32_t next;
static uint8_t held[CLAIMS];

static bool make_page(void)
{
    if (claims != NULL)
        return true;
    if (vmo_create(0, PAGE_SIZE, &vmo) != OK)
        return false;
    struct map_request map = {
        .vmo = vmo, .length = PAGE_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    if (space_map(HANDLE_SELF, &map) != OK) {
        handle_drop(&vmo);
        return false;
    }
    claims = (struct fs_claim *)(uintptr_t)map.address;
    return true;
}

static bool is_free(uint32_t index)
{
    return !__atomic_load_n(&held[index], __ATOMIC_ACQUIRE) &&
           __atomic_load_n(&claims[index].uses, __ATOMIC_ACQUIRE) == 0;
}

struct fs_claim *claim_new(handle_t *page, uint32_t *offset)
{
    struct fs_claim *claim = NULL;
    mutex_lock(&lock);
    bool made = make_page();
    for (uint32_t i = 0; made && claim == NULL && i < CLAIMS; i++) {
        uint32_t index = (next + i) % CLAIMS;
        if (!is_free(index))
            continue;
        claim = &claims[index];
        *claim = (struct fs_claim){.uses = 1};
        *page = vmo;
        *offset = index * sizeof *claim;
        next = index + 1;
    }
    mutex_unlock(&lock);
    return claim;
}

void claim_hold(struct fs_claim *claim)
{
    __atomic_store_n(&held[claim - claims], 1, __ATOMIC_RELEASE);
}

void claim_release(struct fs_claim *claim)
{
    __atomic_store_n(&held[claim - claims], 0, __ATOMIC_RELEASE);
}

bool claim_is_withdrawn(const struct fs_claim *claim)
{
    return __atomic_load_n(&claim->withdrawn, __ATOMIC_SEQ_CST) != 0;
}

bool claim_use(struct fs_claim *claim)
{
    __atomic_add_fetch(&claim->uses, 1, __ATOMIC_SEQ_CST);
    if (!claim_is_withdrawn(claim))
        return true;
    claim_end(claim);
    return false;
}

void claim_end(struct fs_claim *claim)
{
    __atomic_sub_fetch(&claim->uses, 1, __ATOMIC_SEQ_CST);
}
