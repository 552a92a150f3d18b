// SPDX-License-Identifier: MIT

#include "vboard/host/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vboard/host/command.h"
#include "vboard/host/local_socket.h"
#include "vboard/host/pace.h"
#include "vboard/host/usbip.h"
#include "vboard/host/usbredir.h"

#define SLICE_PS (1 * PS_PER_MS)
// How long the board may be behind the wall clock: while a guest waits for a transfer, and else.
#define BUSY_NS  200000
#define IDLE_NS  1000000
// Both sockets of usbredir (listening, connected), the signals, the debugger's and the control socket's.
#define FDS_MAX  (3u + USBIP_FDS_MAX + GDB_FDS_MAX + CONTROL_FDS_MAX)

struct serve {
    const struct serve_config *config;
    int signals;
    int usbredir_fd; // listening
    int control_fd;
    struct usbredir *redir;
    struct usbip *usbip;
    struct control *control;
    struct pace pace;
    bool is_held; // by a debugger
    bool is_stopped;
    int stop_signal;
    bool has_fault;
};

static int take_signals_over(void) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGPIPE); // a closed pipe behind --trace - is an error of the write
    return sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)
                                                   : -1;
}

static bool open_usbip(struct serve *serve, char why[512]) {
    const struct serve_config *config = serve->config;
    struct tcp_place place = *config->usbip;
    char reason[512];
    serve->usbip = usbip_new(config->timeline, config->cable, config->trace);
    if (serve->usbip == NULL) {
        (void)snprintf(why, 512, "out of memory");
        return false;
    }
    if (!usbip_listen(serve->usbip, &place, reason)) {
        (void)snprintf(why, 512, "--usbip: %.480s", reason);
        return false;
    }
    (void)fprintf(stderr, "vboard: note: usbip may come to %s port %u\n", place.address,
                  place.port);
    return true;
}

static bool open_sockets(struct serve *serve, char why[512]) {
    const struct serve_config *config = serve->config;
    if (config->usbredir_path != NULL) {
        serve->usbredir_fd = local_socket_listen(config->usbredir_path, why);
        if (serve->usbredir_fd < 0) {
            return false;
        }
        serve->redir = usbredir_new(config->timeline, config->cable, config->trace);
    }
    if (config->usbip != NULL && !open_usbip(serve, why)) {
        return false;
    }
    if (config->control_path != NULL) {
        serve->control_fd = local_socket_listen(config->control_path, why);
        if (serve->control_fd < 0) {
            return false;
        }
        serve->control = control_new(serve->control_fd, config->act, config->ctx);
    }
    if ((config->usbredir_path != NULL && serve->redir == NULL) ||
        (config->control_path != NULL && serve->control == NULL)) {
        (void)snprintf(why, 512, "out of memory");
        return false;
    }
    return true;
}

struct serve *serve_new(const struct serve_config *config, char why[512]) {
    struct serve *serve = calloc(1, sizeof *serve);
    if (serve == NULL) {
        (void)snprintf(why, 512, "out of memory");
        return NULL;
    }
    serve->config = config;
    serve->usbredir_fd = -1;
    serve->control_fd = -1;
    serve->signals = take_signals_over();
    if (serve->signals < 0) {
        (void)snprintf(why, 512, "cannot watch for signals");
        serve_free(serve);
        return NULL;
    }
    if (!open_sockets(serve, why)) {
        serve_free(serve);
        return NULL;
    }
    return serve;
}

void serve_free(struct serve *serve) {
    if (serve == NULL) {
        return;
    }
    control_free(serve->control);
    usbip_free(serve->usbip);
    usbredir_free(serve->redir);
    local_socket_close(serve->control_fd, serve->config->control_path);
    local_socket_close(serve->usbredir_fd, serve->config->usbredir_path);
    if (serve->signals >= 0) {
        (void)close(serve->signals);
    }
    free(serve);
}

void serve_stop(struct serve *serve) {
    serve->is_stopped = true;
}

void serve_time_was_set(struct serve *serve) {
    pace_start(&serve->pace, timeline_now(serve->config->timeline), serve->config->pace_times);
}

bool serve_has_guest(const struct serve *serve) {
    return (serve->redir != NULL && usbredir_fd(serve->redir) >= 0) ||
           (serve->usbip != NULL && usbip_is_imported(serve->usbip));
}

