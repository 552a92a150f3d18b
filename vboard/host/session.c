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

struct port {
    struct session *session;
    unsigned number; // from 1
    const struct session_port *config;
    struct enumerator *enumerator;
    struct usbfs *usbfs;
    struct usb_device device; // a copy, for what is said when it has gone
    bool has_device;
    bool has_failed; // an enumeration did
    char why[256];
};

struct session {
    const struct session_config *config;
    struct timeline *timeline;
    struct port ports[SESSION_PORTS_MAX];
    struct bridge *bridge;
    struct clients *clients;
    struct command command;
    bool is_running; // inside timeline_run()
    bool activity;
    uint64_t last_activity_ps;
    struct pace pace; // real pace
    bool is_held;     // by a debugger
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
    struct port *port = ctx;
    port->device = *device;
    port->has_device = true;
    if (port->usbfs) {
        usbfs_device_ready(port->usbfs, &port->device);
    }
    if (port->session->bridge) {
        bridge_device_ready(port->session->bridge, port->number, &port->device);
    }
    activity(port->session);
}

static void device_gone(void *ctx) {
    struct port *port = ctx;
    if (!port->has_device) {
        return;
    }
    port->has_device = false;
    if (port->usbfs) {
        usbfs_device_gone(port->usbfs);
    }
    if (port->session->bridge) {
        bridge_device_gone(port->session->bridge, port->number, &port->device);
    }
    activity(port->session);
}

