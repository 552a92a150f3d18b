// SPDX-License-Identifier: MIT
//
// See qemu_trace.h. What QEMU 7.2 logs:
//
//   Trace 0: 0x7f1e64000100 [00800408/080000b8/00000110/ff000201] boot_reset
//   R00=00000000 R01=00000000 R02=00000000 R03=00000000
//   ...
//   XPSR=41000000 -Z-- T priv-thread
//   Stopped execution of TB chain before 0x7f1e64000100 [080000b8]
//
// The last line, where it comes, takes the record above back: an interrupt (or the end of an icount
// slice) was there first, and the instruction will be logged again when its turn comes. "cpu_io_recompile:
// rewound execution of TB to ..." does so too: with icount, a device is accessed from a block of its own.

#include "tests/oracle/qemu_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 60000
#define IMAGES_MAX  4u

struct qemu_trace {
    pid_t pid;
    int fd;
    char buffer[1 << 16];
    size_t at, end;
    char line[256];
    struct record record; // being read
    bool is_whole;
};

static bool is_installed(void) {
    return system("command -v qemu-system-arm >/dev/null 2>&1") == 0;
}

// In the child.
static void run_qemu(const struct qemu_image *images, unsigned count) {
    static char devices[IMAGES_MAX][512];
    // Virtual time is counted in instructions, so that each run is the same; serial lines, screen
    // and monitor are not there, so that nothing but the log comes out.
    const char *arguments[32] = {"qemu-system-arm",
                                 "-M",
                                 "netduinoplus2",
                                 "-icount",
                                 "shift=6,sleep=off",
                                 "-display",
                                 "none",
                                 "-monitor",
                                 "none",
                                 "-serial",
                                 "null",
                                 "-singlestep",
                                 "-d",
                                 "exec,cpu,nochain",
                                 "-D",
                                 "/dev/stdout"};
    unsigned n = 16;
    for (unsigned i = 0; i < count && i < IMAGES_MAX; i++) {
        snprintf(devices[i], sizeof devices[i], "loader,file=%s,addr=0x%x,force-raw=on",
                 images[i].file, images[i].addr);
        arguments[n++] = "-device";
        arguments[n++] = devices[i];
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(arguments[0], (char **)arguments);
    _exit(127);
}

struct qemu_trace *qemu_trace_start(const struct qemu_image *images, unsigned count) {
    int fds[2];
    if (!is_installed()) {
        return NULL;
    }
    struct qemu_trace *trace = calloc(1, sizeof *trace);
    if (!trace || pipe2(fds, O_CLOEXEC) != 0) {
        abort();
    }
    trace->pid = fork();
    if (trace->pid < 0) {
        abort();
    }
    if (trace->pid == 0) {
        int null = open("/dev/null", O_RDONLY);
        if (null < 0 || dup2(null, 0) < 0 || dup2(fds[1], 1) < 0) {
            _exit(127);
        }
        run_qemu(images, count);
    }
    close(fds[1]);
    trace->fd = fds[0];
    (void)fcntl(trace->fd, F_SETPIPE_SZ, 1 << 20); // QEMU waits less often
    return trace;
}

static bool fill(struct qemu_trace *trace) {
    struct pollfd pollfd = {.fd = trace->fd, .events = POLLIN};
    ssize_t got;
    do {
        if (poll(&pollfd, 1, PATIENCE_MS) == 0) {
            return false;
        }
        got = read(trace->fd, trace->buffer, sizeof trace->buffer);
    } while (got < 0 && errno == EINTR);
    trace->at = 0;
    trace->end = got > 0 ? (size_t)got : 0;
    return got > 0;
}

static bool read_line(struct qemu_trace *trace) {
    size_t length = 0;
    for (;;) {
        if (trace->at == trace->end && !fill(trace)) {
            return false;
        }
        char c = trace->buffer[trace->at++];
        if (c == '\n') {
            trace->line[length] = '\0';
            return true;
        }
        if (length + 1 < sizeof trace->line) {
            trace->line[length++] = c;
        }
    }
}

// "R04=00000000 R05=..." or "XPSR=..."
static void take_registers(struct qemu_trace *trace) {
    for (char *at = trace->line; at[0] == 'R' && at[3] == '='; at += 13) {
        unsigned n = (unsigned)strtoul(at + 1, NULL, 10);
        if (n < 16) {
            trace->record.r[n] = (uint32_t)strtoul(at + 4, NULL, 16);
        }
        if (at[12] != ' ') {
            break;
        }
    }
    if (strncmp(trace->line, "XPSR=", 5) == 0) {
        trace->record.xpsr = (uint32_t)strtoul(trace->line + 5, NULL, 16);
        trace->is_whole = true;
    }
}

bool qemu_trace_next(struct qemu_trace *trace, struct record *record) {
    while (read_line(trace)) {
        if (strncmp(trace->line, "Trace ", 6) == 0) {
            bool is_whole = trace->is_whole;
            *record = trace->record;
            trace->is_whole = false;
            if (is_whole) {
                return true;
            }
        } else if (strncmp(trace->line, "Stopped execution ", 18) == 0 ||
                   strncmp(trace->line, "cpu_io_recompile: rewound ", 26) == 0) {
            trace->is_whole = false;
        } else {
            take_registers(trace);
        }
    }
    return false;
}

void qemu_trace_stop(struct qemu_trace *trace) {
    (void)kill(trace->pid, SIGKILL);
    (void)waitpid(trace->pid, NULL, 0);
    close(trace->fd);
    free(trace);
}
