// SPDX-License-Identifier: MIT
//
// What the bootloader, an application and a host tell each other about a start: boot modes, why one
// was chosen, the records in RAM that outlive a reset, and how a host reads them. docs/boot.md draws
// the decision. This is an ABI: numbers are added and never reused.
//
//   0x20000000  mailbox       16 bytes  spec/mailbox.h
//   0x20000010  start record  16 bytes  below
//   0x20000020  fault record  32 bytes  below
//
// and in DFU mode only, for hosts:
//
//   0x20000040  protection    16 bytes  below
//
// An application that wants to read or confirm its start leaves these 64 bytes of SRAM alone; any other
// one may use them like the rest. SRAM keeps its contents through every reset but that of the power
// supply (RM0090 7.1.2: only the standby circuitry and a power reset lose them).

#ifndef SPEC_BOOT_H
#define SPEC_BOOT_H

#include <stdbool.h>
#include <stdint.h>

// --- Boot modes --------------------------------------------------------------------------------------

enum boot_mode {
    BOOT_MODE_APPLICATION = 0,
    BOOT_MODE_DFU = 1,
    BOOT_MODE_ROM = 2,           // ST's bootloader in system memory
    BOOT_MODE_FACTORY_RESET = 3, // an empty settings store, then a reset
    BOOT_MODE_USER = 16,         // first of the product's own, up to 254
    BOOT_MODE_NONE = 255,
};

// The value under SETTINGS_KEY_BOOT_MODE: the mode of every start, and of the next one alone. The second
// byte may be missing; a missing value means BOOT_MODE_APPLICATION, BOOT_MODE_NONE.
#define BOOT_MODE_STICKY    0u
#define BOOT_MODE_ONCE      1u
#define BOOT_MODE_VALUE_LEN 2u

// --- Why ---------------------------------------------------------------------------------------------

// name, number, words for a person
#define BOOT_REASONS(X)                                                                            \
    X(DEFAULT, 0, "nothing asked for anything else")                                               \
    X(NO_APPLICATION, 1, "there is nothing to start: no vector table")                             \
    X(RECEIVING, 2, "a load was begun and is not known to have ended")                             \
    X(MAILBOX, 3, "asked for through the mailbox")                                                 \
    X(BUTTON, 4, "the button was held")                                                            \
    X(ONCE, 5, "set for one start in the settings")                                                \
    X(STICKY, 6, "set for every start in the settings")                                            \
    X(FAILED_STARTS, 7, "the application was started too often without confirming")                \
    X(FAULTS, 8, "the bootloader itself has faulted")                                              \
    X(SETTLE, 9, "the settings show traces of a cut, which are removed before they count")

enum boot_reason {
#define BOOT_REASON(name, number, words) BOOT_REASON_##name = (number),
    BOOT_REASONS(BOOT_REASON)
#undef BOOT_REASON
};

// --- Start record ------------------------------------------------------------------------------------

#define START_ADDRESS 0x20000010u
#define START_MAGIC   0x54525453u // "STRT" in memory order

struct start_record {
    uint32_t magic;
    uint8_t failed;     // starts of the application that ended in a failure before it confirmed
    uint8_t reason;     // enum boot_reason of this start
    uint8_t mode;       // enum boot_mode of this start
    uint8_t is_pending; // 1: the application promised to confirm, and has not
    uint32_t cause;     // RCC_CSR as this reset left it (RM0090 7.3.21); the flags are cleared
    uint32_t check;     // ~(sum of the words above)
};
_Static_assert(sizeof(struct start_record) == 16, "the start record is an ABI");

// Flags of `cause` (RM0090 7.3.21).
#define START_CAUSE_BROWN_OUT       (1u << 25)
#define START_CAUSE_PIN             (1u << 26) // goes with every other one
#define START_CAUSE_POWER_ON        (1u << 27)
#define START_CAUSE_SOFTWARE        (1u << 28)
#define START_CAUSE_WATCHDOG        (1u << 29)
#define START_CAUSE_WINDOW_WATCHDOG (1u << 30)
#define START_CAUSE_LOW_POWER       (1u << 31)

