// SPDX-License-Identifier: MIT
//
// GPIO ports A to K (RM0090 section 8): output stages, pulls, what a pin's input sees. A level from
// outside, an output stage and a pull meet here; edges go to EXTI.

#include <stdio.h>
#include <stdlib.h>

#include "vboard/chip/chip_state.h"

#define MODER   0x00u
#define OTYPER  0x04u
#define OSPEEDR 0x08u
#define PUPDR   0x0Cu
#define IDR     0x10u
#define ODR     0x14u
#define BSRR    0x18u
#define LCKR    0x1Cu
#define AFRL    0x20u
#define AFRH    0x24u

#define LCKK    (1u << 16)

enum { MODE_INPUT, MODE_OUTPUT, MODE_ALTERNATE, MODE_ANALOG };
enum { PULL_NONE, PULL_UP, PULL_DOWN };

static unsigned field(uint32_t reg, unsigned pin) {
    return reg >> (2 * pin) & 3;
}

// 0, 1, or -1 when nothing drives the pin: neither its output stage, nor outside, nor a pull.
static int level_of(const struct gpio_port *port, unsigned pin) {
    if (field(port->moder, pin) == MODE_OUTPUT) {
        int out = port->odr >> pin & 1;
        bool is_open_drain = port->otyper >> pin & 1;
        if (!is_open_drain || out == 0) {
            return out;
        }
    }
    if (port->outside[pin] >= 0) {
        return port->outside[pin];
    }
    switch (field(port->pupdr, pin)) {
    case PULL_UP:
        return 1;
    case PULL_DOWN:
        return 0;
    default:
        return -1;
    }
}

static void show(struct gpio_port *port, unsigned pin) {
    int8_t level = -1;

    if (field(port->moder, pin) == MODE_OUTPUT) {
        level = (int8_t)(port->odr >> pin & 1);
    }
    if (level == port->shown[pin]) {
        return;
    }
    port->shown[pin] = level;
    if (level >= 0) {
        char name[8] = {'P', (char)('A' + port->index)};
        name[2] = pin < 10 ? (char)('0' + pin) : '1';
        name[3] = pin < 10 ? '\0' : (char)('0' + pin - 10);
        trace_event(port->chip->trace, TRACE_PIN, name, "level=%d", level);
    }
}

static void tell_observer(struct gpio_port *port) {
    const struct chip_observer *observer = &port->chip->observer;
    for (unsigned pin = 0; pin < GPIO_PINS; pin++) {
        int level = level_of(port, pin);
        if (level != port->observed[pin]) {
            port->observed[pin] = (int8_t)level;
            observer->pin(observer->ctx, port->index, pin, level);
        }
    }
}

// Works out IDR after any change; changed pins go to their EXTI line where SYSCFG selects them.
static void update(struct gpio_port *port) {
    uint16_t idr = 0;

    for (unsigned pin = 0; pin < GPIO_PINS; pin++) {
        // The input buffer is off in analog mode; a floating input reads 0 here.
        if (field(port->moder, pin) != MODE_ANALOG && level_of(port, pin) == 1) {
            idr |= (uint16_t)(1u << pin);
        }
        show(port, pin);
    }
    if (port->chip->observer.pin) {
        tell_observer(port);
    }
    uint16_t changed = idr ^ port->idr;
    port->idr = idr;
    for (unsigned pin = 0; changed >> pin; pin++) {
        if ((changed >> pin & 1) && syscfg_exti_port(port->chip, pin) == port->index) {
            exti_set_line(port->chip, pin, idr >> pin & 1);
        }
    }
    if (changed) {
        tim_pins_changed(port->chip, port->index, changed);
    }
    if (port->index == 2 && changed >> 13 & 1) {
        rtc_pin_changed(port->chip);
    }
}

