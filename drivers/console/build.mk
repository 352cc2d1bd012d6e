$(call native-program,serial,drivers/console/serial.c drivers/console/console.c)
$(call native-program,vga,drivers/console/vga.c drivers/console/screen.c drivers/console/glyph.c drivers/console/keyboard.c drivers/console/console.c)
$(call native-program,ports,drivers/console/ports.c drivers/console/console.c)
