// SPDX-License-Identifier: MIT
//
// A program for vboard to run: waits in every way there is, and looks at its clocks. Each argument
// names one check; exits 0 when it held, 1 with a sentence when not.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS    1000000ll
// The model's virtual time is exact; a program's own reading of the clock costs none. A wait may end
// late by what one event of the simulation takes.
#define SLACK (MS / 10)

static int64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000 * MS + time.tv_nsec;
}

static int took(const char *what, int64_t since, int64_t expected) {
    int64_t spent = now(CLOCK_MONOTONIC) - since;
    if (spent < expected || spent > expected + SLACK) {
        printf("%s took %lld us instead of %lld\n", what, (long long)spent / 1000,
               (long long)expected / 1000);
        return 1;
    }
    return 0;
}

static struct timespec in(clockid_t clock, int64_t ns) {
    int64_t at = now(clock) + ns;
    return (struct timespec){.tv_sec = at / (1000 * MS), .tv_nsec = at % (1000 * MS)};
}

static int check_sleeps(void) {
    int64_t start = now(CLOCK_MONOTONIC);
    int64_t wall = now(CLOCK_REALTIME);
    struct timespec second = {.tv_sec = 1};
    nanosleep(&second, NULL);
    int bad = took("nanosleep", start, 1000 * MS);
    usleep(500000);
    bad |= took("usleep", start, 1500 * MS);
    sleep(3);
    bad |= took("sleep", start, 4500 * MS);
    clock_nanosleep(CLOCK_REALTIME, 0, &second, NULL);
    bad |= took("clock_nanosleep", start, 5500 * MS);
    struct timespec until = in(CLOCK_MONOTONIC, 4500 * MS);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    bad |= took("clock_nanosleep absolute", start, 10000 * MS);
    struct timeval day;
    gettimeofday(&day, NULL);
    int64_t calendar = day.tv_sec * 1000 * MS + day.tv_usec * 1000ll - wall;
    if (calendar < 9999 * MS || calendar > 10001 * MS || llabs(time(NULL) - day.tv_sec) > 0) {
        printf("the calendar went on by %lld us\n", (long long)calendar / 1000);
        bad = 1;
    }
    return bad;
}

static int check_polls(void) {
    int pipe_fds[2];
    if (pipe(pipe_fds) != 0) {
        return 1;
    }
    struct pollfd on = {.fd = pipe_fds[0], .events = POLLIN};
    int64_t start = now(CLOCK_MONOTONIC);
    int bad = poll(&on, 1, 2000) != 0;
    bad |= took("poll", start, 2000 * MS);
    struct timespec second = {.tv_sec = 1};
    bad |= ppoll(&on, 1, &second, NULL) != 0;
    bad |= took("ppoll", start, 3000 * MS);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipe_fds[0], &set);
    struct timeval half = {.tv_usec = 500000};
    bad |= select(pipe_fds[0] + 1, &set, NULL, NULL, &half) != 0;
    bad |= took("select", start, 3500 * MS);
    FD_SET(pipe_fds[0], &set);
    bad |= pselect(pipe_fds[0] + 1, &set, NULL, NULL, &second, NULL) != 0;
    bad |= took("pselect", start, 4500 * MS);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = 42};
    epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_fds[0], &event);
    bad |= epoll_wait(epoll, &event, 1, 700) != 0;
    bad |= took("epoll_wait", start, 5200 * MS);
    if (write(pipe_fds[1], "x", 1) != 1) {
        return 1;
    }
    start = now(CLOCK_MONOTONIC);
    bad |= poll(&on, 1, 2000) != 1 || !(on.revents & POLLIN);
    bad |= epoll_wait(epoll, &event, 1, 700) != 1 || event.data.fd != 42;
    FD_SET(pipe_fds[0], &set);
    bad |= select(pipe_fds[0] + 1, &set, NULL, NULL, &half) != 1 || !FD_ISSET(pipe_fds[0], &set);
    bad |= took("waiting for what is there", start, 0);
    return bad;
}

static int check_timerfd(void) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec set = {.it_value = {.tv_sec = 4}};
    int64_t start = now(CLOCK_MONOTONIC);
    timerfd_settime(fd, 0, &set, NULL);
    uint64_t count = 0;
    if (read(fd, &count, sizeof count) != -1 || errno != EAGAIN) {
        printf("a timer expired at once\n");
        return 1;
    }
    struct pollfd on = {.fd = fd, .events = POLLIN};
    int bad = poll(&on, 1, 1000) != 0;
    struct itimerspec left;
    timerfd_gettime(fd, &left);
    bad |= left.it_value.tv_sec != 3 && left.it_value.tv_nsec < 900 * MS;
    bad |= poll(&on, 1, -1) != 1;
    bad |= took("a timerfd", start, 4000 * MS);
    bad |= read(fd, &count, sizeof count) != sizeof count || count != 1;
    set.it_value = in(CLOCK_MONOTONIC, 500 * MS);
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL);
    bad |= poll(&on, 1, 10000) != 1;
    bad |= took("an absolute timerfd", start, 4500 * MS);
    set.it_value = (struct timespec){0};
    timerfd_settime(fd, 0, &set, NULL);
    bad |= poll(&on, 1, 100) != 0;
    return bad;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static void *signal_after_a_second(void *unused) {
    (void)unused;
    sleep(1);
    pthread_mutex_lock(&mutex);
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static int check_conditions(void) {
    int64_t start = now(CLOCK_MONOTONIC);
    pthread_mutex_lock(&mutex);
    struct timespec until = in(CLOCK_REALTIME, 5000 * MS);
    int bad = pthread_cond_timedwait(&condition, &mutex, &until) != ETIMEDOUT;
    bad |= took("pthread_cond_timedwait", start, 5000 * MS);
    until = in(CLOCK_MONOTONIC, 2000 * MS);
    bad |= pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &until) != ETIMEDOUT;
    bad |= took("pthread_cond_clockwait", start, 7000 * MS);
    pthread_t thread;
    pthread_create(&thread, NULL, signal_after_a_second, NULL);
    until = in(CLOCK_REALTIME, 60000 * MS);
    bad |= pthread_cond_timedwait(&condition, &mutex, &until) != 0;
    bad |= took("a signalled condition", start, 8000 * MS);
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    until = in(CLOCK_REALTIME, 1000 * MS);
    bad |= sem_timedwait(&semaphore, &until) != -1 || errno != ETIMEDOUT;
    bad |= took("sem_timedwait", start, 9000 * MS);
    return bad;
}

