/* SPDX-License-Identifier: MIT */
/* A program with code, read-only and changing data, zeros and TLS: linked in several ways, planned. */
static __thread int local = 1;
static int zeros[3000];
static int data[3000] = {1, 2, 3};
static const int constants[100] = {4, 5, 6};

int main(int argc, char **argv)
{
    (void)argv;
    zeros[argc % 3000] = data[argc % 3] + constants[argc % 3] + local++;
    return zeros[1] == 0;
}
