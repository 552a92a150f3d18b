// SPDX-License-Identifier: MIT
//
// Linux' kernel log (dmesg, journalctl -k): how a device came onto the bus, and why it did not. Its sentences are those
// of drivers/usb/core (hub.c, config.c, message.c, devio.c); the errors' numbers are Documentation/driver-api/usb/error-codes.rst's.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/log/lines.h"

#define PORTS_MAX  32u
#define PORT_BYTES 24u

struct port {
    char name[PORT_BYTES]; // "1-1.2"
    bool is_dfu;           // a device with ST's or a DFU identity was found there
    bool is_other;         // another one
};

struct kernel {
    struct session_log session;
    struct lines *lines;
    struct port ports[PORTS_MAX];
    unsigned port_count;
    bool has_dfu;
};

// The part behind "usb 1-1: ", and the port; NULL: the line is not of a device. A hub's "usb usb1-port1: " and "usb
// 1-1-port2: " name the port as "1-1" and "1-1.2".
static const char *take_port(const char *text, char port[PORT_BYTES]) {
    unsigned bus;
    unsigned number;
    char parent[PORT_BYTES];
    int used = 0;
    const char *at = strstr(text, "usb ");
    if (!at) {
        return NULL;
    }
    if (sscanf(at, "usb usb%3u-port%3u:%n", &bus, &number, &used) == 2 && used > 0) {
        (void)snprintf(port, PORT_BYTES, "%u-%u", bus, number);
        return at + used + strspn(at + used, " ");
    }
    // The hyphen before "port" is taken with the hub's name.
    if (sscanf(at, "usb %15[0-9.-]port%3u:%n", parent, &number, &used) == 2 && used > 0) {
        parent[strlen(parent) - 1] = '\0';
        (void)snprintf(port, PORT_BYTES, "%s.%u", parent, number);
        return at + used + strspn(at + used, " ");
    }
    if (sscanf(at, "usb %15[0-9.-]:%n", port, &used) == 1 && used > 0 && strchr(port, '-')) {
        return at + used + strspn(at + used, " ");
    }
    return NULL;
}

static struct port *port_named(struct kernel *log, const char *name) {
    for (unsigned i = 0; i < log->port_count; i++) {
        if (strcmp(log->ports[i].name, name) == 0) {
            return &log->ports[i];
        }
    }
    if (log->port_count == PORTS_MAX) {
        return NULL;
    }
    struct port *port = &log->ports[log->port_count++];
    *port = (struct port){.is_dfu = false};
    (void)snprintf(port->name, sizeof port->name, "%s", name);
    return port;
}

// Which ports have what: a mouse that flickers is nothing to be told.
static void survey(struct kernel *log) {
    char name[PORT_BYTES];
    while (lines_next(log->lines)) {
        unsigned vendor;
        unsigned product;
        const char *text = take_port(log->lines->text, name);
        const char *found = text ? strstr(text, "idVendor=") : NULL;
        struct port *port = found ? port_named(log, name) : NULL;
        if (!port || sscanf(found, "idVendor=%4x, idProduct=%4x", &vendor, &product) != 2) {
            continue;
        }
        bool is_dfu = vendor == 0x0483u || product == 0xdf11u;
        port->is_dfu |= is_dfu;
        port->is_other |= !is_dfu;
        log->has_dfu |= is_dfu;
    }
}

static bool is_meant(struct kernel *log, const char *name) {
    const struct port *port = port_named(log, name);
    return port && (log->has_dfu ? port->is_dfu : !port->is_other);
}

// The error of an attempt to make a device of what is on the port.
static void enumeration(struct kernel *log, const char *text) {
    const char *at = strstr(text, "error ");
    long error = at ? strtol(at + 6, NULL, 10) : 0;
    log_failed(&log->session, LOG_CONNECT);
    if (error == -110 || strstr(text, "not responding")) {
        log_found(&log->session, "F42", REPORT_LIKELY,
                  "something is on the bus and answers nothing: no interrupts, or a fault handler");
        log_found(&log->session, "F50", REPORT_POSSIBLE, NULL);
    } else if (error == -32) {
        log_found(&log->session, "F45", REPORT_POSSIBLE, "the device refuses its own descriptor");
    } else {
        log_found(&log->session, "F50", REPORT_POSSIBLE,
                  "a device whose USB clock is not 48 MHz is seen so, the crystal being another");
        log_found(&log->session, "F27", REPORT_POSSIBLE, "or the cable, the port or the supply");
    }
}

static void configuration(struct kernel *log, const char *text) {
    log_failed(&log->session, LOG_CONNECT);
    if (strstr(text, "error -110")) {
        log_found(&log->session, "F42", REPORT_LIKELY, NULL);
    } else {
        log_found(&log->session, "F51", REPORT_LIKELY, NULL);
    }
}

static void take(struct kernel *log, const char *text) {
    if (strstr(text, "New USB device found")) {
        log_fact(&log->session, "device", "found", text);
    } else if (strstr(text, "device descriptor read/") || strstr(text, "not accepting address") ||
               strstr(text, "not responding to setup address")) {
        enumeration(log, text);
    } else if (strstr(text, "can't set config")) {
        configuration(log, text);
    } else if (strstr(text, "insufficient available bus power") || strstr(text, "over-current")) {
        log_failed(&log->session, LOG_CONNECT);
        log_found_as(&log->session, "F27", FINDING_FAULT, REPORT_CERTAIN,
                     "the hub has no power left for it: another port, or a powered hub");
    } else if (strstr(text, "disabled by hub (EMI?)") || strstr(text, "Cannot enable. Maybe the")) {
        log_found(&log->session, "F27", REPORT_LIKELY, NULL);
    } else if (strstr(text, "descriptor too short") || strstr(text, "invalid descriptor") ||
               strstr(text, "excess byte") || strstr(text, "descriptor has") ||
               strstr(text, "no configurations")) {
        log_found(&log->session, "F45", REPORT_CERTAIN, NULL);
    } else if (strstr(text, "did not claim interface") || strstr(text, "claimed by")) {
        log_found(&log->session, "F41", REPORT_POSSIBLE, NULL);
    }
}

bool log_is_kernel(const uint8_t *bytes, size_t len) {
    static const char *const sentences[] = {"USB device number ",     "device descriptor read/",
                                            "New USB device found, ", "unable to enumerate USB",
                                            "USB disconnect, device", "can't set config #"};
    struct lines lines;
    char port[PORT_BYTES];
    lines_begin(&lines, bytes, len);
    while (lines_next(&lines)) {
        const char *text = take_port(lines.text, port);
        for (size_t i = 0; text && i < sizeof sentences / sizeof sentences[0]; i++) {
            if (strstr(text, sentences[i])) {
                return true;
            }
        }
    }
    return false;
}

void log_kernel(struct session_log *session) {
    struct lines begin = *session->lines;
    struct kernel log = {.session = *session, .lines = session->lines};
    char port[PORT_BYTES];
    survey(&log);
    *log.lines = begin;
    while (lines_next(log.lines)) {
        const char *text = take_port(log.lines->text, port);
        if (text && is_meant(&log, port)) {
            take(&log, text);
        }
    }
    log_finish(&log.session, "Linux");
}
