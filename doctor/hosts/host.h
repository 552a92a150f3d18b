// SPDX-License-Identifier: MIT
//
// The request sequences of the programs that load DfuSe devices, each written down once, with the
// habits that matter to a device: the order of commands, what is demanded of a status, what is done
// about dfuDNBUSY, how long is waited, how a load ends. Tests, benchmarks and the doctor play them
// against a device (doctor/device.h).
//
// Not here: file formats, the programs' options, progress, words for people. A script erases and
// writes what the job says, to the end the program would come to.
//
// Where a program's source is public, its script's first lines name file and function. A script with
// is_inferred was written from logs that users have published; docs/testing.md says how an owner of
// the tool can record the truth.

#ifndef DOCTOR_HOSTS_HOST_H
#define DOCTOR_HOSTS_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "doctor/device.h"
#include "doctor/hosts/layout.h"

// A contiguous piece of an image. What lies between elements is not touched.
struct host_element {
    uint32_t addr;
    uint32_t len;
    const uint8_t *bytes;
};

struct host_job {
    const struct host_element *elements; // in the order of the file
    unsigned element_count;
    unsigned alternate; // which alternate setting the file names
    bool leaves;        // start what was loaded, where the program leaves that open
    bool verifies;      // read it back, likewise
    // Bytes a block where the user overrides the device's (dfu-util -t); 0: wTransferSize.
    uint16_t block_bytes;
    // The memory layout to go by; NULL: the alternate's name, as the programs do.
    const struct host_layout *layout;

    // What goes wrong on the host's side, for tests.
    bool dies_after_write;   // nothing is said any more behind the last block's last status
    bool is_stubborn;        // clears an error status away and goes on
    bool skips_erase;        // as where a map marks its sectors writable but not erasable
    bool skips_option_bytes; // Betaflight: see betaflight.c
};

enum host_end {
    HOST_DONE = 0, // the program would report success
    HOST_REFUSED,  // the device reported an error status
    HOST_GAVE_UP,  // the device did not do what the program insists on
    HOST_FAILED,   // a transfer stalled, timed out or found no device
    HOST_DIFFERS,  // read back, it was not what had been written
    HOST_DIED,     // dies_after_write
};

struct host_outcome {
    enum host_end end;
    const char *why;       // the program's own words where it has some; NULL when done
    uint32_t addr;         // where in memory; 0 where that says nothing
    uint8_t status, state; // of the last GETSTATUS
    unsigned transfers;    // control transfers the script made
};

struct host {
    const char *name;    // for people and for host_find()
    const char *version; // that the script was written from
    bool is_inferred;
    bool always_leaves;
    bool always_verifies;
    struct host_outcome (*load)(const struct device *device, const struct host_job *job);
    // Reads `len` bytes from `addr`; NULL where the program cannot. Uses alternate, block_bytes and
    // layout of the job.
    struct host_outcome (*read)(const struct device *device, const struct host_job *job,
                                uint32_t addr, uint8_t *out, uint32_t len);
};

extern const unsigned host_count;
const struct host *host_at(unsigned index); // NULL: no more

const struct host *host_find(const char *name); // NULL: none of that name

// "errADDRESS in dfuERROR: <why> at 0x0800c000", for messages. Returns `out`.
const char *host_outcome_text(const struct host_outcome *outcome, char *out, unsigned size);

#endif
