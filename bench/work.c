// SPDX-License-Identifier: MIT

#include "bench/work.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WALL_SECONDS 180 // no load takes that long, however slow the board is in its own time

static const char *work_folder;

void fail(const char *format, ...) {
    va_list list;
    va_start(list, format);
    (void)fputs("bench: ", stderr);
    (void)vfprintf(stderr, format, list);
    (void)fputc('\n', stderr);
    va_end(list);
    exit(2);
}

void work_in(const char *folder) {
    work_folder = folder;
}

const char *work_path(const char *name) {
    static char paths[8][512];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", work_folder, name);
    return path;
}

size_t read_whole(const char *path, void *to, size_t room) {
    FILE *in = fopen(path, "rbe");
    size_t got = in ? fread(to, 1, room, in) : 0;
    if (in) {
        (void)fclose(in);
    }
    return got;
}

void write_whole(const char *path, const void *from, size_t len) {
    FILE *out = fopen(path, "wbe");
    if (!out || fwrite(from, 1, len, out) != len || fclose(out) != 0) {
        fail("%s: %s", path, strerror(errno));
    }
}

void say(struct words *words, const char *word) {
    if (words->count + 1 >= sizeof words->at / sizeof *words->at) {
        fail("a command of too many words");
    }
    words->at[words->count++] = word;
}

int run(struct words *words) {
    words->at[words->count] = NULL;
    pid_t child = fork();
    if (child == 0) {
        (void)setpgid(0, 0);
        int out = open(work_path("output.txt"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        int in = open("/dev/null", O_RDONLY);
        if (out < 0 || in < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || dup2(in, 0) < 0) {
            _exit(127);
        }
        (void)execvp(words->at[0], (char *const *)words->at);
        _exit(127);
    }
    if (child < 0) {
        fail("fork: %s", strerror(errno));
    }
    for (unsigned tenths = 0;; tenths++) {
        int status;
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (tenths == WALL_SECONDS * 10) {
            (void)kill(-child, SIGKILL);
            (void)waitpid(child, &status, 0);
            return 124;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
}

size_t read_output(char *to, size_t room) {
    size_t len = read_whole(work_path("output.txt"), to, room - 1);
    to[len] = '\0';
    return len;
}

void last_line(char *to, size_t room) {
    static char text[65536];
    (void)read_output(text, sizeof text);
    to[0] = '\0';
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        line += strspn(line, " \t");
        if (*line && strncmp(line, "vboard: ", 8) != 0 && strncmp(line, "--", 2) != 0) {
            (void)snprintf(to, room, "%s", line);
        }
    }
    for (char *c = to; *c; c++) {
        *c = *c == '|' || (unsigned char)*c < ' ' ? ' ' : *c;
    }
}

void vboard_line(char *to, size_t room, bool wants_note) {
    static char text[65536];
    static const char prefix[] = "vboard: ", note[] = "vboard: note: ";
    (void)read_output(text, sizeof text);
    to[0] = '\0';
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        if (strncmp(line, note, sizeof note - 1) == 0) {
            (void)snprintf(to, room, "%s", line + sizeof note - 1);
        } else if (!wants_note && strncmp(line, prefix, sizeof prefix - 1) == 0) {
            (void)snprintf(to, room, "%s", line + sizeof prefix - 1);
        }
    }
}
