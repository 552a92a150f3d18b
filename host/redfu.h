// SPDX-License-Identifier: MIT
//
// libredfu: programs STM32 boards over USB DFU with ST's DfuSe extension.
//
// Any DfuSe device will do: redfu-boot, ST's ROM bootloader, firmware made with CubeMX. Plain
// DFU 1.1 devices take and give a whole file (redfu_download).
//
// The order of calls:
//
//     redfu_new                          access to USB
//     redfu_list, redfu_choose           what is connected, and which one is meant
//     redfu_open                         changes nothing on the device
//     redfu_describe                     identity, memory map, state exactly as found
//     redfu_plan_write                   what would be erased and written; refuses what cannot be
//     redfu_prepare                      leaves out what the device holds already; changes nothing on it
//     redfu_write                        does it
//     redfu_verify_sums, redfu_verify    compares, by region hash (redfu_sums_up) or by reading
//     redfu_run                          starts the application; the session is then over
//     redfu_close, redfu_free
//
// Every function that can fail returns an enum redfu_result and fills a struct redfu_fault: the
// sentence for a person is in there, and nothing is ever printed here. There are no globals: two
// contexts may be used from two threads; one context and its sessions from one thread at a time.
// What goes over the wire can be listened to (redfu_listen).
//
// After an error nothing more is written to the device. A device found in the middle of something
// (left so by another program) is brought back to dfuIDLE only by the operations that need it:
// write, erase, verify, read, run. Listing and describing leave even an error state as it is.
//
// What real devices do and this library puts up with: a GETSTATUS held back until the work is done (35 s
// for an erase, 10 s else) or STALLed a few times (STM32L4's ROM); dfuDNBUSY told again and again
// (up to 40 s); an error code in bState that takes two CLRSTATUS (ST's class); a device gone before
// it has answered the GETSTATUS after leave (ST's stack). Nothing else is tried a second time here; a whole
// load may be, in a new session (redfu_await).

#ifndef HOST_REDFU_H
#define HOST_REDFU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/redfu_plan.h"
#include "host/redfu_tap.h"