#define SIGNALS 1000u

static pthread_cond_t taken = PTHREAD_COND_INITIALIZER;
static bool is_given;

// Each after another stretch of real work, so that they come at any moment of the other's waiting.
static void *give_signals(void *unused) {
    (void)unused;
    volatile unsigned work = 0;
    for (unsigned i = 0; i < SIGNALS; i++) {
        for (unsigned j = 0; j < 1000000 + i * 99991 % 3000000; j++) {
            work = work + j;
        }
        pthread_mutex_lock(&mutex);
        is_given = true;
        pthread_cond_signal(&condition);
        while (is_given) {
            pthread_cond_wait(&taken, &mutex);
        }
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

// None is lost, at whatever moment it comes. (A lost one leaves both asleep until the deadline.)
static int check_signals(void) {
    int64_t start = now(CLOCK_MONOTONIC);
    pthread_t thread;
    pthread_create(&thread, NULL, give_signals, NULL);
    pthread_mutex_lock(&mutex);
    struct timespec until = in(CLOCK_REALTIME, 60000 * MS);
    for (unsigned i = 0; i < SIGNALS; i++) {
        while (!is_given) {
            if (pthread_cond_timedwait(&condition, &mutex, &until) == ETIMEDOUT) {
                printf("signal %u was lost\n", i);
                return 1;
            }
        }
        is_given = false;
        pthread_cond_signal(&taken);
    }
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    return took("signals", start, 0);
}

static void *sleep_two_seconds(void *unused) {
    (void)unused;
    sleep(2);
    return NULL;
}

static int check_threads(void) {
    int64_t start = now(CLOCK_MONOTONIC);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, sleep_two_seconds, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    return took("four sleeps at once", start, 2000 * MS);
}

static int check_processes(void) {
    int64_t start = now(CLOCK_MONOTONIC);
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            sleep((unsigned)i + 1);
            _exit(0);
        }
    }
    int ended = 0;
    while (wait(NULL) > 0) {
        ended++;
    }
    return took("three processes", start, 3000 * MS) | (ended != 3);
}

static void on_alarm(int number) {
    (void)number;
}

static void *interrupt(void *thread) {
    sleep(1);
    pthread_kill(*(pthread_t *)thread, SIGUSR1);
    return NULL;
}

static int check_interruption(void) {
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGUSR1, &action, NULL);
    pthread_t self = pthread_self();
    pthread_t thread;
    int64_t start = now(CLOCK_MONOTONIC);
    pthread_create(&thread, NULL, interrupt, &self);
    struct timespec request = {.tv_sec = 10};
    struct timespec left = {0};
    int bad = nanosleep(&request, &left) != -1 || errno != EINTR || left.tv_sec < 8;
    bad |= took("an interrupted sleep", start, 1000 * MS);
    pthread_join(thread, NULL);
    return bad;
}

// Work on the processor takes no virtual time, but a loop that only looks at the clock must end.
static int check_busy(void) {
    int64_t start = now(CLOCK_MONOTONIC);
    volatile uint64_t sum = 0;
    for (uint64_t i = 0; i < 100000000; i++) {
        sum += i;
    }
    (void)sum;
    int bad = took("computing", start, 0);
    while (now(CLOCK_MONOTONIC) < start + 20 * MS) {
    }
    return bad;
}

int main(int argc, char **argv) {
    const struct {
        const char *name;
        int (*check)(void);
    } checks[] = {
        {"sleeps", check_sleeps},       {"polls", check_polls},
        {"timerfd", check_timerfd},     {"conditions", check_conditions},
        {"signals", check_signals},     {"threads", check_threads},
        {"processes", check_processes}, {"interruption", check_interruption},
        {"busy", check_busy},
    };
    for (size_t i = 0; argc == 2 && i < sizeof checks / sizeof checks[0]; i++) {
        if (strcmp(argv[1], checks[i].name) == 0) {
            int bad = checks[i].check();
            if (bad) {
                printf("%s does not hold\n", argv[1]);
            }
            return bad;
        }
    }
    return 2;
}
