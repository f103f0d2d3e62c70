/* The device memory that a plan works in, cut to its shapes and budget. */
#ifndef OCTAVO_ATTENTION_SCRATCH_H
#define OCTAVO_ATTENTION_SCRATCH_H

#include "attention/attention_plan.h"

/* Sets the plan's scratch buffers, offsets and capacities. A failure leaves what the plan's end releases. */
octavo_status octavo_attention_scratch_create(octavo_attention *plan);

#endif
