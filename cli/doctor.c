// SPDX-License-Identifier: MIT
//
// `redfu doctor` on a connected device: chooses it, looks at the PC and at the device (doctor/exam.h), with consent
// tries sectors or the conformance suite, and says what was found.

#include "cli/doctor.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/json.h"
#include "cli/target.h"
#include "doctor/conformance/conformance.h"
#include "doctor/exam.h"
#include "image/image.h"
#include "image/save.h"

#define NAME_BYTES 512u
#define NAMES_MAX  99u

struct doctor {
    struct cli *cli;
    const struct redfu_device *device;
    struct report *report;
    char saved[NAME_BYTES]; // the file with flash; empty: none
};

static bool is_cancelled(void *ctx) {
    const struct doctor *doctor = ctx;
    const struct surroundings *surroundings = doctor->cli->surroundings;
    return surroundings->is_cancelled && surroundings->is_cancelled(surroundings->ctx);
}

static void progress(void *ctx, const char *words) {
    const struct doctor *doctor = ctx;
    if (doctor->cli->surroundings->is_terminal) {
        cli_say(doctor->cli, "  %s\n", words);
    }
}

// redfu-doctor-SERIAL.hex; a number is put behind it where there is one already. A serial number may hold anything.
static bool file_name(struct doctor *doctor) {
    char stem[NAME_BYTES / 2];
    const struct redfu_device *device = doctor->device;
    (void)snprintf(stem, sizeof stem, "redfu-doctor-%.200s",
                   device->serial[0] ? device->serial : device->path);
    for (char *at = stem; *at; at++) {
        if (!isalnum((unsigned char)*at) && *at != '.') {
            *at = '-';
        }
    }
    for (unsigned i = 1; i <= NAMES_MAX; i++) {
        (void)snprintf(doctor->saved, sizeof doctor->saved, i == 1 ? "%s.hex" : "%s-%u.hex", stem,
                       i);
        if (!file_exists(doctor->saved)) {
            return true;
        }
    }
    doctor->saved[0] = '\0';
    return false;
}

static bool save(void *ctx, const struct exam_memory *memory, unsigned count) {
    struct doctor *doctor = ctx;
    struct image image;
    struct image_fault why = {.text = "there are too many such files in this folder"};
    image_init(&image);
    bool ok = file_name(doctor);
    for (unsigned i = 0; i < count && ok; i++) {
        ok = image_add(&image, memory[i].addr, memory[i].bytes, memory[i].len, &why);
    }
    ok = ok && image_save(&image, doctor->saved, IMAGE_HEX, &why);
    image_free(&image);
    if (!ok) {
        report_incomplete(doctor->report, "flash could not be saved (%.200s); nothing was changed",
                          why.text);
        doctor->saved[0] = '\0';
        return false;
    }
    report_fact(doctor->report, "sector", "flash as it was", "%s", doctor->saved);
    cli_say(doctor->cli, "Flash as it is now lies in %s\n", doctor->saved);
    return true;
}

// -- What is asked for

