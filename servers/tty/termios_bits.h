/* SPDX-License-Identifier: MIT */
/* The termios bits and control characters this server knows; values of Linux (asm-generic/termbits.h). */
#ifndef TTY_TERMIOS_BITS_H
#define TTY_TERMIOS_BITS_H

enum {
    CC_INTR,
    CC_QUIT,
    CC_ERASE,
    CC_KILL,
    CC_EOF,
    CC_TIME,
    CC_MIN,
    CC_SWTC,
    CC_START,
    CC_STOP,
    CC_SUSP,
    CC_EOL,
    CC_REPRINT,
    CC_DISCARD,
    CC_WERASE,
    CC_LNEXT,
    CC_EOL2
};

enum input_bits {
    IN_IGNBRK = 01,
    IN_ISTRIP = 040,
    IN_INLCR = 0100,
    IN_IGNCR = 0200,
    IN_ICRNL = 0400,
    IN_IUCLC = 01000,
    IN_IXON = 02000,
    IN_IXANY = 04000,
    IN_IXOFF = 010000,
    IN_IMAXBEL = 020000,
    IN_IUTF8 = 040000
};
enum output_bits {
    OUT_OPOST = 01,
    OUT_ONLCR = 04,
    OUT_OCRNL = 010,
    OUT_ONOCR = 020,
    OUT_ONLRET = 040,
    OUT_TABDLY = 014000,
    OUT_XTABS = 014000
};
enum control_bits { CTL_B38400 = 017, CTL_CS8 = 060, CTL_CREAD = 0200, CTL_HUPCL = 02000 };
enum local_bits {
    LOC_ISIG = 01,
    LOC_ICANON = 02,
    LOC_ECHO = 010,
    LOC_ECHOE = 020,
    LOC_ECHOK = 040,
    LOC_ECHONL = 0100,
    LOC_NOFLSH = 0200,
    LOC_TOSTOP = 0400,
    LOC_ECHOCTL = 01000,
    LOC_ECHOKE = 04000,
    LOC_IEXTEN = 0100000
};

#endif
