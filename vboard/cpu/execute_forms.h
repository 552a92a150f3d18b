// SPDX-License-Identifier: MIT
//
// How execute() goes from one instruction to the next, reaches memory, and what instructions of a family have in common:
// macros over its locals, for execute.c alone. (Functions would put the locals away.)

#ifndef VBOARD_CPU_EXECUTE_FORMS_H
#define VBOARD_CPU_EXECUTE_FORMS_H

#include "vboard/cpu/alu.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)

#define PC_NOW()  (code_base + (uint32_t)(op - ops) * 2)
#define SYNC()                                                                                     \
    (s->pc = PC_NOW(), s->cycles = cpu->deadline - (uint64_t)left, s->instructions = count)
#define RELOAD()    (left = (int64_t)(cpu->deadline - s->cycles))
#define DISPATCH(c) goto *labels[c]

// To the next instruction in memory. A branch, not an addition of op->halfwords: the host predicts
// it and need not wait for the load (a fifth faster). The empty asm keeps compilers from turning it
// back.
#define ADVANCE()                                                                                  \
    do {                                                                                           \
        if (op->halfwords == 1) {                                                                  \
            op += 1;                                                                               \
        } else {                                                                                   \
            __asm__ volatile("");                                                                  \
            op += 2;                                                                               \
        }                                                                                          \
    } while (0)

// One instruction done: to the next one.
#define NEXT() NEXT_AFTER(op->cycles)
#define NEXT_AFTER(cost)                                                                           \
    do {                                                                                           \
        left -= (cost);                                                                            \
        count++;                                                                                   \
        ADVANCE();                                                                                 \
        if (__builtin_expect(left <= 0, 0)) {                                                      \
            goto stop;                                                                             \
        }                                                                                          \
        DISPATCH(op->code);                                                                        \
    } while (0)

// `extra` cycles besides the op's own. The target's bit 0 is clear.
#define BRANCH(to, extra)                                                                          \
    do {                                                                                           \
        uint32_t to_ = (to);                                                                       \
        left -= op->cycles + (extra);                                                              \
        count++;                                                                                   \
        uint32_t off_ = to_ - code_base;                                                           \
        if (!LIKELY(off_ < code_size)) {                                                           \
            target = to_;                                                                          \
            goto leave;                                                                            \
        }                                                                                          \
        op = ops + off_ / 2;                                                                       \
        if (__builtin_expect(left <= 0, 0)) {                                                      \
            goto stop;                                                                             \
        }                                                                                          \
        DISPATCH(op->code);                                                                        \
    } while (0)

// BX and loads to PC: bit 0 is the state to be in; 0xFxxxxxxx in Handler mode is an exception
// return (ARM DDI 0403 B1.5.8).
#define BRANCH_EXCHANGE(to)                                                                        \
    do {                                                                                           \
        uint32_t to_x_ = (to);                                                                     \
        if (__builtin_expect(to_x_ >= 0xf0000000 && is_handler(s), 0)) {                           \
            target = to_x_;                                                                        \
            goto return_from_exception;                                                            \
        }                                                                                          \
        if (__builtin_expect(!(to_x_ & 1), 0)) {                                                   \
            target = to_x_;                                                                        \
            goto leave_thumb;                                                                      \
        }                                                                                          \
        BRANCH(to_x_ & ~1u, 0);                                                                    \
    } while (0)

#define LOAD(address, type, value)                                                                 \
    do {                                                                                           \
        uint32_t addr_ = (address);                                                                \
        const struct cpu_fast *f_ = &cpu->fast[cpu->map[addr_ >> MAP_SHIFT]];                      \
        uint32_t off_ = addr_ - f_->base;                                                          \
        if (LIKELY(off_ < f_->rlimit && !(addr_ & (sizeof(type) - 1)))) {                          \
            type raw_;                                                                             \
            memcpy(&raw_, f_->bytes + off_, sizeof raw_);                                          \
            (value) = raw_;                                                                        \
        } else {                                                                                   \
            SYNC();                                                                                \
            if (!memory_load(cpu, addr_, sizeof(type), &(value))) {                                \
                goto faulted;                                                                      \
            }                                                                                      \
            RELOAD();                                                                              \
        }                                                                                          \
    } while (0)

#define STORE(address, type, value)                                                                \
    do {                                                                                           \
        uint32_t addr_ = (address);                                                                \
        const struct cpu_fast *f_ = &cpu->fast[cpu->map[addr_ >> MAP_SHIFT]];                      \
        uint32_t off_ = addr_ - f_->base;                                                          \
        if (LIKELY(off_ < f_->wlimit && !(addr_ & (sizeof(type) - 1)) &&                           \
                   !f_->page_has_code[off_ >> PAGE_SHIFT])) {                                      \
            type raw_ = (type)(value);                                                             \
            memcpy(f_->bytes + off_, &raw_, sizeof raw_);                                          \
        } else {                                                                                   \
            SYNC();                                                                                \
            if (!memory_store(cpu, addr_, sizeof(type), (value))) {                                \
                goto faulted;                                                                      \
            }                                                                                      \
            RELOAD();                                                                              \
        }                                                                                          \
    } while (0)