static inline uint32_t start_check(const struct start_record *start) {
    return ~(start->magic +
             (start->failed | (uint32_t)start->reason << 8 | (uint32_t)start->mode << 16 |
              (uint32_t)start->is_pending << 24) +
             start->cause);
}

static inline bool start_is_valid(const struct start_record *start) {
    return start->magic == START_MAGIC && start->check == start_check(start);
}

// Forgets failed starts, and that one is pending. A reset in the middle of the change leaves no valid
// record: forgotten as well.
static inline void start_forget(struct start_record *start) {
    start->failed = 0;
    start->is_pending = 0;
    start->check = start_check(start);
}

// An application's promise: in the eighth word of its vector table (offset 0x1C, reserved by PM0214
// table 17) it says that it will confirm each start, and after how many failed ones, 1 to 255, the
// bootloader is to stay in DFU mode.
#define START_PROMISE_WORD    7u
#define START_PROMISE(failed) (0x52434600u | (failed)) // "FCR" above the number
#define START_PROMISE_MASK    0xffffff00u

// The number promised; 0: none.
static inline uint8_t start_promised(uint32_t word) {
    return (word & START_PROMISE_MASK) == START_PROMISE(0u) ? (uint8_t)word : 0;
}

// --- Fault record ------------------------------------------------------------------------------------

// The bootloader's own last fault. Gone when an application has been started.
#define FAULT_ADDRESS 0x20000020u
#define FAULT_MAGIC   0x544c4146u // "FALT" in memory order

struct fault_record {
    uint32_t magic;
    uint32_t count; // since an application was started or power came
    uint32_t pc;
    uint32_t lr;
    uint32_t cfsr; // PM0214 4.4.9 to 4.4.13
    uint32_t hfsr;
    uint32_t mmfar;
    uint32_t bfar;
};
_Static_assert(sizeof(struct fault_record) == 32, "the fault record is an ABI");

// --- Protection record -------------------------------------------------------------------------------

// What the option bytes say (docs/protection.md); DFU mode fills it in.
#define PROTECTION_ADDRESS 0x20000040u
#define PROTECTION_MAGIC   0x544f5250u // "PROT" in memory order

struct protection_record {
    uint32_t magic;
    uint32_t option;       // FLASH_OPTCR (RM0090 3.9.10), lock bit 0
    uint32_t boot_sectors; // bit n: sector n is the bootloader's
    uint32_t check;        // ~(sum of the words above)
};
_Static_assert(sizeof(struct protection_record) == 16, "the protection record is an ABI");

// Fields of `option`.
#define PROTECTION_RDP(option)  ((option) >> 8 & 0xffu) // 0xAA level 0, 0xCC level 2, else level 1
#define PROTECTION_BOR(option)  ((option) >> 2 & 3u)    // 0: level 3 ... 2: level 1, 3: off
#define PROTECTION_NWRP(option) ((option) >> 16 & 0xfffu) // bit n: sector n, 0 protected

static inline uint32_t protection_check(const struct protection_record *record) {
    return ~(record->magic + record->option + record->boot_sectors);
}

// --- For a host --------------------------------------------------------------------------------------

// Vendor request to the device (bmRequestType 0xC0) in DFU mode: start, fault and protection record as they
// lie in RAM, words least significant byte first. Records that were never made fail their magic. Releases
// below 1.10 have no protection record and send BOOT_REPORT_LEN_1_00 bytes.
#define BOOT_REPORT_REQUEST  0x52u // 'R'
#define BOOT_REPORT_ADDRESS  START_ADDRESS
#define BOOT_REPORT_LEN      64u
#define BOOT_REPORT_LEN_1_00 48u

// The same bRequest with bmRequestType 0x40, without data: write protection of the bootloader's sectors, wValue
// 1 set, 0 lifted. STALL: not now (flash works), not here (the board leaves it out), or the option bytes did not take it.
#define BOOT_PROTECT_INDEX   0x5057u // wIndex, "WP": nobody asks for this by accident

#endif
