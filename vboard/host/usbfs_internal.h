// SPDX-License-Identifier: MIT
//
// What usbfs' files share: usbfs.c (devices, open files, claims), usbfs_settings.c (configurations, alternate settings,
// halts, resets), usbfs_transfers.c (synchronous calls and URBs), usbfs_descriptors.c. Nobody else includes this.

#ifndef VBOARD_HOST_USBFS_INTERNAL_H
#define VBOARD_HOST_USBFS_INTERNAL_H

#include "vboard/host/usbfs.h"

struct usbfs_file {
    struct usbfs *usbfs;
    struct usbfs_file *next;
    void *ctx;
    unsigned devnum;
    bool connected;
    uint32_t claimed; // a bit an interface
    uint32_t line[CABLE_LINE_LEN];
    struct usbfs_urb *submitted;
    struct usbfs_urb *completed;
    struct usbfs_urb **completed_tail;
    struct usbfs_call *reaper;
};

struct usbfs {
    struct timeline *timeline;
    struct cable *cable;
    struct trace *trace;
    struct enumerator *enumerator;
    struct usbfs_events events;
    const struct usb_device *device;
    uint8_t configuration;
    uint8_t alternate[USBFS_INTERFACES];
    struct usbfs_file *files;
    struct usbfs_sync *syncs;
    struct usbfs_file *reset_file;
    struct usbfs_call *reset_call;
    bool closing;
};

// A transfer that a call waits for, or that the kernel makes by itself.
struct usbfs_sync {
    struct usbfs *usbfs;
    struct usbfs_sync *next;
    struct usbfs_file *file; // NULL: nobody waits any more
    struct usbfs_call *call;
    void (*after)(struct usbfs_sync *sync, long result); // may be NULL
    unsigned interface;                                  // for after()
    unsigned value;
    struct cable_transfer transfer;
    struct event timeout;
    bool timed_out;
};

// --- usbfs.c --------------------------------------------------------------------------------------

// A file's readiness may be another one.
void usbfs_tell(struct usbfs_file *file);
// Ends a held call; NULL is none.
void usbfs_finish(struct usbfs *usbfs, struct usbfs_call *call, long result);
void usbfs_wake_reaper(struct usbfs_file *file, long result);

// --- usbfs_descriptors.c: of the configuration in force -------------------------------------------

struct usbfs_endpoint {
    unsigned address;
    unsigned interface;
    const uint8_t *descriptor;
};

// The configuration with this value, and where it ends; NULL where there is none.
const uint8_t *usbfs_configuration_descriptor(const struct usbfs *usbfs, unsigned value,
                                              const uint8_t **end);
// `alternate` -1: any.
bool usbfs_has_interface(const struct usbfs *usbfs, unsigned number, int alternate);
// findintfep(): in any alternate setting.
bool usbfs_find_endpoint(const struct usbfs *usbfs, unsigned address, struct usbfs_endpoint *query);
// All endpoints of an interface have DATA0 next.
void usbfs_restart_toggles(struct usbfs *usbfs, unsigned interface);

// --- usbfs_transfers.c ----------------------------------------------------------------------------

// A control request without data that the kernel itself makes. `after` and `call` may be NULL.
int usbfs_kernel_request(struct usbfs *usbfs, struct usbfs_file *file, const struct usb_setup *ask,
                         void (*after)(struct usbfs_sync *sync, long result),
                         struct usbfs_call *call);

#endif