static enum redfu_result take_sectors(struct cli *cli, struct exam_options *exam) {
    const struct options *options = cli->options;
    for (unsigned i = 0; i < options->given_count; i++) {
        if (strcmp(options->given[i].name, "--sector") != 0) {
            continue;
        }
        uint32_t addr;
        if (!options_number(options->given[i].value, &addr)) {
            return cli_refuse(
                cli, REDFU_USAGE,
                "--sector wants the address of a sector such as 0x080E0000, not \"%s\"",
                options->given[i].value);
        }
        if (exam->sector_count == EXAM_SECTORS_MAX) {
            return cli_refuse(cli, REDFU_USAGE, "--sector: %u at most", EXAM_SECTORS_MAX);
        }
        exam->sectors[exam->sector_count++] = addr;
    }
    if (exam->sector_count != 0 && !options->yes) {
        (void)cli_refuse(cli, REDFU_USAGE,
                         "--sector 0x%08X would be erased and written: that takes --yes, too",
                         exam->sectors[0]);
        return cli_advise(
            cli, "All flash that can be read is saved to a file first, and put back afterwards; a "
                 "device that is as ill as it may be can prevent that. Name a sector whose loss "
                 "you could bear, rather not the application's first.");
    }
    if (options->leave && !options->yes) {
        (void)cli_refuse(cli, REDFU_USAGE,
                         "--leave would start the application: that takes --yes, too");
        return cli_advise(
            cli, "The device is not in DFU mode then, as it was found; its button, or what else "
                 "brought it there, has to bring it back.");
    }
    if (options->yes && exam->sector_count == 0 && !options->conformance && !options->leave) {
        return cli_refuse(cli, REDFU_USAGE, "--yes belongs to --sector, --leave and --conformance");
    }
    if (options->conformance && options_given(options, "--html")) {
        return cli_refuse(cli, REDFU_USAGE, "--conformance makes no page: leave --html out");
    }
    if (options->conformance && exam->sector_count != 0) {
        return cli_refuse(cli, REDFU_USAGE,
                          "--conformance and --sector are two things: one at a time");
    }
    return REDFU_OK;
}

// -- Conformance

static bool tell(void *ctx, const struct conformance_result *result) {
    const struct doctor *doctor = ctx;
    const struct cli *cli = doctor->cli;
    if (cli->options->json) {
        json_assertion(cli, result->id, conformance_verdict_name(result->verdict), result->clause,
                       result->expected, result->seen);
    } else if (result->verdict != CONFORMANCE_HELD || cli->options->verbose) {
        cli_say(cli, "%-8s %s\n         %s: expected %s; seen: %s\n",
                conformance_verdict_name(result->verdict), result->id, result->clause,
                result->expected, result->seen);
    }
    return !is_cancelled(ctx);
}

static enum redfu_result conform(struct doctor *doctor, const struct device *device) {
    struct cli *cli = doctor->cli;
    const struct conformance_options options = {.report = tell,
                                                .ctx = doctor,
                                                .allows_upsetting = cli->options->yes,
                                                .allows_leaving = cli->options->leave,
                                                .is_over_system = true};
    struct conformance_summary summary = conformance_run(device, &options);
    const unsigned *count = summary.count;
    unsigned all = 0;
    for (unsigned i = 0; i < CONFORMANCE_VERDICTS; i++) {
        all += count[i];
    }
    if (summary.why) {
        cli_say(cli, "The suite did not come to its end: %s.\n", summary.why);
    }
    cli_say(cli, "%u assertions: %u held, %u departures by name, %u failed, %u untried\n", all,
            count[CONFORMANCE_HELD], count[CONFORMANCE_DEPARTS], count[CONFORMANCE_FAILED],
            count[CONFORMANCE_UNTRIED]);
    if (is_cancelled(doctor)) {
        return cli_refuse(cli, REDFU_CANCELLED, "interrupted");
    }
    if (summary.why && all == 0) {
        return cli_refuse(cli, REDFU_UNSEEN, "the suite could not begin: %s", summary.why);
    }
    return count[CONFORMANCE_FAILED] != 0
               ? cli_refuse(cli, REDFU_NEEDS_YOU, "%u assertions failed", count[CONFORMANCE_FAILED])
               : REDFU_OK;
}

// -- The device

static enum redfu_result end_of(struct doctor *doctor, const struct exam_result *exam) {
    struct cli *cli = doctor->cli;
    if (exam->is_unrestored) {
        (void)cli_refuse(cli, REDFU_UNRESTORED, "flash is not as it was: %s",
                         doctor->report->incomplete);
        return cli_advise(
            cli, "What it held is in %s: `redfu write %s --no-run` once the device takes it.",
            doctor->saved, doctor->saved);
    }
    if (exam->is_cancelled && exam->is_told_to_leave) {
        return cli_refuse(cli, REDFU_CANCELLED,
                          "interrupted; the device had been told to leave DFU mode");
    }
    if (exam->is_cancelled) {
        return cli_refuse(cli, REDFU_CANCELLED, "interrupted; the device was left as it was found");
    }
    if (exam->is_refused) {
        return cli_refuse(cli, REDFU_USAGE, "%s", doctor->report->incomplete);
    }
    return REDFU_OK;
}

