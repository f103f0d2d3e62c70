// The steps of a share in the order in which a subgroup takes them. Includer defines STEPS (of a tile), HALVES, TEAMS,
// octavo_share share(), and the buffer uint lists[].
#ifndef OCTAVO_STEP_PLACES_GLSL
#define OCTAVO_STEP_PLACES_GLSL

// Of a team before the next one has its turn, a power of two. Steps of a tile share lines of memory: dealt singly, they are
// read at about the same time, and a short share has work for all; in a long one of many rows, whose steps take longer, a
// team has the lines of its tile to itself.
uint turn;

uint steps_of_turn() {
    return HALVES > 1u && share().tile_count >= TEAMS ? STEPS : 1u;
}

// A step of the share.
struct step_place {
    octavo_tile_range range;
    uint range_index; // in the lists
    uint step;        // of the range
    uint page;
};

uint page_of(octavo_tile_range range, uint index) {
    return lists[range.pages + min(index, range.count - 1u)];
}

// The next range from `index` on that is no window, in a share that has one.
void enter_range(inout step_place place, uint index) {
    do {
        place.range = load_range(index);
        index += 1u;
    } while (place.range.kind == OCTAVO_RUN_WINDOW);
    place.range_index = index - 1u;
}

// Step `step` of the share.
step_place seek(uint step) {
    step_place place;
    place.range = share().range;
    place.range_index = share().range_first; // a window comes last
    while (step >= STEPS * place.range.count) {
        step -= STEPS * place.range.count;
        enter_range(place, place.range_index + 1u);
    }
    place.page = step < STEPS && place.range_index == share().range_first ? share().page : page_of(place.range, step / STEPS);
    place.step = step;
    return place;
}

// From step `step` of the share to the next one of this team.
uint distance_after(uint step) {
    return ((step + 1u) & (turn - 1u)) != 0u ? 1u : (TEAMS - 1u) * turn + 1u;
}

// Page of the step at a distance if that is of the same range, else some page.
uint next_page(step_place place, uint distance) {
    return page_of(place.range, (place.step + distance) / STEPS);
}

// This team's next step, whose page is `page`; if it has none, some step, of which loads are harmless. (H100, 262144 tokens:
// with the loop of seek in place of this one, and the step not reduced, a walk takes 5 % longer.)
void advance(inout step_place place, uint distance, uint page, bool has_next) {
    place.step += distance;
    place.page = page;
    if (has_next && place.step >= STEPS * place.range.count) {
        do {
            place.step -= STEPS * place.range.count;
            enter_range(place, place.range_index + 1u);
        } while (place.step >= STEPS * place.range.count);
        place.page = page_of(place.range, place.step / STEPS);
    }
    place.step = has_next ? place.step : place.step % STEPS;
}
#endif
