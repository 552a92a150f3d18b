// SPDX-License-Identifier: MIT
//
// The control socket of a running board: lines of words in, answers out.
//
//   -> pin button=1            -> pin lever=1
//   <- ok                      <- error stm32f4-discovery has no pin lever
//
// An answer may have lines of its own before the closing `ok` or `error SENTENCE`; they begin with a
// blank. What the words mean is the caller's (vboard/bench.h).

#ifndef VBOARD_HOST_CONTROL_H
#define VBOARD_HOST_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>

#define CONTROL_CLIENTS_MAX 8u
#define CONTROL_LINE_MAX    1024u
// Descriptors control_poll() fills in.
#define CONTROL_FDS_MAX     (CONTROL_CLIENTS_MAX + 1u)

// Does what a line says. What it writes to `reply` goes to the client. False with a sentence in `why`.
typedef bool (*control_do)(void *ctx, const char *line, FILE *reply, char why[512]);

struct control;

// `fd` listens, and stays the caller's. NULL when memory is out.
struct control *control_new(int fd, control_do act, void *ctx);
void control_free(struct control *control);
// Fills in what to wait for; returns how many.
unsigned control_poll(const struct control *control, struct pollfd on[CONTROL_FDS_MAX]);
// Does what clients ask, without waiting.
void control_serve(struct control *control);

// The other end: sends the words as one line to the board served at `path` and shows the answer.
// False with a sentence in `why`.
bool control_ask(const char *path, char **words, FILE *to, char why[512]);

#endif
