// SPDX-License-Identifier: MIT
//
// The PC's part in it: who may open the device, which driver is bound, who has it open, which tools are installed.
// Linux' /sys, /proc and /dev; where they are not, nothing is said.

#include <ctype.h>
#include <dirent.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "doctor/versions.h"

static void node_of(const struct redfu_device *device, char node[64]) {
    (void)snprintf(node, 64, "/dev/bus/usb/%03u/%03u", device->bus, device->address);
}

static void permissions(const struct redfu_device *device, struct report *report) {
    char node[64];
    char rule[128];
    struct stat status;
    node_of(device, node);
    if (stat(node, &status) != 0) {
        return;
    }
    const struct passwd *user = getpwuid(status.st_uid);
    const struct group *group = getgrgid(status.st_gid);
    report_fact(report, "PC", "device node", "%s, %s:%s, mode %04o", node,
                user ? user->pw_name : "?", group ? group->gr_name : "?",
                (unsigned)(status.st_mode & 07777));
    if (device->access == REDFU_DENIED) {
        report_add(report, "F38", REPORT_CERTAIN, REPORT_NO_TIME,
                   "%s belongs to %s:%s with mode %04o, and you may not open it. The udev rule: %s",
                   node, user ? user->pw_name : "?", group ? group->gr_name : "?",
                   (unsigned)(status.st_mode & 07777),
                   redfu_udev_rule(device->vendor, device->product, rule, sizeof rule));
    }
}

static void driver(const struct redfu_device *device, struct report *report) {
    char path[160];
    char target[256];
    (void)snprintf(path, sizeof path, "/sys/bus/usb/devices/%s:1.%u/driver", device->path,
                   device->interface);
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len <= 0) {
        report_fact(report, "PC", "kernel driver", "none bound to the DFU interface");
        return;
    }
    target[len] = '\0';
    const char *name = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
    report_fact(report, "PC", "kernel driver", "%s", name);
    if (strcmp(name, "usbfs") != 0) {
        report_add(report, "F38", REPORT_LIKELY, REPORT_NO_TIME,
                   "the kernel driver %s is bound to the DFU interface", name);
    }
}

// The first words of a process' command line, for a person.
static void process_name(const char *pid, char name[128]) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%.20s/cmdline", pid);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(name, 1, 127, file) : 0;
    name[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        name[i] = (unsigned char)name[i] < ' ' ? ' ' : name[i];
    }
    if (file) {
        (void)fclose(file);
    }
}

static bool has_open(const char *pid, const char *node) {
    char folder[64];
    bool found = false;
    (void)snprintf(folder, sizeof folder, "/proc/%.20s/fd", pid);
    DIR *fds = opendir(folder);
    if (!fds) {
        return false; // another user's, or gone
    }
    for (const struct dirent *entry = readdir(fds); entry && !found; entry = readdir(fds)) {
        char path[400];
        char target[256];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        ssize_t len = readlink(path, target, sizeof target - 1);
        if (len > 0) {
            target[len] = '\0';
            found = strcmp(target, node) == 0;
        }
    }
    (void)closedir(fds);
    return found;
}

static void holders(const struct redfu_device *device, struct report *report) {
    char node[64];
    char self[32];
    unsigned count = 0;
    node_of(device, node);
    (void)snprintf(self, sizeof self, "%ld", (long)getpid());
    DIR *processes = opendir("/proc");
    if (!processes) {
        return;
    }
    for (const struct dirent *entry = readdir(processes); entry; entry = readdir(processes)) {
        char name[128];
        if (!isdigit((unsigned char)entry->d_name[0]) || strcmp(entry->d_name, self) == 0 ||
            !has_open(entry->d_name, node)) {
            continue;
        }
        process_name(entry->d_name, name);
        count++;
        report_add(report, "F41", device->access == REDFU_BUSY ? REPORT_CERTAIN : REPORT_LIKELY,
                   REPORT_NO_TIME, "process %s (%s) has %s open", entry->d_name, name, node);
    }
    (void)closedir(processes);
    if (count == 0 && device->access == REDFU_BUSY) {
        report_add(report, "F41", REPORT_CERTAIN, REPORT_NO_TIME,
                   "%s is taken by a program of another user, or by one that cannot be seen", node);
    }
    report_fact(report, "PC", "programs that have it open", "%u besides this one", count);
}

