#define _POSIX_C_SOURCE 200809L

#include "file_mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool octavo_file_mapping_open(const char *path, octavo_file_mapping *mapping, octavo_generate_error *error) {
    *mapping = (octavo_file_mapping){0};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return octavo_generate_fail(error, "%.150s: cannot be opened: %s", path, strerror(errno));
    bool done = false;
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        octavo_generate_fail(error, "%.150s: cannot be examined: %s", path, strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        octavo_generate_fail(error, "%.150s: is not a regular file", path);
    } else if (status.st_size <= 0) {
        octavo_generate_fail(error, "%.150s: is empty", path);
    } else if ((uintmax_t)status.st_size > (uintmax_t)(SIZE_MAX / 2)) {
        octavo_generate_fail(error, "%.150s: its %ju bytes do not fit the address space", path,
                             (uintmax_t)status.st_size);
    } else {
        void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (bytes == MAP_FAILED) {
            octavo_generate_fail(error, "%.150s: cannot be mapped: %s", path, strerror(errno));
        } else {
            mapping->bytes = bytes;
            mapping->size = (size_t)status.st_size;
            done = true;
        }
    }
    close(descriptor);
    return done;
}

void octavo_file_mapping_close(octavo_file_mapping *mapping) {
    if (mapping->bytes != NULL) {
        /* munmap takes a pointer to non-const though it writes nothing. */
        union {
            const void *read_only;
            void *plain;
        } address = {.read_only = mapping->bytes};
        munmap(address.plain, mapping->size);
    }
    *mapping = (octavo_file_mapping){0};
}
