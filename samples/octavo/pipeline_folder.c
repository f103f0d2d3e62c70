#define _POSIX_C_SOURCE 200809L

#include "pipeline_folder.h"

#include "whole_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOB_LIMIT ((uint64_t)256 << 20)
#define KEY_LIMIT 128u

bool octavo_pipeline_folder_find(octavo_pipeline_folder *folder) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (cache != NULL && cache[0] == '/')
        length = snprintf(folder->path, sizeof folder->path, "%s/octavo", cache);
    else if (home != NULL && home[0] == '/')
        length = snprintf(folder->path, sizeof folder->path, "%s/.cache/octavo", home);
    /* A key and a temporary name still have to fit. */
    if (length > 0 && (size_t)length < sizeof folder->path - 2 * KEY_LIMIT) return true;
    folder->path[0] = '\0';
    return false;
}

static bool file_of_key(const octavo_pipeline_folder *folder, const char *key, char *path, size_t capacity) {
    size_t length = strlen(key);
    if (folder->path[0] == '\0' || length == 0 || length > KEY_LIMIT) return false;
    if (strspn(key, "0123456789abcdef") != length) return false;
    int written = snprintf(path, capacity, "%s/%s.pipeline", folder->path, key);
    return written > 0 && (size_t)written < capacity;
}

static VkBool32 get_blob(void *user, const char *key, void *data, size_t *size) {
    const octavo_pipeline_folder *folder = user;
    char path[sizeof folder->path];
    uint8_t *bytes = NULL;
    size_t whole = 0;
    if (!file_of_key(folder, key, path, sizeof path)) return VK_FALSE;
    if (!octavo_whole_file_read(path, BLOB_LIMIT, &bytes, &whole, NULL)) return VK_FALSE;
    if (data != NULL) memcpy(data, bytes, whole < *size ? whole : *size);
    *size = whole;
    free(bytes);
    return VK_TRUE;
}

/* As mkdir -p; what fails shows when the file is written. */
static void make_folder(const char *path) {
    char partial[4096];
    size_t length = strlen(path);
    for (size_t i = 1; i <= length && i < sizeof partial; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(partial, path, i);
        partial[i] = '\0';
        (void)mkdir(partial, 0777);
    }
}

static void set_blob(void *user, const char *key, const void *data, size_t size) {
    const octavo_pipeline_folder *folder = user;
    char path[sizeof folder->path];
    if (!file_of_key(folder, key, path, sizeof path)) return;
    make_folder(folder->path);
    (void)octavo_whole_file_write(path, NULL, 0, data, size, NULL);
}

octavo_pipeline_store octavo_pipeline_folder_store(octavo_pipeline_folder *folder) {
    return (octavo_pipeline_store){folder, get_blob, set_blob};
}
