/* The bookkeeping of sequences and slots against plain arrays: each token has a number, slots hold numbers, and what a
 * sequence's slots and windows hold is compared with what was appended to it. */
#include "cache/sequence_table.h"
#include "rng.h"
#include "run_tests.h"

#include <stdio.h>
#include <string.h>

#define SEQUENCES 64u
#define LAYERS 3u
#define LENGTH_MAX 1024u
#define SLOTS_MAX 320u
#define ROWS_MAX 64u
#define RECORDS 3u

typedef struct model_sequence {
    uint32_t id, record;
    uint32_t length[LAYERS];
    uint32_t tokens[LAYERS][LENGTH_MAX];
} model_sequence;

typedef struct world {
    octavo_cache_table *table;
    octavo_cache_table_info info;
    octavo_base_host host;
    rng generator;
    uint64_t seed;
    uint32_t round, next_token, count; /* count: live sequences, the first ones of the array */
    uint32_t log_lines, blocks;        /* blocks: of host memory */
    uint32_t fail_after;               /* allocations that still succeed */
    uint32_t appends, refusals, copies;
    model_sequence sequences[SEQUENCES];
    uint32_t packed[SLOTS_MAX][LAYERS][128];
    uint32_t rows[SLOTS_MAX][LAYERS][ROWS_MAX];
} world;

static world the_world;

static void *world_allocate(void *user, size_t size) {
    world *w = user;
    if (w->fail_after == 0u) return NULL;
    if (w->fail_after != UINT32_MAX) w->fail_after -= 1u;
    w->blocks += 1u;
    return malloc(size);
}

static void world_release(void *user, void *memory, size_t size) {
    world *w = user;
    (void)size;
    w->blocks -= 1u;
    free(memory);
}

static void world_log(void *user, octavo_log_level level, const char *line) {
    world *w = user;
    (void)level;
    (void)line;
    w->log_lines += 1u;
}

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            ck_abort_msg("seed %llu round %u line %d: %s", (unsigned long long)w->seed, w->round, __LINE__,            \
                         #condition);                                                                                  \
    } while (0)

static void world_begin(world *w, uint64_t seed, octavo_cache_table_info info) {
    memset(w, 0, sizeof *w);
    octavo_allocator allocator = {w, world_allocate, world_release};
    octavo_host host = {world_log, w, &allocator};
    octavo_base_host_init(&w->host, &host);
    w->seed = seed;
    w->fail_after = UINT32_MAX;
    w->info = info;
    rng_seed(&w->generator, seed);
    EXPECT(octavo_cache_table_create(&w->host, &info, &w->table) == OCTAVO_SUCCESS);
    if (info.window_rows_per_page == 0u) w->info.first_tokens = w->info.recent_tokens = w->info.slack_tokens = 0u;
}

static uint32_t ring_tokens(const world *w) {
    return w->info.recent_tokens == 0u ? 0u : w->info.recent_tokens + w->info.slack_tokens;
}

static uint32_t row_of(const world *w, uint32_t token) {
    return token < w->info.first_tokens ? token : w->info.first_tokens + token % ring_tokens(w);
}

static uint32_t read_row(const world *w, const octavo_cache_view *view, uint32_t layer, uint32_t token) {
    uint32_t row = row_of(w, token), slot = view->window_slots[row / w->info.window_rows_per_page];
    return slot == OCTAVO_CACHE_NO_SLOT ? UINT32_MAX : w->rows[slot][layer][row % w->info.window_rows_per_page];
}

/* One token of a sequence, wherever it is held. */
static void check_token(world *w, const model_sequence *s, const octavo_cache_view *view, uint32_t layer,
                        uint32_t token) {
    uint32_t expected = s->tokens[layer][token];
    EXPECT(token / 128u < view->slot_count);
    EXPECT(w->packed[view->slots[token / 128u]][layer][token % 128u] == expected);
    if (token < view->packed_begin) EXPECT(read_row(w, view, layer, token) == expected);
    if (ring_tokens(w) != 0u && token >= view->valid_begin && token >= w->info.first_tokens) {
        EXPECT(read_row(w, view, layer, token) == expected);
    }
}

