/* Compiled pipelines in files between runs: $XDG_CACHE_HOME/octavo or ~/.cache/octavo, one file a key. */
#ifndef OCTAVO_PIPELINE_FOLDER_H
#define OCTAVO_PIPELINE_FOLDER_H

#include <octavo/device.h>

#include <stdbool.h>

typedef struct octavo_pipeline_folder {
    char path[4096]; /* empty: nothing is kept */
} octavo_pipeline_folder;

/* Finds the folder from the environment; false (and an empty path) when there is none. */
bool octavo_pipeline_folder_find(octavo_pipeline_folder *folder);
/* Callbacks over the folder, which outlives the result. The folder is made by the first write; failures to write are
 * silent, the next run compiles again. */
octavo_pipeline_store octavo_pipeline_folder_store(octavo_pipeline_folder *folder);

#endif
