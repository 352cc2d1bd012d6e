$(call native-program,window,servers/window/main.c)