static octavo_cache_view check_view(world *w, const model_sequence *s, uint32_t layer) {
    octavo_cache_view view;
    EXPECT(octavo_cache_table_view(w->table, s->id, layer, &view) == OCTAVO_SUCCESS);
    uint32_t first = w->info.first_tokens < view.length ? w->info.first_tokens : view.length;
    EXPECT(view.record == s->record && view.length == s->length[layer] && view.packed_begin == first);
    EXPECT(view.packed_begin <= view.packed_end && view.packed_end <= view.length && view.valid_begin <= view.length);
    EXPECT(view.length - view.packed_end <= w->info.recent_tokens);
    EXPECT(view.packed_end >= view.valid_begin || view.packed_end == view.packed_begin || view.valid_begin == 0u);
    return view;
}

/* Everything: all tokens, and each slot counted. */
static void check_all(world *w) {
    static uint32_t references[SLOTS_MAX];
    static bool is_window[SLOTS_MAX];
    uint32_t record_use[RECORDS] = {0};
    memset(references, 0, sizeof references);
    memset(is_window, 0, sizeof is_window);
    for (uint32_t i = 0; i < w->count; ++i) {
        const model_sequence *s = &w->sequences[i];
        octavo_cache_view view = {0};
        uint32_t longest = 0u;
        for (uint32_t layer = 0; layer < w->info.layer_count; ++layer) {
            view = check_view(w, s, layer);
            if (view.length > longest) longest = view.length;
            for (uint32_t token = 0; token < view.length; ++token) check_token(w, s, &view, layer, token);
        }
        EXPECT(view.slot_count == (longest + 127u) / 128u);
        for (uint32_t k = 0; k < view.slot_count; ++k) references[view.slots[k]] += 1u;
        for (uint32_t k = 0; k < octavo_cache_window_slots(&w->info); ++k) {
            if (view.window_slots[k] == OCTAVO_CACHE_NO_SLOT) continue;
            references[view.window_slots[k]] += 1u;
            is_window[view.window_slots[k]] = true;
            EXPECT(longest > 0u);
        }
        record_use[s->record] += longest > 0u ? 1u : 0u;
    }
    uint32_t used = 0u, windows = 0u;
    for (uint32_t slot = 0; slot < w->info.slot_count; ++slot) {
        EXPECT(octavo_cache_table_slot_references(w->table, slot) == references[slot]);
        used += references[slot] != 0u ? 1u : 0u;
        windows += is_window[slot] ? 1u : 0u;
    }
    octavo_cache_table_statistics statistics = octavo_cache_table_get_statistics(w->table);
    EXPECT(statistics.slot_count == w->info.slot_count && statistics.free_slots == w->info.slot_count - used);
    EXPECT(statistics.window_slots == windows && statistics.packed_slots == used - windows);
    EXPECT(statistics.sequence_count == w->count);
    for (uint32_t r = 0; r < w->info.record_count; ++r) {
        EXPECT(octavo_cache_table_record_use(w->table, r) == record_use[r]);
    }
}

typedef struct need {
    uint32_t slots, copies;
    uint32_t leaving[SLOTS_MAX];
} need;

static void need_place(const world *w, need *n, uint32_t slot) {
    if (slot == OCTAVO_CACHE_NO_SLOT) {
        n->slots += 1u;
    } else if (octavo_cache_table_slot_references(w->table, slot) - n->leaving[slot] > 1u) {
        n->leaving[slot] += 1u;
        n->slots += 1u;
        n->copies += 1u;
    }
}

/* Token by token: which slots an append writes. */
static void need_sequence(const world *w, need *n, const model_sequence *s, uint32_t layer, uint32_t count) {
    octavo_cache_view view;
    bool written[ROWS_MAX + SLOTS_MAX] = {false};
    octavo_cache_table_view(w->table, s->id, layer, &view);
    uint32_t end = view.length + count;
    for (uint32_t token = view.length; token < end; ++token) {
        if (token == view.length || token % 128u == 0u) {
            need_place(w, n, token / 128u < view.slot_count ? view.slots[token / 128u] : OCTAVO_CACHE_NO_SLOT);
        }
        bool to_ring = token >= w->info.first_tokens && end - token <= ring_tokens(w);
        if (token < w->info.first_tokens || to_ring) written[row_of(w, token) / w->info.window_rows_per_page] = true;
    }
    for (uint32_t k = 0; k < octavo_cache_window_slots(&w->info); ++k) {
        if (written[k]) need_place(w, n, view.window_slots[k]);
    }
}

