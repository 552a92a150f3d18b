// SPDX-License-Identifier: MIT
//
// The board's clock for COMMAND (`--pace fast`): clocks read virtual time, sleeps and timed waits on
// threads' objects and timerfds take virtual time. poll() and its kin are preload_device.c's.
//
// Not virtual: interval timers that send signals (alarm, setitimer, timer_create), socket
// timeouts, processor-time clocks, timed mutexes, C11's cnd_timedwait(). A periodic timerfd that is not
// read for several periods reports one expiry. A condition variable that processes share may lose a
// signal of another process to a timed wait.

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "vboard/host/preload_clock.h"
#include "vboard/host/preload_link.h"

#define NS_PER_S           1000000000u
// How long a waiting thread may take, in real time, to see that its virtual deadline has come.
#define CONDITION_SLICE_NS 1000000
// Absolute times above this are calendar times, below it time since boot: no machine is up for 30
// years. (Which of the two a condition variable uses is not readable from outside glibc.)
#define CALENDAR_NS        (1000000000ull * NS_PER_S)
#define TIMERS_MAX         1024

static struct virtual_timer {
    bool is_armed;
    bool realtime;
    uint64_t expiry_ns;
    uint64_t interval_ns;
} timers[TIMERS_MAX];

static bool clock_base(clockid_t clock, uint64_t *base_ns) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        *base_ns = link_page()->realtime_ns;
        return true;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *base_ns = link_page()->monotonic_ns;
        return true;
    default:
        return false; // processor time is real
    }
}

static struct timespec to_timespec(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

static bool is_valid(const struct timespec *time) {
    return time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < (long)NS_PER_S;
}

static uint64_t to_ns(const struct timespec *time) {
    // Longer than any run: 500 years would pass 2^64.
    if (time->tv_sec > (time_t)(UINT64_MAX / NS_PER_S / 4)) {
        return VBOARD_NEVER / 4;
    }
    return (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec;
}

uint64_t clock_deadline(const struct timespec *timeout) {
    return timeout ? link_now() + to_ns(timeout) : VBOARD_NEVER;
}

// -- Clocks

EXPORT int clock_gettime(clockid_t clock, struct timespec *time) {
    uint64_t base;
    if (!link_fast() || !clock_base(clock, &base)) {
        REAL(clock_gettime)
        return real_clock_gettime(clock, time);
    }
    link_observe();
    *time = to_timespec(base + link_now());
    return 0;
}

EXPORT int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    if (!link_fast()) {
        REAL(gettimeofday)
        return real_gettimeofday(time, zone);
    }
    link_observe();
    uint64_t ns = link_page()->realtime_ns + link_now();
    time->tv_sec = (time_t)(ns / NS_PER_S);
    time->tv_usec = (suseconds_t)(ns % NS_PER_S / 1000);
    if (zone) {
        memset(zone, 0, sizeof(struct timezone)); // obsolete; glibc does the same
    }
    return 0;
}

EXPORT time_t time(time_t *result) {
    if (!link_fast()) {
        REAL(time)
        return real_time(result);
    }
    link_observe();
    time_t now = (time_t)((link_page()->realtime_ns + link_now()) / NS_PER_S);
    if (result) {
        *result = now;
    }
    return now;
}

EXPORT int timespec_get(struct timespec *result, int base) {
    if (!link_fast() || base != TIME_UTC) {
        REAL(timespec_get)
        return real_timespec_get(result, base);
    }
    (void)clock_gettime(CLOCK_REALTIME, result);
    return base;
}

// -- Sleeps

static int sleep_until(uint64_t deadline_ns, struct timespec *left) {
    int result = link_sleep_until(deadline_ns);
    if (result && left) {
        uint64_t now = link_now();
        *left = to_timespec(now < deadline_ns ? deadline_ns - now : 0);
    }
    return result;
}

EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec *request,
                           struct timespec *left) {
    uint64_t base;
    if (!link_fast() || !clock_base(clock, &base)) {
        REAL(clock_nanosleep)
        return real_clock_nanosleep(clock, flags, request, left);
    }
    if (!is_valid(request)) {
        return EINVAL;
    }
    uint64_t ns = to_ns(request);
    if (flags & TIMER_ABSTIME) {
        return ns > base + link_now() ? sleep_until(ns - base, NULL) : 0;
    }
    return sleep_until(link_now() + ns, left);
}

EXPORT int nanosleep(const struct timespec *request, struct timespec *left) {
    if (!link_fast()) {
        REAL(nanosleep)
        return real_nanosleep(request, left);
    }
    int result = clock_nanosleep(CLOCK_MONOTONIC, 0, request, left);
    if (result) {
        errno = result;
        return -1;
    }
    return 0;
}

