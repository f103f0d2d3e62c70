// The last workgroup that brings a partial result of a query tile takes them all: nobody waits for another. Includer
// defines ROWS, VALUE_PAD, uint lane, uint head, shared uint shared_arrivals, and the buffer uint scratch[], coherent across
// workgroups.
#ifndef OCTAVO_ARRIVALS_GLSL
#define OCTAVO_ARRIVALS_GLSL

uint partial_row(uint partial, uint row) {
    return (partial * push.head_count + head) * ROWS + row;
}

// Before one lane counts: what all lanes wrote is there for whoever sees the count. After one lane saw a count: all lanes
// see what was there. In Vulkan's memory model only a barrier that releases and acquires joins what one lane does to what
// the others do.
void join_workgroups() {
#ifdef OCTAVO_VULKAN_MEMORY_MODEL
    controlBarrier(gl_ScopeWorkgroup, gl_ScopeQueueFamily, gl_StorageSemanticsBuffer, gl_SemanticsAcquireRelease);
#else
    memoryBarrierBuffer();
    barrier();
#endif
}

void leave_output(uint partial, uint row, uint channel, float x) {
    scratch[push.output_offset + partial_row(partial, row) * VALUE_PAD + channel] = floatBitsToUint(x);
}

void leave_sum(uint partial, uint row, float largest, float sum) {
    const uint at = push.sum_offset + 2u * partial_row(partial, row);
    scratch[at] = floatBitsToUint(largest);
    scratch[at + 1u] = floatBitsToUint(sum);
}

// This workgroup has left its partial result: true in the workgroup that left the last one of the tile.
bool arrive(octavo_query_tile tile, uint tile_index) {
    join_workgroups();
    if (lane == 0u) {
        const uint at = push.arrival_offset + tile_index * push.head_count + head;
        const uint arrivals = atomicAdd(scratch[at], 1u) + 1u;
        shared_arrivals = arrivals;
        if (arrivals == tile.partial_count) {
            scratch[at] = 0u; // for the next call
        }
    }
    barrier();
    if (shared_arrivals != tile.partial_count) {
        return false;
    }
    join_workgroups();
    return true;
}
#endif
