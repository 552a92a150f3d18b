// SPDX-License-Identifier: MIT
//
// Files are compared by what their names stand for; one that is not there yet, by its folder and its name.

#include "vboard/run_files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40 // path_resolution(7)

// --- one file or two ------------------------------------------------------------------------------

static const char *last_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// Where opening the name would make a file: links that lead nowhere yet are followed.
static void follow(const char *path, char target[PATH_MAX]) {
    (void)snprintf(target, PATH_MAX, "%s", path);
    char link[PATH_MAX];
    for (int i = 0; i < LINKS_MAX; i++) {
        ssize_t len = readlink(target, link, sizeof link - 1);
        if (len <= 0) {
            return;
        }
        link[len] = '\0';
        size_t folder_len = link[0] == '/' ? 0 : (size_t)(last_name(target) - target);
        if (folder_len + (size_t)len >= PATH_MAX) {
            return;
        }
        memcpy(target + folder_len, link, (size_t)len + 1);
    }
}

static bool stat_folder_of(const char *path, struct stat *folder) {
    char name[PATH_MAX];
    (void)snprintf(name, sizeof name, "%.*s", (int)(last_name(path) - path), path);
    return stat(*name ? name : ".", folder) == 0;
}

static bool is_same_file(const char *one, const char *other) {
    struct stat a;
    struct stat b;
    if (strcmp(one, other) == 0) {
        return true;
    }
    bool has_one = stat(one, &a) == 0;
    bool has_other = stat(other, &b) == 0;
    if (has_one || has_other) {
        return has_one && has_other && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    }
    char one_target[PATH_MAX];
    char other_target[PATH_MAX];
    follow(one, one_target);
    follow(other, other_target);
    return strcmp(last_name(one_target), last_name(other_target)) == 0 &&
           stat_folder_of(one_target, &a) && stat_folder_of(other_target, &b) &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool is_stdout(const char *path) {
    return strcmp(path, "-") == 0;
}

// A terminal or /dev/null takes more than one stream, and one that is read, too.
static bool is_device(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISCHR(about.st_mode);
}

// --- what a run reads and writes ------------------------------------------------------------------

enum { READ = 1, KEPT = 2, WRITTEN = 4 };

struct run_file {
    unsigned use;
    unsigned board;  // from 1
    char option[40]; // as it is written before the path: "--trace ", "--uart USART2="
    const char *path;
};

struct run_file_list {
    struct run_file *files;
    size_t count, room;
};

static void put(struct run_file_list *list, unsigned use, unsigned board, const char *option,
                const char *path) {
    if (!path) {
        return;
    }
    if (list->count == list->room) {
        list->room = 2 * list->room + 8;
        list->files = realloc(list->files, list->room * sizeof *list->files);
        if (!list->files) {
            abort(); // a few kilobytes at start-up
        }
    }
    struct run_file *file = &list->files[list->count++];
    *file = (struct run_file){.use = use, .board = board, .path = path};
    (void)snprintf(file->option, sizeof file->option, "%s", option);
}

static void put_board(struct run_file_list *list, const struct options *board, unsigned number) {
    char option[40];
    put(list, KEPT, number, "--flash ", board->flash_path);
    for (size_t i = 0; i < board->load_count; i++) {
        const struct load_option *load = &board->loads[i];
        put(list, READ, number, load->is_names_only ? "--symbols " : "--load ", load->path);
    }
    put(list, WRITTEN, number, "--pcap ", board->pcap_path);
    put(list, WRITTEN, number, "--html ", board->html_path);
    put(list, READ, number, "--app ", board->app.path);
    put(list, WRITTEN, number, "--vcd ", board->vcd_path);
    put(list, WRITTEN, number, "--report=", board->report_path);
    put(list, WRITTEN, number, "--semihosting ", board->semihosting.out_path);
    put(list, READ, number, "--semihosting ...,in=", board->semihosting.in_path);
    for (size_t i = 0; i < board->itm_count; i++) {
        put(list, WRITTEN, number, "--itm ", board->itms[i].path);
    }
    for (size_t i = 0; i < board->uart_count; i++) {
        const struct uart_option *uart = &board->uarts[i];
        (void)snprintf(option, sizeof option, "--uart %s=", uart->name);
        put(list, WRITTEN, number, option, uart->out_path);
        (void)snprintf(option, sizeof option, "--uart %s=...,in=", uart->name);
        put(list, READ, number, option, uart->in_path);
    }
}

// --- what stands in the way of what ---------------------------------------------------------------

// Text of the firmware's, which may stand beside another's.
static bool is_console(const struct run_file *file) {
    return strncmp(file->option, "--uart", 6) == 0 || strncmp(file->option, "--semi", 6) == 0 ||
           strncmp(file->option, "--itm", 5) == 0;
}

static bool check_pair(const struct run_file *one, const struct run_file *other, char why[512]) {
    if (one->use == READ && other->use == WRITTEN) {
        return check_pair(other, one, why);
    }
    if (one->use == KEPT && other->use == WRITTEN) {
        return check_pair(other, one, why);
    }
    bool is_output = one->use == WRITTEN;
    bool are_both_kept = one->use == KEPT && other->use == KEPT;
    if (!is_output && !are_both_kept) {
        return true;
    }
    // "-" is standard output to one and a file's name to the other, if that is no output.
    bool is_one_stdout = is_output && is_stdout(one->path);
    bool is_other_stdout = other->use == WRITTEN && is_stdout(other->path);
    if (is_one_stdout || is_other_stdout) {
        bool are_consoles = is_console(one) && is_console(other);
        if (!is_one_stdout || !is_other_stdout || are_consoles) {
            return true;
        }
        (void)snprintf(why, 512, "%s- and %s-: standard output is one stream; name a file",
                       one->option, other->option);
        return false;
    }
    if (!is_same_file(one->path, other->path) || is_device(one->path)) {
        return true;
    }
    if (are_both_kept) {
        (void)snprintf(why, 512,
                       "--flash %.300s: this is board %u's flash already; each board needs a "
                       "file of its own",
                       other->path, one->board);
    } else if (other->use == WRITTEN) {
        (void)snprintf(why, 512, "%s%.200s and %s%.200s are the same file", one->option, one->path,
                       other->option, other->path);
    } else {
        (void)snprintf(why, 512, "%s%.180s: %s%.180s is the same file and would be written over",
                       one->option, one->path, other->option, other->path);
    }
    return false;
}

static bool check_command(const struct options *board, char why[512]) {
    bool is_pcap = board->pcap_path && is_stdout(board->pcap_path);
    bool is_vcd = board->vcd_path && is_stdout(board->vcd_path);
    if (board->command && (is_pcap || is_vcd)) {
        (void)snprintf(why, 512,
                       "%s -: COMMAND writes to standard output too; name a file or a "
                       "named pipe (mkfifo)",
                       is_pcap ? "--pcap" : "--vcd");
        return false;
    }
    return true;
}

bool run_files_check(const struct options *first, char why[512]) {
    struct run_file_list list = {0};
    unsigned number = 0;
    bool ok = true;
    put(&list, WRITTEN, 1, "--trace ", first->trace_path);
    // Sockets are listened at after the outputs are opened: an output of that name would be there first.
    put(&list, READ, 1, "--usbredir ", first->usbredir_path);
    put(&list, READ, 1, "--socket ", first->control_path);
    for (const struct options *board = first; board; board = board->next) {
        put_board(&list, board, ++number);
    }
    for (size_t i = 1; ok && i < list.count; i++) {
        for (size_t j = 0; ok && j < i; j++) {
            ok = check_pair(&list.files[j], &list.files[i], why);
        }
    }
    for (const struct options *board = first; ok && board; board = board->next) {
        ok = check_command(board, why);
    }
    free(list.files);
    return ok;
}
