/* SPDX-License-Identifier: MIT */
/* The line discipline; see ldisc.h. Behaviour after termios(3) and Linux's n_tty. */
#include "ldisc.h"

#include "termios_bits.h"

#define SIGNAL_INT  2
#define SIGNAL_QUIT 3
#define SIGNAL_TSTP 20
#define TAB_STOP    8

/* TIOCPKT_* of Linux. */
#define STATUS_FLUSHREAD 1
#define STATUS_STOP      4
#define STATUS_START     8

static const struct tty_attributes sane = {
    .iflag = IN_ICRNL | IN_IXON | IN_IMAXBEL | IN_IUTF8,
    .oflag = OUT_OPOST | OUT_ONLCR,
    .cflag = CTL_B38400 | CTL_CS8 | CTL_CREAD | CTL_HUPCL,
    .lflag = LOC_ISIG | LOC_ICANON | LOC_ECHO | LOC_ECHOE | LOC_ECHOK | LOC_ECHOCTL | LOC_ECHOKE |
             LOC_IEXTEN,
    .input_speed = 38400,
    .output_speed = 38400,
    .cc = {[CC_INTR] = 3,
           [CC_QUIT] = 28,
           [CC_ERASE] = 127,
           [CC_KILL] = 21,
           [CC_EOF] = 4,
           [CC_MIN] = 1,
           [CC_START] = 17,
           [CC_STOP] = 19,
           [CC_SUSP] = 26,
           [CC_REPRINT] = 18,
           [CC_DISCARD] = 15,
           [CC_WERASE] = 23,
           [CC_LNEXT] = 22},
};

static bool local(const struct ldisc *ldisc, uint32_t bit)
{
    return ldisc->attributes.lflag & bit;
}

static bool is_control(const struct ldisc *ldisc, uint8_t byte, uint32_t index)
{
    return byte != 0 && ldisc->attributes.cc[index] == byte;
}

static uint8_t at(const struct ldisc *ldisc, uint32_t index)
{
    return ldisc->queue[index % LDISC_QUEUE];
}

static bool ends_line(const struct ldisc *ldisc, uint32_t index)
{
    index %= LDISC_QUEUE;
    return ldisc->ends[index / 8] & (1u << index % 8);
}

static void set_end(struct ldisc *ldisc, uint32_t index, bool end)
{
    index %= LDISC_QUEUE;
    if (end)
        ldisc->ends[index / 8] |= (uint8_t)(1u << index % 8);
    else
        ldisc->ends[index / 8] &= (uint8_t) ~(1u << index % 8);
}

void ldisc_init(struct ldisc *ldisc)
{
    ldisc->attributes = sane;
    ldisc->column = 0;
    ldisc->output_stopped = false;
    ldisc_flush_input(ldisc);
}

static void tell(struct ldisc *ldisc, uint32_t status)
{
    if (ldisc->status)
        ldisc->status(ldisc, status);
}

void ldisc_stop_output(struct ldisc *ldisc, bool stop)
{
    if (ldisc->output_stopped == stop)
        return;
    ldisc->output_stopped = stop;
    tell(ldisc, stop ? STATUS_STOP : STATUS_START);
}

void ldisc_flush_input(struct ldisc *ldisc)
{
    ldisc->read = ldisc->canonical = ldisc->head = 0;
    ldisc->literal_next = false;
}

/* ---- output ---------------------------------------------------------------------------------- */

static void emit(struct ldisc *ldisc, uint8_t byte)
{
    ldisc->emit(ldisc, &byte, 1);
}

/* Follows the cursor, so that tabs expand and erase rightly. Continuation bytes take no column. */
static void track_column(struct ldisc *ldisc, uint8_t byte)
{
    if (byte == '\r' || byte == '\n')
        ldisc->column = 0;
    else if (byte == '\b')
        ldisc->column -= ldisc->column > 0;
    else if (byte == '\t')
        ldisc->column = (ldisc->column | (TAB_STOP - 1)) + 1;
    else if (byte >= ' ' && byte != 127 && (byte & 0xc0) != 0x80)
        ldisc->column++;
}

