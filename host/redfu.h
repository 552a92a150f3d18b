// SPDX-License-Identifier: MIT
//
// libredfu: programs STM32 boards over USB DFU with ST's DfuSe extension.
//
// Any DfuSe device will do: redfu-boot, ST's ROM bootloader, firmware made with CubeMX. Plain
// DFU 1.1 devices are listed and described, not programmed.
//
// The order of calls:
//
//     redfu_new                          access to USB
//     redfu_list, redfu_choose           what is connected, and which one is meant
//     redfu_open                         changes nothing on the device
//     redfu_describe                     identity, memory map, state exactly as found
//     redfu_plan_write                   what would be erased and written; refuses what cannot be
//     redfu_write, redfu_verify          does it; compares
//     redfu_run                          starts the application; the session is then over
//     redfu_close, redfu_free
//
// Every function that can fail returns an enum redfu_result and fills a struct redfu_fault: the
// sentence for a person is in there, and nothing is ever printed here. There are no globals: two
// contexts may be used from two threads; one context and its sessions from one thread at a time.
//
// After an error nothing more is written to the device. A device found in the middle of something
// (left so by another program) is brought back to dfuIDLE only by the operations that need it:
// write, erase, verify, read, run. Listing and describing leave even an error state as it is.
//
// What real devices do and this library puts up with: a GETSTATUS held back until the work is done (35 s
// for an erase, 10 s else) or STALLed a few times (STM32L4's ROM); dfuDNBUSY told again and again
// (up to 40 s); an error code in bState that takes two CLRSTATUS (ST's class); a device gone before
// it has answered the GETSTATUS after leave (ST's stack). Nothing else is tried a second time.

#ifndef HOST_REDFU_H
#define HOST_REDFU_H

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
    X(REDFU_NO_DEVICE, 30, "no matching device in DFU mode")                                       \
    X(REDFU_MANY_DEVICES, 31, "more than one device matches")                                      \
    X(REDFU_DENIED, 32, "no permission to open the device")                                        \
    X(REDFU_BUSY, 33, "another program is using the device")                                       \
    X(REDFU_NOT_DFUSE, 34, "the device does not speak DfuSe, or is not in DFU mode")               \
    X(REDFU_BAD_DEVICE, 35, "the device describes itself in a way that cannot be used")            \
    X(REDFU_NO_USB, 36, "USB cannot be used on this computer")                                     \
    X(REDFU_UNPLUGGED, 40, "the device was unplugged half way")                                    \
    X(REDFU_TRANSFER, 41, "a USB transfer failed")                                                 \
    X(REDFU_DEVICE_ERROR, 42, "the device reported an error")                                      \
    X(REDFU_STUCK, 43, "the device stays busy, or in a state it cannot be led out of")             \
    X(REDFU_MISMATCH, 44, "the device does not hold what the file holds")                          \
    X(REDFU_STAYED, 45, "the device did not leave DFU mode")                                       \
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
    X(REDFU_PHASE_RUN, "starting the application")

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

// --- Memory layout -------------------------------------------------------------------------------

// What may be done with a sector: the low three bits of the DfuSe type letter, 'a' to 'g'.
#define REDFU_CAN_READ          1u
#define REDFU_CAN_ERASE         2u
#define REDFU_CAN_WRITE         4u

#define REDFU_LAYOUT_GROUPS_MAX 32u // a USB string holds at most 25 of the shortest form

// Neighbouring sectors of one size and kind.
struct redfu_group {
    uint32_t addr;
    uint32_t count;
    uint32_t sector_bytes;
    uint8_t can; // REDFU_CAN_...
};

// A parsed DfuSe layout string (UM0424 4.3.2). Groups are in the string's order and do not overlap.
struct redfu_layout {
    char name[128];
    struct redfu_group groups[REDFU_LAYOUT_GROUPS_MAX];
    unsigned group_count;
    bool has_garbage; // bytes that are no text follow the layout; some devices' strings do that
};

