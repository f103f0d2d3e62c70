/* The lists of an append, performed on plain arrays as append.comp performs them on pages: each place holds the number
 * of the token that was written there last. */
#include "attention/append_entries.h"
#include "cache_without_device.h"
#include "run_tests.h"

#include <string.h>

#define SEQUENCES 6u
#define LAYERS 3u
#define LENGTH_MAX 1500u
#define GUARD_ENTRIES 2u
#define GUARD 0xdeadbeefu
#define RECORDS 4u
#define UNSET UINT32_MAX

typedef struct model_sequence {
    octavo_sequence id;
    uint32_t record;
    uint32_t length[LAYERS];
    uint32_t tokens[LAYERS][LENGTH_MAX];
} model_sequence;

typedef struct world {
    uint64_t seed;
    uint32_t round, step;
    rng generator;
    cache_without_device_info info;
    octavo_cache *cache;
    uint32_t page_count, rows_per_page;
    uint32_t *codes;         /* [page of the pool][128] */
    uint32_t *rows;          /* [page of the pool][rows_per_page] */
    uint32_t *group_touched; /* [page][4]: dispatch */
    uint32_t *row_touched;   /* [page][rows_per_page]: dispatch */
    uint32_t *page_kind;     /* [page]: dispatch, with the kind in bit 31 */
    uint32_t dispatch, next_token;
    model_sequence sequences[SEQUENCES];
    uint32_t lists, code_entries, window_entries, copies, refusals; /* what the rounds reached */
} world;

static world the_world;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) fail_at(w, __LINE__, #condition);                                                            \
    } while (0)

static void fail_at(const world *w, int line, const char *condition) {
    ck_abort_msg(
        "seed %llu round %u step %u line %d: %s\n  layers %u heads %u dims %u %u bits %u %u window %u/%u/%u rows "
        "per page %u pages per segment %u records %u, %u at once",
        (unsigned long long)w->seed, w->round, w->step, line, condition, w->info.layer_count, w->info.kv_heads,
        w->info.key_dim, w->info.value_dim, w->info.key_bits, w->info.value_bits, w->cache->info.first_tokens,
        w->cache->info.recent_tokens, w->cache->info.slack_tokens, w->rows_per_page, w->cache->pages_per_segment,
        w->info.record_count, w->info.bound_records);
}

static uint32_t *words(uint32_t count, uint32_t value) {
    uint32_t *memory = malloc(((size_t)count + 1u) * sizeof *memory);
    ck_assert_ptr_nonnull(memory);
    for (uint32_t i = 0; i < count; ++i) memory[i] = value;
    return memory;
}

static uint32_t sometimes(rng *generator, uint32_t high) {
    return rng_below(generator, 2u) != 0u ? 0u : rng_log_between(generator, 1u, high);
}

static void world_begin(world *w) {
    static const uint32_t dims[] = {32, 64, 80, 128, 256}, bits[] = {2, 3, 3, 4, 16};
    rng *g = &w->generator;
    cache_without_device_info info = {0};
    info.layer_count = rng_between(g, 1u, LAYERS);
    info.kv_heads = rng_between(g, 1u, 4u);
    info.key_dim = dims[rng_below(g, 5u)];
    info.value_dim = dims[rng_below(g, 5u)];
    info.key_bits = bits[rng_below(g, 5u)];
    info.value_bits = bits[rng_below(g, 5u)];
    info.sequence_capacity = SEQUENCES;
    info.first_tokens = sometimes(g, 128u);
    info.recent_tokens = sometimes(g, 300u);
    info.slack_tokens = sometimes(g, 100u);
    info.slot_count = rng_below(g, 4u) == 0u ? 30u : 160u;
    info.record_count = rng_between(g, 1u, RECORDS);
    info.bound_records = rng_between(g, 1u, RECORDS);
    uint32_t pages = info.slot_count * info.layer_count;
    if (rng_below(g, 2u) == 0u) info.pages_per_segment = rng_between(g, 1u, pages);
    w->info = info;
    w->cache = cache_without_device_create(&info);
    w->page_count = pages;
    w->rows_per_page = w->cache->layout.window_rows_per_page;
    w->codes = words(pages * 128u, UNSET);
    w->rows = words(pages * w->rows_per_page, UNSET);
    w->group_touched = words(pages * 4u, 0u);
    w->row_touched = words(pages * w->rows_per_page, 0u);
    w->page_kind = words(pages, 0u);
    w->dispatch = 0u;
    for (uint32_t s = 0; s < SEQUENCES; ++s) {
        memset(w->sequences[s].length, 0, sizeof w->sequences[s].length);
        w->sequences[s].record = rng_below(g, info.record_count);
        EXPECT(octavo_cache_table_sequence_create(w->cache->table, w->sequences[s].record, &w->sequences[s].id) ==
               OCTAVO_SUCCESS);
    }
}