static void output_special(struct ldisc *ldisc, uint8_t byte)
{
    uint32_t oflag = ldisc->attributes.oflag;
    if (byte == '\n' && (oflag & OUT_ONLCR))
        emit(ldisc, '\r');
    if (byte == '\r' && (oflag & OUT_ONOCR) && ldisc->column == 0)
        return;
    if (byte == '\r' && (oflag & OUT_OCRNL))
        byte = '\n';
    if (byte == '\t' && (oflag & OUT_TABDLY) == OUT_XTABS) {
        do {
            emit(ldisc, ' ');
            ldisc->column++;
        } while (ldisc->column % TAB_STOP);
        return;
    }
    track_column(ldisc, byte);
    emit(ldisc, byte);
}

static bool is_special_output(uint8_t byte)
{
    return byte == '\n' || byte == '\r' || byte == '\t';
}

void ldisc_output(struct ldisc *ldisc, const uint8_t *bytes, uint32_t count)
{
    if (!(ldisc->attributes.oflag & OUT_OPOST)) {
        ldisc->emit(ldisc, bytes, count);
        return;
    }
    while (count > 0) {
        uint32_t plain = 0;
        while (plain < count && !is_special_output(bytes[plain]))
            track_column(ldisc, bytes[plain++]);
        if (plain > 0)
            ldisc->emit(ldisc, bytes, plain);
        else
            output_special(ldisc, bytes[plain++]);
        bytes += plain;
        count -= plain;
    }
}

/* ---- echo -------------------------------------------------------------------------------------- */

static bool shown_as_caret(const struct ldisc *ldisc, uint8_t byte)
{
    return local(ldisc, LOC_ECHOCTL) && (byte < ' ' || byte == 127) && byte != '\t' && byte != '\n';
}

static void echo(struct ldisc *ldisc, uint8_t byte)
{
    if (byte == '\n' && local(ldisc, LOC_ICANON) && local(ldisc, LOC_ECHONL)) {
        ldisc_output(ldisc, &byte, 1);
        return;
    }
    if (!local(ldisc, LOC_ECHO))
        return;
    if (shown_as_caret(ldisc, byte)) {
        uint8_t caret[2] = {'^', byte ^ 0x40};
        ldisc_output(ldisc, caret, 2);
    } else {
        ldisc_output(ldisc, &byte, 1);
    }
}

/* Columns the bytes [from, to) of the line being edited take, starting at its first column. */
static uint32_t column_after(const struct ldisc *ldisc, uint32_t to)
{
    uint32_t column = ldisc->edit_column;
    for (uint32_t i = ldisc->canonical; i != to; i++) {
        uint8_t byte = at(ldisc, i);
        if (byte == '\t')
            column = (column | (TAB_STOP - 1)) + 1;
        else if (shown_as_caret(ldisc, byte))
            column += 2;
        else if (byte >= ' ' && byte != 127 && (byte & 0xc0) != 0x80)
            column++;
    }
    return column;
}

static void rub_out_to(struct ldisc *ldisc, uint32_t column)
{
    while (ldisc->column > column) {
        static const uint8_t rub[3] = {'\b', ' ', '\b'};
        ldisc->emit(ldisc, rub, 3);
        ldisc->column--;
    }
}

/* ---- editing ------------------------------------------------------------------------------------ */

static void erase_character(struct ldisc *ldisc)
{
    if (ldisc->head == ldisc->canonical)
        return;
    do {
        ldisc->head--;
    } while ((ldisc->attributes.iflag & IN_IUTF8) && ldisc->head != ldisc->canonical &&
             (at(ldisc, ldisc->head) & 0xc0) == 0x80);
    if (!local(ldisc, LOC_ECHO))
        return;
    if (local(ldisc, LOC_ECHOE))
        rub_out_to(ldisc, column_after(ldisc, ldisc->head));
    else
        echo(ldisc, ldisc->attributes.cc[CC_ERASE]);
}

static void erase_word(struct ldisc *ldisc)
{
    while (ldisc->head != ldisc->canonical && at(ldisc, ldisc->head - 1) == ' ')
        erase_character(ldisc);
    while (ldisc->head != ldisc->canonical && at(ldisc, ldisc->head - 1) != ' ')
        erase_character(ldisc);
}

static void erase_line(struct ldisc *ldisc)
{
    if (local(ldisc, LOC_ECHOKE) && local(ldisc, LOC_ECHO)) {
        while (ldisc->head != ldisc->canonical)
            erase_character(ldisc);
        return;
    }
    ldisc->head = ldisc->canonical;
    echo(ldisc, ldisc->attributes.cc[CC_KILL]);
    if (local(ldisc, LOC_ECHOK))
        echo(ldisc, '\n');
}

