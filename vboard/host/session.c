// SPDX-License-Identifier: MIT
//
// The main loop. See session.h for its rules.

#include "vboard/host/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vboard/host/clients.h"
#include "vboard/host/command.h"
#include "vboard/host/pace.h"
#include "vboard/host/quiet.h"
#include "vboard/host/umockdev.h"
#include "vboard/host/usbfs.h"
#include "vboard/usb/enumerate.h"

// Between looks at signals and requests.
#define SLICE_FAST_PS (10 * PS_PER_MS)
#define SLICE_REAL_PS (1 * PS_PER_MS)
// Pauses between looks whether COMMAND has gone to sleep.
#define PAUSE_MIN_NS  20000u
#define PAUSE_MAX_NS  2000000u
#define IDLE_NS       100000000u
// After SIGTERM, SIGHUP or SIGQUIT COMMAND has this long, in real time, to end by itself.
#define GRACE_NS      5000000000ull

static int signals = -1;

struct session {
    const struct session_config *config;
    struct timeline *timeline;
    struct enumerator *enumerator;
    struct usbfs *usbfs;
    struct bridge *bridge;
    struct clients *clients;
    struct command command;
    struct usb_device device; // a copy, for what is said when it has gone
    bool has_device;
    bool has_failed; // an enumeration did
    char why[256];
    bool is_running; // inside timeline_run()
    bool activity;
    uint64_t last_activity_ps;
    struct pace pace; // real pace
    unsigned pause_ns;
    int stop_signal; // a person wants an end
    uint64_t kill_at_ns;
};

bool session_prepare(void) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGQUIT);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGPIPE); // a closed pipe behind --trace - is an error of the write
    signals = sigprocmask(SIG_BLOCK, &set, NULL) == 0
                  ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)
                  : -1;
    return signals >= 0;
}

// -- What the simulation tells

static void activity(void *ctx) {
    struct session *session = ctx;
    session->activity = true;
    if (session->is_running) {
        timeline_stop(session->timeline);
    }
}

static void device_ready(void *ctx, const struct usb_device *device) {
    struct session *session = ctx;
    session->device = *device;
    session->has_device = true;
    if (session->usbfs) {
        usbfs_device_ready(session->usbfs, &session->device);
    }
    if (session->bridge) {
        bridge_device_ready(session->bridge, &session->device);
    }
    activity(session);
}

static void device_gone(void *ctx) {
    struct session *session = ctx;
    if (!session->has_device) {
        return;
    }
    session->has_device = false;
    if (session->usbfs) {
        usbfs_device_gone(session->usbfs);
    }
    if (session->bridge) {
        bridge_device_gone(session->bridge, &session->device);
    }
    activity(session);
}

static void device_failed(void *ctx, const char *why) {
    struct session *session = ctx;
    session->has_failed = true;
    (void)snprintf(session->why, sizeof session->why, "%s", why);
    activity(session);
}

static void process_gone(void *ctx, uint32_t slot) {
    struct session *session = ctx;
    bridge_process_gone(session->bridge, slot);
}

// -- Signals

static bool is_out_of_grace(const struct session *session) {
    return session->kill_at_ns != 0 && pace_wall_ns() >= session->kill_at_ns;
}

static void take_signals(struct session *session) {
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        int number = (int)info.ssi_signo;
        if (number == SIGCHLD || number == SIGPIPE) {
            continue;
        }
        bool again = session->stop_signal != 0;
        session->stop_signal = number;
        command_signal(&session->command, again ? SIGKILL : number);
        if (number != SIGINT && session->kill_at_ns == 0) {
            session->kill_at_ns = pace_wall_ns() + GRACE_NS;
        }
    }
    if (is_out_of_grace(session)) {
        command_signal(&session->command, SIGKILL);
    }
}

