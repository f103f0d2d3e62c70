/* Files as one block of bytes: read whole, written to a temporary name and renamed, so that nobody sees half a file. */
#ifndef OCTAVO_WHOLE_FILE_H
#define OCTAVO_WHOLE_FILE_H

#include "error_line.h"

#include <stddef.h>
#include <stdint.h>

/* *bytes is allocated with malloc, never NULL on success. Refuses what is not a regular file and more than limit bytes.
 */
bool octavo_whole_file_read(const char *path, uint64_t limit, uint8_t **bytes, size_t *size, octavo_error_line *error);

/* head then body; the temporary name is in the folder of the file and is removed on failure. A symbolic link stays and
 * its target is replaced; a device or a pipe is written as it is. */
bool octavo_whole_file_write(const char *path, const void *head, size_t head_size, const void *body, size_t body_size,
                             octavo_error_line *error);

/* Whether it could be written now, asked before what takes long; leaves nothing behind. */
bool octavo_whole_file_can_write(const char *path, octavo_error_line *error);

#endif
