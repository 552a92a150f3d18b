// SPDX-License-Identifier: MIT
//
// A virtual STM32F4: processor, memories and peripherals as one struct behind a few calls. What the
// firmware does with registers happens in the peripheral files beside this one, each named as in
// RM0090; this header is what the rest of vboard knows of the chip.

#ifndef VBOARD_CHIP_CHIP_H
#define VBOARD_CHIP_CHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/chip/chip_model.h"
#include "vboard/cpu/cpu.h"
#include "vboard/timeline.h"
#include "vboard/trace.h"
#include "vboard/usb/wire.h"

// What is around the chip.
struct chip_wiring {
    uint32_t hse_hz; // crystal; 0: none fitted (HSERDY never comes)
    uint32_t lse_hz;
    bool has_ulpi_phy; // an external high-speed PHY on OTG_HS
    bool has_battery;  // on VBAT; else VBAT is tied to VDD
};

struct chip;

// Reads a symbol for a code address, for complaints; may be NULL.
typedef const char *(*chip_symbolizer)(void *ctx, uint32_t addr, uint32_t *offset);

struct chip *chip_new(const struct chip_model *model, const struct chip_wiring *wiring,
                      struct timeline *timeline, struct trace *trace);
// The timeline must not run again after this.
void chip_free(struct chip *chip);
void chip_set_symbolizer(struct chip *chip, chip_symbolizer symbol, void *ctx);

enum chip_flash_what {
    CHIP_FLASH_STARTED,   // an operation, whatever its kind
    CHIP_FLASH_FAILED,    // an error flag rose instead
    CHIP_FLASH_LOCKED,    // FLASH_CR was written while locked: the write is lost
    CHIP_FLASH_NO_SECTOR, // an erase of a sector that does not exist, or of nothing
};

struct chip_flash_news {
    enum chip_flash_what what;
    uint32_t addr; // of the operation, or of the access that failed; 0 where neither
    uint32_t len;  // of the operation
    bool is_erase; // sector or mass erase; else programming or option bytes
    uint32_t cr;   // FLASH_CR; CHIP_FLASH_LOCKED: what was to be written there
    uint32_t sr;   // FLASH_SR: of CHIP_FLASH_STARTED before it, of CHIP_FLASH_FAILED after it
};

// Somebody who watches the firmware run and changes nothing. All may be NULL.
struct chip_observer {
    void *ctx;
    // An address marked with cpu_mark() was reached. From inside the processor's access.
    void (*marked)(void *ctx, uint32_t addr);
    // An exception was taken (before its first instruction) or is left (its frame still on the
    // stack). From inside the processor's access.
    void (*exception)(void *ctx, unsigned number, bool enter);
    // VTOR was written. From inside the processor's access.
    void (*vector_table)(void *ctx, uint32_t addr);
    // A reset is about to happen, or power goes: "power-on", "pin", "software", "brown-out", "iwdg",
    // "wwdg", "low-power", "standby", "power-off".
    // The processor is still as it was.
    void (*reset)(void *ctx, const char *cause);
    // The level at a pin is another one: 0, 1, or -1 where nothing drives it. `port` 0 is A. From inside
    // the processor's access, or from an event.
    void (*pin)(void *ctx, unsigned port, unsigned pin, int level);
    // The flash interface did something, or did not. From inside the processor's access.
    void (*flash)(void *ctx, const struct chip_flash_news *news);
};
// One at a time; NULL takes it out. Before chip_power_on().
void chip_observe(struct chip *chip, const struct chip_observer *observer);

// What a debugger does for the program that asks with BKPT 0xAB (Arm's semihosting). From inside the
// processor's access: registers may be read and written, and memory peeked and poked. Before
// chip_power_on(); NULL: there is no debugger, and it is a fault.
typedef enum cpu_semihosting (*chip_semihosting_hook)(void *ctx);
void chip_on_semihosting(struct chip *chip, chip_semihosting_hook hook, void *ctx);
// A probe on the ITM's stimulus ports (a bit each), which it switches on. From inside the processor's access.
// Before chip_power_on().
typedef void (*chip_stimulus_hook)(void *ctx, unsigned port, unsigned size, uint32_t value);
void chip_on_stimulus(struct chip *chip, uint32_t ports, chip_stimulus_hook hook, void *ctx);