void doctor_pc(const struct redfu_device *devices, size_t count, const struct redfu_device *meant,
               struct report *report) {
    for (size_t i = 0; i < count; i++) {
        const struct redfu_device *one = &devices[i];
        if (meant && strcmp(one->path, meant->path) == 0 && one->interface == meant->interface) {
            continue;
        }
        report_fact(report, "PC", "another DFU device", "%04X:%04X \"%s\" at %s, %s%s", one->vendor,
                    one->product, one->product_name, one->path,
                    one->kind == REDFU_KIND_RUNTIME        ? "running its application"
                    : one->kind == REDFU_KIND_UNCONFIGURED ? "not configured"
                                                           : "in DFU mode",
                    one->is_camera      ? ", a camera"
                    : one->is_bluetooth ? ", a Bluetooth adapter"
                                        : "");
    }
    if (meant) {
        permissions(meant, report);
        driver(meant, report);
        holders(meant, report);
    }
}

// -- Tools

// The first line that `command` prints and that holds `marker` has the version behind it.
static const struct {
    const char *program, *command, *marker;
    const char *tool; // as doctor/versions.h calls it
} tools[] = {
    // `timeout` of coreutils: a program that waits for something is not waited for.
    {"dfu-util", "timeout 5 dfu-util --version 2>/dev/null </dev/null", "dfu-util ", "dfu-util"},
    {"fwupdtool", "timeout 5 fwupdtool --version 2>/dev/null </dev/null", "org.freedesktop.fwupd ",
     "fwupd"},
    {"STM32_Programmer_CLI", "timeout 20 STM32_Programmer_CLI --version 2>/dev/null </dev/null",
     "version", "STM32CubeProgrammer"},
};

static bool is_in_path(const char *program) {
    const char *path = getenv("PATH");
    for (const char *at = path; at && *at;) {
        char full[512];
        size_t len = strcspn(at, ":");
        (void)snprintf(full, sizeof full, "%.*s/%s", (int)len, at, program);
        if (access(full, X_OK) == 0) {
            return true;
        }
        at += len + (at[len] == ':');
    }
    return false;
}

static void judge_version(unsigned i, const char *line, struct report *report) {
    char version[24];
    const char *number = strstr(line, tools[i].marker);
    number += strcspn(number, "0123456789");
    (void)snprintf(version, sizeof version, "%.*s", (int)strspn(number, "0123456789."), number);
    const char *fault = version_fault(tools[i].tool, version);
    if (fault) {
        report_add(report, "F26", REPORT_CERTAIN, REPORT_NO_TIME, "%s is installed (\"%s\"): it %s",
                   tools[i].program, line, fault);
    }
}

static void ask_version(unsigned i, struct report *report) {
    char line[200];
    bool is_told = false;
    // Constant commands, none of which touches a device.
    FILE *out = popen(tools[i].command, "re");
    if (!out) {
        return;
    }
    while (fgets(line, sizeof line, out)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (is_told || !strstr(line, tools[i].marker)) {
            continue;
        }
        is_told = true;
        report_fact(report, "tools", tools[i].program, "%s", line);
        judge_version(i, line, report);
    }
    (void)pclose(out);
    if (!is_told) {
        report_fact(report, "tools", tools[i].program, "installed, version not told");
    }
}

void doctor_tools(struct report *report) {
    for (unsigned i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        if (is_in_path(tools[i].program)) {
            ask_version(i, report);
        }
    }
}
