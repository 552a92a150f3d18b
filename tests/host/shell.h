// SPDX-License-Identifier: MIT
//
// Shell lines for tests of whole programs: run one, and hold its status and words against what is
// expected. One program's output at a time.

#ifndef TESTS_HOST_SHELL_H
#define TESTS_HOST_SHELL_H

#include <sys/types.h>

// Both streams of the last line run.
extern char output[65536];

// Waits for a child; what $? would be.
int status_of(pid_t pid);
// Runs a line; what $? would be.
int shell(const char *line);
// Makes a folder of the test's own, goes there and has $TMPDIR name it; 0, as a set-up returns it.
int enter_folder(void);
// Leaves it and removes it with all that is in it: a tear-down.
int leave_folder(void **state);
// Fails the test unless the line ends so and says these words.
void exits(int expected, const char *line, const char *words);
// The same, and says nothing but one sentence of vboard's.
void refuses(int expected, const char *line, const char *words);

#endif
