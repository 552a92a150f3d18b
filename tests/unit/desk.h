// SPDX-License-Identifier: MIT
//
// A desk for core/: the bootloader's logic on a port made of plain memory, and a host that speaks
// control transfers to it packet by packet. Time moves by the test's hand, a microsecond a poll.
//
// The flash here is strict about misuse (a second operation while busy, a read while busy, a
// program outside or unaligned fail the test) and knows no power cuts; tests/power has the model
// that does, and puts it in here (desk_init).

#ifndef TESTS_UNIT_DESK_H
#define TESTS_UNIT_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bootloader.h"

#define DESK_FLASH_BASE  0x08000000u
#define DESK_FLASH_BYTES 0x00100000u
#define DESK_APPLICATION 0x0800c000u

// The settings store is made (two page erases) while a new device enumerates; until then a
// change to the application area has to wait.
#define DESK_PREPARED_MS 600u

enum desk_result { DESK_OK, DESK_STALL, DESK_TIMEOUT };

struct desk {
    struct port port;
    struct bootloader bootloader;
    struct boot_area areas[4];
    uint8_t *flash; // NULL with another flash
    uint64_t now_us;
    uint32_t poll_us;          // how long a turn of the main loop takes
    uint64_t stage_timeout_us; // how long the host waits in each stage; 0: 5 s
    bool has_work;             // the last turn said so
    // Called before the host sends a packet or asks for one: tests of hosts that vanish leave by it.
    void (*before_packet)(struct desk *desk);
    // Flash: the operation under way.
    bool busy;
    uint64_t busy_until_us;
    bool program; // else erase
    unsigned sector;
    uint32_t addr, len;
    const uint8_t *bytes;
    enum flash_result fail_next; // what the next operation ends with
    uint32_t erase_us, word_us;
    unsigned erases[24]; // counted by sector
    unsigned words_programmed;
    // Endpoint zero.
    bool armed, stalled, queued;
    uint8_t packet[PORT_EP0_BYTES];
    unsigned packet_len;
    uint8_t address;
    bool connected;
    bool ran;
    uint64_t ran_at_us, hidden_at_us;
};

extern const struct flash_map desk_map;

// Memory of chips: where stacks may lie.

// For another flash: fills in the port but for map and flash_*, whose ctx is the desk too.
void desk_init(struct desk *desk);
// Power comes, or comes again: SRAM is lost, the host enumerates. What the bootloader begins with
// is still going on.
void desk_start(struct desk *desk);
void desk_enumerate(struct desk *desk);     // bus reset, address, configuration
void desk_set_interface(struct desk *desk); // what libusb sends when a host opens the device

// A fresh desk: application area blank, settings store made, device enumerated (address 5,
// configuration 1).
struct desk *desk_new(void);
// The same with another map at DESK_FLASH_BASE, of at most DESK_FLASH_BYTES.
struct desk *desk_new_with(const struct flash_map *map);
void desk_free(struct desk *desk);
void desk_poll(struct desk *desk); // one turn of the main loop: a microsecond if not set otherwise
void desk_wait_ms(struct desk *desk, uint32_t ms);

// A whole control transfer, waiting at most 5 s (virtual) in each stage. IN fills `data` and *len.
enum desk_result desk_control(struct desk *desk, uint8_t type, uint8_t request, uint16_t value,
                              uint16_t index, uint8_t *data, uint16_t *len);
// Only the SETUP packet: for hosts that vanish.
void desk_setup_only(struct desk *desk, uint8_t type, uint8_t request, uint16_t value,
                     uint16_t index, uint16_t len);

// DFU requests.
enum desk_result desk_dnload(struct desk *desk, uint16_t block, const void *data, uint16_t len);
enum desk_result desk_upload(struct desk *desk, uint16_t block, uint8_t *data, uint16_t *len);
enum desk_result desk_simple(struct desk *desk, uint8_t request); // DETACH, CLRSTATUS, ABORT
struct desk_status {
    enum desk_result result;
    unsigned status, state, string;
    uint32_t poll_ms;
};
struct desk_status desk_getstatus(struct desk *desk);
unsigned desk_getstate(struct desk *desk);

// What dfu-util does for a command: DNLOAD, GETSTATUS (must be dfuDNBUSY), GETSTATUS. Returns the
// second status.
struct desk_status desk_command(struct desk *desk, uint8_t command, uint32_t addr);
struct desk_status desk_block(struct desk *desk, uint16_t block, const void *data, uint16_t len);

// Reads back through UPLOAD, from any state that ABORT leaves, as a host would.
void desk_assert_reads(struct desk *desk, uint32_t addr, const uint8_t *bytes, unsigned len);

// Whether the application would be started at the next reset if nobody asked for DFU mode: by what
// the boot stage looks at, read from flash anew.
bool desk_would_start(struct desk *desk);

// A sane vector table at the start of the application, programmed directly.
void desk_put_application(struct desk *desk);

#endif
