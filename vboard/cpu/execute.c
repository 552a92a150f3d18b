// SPDX-License-Identifier: MIT
//
// Executes decoded instructions: one function, one label an operation, a jump from each to the
// next. It knows no interrupts and no time limit but `deadline`: whatever wants attention moves the
// deadline (cpu_attention()), and execute() returns at the next instruction boundary.
//
// While it runs, the place (`op`), the cycles left and the count of instructions live in locals;
// SYNC() puts them where callbacks see them, RELOAD() takes back what a callback may have changed.

#include <string.h>

#include "vboard/cpu/cpu_state.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)

// Inlined with a constant wherever the condition is one.
static inline __attribute__((always_inline)) bool condition_holds(const struct cpu_state *s,
                                                                  unsigned cond) {
    bool n = s->n >> 31, z = s->z == 0, c = s->c, v = s->v >> 31, holds = true;
    switch (cond >> 1) {
    case 0:
        holds = z;
        break;
    case 1:
        holds = c;
        break;
    case 2:
        holds = n;
        break;
    case 3:
        holds = v;
        break;
    case 4:
        holds = c && !z;
        break;
    case 5:
        holds = n == v;
        break;
    case 6:
        holds = n == v && !z;
        break;
    default:
        return true;
    }
    return holds != (cond & 1);
}

// Shift_C (ARM DDI 0403 A7.4.2); amount 0 to 255, RRX aside.
static inline uint32_t shift(uint32_t value, unsigned type, unsigned amount, uint32_t carry_in,
                             uint32_t *carry) {
    *carry = carry_in;
    if (amount == 0) {
        return value;
    }
    switch (type) {
    case SHIFT_LSL:
        *carry = amount <= 32 ? (uint32_t)((uint64_t)value << amount >> 32) & 1 : 0;
        return amount < 32 ? value << amount : 0;
    case SHIFT_LSR:
        *carry = amount <= 32 ? value >> (amount - 1) & 1 : 0;
        return amount < 32 ? value >> amount : 0;
    case SHIFT_ASR:
        amount = amount > 32 ? 32 : amount;
        *carry = (uint32_t)((int64_t)(int32_t)value >> (amount - 1)) & 1;
        return (uint32_t)((int64_t)(int32_t)value >> amount);
    case SHIFT_ROR: {
        unsigned turn = amount & 31;
        uint32_t result = turn ? value >> turn | value << (32 - turn) : value;
        *carry = result >> 31;
        return result;
    }
    default: // RRX
        *carry = value & 1;
        return value >> 1 | carry_in << 31;
    }
}

static inline uint32_t add_flags(struct cpu_state *s, uint32_t a, uint32_t b, uint32_t carry) {
    uint64_t sum = (uint64_t)a + b + carry;
    uint32_t result = (uint32_t)sum;
    s->n = s->z = result;
    s->c = (uint32_t)(sum >> 32);
    s->v = ~(a ^ b) & (a ^ result);
    return result;
}

static inline uint32_t reverse_bits(uint32_t x) {
    x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
    x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
    return __builtin_bswap32(x);
}

static inline uint32_t saturate(struct cpu_state *s, int64_t value, int64_t low, int64_t high) {
    if (value < low || value > high) {
        s->q = 1;
        value = value < low ? low : high;
    }
    return (uint32_t)value;
}

static inline unsigned bit_length(uint32_t x) {
    return x ? 32 - (unsigned)__builtin_clz(x) : 0;
}

// Cycles beyond the 1 in the decoded op; see the table in ops.h.
static inline unsigned divide_cycles(uint32_t dividend, uint32_t divisor) {
    unsigned a = bit_length(dividend), b = bit_length(divisor);
    return b == 0 || a < b ? 1 : 2 + (a - b + 1) / 4;
}

#define PC_NOW() (code_base + (uint32_t)(op - ops) * 2)
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

