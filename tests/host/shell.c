// SPDX-License-Identifier: MIT
//
// Running shell lines.

#include "tests/host/shell.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

char output[65536];

int status_of(pid_t pid) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int shell(const char *line) {
    (void)fflush(NULL);
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)dup2(fds[1], STDERR_FILENO);
        (void)execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(99);
    }
    (void)close(fds[1]);
    size_t used = 0;
    ssize_t got;
    while ((got = read(fds[0], output + used, sizeof output - 1 - used)) > 0) {
        used += (size_t)got;
    }
    output[used] = '\0';
    (void)close(fds[0]);
    return status_of(pid);
}

static char folder[32];

int enter_folder(void) {
    strcpy(folder, "/tmp/redfu-test-XXXXXX");
    return mkdtemp(folder) && chdir(folder) == 0 ? setenv("TMPDIR", folder, 1) : -1;
}

int leave_folder(void **state) {
    (void)state;
    char line[sizeof folder + 16];
    (void)snprintf(line, sizeof line, "rm -rf %s", folder);
    return chdir("/") | shell(line);
}

void exits(int expected, const char *line, const char *words) {
    int status = shell(line);
    if (status != expected || !strstr(output, words)) {
        fail_msg("%s: exit %d instead of %d, or no '%s' in:\n%s", line, status, expected, words,
                 output);
    }
}

void refuses(int expected, const char *line, const char *words) {
    exits(expected, line, words);
    const char *newline = strchr(output, '\n');
    if (strncmp(output, "vboard: ", 8) != 0 || !newline || newline[1] != '\0') {
        fail_msg("%s: not one sentence:\n%s", line, output);
    }
}
