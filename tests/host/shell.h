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
// Removes a test's folder, in which it may be; 0, as a tear-down returns it.
int leave_folder(const char *folder);
// Fails the test unless the line ends so and says these words.
void exits(int expected, const char *line, const char *words);
// The same, and says nothing but one sentence of vboard's.
void refuses(int expected, const char *line, const char *words);

#endif
