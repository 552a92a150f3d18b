// SPDX-License-Identifier: MIT
//
// A virtual STM32F4: processor, memories and peripherals as one struct behind a few calls. What the
// firmware does with registers happens in the peripheral files beside this one, each named as in
// RM0090; this header is what the rest of vboard knows of the chip.

#ifndef VBOARD_CHIP_CHIP_H
#define VBOARD_CHIP_CHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/cpu/cpu.h"
#include "vboard/timeline.h"
#include "vboard/trace.h"
#include "vboard/usb/wire.h"

// Which chip: data over shared models.
struct chip_model {
    const char *name; // "STM32F407VG"
    uint32_t flash_bytes;
    uint32_t sram_bytes; // at 0x20000000, SRAM1 and SRAM2 together
    uint32_t ccm_bytes;  // at 0x10000000; 0: none
    uint32_t idcode;     // DBGMCU_IDCODE (RM0090 38.6.1)
    unsigned irq_count;
    bool has_otg_hs;
};

extern const struct chip_model chip_stm32f407vg;

// What is around the chip.
struct chip_wiring {
    uint32_t hse_hz; // crystal; 0: none fitted (HSERDY never comes)
    uint32_t lse_hz;
};

struct chip;

// Reads a symbol for a code address, for complaints; may be NULL.
typedef const char *(*chip_symbolizer)(void *ctx, uint32_t addr, uint32_t *offset);

struct chip *chip_new(const struct chip_model *model, const struct chip_wiring *wiring,
                      struct timeline *timeline, struct trace *trace);
// The timeline must not run again after this.
void chip_free(struct chip *chip);
void chip_set_symbolizer(struct chip *chip, chip_symbolizer symbol, void *ctx);

// Power comes up: until then the processor does not run. SRAM undefined (filled with a pattern that
// is not zero and is another one each time), all registers at reset values, the processor starts
// from the vector table at the boot memory. Between runs or from an event, while the chip is not
// running.
void chip_power_on(struct chip *chip);
// Power goes, from anywhere: nothing more executes, SRAM is lost, the pins and the USB pull-up are
// released. A flash operation under way is left half done; from the flash hook, the operation at
// hand does not begin. Inside the processor's access the rest of the instruction still runs, and
// reaches nothing but its registers and SRAM. chip_power_on() brings power back.
void chip_power_off(struct chip *chip);
// NRST pulled low and released. SRAM and the backup domain are kept. From anywhere: inside the
// processor's access it happens after the instruction under way.
void chip_reset_pin(struct chip *chip);

// Flash contents, for loading and for keeping: flash_bytes at 0x08000000. Before chip_power_on()
// or between runs only; call chip_flash_changed() after writing.
uint8_t *chip_flash(struct chip *chip);
void chip_flash_changed(struct chip *chip);
// Puts bytes at any memory address as a debugger would (flash without erasing, SRAM, CCM). False
// where there is no memory for all of them.
bool chip_poke(struct chip *chip, uint32_t addr, const uint8_t *bytes, uint32_t len);
bool chip_has_memory(const struct chip *chip, uint32_t addr, uint32_t len);

// Pins from outside. Names are "PA0" to "PI11"; level 0 or 1, or -1 for "not driven".
// False for a name that is no pin of this chip.
bool chip_set_pin(struct chip *chip, const char *pin, int level);
// What the pin's output stage drives (or, for an input, what it sees): 0, 1, -1 undriven.
int chip_pin(const struct chip *chip, const char *pin);

// The OTG_FS core's plug; connect to a cable with cable_connect_device(), then give the answer
// to chip_connect_otg_fs().
const struct wire_device *chip_otg_fs(struct chip *chip);
void chip_connect_otg_fs(struct chip *chip, const struct wire_host *host);

// --- flash: times, operations, wear -------------------------------------------------------------

// Datasheet times of flash operations: typical (the default) or maximum (DS8626 tables 40, 41).
void chip_set_flash_times(struct chip *chip, bool maximum);

enum chip_flash_kind {
    CHIP_FLASH_ERASE,      // a sector
    CHIP_FLASH_MASS_ERASE, // all sectors
    CHIP_FLASH_PROGRAM,    // one byte, half-word, word or double word
    CHIP_FLASH_OPTION,     // the option bytes
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

// From the hook: power goes in the middle of the operation at hand.
void chip_power_off_inside(struct chip *chip);
// Chooses what operations cut off in the middle leave behind; the model of it is in flash_fault.c.
// 0 until set. The same seed, number of the operation and contents: the same damage.
void chip_set_tear_seed(struct chip *chip, uint64_t seed);

// Erases of a sector since chip_new(), mass erases included; 0 for a sector that is not there.
uint32_t chip_flash_erase_count(const struct chip *chip, unsigned sector);
// How often, and for how long in all, the processor stood still because it touched flash during an
// operation.
struct chip_flash_stalls {
    uint64_t count;
    uint64_t ps;
};
struct chip_flash_stalls chip_flash_stalls(const struct chip *chip);

// The 96-bit unique device id (RM0090 39.1); a fixed default until set.
void chip_set_uid(struct chip *chip, const uint8_t uid[12]);

struct cpu *chip_cpu(struct chip *chip);
uint64_t chip_core_hz(const struct chip *chip);

#endif
