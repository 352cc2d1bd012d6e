/* SPDX-License-Identifier: MIT */
/* Named pipes, and with them the anonymous ones of CreatePipe. */
#ifndef NT_PIPE_H
#define NT_PIPE_H

#include <personalities/nt/file.h>

#define PIPE_MESSAGE_MAX 0x10000u

NTSTATUS named_pipe_read(struct nt_thread *thread, struct nt_file *file, void *to, uint32_t length,
                         uint32_t *done);
NTSTATUS named_pipe_write(struct nt_thread *thread, struct nt_file *file, const void *from,
                          uint32_t length, uint32_t *done);
/* FILE_PIPE_INFORMATION and FILE_PIPE_LOCAL_INFORMATION of either end. */
void pipe_information(struct nt_file *file, FILE_PIPE_INFORMATION *info);
NTSTATUS pipe_set_information(struct nt_file *file, const FILE_PIPE_INFORMATION *info);
void pipe_local_information(struct nt_file *file, FILE_PIPE_LOCAL_INFORMATION *info);

#endif
