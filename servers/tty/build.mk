$(call native-program,tty,servers/tty/main.c servers/tty/terminal.c servers/tty/ldisc.c)
