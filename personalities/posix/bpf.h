/* SPDX-License-Identifier: MIT */
/* Classic BPF as seccomp uses it: programs over 64 bytes of data, read as aligned words. */
#ifndef POSIX_BPF_H
#define POSIX_BPF_H

#include <atomik/types.h>
#include <linux/filter.h>

#define BPF_DATA_SIZE 64u

/* Whether the program ends for any data, in bounds: only such may be run. 0 < length <= BPF_MAXINSNS. */
bool bpf_check(const struct sock_filter *program, uint32_t length);
uint32_t bpf_run(const struct sock_filter *program, const uint32_t data[BPF_DATA_SIZE / 4]);

#endif
