/* Counting scatter of the sorted splats into the lists of tiles, a band of tiles at a time. */
#ifndef GAGAVATAR_BIN_H
#define GAGAVATAR_BIN_H

#include "frame.h"

static void count_tiles(Frame *f, int thread, const Entry *sorted, int count) {
    int32_t *counts = f->tile_counts + (size_t)thread * f->columns * f->rows;
    memset(counts, 0, sizeof(int32_t) * f->columns * f->rows);
    const int end = share_begin(count, thread + 1, f->threads);
    for (int i = share_begin(count, thread, f->threads); i < end; i++) {
        const Rect r = sorted[i].tiles;
        for (int y = r.y0; y < r.y1; y++)
            for (int x = r.x0; x < r.x1; x++) counts[y * f->columns + x]++;
    }
}

static int64_t listed(const Frame *f, int first_tile, int end_tile) {
    int64_t sum = 0;
    for (int t = 0; t < f->threads; t++)
        for (int tile = first_tile; tile < end_tile; tile++)
            sum += f->tile_counts[(size_t)t * f->columns * f->rows + tile];
    return sum;
}

/* Groups tiles into bands whose lists hold up to `most` splats: whole rows, parts of one, or a single tile that has
 * more by itself. Bands do not depend on the number of threads. */
static void group_tiles(Frame *f, int64_t most) {
    int64_t total = 0;
    int joins = 0; /* the last band may take another row */
    f->band_count = 0;
    for (int y = 0; y < f->rows; y++) {
        const int64_t row_total = listed(f, y * f->columns, (y + 1) * f->columns);
        if (joins && total + row_total <= most) {
            f->bands[f->band_count - 1].y1 = y + 1;
            total += row_total;
            continue;
        }
        joins = row_total <= most;
        total = 0;
        f->bands[f->band_count++] = (Rect){0, y, 0, y + 1};
        for (int x = 0; x < f->columns; x++) {
            const int64_t n = listed(f, y * f->columns + x, y * f->columns + x + 1);
            if (total && total + n > most) {
                f->bands[f->band_count++] = (Rect){x, y, x, y + 1};
                total = 0;
            }
            f->bands[f->band_count - 1].x1 = x + 1;
            total += n;
        }
    }
}

/* Turns the counts of a band into positions of its lists; returns the lists' length. */
static int64_t place_lists(Frame *f, Rect band) {
    int64_t position = 0;
    for (int y = band.y0; y < band.y1; y++)
        for (int x = band.x0; x < band.x1; x++) {
            const int tile = y * f->columns + x;
            for (int t = 0; t < f->threads; t++) {
                int32_t *slot = f->tile_counts + (size_t)t * f->columns * f->rows + tile, n = *slot;
                *slot = (int32_t)position;
                position += n;
            }
            f->tile_ends[tile] = (int32_t)position;
        }
    return position;
}

/* Plans bands of up to `most` pairs; returns the length of the longest band's lists. */
static int64_t plan_bands(Frame *f, int64_t most) {
    int64_t longest = 1;
    group_tiles(f, most);
    for (int b = 0; b < f->band_count; b++) {
        const int64_t length = place_lists(f, f->bands[b]);
        longest = length > longest ? length : longest;
    }
    f->lists = reserve(&f->context->lists, sizeof(int32_t) * (size_t)longest);
    if (!f->lists) report(f, OUT_OF_MEMORY);
    return longest;
}

static void fill_lists(Frame *f, int thread, const Entry *sorted, int count, Rect band) {
    int32_t *positions = f->tile_counts + (size_t)thread * f->columns * f->rows, *lists = f->lists;
    const int end = share_begin(count, thread + 1, f->threads);
    for (int i = share_begin(count, thread, f->threads); i < end; i++) {
        const Entry e = sorted[i];
        const Rect r = common_tiles(e.tiles, band);
        int32_t pair = f->first_pairs ? f->first_pairs[e.index] : 0;
        for (int y = r.y0; y < r.y1; y++)
            for (int x = r.x0; x < r.x1; x++) {
                const int32_t at = positions[y * f->columns + x]++;
                lists[at] = (int32_t)e.index;
                if (f->first_pairs) f->pair_ids[at] = pair++;
            }
    }
}

#endif