static void take_signals(struct serve *serve) {
    struct signalfd_siginfo info;
    while (read(serve->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGPIPE) {
            serve->stop_signal = (int)info.ssi_signo;
            serve->is_stopped = true;
        }
    }
}

static void say(const char *sentence) {
    (void)fprintf(stderr, "vboard: %s\n", sentence);
}

static void accept_guest(struct serve *serve) {
    int fd = local_socket_accept(serve->usbredir_fd);
    if (fd < 0) {
        return;
    }
    if (usbredir_fd(serve->redir) >= 0) {
        (void)close(fd);
        say("note: a second usbredir client was turned away");
    } else if (!usbredir_open(serve->redir, fd)) {
        say("note: out of memory for a usbredir client");
    }
}

static void serve_guest(struct serve *serve) {
    char why[256];
    accept_guest(serve);
    switch (usbredir_serve(serve->redir, why)) {
    case USBREDIR_OK:
    case USBREDIR_LEFT:
        break;
    case USBREDIR_REFUSED:
        (void)fprintf(stderr, "vboard: note: %s\n", why);
        break;
    case USBREDIR_MALFORMED:
        say(why);
        serve->has_fault = true;
        break;
    }
}

static void rest(const struct serve *serve) {
    struct pollfd on[FDS_MAX] = {{.fd = serve->signals, .events = POLLIN}};
    unsigned count = 1;
    long ns = IDLE_NS;
    if (serve->redir != NULL) {
        on[count++] = (struct pollfd){.fd = serve->usbredir_fd, .events = POLLIN};
        on[count++] = (struct pollfd){.fd = usbredir_fd(serve->redir),
                                      .events = usbredir_wants(serve->redir)};
        ns = usbredir_is_busy(serve->redir) ? BUSY_NS : IDLE_NS;
    }
    if (serve->usbip != NULL) {
        count += usbip_poll(serve->usbip, on + count);
        ns = usbip_is_busy(serve->usbip) ? BUSY_NS : IDLE_NS;
    }
    if (serve->control != NULL) {
        count += control_poll(serve->control, on + count);
    }
    if (serve->config->gdb != NULL) {
        count += gdb_poll(serve->config->gdb, on + count);
    }
    struct timespec limit = {.tv_nsec = ns};
    (void)ppoll(on, count, &limit, NULL);
}

// While a debugger holds the board no time passes for it; afterwards it goes on from there.
static bool is_held(struct serve *serve) {
    struct gdb *gdb = serve->config->gdb;
    if (gdb == NULL) {
        return false;
    }
    gdb_serve(gdb);
    bool was_held = serve->is_held;
    serve->is_held = gdb_holds(gdb);
    if (was_held && !serve->is_held) {
        serve_time_was_set(serve);
    }
    return serve->is_held;
}

static void turn(struct serve *serve) {
    const struct serve_config *config = serve->config;
    if (config->look != NULL) {
        config->look(config->look_ctx);
    }
    bool holds = is_held(serve);
    uint64_t now = timeline_now(config->timeline);
    uint64_t until = holds ? now : pace_instant(&serve->pace, now);
    if (config->has_limit && until > config->limit_ps) {
        until = config->limit_ps;
        serve->is_stopped = serve->is_stopped || now >= until;
    }
    if (until > now) {
        (void)timeline_run(config->timeline, until - now > SLICE_PS ? now + SLICE_PS : until);
    }
    if (serve->redir != NULL) {
        serve_guest(serve);
    }
    if (serve->usbip != NULL) {
        char why[256];
        if (!usbip_serve(serve->usbip, why)) {
            say(why);
            serve->has_fault = true;
        }
    }
    if (serve->control != NULL) {
        control_serve(serve->control);
    }
    take_signals(serve);
}

int serve_run(struct serve *serve) {
    const struct serve_config *config = serve->config;
    cable_plug(config->cable);
    pace_start(&serve->pace, timeline_now(config->timeline), config->pace_times);
    while (!serve->is_stopped) {
        uint64_t before = timeline_now(config->timeline);
        turn(serve);
        // Behind by a whole slice: catch up first.
        if (timeline_now(config->timeline) - before < SLICE_PS && !serve->is_stopped) {
            rest(serve);
        }
    }
    // Ctrl-C is how a person ends it.
    if (serve->stop_signal != 0 && serve->stop_signal != SIGINT) {
        return EXIT_SIGNALLED_BASE + serve->stop_signal;
    }
    return serve->has_fault ? EXIT_VBOARD_FAILED : 0;
}