// Before a floating-point instruction: access, and registers that wait to be saved.
#define FP_PREPARE()                                                                               \
    do {                                                                                           \
        if (!LIKELY(fpu_is_ready(s))) {                                                            \
            SYNC();                                                                                \
            if (!fpu_prepare(cpu)) {                                                               \
                goto faulted;                                                                      \
            }                                                                                      \
            RELOAD();                                                                              \
        }                                                                                          \
    } while (0)

// One word from or to memory, which must be aligned (A3.2.1).
#define LOAD_FP(address, value)                                                                    \
    do {                                                                                           \
        uint32_t addr_ = (address);                                                                \
        const struct cpu_fast *f_ = &cpu->fast[cpu->map[addr_ >> MAP_SHIFT]];                      \
        uint32_t off_ = addr_ - f_->base;                                                          \
        if (LIKELY(off_ < f_->rlimit && !(addr_ & 3))) {                                           \
            memcpy(&(value), f_->bytes + off_, sizeof(value));                                     \
        } else {                                                                                   \
            SYNC();                                                                                \
            if (!memory_load_words(cpu, addr_, 1, &(value))) {                                     \
                goto faulted;                                                                      \
            }                                                                                      \
            RELOAD();                                                                              \
        }                                                                                          \
    } while (0)

#define STORE_FP(address, value)                                                                   \
    do {                                                                                           \
        uint32_t addr_ = (address);                                                                \
        const struct cpu_fast *f_ = &cpu->fast[cpu->map[addr_ >> MAP_SHIFT]];                      \
        uint32_t off_ = addr_ - f_->base;                                                          \
        if (LIKELY(off_ < f_->wlimit && !(addr_ & 3) && !f_->page_has_code[off_ >> PAGE_SHIFT])) { \
            memcpy(f_->bytes + off_, &(value), sizeof(value));                                     \
        } else {                                                                                   \
            SYNC();                                                                                \
            if (!memory_store_words(cpu, addr_, 1, &(value))) {                                    \
                goto faulted;                                                                      \
            }                                                                                      \
            RELOAD();                                                                              \
        }                                                                                          \
    } while (0)

// A calculation whose usual case is done on the spot.
#define CALCULATE(name, usual)                                                                     \
    L_##name : {                                                                                   \
        uint32_t result, d = s->fp[op->rd], n = s->fp[op->rn], m = s->fp[op->rm];                  \
        (void)d;                                                                                   \
        FP_PREPARE();                                                                              \
        if (LIKELY(usual)) {                                                                       \
            s->fp[op->rd] = result;                                                                \
        } else {                                                                                   \
            fpu_execute(s, op);                                                                    \
        }                                                                                          \
        NEXT();                                                                                    \
    }

#define RN (r[op->rn])
#define RM (r[op->rm])
#define RD (r[op->rd])

// The bitwise family `name`, giving `expression` of a (Rn) and b (operand 2).
#define LOGIC(name, expression)                                                                    \
    L_##name##_I : {                                                                               \
        uint32_t a = RN, b = op->imm;                                                              \
        (void)a;                                                                                   \
        RD = (expression);                                                                         \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##_R : {                                                                               \
        uint32_t a = RN, b = RM << op->imm;                                                        \
        (void)a;                                                                                   \
        RD = (expression);                                                                         \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##_X : {                                                                               \
        uint32_t carry, a = RN, b = shift(RM, op->imm >> 8, op->imm & 0xff, s->c, &carry);         \
        (void)a;                                                                                   \
        RD = (expression);                                                                         \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##S_I : {                                                                              \
        uint32_t a = RN, b = op->imm;                                                              \
        (void)a;                                                                                   \
        s->n = s->z = RD = (expression);                                                           \
        if (op->ra) {                                                                              \
            s->c = op->imm >> 31;                                                                  \
        }                                                                                          \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##S_R : {                                                                              \
        uint32_t a = RN, b = RM;                                                                   \
        (void)a;                                                                                   \
        s->n = s->z = RD = (expression);                                                           \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##S_X : {                                                                              \
        uint32_t carry, a = RN, b = shift(RM, op->imm >> 8, op->imm & 0xff, s->c, &carry);         \
        (void)a;                                                                                   \
        s->n = s->z = RD = (expression);                                                           \
        s->c = carry;                                                                              \
        NEXT();                                                                                    \
    }

// TST and TEQ.
#define LOGIC_TEST(name, operator)                                                                 \
    L_##name##_I : s->n = s->z = RN operator op->imm;                                              \
    if (op->ra) {                                                                                  \
        s->c = op->imm >> 31;                                                                      \
    }                                                                                              \
    NEXT();                                                                                        \
    L_##name##_R : s->n = s->z = RN operator RM;                                                   \
    NEXT();                                                                                        \
    L_##name##_X : {                                                                               \
        uint32_t carry;                                                                            \
        s->n = s->z = RN operator shift(RM, op->imm >> 8, op->imm & 0xff, s->c, &carry);           \
        s->c = carry;                                                                              \
        NEXT();                                                                                    \
    }