static void world_end(world *w) {
    free(w->codes);
    free(w->rows);
    free(w->group_touched);
    free(w->row_touched);
    free(w->page_kind);
    cache_without_device_destroy(w->cache);
}

/* Where a page lies among all pages. */
static uint32_t page_at(const world *w, octavo_page_place place) {
    return place.segment * w->cache->pages_per_segment + place.page;
}

static uint32_t page_of(const world *w, uint32_t slot, uint32_t layer) {
    return page_at(w, octavo_cache_page_place(w->cache, slot, layer));
}

/* Only the holder of a slot may write it. */
static void expect_own_slot(const world *w, uint32_t page, uint32_t layer) {
    EXPECT(page < w->page_count && page % w->info.layer_count == layer);
    EXPECT(octavo_cache_table_slot_references(w->cache->table, page / w->info.layer_count) == 1u);
}

typedef struct call {
    octavo_append_info info;
    octavo_sequence sequences[SEQUENCES];
    uint32_t counts[SEQUENCES], models[SEQUENCES];
    uint32_t tokens[SEQUENCES * LENGTH_MAX]; /* numbers */
    uint32_t token_count;
} call;

static call the_call;

/* The codec that the entry names is that of the sequence with its tokens. */
static void expect_codec(const world *w, const octavo_append_entry *entry, const octavo_append_records *records,
                         const call *c, uint32_t source) {
    const octavo_cache *cache = w->cache;
    uint32_t i = 0, begin = 0, layer = c->info.layer;
    while (source >= begin + c->counts[i]) begin += c->counts[i++];
    EXPECT(source + entry->count <= begin + c->counts[i]);
    uint32_t record = w->sequences[c->models[i]].record;
    octavo_gpu_range bound = octavo_append_records_range(cache, records, layer);
    octavo_gpu_range block = octavo_cache_record_range(cache, record, layer);
    EXPECT(bound.offset + 4u * (VkDeviceSize)entry->record == block.offset);
    EXPECT(block.offset + block.size <= bound.offset + bound.size);
    EXPECT(bound.size <= octavo_gpu_snapshot(cache->device)->max_storage_buffer_range);
    EXPECT(entry->seed == record * w->info.layer_count + layer + 1u);
    EXPECT(entry->record_flags == (w->info.key_bits == 16u ? OCTAVO_ROTATE_RAW : 0u));
}

