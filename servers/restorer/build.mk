$(call native-program,restorer,servers/restorer/main.c)
