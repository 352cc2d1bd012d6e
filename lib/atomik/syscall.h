/* SPDX-License-Identifier: MIT */
/*
 * User stubs of all kernel calls, derived from abi/atomik/calls.def: one function per row, named
 * like the row, taking its arguments in order; BUFIN/BUFOUT are void pointers, u64 is one argument.
 * The bodies are in syscall.c.
 */
#ifndef ATOMIK_SYSCALL_H
#define ATOMIK_SYSCALL_H

#include <atomik/calls.h>
#include <atomik/objects.h>
#include <atomik/types.h>

/* One-token names for the types in the OUT and INOUT columns of calls.def. */
#define CALL_TYPE_handle_t               handle_t
#define CALL_TYPE_u32                    uint32_t
#define CALL_TYPE_u64                    uint64_t
#define CALL_TYPE_struct_handle_info     struct handle_info
#define CALL_TYPE_struct_process_request struct process_request
#define CALL_TYPE_struct_process_info    struct process_info
#define CALL_TYPE_struct_thread_info     struct thread_info
#define CALL_TYPE_struct_thread_context  struct thread_context
#define CALL_TYPE_struct_map_request     struct map_request
#define CALL_TYPE_struct_mapping_info    struct mapping_info
#define CALL_TYPE_struct_load_result     struct load_result
#define CALL_TYPE_struct_vmo_info        struct vmo_info
#define CALL_TYPE_struct_message         struct message
#define CALL_TYPE_struct_system_info     struct system_info
#define CALL_KIND_handle                 handle_t
#define CALL_KIND_u32                    uint32_t
#define CALL_KIND_addr                   uintptr_t
#define CALL_KIND_u64                    uint64_t

/* Each argument expands to ", type name"; CALL_DROP removes the dummy and the first comma. */
#define CALL_DROP_(first, ...)  __VA_ARGS__
#define CALL_DROP(...)          CALL_DROP_(__VA_ARGS__)
#define IN(word, kind, name)    , CALL_KIND_##kind name
#define OUT(word, type, name)   , CALL_TYPE_##type *name
#define INOUT(word, type, name) , CALL_TYPE_##type *name
#define BUFIN(word, name)       , const void *name
#define BUFOUT(word, name)      , void *name
#define SYSCALL(number, call, arguments, text) \
    status_t call(CALL_DROP(_ arguments)) __attribute__((warn_unused_result));
#include <atomik/calls.def>
#undef SYSCALL
#undef IN
#undef OUT
#undef INOUT
#undef BUFIN
#undef BUFOUT

#endif