/* What a workgroup of append.comp does with an entry; tokens: numbers of the call's rows. */
static void perform(world *w, const octavo_append_entry *entry, uint32_t segment, uint32_t layer,
                    const uint32_t *tokens, uint32_t token_count) {
    bool is_window = (entry->source & OCTAVO_APPEND_WINDOW) != 0u;
    uint32_t source = entry->source & ~OCTAVO_APPEND_WINDOW;
    uint32_t pages_before = segment * w->cache->pages_per_segment;
    EXPECT(entry->page < w->cache->pages_per_segment && pages_before + entry->page < w->page_count);
    uint32_t page = pages_before + entry->page;
    expect_own_slot(w, page, layer);
    EXPECT(entry->count > 0u && source < token_count && entry->count <= token_count - source);
    uint32_t kind = w->dispatch | (is_window ? 0x80000000u : 0u);
    EXPECT((w->page_kind[page] & 0x7fffffffu) != w->dispatch || w->page_kind[page] == kind);
    w->page_kind[page] = kind;
    if (is_window) {
        EXPECT(entry->first < w->rows_per_page && entry->count <= w->rows_per_page - entry->first);
        for (uint32_t i = 0; i < entry->count; ++i) {
            uint32_t row = page * w->rows_per_page + entry->first + i;
            EXPECT(w->row_touched[row] != w->dispatch);
            w->row_touched[row] = w->dispatch;
            w->rows[row] = tokens[source + i];
        }
        w->window_entries += 1u;
        return;
    }
    uint32_t group = page * 4u + entry->first / 32u;
    EXPECT(entry->first < 128u && entry->count <= 32u - entry->first % 32u);
    EXPECT(w->group_touched[group] != w->dispatch);
    w->group_touched[group] = w->dispatch;
    for (uint32_t i = 0; i < entry->count; ++i) w->codes[page * 128u + entry->first + i] = tokens[source + i];
    w->code_entries += 1u;
}

/* How many tokens of the call [first, last) of a sequence are written as codes and as window rows. */
typedef struct expected_writes {
    uint64_t codes, rows;
} expected_writes;

static expected_writes expect_writes(const world *w, uint32_t old_length, uint32_t count) {
    const octavo_cache_info *info = &w->cache->info;
    expected_writes expected = {count, 0u};
    uint32_t end = old_length + count, ring = info->recent_tokens + info->slack_tokens;
    for (uint32_t token = old_length; token < end; ++token) {
        bool is_first = token < info->first_tokens;
        bool is_recent = info->recent_tokens != 0u && !is_first && token + ring >= end;
        expected.rows += is_first || is_recent ? 1u : 0u;
    }
    return expected;
}

static void draw_call(world *w, call *c) {
    rng *g = &w->generator;
    memset(&c->info, 0, sizeof c->info);
    c->info.struct_size = sizeof c->info;
    c->info.layer = rng_below(g, w->info.layer_count);
    c->info.sequences = c->sequences;
    c->info.token_counts = c->counts;
    c->token_count = 0u;
    uint32_t turn = rng_below(g, SEQUENCES), step = rng_between(g, 1u, 3u);
    for (uint32_t i = 0; i < SEQUENCES; i += step) {
        uint32_t s = (i + turn) % SEQUENCES, left = LENGTH_MAX - w->sequences[s].length[c->info.layer];
        uint32_t count = rng_below(g, 6u) == 0u ? 0u : rng_log_between(g, 1u, rng_below(g, 3u) == 0u ? 900u : 40u);
        c->sequences[c->info.sequence_count] = w->sequences[s].id;
        c->models[c->info.sequence_count] = s;
        c->counts[c->info.sequence_count] = count < left ? count : left;
        c->token_count += c->counts[c->info.sequence_count++];
    }
    for (uint32_t i = 0; i < c->token_count; ++i) c->tokens[i] = w->next_token++;
}

