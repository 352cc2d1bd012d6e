$(call native-program,tty,$(wildcard servers/tty/*.c))
