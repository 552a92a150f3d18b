// SPDX-License-Identifier: MIT
//
// Starting and ending COMMAND. What happens meanwhile is session.c's.

#include "vboard/host/command.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vboard/host/preload_protocol.h"
#include "vboard/host/quiet.h"

#define UMOCKDEV_PRELOAD "libumockdev-preload.so.0"
#define PRELOAD_NAME     "libvboard-preload.so"
// Ended processes become zombies within microseconds; the bound is for one stuck in the kernel.
#define KILL_ROUNDS      200
#define KILL_NS          5000000

static int look(const char *path) {
    struct stat about;
    if (stat(path, &about) != 0) {
        return errno;
    }
    if (S_ISDIR(about.st_mode)) {
        return EISDIR;
    }
    return access(path, X_OK) == 0 ? 0 : errno;
}

int command_find(const char *name, char path[4096], char why[512]) {
    if (strchr(name, '/')) {
        int error = look(name);
        (void)snprintf(path, 4096, "%s", name);
        (void)snprintf(why, 512, "cannot run %.300s: %s", name, strerror(error));
        return error == 0                            ? 0
               : error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND
                                                     : EXIT_CANNOT_RUN;
    }
    const char *folders = getenv("PATH");
    if (!folders) {
        folders = "/usr/local/bin:/usr/bin:/bin";
    }
    int found = ENOENT;
    for (const char *at = folders; *name && *at;) {
        size_t len = strcspn(at, ":");
        int written = snprintf(path, 4096, "%.*s/%s", (int)(len ? len : 1), len ? at : ".", name);
        int error = written < 4096 ? look(path) : ENOENT;
        if (error == 0) {
            return 0;
        }
        if (error == EACCES) {
            found = EACCES;
        }
        at += len + (at[len] == ':');
    }
    if (found == EACCES) {
        (void)snprintf(why, 512, "cannot run %.300s: %s", name, strerror(EACCES));
        return EXIT_CANNOT_RUN;
    }
    (void)snprintf(why, 512, "%.300s: command not found", name);
    return EXIT_NOT_FOUND;
}

// Its first page; what has an odd size or order is not judged.
bool command_is_static(const char *path) {
    unsigned char bytes[4096];
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t len = fd >= 0 ? read(fd, bytes, sizeof bytes) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (len < (ssize_t)sizeof header) {
        return false;
    }
    memcpy(&header, bytes, sizeof header);
    size_t end = header.e_phoff + (size_t)header.e_phnum * sizeof segment;
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_phentsize != sizeof segment || header.e_phoff > (size_t)len || end > (size_t)len) {
        return false;
    }
    for (size_t at = header.e_phoff; at < end; at += sizeof segment) {
        memcpy(&segment, bytes + at, sizeof segment);
        if (segment.p_type == PT_INTERP) {
            return false;
        }
    }
    return true;
}

bool command_find_preload(char path[4096], char why[512]) {
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) {
        *slash = '\0';
        // In the build folder, then as installed.
        const char *const places[] = {"lib", "../lib", "../lib/redfu"};
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            char candidate[4096];
            int written =
                snprintf(candidate, sizeof candidate, "%s/%s/" PRELOAD_NAME, self, places[i]);
            if (written < (int)sizeof candidate && access(candidate, R_OK) == 0) {
                memcpy(path, candidate, sizeof candidate);
                return true;
            }
        }
    }
    (void)snprintf(why, 512, "%s is not beside vboard (%.300s/lib): the build is incomplete",
                   PRELOAD_NAME, self);
    return false;
}

static bool redirect(const struct command *command) {
    if (!command->has_own_output) {
        return true;
    }
    int empty = open("/dev/null", O_RDONLY);
    return empty >= 0 && dup2(empty, STDIN_FILENO) >= 0 &&
           dup2(command->output, STDOUT_FILENO) >= 0 && dup2(command->output, STDERR_FILENO) >= 0;
}

static void child(const struct command *command, const char *path, char **argv) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // nobody would end it if vboard were killed
    (void)setpgid(0, 0);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (!redirect(command)) {
        _exit(EXIT_CANNOT_RUN);
    }
    (void)execv(path, argv);
    int error = errno;
    if (error == ENOEXEC) { // a script without #!: what execvp(3) does with it
        size_t count = 0;
        while (argv[count]) {
            count++;
        }
        char **words = calloc(count + 2, sizeof *words);
        if (words) {
            words[0] = (char *)(uintptr_t) "/bin/sh";
            words[1] = (char *)(uintptr_t)path;
            memcpy(words + 2, argv + 1, count * sizeof *words);
            (void)execv("/bin/sh", words);
        }
    }
    (void)fprintf(stderr, "vboard: cannot run %s: %s\n", path, strerror(error));
    _exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

