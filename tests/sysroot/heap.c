/* SPDX-License-Identifier: MIT */
/* A heap of more than 2 GiB: all that there are addresses for, given back in the order that joins it to one block, used again. */
#include <malloc.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"

enum { BLOCK = 16 << 20, MOST = 256 };

static void *blocks[MOST];

static size_t fill(void)
{
    size_t count = 0;

    while (count < MOST && (blocks[count] = malloc(BLOCK)))
        count++;
    return count;
}

int main(void)
{
    size_t count = fill();
    char *start = blocks[0];

    CHECK(count > 130); /* 2 GiB are 128 */
    for (size_t i = 0; i < count; i++) {
        CHECK(malloc_usable_size(blocks[i]) >= BLOCK);
        *(size_t *)blocks[i] = i;
    }
    for (size_t i = 0; i < count; i++)
        CHECK(*(size_t *)blocks[i] == i);
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
    CHECK((size_t)((char *)sbrk(0) - start) <
          (size_t)count * BLOCK - (256 << 20)); /* the end went back to the system */

    CHECK(fill() == count);
    for (size_t i = count; i-- > 0;)
        free(blocks[i]);

    char *large = malloc(1900u << 20);
    CHECK(large);
    free(large);
    volatile size_t too_large[] = {INT32_MAX - 64, INT32_MAX, SIZE_MAX / 2 + 2, SIZE_MAX - 64};
    for (size_t i = 0; i < sizeof too_large / sizeof *too_large; i++) {
        errno = 0;
        CHECK((large = malloc(too_large[i])) == NULL && errno == ENOMEM);
    }
    CHECK((large = malloc(100000)) && malloc_usable_size(large) >= 100000);
    memset(large, 1, 100000);
    free(large);
    return finish();
}