EXPORT int usleep(useconds_t us) {
    if (!link_fast()) {
        REAL(usleep)
        return real_usleep(us);
    }
    if (us == 0) {
        // umockdev's library yields with usleep(0) after every call on a device node.
        return sched_yield();
    }
    struct timespec request = to_timespec((uint64_t)us * 1000);
    return nanosleep(&request, NULL);
}

EXPORT unsigned sleep(unsigned seconds) {
    if (!link_fast()) {
        REAL(sleep)
        return real_sleep(seconds);
    }
    struct timespec request = {.tv_sec = seconds};
    struct timespec left = {0};
    if (clock_nanosleep(CLOCK_MONOTONIC, 0, &request, &left) == 0) {
        return 0;
    }
    return (unsigned)(left.tv_sec + (left.tv_nsec > 0));
}

// -- Threads' objects

// The virtual instant of an absolute time on whichever clock it counts.
static uint64_t absolute_deadline(const struct timespec *time) {
    uint64_t ns = to_ns(time);
    uint64_t base = ns >= CALENDAR_NS ? link_page()->realtime_ns : link_page()->monotonic_ns;
    return ns > base ? ns - base : 0;
}

static struct timespec real_slice(void) {
    REAL(clock_gettime)
    struct timespec now;
    (void)real_clock_gettime(CLOCK_MONOTONIC, &now);
    return to_timespec(to_ns(&now) + CONDITION_SLICE_NS);
}

// glibc keeps an older one of the same name for programs of 2002, where it was there by then.
static void *real_condition_call(const char *name) {
    void *real = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
    return real ? real : dlsym(RTLD_NEXT, name);
}

// How often conditions were signalled; which of them share a count does not matter.
static atomic_uint *signals_of(const pthread_cond_t *condition) {
    static atomic_uint signals[64];
    return &signals[(uintptr_t)condition / sizeof *condition % 64];
}

EXPORT int pthread_cond_signal(pthread_cond_t *condition) {
    static __typeof__(&pthread_cond_signal) real;
    if (!real) {
        *(void **)(&real) = real_condition_call("pthread_cond_signal");
    }
    atomic_fetch_add(signals_of(condition), 1);
    return real(condition);
}

EXPORT int pthread_cond_broadcast(pthread_cond_t *condition) {
    static __typeof__(&pthread_cond_broadcast) real;
    if (!real) {
        *(void **)(&real) = real_condition_call("pthread_cond_broadcast");
    }
    atomic_fetch_add(signals_of(condition), 1);
    return real(condition);
}

// The mutex must be given up and the condition waited for in one step, so the real wait stays: in
// short slices, with a look at virtual time between them. A signal that comes just as a slice ends is
// taken by a wait that says it ended by time. So where there was a signal, of whatever condition, the
// end of a slice is the end of the wait: a spurious wakeup (POSIX, pthread_cond_timedwait()) at worst.
static int condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                          const struct timespec *time) {
    REAL(pthread_cond_clockwait)
    if (!is_valid(time)) {
        return EINVAL;
    }
    uint64_t deadline = absolute_deadline(time);
    if (deadline <= link_now()) {
        const struct timespec past = {0};
        return real_pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &past);
    }
    unsigned signals = atomic_load(signals_of(condition));
    struct link_wait wait;
    link_wait_begin(&wait, deadline, 0);
    int result;
    do {
        struct timespec until = real_slice();
        result = real_pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &until);
        if (result == ETIMEDOUT && atomic_load(signals_of(condition)) != signals) {
            result = 0;
        }
    } while (result == ETIMEDOUT && wait.fd >= 0 && !link_wait_is_over(&wait));
    link_wait_end(&wait);
    return result;
}

EXPORT int pthread_cond_timedwait(pthread_cond_t *restrict condition,
                                  pthread_mutex_t *restrict mutex,
                                  const struct timespec *restrict time) {
    if (!link_fast()) {
        static __typeof__(&pthread_cond_timedwait) real;
        if (!real) {
            *(void **)(&real) = real_condition_call("pthread_cond_timedwait");
        }
        return real(condition, mutex, time);
    }
    return condition_wait(condition, mutex, time);
}

EXPORT int pthread_cond_clockwait(pthread_cond_t *restrict condition,
                                  pthread_mutex_t *restrict mutex, clockid_t clock,
                                  const struct timespec *restrict time) {
    if (!link_fast()) {
        REAL(pthread_cond_clockwait)
        return real_pthread_cond_clockwait(condition, mutex, clock, time);
    }
    return condition_wait(condition, mutex, time);
}

