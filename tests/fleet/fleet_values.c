#include "fleet_values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet_loops.h"
#include "fleet_pipeline.h"

/* Turnip counts the cycles that it waits between two instructions as instructions. */
#define WAITS "NOPs Count="

typedef struct value_count {
    const fleet_device *device;
    const fleet_job *job;
    fleet_constants constants;
    fleet_loops loops;
    int64_t once;                     /* instructions of the module as it is */
    int64_t bodies[FLEET_MAX_LOOPS];  /* of all copies of a loop's body, what is inside counted once */
    double executed[FLEET_MAX_LOOPS]; /* of the same, with the trips of what is inside */
    double unknown[FLEET_MAX_LOOPS];  /* the part of it in loops whose trips are not known, which count as one */
    const char *problem;
} value_count;

static bool compile(value_count *count, const fleet_loop *several, uint32_t copies, int64_t *instructions,
                    fleet_statistics *statistics) {
    char reason[256] = "";
    fleet_job job = *count->job;
    uint32_t *words = fleet_loops_rewrite(&count->constants, &count->loops, several, copies, &job.word_count);
    if (!words) {
        count->problem = "a loop cannot be written several times";
        return false;
    }
    job.words = words;
    fleet_result result = fleet_compile(count->device, &job, statistics, reason, sizeof reason);
    free(words);
    if (result != FLEET_OK && result != FLEET_SPILLS) {
        count->problem = "it does not compile";
        return false;
    }
    *instructions = statistics->instructions;
    if (*instructions == FLEET_UNKNOWN) {
        count->problem = "the driver tells no count of instructions";
        return false;
    }
    const char *waits = strstr(statistics->raw, WAITS);
    *instructions -= waits ? strtoll(waits + sizeof WAITS - 1, NULL, 10) : 0;
    return true;
}

/* A body with the trips of the loops in it. */
static void weigh(value_count *count, uint32_t index) {
    const fleet_loop *outer = &count->loops.loops[index];
    double executed = (double)count->bodies[index], unknown = 0;
    for (uint32_t i = 0; i < count->loops.count; i++) {
        const fleet_loop *inner = &count->loops.loops[i];
        if (i == index || !fleet_loop_stays(inner) || inner->copies == 0) {
            continue;
        }
        uint64_t inside = fleet_loops_inside(&count->constants, &count->loops, outer->body, outer->next, inner);
        if (inside == 0) {
            continue;
        }
        weigh(count, i);
        double share = (double)(inside * outer->copies) / (double)inner->copies;
        uint32_t trips = inner->trips != FLEET_TRIPS_UNKNOWN ? inner->trips : 1;
        executed += share * (count->executed[i] * trips - (double)count->bodies[i]);
        unknown += share * trips * (inner->trips != FLEET_TRIPS_UNKNOWN ? count->unknown[i] : count->executed[i]);
    }
    count->executed[index] = executed;
    count->unknown[index] = unknown;
}

/* The loop over the cache: of those whose trips are known only when they run the longest, loops of the same kind in it
 * left out. */
static const fleet_loop *find_tiles(value_count *count) {
    const fleet_loop *found = NULL;
    double longest = 0;
    for (uint32_t i = 0; i < count->loops.count; i++) {
        const fleet_loop *loop = &count->loops.loops[i];
        if (loop->trips != FLEET_TRIPS_UNKNOWN || !fleet_loop_stays(loop) || loop->copies == 0) {
            continue;
        }
        weigh(count, i);
        if (count->executed[i] - count->unknown[i] > longest) {
            longest = count->executed[i] - count->unknown[i];
            found = loop;
        }
    }
    return found;
}

static bool measure(value_count *count, fleet_statistics *statistics) {
    static fleet_statistics other;
    if (!compile(count, NULL, 1, &count->once, statistics)) {
        return false;
    }
    for (uint32_t i = 0; i < count->loops.count; i++) {
        const fleet_loop *loop = &count->loops.loops[i];
        int64_t twice, thrice;
        if (fleet_loop_stays(loop) && loop->copies != 0) {
            if (!compile(count, loop, 2, &twice, &other) || !compile(count, loop, 3, &thrice, &other)) {
                return false;
            }
            count->bodies[i] = thrice - twice;
        }
    }
    return true;
}

static void print(const value_count *count, const fleet_loop *tiles, const fleet_statistics *statistics,
                  const char *chip) {
    const fleet_job *job = count->job;
    double executed = count->executed[tiles - count->loops.loops];
    printf(
        "{\"chip\": \"%s\", \"device\": \"%s\", \"kernel\": \"%s\", \"int8_dot\": %s, \"lanes_of_a_trip\": %u, "
        "\"values_of_a_trip\": %u, \"registers\": %lld, \"spills\": %s, \"instructions\": %lld, "
        "\"instructions_of_a_trip\": %.0f, "
        "\"instructions_per_value\": %.3f, \"loops\": [",
        chip, count->device->properties.deviceName, job->name, job->int8_dot ? "true" : "false", job->trip_lanes,
        job->trip_values, (long long)statistics->registers, statistics->memory ? "true" : "false",
        (long long)count->once, executed, executed * job->trip_lanes / job->trip_values);
    const char *comma = "";
    for (uint32_t i = 0; i < count->loops.count; i++) {
        const fleet_loop *loop = &count->loops.loops[i];
        if (fleet_loop_stays(loop) && loop->trips != FLEET_TRIPS_UNKNOWN && count->bodies[i] != 0) {
            printf("%s[%u, %lld]", comma, loop->trips, (long long)count->bodies[i]);
            comma = ", ";
        }
    }
    printf("]}\n");
    fflush(stdout);
}

/* Two shapes can come to one pipeline. */
static bool is_same(const fleet_job *a, const fleet_job *b) {
    return a && a->words == b->words && a->subgroup_size == b->subgroup_size &&
           a->constant_count == b->constant_count &&
           memcmp(a->constants, b->constants, a->constant_count * sizeof a->constants[0]) == 0;
}

bool fleet_values_print(const fleet_device *device, const fleet_job *job, const char *chip) {
    static value_count count;
    static fleet_statistics statistics;
    static const fleet_loop *tiles;
    if (count.device != device || !is_same(count.job, job)) {
        memset(&count, 0, sizeof count);
        tiles = NULL;
        count.device = device;
        count.job = job;
        count.problem = fleet_constants_read(job, &count.constants) ? fleet_loops_read(&count.constants, &count.loops)
                                                                    : "the module cannot be read";
        if (!count.problem && measure(&count, &statistics)) {
            tiles = find_tiles(&count);
            count.problem = tiles ? NULL : "no loop over the cache is found";
        }
        fleet_constants_release(&count.constants);
    }
    count.job = job;
    if (tiles) {
        print(&count, tiles, &statistics, chip);
    } else {
        fprintf(stderr, "%s: %s\n", job->name, count.problem);
    }
    return tiles != NULL;
}
