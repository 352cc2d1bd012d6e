$(call native-program,hostfs,servers/hostfs/main.c servers/hostfs/p9.c lib/virtio/virtio.c)