static bool set_environment(const char *root, const char *folder, const char *preload) {
    char link_path[256];
    char socket_path[256];
    (void)snprintf(link_path, sizeof link_path, "%.200s/" PRELOAD_NAME, folder);
    (void)snprintf(socket_path, sizeof socket_path, "%.200s/socket", folder);
    char real[PATH_MAX];
    if (!realpath(preload, real) || symlink(real, link_path) != 0) {
        return false;
    }
    if (strpbrk(link_path, " :")) { // what separates names in LD_PRELOAD (ld.so(8))
        errno = EINVAL;
        return false;
    }
    const char *old = getenv("LD_PRELOAD");
    char value[PATH_MAX];
    (void)snprintf(value, sizeof value, "%s:" UMOCKDEV_PRELOAD "%s%.2000s", link_path,
                   old && *old ? ":" : "", old ? old : "");
    return setenv("LD_PRELOAD", value, 1) == 0 && setenv("UMOCKDEV_DIR", root, 1) == 0 &&
           setenv(VBOARD_SOCKET_ENV, socket_path, 1) == 0;
}

bool command_start(struct command *command, const char *path, char **argv, const char *root,
                   const char *folder, const char *preload, char why[512]) {
    // Orphans of COMMAND become ours, so that they are seen and ended.
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!set_environment(root, folder, preload)) {
        (void)snprintf(why, 512,
                       errno == EINVAL
                           ? "%.300s: COMMAND cannot be given a library from a folder "
                             "with a blank or a colon in its name; set TMPDIR to another"
                           : "%.300s: the temporary folder cannot be used",
                       folder);
        return false;
    }
    command->has_terminal =
        !command->has_own_output && isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        (void)snprintf(why, 512, "cannot start a process: %s", strerror(errno));
        return false;
    }
    if (pid == 0) {
        child(command, path, argv);
    }
    (void)setpgid(pid, pid); // both sides do it, whoever comes first
    if (command->has_terminal) {
        (void)signal(SIGTTOU, SIG_IGN);
        (void)tcsetpgrp(STDIN_FILENO, pid);
    }
    command->pid = pid;
    return true;
}

// COMMAND was stopped (Ctrl-Z): vboard stops with it, so that the shell gets its terminal back, and
// both go on together. In a group that no shell watches SIGTSTP does nothing, and COMMAND goes on.
static void stop_together(const struct command *command) {
    if (command->has_terminal) {
        (void)tcsetpgrp(STDIN_FILENO, getpgrp());
    }
    (void)raise(SIGTSTP);
    if (command->has_terminal) {
        (void)tcsetpgrp(STDIN_FILENO, command->pid);
    }
    (void)kill(-command->pid, SIGCONT);
}

bool command_poll(struct command *command) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        if (pid == command->pid && WIFSTOPPED(status)) {
            stop_together(command);
        } else if (pid == command->pid) {
            command->status = status;
            command->has_ended = true;
        }
    }
    return command->has_ended;
}

void command_signal(const struct command *command, int signal_number) {
    if (command->pid > 0 && !command->has_ended) {
        (void)kill(-command->pid, signal_number);
    }
}

void command_finish(struct command *command) {
    if (command->pid == 0) {
        return;
    }
    for (unsigned round = 0; round < KILL_ROUNDS && quiet_signal_all(SIGKILL) > 0; round++) {
        const struct timespec pause = {.tv_nsec = KILL_NS};
        (void)command_poll(command);
        if (quiet_signal_all(SIGKILL) > 0) {
            (void)nanosleep(&pause, NULL);
        }
        (void)command_poll(command);
    }
    if (command->has_terminal) {
        (void)tcsetpgrp(STDIN_FILENO, getpgrp());
    }
}

int command_exit_status(const struct command *command) {
    if (!command->has_ended) {
        return EXIT_VBOARD_FAILED;
    }
    return WIFSIGNALED(command->status) ? EXIT_SIGNALLED_BASE + WTERMSIG(command->status)
                                        : WEXITSTATUS(command->status);
}