static bool gpio_read(void *ctx, uint32_t off, uint32_t *value) {
    const struct gpio_port *port = ctx;

    switch (off) {
    case MODER:
        *value = port->moder;
        return true;
    case OTYPER:
        *value = port->otyper;
        return true;
    case OSPEEDR:
        *value = port->ospeedr;
        return true;
    case PUPDR:
        *value = port->pupdr;
        return true;
    case IDR:
        *value = port->idr;
        return true;
    case ODR:
        *value = port->odr;
        return true;
    case BSRR:
        *value = 0; // write-only
        return true;
    case LCKR:
        *value = port->lckr | (port->is_locked ? LCKK : 0);
        return true;
    case AFRL:
    case AFRH:
        *value = port->afr[off == AFRH];
        return true;
    default:
        return false;
    }
}

// RM0090 8.4.8: LCKK = 1, 0, 1 with the same pins locks them until the next reset.
static void write_lckr(struct gpio_port *port, uint32_t value) {
    static const bool wanted[3] = {true, false, true};
    uint32_t pins = value & 0xFFFF;

    if (port->is_locked) {
        return;
    }
    if ((value & LCKK ? true : false) != wanted[port->lock_step] ||
        (port->lock_step > 0 && pins != port->lckr)) {
        port->lock_step = 0;
        return;
    }
    port->lckr = pins;
    if (++port->lock_step == 3) {
        port->is_locked = true;
        port->lock_step = 0;
    }
}

// The bits of a register with `width` bits a pin that locking leaves writable.
static uint32_t unlocked(const struct gpio_port *port, unsigned width, unsigned first_pin) {
    uint32_t mask = 0;

    for (unsigned pin = first_pin; pin < GPIO_PINS && (pin - first_pin) * width < 32; pin++) {
        if (!port->is_locked || !(port->lckr >> pin & 1)) {
            mask |= ((1u << width) - 1) << ((pin - first_pin) * width);
        }
    }
    return mask;
}

static bool gpio_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct gpio_port *port = ctx;

    switch (off) {
    case MODER:
        merge(&port->moder, value, mask & unlocked(port, 2, 0));
        chip_usb_pins_changed(port->chip, port->index);
        break;
    case OTYPER:
        merge(&port->otyper, value, mask & unlocked(port, 1, 0));
        break;
    case OSPEEDR:
        merge(&port->ospeedr, value, mask & unlocked(port, 2, 0));
        break;
    case PUPDR:
        merge(&port->pupdr, value, mask & unlocked(port, 2, 0));
        break;
    case IDR:
        break; // read-only
    case ODR:
        merge(&port->odr, value, mask & 0xFFFF);
        break;
    case BSRR:
        // Set wins over reset (RM0090 8.4.7).
        value &= mask;
        port->odr = (port->odr & ~(value >> 16)) | (value & 0xFFFF);
        break;
    case LCKR:
        write_lckr(port, value & mask);
        break;
    case AFRL:
    case AFRH:
        merge(&port->afr[off == AFRH], value, mask & unlocked(port, 4, off == AFRH ? 8 : 0));
        chip_usb_pins_changed(port->chip, port->index);
        break;
    default:
        return false;
    }
    update(port);
    if (off == MODER || off == AFRL || off == AFRH) {
        tim_pins_changed(port->chip, port->index, 0xFFFF); // a level may reach a timer now
    }
    return true;
}

// Reset values: PA13-15, PB3 and PB4 are the debug port (RM0090 8.4.1-8.4.4, 8.4.9).
static void gpio_reset(void *ctx) {
    struct gpio_port *port = ctx;
    static const struct {
        uint32_t moder, ospeedr, pupdr;
    } values[2] = {{0xA8000000u, 0x0C000000u, 0x64000000u},
                   {0x00000280u, 0x000000C0u, 0x00000100u}};

    port->moder = port->index < 2 ? values[port->index].moder : 0;
    port->ospeedr = port->index < 2 ? values[port->index].ospeedr : 0;
    port->pupdr = port->index < 2 ? values[port->index].pupdr : 0;
    port->otyper = 0;
    port->odr = 0;
    port->lckr = 0;
    port->lock_step = 0;
    port->is_locked = false;
    port->afr[0] = 0;
    port->afr[1] = 0;
    chip_usb_pins_changed(port->chip, port->index);
    update(port);
}

