// SPDX-License-Identifier: MIT

#include "image/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

bool streams_open_missing(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        // The lowest number that is free is this one: those below are open.
        int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", mode) != fd) {
            return false;
        }
    }
    return true;
}

static void ignore(int signal_number) {
    (void)signal_number;
}

// A handler, since programs that this one starts would inherit SIG_IGN (execve(2)).
void streams_survive_file_limit(void) {
    struct sigaction old;
    if (sigaction(SIGXFSZ, NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
        struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
        (void)sigemptyset(&action.sa_mask);
        (void)sigaction(SIGXFSZ, &action, NULL);
    }
}
