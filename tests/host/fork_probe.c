// SPDX-License-Identifier: MIT
//
// A program for vboard to run that forks as a browser does: while other threads look at files, a child closes all that it
// inherited, the parent's device node too, and opens /dev/null. Each child has to end, and the parent's claim to stand.

#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NODE     "/dev/bus/usb/001/002"
#define THREADS  4
#define CHILDREN 200

static void *look(void *ctx) {
    for (;;) {
        (void)access("/sys/bus/usb/devices/1-1/serial", F_OK);
    }
    return ctx;
}

static int child(void) {
    for (int fd = 3; fd < 64; fd++) {
        (void)close(fd);
    }
    return open("/dev/null", O_RDONLY) < 0;
}

int main(void) {
    unsigned interface = 0;
    int node = open(NODE, O_RDWR);
    if (node < 0 || ioctl(node, USBDEVFS_CLAIMINTERFACE, &interface) != 0) {
        perror(NODE);
        return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, look, NULL) != 0) {
            return 2;
        }
    }
    (void)alarm(60); // of the wall clock, at --pace real
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(child());
        }
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            return 2;
        }
    }
    int other = open(NODE, O_RDWR);
    if (other < 0 || ioctl(other, USBDEVFS_CLAIMINTERFACE, &interface) == 0 || errno != EBUSY) {
        (void)printf("the claim is gone\n");
        return 1;
    }
    (void)printf("%d children\n", CHILDREN);
    return 0;
}