// As far as ports go; the package may have fewer.
bool gpio_find_pin(const struct chip *chip, const char *name, unsigned *port, unsigned *pin) {
    char *end = NULL;

    if (name[0] != 'P' || name[1] < 'A' || name[1] >= (char)('A' + GPIO_PORTS) || name[2] < '0' ||
        name[2] > '9') {
        return false;
    }
    unsigned long number = strtoul(name + 2, &end, 10);
    // Port I has pins 0 to 11 (DS8626 table 7), 16 where there is a port J; K has 8 (DS9405 table 10).
    *port = (unsigned)(name[1] - 'A');
    bool has_j = rcc_has(chip->model->line, &gpio_peripherals[9]);
    unsigned long pins = name[1] == 'I' && !has_j ? 12 : name[1] == 'K' ? 8 : GPIO_PINS;
    if (*end || number >= pins || (name[2] == '0' && name[3]) ||
        !rcc_has(chip->model->line, &gpio_peripherals[*port])) {
        return false;
    }
    *pin = (unsigned)number;
    return true;
}

bool chip_pin_name(const struct chip *chip, unsigned port, unsigned pin, char name[8]) {
    unsigned found_port, found_pin;
    if (port >= GPIO_PORTS || pin >= GPIO_PINS) {
        return false;
    }
    (void)snprintf(name, 8, "P%c%u", (char)('A' + port), pin);
    return gpio_find_pin(chip, name, &found_port, &found_pin);
}

void gpio_drive(struct chip *chip, unsigned port, unsigned pin, int level) {
    chip->gpio[port].outside[pin] = (int8_t)(level < 0 ? -1 : level != 0);
    update(&chip->gpio[port]);
    if (port == 0 && pin == 0) { // WKUP, whatever the pin is used for
        pwr_wakeup_pin(chip, level > 0);
    }
}

int gpio_level(const struct chip *chip, unsigned port, unsigned pin) {
    return level_of(&chip->gpio[port], pin);
}

bool gpio_is_set_to(const struct chip *chip, unsigned port, unsigned pin, unsigned function,
                    char mode[GPIO_MODE_MAX]) {
    const struct gpio_port *gpio = &chip->gpio[port];
    unsigned alternate = gpio->afr[pin / 8] >> (4 * (pin % 8)) & 0xF;
    switch (field(gpio->moder, pin)) {
    case MODE_ALTERNATE:
        (void)snprintf(mode, GPIO_MODE_MAX, "in alternate function %u", alternate);
        return alternate == function;
    case MODE_ANALOG:
        (void)snprintf(mode, GPIO_MODE_MAX, "in analog mode");
        return false;
    default:
        (void)snprintf(mode, GPIO_MODE_MAX, "an %s",
                       field(gpio->moder, pin) == MODE_OUTPUT ? "output" : "input");
        return false;
    }
}

bool gpio_is_alternate(const struct chip *chip, unsigned port, unsigned pin, unsigned function) {
    const struct gpio_port *gpio = &chip->gpio[port];
    return rcc_is_clocked(chip, &gpio_peripherals[port]) &&
           field(gpio->moder, pin) == MODE_ALTERNATE &&
           (gpio->afr[pin / 8] >> (4 * (pin % 8)) & 0xF) == function;
}

bool gpio_input(const struct chip *chip, unsigned port, unsigned pin) {
    return chip->gpio[port].idr >> pin & 1;
}

#define PORT(letter, n)                                                                            \
    {                                                                                              \
        .name = "GPIO" letter, .base = 0x40020000u + 0x400u * (n), .size = 0x400,                  \
        .read = gpio_read, .write = gpio_write, .reset = gpio_reset,                               \
        .enable_register = RCC_AHB1ENR, .enable_bit = 1u << (n),                                   \
    }

const struct peripheral gpio_peripherals[GPIO_PORTS] = {
    PORT("A", 0), PORT("B", 1), PORT("C", 2), PORT("D", 3), PORT("E", 4),  PORT("F", 5),
    PORT("G", 6), PORT("H", 7), PORT("I", 8), PORT("J", 9), PORT("K", 10),
};