/* What the GPU would do: the copies, then the rows of the new tokens. */
static void write_tokens(world *w, model_sequence *s, uint32_t layer, uint32_t count) {
    octavo_cache_view view;
    EXPECT(octavo_cache_table_view(w->table, s->id, layer, &view) == OCTAVO_SUCCESS);
    EXPECT(view.length == s->length[layer] + count);
    uint32_t ring_begin = octavo_cache_recent_write_begin(w->table, s->length[layer], count);
    for (uint32_t token = s->length[layer]; token < view.length; ++token) {
        uint32_t value = w->next_token++;
        s->tokens[layer][token] = value;
        EXPECT(octavo_cache_table_slot_references(w->table, view.slots[token / 128u]) == 1u);
        w->packed[view.slots[token / 128u]][layer][token % 128u] = value;
        if (token >= w->info.first_tokens && token < ring_begin) continue;
        uint32_t row = row_of(w, token), slot = view.window_slots[row / w->info.window_rows_per_page];
        EXPECT(slot != OCTAVO_CACHE_NO_SLOT && octavo_cache_table_slot_references(w->table, slot) == 1u);
        w->rows[slot][layer][row % w->info.window_rows_per_page] = value;
    }
    s->length[layer] = view.length;
}

static void do_append(world *w) {
    uint32_t ids[8], counts[8], which[8], n = 0u, layer = rng_below(&w->generator, w->info.layer_count);
    uint32_t wanted = rng_between(&w->generator, 1u, 6u), start = rng_below(&w->generator, w->count);
    for (uint32_t i = 0; i < wanted && i < w->count; ++i) {
        const model_sequence *s = &w->sequences[(start + i * 7u) % w->count];
        uint32_t count = rng_below(&w->generator, 8u) == 0u ? rng_log_between(&w->generator, 1u, 300u)
                                                            : rng_below(&w->generator, 4u);
        bool again = false;
        for (uint32_t k = 0; k < n; ++k) again = again || ids[k] == s->id;
        if (again || s->length[layer] + count > LENGTH_MAX) continue;
        which[n] = (start + i * 7u) % w->count;
        ids[n] = s->id;
        counts[n++] = count;
    }
    static need needed;
    memset(&needed, 0, sizeof needed);
    for (uint32_t i = 0; i < n; ++i) need_sequence(w, &needed, &w->sequences[which[i]], layer, counts[i]);
    uint32_t free_slots = octavo_cache_table_get_statistics(w->table).free_slots, planned, copy_count,
             lines = w->log_lines;
    octavo_status status = octavo_cache_table_plan_append(w->table, layer, n, ids, counts, &planned);
    if (status == OCTAVO_OUT_OF_HOST_MEMORY) return;
    EXPECT(status == (needed.slots > free_slots ? OCTAVO_OUT_OF_PAGES : OCTAVO_SUCCESS));
    if (status != OCTAVO_SUCCESS) {
        EXPECT(w->log_lines == lines + 1u);
        w->refusals += 1u;
        return;
    }
    EXPECT(w->log_lines == lines && planned == needed.copies);
    const octavo_cache_copy *copies = octavo_cache_table_commit_append(w->table, layer, n, ids, counts, &copy_count);
    EXPECT(copy_count == planned);
    EXPECT(octavo_cache_table_get_statistics(w->table).free_slots == free_slots - needed.slots);
    for (uint32_t i = 0; i < copy_count; ++i) {
        memcpy(w->packed[copies[i].destination], w->packed[copies[i].source], sizeof w->packed[0]);
        memcpy(w->rows[copies[i].destination], w->rows[copies[i].source], sizeof w->rows[0]);
    }
    for (uint32_t i = 0; i < n; ++i) write_tokens(w, &w->sequences[which[i]], layer, counts[i]);
    for (uint32_t i = 0; i < n; ++i) {
        const model_sequence *s = &w->sequences[which[i]];
        octavo_cache_view view = check_view(w, s, layer);
        for (uint32_t k = 0; k < 3u && view.length > 0u; ++k) {
            check_token(w, s, &view, layer, rng_below(&w->generator, view.length));
        }
    }
    w->appends += 1u;
    w->copies += copy_count;
}

