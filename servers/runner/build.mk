$(call native-program,runner,servers/runner/main.c)