#ifdef __cplusplus
extern "C" {
#endif

// --- Devices -------------------------------------------------------------------------------------

enum redfu_kind {
    REDFU_KIND_DFUSE,   // in DFU mode, DfuSe
    REDFU_KIND_DFU,     // in DFU mode, plain DFU
    REDFU_KIND_RUNTIME, // running an application that says it can enter DFU mode
    // In DFU mode, and the system has no configuration of it in force: it refused SET_CONFIGURATION, is just coming, or
    // was not authorised. Listed, and never chosen.
    REDFU_KIND_UNCONFIGURED,
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
    // What else it is, by its other interfaces.
    bool is_camera, is_bluetooth;
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
struct redfu_watch; // below

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

// The line for a file in /etc/udev/rules.d/ that lets whoever is logged in at a Linux computer open a device.
// Returns `out`; 128 bytes are enough.
const char *redfu_udev_rule(uint16_t vendor, uint16_t product, char *out, size_t size);

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
// Whether a fault tells of a request that the device refused without saying why (errSTALLEDPKT).
bool redfu_fault_is_stall(const struct redfu_fault *fault);
// Valid until the session is closed.
const struct redfu_description *redfu_describe(const struct redfu_session *session);
// Sends a device from run-time mode (REDFU_KIND_RUNTIME) into DFU mode and waits until it is back in the
// same socket: *found, to be opened. REDFU_DENIED, REDFU_BUSY; REDFU_STUCK if it refuses or does not come back.
enum redfu_result redfu_detach(struct redfu *redfu, const struct redfu_device *device,
                               struct redfu_device *found, struct redfu_fault *fault)
    __attribute__((warn_unused_result));

// Waits until a device like this one is there in DFU mode: in the same socket, or with the same USB identity
// and serial number. REDFU_NO_DEVICE after the time given, REDFU_CANCELLED.
enum redfu_result redfu_await(struct redfu *redfu, const struct redfu_device *like,
                              uint32_t timeout_ms, const struct redfu_watch *watch,
                              struct redfu_device *found, struct redfu_fault *fault)
    __attribute__((warn_unused_result));

// What lies where an application begins.
struct redfu_image {
    uint32_t addr;
    uint32_t stack, reset; // the first two words
    bool is_blank;         // both are 0xFFFFFFFF
    bool is_startable;     // a stack pointer in RAM, and a Thumb address in this memory
};
// Reads it, of a DfuSe device that was found in dfuIDLE without an error, and leaves it so; but for the address
// pointer nothing is changed. False where that cannot be done.
bool redfu_image(struct redfu_session *session, struct redfu_image *image);

// Whether the application is sealed (docs/redfu.md, sealing), as a redfu-boot would judge it.
enum redfu_seal {
    REDFU_SEAL_NONE,  // no stamp: whether the image is whole only the end of its load tells
    REDFU_SEAL_WRONG, // a stamp, of an earlier image or of one that is not whole
    REDFU_SEAL_RIGHT, // length and CRC agree
};
struct redfu_stamp {
    enum redfu_seal seal;
    uint32_t len, crc; // what the stamp says; the first one's, if none is right
};
// Looks for it, of a redfu-boot that was found in dfuIDLE without an error, and leaves it so: what is not blank is
// read, a second for a megabyte. Changes nothing but the address pointer. NULL; else why it is not known, in words.
const char *redfu_stamp(struct redfu_session *session, struct redfu_stamp *stamp)
    __attribute__((warn_unused_result));
// Whether the device says that a load was begun and has not ended. Only where redfu_sums_up().
bool redfu_is_receiving(struct redfu_session *session);

// What a redfu-boot tells of its start.
struct redfu_start {
    uint8_t mode;       // boot mode asked for: 1, DFU, as a rule
    uint8_t failed;     // starts of the application that failed before it confirmed
    const char *reason; // why this mode, in words
    const char *cause;  // of the reset, in words
    uint32_t faults;    // of the bootloader itself; 0: none, and the rest is 0
    uint32_t fault_pc, fault_lr, fault_cfsr, fault_hfsr, fault_mmfar, fault_bfar;
};
// A vendor request, which other bootloaders refuse: false.
bool redfu_start(const struct redfu_session *session, struct redfu_start *start);

// What the option bytes of the chip say (docs/protection.md).
struct redfu_protection {
    uint32_t option;         // as they are (RM0090 3.9.10)
    uint8_t read_level;      // RDP: 0, 1 or 2
    uint8_t brown_out_level; // BOR: 0 off, 1 to 3
    bool is_boot_protected;  // the bootloader's sectors are write protected
    bool is_partly;          // some of them
};
// A vendor request, which other bootloaders and redfu-boot below 1.10 refuse or cut short: false.
bool redfu_protection(const struct redfu_session *session, struct redfu_protection *protection);
// Sets or lifts write protection of the bootloader's sectors, and looks whether it is so.
// REDFU_BAD_DEVICE (no redfu-boot), REDFU_DEVICE_ERROR (refused), REDFU_TRANSFER.
enum redfu_result redfu_protect(struct redfu_session *session, bool is_wanted,
                                struct redfu_fault *fault) __attribute__((warn_unused_result));

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

// How a plan is to be carried out.
struct redfu_prepare {
    bool full;       // write everything: also what the device holds already, also blanks
    bool keep;       // the rest of sectors that are only partly covered is read, and written back
    bool no_reading; // what the device holds is asked for by region hash or not at all
};

// Whether the device has the region hash (docs/protocol.md: redfu-boot). Asked once, of devices that say DfuSe
// 1.1a, but for ST's ROM; those without it refuse the request.
bool redfu_sums_up(struct redfu_session *session);

// A redfu-boot starts what begins where its application area does, and after a load that brings no beginning only if
// none was open before. Whether that will be there once these segments (in the order of their addresses) are
// written, with or without redfu_prepare.keep; by the region hash alone, which changes nothing.
//
// A load that is open is waited for, as redfu_await_whole() does: it may have just ended.
//
// REDFU_OK where it will be, where !redfu_sums_up(), and where the region hash gets no answer; REDFU_WRONG_VECTORS
// where it will not.
enum redfu_result redfu_check_start(struct redfu_session *session,
                                    const struct redfu_layout *layout,
                                    const struct redfu_segment *segments, size_t count,
                                    uint32_t application, bool keep, struct redfu_fault *fault)
    __attribute__((warn_unused_result));

// Changes a plan from redfu_plan_write() according to what the device holds: sectors that hold already what
// they would after the write are left out (by region hash, else by reading up to the first difference), and
// blank blocks. Nothing is left of a plan for an image that is there whole. With `keep` plan->kept is what
// was read: whoever cares for it saves it before redfu_write(), since between erasing and writing it is
// nowhere else. Nothing is written, nothing erased; a device without the region hash has its address pointer set.
enum redfu_result redfu_prepare(struct redfu_session *session, unsigned alternate,
                                const struct redfu_prepare *how, struct redfu_plan *plan,
                                const struct redfu_watch *watch, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// About how long redfu_write() will take, and verifying: by the model that docs/redfu.md tells, and by how long
// the device asked to be left alone in redfu_prepare().
uint64_t redfu_plan_time_us(struct redfu_session *session, const struct redfu_plan *plan,
                            bool verify);

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
// After redfu_settle() or redfu_verify(): waits until the device has taken what was written for whole,
// which redfu-boot does after half a second of silence; only then may the cable be pulled. At once where a
// device has no settings. *is_whole is false when 3 s were not enough: the load was not of a kind that
// completes an image (docs/protocol.md, the gate).
enum redfu_result redfu_await_whole(struct redfu_session *session, bool *is_whole,
                                    struct redfu_fault *fault) __attribute__((warn_unused_result));
// Reads back and compares: REDFU_MISMATCH with the first address that differs. Changes nothing but
// the address pointer; the device is left in dfuIDLE.
enum redfu_result redfu_verify(struct redfu_session *session, unsigned alternate,
                               const struct redfu_segment *segments, size_t count,
                               const struct redfu_watch *watch, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// The same by region hash, without reading; tells a failure of the last block, too. Does not leave
// dfuDNLOAD-IDLE: redfu_settle() may follow. REDFU_BAD_DEVICE where !redfu_sums_up().
enum redfu_result redfu_verify_sums(struct redfu_session *session, unsigned alternate,
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

// --- Plain DFU 1.1 -------------------------------------------------------------------------------
//
// Devices of REDFU_KIND_DFU have no addresses and no memory layout: bytes go in and come out as one file, per
// alternate setting. All of these need no plan.

// Loads a file, without its DFU suffix, and waits until the device has taken it in (manifestation). The device is
// dfuIDLE then, waits for redfu_reset(), or is gone. REDFU_BAD_DEVICE where it cannot be loaded.
enum redfu_result redfu_download(struct redfu_session *session, unsigned alternate,
                                 const uint8_t *bytes, uint32_t len,
                                 const struct redfu_watch *watch, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Reads all the device gives, at most 64 MB: *bytes from malloc(), NULL on failure.
enum redfu_result redfu_upload(struct redfu_session *session, unsigned alternate, uint8_t **bytes,
                               uint32_t *len, const struct redfu_watch *watch,
                               struct redfu_fault *fault) __attribute__((warn_unused_result));
// Resets the device's port, by which DFU mode ends (DFU 1.1 A.2), and looks whether it has: REDFU_STAYED.
// Nothing but redfu_close() may follow.
enum redfu_result redfu_reset(struct redfu *redfu, struct redfu_session *session,
                              struct redfu_fault *fault) __attribute__((warn_unused_result));

// --- Settings ------------------------------------------------------------------------------------
//
// Small values under 16-bit keys, which redfu-boot and its applications keep through updates and power
// cuts (docs/settings.md). A device has them if one of its memories is called "Settings" and can be
// read and written; anything else is REDFU_NO_SETTINGS.

#define REDFU_SETTING_BYTES_MAX 255u
// Keys below are the application's; those from here on are redfu's own, listed in docs/settings.md.
#define REDFU_SETTING_KEY_OWN   0xf000u
#define REDFU_SETTING_KEY_MAX   0xfeffu

// redfu's own.
#define REDFU_SETTING_RECEIVING 0xf000u // empty: a load has begun and is not known to have ended
#define REDFU_SETTING_BOOT_MODE                                                                    \
    0xf001u // one byte, the mode of every start; a second, of the next one
#define REDFU_SETTING_IMPORTING 0xf002u // empty: an import is not complete

// Modes a board starts in (docs/boot.md). From REDFU_BOOT_USER on they are the product's own.
#define REDFU_BOOT_MODES(X)                                                                        \
    X(REDFU_BOOT_APPLICATION, 0, "application")                                                    \
    X(REDFU_BOOT_DFU, 1, "dfu")                                                                    \
    X(REDFU_BOOT_ROM, 2, "rom")                                                                    \
    X(REDFU_BOOT_FACTORY_RESET, 3, "factory-reset")
enum redfu_boot_mode {
#define X(name, number, text) name = number,
    REDFU_BOOT_MODES(X)
#undef X
        REDFU_BOOT_USER = 16,
    REDFU_BOOT_NONE = 255, // for the next start: nothing other than for every start
};

struct redfu_setting {
    uint16_t key;
    bool is_removal; // in a change: the key goes; `len` is 0
    uint8_t len;
    uint8_t value[REDFU_SETTING_BYTES_MAX];
};

// Everything a device keeps, or a backup of it. Freed with redfu_settings_free(); zero is an empty one.
struct redfu_settings {
    struct redfu_setting *all; // each key once, in the order of their writing
    size_t count;
    uint8_t *list; // the same as a file: what redfu_settings_parse() takes
    uint32_t list_len;
    // About the store; not in every file.
    bool has_info;
    bool is_receiving;               // a load has begun and has not ended
    bool is_foreign[2];              // which page holds somebody else's data
    uint32_t pages_addr, page_bytes; // two pages, one behind the other
    // Since the store was made, 0 where there is none; each page erased half as often.
    uint32_t turnovers;
    uint32_t room; // bytes left before the next one; a value takes up to 15 more than its length
};

// Takes a list apart (spec/settings_list.h). REDFU_BAD_FILE, with the place, if it is none.
enum redfu_result redfu_settings_parse(const uint8_t *list, uint32_t len,
                                       struct redfu_settings *settings, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// The value of a key, NULL if there is none.
const struct redfu_setting *redfu_settings_find(const struct redfu_settings *settings,
                                                uint16_t key);
void redfu_settings_free(struct redfu_settings *settings);

// Reads them all; the device is left in dfuIDLE.
enum redfu_result redfu_settings_read(struct redfu_session *session,
                                      struct redfu_settings *settings, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// The same of a redfu-boot that was found in dfuIDLE and has no load open, to which it makes no difference: the
// alternate setting that was in force is in force again. NULL; else why they are not known, in words.
const char *redfu_settings_look(struct redfu_session *session, struct redfu_settings *settings)
    __attribute__((warn_unused_result));
// Sets and removes, in order, then reads back and compares: REDFU_MISMATCH. Each change is safe against a
// power cut by itself; a failure keeps those before it. Refused before anything is sent: REDFU_USAGE for
// a key that cannot be changed (above REDFU_SETTING_KEY_MAX, or 0xF000), REDFU_FOREIGN where there is
// no store because of a foreign page.
enum redfu_result redfu_settings_change(struct redfu_session *session,
                                        const struct redfu_setting *changes, size_t count,
                                        struct redfu_fault *fault)
    __attribute__((warn_unused_result));

// What to do about a foreign page. Whoever consents has saved what is in it.
enum redfu_consent {
    REDFU_BEGIN_STORE,  // begin a store where foreign pages prevent it; one of them stays beside it
    REDFU_GIVE_UP_PAGE, // erase the foreign page beside the store
};
enum redfu_result redfu_settings_consent(struct redfu_session *session, enum redfu_consent consent,
                                         struct redfu_fault *fault)
    __attribute__((warn_unused_result));

// The two settings pages of a board that was never switched on, one behind the other, with these settings
// in: a store as redfu-boot would have made it, its second page ready. Pure logic; `pages` takes
// 2 * page_bytes. REDFU_USAGE for a key given twice, or one that is not a person's to set; REDFU_TOO_LARGE
// when they do not fit.
enum redfu_result redfu_settings_make(const struct redfu_setting *settings, size_t count,
                                      uint8_t *pages, uint32_t page_bytes,
                                      struct redfu_fault *fault)
    __attribute__((warn_unused_result));

// --- ST's EEPROM emulation (AN3969, AN2594) ------------------------------------------------------

enum redfu_an3969_status {
    REDFU_AN3969_NONE, // something else
    REDFU_AN3969_ERASED,
    REDFU_AN3969_RECEIVE, // a transfer from another page had begun
    REDFU_AN3969_VALID,
};

#define REDFU_AN3969_PAGES_MAX 3u

// What was found in neighbouring pages, two of which may be an emulated EEPROM.
struct redfu_an3969 {
    enum redfu_an3969_status status[REDFU_AN3969_PAGES_MAX];
    unsigned first, second;    // pages the variables come from; the same when one page has them all
    bool may_miss;             // a transfer had begun, and the page it came from is not there
    struct redfu_setting *all; // variables, ascending, two bytes each
    size_t count;
};

// Pure logic. REDFU_NO_SUCH_SETTING when no page is one of AN3969's, or none has a variable;
// REDFU_BAD_FILE when two pages contradict each other, as AN3969's recovery table has it.
enum redfu_result redfu_an3969_parse(const uint8_t *pages, unsigned page_count, uint32_t page_bytes,
                                     struct redfu_an3969 *found, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
void redfu_an3969_free(struct redfu_an3969 *found);

// The specifications' words for bState and bStatus.
const char *redfu_state_text(unsigned state);
const char *redfu_status_text(unsigned status);

#ifdef __cplusplus
}
#endif

#include "host/redfu_raw.h" // needs what is above

#endif
