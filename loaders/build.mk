# Bytes in, load plan out; compiled by whoever links it.
LOADER_SRCS := loaders/plan.c loaders/elf32/elf32.c loaders/pe/pe.c