static int semaphore_wait(sem_t *semaphore, const struct timespec *time) {
    if (sem_trywait(semaphore) == 0) {
        return 0;
    }
    if (!is_valid(time)) {
        errno = EINVAL;
        return -1;
    }
    REAL(sem_clockwait)
    struct link_wait wait;
    link_wait_begin(&wait, absolute_deadline(time), 0);
    int result;
    do {
        struct timespec until = real_slice();
        result = real_sem_clockwait(semaphore, CLOCK_MONOTONIC, &until);
    } while (result != 0 && errno == ETIMEDOUT && wait.fd >= 0 && !link_wait_is_over(&wait));
    link_wait_end(&wait);
    return result;
}

EXPORT int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict time) {
    if (!link_fast()) {
        REAL(sem_timedwait)
        return real_sem_timedwait(semaphore, time);
    }
    return semaphore_wait(semaphore, time);
}

EXPORT int sem_clockwait(sem_t *restrict semaphore, clockid_t clock,
                         const struct timespec *restrict time) {
    if (!link_fast()) {
        REAL(sem_clockwait)
        return real_sem_clockwait(semaphore, clock, time);
    }
    return semaphore_wait(semaphore, time);
}

// -- timerfd: the real one stays disarmed; vboard, which gets a copy of the descriptor, makes it expire

EXPORT int timerfd_create(int clock, int flags) {
    REAL(timerfd_create)
    int fd = real_timerfd_create(clock, flags);
    if (fd >= 0 && fd < TIMERS_MAX) {
        timers[fd] = (struct virtual_timer){.realtime = clock == CLOCK_REALTIME};
    }
    return fd;
}

static struct itimerspec timer_reading(const struct virtual_timer *timer) {
    struct itimerspec reading = {0};
    if (timer->is_armed) {
        uint64_t now = link_now();
        uint64_t expiry = timer->expiry_ns;
        if (expiry <= now && timer->interval_ns > 0) {
            expiry += ((now - expiry) / timer->interval_ns + 1) * timer->interval_ns;
        }
        reading.it_value = to_timespec(expiry > now ? expiry - now : 0);
        reading.it_interval = to_timespec(timer->interval_ns);
    }
    return reading;
}

EXPORT int timerfd_settime(int fd, int flags, const struct itimerspec *value,
                           struct itimerspec *old) {
    REAL(timerfd_settime)
    if (!link_fast() || fd < 0 || fd >= TIMERS_MAX) {
        return real_timerfd_settime(fd, flags, value, old);
    }
    const struct itimerspec disarmed = {0};
    int result = real_timerfd_settime(fd, 0, &disarmed, NULL);
    if (result != 0) {
        return result;
    }
    if (!is_valid(&value->it_value) || !is_valid(&value->it_interval)) {
        errno = EINVAL;
        return -1;
    }
    struct virtual_timer *timer = &timers[fd];
    if (old) {
        *old = timer_reading(timer);
    }
    uint64_t ns = to_ns(&value->it_value);
    timer->is_armed = ns > 0;
    timer->interval_ns = to_ns(&value->it_interval);
    if (!timer->is_armed) {
        link_timer_stop(fd);
        return 0;
    }
    uint64_t now = link_now();
    if (flags & TFD_TIMER_ABSTIME) {
        uint64_t base = timer->realtime ? link_page()->realtime_ns : link_page()->monotonic_ns;
        timer->expiry_ns = ns > base ? ns - base : 0;
    } else {
        timer->expiry_ns = now + ns;
    }
    if (timer->expiry_ns <= now && timer->interval_ns == 0) {
        link_timer_stop(fd);
        const struct itimerspec at_once = {.it_value = {.tv_nsec = 1}};
        return real_timerfd_settime(fd, 0, &at_once, NULL);
    }
    link_timer(fd, timer->expiry_ns, timer->interval_ns);
    return 0;
}

EXPORT int timerfd_gettime(int fd, struct itimerspec *value) {
    if (!link_fast() || fd < 0 || fd >= TIMERS_MAX) {
        REAL(timerfd_gettime)
        return real_timerfd_gettime(fd, value);
    }
    *value = timer_reading(&timers[fd]);
    return 0;
}

void clock_fd_closed(int fd) {
    if (fd >= 0 && fd < TIMERS_MAX && timers[fd].is_armed) {
        timers[fd].is_armed = false;
        if (link_fast()) {
            link_timer_stop(fd);
        }
    }
}
