/* One stable radix sort of the visible splats by the bits of their depth. */
#ifndef GAGAVATAR_SORT_H
#define GAGAVATAR_SORT_H

#include "frame.h"

static void exclusive_sums(int32_t *counts, int digits, int threads) {
    int32_t sum = 0;
    for (int d = 0; d < digits; d++)
        for (int t = 0; t < threads; t++) {
            int32_t *slot = counts + ((size_t)t << MAX_DIGIT_BITS) + d, n = *slot;
            *slot = sum;
            sum += n;
        }
}

/* Stable least-significant-digit radix sort; returns the sorted entries and their number. The first pass also closes
 * the gaps between the threads' shares, so there is always one. */
static Entry *sort_by_depth(Frame *f, int thread, int *count) {
    uint32_t nearest = UINT32_MAX, farthest = 0;
    int total = 0;
    for (int t = 0; t < f->threads; t++) {
        nearest = f->nearest[t] < nearest ? f->nearest[t] : nearest;
        farthest = f->farthest[t] > farthest ? f->farthest[t] : farthest;
        total += f->visible[t];
    }
    *count = total;
    const uint32_t range = total ? farthest - nearest : 0;
    const int bits = range ? 32 - __builtin_clz(range) : 1;
    const int passes = (bits + MAX_DIGIT_BITS - 1) / MAX_DIGIT_BITS, digit_bits = (bits + passes - 1) / passes;
    const uint32_t digit_mask = (1u << digit_bits) - 1;
    int32_t *digits = f->digits + ((size_t)thread << MAX_DIGIT_BITS);
    Entry *from = f->entries, *to = f->sorted;
    int begin = share_begin(f->call->count, thread, f->threads), end = begin + f->visible[thread];
    for (int shift = 0; shift < passes * digit_bits; shift += digit_bits) {
        memset(digits, 0, sizeof(int32_t) << digit_bits);
        for (int i = begin; i < end; i++) digits[((from[i].depth - nearest) >> shift) & digit_mask]++;
        sync_threads(f);
        if (thread == 0) exclusive_sums(f->digits, 1 << digit_bits, f->threads);
        sync_threads(f);
        for (int i = begin; i < end; i++) to[digits[((from[i].depth - nearest) >> shift) & digit_mask]++] = from[i];
        sync_threads(f);
        Entry *swap = from;
        from = to;
        to = swap;
        begin = share_begin(total, thread, f->threads);
        end = share_begin(total, thread + 1, f->threads);
    }
    return from;
}

#endif
