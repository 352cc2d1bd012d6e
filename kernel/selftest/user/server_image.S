/* SPDX-License-Identifier: MIT */
/* The ring-1 test server's file; its path comes from build.mk. */
    .section .rodata
    .balign 4096
    .globl server_image, server_image_end
server_image:
    .incbin SELFTEST_SERVER
server_image_end:

    .section .note.GNU-stack, "", @progbits