/* Sequences with some of the codec records: one dispatch for each segment with entries, as the recorder has them. */
static expected_writes run_records(world *w, call *c, const octavo_append_records *records, uint64_t *bytes,
                                   uint32_t *dispatches) {
    octavo_cache *cache = w->cache;
    octavo_append_pages pages = octavo_append_cache_pages(cache);
    expected_writes written = {0u, 0u};
    uint32_t total = octavo_append_count_entries(&pages, &c->info, records), at = GUARD_ENTRIES;
    octavo_append_entry guard = {GUARD, GUARD, GUARD, GUARD, GUARD, GUARD, GUARD, GUARD};
    octavo_append_entry *entries = malloc((total + 2u * GUARD_ENTRIES) * sizeof *entries);
    ck_assert_ptr_nonnull(entries);
    for (uint32_t i = 0; i < total + 2u * GUARD_ENTRIES; ++i) entries[i] = guard;
    octavo_append_fill_entries(&pages, &c->info, records, entries + GUARD_ENTRIES);
    for (uint32_t i = 0; i < GUARD_ENTRIES; ++i) {
        EXPECT(memcmp(&entries[i], &guard, sizeof guard) == 0);
        EXPECT(memcmp(&entries[GUARD_ENTRIES + total + i], &guard, sizeof guard) == 0);
    }
    uint32_t end = at;
    for (uint32_t segment = 0; segment < cache->segment_count; ++segment) {
        EXPECT((at - GUARD_ENTRIES) % OCTAVO_APPEND_ENTRY_ALIGNMENT == 0u);
        for (uint32_t i = 0; i < cache->segment_entries[segment]; ++i) {
            const octavo_append_entry *entry = &entries[at + i];
            expect_codec(w, entry, records, c, entry->source & ~OCTAVO_APPEND_WINDOW);
            perform(w, entry, segment, c->info.layer, c->tokens, c->token_count);
            bool is_window = (entry->source & OCTAVO_APPEND_WINDOW) != 0u;
            *(is_window ? &written.rows : &written.codes) += entry->count;
        }
        if (cache->segment_entries[segment] == 0u) continue;
        end = at + cache->segment_entries[segment];
        at += octavo_append_align_entries(cache->segment_entries[segment]);
        *dispatches += 1u;
    }
    EXPECT(end == GUARD_ENTRIES + total);
    *bytes += (total * sizeof *entries + 255u) / 256u * 256u;
    free(entries);
    w->lists += total > 0u ? 1u : 0u;
    return written;
}

static void copy_slots(world *w, const octavo_cache_copy *copies, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        for (uint32_t layer = 0; layer < w->info.layer_count; ++layer) {
            uint32_t to = page_of(w, copies[i].destination, layer), from = page_of(w, copies[i].source, layer);
            memcpy(w->codes + to * 128u, w->codes + from * 128u, 128u * sizeof *w->codes);
            memcpy(w->rows + to * w->rows_per_page, w->rows + from * w->rows_per_page,
                   w->rows_per_page * sizeof *w->rows);
        }
    }
    w->copies += count;
}

static void append(world *w, call *c) {
    octavo_cache *cache = w->cache;
    const octavo_cache_copy *copies;
    uint32_t copy_count, dispatches = 0u;
    uint64_t bytes = 0u;
    draw_call(w, c);
    octavo_status status = cache_without_device_append(cache, c->info.layer, c->info.sequence_count, c->sequences,
                                                       c->counts, &copies, &copy_count);
    w->refusals += status != OCTAVO_SUCCESS ? 1u : 0u;
    if (status != OCTAVO_SUCCESS) return;
    copy_slots(w, copies, copy_count);
    octavo_append_pages pages = octavo_append_cache_pages(cache);
    octavo_append_needs needs = octavo_append_needs_of(&pages, &c->info, c->token_count);
    expected_writes expected = {0u, 0u}, written = {0u, 0u};
    w->dispatch += 1u; /* there is no barrier between them */
    octavo_append_records records = octavo_append_next_records(cache, 0u);
    while (records.count > 0u) {
        expected_writes here = run_records(w, c, &records, &bytes, &dispatches);
        written.codes += here.codes;
        written.rows += here.rows;
        records = octavo_append_next_records(cache, records.first + records.count);
    }
    EXPECT(bytes <= needs.bytes && dispatches <= needs.dispatches);
    for (uint32_t i = 0, token = 0; i < c->info.sequence_count; ++i) {
        model_sequence *s = &w->sequences[c->models[i]];
        uint32_t old_length = s->length[c->info.layer];
        expected_writes of_sequence = expect_writes(w, old_length, c->counts[i]);
        expected.codes += of_sequence.codes;
        expected.rows += of_sequence.rows;
        memcpy(s->tokens[c->info.layer] + old_length, c->tokens + token, c->counts[i] * sizeof(uint32_t));
        s->length[c->info.layer] += c->counts[i];
        token += c->counts[i];
    }
    EXPECT(written.codes == expected.codes && written.rows == expected.rows);
}