// Sleeps until somebody wants something, for `ns` at most.
static void rest(const struct session *session, uint64_t ns) {
    struct pollfd on[3] = {{.fd = signals, .events = POLLIN}, {.fd = -1}, {.fd = -1}};
    if (session->clients) {
        on[1] = (struct pollfd){.fd = clients_fd(session->clients), .events = POLLIN};
    }
    if (session->bridge) {
        on[2] = (struct pollfd){.fd = bridge_fd(session->bridge), .events = POLLIN};
    }
    struct timespec limit = {.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
    (void)ppoll(on, 3, &limit, NULL);
}

static bool is_wanted(const struct session *session) {
    struct pollfd on[3] = {{.fd = signals, .events = POLLIN},
                           {.fd = clients_fd(session->clients), .events = POLLIN},
                           {.fd = bridge_fd(session->bridge), .events = POLLIN}};
    return poll(on, 3, 0) > 0;
}

// -- Time

static void run_until(struct session *session, uint64_t until_ps) {
    session->is_running = true;
    (void)timeline_run(session->timeline, until_ps);
    session->is_running = false;
    if (session->clients) {
        clients_set_now(session->clients, timeline_now(session->timeline) / PS_PER_NS);
    }
}

// One slice at the wall clock's pace, and the rest of it in sleep.
static void run_real(struct session *session, uint64_t until_ps) {
    uint64_t now = timeline_now(session->timeline);
    uint64_t wall = pace_instant(&session->pace, now);
    if (wall > until_ps) {
        wall = until_ps;
    }
    if (wall > now) {
        run_until(session, wall - now > SLICE_REAL_PS ? now + SLICE_REAL_PS : wall);
    } else {
        rest(session, SLICE_REAL_PS / PS_PER_NS);
    }
}

// Runs without regard to any program, to an instant or until `is_over` says so or a signal comes.
static void run_free(struct session *session, uint64_t until_ps,
                     bool (*is_over)(const struct session *session)) {
    while (!session->stop_signal && timeline_now(session->timeline) < until_ps &&
           !(is_over && is_over(session))) {
        take_signals(session);
        if (session->bridge) {
            (void)bridge_take(session->bridge, NULL, NULL);
        }
        if (session->config->is_fast) {
            uint64_t next = timeline_now(session->timeline) + SLICE_FAST_PS;
            run_until(session, next < until_ps ? next : until_ps);
        } else {
            run_real(session, until_ps);
        }
    }
}

// -- Beside COMMAND

static void read_clients(void *ctx) {
    struct session *session = ctx;
    (void)clients_read(session->clients);
}

static bool serve(struct session *session) {
    bool any = bridge_take(session->bridge, read_clients, session);
    any = clients_read(session->clients) || any;
    return any;
}

static bool is_settled(struct session *session) {
    return !clients_is_waking(session->clients) && bridge_is_settled(session->bridge);
}

// COMMAND sleeps, and nothing is on its way to it or from it.
static bool is_asleep(struct session *session) {
    static struct quiet_walk first;
    static struct quiet_walk second;
    if (!is_settled(session)) {
        return false;
    }
    quiet_walk(&first);
    if (!first.is_asleep || serve(session) || !is_settled(session)) {
        return false;
    }
    quiet_walk(&second);
    return quiet_is_same(&first, &second) && !is_wanted(session);
}

// Lets time pass up to the next thing that COMMAND hears of.
static void run_fast(struct session *session, uint64_t deadline_ps) {
    session->activity = false;
    while (!session->activity && !is_wanted(session) && !is_out_of_grace(session)) {
        uint64_t now = timeline_now(session->timeline);
        if (now >= deadline_ps) {
            break;
        }
        if (deadline_ps == TIME_NEVER &&
            now - session->last_activity_ps > SESSION_UNTIMED_FAST_PS) {
            rest(session, SLICE_FAST_PS / PS_PER_NS);
        }
        uint64_t next = now + SLICE_FAST_PS;
        run_until(session, next < deadline_ps ? next : deadline_ps);
    }
    session->last_activity_ps = timeline_now(session->timeline);
}

static void turn_fast(struct session *session) {
    if (serve(session)) {
        session->pause_ns = PAUSE_MIN_NS;
    }
    uint64_t deadline_ns = clients_deadline(session->clients);
    bool is_to_come = deadline_ns != VBOARD_NEVER || usbfs_is_busy(session->usbfs) ||
                      enumerator_is_busy(session->enumerator) ||
                      clients_wait_for_cable(session->clients);
    if (is_to_come && is_asleep(session)) {
        bool is_timed = deadline_ns < TIME_NEVER / PS_PER_NS;
        run_fast(session, is_timed ? deadline_ns * PS_PER_NS : TIME_NEVER);
        session->pause_ns = PAUSE_MIN_NS;
        return;
    }
    rest(session, is_to_come ? session->pause_ns : IDLE_NS);
    if (session->pause_ns < PAUSE_MAX_NS) {
        session->pause_ns *= 2;
    }
}

static void run_beside_command(struct session *session) {
    session->pause_ns = PAUSE_MIN_NS;
    session->last_activity_ps = timeline_now(session->timeline);
    while (!command_poll(&session->command)) {
        take_signals(session);
        if (session->config->is_fast) {
            turn_fast(session);
        } else {
            (void)serve(session);
            run_real(session, TIME_NEVER);
        }
    }
    (void)serve(session); // what ended with it is closed
}

// -- A run

static bool has_answered(const struct session *session) {
    return session->has_device || session->has_failed;
}

static bool has_nothing_under_way(const struct session *session) {
    return has_answered(session) || !enumerator_is_busy(session->enumerator);
}

static void wait_for_device(struct session *session) {
    run_free(session, SESSION_ATTACH_PS, has_answered);
    run_free(session, SESSION_ATTACH_PS + SESSION_ENUMERATE_PS, has_nothing_under_way);
    if (session->stop_signal || session->has_device) {
        return;
    }
    if (session->has_failed) {
        (void)fprintf(stderr, "vboard: note: the board's USB device did not enumerate: %s\n",
                      session->why);
    } else {
        (void)fprintf(stderr, "vboard: note: no USB device attached within 1 s of power-on\n");
    }
}

static int fail(const char *sentence) {
    (void)fprintf(stderr, "vboard: %s\n", sentence);
    return EXIT_VBOARD_FAILED;
}

static bool open_host(struct session *session, char why[512]) {
    if (session->config->is_fast && !quiet_is_possible()) {
        (void)snprintf(why, 512,
                       "this kernel does not list a process's children (CONFIG_PROC_CHILDREN), "
                       "which --pace fast needs; use --pace real");
        return false;
    }
    char reason[256];
    session->bridge = bridge_new(reason);
    if (!session->bridge) {
        (void)snprintf(why, 512, "%s", reason);
        return false;
    }
    struct usbfs_events usb = {.ctx = session, .activity = activity, .ready = bridge_file_ready};
    session->usbfs = usbfs_new(session->timeline, session->config->cable, &usb);
    if (!session->usbfs) {
        (void)snprintf(why, 512, "out of memory");
        return false;
    }
    return true;
}

static int run_command(struct session *session) {
    const struct session_config *config = session->config;
    char why[512];
    uint64_t now_ns = timeline_now(session->timeline) / PS_PER_NS;
    struct clients_events events = {.ctx = session, .process_gone = process_gone};
    session->clients =
        clients_new(bridge_folder(session->bridge), config->is_fast, now_ns, &events);
    if (!session->clients) {
        (void)snprintf(why, sizeof why, "%.300s: %s", bridge_folder(session->bridge),
                       strerror(errno));
        return fail(why);
    }
    usbfs_set_enumerator(session->usbfs, session->enumerator);
    bridge_connect(session->bridge, session->usbfs, clients_page(session->clients));
    if (!command_start(&session->command, config->command_path, config->command,
                       bridge_root(session->bridge), bridge_folder(session->bridge),
                       config->preload, why)) {
        return fail(why);
    }
    run_beside_command(session);
    command_finish(&session->command);
    (void)serve(session);
    // Whoever pressed Ctrl-C wants the end, not another second of board.
    uint64_t now_ps = timeline_now(session->timeline);
    uint64_t run_on_ps = config->has_limit ? config->limit_ps : SESSION_RUN_ON_PS;
    run_free(session, run_on_ps < TIME_NEVER - now_ps ? now_ps + run_on_ps : TIME_NEVER, NULL);
    return command_exit_status(&session->command);
}

int session_run(const struct session_config *config) {
    struct session session = {.config = config, .timeline = config->timeline};
    char why[512];
    if (config->command && !open_host(&session, why)) {
        bridge_free(session.bridge);
        usbfs_free(session.usbfs);
        return fail(why);
    }
    struct enumerate_listener listener = {
        .ctx = &session, .ready = device_ready, .gone = device_gone, .failed = device_failed};
    session.enumerator = enumerator_new(config->timeline, config->cable, config->trace, &listener);
    pace_start(&session.pace, timeline_now(config->timeline));
    cable_plug(config->cable);
    int status = 0;
    if (!config->command) {
        run_free(&session, config->has_limit ? config->limit_ps : TIME_NEVER, NULL);
    } else {
        wait_for_device(&session);
        status = session.stop_signal ? 0 : run_command(&session);
    }
    // Ctrl-C is how a run without an end of its own ends; anything else is told to the caller.
    if (session.stop_signal && session.command.pid == 0 &&
        (config->command || session.stop_signal != SIGINT)) {
        status = EXIT_SIGNALLED_BASE + session.stop_signal;
    }
    bridge_free(session.bridge); // closes its files in usbfs
    session.bridge = NULL;
    usbfs_free(session.usbfs);
    session.usbfs = NULL;
    clients_free(session.clients);
    enumerator_free(session.enumerator);
    return status;
}
