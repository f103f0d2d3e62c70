/* Jobs written on the command line. */
#include "fleet_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPIRV_HEADER_WORDS = 5, MAX_MODULE_BYTES = 64 << 20 };
static const uint32_t SPIRV_MAGIC = 0x07230203u;

static bool read_module(const char *path, fleet_job *job) {
    bool ok = false;
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (size < SPIRV_HEADER_WORDS * 4 || size % 4 != 0 || size > MAX_MODULE_BYTES) {
        fprintf(stderr, "%s: %ld bytes is no SPIR-V module (%d..%d, a multiple of 4)\n", path, size,
                SPIRV_HEADER_WORDS * 4, MAX_MODULE_BYTES);
        goto close;
    }
    job->owned_words = malloc((size_t)size);
    if (!job->owned_words || fseek(file, 0, SEEK_SET) != 0 ||
        fread(job->owned_words, 1, (size_t)size, file) != (size_t)size || job->owned_words[0] != SPIRV_MAGIC) {
        fprintf(stderr, "%s: cannot be read as SPIR-V of this machine's byte order\n", path);
        free(job->owned_words);
        job->owned_words = NULL;
        goto close;
    }
    job->words = job->owned_words;
    job->word_count = (size_t)size / 4;
    ok = true;
close:
    fclose(file);
    return ok;
}

static bool parse_value(const char *text, uint32_t *value) {
    char *end = NULL;
    errno = 0;
    if (strchr(text, '.')) {
        float number = strtof(text, &end);
        memcpy(value, &number, sizeof *value);
    } else {
        long long number = strtoll(text, &end, 0);
        if (number < INT32_MIN || number > (long long)UINT32_MAX) {
            return false;
        }
        *value = (uint32_t)number;
    }
    return errno == 0 && end != text && *end == '\0';
}

static bool parse_option(char *option, fleet_job *job) {
    char *value = strchr(option, '=');
    if (!value) {
        job->full_subgroups = job->full_subgroups || strcmp(option, "full") == 0;
        job->chosen = job->chosen || strcmp(option, "chosen") == 0;
        return strcmp(option, "full") == 0 || strcmp(option, "chosen") == 0;
    }
    *value++ = '\0';
    if (strcmp(option, "entry") == 0) {
        return snprintf(job->entry, sizeof job->entry, "%s", value) < FLEET_ENTRY_SIZE;
    }
    if (strcmp(option, "subgroup") == 0) {
        return parse_value(value, &job->subgroup_size);
    }
    if (job->constant_count == FLEET_MAX_CONSTANTS) {
        return false;
    }
    fleet_constant *constant = &job->constants[job->constant_count++];
    return parse_value(option, &constant->id) && parse_value(value, &constant->value);
}

bool fleet_job_from_argument(const char *argument, fleet_job *job) {
    memset(job, 0, sizeof *job);
    snprintf(job->entry, sizeof job->entry, "main");
    const char *base = strrchr(argument, '/');
    snprintf(job->name, sizeof job->name, "%s", base ? base + 1 : argument);

    size_t length = strlen(argument) + 1;
    char *text = malloc(length);
    if (!text) {
        fprintf(stderr, "out of memory\n");
        return false;
    }
    memcpy(text, argument, length);
    bool ok = true;
    char *option = strchr(text, ',');
    if (option) {
        *option++ = '\0';
    }
    while (ok && option) {
        char *next = strchr(option, ',');
        if (next) {
            *next++ = '\0';
        }
        ok = parse_option(option, job);
        if (!ok) {
            fprintf(stderr, "%s: cannot understand '%s'\n", argument, option);
        }
        option = next;
    }
    ok = ok && read_module(text, job);
    free(text);
    return ok;
}

void fleet_job_release(fleet_job *job) {
    free(job->owned_words);
    memset(job, 0, sizeof *job);
}