static void reprint_line(struct ldisc *ldisc)
{
    echo(ldisc, ldisc->attributes.cc[CC_REPRINT]);
    echo(ldisc, '\n');
    ldisc->edit_column = ldisc->column;
    for (uint32_t i = ldisc->canonical; i != ldisc->head; i++)
        echo(ldisc, at(ldisc, i));
}

static bool has_room(const struct ldisc *ldisc)
{
    /* One place stays free for the byte that ends a line, so that a full line can be finished. */
    return ldisc->head - ldisc->read < LDISC_QUEUE - 1;
}

static void append(struct ldisc *ldisc, uint8_t byte, bool end)
{
    ldisc->queue[ldisc->head % LDISC_QUEUE] = byte;
    set_end(ldisc, ldisc->head, end);
    ldisc->head++;
}

static void finish_line(struct ldisc *ldisc, uint8_t byte)
{
    append(ldisc, byte, true);
    ldisc->canonical = ldisc->head;
}

static void store(struct ldisc *ldisc, uint8_t byte)
{
    if (!has_room(ldisc)) {
        if (ldisc->attributes.iflag & IN_IMAXBEL)
            emit(ldisc, '\a');
        return;
    }
    if (ldisc->head == ldisc->canonical)
        ldisc->edit_column = ldisc->column;
    echo(ldisc, byte);
    append(ldisc, byte, false);
    if (!local(ldisc, LOC_ICANON))
        ldisc->canonical = ldisc->head;
}

/* The next byte is data whatever it is; a caret holds its place. */
static void begin_literal(struct ldisc *ldisc)
{
    static const uint8_t caret[2] = {'^', '\b'};
    ldisc->literal_next = true;
    if (local(ldisc, LOC_ECHO) && local(ldisc, LOC_ECHOCTL))
        ldisc->emit(ldisc, caret, 2);
}

static bool edit_key(struct ldisc *ldisc, uint8_t byte)
{
    bool extended = local(ldisc, LOC_IEXTEN);
    if (is_control(ldisc, byte, CC_ERASE) ||
        (byte == '\b' && ldisc->attributes.cc[CC_ERASE] == 127))
        erase_character(ldisc);
    else if (is_control(ldisc, byte, CC_KILL))
        erase_line(ldisc);
    else if (extended && is_control(ldisc, byte, CC_WERASE))
        erase_word(ldisc);
    else if (extended && is_control(ldisc, byte, CC_REPRINT))
        reprint_line(ldisc);
    else if (extended && is_control(ldisc, byte, CC_LNEXT))
        begin_literal(ldisc);
    else
        return false;
    return true;
}

static bool line_end_key(struct ldisc *ldisc, uint8_t byte)
{
    if (is_control(ldisc, byte, CC_EOF)) {
        finish_line(ldisc, 0); /* the byte itself is dropped by the reader, see ldisc_read */
        return true;
    }
    if (byte == '\n' || is_control(ldisc, byte, CC_EOL) || is_control(ldisc, byte, CC_EOL2)) {
        echo(ldisc, byte);
        finish_line(ldisc, byte);
        return true;
    }
    return false;
}

/* ---- keys that act at once ----------------------------------------------------------------------- */

static bool signal_key(struct ldisc *ldisc, uint8_t byte)
{
    uint32_t number;
    if (!local(ldisc, LOC_ISIG))
        return false;
    if (is_control(ldisc, byte, CC_INTR))
        number = SIGNAL_INT;
    else if (is_control(ldisc, byte, CC_QUIT))
        number = SIGNAL_QUIT;
    else if (is_control(ldisc, byte, CC_SUSP))
        number = SIGNAL_TSTP;
    else
        return false;
    if (!local(ldisc, LOC_NOFLSH)) {
        ldisc_flush_input(ldisc);
        tell(ldisc, STATUS_FLUSHREAD);
    }
    ldisc_stop_output(ldisc, false);
    echo(ldisc, byte);
    ldisc->signal(ldisc, number);
    return true;
}

static bool flow_key(struct ldisc *ldisc, uint8_t byte)
{
    if (!(ldisc->attributes.iflag & IN_IXON))
        return false;
    if (is_control(ldisc, byte, CC_STOP)) {
        ldisc_stop_output(ldisc, true);
        return true;
    }
    if (is_control(ldisc, byte, CC_START)) {
        ldisc_stop_output(ldisc, false);
        return true;
    }
    if (ldisc->attributes.iflag & IN_IXANY)
        ldisc_stop_output(ldisc, false);
    return false;
}

