// SPDX-License-Identifier: MIT
//
// The special registers: MRS, MSR (ARM DDI 0403 B5.2) and CPS.

#include "vboard/cpu/cpu_state.h"

// SYSm numbers (B5.1.1). 0 to 7 are combinations of APSR, IPSR (bit 0) and EPSR (bit 1).
enum {
    SYSM_MSP = 8,
    SYSM_PSP = 9,
    SYSM_PRIMASK = 16,
    SYSM_BASEPRI = 17,
    SYSM_BASEPRI_MAX = 18,
    SYSM_FAULTMASK = 19,
    SYSM_CONTROL = 20,
};

uint32_t special_read(const struct cpu *cpu, unsigned sysm) {
    const struct cpu_state *s = &cpu->s;
    if (sysm < 8) { // EPSR reads as zero
        uint32_t value = xpsr_get(s), apsr = 0xf80f0000;
        return value & (((sysm & 4) ? 0 : apsr) | ((sysm & 1) ? 0x1ff : 0));
    }
    if (sysm == SYSM_CONTROL) {
        return s->control;
    }
    if (!is_privileged(s)) {
        return 0;
    }
    switch (sysm) {
    case SYSM_MSP:
        return stack_pointer_get(s, SP_MAIN);
    case SYSM_PSP:
        return stack_pointer_get(s, SP_PROCESS);
    case SYSM_PRIMASK:
        return s->primask;
    case SYSM_BASEPRI:
    case SYSM_BASEPRI_MAX:
        return s->basepri;
    case SYSM_FAULTMASK:
        return s->faultmask;
    default:
        return 0;
    }
}

static void write_apsr(struct cpu_state *s, unsigned mask, uint32_t value) {
    if (mask & 2) {
        s->n = value & 0x80000000;
        s->z = (value >> 30 & 1) ? 0 : 1;
        s->c = value >> 29 & 1;
        s->v = value << 3 & 0x80000000;
        s->q = value >> 27 & 1;
    }
    if (mask & 1) {
        s->ge = value >> 16 & 15;
    }
}

static void set_faultmask(struct cpu *cpu, bool value) {
    if (!value || execution_priority(cpu) > -1) {
        cpu->s.faultmask = value;
    }
}

void special_write(struct cpu *cpu, unsigned sysm, unsigned mask, uint32_t value) {
    struct cpu_state *s = &cpu->s;
    if (sysm < 4) {
        write_apsr(s, mask, value);
        return;
    }
    if (!is_privileged(s)) {
        return;
    }
    switch (sysm) {
    case SYSM_MSP:
        stack_pointer_put(s, SP_MAIN, value);
        break;
    case SYSM_PSP:
        stack_pointer_put(s, SP_PROCESS, value);
        break;
    case SYSM_PRIMASK:
        s->primask = value & 1;
        break;
    case SYSM_BASEPRI:
        s->basepri = (uint8_t)value & cpu->priority_mask;
        break;
    case SYSM_BASEPRI_MAX:
        value &= cpu->priority_mask;
        if (value && (s->basepri == 0 || value < s->basepri)) {
            s->basepri = (uint8_t)value;
        }
        break;
    case SYSM_FAULTMASK:
        set_faultmask(cpu, value & 1);
        break;
    case SYSM_CONTROL: // SPSEL can be changed in Thread mode only; FPCA needs an FPU
        s->control =
            (uint8_t)((value & CONTROL_NPRIV) |
                      (is_handler(s) ? s->control & CONTROL_SPSEL : value & CONTROL_SPSEL) |
                      (cpu->has_fpu ? value & CONTROL_FPCA : 0));
        stack_pointer_select(s);
        break;
    default:
        break;
    }
}

// operands: bit 4 disable, bit 1 PRIMASK, bit 0 FAULTMASK.
void special_cps(struct cpu *cpu, unsigned operands) {
    bool disable = operands >> 4 & 1;
    if (!is_privileged(&cpu->s)) {
        return;
    }
    if (operands & 2) {
        cpu->s.primask = disable;
    }
    if (operands & 1) {
        set_faultmask(cpu, disable);
    }
}