// Power comes up: until then the processor does not run. SRAM undefined (filled with a pattern that
// is not zero and is another one each time), all registers at reset values, the processor starts
// from the vector table at the boot memory. Between runs or from an event, while the chip is not
// running.
void chip_power_on(struct chip *chip);
// The supply voltage; 3300 until set. What follows: PVD, brown-out reset (while it is too low the chip
// stays in reset), flash that fails where its parallelism asks for more. Between runs or from an event.
void chip_set_supply_mv(struct chip *chip, unsigned mv);
// Power goes, from anywhere: nothing more executes, SRAM is lost, the pins and the USB pull-up are
// released. A flash operation under way is left half done; from the flash hook, the operation at
// hand does not begin. Inside the processor's access the rest of the instruction still runs, and
// reaches nothing but its registers and SRAM. chip_power_on() brings power back.
void chip_power_off(struct chip *chip);
bool chip_is_powered(const struct chip *chip);
// NRST pulled low and released. SRAM and the backup domain are kept. From anywhere: inside the
// processor's access it happens after the instruction under way.
void chip_reset_pin(struct chip *chip);

// Flash contents, for loading and for keeping: flash_bytes, bank 1 first wherever SYSCFG_MEMRMP shows it.
// Before chip_power_on() or between runs only; call chip_flash_changed() after writing.
uint8_t *chip_flash(struct chip *chip);
void chip_flash_changed(struct chip *chip);
// Puts bytes at any memory address as a debugger would (flash without erasing, SRAM, CCM). False
// where there is no memory for all of them.
bool chip_poke(struct chip *chip, uint32_t addr, const uint8_t *bytes, uint32_t len);
bool chip_has_memory(const struct chip *chip, uint32_t addr, uint32_t len);

// What ailed OTG_HS since the chip was made, for whoever looks for causes.
struct chip_usb_trouble {
    bool was_stopped_asleep; // it stood still while the processor slept, with the host asking
    bool has_dma_missed;     // its DMA was to send from where it reaches no memory
    uint32_t dma_missed;     // there
};
struct chip_usb_trouble chip_usb_trouble(const struct chip *chip);
// How often the program, interrupts' handlers aside, has written to registers, IWDG's aside: what does not is perhaps
// waiting.
uint32_t chip_program_writes(const struct chip *chip);
// A register as a debugger reads it: without side effects where its peripheral can, without a
// complaint, 0 where nothing answers.
uint32_t chip_peek_register(const struct chip *chip, uint32_t addr);
// The peripheral an address belongs to ("RCC", as in RM0090 table 1) and where it begins; NULL for none.
const char *chip_peripheral_at(const struct chip *chip, uint32_t addr, uint32_t *base);

// Everything a chip is: processor, memories, peripherals, what it complained of. To be put back into
// the same chip, between runs, in two steps around timeline_return() and timeline_returned()
// (vboard/snapshot.h does that). Hooks, the symbolizer and what is connected stay as they are. Saving between runs too, or from the flash hook for a chip whose power goes right there.
struct chip_snapshot;
struct chip_snapshot *chip_save(struct chip *chip);
void chip_restore(struct chip *chip, const struct chip_snapshot *snapshot);
void chip_snapshot_free(struct chip_snapshot *snapshot);
// Tells the host whether the pull-up is there, after the clock and the queue were set back as well.
void chip_restored(struct chip *chip);
// True for an event that is the chip's own.
bool chip_has_event(const struct chip *chip, const struct event *event);

// Pins from outside. Names are "PA0" to "PI11", and "BOOT0" (low while it is not driven; BOOT1 is PB2),
// which chooses at each reset what is at address 0; level 0 or 1, or -1 for "not driven".
// False for a name that is no pin of this chip.
bool chip_set_pin(struct chip *chip, const char *pin, int level);
// What the pin's output stage drives (or, for an input, what it sees): 0, 1, -1 undriven.
int chip_pin(const struct chip *chip, const char *pin);
// "PA0" for port 0 and pin 0, as far as ports go (the package may have fewer); false where the chip has none.
bool chip_pin_name(const struct chip *chip, unsigned port, unsigned pin, char name[8]);

// An OTG core's plug; connect to a cable with cable_connect_device(), then give the answer to
// chip_connect_otg_fs() or chip_connect_otg_hs(). NULL for an OTG_HS the chip has not.
const struct wire_device *chip_otg_fs(struct chip *chip);
void chip_connect_otg_fs(struct chip *chip, const struct wire_host *host);
const struct wire_device *chip_otg_hs(struct chip *chip);
void chip_connect_otg_hs(struct chip *chip, const struct wire_host *host);

// A part that is broken: from now on the processor reads `value` in the bits of `mask` of the register at
// `addr`, a multiple of 4, whatever its peripheral does. One at a time; mask 0 takes it out.
void chip_stick(struct chip *chip, uint32_t addr, uint32_t mask, uint32_t value);