static void do_create(world *w) {
    uint32_t record = rng_below(&w->generator, w->info.record_count), id = 0u;
    octavo_status status = octavo_cache_table_sequence_create(w->table, record, &id);
    if (status == OCTAVO_OUT_OF_HOST_MEMORY) return;
    EXPECT(status == (w->count == w->info.sequence_capacity ? OCTAVO_OUT_OF_PAGES : OCTAVO_SUCCESS));
    if (status != OCTAVO_SUCCESS) return;
    EXPECT(id != 0u);
    model_sequence *s = &w->sequences[w->count++];
    s->id = id;
    s->record = record;
    memset(s->length, 0, sizeof s->length);
}

static void do_fork(world *w) {
    uint32_t source = rng_below(&w->generator, w->count), id = 0u;
    octavo_status status = octavo_cache_table_fork(w->table, w->sequences[source].id, &id);
    if (status == OCTAVO_OUT_OF_HOST_MEMORY) return;
    EXPECT(status == (w->count == w->info.sequence_capacity ? OCTAVO_OUT_OF_PAGES : OCTAVO_SUCCESS));
    if (status != OCTAVO_SUCCESS) return;
    w->sequences[w->count] = w->sequences[source];
    w->sequences[w->count++].id = id;
}

static void do_truncate(world *w) {
    model_sequence *s = &w->sequences[rng_below(&w->generator, w->count)];
    uint32_t longest = 0u;
    for (uint32_t layer = 0; layer < w->info.layer_count; ++layer) {
        if (s->length[layer] > longest) longest = s->length[layer];
    }
    uint32_t length = rng_below(&w->generator, longest + 20u);
    if (rng_below(&w->generator, 2u)) length = longest > 20u ? longest - rng_below(&w->generator, 20u) : 0u;
    EXPECT(octavo_cache_table_truncate(w->table, s->id, length) == OCTAVO_SUCCESS);
    for (uint32_t layer = 0; layer < w->info.layer_count; ++layer) {
        if (s->length[layer] > length) s->length[layer] = length;
    }
}

static void do_destroy(world *w) {
    uint32_t i = rng_below(&w->generator, w->count), id = w->sequences[i].id, ignored;
    octavo_cache_view view;
    EXPECT(octavo_cache_table_sequence_destroy(w->table, id) == OCTAVO_SUCCESS);
    w->count -= 1u;
    if (i != w->count) w->sequences[i] = w->sequences[w->count];
    if (rng_below(&w->generator, 8u) != 0u) return;
    uint32_t lines = w->log_lines; /* the number is not one any more */
    EXPECT(octavo_cache_table_sequence_destroy(w->table, id) == OCTAVO_INVALID_ARGUMENT);
    EXPECT(octavo_cache_table_fork(w->table, id, &ignored) == OCTAVO_INVALID_ARGUMENT);
    EXPECT(octavo_cache_table_truncate(w->table, id, 0u) == OCTAVO_INVALID_ARGUMENT);
    EXPECT(octavo_cache_table_view(w->table, id, 0u, &view) == OCTAVO_INVALID_ARGUMENT);
    EXPECT(w->log_lines == lines + 4u);
}

static void do_one(world *w) {
    uint32_t draw = rng_below(&w->generator, 100u);
    w->round += 1u;
    if (w->count == 0u || draw < 8u) {
        do_create(w);
    } else if (draw < 20u) {
        do_fork(w);
    } else if (draw < 30u) {
        do_truncate(w);
    } else if (draw < 46u) {
        do_destroy(w);
    } else {
        do_append(w);
    }
}

static void world_end(world *w) {
    check_all(w);
    while (w->count > 0u) {
        w->count -= 1u;
        EXPECT(octavo_cache_table_sequence_destroy(w->table, w->sequences[w->count].id) == OCTAVO_SUCCESS);
    }
    check_all(w);
    EXPECT(octavo_cache_table_get_statistics(w->table).free_slots == w->info.slot_count);
    octavo_cache_table_destroy(w->table);
    EXPECT(w->blocks == 0u);
}

static octavo_cache_table_info make_info(uint32_t sequences, uint32_t slots, uint32_t first, uint32_t recent,
                                         uint32_t slack, uint32_t rows) {
    octavo_cache_table_info info = {LAYERS, sequences, RECORDS, slots, first, recent, slack, rows};
    return info;
}

