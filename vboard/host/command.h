// SPDX-License-Identifier: MIT
//
// COMMAND: found before the board has power, started in a process group of its own, ended with
// everything it started. Exit statuses are env(1)'s and timeout(1)'s.

#ifndef VBOARD_HOST_COMMAND_H
#define VBOARD_HOST_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

#define EXIT_VBOARD_FAILED  125
#define EXIT_CANNOT_RUN     126
#define EXIT_NOT_FOUND      127
#define EXIT_SIGNALLED_BASE 128

// The file a shell would run for this name. 0, or 126 or 127 with a sentence in `why`.
int command_find(const char *name, char path[4096], char why[512]);
// Whether it is a program that no dynamic loader starts, so that no library can be put into it (ld.so(8)).
bool command_is_static(const char *path);
// The library for COMMAND, beside this program. False with a sentence in `why`.
bool command_find_preload(char path[4096], char why[512]);

struct command {
    pid_t pid; // 0: not started
    int status;
    bool has_ended;
    bool has_terminal;
    // Set before command_start(): its output goes there, its input is empty, and the terminal stays ours.
    bool has_own_output;
    int output;
};

// Starts it with the test bed's environment. `preload` is given to the program through a link in
// `folder`, whose name has no blanks or colons. False with a sentence in `why`.
bool command_start(struct command *command, const char *path, char **argv, const char *root,
                   const char *folder, const char *preload, char why[512]);
// Takes note of ended children. True once COMMAND itself has ended.
bool command_poll(struct command *command);
void command_signal(const struct command *command, int signal_number);
// Ends whatever COMMAND left behind, and gives the terminal back.
void command_finish(struct command *command);
// What vboard exits with.
int command_exit_status(const struct command *command);

#endif
