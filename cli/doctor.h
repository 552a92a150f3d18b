// SPDX-License-Identifier: MIT
//
// `redfu doctor`: why an update over USB fails. doctor.c looks at a connected device, doctor_pc.c at the PC.

#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/cli.h"
#include "doctor/device.h"
#include "doctor/report.h"
#include "host/redfu.h"

// The command. REDFU_NEEDS_YOU if something above a note was found.
enum redfu_result doctor_command(struct cli *cli);

// Sorts and writes a report the way the options ask for (words or --json), and says what the exit status is.
enum redfu_result doctor_finish(struct cli *cli, struct report *report);

// doctor_log.c: --log FILE.
enum redfu_result doctor_log(struct cli *cli, const char *path);

// doctor_device.c: doctor/device.h over libusb.
struct doctor_link {
    struct redfu_raw *raw;
    unsigned broken; // transfers that broke off with an error of the bus
};
struct device doctor_device(struct doctor_link *link);

// doctor_pc.c: what the PC has to do with it. Sends nothing.
// Other devices, drivers, permissions, programs that hold the device meant (NULL: none is).
void doctor_pc(const struct redfu_device *devices, size_t count, const struct redfu_device *meant,
               struct report *report);
// Programs of this kind that are installed, and what is known of their versions.
void doctor_tools(struct report *report);

#endif