// Called once, when the instruction with this number (1 for the first since chip_new(), see
// cpu_instructions()) would be next: it may take the power away, or stop the timeline. A number that
// is past already is never reached; 0 takes the hook out. One at a time.
typedef void (*chip_instruction_hook)(void *ctx);
void chip_on_instruction(struct chip *chip, uint64_t number, chip_instruction_hook hook, void *ctx);

// Told when the processor stops for a debugger (vboard/cpu/debug.h), from inside the run: it stops the timeline,
// or the processor goes on. One at a time; NULL takes it out.
typedef void (*chip_debug_hook)(void *ctx);
void chip_on_debug_stop(struct chip *chip, chip_debug_hook hook, void *ctx);

// The other end of a USART's two wires. Bytes have up to 8 data bits; the ninth of a longer frame is
// not shown.
struct chip_uart_line {
    void *ctx;
    // The stop bit of a byte from the chip is over. May be NULL.
    void (*sent)(void *ctx, uint8_t byte);
    // The next byte for the chip, false while there is none; asked whenever the chip could receive.
    // Bytes follow each other without a gap. May be NULL.
    bool (*next)(void *ctx, uint8_t *byte);
};

// "USART1", "uart4" ... as the manual writes it; NULL for what this chip has not.
const char *chip_uart_name(const struct chip_model *model, const char *name);
// Between runs. False for what this chip has not; `line` NULL: nothing is connected.
bool chip_connect_uart(struct chip *chip, const char *name, const struct chip_uart_line *line);

// --- flash: times, operations, wear -------------------------------------------------------------

// Datasheet times of flash operations: typical (the default) or maximum (DS8626 tables 40, 41).
void chip_set_flash_times(struct chip *chip, bool maximum);

enum chip_flash_kind {
    CHIP_FLASH_ERASE,      // a sector
    CHIP_FLASH_MASS_ERASE, // all sectors, of one bank or both
    CHIP_FLASH_PROGRAM,    // one byte, half-word, word or double word
    CHIP_FLASH_OPTION,     // the option bytes, and the mass erase when read protection goes
    CHIP_FLASH_OTP,        // bytes of the one-time programmable area, or its locks
};

struct chip_flash_op {
    enum chip_flash_kind kind;
    uint32_t addr;
    uint32_t len;
    uint64_t number; // 1 for the first operation since chip_new()
};

// Called before each flash operation starts, from inside the processor's access: it may stop the
// timeline, and read memory, but not run anything. One hook at a time; NULL takes it out.
typedef void (*chip_flash_hook)(void *ctx, const struct chip_flash_op *op);
void chip_on_flash_op(struct chip *chip, chip_flash_hook hook, void *ctx);

// From the hook, or right after chip_restore() of a snapshot taken in the hook: power goes in the
// middle of the operation at hand.
void chip_power_off_inside(struct chip *chip);
// Chooses what operations cut off in the middle leave behind; the model of it is in flash_fault.c.
// 0 until set. The same seed, number of the operation and contents: the same damage.
void chip_set_tear_seed(struct chip *chip, uint64_t seed);

// Erases of a sector since chip_new(), mass erases included; 0 for a sector that is not there.
uint32_t chip_flash_erase_count(const struct chip *chip, unsigned sector);
// Bytes programmed in it since chip_new(), however often each.
uint64_t chip_flash_programmed_bytes(const struct chip *chip, unsigned sector);
// Sectors are numbered as the manual does, so there may be a gap between two banks.
#define CHIP_FLASH_SECTORS_MAX 24u
// Where a sector lies; false for one that is not there.
bool chip_flash_sector(const struct chip *chip, unsigned sector, uint32_t *addr, uint32_t *len);
// How often, and for how long in all, the processor stood still because it touched flash during an
// operation.
struct chip_flash_stalls {
    uint64_t count;
    uint64_t ps;
};
struct chip_flash_stalls chip_flash_stalls(const struct chip *chip);

// The 96-bit unique device id (RM0090 39.1), in the order of its addresses; chip_uid_of(0) until set.
void chip_set_uid(struct chip *chip, const uint8_t uid[12]);
// An id for each of several chips, always the same for the same number.
void chip_uid_of(unsigned number, uint8_t uid[12]);

struct cpu *chip_cpu(struct chip *chip);
// Powered, and not held in reset by a supply that is too low.
bool chip_is_running(const struct chip *chip);
uint64_t chip_core_hz(const struct chip *chip);

#endif