static void device_failed(void *ctx, const char *why) {
    struct port *port = ctx;
    port->has_failed = true;
    (void)snprintf(port->why, sizeof port->why, "%s", why);
    activity(port->session);
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

static void look(const struct session *session) {
    if (session->config->look) {
        session->config->look(session->config->look_ctx);
    }
}

// Sleeps until somebody wants something, for `ns` at most.
static void rest(const struct session *session, uint64_t ns) {
    look(session);
    struct pollfd on[3 + CONTROL_FDS_MAX + GDB_FDS_MAX * SESSION_PORTS_MAX] = {
        {.fd = signals, .events = POLLIN}, {.fd = -1}, {.fd = -1}};
    unsigned count = 3;
    if (session->clients) {
        on[1] = (struct pollfd){.fd = clients_fd(session->clients), .events = POLLIN};
    }
    if (session->bridge) {
        on[2] = (struct pollfd){.fd = bridge_fd(session->bridge), .events = POLLIN};
    }
    if (session->config->control) {
        count += control_poll(session->config->control, on + count);
    }
    for (unsigned i = 0; i < session->config->port_count; i++) {
        if (session->config->ports[i].gdb) {
            count += gdb_poll(session->config->ports[i].gdb, on + count);
        }
    }
    struct timespec limit = {.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
    (void)ppoll(on, count, &limit, NULL);
}

static bool is_wanted(const struct session *session) {
    struct pollfd on[3 + CONTROL_FDS_MAX] = {{.fd = signals, .events = POLLIN},
                                             {.fd = clients_fd(session->clients), .events = POLLIN},
                                             {.fd = bridge_fd(session->bridge), .events = POLLIN}};
    unsigned count = 3;
    if (session->config->control) {
        count += control_poll(session->config->control, on + count);
    }
    return poll(on, count, 0) > 0;
}

// Between two stretches of the boards' time.
static void serve_control(const struct session *session) {
    if (session->config->control) {
        control_serve(session->config->control);
    }
}

// -- Time

// While a debugger holds a board no time passes for any; afterwards it goes on from there.
static bool is_held(struct session *session) {
    bool was_held = session->is_held;
    session->is_held = false;
    for (unsigned i = 0; i < session->config->port_count; i++) {
        struct gdb *gdb = session->config->ports[i].gdb;
        if (gdb) {
            gdb_serve(gdb);
            session->is_held = session->is_held || gdb_holds(gdb);
        }
    }
    if (was_held && !session->is_held) {
        pace_start(&session->pace, timeline_now(session->timeline), session->config->pace_times);
    }
    return session->is_held;
}

static void run_until(struct session *session, uint64_t until_ps) {
    look(session);
    if (is_held(session)) {
        rest(session, IDLE_NS);
        return;
    }
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
        serve_control(session);
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

static bool is_host_busy(const struct session *session) {
    for (unsigned i = 0; i < session->config->port_count; i++) {
        const struct port *port = &session->ports[i];
        if (usbfs_is_busy(port->usbfs) || enumerator_is_busy(port->enumerator)) {
            return true;
        }
    }
    return false;
}

static void turn_fast(struct session *session) {
    if (serve(session)) {
        session->pause_ns = PAUSE_MIN_NS;
    }
    uint64_t deadline_ns = clients_deadline(session->clients);
    bool is_to_come = deadline_ns != VBOARD_NEVER || is_host_busy(session) ||
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
    for (;;) {
        // In this order: an end of COMMAND after the look at it leaves its SIGCHLD to be read, and
        // run_fast() stops for that. The other way round the signal could be taken and the end missed.
        take_signals(session);
        if (command_poll(&session->command)) {
            break;
        }
        serve_control(session);
        (void)is_held(session); // a debugger may come while COMMAND is busy
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

static bool has_answered(const struct port *port) {
    return port->has_device || port->has_failed;
}

static bool have_answered(const struct session *session) {
    for (unsigned i = 0; i < session->config->port_count; i++) {
        if (!has_answered(&session->ports[i])) {
            return false;
        }
    }
    return true;
}

static bool have_nothing_under_way(const struct session *session) {
    for (unsigned i = 0; i < session->config->port_count; i++) {
        const struct port *port = &session->ports[i];
        if (!has_answered(port) && enumerator_is_busy(port->enumerator)) {
            return false;
        }
    }
    return true;
}

static void note_missing(const struct port *port) {
    const char *name = port->config->trace->board;
    const char *mark = name ? ": " : "";
    if (port->has_failed) {
        (void)fprintf(stderr, "vboard: note: %s%sthe board's USB device did not enumerate: %s\n",
                      name ? name : "", mark, port->why);
    } else if (!port->has_device) {
        (void)fprintf(stderr,
                      "vboard: note: %s%sno USB device attached within 1 s of power-on; where the "
                      "firmware takes longer, let COMMAND wait: -- sh -c 'sleep 3; ...'\n",
                      name ? name : "", mark);
    }
}

static void wait_for_devices(struct session *session) {
    run_free(session, SESSION_ATTACH_PS, have_answered);
    run_free(session, SESSION_ATTACH_PS + SESSION_ENUMERATE_PS, have_nothing_under_way);
    for (unsigned i = 0; i < session->config->port_count && !session->stop_signal; i++) {
        if (!session->ports[i].has_device) {
            note_missing(&session->ports[i]);
        }
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
    session->bridge = bridge_new(session->config->port_count, reason);
    if (!session->bridge) {
        (void)snprintf(why, 512, "%s", reason);
        return false;
    }
    struct usbfs_events usb = {.ctx = session, .activity = activity, .ready = bridge_file_ready};
    for (unsigned i = 0; i < session->config->port_count; i++) {
        struct port *port = &session->ports[i];
        port->usbfs = usbfs_new(session->timeline, port->config->cable, port->config->trace, &usb);
        if (!port->usbfs) {
            (void)snprintf(why, 512, "out of memory");
            return false;
        }
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
    for (unsigned i = 0; i < config->port_count; i++) {
        struct port *port = &session->ports[i];
        usbfs_set_enumerator(port->usbfs, port->enumerator);
        bridge_set_port(session->bridge, port->number, port->usbfs);
    }
    bridge_connect(session->bridge, session->clients);
    session->command.has_own_output = config->look != NULL;
    session->command.output = config->command_output;
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

// Closes the open files of programs, and then what they stand for.
static void close_host(struct session *session) {
    bridge_free(session->bridge);
    session->bridge = NULL;
    for (unsigned i = 0; i < session->config->port_count; i++) {
        usbfs_free(session->ports[i].usbfs);
        session->ports[i].usbfs = NULL;
    }
    clients_free(session->clients);
    for (unsigned i = 0; i < session->config->port_count; i++) {
        enumerator_free(session->ports[i].enumerator);
    }
}

static bool plug_in(struct port *port) {
    struct enumerate_listener listener = {
        .ctx = port, .ready = device_ready, .gone = device_gone, .failed = device_failed};
    port->enumerator = enumerator_new(port->session->timeline, port->config->cable,
                                      port->config->trace, &listener);
    if (port->enumerator) {
        cable_plug(port->config->cable);
    }
    return port->enumerator != NULL;
}

// A program that says it is done (semihosting) ends a run that nobody else does.
static bool has_ended(const struct session *session) {
    for (unsigned i = 0; i < session->config->port_count; i++) {
        if (session->ports[i].config->has_ended && *session->ports[i].config->has_ended) {
            return true;
        }
    }
    return false;
}

static int run(struct session *session) {
    const struct session_config *config = session->config;
    char why[512];
    if (config->command && !open_host(session, why)) {
        return fail(why);
    }
    pace_start(&session->pace, timeline_now(config->timeline), config->pace_times);
    for (unsigned i = 0; i < config->port_count; i++) {
        if (!plug_in(&session->ports[i])) {
            return fail("out of memory");
        }
    }
    int status = 0;
    if (!config->command) {
        run_free(session, config->has_limit ? config->limit_ps : TIME_NEVER, has_ended);
    } else {
        wait_for_devices(session);
        status = session->stop_signal ? 0 : run_command(session);
    }
    // Ctrl-C is how a run without an end of its own ends; anything else is told to the caller.
    if (session->stop_signal && session->command.pid == 0 &&
        (config->command || session->stop_signal != SIGINT)) {
        status = EXIT_SIGNALLED_BASE + session->stop_signal;
    }
    return status;
}

int session_run(const struct session_config *config) {
    struct session *session = calloc(1, sizeof *session);
    if (!session) {
        return fail("out of memory");
    }
    session->config = config;
    session->timeline = config->timeline;
    for (unsigned i = 0; i < config->port_count; i++) {
        session->ports[i] =
            (struct port){.session = session, .number = i + 1, .config = &config->ports[i]};
    }
    int status = run(session);
    close_host(session);
    free(session);
    return status;
}