void execute(struct cpu *cpu) {
    static const void *const labels[OP_COUNT] = {
#define X(name) &&L_##name,
        CPU_OPS(X)
#undef X
    };
    struct cpu_state *const s = &cpu->s;
    uint32_t *const r = s->r;
    struct op *const ops = cpu->code_ops;
    const uint32_t code_base = cpu->code_base, code_size = cpu->code_size;
    struct op *op = ops + (s->pc - code_base) / 2;
    int64_t left = (int64_t)(cpu->deadline - s->cycles);
    uint64_t count = s->instructions;
    uint32_t target;

    DISPATCH(op->code);

L_DECODE:
    SYNC();
    memory_decode(cpu, op);
    RELOAD();
    DISPATCH(op->code);
L_EDGE: // ran out of the region
    SYNC();
    return;
L_PC_READ:
    r[15] = PC_NOW() + 4;
    DISPATCH(op->real);
L_IT:
    s->it = (uint8_t)op->imm;
    if (op[1].code != OP_EDGE && op[1].it != s->it) {
        op[1].code = OP_DECODE;
    }
    NEXT();
L_IT_COND:
    if (op->it != s->it) { // somebody came here another way than last time
        op->code = OP_DECODE;
        DISPATCH(OP_DECODE);
    }
    s->it = it_advance(s->it);
    {
        struct op *next = op + op->halfwords;
        if (next->it != s->it && next->code != OP_EDGE) {
            next->code = OP_DECODE;
        }
    }
    r[15] = PC_NOW() + 4;
    if (condition_holds(s, op->cond)) {
        DISPATCH(op->real);
    }
    left -= 1; // a skipped instruction takes one cycle whatever it is
    count++;
    ADVANCE();
    if (left <= 0) {
        goto stop;
    }
    DISPATCH(op->code);

L_UNDEF:
    SYNC();
    cpu_complain(cpu, "undefined-instruction", "undefined instruction at 0x%08x", s->pc);
    s->it = op->it;
    fault_raise(cpu, EXC_USAGE_FAULT, CFSR_UNDEFINSTR);
    return;
L_COPROC:
    SYNC();
    // CPACR.CP10 and CP11 both say "full" or (privileged) "privileged" before the FPU may be used.
    if ((op->imm == 10 || op->imm == 11) && (s->cpacr >> 20 & 1)) {
        cpu_complain(cpu, "fpu-not-modelled",
                     "floating-point instruction at 0x%08x: vboard has no FPU, taken as NOCP",
                     s->pc);
    }
    s->it = op->it;
    fault_raise(cpu, EXC_USAGE_FAULT, CFSR_NOCP);
    return;

    LOGIC(AND, a & b)
    LOGIC(EOR, a ^ b)
    LOGIC(ORR, a | b)
    LOGIC(ORN, a | ~b)
    LOGIC(BIC, a & ~b)
    LOGIC(MOV, b)
    LOGIC(MVN, ~b)
    LOGIC_TEST(TST, &)
    LOGIC_TEST(TEQ, ^)
    ARITHMETIC(ADD, a, b, 0)
    ARITHMETIC(ADC, a, b, s->c)
    ARITHMETIC(SUB, a, ~b, 1)
    ARITHMETIC(SBC, a, ~b, s->c)
    ARITHMETIC(RSB, ~a, b, 1)
    COMPARE(CMP, 0xffffffff, 1)
    COMPARE(CMN, 0, 0)

    // SP's two low bits are always 0 (ARM DDI 0403 B1.4.1).
L_ADD_SP_I:
    r[13] = (RN + op->imm) & ~3u;
    NEXT();
L_ADD_SP_X : {
    uint32_t carry;
    r[13] = (RN + shift(RM, op->imm >> 8, op->imm & 0xff, s->c, &carry)) & ~3u;
    NEXT();
}
L_SUB_SP_X : {
    uint32_t carry;
    r[13] = (RN - shift(RM, op->imm >> 8, op->imm & 0xff, s->c, &carry)) & ~3u;
    NEXT();
}
L_MOV_SP:
    r[13] = RM & ~3u;
    NEXT();
L_MOV_PC:
    BRANCH(RM & ~1u, 0);
L_ADD_PC:
    BRANCH((r[15] + RM) & ~1u, 0);

    SHIFT_BY_REGISTER(LSL, SHIFT_LSL)
    SHIFT_BY_REGISTER(LSR, SHIFT_LSR)
    SHIFT_BY_REGISTER(ASR, SHIFT_ASR)
    SHIFT_BY_REGISTER(ROR, SHIFT_ROR)

L_MOVT:
    RD = (RD & 0xffff) | op->imm;
    NEXT();
L_MUL:
    RD = RN * RM;
    NEXT();
L_MULS:
    s->n = s->z = RD = RN * RM;
    NEXT();
L_MLA:
    RD = RN * RM + r[op->ra];
    NEXT();
L_MLS:
    RD = r[op->ra] - RN * RM;
    NEXT();
L_UMULL : {
    uint64_t product = (uint64_t)RN * RM;
    RD = (uint32_t)product;
    r[op->ra] = (uint32_t)(product >> 32);
    NEXT();
}
L_SMULL : {
    int64_t product = (int64_t)(int32_t)RN * (int32_t)RM;
    RD = (uint32_t)product;
    r[op->ra] = (uint32_t)((uint64_t)product >> 32);
    NEXT();
}
L_UMLAL : {
    uint64_t sum = (uint64_t)RN * RM + ((uint64_t)r[op->ra] << 32 | RD);
    RD = (uint32_t)sum;
    r[op->ra] = (uint32_t)(sum >> 32);
    NEXT();
}
L_SMLAL : {
    uint64_t sum =
        (uint64_t)((int64_t)(int32_t)RN * (int32_t)RM) + ((uint64_t)r[op->ra] << 32 | RD);
    RD = (uint32_t)sum;
    r[op->ra] = (uint32_t)(sum >> 32);
    NEXT();
}
L_UDIV:
    if (RM == 0) {
        goto divide_by_zero;
    }
    left -= divide_cycles(RN, RM);
    RD = RN / RM;
    NEXT();
L_SDIV : {
    if (RM == 0) {
        goto divide_by_zero;
    }
    int64_t dividend = (int32_t)RN, divisor = (int32_t)RM;
    left -= divide_cycles((uint32_t)(dividend < 0 ? -dividend : dividend),
                          (uint32_t)(divisor < 0 ? -divisor : divisor));
    RD = (uint32_t)(dividend / divisor); // 0x80000000 / -1 is 0x80000000
    NEXT();
}
divide_by_zero:
    if (s->ccr & CCR_DIV_0_TRP) {
        SYNC();
        fault_raise(cpu, EXC_USAGE_FAULT, CFSR_DIVBYZERO);
        goto faulted;
    }
    left -= 1;
    RD = 0;
    NEXT();
L_CLZ:
    RD = 32 - bit_length(RM);
    NEXT();
L_RBIT:
    RD = reverse_bits(RM);
    NEXT();
L_REV:
    RD = __builtin_bswap32(RM);
    NEXT();
L_REV16 : {
    uint32_t value = RM;
    RD = (value & 0x00ff00ff) << 8 | (value >> 8 & 0x00ff00ff);
    NEXT();
}
L_REVSH:
    RD = (uint32_t)(int16_t)__builtin_bswap16((uint16_t)RM);
    NEXT();
#define ROTATED(value) ((uint32_t)(((uint64_t)(value) << 32 | (value)) >> op->imm))
L_SXTB:
    RD = (uint32_t)(int8_t)ROTATED(RM);
    NEXT();
L_SXTH:
    RD = (uint32_t)(int16_t)ROTATED(RM);
    NEXT();
L_UXTB:
    RD = (uint8_t)ROTATED(RM);
    NEXT();
L_UXTH:
    RD = (uint16_t)ROTATED(RM);
    NEXT();
#undef ROTATED
L_BFI : {
    uint32_t mask = (uint32_t)((1ull << op->ra) - 1) << op->imm;
    RD = (RD & ~mask) | (RN << op->imm & mask);
    NEXT();
}
L_BFC:
    RD &= ~((uint32_t)((1ull << op->ra) - 1) << op->imm);
    NEXT();
L_SBFX:
    RD = (uint32_t)((int32_t)(RN << (32 - op->ra - op->imm)) >> (32 - op->ra));
    NEXT();
L_UBFX:
    RD = RN << (32 - op->ra - op->imm) >> (32 - op->ra);
    NEXT();
L_SSAT : {
    uint32_t carry;
    int32_t value = (int32_t)shift(RN, op->imm >> 8, op->imm & 0xff, 0, &carry);
    int64_t limit = 1ll << (op->ra - 1);
    RD = saturate(s, value, -limit, limit - 1);
    NEXT();
}
L_USAT : {
    uint32_t carry;
    int32_t value = (int32_t)shift(RN, op->imm >> 8, op->imm & 0xff, 0, &carry);
    RD = saturate(s, value, 0, (1ll << op->ra) - 1);
    NEXT();
}
L_DSP:
    dsp_execute(s, op);
    NEXT();

L_B:
    BRANCH(op->imm, 0);
L_BL:
    r[14] = (PC_NOW() + 4) | 1;
    BRANCH(op->imm, 0);
L_BX:
    BRANCH_EXCHANGE(RM);
L_BLX : {
    uint32_t to = RM;
    r[14] = (PC_NOW() + 2) | 1;
    if (!(to & 1)) {
        target = to;
        goto leave_thumb;
    }
    BRANCH(to & ~1u, 0);
}
L_CBZ:
    if (RN == 0) {
        BRANCH(op->imm, 0);
    }
    NEXT_AFTER(op->ra);
L_CBNZ:
    if (RN != 0) {
        BRANCH(op->imm, 0);
    }
    NEXT_AFTER(op->ra);
L_TBB : {
    uint32_t distance;
    LOAD(RN + RM, uint8_t, distance);
    BRANCH(PC_NOW() + 4 + distance * 2, 0);
}
L_TBH : {
    uint32_t distance;
    LOAD(RN + RM * 2, uint16_t, distance);
    BRANCH(PC_NOW() + 4 + distance * 2, 0);
}
    BRANCH_IF(BEQ, 0)
    BRANCH_IF(BNE, 1)
    BRANCH_IF(BCS, 2)
    BRANCH_IF(BCC, 3)
    BRANCH_IF(BMI, 4)
    BRANCH_IF(BPL, 5)
    BRANCH_IF(BVS, 6)
    BRANCH_IF(BVC, 7)
    BRANCH_IF(BHI, 8)
    BRANCH_IF(BLS, 9)
    BRANCH_IF(BGE, 10)
    BRANCH_IF(BLT, 11)
    BRANCH_IF(BGT, 12)
    BRANCH_IF(BLE, 13)

    LOADS(LDR, uint32_t, uint32_t)
    LOADS(LDRB, uint8_t, uint8_t)
    LOADS(LDRH, uint16_t, uint16_t)
    LOADS(LDRSB, uint8_t, int8_t)
    LOADS(LDRSH, uint16_t, int16_t)
    STORES(STR, uint32_t)
    STORES(STRB, uint8_t)
    STORES(STRH, uint16_t)

L_LDR_PC : { // ra: the form, in LOAD_FORMS' order
    uint32_t value, address = op->ra == 4   ? op->imm
                              : op->ra == 1 ? RN + (RM << op->imm)
                              : op->ra == 3 ? RN
                                            : RN + op->imm;
    LOAD(address, uint32_t, value);
    if (op->ra == 2) {
        RN = address;
    } else if (op->ra == 3) {
        RN = address + op->imm;
    }
    BRANCH_EXCHANGE(value);
}
L_LDRT : { // ra: size, rm: signed
    uint32_t value;
    SYNC();
    if (!memory_load_unprivileged(cpu, RN + op->imm, op->ra, &value)) {
        goto faulted;
    }
    RELOAD();
    RD = !op->rm ? value : op->ra == 1 ? (uint32_t)(int8_t)value : (uint32_t)(int16_t)value;
    NEXT();
}
L_STRT:
    SYNC();
    if (!memory_store_unprivileged(cpu, RN + op->imm, op->ra, RD)) {
        goto faulted;
    }
    RELOAD();
    NEXT();
L_LDRD : { // rm: 1 P, 2 W, 4 literal
    uint32_t address = (op->rm & 4) ? op->imm : (op->rm & 1) ? RN + op->imm : RN, words[2];
    SYNC();
    if (!memory_load_words(cpu, address, 2, words)) {
        goto faulted;
    }
    RELOAD();
    if (op->rm & 2) {
        RN += op->imm;
    }
    RD = words[0];
    r[op->ra] = words[1];
    NEXT();
}
L_STRD : {
    uint32_t address = (op->rm & 1) ? RN + op->imm : RN, words[2] = {RD, r[op->ra]};
    SYNC();
    if (!memory_store_words(cpu, address, 2, words)) {
        goto faulted;
    }
    RELOAD();
    if (op->rm & 2) {
        RN += op->imm;
    }
    NEXT();
}
L_LDM : { // ra: 1 write back, 2 decrement before
    uint32_t words[16], list = op->imm;
    unsigned length = (unsigned)__builtin_popcount(list);
    uint32_t base = RN, low = (op->ra & 2) ? base - length * 4 : base;
    SYNC();
    if (!memory_load_words(cpu, low, length, words)) {
        goto faulted;
    }
    RELOAD();
    if (op->ra & 1) {
        RN = (op->ra & 2) ? low : base + length * 4;
    }
    const uint32_t *word = words;
    for (uint32_t rest = list & 0x7fff; rest; rest &= rest - 1) {
        r[__builtin_ctz(rest)] = *word++;
    }
    if (list >> 15) {
        BRANCH_EXCHANGE(*word);
    }
    NEXT();
}
L_STM : {
    uint32_t words[16], list = op->imm;
    unsigned length = (unsigned)__builtin_popcount(list);
    uint32_t base = RN, low = (op->ra & 2) ? base - length * 4 : base;
    uint32_t *word = words;
    for (uint32_t rest = list; rest; rest &= rest - 1) {
        *word++ = r[__builtin_ctz(rest)];
    }
    SYNC();
    if (!memory_store_words(cpu, low, length, words)) {
        goto faulted;
    }
    RELOAD();
    if (op->ra & 1) {
        RN = (op->ra & 2) ? low : base + length * 4;
    }
    NEXT();
}
    // The local monitor of the Cortex-M4 tags no address (ARM 100166 3.7): one bit.
L_LDREX : {
    uint32_t value, address = RN + op->imm;
    SYNC();
    if (address & (op->ra - 1u)) {
        goto unaligned;
    }
    if (!memory_load(cpu, address, op->ra, &value)) {
        goto faulted;
    }
    RELOAD();
    s->exclusive = true;
    RD = value;
    NEXT();
}
L_STREX : {
    uint32_t address = RN + op->imm;
    SYNC();
    if (address & (op->ra - 1u)) {
        goto unaligned;
    }
    if (s->exclusive) {
        if (!memory_store(cpu, address, op->ra, RD)) {
            goto faulted;
        }
        RELOAD();
    }
    RM = !s->exclusive;
    s->exclusive = false;
    NEXT();
}
unaligned: // always a fault for these, whatever CCR.UNALIGN_TRP says
    fault_raise(cpu, EXC_USAGE_FAULT, CFSR_UNALIGNED);
    goto faulted;
L_CLREX:
    s->exclusive = false;
    NEXT();

L_NOP:
L_BARRIER: // nothing is ever out of order here
    NEXT();
L_WFI:
    SYNC();
    s->sleeping = SLEEP_WFI;
    cpu_attention(cpu);
    RELOAD();
    NEXT();
L_WFE:
    SYNC();
    if (s->event) {
        s->event = false;
    } else {
        s->sleeping = SLEEP_WFE;
        cpu_attention(cpu);
        RELOAD();
    }
    NEXT();
L_SEV:
    s->event = true;
    NEXT();
L_SVC: // returns to the instruction behind
    op++;
    count++;
    SYNC();
    exception_svc(cpu);
    return;
L_BKPT:
    SYNC();
    s->it = op->it;
    exception_bkpt(cpu, op->imm);
    return;
L_CPS:
    SYNC();
    special_cps(cpu, op->imm);
    cpu_attention(cpu);
    RELOAD();
    NEXT();
L_MRS:
    RD = special_read(cpu, op->imm);
    NEXT();
L_MSR:
    SYNC();
    special_write(cpu, op->imm, op->ra, RN);
    cpu_attention(cpu);
    RELOAD();
    NEXT();

stop:
    s->pc = PC_NOW();
    s->cycles = cpu->deadline - (uint64_t)left;
    s->instructions = count;
    return;
leave_thumb:
    s->thumb = false;
    left -= op->cycles;
    count++;
leave: // to another region; cycles and count are done
    s->pc = target & ~1u;
    s->cycles = cpu->deadline - (uint64_t)left;
    s->instructions = count;
    return;
return_from_exception:
    left -= op->cycles;
    count++;
    SYNC();
    exception_return(cpu, target);
    return;
faulted: // s->pc is this instruction; whatever it had changed is as before
    s->it = op->it;
    return;
}
