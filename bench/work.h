// SPDX-License-Identifier: MIT
//
// The folder that script/bench load works in, and the programs it runs there.

#ifndef REDFU_BENCH_WORK_H
#define REDFU_BENCH_WORK_H

#include <stdbool.h>
#include <stddef.h>

// A command, word by word.
struct words {
    const char *at[64];
    unsigned count;
};

// Says why on stderr and ends this program with 2: it could not be measured.
void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...);

// The folder of work_path(). It is there, and `folder` stays.
void work_in(const char *folder);

// A path in it, which holds until the eighth call after this one.
const char *work_path(const char *name);

// The bytes that were read, `room` at most; 0 for a file that is not there.
size_t read_whole(const char *path, void *to, size_t room);

// Fails rather than writing less.
void write_whole(const char *path, const void *from, size_t len);

void say(struct words *words, const char *word);

// Runs it in a process group of its own, its output into output.txt. What $? would be; 124 when it took too long.
int run(struct words *words);

// The output of what run() ran last, whole.
size_t read_output(char *to, size_t room);

// What the program said last that is no progress: its reason, if it failed.
void last_line(char *to, size_t room);

// What vboard said last, or of its notes: why it did not begin, or where the firmware is.
void vboard_line(char *to, size_t room, bool wants_note);

#endif