struct redfu_sector {
    unsigned number; // counted from 0 through the layout string
    uint32_t addr;
    uint32_t bytes;
    uint8_t can;
};

// Parses "@name/0xADDR/n*sizeUT,n*sizeUT.../0xADDR/...": U is B, blank or nothing (bytes), K or M,
// T a type letter 'a' to 'g'. Blanks around numbers are taken, and bytes that are no ASCII text
// after a complete layout are ignored and noted. Anything else is REDFU_BAD_DEVICE, with the place.
enum redfu_result redfu_layout_parse(const char *text, struct redfu_layout *layout,
                                     struct redfu_fault *fault) __attribute__((warn_unused_result));
unsigned redfu_layout_sector_count(const struct redfu_layout *layout);
// Sector by number, and the sector that holds an address; false if there is none.
bool redfu_layout_sector(const struct redfu_layout *layout, unsigned number,
                         struct redfu_sector *sector);
bool redfu_layout_sector_at(const struct redfu_layout *layout, uint32_t addr,
                            struct redfu_sector *sector);
// Where the application goes: the first sector that can be erased and written, and how many bytes
// from there can be without a gap. False if there is none.
bool redfu_layout_application(const struct redfu_layout *layout, uint32_t *addr, uint32_t *bytes);

// --- Plans ---------------------------------------------------------------------------------------

// Bytes at an address. Lists of them are sorted by address and do not overlap.
struct redfu_segment {
    uint32_t addr;
    uint32_t len;
    const uint8_t *bytes;
};

// What a write or an erase would do. Owned by the caller through redfu_plan_free(); does not refer
// to the segments it was made from.
struct redfu_plan {
    struct redfu_sector *sectors; // to erase, ascending
    size_t sector_count;
    struct redfu_segment *runs; // to write, ascending; never two that touch
    size_t run_count;
    uint32_t erase_bytes;
    uint32_t write_bytes;
};