/* Every token where a reader looks for it. */
static void check_sequence(const world *w, const model_sequence *s, uint32_t layer) {
    const octavo_cache_info *info = &w->cache->info;
    octavo_cache_view view;
    EXPECT(octavo_cache_table_view(w->cache->table, s->id, layer, &view) == OCTAVO_SUCCESS);
    EXPECT(view.length == s->length[layer]);
    for (uint32_t token = 0; token < view.length; ++token) {
        uint32_t page = page_of(w, view.slots[token / 128u], layer);
        EXPECT(w->codes[page * 128u + token % 128u] == s->tokens[layer][token]);
        if (token >= view.packed_begin && token < view.packed_end) continue;
        uint32_t row = token < info->first_tokens
                           ? token
                           : info->first_tokens + token % (info->recent_tokens + info->slack_tokens);
        page = page_of(w, view.window_slots[row / w->rows_per_page], layer);
        EXPECT(w->rows[page * w->rows_per_page + row % w->rows_per_page] == s->tokens[layer][token]);
    }
}

static void truncate_or_fork(world *w) {
    rng *g = &w->generator;
    model_sequence *s = &w->sequences[rng_below(g, SEQUENCES)], *other = &w->sequences[rng_below(g, SEQUENCES)];
    if (rng_below(g, 2u) == 0u && s != other) {
        EXPECT(octavo_cache_table_sequence_destroy(w->cache->table, s->id) == OCTAVO_SUCCESS);
        *s = *other;
        EXPECT(octavo_cache_table_fork(w->cache->table, other->id, &s->id) == OCTAVO_SUCCESS);
        return;
    }
    uint32_t length = s->length[rng_below(g, w->info.layer_count)];
    uint32_t cut = rng_below(g, 3u) == 0u ? rng_below(g, length + 1u) : rng_below(g, 50u);
    length = length > cut ? length - cut : 0u;
    EXPECT(octavo_cache_table_truncate(w->cache->table, s->id, length) == OCTAVO_SUCCESS);
    for (uint32_t layer = 0; layer < w->info.layer_count; ++layer) {
        if (s->length[layer] > length) s->length[layer] = length;
    }
}

START_TEST(entries_write_every_token_once) {
    world *w = &the_world;
    w->seed = rng_test_seed(31415u);
    rng_seed(&w->generator, w->seed);
    for (w->round = 0; w->round < 2000u; ++w->round) {
        world_begin(w);
        for (w->step = 0; w->step < 40u; ++w->step) {
            if (rng_below(&w->generator, 3u) == 0u)
                truncate_or_fork(w);
            else
                append(w, &the_call);
            for (uint32_t s = 0; s < SEQUENCES; ++s) {
                for (uint32_t layer = 0; layer < w->info.layer_count; ++layer) {
                    check_sequence(w, &w->sequences[s], layer);
                }
            }
        }
        world_end(w);
    }
    /* the draw reaches what it is for */
    ck_assert_uint_gt(w->lists, 50000u);
    ck_assert_uint_gt(w->code_entries, 10000u);
    ck_assert_uint_gt(w->window_entries, 10000u);
    ck_assert_uint_gt(w->copies, 1000u);
    ck_assert_uint_gt(w->refusals, 10u);
}
END_TEST

int main(void) {
    const TTest *tests[] = {entries_write_every_token_once};
    return run_tests("append_entries", tests, sizeof tests / sizeof tests[0], 600.0);
}