// The arithmetic family `name`: AddWithCarry(x, y, carry) of a (Rn) and b (operand 2).
#define ARITHMETIC(name, x, y, carry_in)                                                           \
    L_##name##_I : {                                                                               \
        uint32_t a = RN, b = op->imm;                                                              \
        RD = (x) + (y) + (carry_in);                                                               \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##_R : {                                                                               \
        uint32_t a = RN, b = RM << op->imm;                                                        \
        RD = (x) + (y) + (carry_in);                                                               \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##_X : {                                                                               \
        uint32_t carry, a = RN, b = shift(RM, op->imm >> 8, op->imm & 0xff, s->c, &carry);         \
        RD = (x) + (y) + (carry_in);                                                               \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##S_I : {                                                                              \
        uint32_t a = RN, b = op->imm;                                                              \
        RD = add_flags(s, (x), (y), (carry_in));                                                   \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##S_R : {                                                                              \
        uint32_t a = RN, b = RM << op->imm;                                                        \
        RD = add_flags(s, (x), (y), (carry_in));                                                   \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##S_X : {                                                                              \
        uint32_t carry, a = RN, b = shift(RM, op->imm >> 8, op->imm & 0xff, s->c, &carry);         \
        RD = add_flags(s, (x), (y), (carry_in));                                                   \
        NEXT();                                                                                    \
    }

#define COMPARE(name, invert, carry_in)                                                            \
    L_##name##_I : add_flags(s, RN, op->imm ^ (invert), carry_in);                                 \
    NEXT();                                                                                        \
    L_##name##_R : add_flags(s, RN, RM << op->imm ^ (invert), carry_in);                           \
    NEXT();                                                                                        \
    L_##name##_X : {                                                                               \
        uint32_t carry, b = shift(RM, op->imm >> 8, op->imm & 0xff, s->c, &carry);                 \
        add_flags(s, RN, b ^ (invert), carry_in);                                                  \
        NEXT();                                                                                    \
    }

#define SHIFT_BY_REGISTER(name, type)                                                              \
    L_##name : {                                                                                   \
        uint32_t carry;                                                                            \
        RD = shift(RN, type, RM & 0xff, s->c, &carry);                                             \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##S : {                                                                                \
        uint32_t carry;                                                                            \
        s->n = s->z = RD = shift(RN, type, RM & 0xff, s->c, &carry);                               \
        s->c = carry;                                                                              \
        NEXT();                                                                                    \
    }

#define BRANCH_IF(name, cond)                                                                      \
    L_##name : if (condition_holds(s, cond)) {                                                     \
        BRANCH(op->imm, 0);                                                                        \
    }                                                                                              \
    NEXT_AFTER(op->ra);

// `signed_type` is the loaded type with the sign it is extended by.
#define LOADS(name, type, signed_type)                                                             \
    L_##name##_I : {                                                                               \
        uint32_t value;                                                                            \
        LOAD(RN + op->imm, type, value);                                                           \
        RD = (uint32_t)(signed_type)value;                                                         \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##_R : {                                                                               \
        uint32_t value;                                                                            \
        LOAD(RN + (RM << op->imm), type, value);                                                   \
        RD = (uint32_t)(signed_type)value;                                                         \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##_W : {                                                                               \
        uint32_t value, address = RN + op->imm;                                                    \
        LOAD(address, type, value);                                                                \
        RN = address;                                                                              \
        RD = (uint32_t)(signed_type)value;                                                         \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##_P : {                                                                               \
        uint32_t value, address = RN;                                                              \
        LOAD(address, type, value);                                                                \
        RN = address + op->imm;                                                                    \
        RD = (uint32_t)(signed_type)value;                                                         \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##_L : {                                                                               \
        uint32_t value;                                                                            \
        LOAD(op->imm, type, value);                                                                \
        RD = (uint32_t)(signed_type)value;                                                         \
        NEXT();                                                                                    \
    }

#define STORES(name, type)                                                                         \
    L_##name##_I : STORE(RN + op->imm, type, RD);                                                  \
    NEXT();                                                                                        \
    L_##name##_R : STORE(RN + (RM << op->imm), type, RD);                                          \
    NEXT();                                                                                        \
    L_##name##_W : {                                                                               \
        uint32_t address = RN + op->imm;                                                           \
        STORE(address, type, RD);                                                                  \
        RN = address;                                                                              \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##_P : {                                                                               \
        uint32_t address = RN;                                                                     \
        STORE(address, type, RD);                                                                  \
        RN = address + op->imm;                                                                    \
        NEXT();                                                                                    \
    }                                                                                              \
    L_##name##_L : NEXT(); /* no such store: keeps the forms alike */

#endif
