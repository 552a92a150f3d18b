// SPDX-License-Identifier: MIT
//
// Part of libredfu (redfu.h): results and faults, what every function that can fail gives back.

#ifndef HOST_REDFU_FAULT_H
#define HOST_REDFU_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// --- Results -------------------------------------------------------------------------------------

// One list makes the results, the exit statuses of the program `redfu` and their descriptions.
// Numbers are never reused. The library itself never returns the file results (10 to 19).
#define REDFU_RESULTS(X)                                                                           \
    X(REDFU_OK, 0, "done")                                                                         \
    X(REDFU_INTERNAL, 1, "out of memory, or a fault in redfu itself")                              \
    X(REDFU_USAGE, 2, "the command line is wrong")                                                 \
    X(REDFU_NO_FILE, 10, "the file cannot be opened")                                              \
    X(REDFU_EMPTY_FILE, 11, "the file is empty")                                                   \
    X(REDFU_BAD_FILE, 12, "the file is damaged, or not what it is taken for")                      \
    X(REDFU_CANNOT_SAVE, 13, "the file to write into cannot be written")                           \
    X(REDFU_TOO_LARGE, 20, "the image is too large for the device's memory")                       \
    X(REDFU_READ_ONLY, 21, "the address lies in a read-only part (the bootloader, settings)")      \
    X(REDFU_OUTSIDE, 22, "the address lies outside the device's memory map")                       \
    X(REDFU_WRONG_VECTORS, 23, "the image is linked for another address")                          \
    X(REDFU_WRONG_DEVICE, 24, "the file is for a device with another USB identity")                \
    X(REDFU_UNFIT, 25, "the image would not be accepted, or not run (inspect)")                    \
    X(REDFU_NO_DEVICE, 30, "no matching device in DFU mode")                                       \
    X(REDFU_MANY_DEVICES, 31, "more than one device matches")                                      \
    X(REDFU_DENIED, 32, "no permission to open the device")                                        \
    X(REDFU_BUSY, 33, "another program is using the device")                                       \
    X(REDFU_NOT_DFUSE, 34, "the device does not speak DfuSe, or is not in DFU mode")               \
    X(REDFU_BAD_DEVICE, 35, "the device describes itself in a way that cannot be used")            \
    X(REDFU_NO_USB, 36, "USB cannot be used on this computer")                                     \
    X(REDFU_NO_SETTINGS, 37, "the device has no settings that can be reached over USB")            \
    X(REDFU_NO_SUCH_SETTING, 38, "there is no such setting, or nothing to import")                 \
    X(REDFU_FOREIGN, 39, "the settings pages hold somebody else's data, which must be imported")   \
    X(REDFU_UNPLUGGED, 40, "the device was unplugged half way")                                    \
    X(REDFU_TRANSFER, 41, "a USB transfer failed")                                                 \
    X(REDFU_DEVICE_ERROR, 42, "the device reported an error")                                      \
    X(REDFU_STUCK, 43, "the device stays busy, or in a state it cannot be led out of")             \
    X(REDFU_MISMATCH, 44, "the device does not hold what the file holds")                          \
    X(REDFU_STAYED, 45, "the device did not leave DFU mode")                                       \
    X(REDFU_SOME_FAILED, 50, "of several boards at least one failed")                              \
    X(REDFU_NO_ROW, 51, "every row of the station's table of settings belongs to a board")         \
    X(REDFU_NEEDS_YOU, 60, "the doctor found a fault or a warning")                                \
    X(REDFU_UNSEEN, 61, "the doctor could not look at all it wanted to, and found nothing so far") \
    X(REDFU_UNRESTORED, 62, "flash is not as it was before the doctor tried a sector")             \
    X(REDFU_CANCELLED, 130, "interrupted (Ctrl-C)")

enum redfu_result {
#define X(name, number, text) name = number,
    REDFU_RESULTS(X)
#undef X
};

// The description from the list above; "?" for a number that is not in it.
const char *redfu_result_text(enum redfu_result result);

#define REDFU_PHASES(X)                                                                            \
    X(REDFU_PHASE_OPEN, "opening")                                                                 \
    X(REDFU_PHASE_PREPARE, "preparing")                                                            \
    X(REDFU_PHASE_ERASE, "erasing")                                                                \
    X(REDFU_PHASE_WRITE, "writing")                                                                \
    X(REDFU_PHASE_VERIFY, "verifying")                                                             \
    X(REDFU_PHASE_READ, "reading")                                                                 \
    X(REDFU_PHASE_RUN, "starting the application")                                                 \
    X(REDFU_PHASE_COMPARE, "comparing")

enum redfu_phase {
#define X(name, text) name,
    REDFU_PHASES(X)
#undef X
};

const char *redfu_phase_text(enum redfu_phase phase);

// Room for any USB string (126 UTF-16 units) in UTF-8.
#define REDFU_TEXT_MAX 384u

// Why something failed. `text` says what happened, where, and why as far as it is known, without a
// newline at the end; `advice` what to do about it, one or more lines, or empty. The other
// members are the facts behind the sentence.
struct redfu_fault {
    enum redfu_result result;
    enum redfu_phase phase;
    bool has_addr;
    uint32_t addr;
    bool has_status; // the device reported an error: bStatus and bState of DFU 1.1 6.1.2
    uint8_t status;
    uint8_t state;
    char device_says[REDFU_TEXT_MAX]; // the sentence iString names; empty if there is none
    char text[2048];
    char advice[2048];
};

#ifdef __cplusplus
}
#endif

#endif