START_TEST(a_million_operations) {
    world *w = &the_world;
    const octavo_cache_table_info infos[] = {
        make_info(SEQUENCES, 110u, 4u, 0u, 16u, 25u), make_info(SEQUENCES, 200u, 4u, 40u, 16u, 25u),
        make_info(SEQUENCES, 320u, 128u, 300u, 0u, 17u), make_info(SEQUENCES, 90u, 0u, 1u, 0u, 1u),
        make_info(SEQUENCES, 60u, 4u, 40u, 16u, 0u)};
    uint64_t seed = rng_test_seed(51u);
    for (uint32_t i = 0; i < 5u; ++i) {
        world_begin(w, seed + i, infos[i]);
        while (w->round < 220000u) {
            do_one(w);
            if (w->round % 4000u == 0u) check_all(w);
        }
        printf("windows %u+%u: %u appends, %u refused, %u copies\n", infos[i].first_tokens, infos[i].recent_tokens,
               w->appends, w->refusals, w->copies);
        EXPECT(w->refusals > 100u && w->copies > 1000u);
        world_end(w);
    }
}
END_TEST

START_TEST(host_memory_may_run_out_anywhere) {
    world *w = &the_world;
    uint64_t seed = rng_test_seed(52u);
    for (uint32_t i = 0; i < 300u; ++i) {
        world_begin(w, seed + i, make_info(16u, 120u, 4u, 40u, 16u, 25u));
        w->fail_after = rng_below(&w->generator, 40u);
        while (w->round < 300u) do_one(w);
        check_all(w);
        w->fail_after = UINT32_MAX;
        while (w->round < 400u) do_one(w);
        world_end(w);
    }
    for (uint32_t i = 0; i < 8u; ++i) { /* the creation itself */
        world_begin(w, seed, make_info(16u, 120u, 4u, 40u, 16u, 25u));
        octavo_cache_table *table;
        uint32_t blocks = w->blocks;
        w->fail_after = i;
        octavo_status status = octavo_cache_table_create(&w->host, &w->info, &table);
        EXPECT(status == OCTAVO_SUCCESS ||
               (status == OCTAVO_OUT_OF_HOST_MEMORY && table == NULL && w->blocks == blocks));
        if (status == OCTAVO_SUCCESS) octavo_cache_table_destroy(table);
        world_end(w);
    }
}
END_TEST

START_TEST(bad_appends_change_nothing) {
    world *w = &the_world;
    world_begin(w, 53u, make_info(8u, 40u, 4u, 40u, 16u, 25u));
    uint32_t a, b, planned;
    EXPECT(octavo_cache_table_sequence_create(w->table, 3u, &a) == OCTAVO_INVALID_ARGUMENT);
    EXPECT(octavo_cache_table_sequence_create(w->table, 0u, &a) == OCTAVO_SUCCESS);
    EXPECT(octavo_cache_table_sequence_create(w->table, 1u, &b) == OCTAVO_SUCCESS);
    EXPECT(a != b);
    uint32_t lines = w->log_lines;
    const uint32_t twice[] = {a, b, a}, unknown[] = {a, 0u}, ones[] = {1u, 1u, 1u}, huge[] = {UINT32_MAX, 0u, 0u},
                   most[] = {(uint32_t)INT32_MAX, 0u, 0u}, much[] = {20u * 128u, 20u * 128u, 0u};
    EXPECT(octavo_cache_table_plan_append(w->table, 0u, 3u, twice, ones, &planned) == OCTAVO_INVALID_ARGUMENT);
    EXPECT(octavo_cache_table_plan_append(w->table, 0u, 2u, unknown, ones, &planned) == OCTAVO_INVALID_ARGUMENT);
    EXPECT(octavo_cache_table_plan_append(w->table, LAYERS, 1u, twice, ones, &planned) == OCTAVO_INVALID_ARGUMENT);
    EXPECT(octavo_cache_table_plan_append(w->table, 0u, 2u, twice, huge, &planned) == OCTAVO_INVALID_ARGUMENT);
    EXPECT(octavo_cache_table_plan_append(w->table, 0u, 2u, twice, most, &planned) == OCTAVO_OUT_OF_PAGES);
    EXPECT(octavo_cache_table_plan_append(w->table, 0u, 2u, twice, much, &planned) == OCTAVO_OUT_OF_PAGES);
    EXPECT(w->log_lines == lines + 6u);
    octavo_cache_table_statistics statistics = octavo_cache_table_get_statistics(w->table);
    EXPECT(statistics.free_slots == 40u && octavo_cache_table_record_use(w->table, 0u) == 0u);
    EXPECT(octavo_cache_table_plan_append(w->table, 0u, 0u, twice, ones, &planned) == OCTAVO_SUCCESS && planned == 0u);
    octavo_cache_table_destroy(w->table);
    EXPECT(w->blocks == 0u);
    octavo_cache_table_destroy(NULL);
}
END_TEST