static enum redfu_result save_page(struct cli *cli, const struct report *report, const char *path) {
    char *page = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&page, &len);
    if (!out) {
        return cli_refuse(cli, REDFU_INTERNAL, "out of memory for the report");
    }
    report_html(report, out);
    bool ok = fclose(out) == 0 && len <= UINT32_MAX;
    enum redfu_result result = ok ? file_save(cli, path, (const uint8_t *)page, (uint32_t)len)
                                  : cli_refuse(cli, REDFU_INTERNAL, "out of memory for the report");
    free(page);
    return result;
}

enum redfu_result doctor_finish(struct cli *cli, struct report *report) {
    report_sort(report);
    if (cli->options->json) {
        report_json(report, cli->surroundings->out);
    } else if (!cli->options->quiet) {
        report_text(report, cli->surroundings->out, cli->options->verbose);
        cli->is_told = true;
    }
    const char *path = options_given(cli->options, "--html");
    enum redfu_result result = path ? save_page(cli, report, path) : REDFU_OK;
    if (result != REDFU_OK) {
        cli->is_told = false;
        return result;
    }
    if (report_worst(report) > FINDING_NOTE) {
        char verdict[700];
        return cli_refuse(cli, REDFU_NEEDS_YOU, "%s",
                          report_verdict(report, verdict, sizeof verdict));
    }
    return report->incomplete[0]
               ? cli_refuse(cli, REDFU_UNSEEN, "not all could be looked at: %s", report->incomplete)
               : REDFU_OK;
}

// How it was left, where that is not dfuIDLE as found; and what a trial of a sector leaves out.
static void say_leave(struct cli *cli, const struct exam_options *exam,
                      const struct exam_result *end) {
    if (end->has_left) {
        cli_say(cli, "The device was told to leave DFU mode, and is not in it any more.\n");
    } else if (end->is_told_to_leave) {
        cli_say(cli, "The device was told to leave DFU mode, and %s.\n",
                end->is_idle ? "is in dfuIDLE" : "its state is not known");
    } else if (exam->sector_count != 0 && !exam->must_leave && end->is_idle) {
        cli_say(cli, "Leaving DFU mode was not tried: with --leave it is, last of all.\n");
    }
}

static enum redfu_result examine(struct doctor *doctor, struct redfu *redfu,
                                 const struct exam_options *exam) {
    struct cli *cli = doctor->cli;
    struct report *report = doctor->report;
    struct doctor_link link = {0};
    struct redfu_fault fault;
    enum redfu_result result = redfu_raw_open(redfu, doctor->device, &link.raw, &fault);
    if (result == REDFU_DENIED || result == REDFU_BUSY) {
        // doctor_pc() has looked: this is what it was called for.
        if (!report_has(report, result == REDFU_DENIED ? "F38" : "F41")) {
            report_add(report, result == REDFU_DENIED ? "F38" : "F41", REPORT_CERTAIN,
                       REPORT_NO_TIME, "%.300s", fault.text);
        }
        report_incomplete(report, "the device cannot be opened");
        return doctor_finish(cli, report);
    }
    if (result != REDFU_OK) {
        cli->fault = fault;
        return result;
    }
    struct device device = doctor_device(&link);
    if (cli->options->conformance) {
        result = conform(doctor, &device);
        redfu_raw_close(link.raw);
        return result;
    }
    struct exam_result end = exam_run(&device, exam, report);
    if (link.broken != 0) {
        report_add(report, "F27", REPORT_LIKELY, REPORT_NO_TIME,
                   "%u transfers broke off with an error of the bus", link.broken);
    }
    redfu_raw_close(link.raw);
    say_leave(cli, exam, &end);
    result = doctor_finish(cli, report);
    enum redfu_result ended = end_of(doctor, &end);
    if (ended != REDFU_OK) {
        cli->is_told = false; // the report did not say that
        return ended;
    }
    return result;
}

