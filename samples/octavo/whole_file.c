#define _XOPEN_SOURCE 700

#include "whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_stream(FILE *stream, const char *path, uint64_t limit, uint8_t **bytes, size_t *size,
                        octavo_error_line *error) {
    struct stat status;
    if (fstat(fileno(stream), &status) != 0) return octavo_error_line_set(error, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode)) return octavo_error_line_set(error, "%s: is not a regular file", path);
    uint64_t length = (uint64_t)status.st_size;
    if (length > limit || length > SIZE_MAX - 1)
        return octavo_error_line_set(error, "%s: has %llu bytes, more than the limit of %llu", path,
                                     (unsigned long long)length, (unsigned long long)limit);
    uint8_t *memory = malloc((size_t)length + 1);
    if (memory == NULL)
        return octavo_error_line_set(error, "%s: no memory for %llu bytes", path, (unsigned long long)length);
    if (fread(memory, 1, (size_t)length, stream) != (size_t)length) {
        free(memory);
        return octavo_error_line_set(error, "%s: could not read %llu bytes", path, (unsigned long long)length);
    }
    *bytes = memory;
    *size = (size_t)length;
    return true;
}

bool octavo_whole_file_read(const char *path, uint64_t limit, uint8_t **bytes, size_t *size, octavo_error_line *error) {
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) return octavo_error_line_set(error, "%s: %s", path, strerror(errno));
    bool read = read_stream(stream, path, limit, bytes, size, error);
    (void)fclose(stream);
    return read;
}

static bool write_stream(const char *path, const void *head, size_t head_size, const void *body, size_t body_size) {
    FILE *stream = fopen(path, "wb");
    if (stream == NULL) return false;
    bool written = head_size == 0 || fwrite(head, 1, head_size, stream) == head_size;
    written = written && (body_size == 0 || fwrite(body, 1, body_size, stream) == body_size);
    int error_number = errno;
    if (fclose(stream) != 0) {
        error_number = errno;
        written = false;
    }
    errno = error_number;
    return written;
}

/* A device or a pipe: to rename a file to it would take its place, for root even that of /dev/null. */
static bool is_written_through(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

/* The file that a symbolic link leads to, allocated with malloc; NULL: path is none, or leads nowhere. */
static char *followed(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISLNK(status.st_mode) ? realpath(path, NULL) : NULL;
}

/* Allocated with malloc. */
static char *temporary_of(const char *path) {
    size_t capacity = strlen(path) + 40;
    char *temporary = malloc(capacity);
    if (temporary != NULL) (void)snprintf(temporary, capacity, "%s.%ld.temporary", path, (long)getpid());
    return temporary;
}

static bool write_renamed(const char *path, const void *head, size_t head_size, const void *body, size_t body_size,
                          octavo_error_line *error) {
    char *temporary = temporary_of(path);
    if (temporary == NULL) return octavo_error_line_set(error, "%s: no memory for a temporary name", path);
    bool written = write_stream(temporary, head, head_size, body, body_size) && rename(temporary, path) == 0;
    if (!written) {
        (void)octavo_error_line_set(error, "%s: could not be written: %s", path, strerror(errno));
        (void)remove(temporary);
    }
    free(temporary);
    return written;
}

bool octavo_whole_file_can_write(const char *path, octavo_error_line *error) {
    if (is_written_through(path)) return true;
    char *target = followed(path);
    char *temporary = temporary_of(target != NULL ? target : path);
    struct stat status;
    bool can = temporary != NULL && write_stream(temporary, NULL, 0, NULL, 0) && remove(temporary) == 0;
    if (can && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        can = false;
    }
    if (!can) (void)octavo_error_line_set(error, "%s: cannot be written: %s", path, strerror(errno));
    free(temporary);
    free(target);
    return can;
}

bool octavo_whole_file_write(const char *path, const void *head, size_t head_size, const void *body, size_t body_size,
                             octavo_error_line *error) {
    if (is_written_through(path)) {
        return write_stream(path, head, head_size, body, body_size) ||
               octavo_error_line_set(error, "%s: could not be written: %s", path, strerror(errno));
    }
    char *target = followed(path); /* a link stays one */
    bool written = write_renamed(target != NULL ? target : path, head, head_size, body, body_size, error);
    free(target);
    return written;
}
