/* A whole file as read-only memory (mmap). */
#ifndef OCTAVO_FILE_MAPPING_H
#define OCTAVO_FILE_MAPPING_H

#include "generate_error.h"

#include <stddef.h>

typedef struct octavo_file_mapping {
    const void *bytes;
    size_t size;
} octavo_file_mapping;

/* Maps a regular, non-empty file. Another process that truncates the file while it is mapped ends this one by SIGBUS.
 */
bool octavo_file_mapping_open(const char *path, octavo_file_mapping *mapping, octavo_generate_error *error);

/* Safe on a mapping whose members are zero. */
void octavo_file_mapping_close(octavo_file_mapping *mapping);

#endif