static void append(world *w, uint32_t id, uint32_t count) {
    uint32_t copies;
    EXPECT(octavo_cache_table_plan_append(w->table, 1u, 1u, &id, &count, NULL) == OCTAVO_SUCCESS);
    octavo_cache_table_commit_append(w->table, 1u, 1u, &id, &count, &copies);
}

START_TEST(windows_keep_the_slack) {
    world *w = &the_world;
    world_begin(w, 54u, make_info(1u, 40u, 4u, 40u, 16u, 25u));
    octavo_cache_view view;
    uint32_t id;
    EXPECT(octavo_cache_table_sequence_create(w->table, 0u, &id) == OCTAVO_SUCCESS);
    append(w, id, 3u);
    octavo_cache_table_view(w->table, id, 1u, &view);
    EXPECT(view.packed_begin == 3u && view.packed_end == 3u && view.window_slots[0] != OCTAVO_CACHE_NO_SLOT);
    append(w, id, 497u);
    octavo_cache_table_view(w->table, id, 1u, &view);
    EXPECT(view.packed_begin == 4u && view.valid_begin == 444u && view.packed_end == 460u);
    octavo_cache_table_truncate(w->table, id, 484u); /* by the slack: nothing is lost */
    octavo_cache_table_view(w->table, id, 1u, &view);
    EXPECT(view.valid_begin == 444u && view.packed_end == 444u);
    octavo_cache_table_truncate(w->table, id, 470u);
    octavo_cache_table_view(w->table, id, 1u, &view);
    EXPECT(view.packed_end == 444u);
    octavo_cache_table_truncate(w->table, id, 300u); /* nothing of the ring is left */
    octavo_cache_table_view(w->table, id, 1u, &view);
    EXPECT(view.valid_begin == 300u && view.packed_end == 300u && view.slot_count == 3u);
    append(w, id, 10u);
    octavo_cache_table_view(w->table, id, 1u, &view);
    EXPECT(view.valid_begin == 300u && view.packed_end == 300u && view.length == 310u);
    append(w, id, 50u);
    octavo_cache_table_view(w->table, id, 1u, &view);
    EXPECT(view.valid_begin == 304u && view.packed_end == 320u);
    octavo_cache_table_view(w->table, id, 0u, &view);
    EXPECT(view.length == 0u && view.packed_end == 0u && view.slot_count == 3u);
    octavo_cache_table_truncate(w->table, id, 0u);
    EXPECT(octavo_cache_table_get_statistics(w->table).free_slots == 40u);
    octavo_cache_table_destroy(w->table);
}
END_TEST

START_TEST(numbers_of_sequences_are_not_used_again) {
    world *w = &the_world;
    world_begin(w, 55u, make_info(1u, 4u, 0u, 0u, 0u, 0u));
    uint32_t before = 0u, id = 0u;
    for (uint32_t i = 0; i < 200000u; ++i) {
        EXPECT(octavo_cache_table_sequence_create(w->table, 0u, &id) == OCTAVO_SUCCESS);
        EXPECT(id > before); /* one sequence: 32 bits of generation */
        before = id;
        EXPECT(octavo_cache_table_sequence_destroy(w->table, id) == OCTAVO_SUCCESS);
    }
    octavo_cache_table_destroy(w->table);
}
END_TEST

int main(void) {
    const TTest *tests[] = {a_million_operations, host_memory_may_run_out_anywhere, bad_appends_change_nothing,
                            windows_keep_the_slack, numbers_of_sequences_are_not_used_again};
    return run_tests("cache_table", tests, sizeof tests / sizeof tests[0], 300.0);
}