static bool translate(const struct ldisc *ldisc, uint8_t *byte)
{
    uint32_t iflag = ldisc->attributes.iflag;
    if (iflag & IN_ISTRIP)
        *byte &= 0x7f;
    if ((iflag & IN_IUCLC) && *byte >= 'A' && *byte <= 'Z')
        *byte += 'a' - 'A';
    if (*byte == '\r') {
        if (iflag & IN_IGNCR)
            return false;
        if (iflag & IN_ICRNL)
            *byte = '\n';
    } else if (*byte == '\n' && (iflag & IN_INLCR)) {
        *byte = '\r';
    }
    return true;
}

void ldisc_input(struct ldisc *ldisc, uint8_t byte)
{
    if (ldisc->literal_next) {
        ldisc->literal_next = false;
        store(ldisc, byte);
        return;
    }
    if (flow_key(ldisc, byte) || signal_key(ldisc, byte) || !translate(ldisc, &byte))
        return;
    if (local(ldisc, LOC_ICANON) && (edit_key(ldisc, byte) || line_end_key(ldisc, byte)))
        return;
    store(ldisc, byte);
}

/* ---- reading --------------------------------------------------------------------------------------- */

/* A change of mode makes what was typed so far readable, as on Linux. */
void ldisc_set_attributes(struct ldisc *ldisc, const struct tty_attributes *attributes)
{
    bool was_canonical = local(ldisc, LOC_ICANON);
    ldisc->attributes = *attributes;
    if (was_canonical && !local(ldisc, LOC_ICANON))
        ldisc->canonical = ldisc->head;
    if (!(attributes->iflag & IN_IXON))
        ldisc_stop_output(ldisc, false);
}

uint32_t ldisc_available(const struct ldisc *ldisc)
{
    return ldisc->canonical - ldisc->read;
}

bool ldisc_readable(const struct ldisc *ldisc)
{
    uint32_t available = ldisc_available(ldisc);
    if (local(ldisc, LOC_ICANON))
        return available > 0;
    uint32_t minimum = ldisc->attributes.cc[CC_TIME] ? 1 : ldisc->attributes.cc[CC_MIN];
    return available >= (minimum ? minimum : 1);
}

bool ldisc_satisfies(const struct ldisc *ldisc, uint32_t length)
{
    uint32_t available = ldisc_available(ldisc), minimum = ldisc->attributes.cc[CC_MIN];
    if (local(ldisc, LOC_ICANON))
        return available > 0;
    if (minimum > length)
        minimum = length;
    return available >= (minimum ? minimum : 1);
}

bool ldisc_accepts(const struct ldisc *ldisc)
{
    return has_room(ldisc) || (local(ldisc, LOC_ICANON) && ldisc->canonical == ldisc->read);
}

static uint32_t read_line(struct ldisc *ldisc, uint8_t *buffer, uint32_t length)
{
    uint32_t count = 0;
    while (count < length && ldisc->read != ldisc->canonical) {
        uint8_t byte = at(ldisc, ldisc->read);
        bool end = ends_line(ldisc, ldisc->read);
        ldisc->read++;
        if (end && byte == 0) /* end of file key: ends the read, is not data */
            return count;
        buffer[count++] = byte;
        if (end)
            break;
    }
    /* A line that fills the buffer exactly must not leave its end-of-file mark as a false EOF. */
    if (count > 0 && count == length && ldisc->read != ldisc->canonical &&
        ends_line(ldisc, ldisc->read) && at(ldisc, ldisc->read) == 0 &&
        !ends_line(ldisc, ldisc->read - 1))
        ldisc->read++;
    return count;
}

uint32_t ldisc_read(struct ldisc *ldisc, uint8_t *buffer, uint32_t length, bool peek)
{
    uint32_t before = ldisc->read, count = 0;
    if (local(ldisc, LOC_ICANON)) {
        count = read_line(ldisc, buffer, length);
    } else {
        while (count < length && ldisc->read != ldisc->canonical)
            buffer[count++] = at(ldisc, ldisc->read++);
    }
    if (peek)
        ldisc->read = before;
    return count;
}
