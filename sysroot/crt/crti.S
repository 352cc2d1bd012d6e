/* SPDX-License-Identifier: MIT */
/* Opens _init and _fini; crtn.S closes them. What the compiler's objects put between them is called. */
    .section .init, "ax", @progbits
    .globl _init
    .type _init, @function
_init:
    subl $12, %esp

    .section .fini, "ax", @progbits
    .globl _fini
    .type _fini, @function
_fini:
    subl $12, %esp

    .section .note.GNU-stack, "", @progbits
