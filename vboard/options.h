// SPDX-License-Identifier: MIT
//
// What a person asked for on the command line of `vboard run` or `vboard serve`, as a struct a board; and
// the words of `--help`. Files are looked at, so that none is named twice; nothing is opened or started here.

#ifndef VBOARD_OPTIONS_H
#define VBOARD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vboard/boards.h"
#include "vboard/cut.h"
#include "vboard/host/tcp_socket.h"
#include "vboard/timeline.h"

// --next-board: each has a processor that takes its turns.
#define OPTIONS_BOARDS_MAX  TIMELINE_RUNNERS_MAX

// --sector: as many as doctor/exam.h takes.
#define OPTIONS_SECTORS_MAX 4u

enum pace { PACE_FAST, PACE_REAL };

struct load_option {
    const char *text; // as given, for sentences
    char *path;
    uint64_t addr;      // IMAGE_NO_ADDRESS when not given
    bool is_names_only; // --symbols: nothing of it goes into memory
};

struct pin_option {
    char pin[8]; // "PA0"
    int level;
    uint64_t at_ps;
    uint64_t duration_ps; // 0: for good
};

// The cable is pulled, and plugged in again.
struct unplug_option {
    uint64_t at_ps;
    uint64_t duration_ps; // 0: for good
};

// --supply
struct supply_option {
    unsigned mv;
    uint64_t at_ps;
    uint64_t duration_ps; // 0: for good
};

// --uart
struct uart_option {
    const char *name; // "USART2"
    char *out_path;   // "-": standard output
    char *in_path;    // NULL: nothing comes
};

// --gdb
struct gdb_option {
    struct tcp_place place;
    bool waits; // the board stands still until gdb is there
};

// --itm
struct itm_option {
    unsigned port;    // stimulus port
    const char *path; // "-": standard output
};

// One board's. What belongs to the run as a whole (marked so) is the same in each.
struct options {
    struct options *next; // the board behind the next --next-board; NULL: the last
    const struct board *board;
    struct board *own_board;   // --chip, --hse, --usb: what `board` points to then; else NULL
    uint8_t uid[12];           // --uid, or what a board of this number gets
    bool has_uid;              // --uid was given
    struct load_option *loads; // --load and --symbols
    size_t load_count;
    struct pin_option *pins;
    size_t pin_count;
    struct unplug_option *unplugs;
    size_t unplug_count;
    struct supply_option *supplies;
    size_t supply_count;
    bool has_battery; // --vbat
    struct uart_option *uarts;
    size_t uart_count;
    bool has_semihosting;
    struct uart_option semihosting; // where its console is
    struct itm_option *itms;
    size_t itm_count;
    const char *vcd_path;   // NULL: no waveforms; "-": standard output
    const char *flash_path; // NULL: flash is not kept
    const char **watches;   // --watch: names of functions
    size_t watch_count;
    const char *pcap_path; // NULL: no capture; "-": standard output
    bool has_report;
    const char *report_path; // NULL: standard error; "-": standard output
    bool
        is_report_before_command; // --report without FILE is the last word before COMMAND, without "--"
    bool maximum_flash_times;
    bool has_gdb;
    struct gdb_option gdb;
    struct cut_when cut;
    // Of the whole run:
    const char *trace_path; // NULL: no trace; "-": standard output
    bool has_transfer_cost; // else the cable's own
    uint64_t transfer_cost_ps;
    enum pace pace;
    unsigned pace_times; // PACE_REAL: so many times the wall clock's pace
    bool has_limit;
    uint64_t limit_ps;
    bool has_view;
    char **command; // NULL-terminated; NULL without a COMMAND
    // vboard serve:
    bool is_serve;
    bool has_usbip;
    struct tcp_place usbip;
    const char *usbredir_path; // NULL: no usbredir
    const char *control_path;  // NULL: no control socket
    // vboard doctor:
    bool is_doctor;
    bool shows_all;                        // --verbose: what is well, too
    bool is_conformance;                   // --conformance: the suite alone
    bool is_json;                          // --json
    const char *html_path;                 // --html; NULL: no page
    bool is_outside;                       // --outside: over USB alone
    bool must_leave;                       // --leave, last of all
    uint32_t sectors[OPTIONS_SECTORS_MAX]; // --sector
    unsigned sector_count;
    bool has_app; // --app
    struct load_option app;
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_HELP,   // --help was asked for
    OPTIONS_BOARDS, // --board list
    OPTIONS_WRONG,  // `fault` has one sentence
};

struct options_fault {
    char text[512];
};

// Reads the arguments behind the command; argv[0] is "run", "serve" or "doctor". `options` is the first board's.
// Strings that options point to are argv's, except what options_free() gives back.
enum options_result options_read(struct options *options, int argc, char **argv,
                                 struct options_fault *fault) __attribute__((warn_unused_result));
void options_free(struct options *options);

// "250ms", "1.5s", "20us", "3ns", "2min"; a plain number is seconds. False for anything else, and for what
// does not fit in 64 bits of picoseconds.
bool options_time(const char *text, uint64_t *ps);

void options_doctor_help(FILE *to);
void options_usage(FILE *to);
void options_run_help(FILE *to);
void options_serve_help(FILE *to);
void options_board_list(FILE *to);

#endif
