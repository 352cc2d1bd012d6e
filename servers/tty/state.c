/* SPDX-License-Identifier: MIT */
/*
 * The state of a pseudo terminal as bytes, for snapshots: a struct pty_state, the bytes that programs
 * could read, for each whether a line ends with it, and those that wait for the master. It goes in
 * pieces; what comes is checked as a whole before anything changes.
 */
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

static uint32_t input_bytes(const struct ldisc *ldisc)
{
    return ldisc->head - ldisc->read;
}

static bool bit(const uint8_t *bits, uint32_t index)
{
    index %= LDISC_QUEUE;
    return bits[index / 8] & (1u << index % 8);
}

/* *size bytes of malloc'ed state; NULL when out of memory. */
static uint8_t *flatten(const struct terminal *terminal, uint32_t *size)
{
    const struct ldisc *ldisc = &terminal->ldisc;
    struct pty_state state = {.attributes = ldisc->attributes,
                              .size = terminal->size,
                              .locked = terminal->locked,
                              .packet = terminal->packet,
                              .packet_status = terminal->packet_status,
                              .was_opened = terminal->was_opened,
                              .column = ldisc->column,
                              .edit_column = ldisc->edit_column,
                              .literal_next = ldisc->literal_next,
                              .output_stopped = ldisc->output_stopped,
                              .input = input_bytes(ldisc),
                              .canonical = ldisc->canonical - ldisc->read,
                              .output = terminal->out_head - terminal->out_tail};
    *size = (uint32_t)sizeof state + state.input * 2 + state.output;
    uint8_t *bytes = malloc(*size), *at = bytes;
    if (bytes == NULL)
        return NULL;
    memcpy(at, &state, sizeof state);
    at += sizeof state;
    for (uint32_t i = 0; i < state.input; i++)
        *at++ = ldisc->queue[(ldisc->read + i) % LDISC_QUEUE];
    for (uint32_t i = 0; i < state.input; i++)
        *at++ = bit(ldisc->ends, ldisc->read + i);
    for (uint32_t i = 0; i < state.output; i++)
        *at++ = terminal->out[(terminal->out_tail + i) % OUTPUT_QUEUE];
    return bytes;
}

bool state_export(struct terminal *terminal, struct message *message)
{
    uint32_t offset = ((struct pty_export_request *)message->data)->offset, size = 0;
    uint8_t *bytes = flatten(terminal, &size);
    if (bytes == NULL)
        return request_done(message, ERR_NO_MEMORY, 0);
    uint32_t part = offset < size ? size - offset : 0;
    if (part > TTY_DATA_MAX)
        part = TTY_DATA_MAX;
    memcpy(message->data, bytes + size - (offset < size ? size - offset : 0), part);
    free(bytes);
    return request_done(message, OK, part);
}

/* ---- back ------------------------------------------------------------------------------------------ */

static bool is_possible(const struct pty_state *state, uint32_t size)
{
    return state->input <= LDISC_QUEUE && state->canonical <= state->input &&
           state->output <= OUTPUT_QUEUE &&
           size == sizeof *state + state->input * 2 + state->output;
}

static void take(struct terminal *terminal, const struct pty_state *state, const uint8_t *at)
{
    struct ldisc *ldisc = &terminal->ldisc;
    ldisc_set_attributes(ldisc, &state->attributes);
    memset(ldisc->ends, 0, sizeof ldisc->ends);
    memcpy(ldisc->queue, at, state->input);
    at += state->input;
    for (uint32_t i = 0; i < state->input; i++)
        ldisc->ends[i / 8] |= (uint8_t)((*at++ != 0) << i % 8);
    ldisc->read = 0;
    ldisc->canonical = state->canonical;
    ldisc->head = state->input;
    ldisc->column = state->column;
    ldisc->edit_column = state->edit_column;
    ldisc->literal_next = state->literal_next;
    ldisc->output_stopped = state->output_stopped;
    memcpy(terminal->out, at, state->output);
    terminal->out_tail = 0;
    terminal->out_head = state->output;
    terminal->size = state->size;
    terminal->locked = state->locked;
    terminal->packet = state->packet;
    terminal->packet_status = (uint8_t)state->packet_status;
    terminal->was_opened |= state->was_opened != 0;
}

static void drop(struct terminal *terminal)
{
    free(terminal->coming);
    terminal->coming = NULL;
    terminal->coming_size = 0;
}

bool state_import(struct terminal *terminal, struct message *message)
{
    struct pty_import_request request = *(struct pty_import_request *)message->data;
    uint32_t part = message->size - (uint32_t)sizeof request;
    struct pty_state state;
    if (request.offset == 0) {
        drop(terminal);
        terminal->coming = request.total <= PTY_STATE_MAX ? malloc(request.total + 1) : NULL;
        terminal->coming_size = terminal->coming ? request.total : 0;
    }
    if (terminal->coming == NULL || part > terminal->coming_size ||
        request.offset > terminal->coming_size - part)
        return request_done(message, ERR_INVALID_ARGUMENT, 0);
    memcpy(terminal->coming + request.offset, message->data + sizeof request, part);
    if (request.offset + part < terminal->coming_size)
        return request_done(message, OK, 0);
    if (terminal->coming_size >= sizeof state)
        memcpy(&state, terminal->coming, sizeof state);
    bool possible =
        terminal->coming_size >= sizeof state && is_possible(&state, terminal->coming_size);
    if (possible)
        take(terminal, &state, terminal->coming + sizeof state);
    drop(terminal);
    return request_done(message, possible ? OK : ERR_INVALID_ARGUMENT, 0);
}