// Nothing can be asked of it, and that is what is wrong. The fault stands as it was if there is none.
static enum redfu_result look_at_unconfigured(struct cli *cli, const struct redfu_device *devices,
                                              size_t count, struct report *report) {
    for (size_t i = 0; i < count; i++) {
        const struct redfu_device *one = &devices[i];
        if (one->kind != REDFU_KIND_UNCONFIGURED || !redfu_matches(one, &cli->options->filter)) {
            continue;
        }
        (void)snprintf(report->subject, sizeof report->subject, "%.60s, %04X:%04X at %.40s",
                       one->product_name[0] ? one->product_name : "A device", one->vendor,
                       one->product, one->path);
        report_add(report, "F51", REPORT_LIKELY, REPORT_NO_TIME,
                   "the system has no configuration of it in force: it refused SET_CONFIGURATION, "
                   "its hub has no power left for it, or nobody has authorised it (USBGuard, say); "
                   "the kernel's log says which");
        report_incomplete(report, "a device that is not configured cannot be examined");
        return doctor_finish(cli, report);
    }
    return cli->fault.result;
}

static enum redfu_result look(struct cli *cli, struct redfu *redfu, struct exam_options *exam) {
    struct report report = {0};
    struct doctor doctor = {.cli = cli, .report = &report};
    struct redfu_device *devices;
    size_t count;
    size_t chosen = 0;
    enum redfu_result result = redfu_list(redfu, &devices, &count, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    exam->ctx = &doctor;
    result = redfu_choose(devices, count, &cli->options->filter, &chosen, &cli->fault);
    if (result == REDFU_NO_DEVICE) {
        result = look_at_unconfigured(cli, devices, count, &report);
    }
    if (result == REDFU_OK) {
        doctor.device = &devices[chosen];
        (void)snprintf(report.subject, sizeof report.subject, "%.60s, %04X:%04X at %.40s%s%.30s",
                       doctor.device->product_name[0] ? doctor.device->product_name : "A device",
                       doctor.device->vendor, doctor.device->product, doctor.device->path,
                       doctor.device->serial[0] ? ", serial " : "", doctor.device->serial);
        if (!cli->options->conformance) {
            doctor_pc(devices, count, doctor.device, &report);
            doctor_tools(&report);
        }
        result = examine(&doctor, redfu, exam);
    }
    redfu_list_free(devices);
    report_free(&report);
    return result;
}

// Before anything is looked at: a trial takes a while, and what is told to leave is gone afterwards.
static enum redfu_result check_page(struct cli *cli) {
    const char *path = options_given(cli->options, "--html");
    struct file_part part;
    if (!path) {
        return REDFU_OK;
    }
    if (strcmp(path, "-") == 0) {
        return cli_refuse(cli, REDFU_USAGE,
                          "--html -: the findings are on standard output; name a file");
    }
    enum redfu_result result = file_begin(cli, path, &part);
    if (result == REDFU_OK) {
        file_drop(&part);
        return REDFU_OK;
    }
    return cli_advise(cli, "That is where --html was to go. Nothing was done.");
}

enum redfu_result doctor_command(struct cli *cli) {
    struct exam_options exam = {.is_cancelled = is_cancelled,
                                .progress = progress,
                                .alternate = cli->options->alternate,
                                .save = save,
                                .must_leave = cli->options->leave};
    struct redfu *redfu;
    const char *log = options_given(cli->options, "--log");
    enum redfu_result result = check_page(cli);
    if (result == REDFU_OK && log) {
        return doctor_log(cli, log);
    }
    if (result == REDFU_OK) {
        result = take_sectors(cli, &exam);
    }
    if (result == REDFU_OK) {
        result = cli_connect(cli, &redfu);
    }
    if (result == REDFU_OK) {
        result = look(cli, redfu, &exam);
        redfu_free(redfu);
    }
    return result;
}