// The sectors the segments touch, and the bytes to write, widened with 0xFF to multiples of 8
// inside erased sectors (STM32CubeProgrammer sends multiples of 8 as well; some chips program no
// less). Pure logic, no device needed. The rest of a sector that is only partly covered is erased.
//
// Returns REDFU_TOO_LARGE, REDFU_READ_ONLY, REDFU_OUTSIDE, or REDFU_BAD_FILE for segments out of
// order; the plan is then empty.
enum redfu_result redfu_plan_write(const struct redfu_layout *layout,
                                   const struct redfu_segment *segments, size_t count,
                                   struct redfu_plan *plan, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Whole sectors that [addr, addr + len) touches; REDFU_READ_ONLY, REDFU_OUTSIDE.
enum redfu_result redfu_plan_erase(const struct redfu_layout *layout, uint32_t addr, uint32_t len,
                                   struct redfu_plan *plan, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Every sector that can be erased and written.
enum redfu_result redfu_plan_erase_all(const struct redfu_layout *layout, struct redfu_plan *plan,
                                       struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Whether every byte of the segments can be read back; REDFU_OUTSIDE, REDFU_READ_ONLY.
enum redfu_result redfu_check_readable(const struct redfu_layout *layout,
                                       const struct redfu_segment *segments, size_t count,
                                       struct redfu_fault *fault)
    __attribute__((warn_unused_result));
void redfu_plan_free(struct redfu_plan *plan);

// REDFU_WRONG_VECTORS when the segments cover `application`, where the device starts what is loaded, and
// no vector table is there: 8 bytes, the first word a stack pointer in RAM. For an image that is to be
// run; what else is wrong with its vectors is redfu_check_vectors()'s.
enum redfu_result redfu_check_startable(const struct redfu_segment *segments, size_t count,
                                        uint32_t application, struct redfu_fault *fault)
    __attribute__((warn_unused_result));

// REDFU_WRONG_VECTORS when the image begins with what looks like a Cortex-M vector table (an
// initial stack pointer in RAM) whose reset vector lies in none of the segments: it was linked for
// another address and would not run here. An image that does not begin so is not judged.
enum redfu_result redfu_check_vectors(const struct redfu_segment *segments, size_t count,
                                      struct redfu_fault *fault)
    __attribute__((warn_unused_result));

// --- Devices -------------------------------------------------------------------------------------

enum redfu_kind {
    REDFU_KIND_DFUSE,   // in DFU mode, DfuSe
    REDFU_KIND_DFU,     // in DFU mode, plain DFU
    REDFU_KIND_RUNTIME, // running an application that says it can enter DFU mode
};

#define REDFU_ALTERNATES_MAX       16u
// Bit of the functional descriptor's bmAttributes: memory can be read back.
#define REDFU_ATTRIBUTE_CAN_UPLOAD 0x02u

// One DFU interface of a connected device.
struct redfu_device {
    enum redfu_kind kind;
    uint16_t vendor, product, release; // idVendor, idProduct, bcdDevice
    uint8_t bus, address;              // as the system counts; the address changes at each replug
    char path[40];                     // "BUS-PORT.PORT...", the same for the same socket
    // Texts are UTF-8 with control characters replaced by '?'; empty where not known.
    char manufacturer[REDFU_TEXT_MAX], product_name[REDFU_TEXT_MAX], serial[REDFU_TEXT_MAX];
    enum redfu_result access; // REDFU_OK, or why texts could not be read (REDFU_DENIED, ...)
    // The DFU interface.
    uint8_t interface;
    uint8_t alternate_count;
    uint8_t alternate_strings[REDFU_ALTERNATES_MAX]; // iInterface of each alternate setting
    // The functional descriptor (DFU 1.1 4.1.3); zero where there is none.
    uint8_t attributes;
    uint16_t detach_timeout_ms, transfer_bytes, dfu_version;
    // String indices of the device descriptor.
    uint8_t manufacturer_string, product_string, serial_string;
};

// Which device is meant. Zero or NULL members match everything.
struct redfu_filter {
    const char *serial; // compared without regard to case
    const char *path;
    bool has_usb_id;
    uint16_t vendor, product;
};

struct redfu;

// Access to USB. REDFU_NO_USB where there is none.
enum redfu_result redfu_new(struct redfu **redfu, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
void redfu_free(struct redfu *redfu);

// Every DFU interface connected, run-time ones too, ordered by path; *count may become 0. Opens
// devices to read their texts and changes nothing on them. Free with redfu_list_free().
enum redfu_result redfu_list(struct redfu *redfu, struct redfu_device **devices, size_t *count,
                             struct redfu_fault *fault) __attribute__((warn_unused_result));
void redfu_list_free(struct redfu_device *devices);

// Whether a device passes the filter.
bool redfu_matches(const struct redfu_device *device, const struct redfu_filter *filter);
// The one device that passes the filter: a DfuSe device, or if there is none a plain DFU device.
// REDFU_NO_DEVICE and REDFU_MANY_DEVICES name what is there instead.
enum redfu_result redfu_choose(const struct redfu_device *devices, size_t count,
                               const struct redfu_filter *filter, size_t *chosen,
                               struct redfu_fault *fault) __attribute__((warn_unused_result));

// --- Sessions ------------------------------------------------------------------------------------

struct redfu_session;

struct redfu_alternate {
    char text[REDFU_TEXT_MAX]; // the string as the device gives it
    bool has_layout;
    struct redfu_layout layout;
    struct redfu_fault fault; // why there is no layout
};

struct redfu_description {
    struct redfu_device device;
    struct redfu_alternate alternates[REDFU_ALTERNATES_MAX]; // device.alternate_count of them
    // As found when the session was opened, before anything was healed.
    bool has_state;
    uint8_t state; // bState, DFU 1.1 6.1.2
    // bStatus; only asked for in states in which asking changes nothing.
    bool has_status;
    uint8_t status;
    char device_says[REDFU_TEXT_MAX];
};

// Opens a device in DFU mode. Sends only requests that change nothing: descriptors, GETSTATE, and
// GETSTATUS where that has no effect. REDFU_DENIED, REDFU_BUSY, REDFU_UNPLUGGED, REDFU_NOT_DFUSE
// (run-time mode).
enum redfu_result redfu_open(struct redfu *redfu, const struct redfu_device *device,
                             struct redfu_session **session, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Sends nothing. NULL is allowed.
void redfu_close(struct redfu_session *session);
// Valid until the session is closed.
const struct redfu_description *redfu_describe(const struct redfu_session *session);
// The layout of one alternate setting, when it can be used for `phase`; REDFU_NOT_DFUSE,
// REDFU_BAD_DEVICE.
enum redfu_result redfu_layout(const struct redfu_session *session, unsigned alternate,
                               const struct redfu_layout **layout, struct redfu_fault *fault)
    __attribute__((warn_unused_result));

// How far an operation is. Told when a sector or a run begins (done 0), and as it goes on, up to
// done == len. Sector numbers are only meant while erasing.
struct redfu_progress {
    enum redfu_phase phase;
    unsigned sector;
    uint32_t addr, len, done;   // of this sector or run
    uint32_t total, total_done; // bytes of the whole phase
    uint64_t elapsed_us;        // since this sector or run began
};

// Called from inside an operation. `is_cancelled` is asked between sectors and between blocks;
// when it says so, the operation ends with REDFU_CANCELLED and the device in dfuIDLE, ready for the
// next load, without taking what it has received for a whole image: a write sends SET_INTERFACE
// before ABORT (docs/protocol.md).
struct redfu_watch {
    void *ctx;
    void (*progress)(void *ctx, const struct redfu_progress *progress); // NULL: nobody watches
    bool (*is_cancelled)(void *ctx);                                    // NULL: never
};

// Erases the plan's sectors, then writes its runs. Neither verifies nor starts anything; the device
// is left in dfuDNLOAD-IDLE. After a failure the device is left as the failure left it, but for
// REDFU_CANCELLED.
enum redfu_result redfu_write(struct redfu_session *session, unsigned alternate,
                              const struct redfu_plan *plan, const struct redfu_watch *watch,
                              struct redfu_fault *fault) __attribute__((warn_unused_result));
// Ends a write for those who neither verify nor run: waits until the last block is in flash, tells
// its failure (redfu-boot accepts a block when it begins to program it), and sends ABORT, by which
// redfu-boot knows that the image is whole. Within a second of redfu_write().
enum redfu_result redfu_settle(struct redfu_session *session, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Reads back and compares: REDFU_MISMATCH with the first address that differs. Changes nothing but
// the address pointer; the device is left in dfuIDLE.
enum redfu_result redfu_verify(struct redfu_session *session, unsigned alternate,
                               const struct redfu_segment *segments, size_t count,
                               const struct redfu_watch *watch, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Reads len bytes into `out`; as redfu_verify() otherwise.
enum redfu_result redfu_read(struct redfu_session *session, unsigned alternate, uint32_t addr,
                             uint32_t len, uint8_t *out, const struct redfu_watch *watch,
                             struct redfu_fault *fault) __attribute__((warn_unused_result));
// Tells the device to leave DFU mode and start the application at `addr` (redfu-boot starts its
// application whatever the address), and waits until the device is gone: REDFU_STAYED if it is not
// after 5 s. Nothing but redfu_close() may follow success.
enum redfu_result redfu_run(struct redfu_session *session, unsigned alternate, uint32_t addr,
                            struct redfu_fault *fault) __attribute__((warn_unused_result));

// The specifications' words for bState and bStatus.
const char *redfu_state_text(unsigned state);
const char *redfu_status_text(unsigned status);

#ifdef __cplusplus
}
#endif

#endif
