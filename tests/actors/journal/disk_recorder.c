/* Records what a program does to the files below $RECORD_ROOT, in order, into $RECORD_LOG.
 *
 * Preloaded (LD_PRELOAD) into a writer, so that a test can work out what a power failure at any moment could
 * have left on the disk: what was synced, and of the rest whatever the disk had happened to write already.
 *
 * A record: one byte (what), 4 bytes (length of the path), 8 bytes (offset), 8 bytes (length), path, data.
 * Numbers are little-endian. What: C created, W write, T truncated to the offset, S synced, U unlinked, R renamed
 * (data is the new path), D a folder was synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define FDS 1024
static char *known[FDS]; /* path of each descriptor below the root */
static int log_fd = -1;
static const char *root;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("RECORD_LOG");
    root = getenv("RECORD_ROOT");
    if (path && root)
        log_fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    unsetenv("LD_PRELOAD"); /* children are not recorded */
}

static void put(const void *data, size_t length) {
    const char *at = data;
    while (length) {
        ssize_t done = syscall(SYS_write, log_fd, at, length);
        if (done <= 0) abort(); /* half a record would be a lie */
        at += done;
        length -= done;
    }
}

static void record(char what, const char *path, uint64_t offset, const void *data, uint64_t length) {
    uint32_t path_length = strlen(path);
    pthread_mutex_lock(&lock);
    put(&what, 1), put(&path_length, 4), put(&offset, 8), put(&length, 8), put(path, path_length);
    if (data) put(data, length);
    pthread_mutex_unlock(&lock);
}

static int ours(const char *path) { return log_fd >= 0 && strncmp(path, root, strlen(root)) == 0; }
static const char *of(int fd) { return fd >= 0 && fd < FDS ? known[fd] : NULL; }

static int opened(int fd, const char *path, int flags, int existed) {
    if (fd < 0 || fd >= FDS) return fd;
    free(known[fd]);
    known[fd] = ours(path) ? strdup(path) : NULL;
    if (known[fd] && !existed) record('C', path, 0, NULL, 0);
    if (known[fd] && existed && (flags & O_TRUNC)) record('T', path, 0, NULL, 0);
    return fd;
}

#define OPEN(name)                                                      \
    int name(const char *path, int flags, ...) {                        \
        va_list rest;                                                   \
        va_start(rest, flags);                                          \
        int mode = va_arg(rest, int);                                   \
        va_end(rest);                                                   \
        int existed = access(path, F_OK) == 0;                          \
        return opened(REAL(name)(path, flags, mode), path, flags, existed); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                    \
    int name(int folder, const char *path, int flags, ...) {            \
        va_list rest;                                                   \
        va_start(rest, flags);                                          \
        int mode = va_arg(rest, int);                                   \
        va_end(rest);                                                   \
        int existed = faccessat(folder, path, F_OK, 0) == 0;            \
        return opened(REAL(name)(folder, path, flags, mode), path, flags, existed); \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    if (of(fd)) free(known[fd]), known[fd] = NULL;
    return REAL(close)(fd);
}

ssize_t write(int fd, const void *data, size_t length) {
    off_t at = of(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = REAL(write)(fd, data, length);
    if (done > 0 && of(fd)) record('W', of(fd), at, data, done);
    return done;
}

#define PWRITE(name, offset_t)                                          \
    ssize_t name(int fd, const void *data, size_t length, offset_t at) { \
        ssize_t done = REAL(name)(fd, data, length, at);                \
        if (done > 0 && of(fd)) record('W', of(fd), at, data, done);    \
        return done;                                                    \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, offset_t)                                        \
    int name(int fd, offset_t length) {                                 \
        int failed = REAL(name)(fd, length);                            \
        if (!failed && of(fd)) record('T', of(fd), length, NULL, 0);    \
        return failed;                                                  \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

static int synced(int failed, int fd) {
    struct stat it;
    if (!failed && of(fd) && fstat(fd, &it) == 0) record(S_ISDIR(it.st_mode) ? 'D' : 'S', of(fd), 0, NULL, 0);
    return failed;
}
int fsync(int fd) { return synced(REAL(fsync)(fd), fd); }
int fdatasync(int fd) { return synced(REAL(fdatasync)(fd), fd); }

int unlink(const char *path) {
    int failed = REAL(unlink)(path);
    if (!failed && ours(path)) record('U', path, 0, NULL, 0);
    return failed;
}

int rename(const char *from, const char *to) {
    int failed = REAL(rename)(from, to);
    if (!failed && ours(to)) record('R', from, 0, to, strlen(to));
    return failed;
}
