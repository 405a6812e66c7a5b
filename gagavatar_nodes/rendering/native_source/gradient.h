/* Gradients of a tile's splats: blended once more to know every transmittance, then taken back to front.
 *
 * With the colors f, alphas a and transmittances T of the splats at a pixel, a loss L and g = dL/dpixel,
 *   dL/df_i = w_i g,  w_i = a_i T_i
 *   dL/da_i = T_i (g f_i) - S_i / (1 - a_i),  S_i = sum of w_j (g f_j) over the splats behind - T_end dL/dalpha
 * As in the published backward pass, the cap of alpha is not differentiated: a = opacity * exp(power) for the gradient.
 * For power = -(d K d) / 2 with the conic K and d from pixel to center, a splat's sums of p = dL/dpower times 1, d and
 * d d (its moments) hold all that the pixels have to say of its shape, place and opacity.
 *
 * Every pair of a splat and a tile where it counts gets a row of sums of its own; the rows of a splat are then added in
 * the order of its tiles. The result does not depend on which thread took which tile, and nobody waits.
 */
#ifndef GAGAVATAR_GRADIENT_H
#define GAGAVATAR_GRADIENT_H

#include "blend.h"

#define MOMENTS 8                   /* of p, p dx, p dy, p dx dx, p dx dy, p dy dy; two to spare */
#ifndef ROW_MEMORY
#define ROW_MEMORY (192LL << 20)    /* bytes of the rows of a band */
#endif
#define MAX_TILE_ROWS (1 << 20)     /* 256 pixels, each of which stops within 2,400 splats of alpha 1/255 or more */
#define ROWS_AT_ONCE 64             /* that a thread takes for itself */

/* What a splat that counts left in a block. */
typedef struct {
    Vec transmittance; /* in front of it */
    Vec alpha;         /* without the cap; 0 where it does not count */
} Record;

typedef struct {
    Workspace blending;
    float *rows[CHUNK];        /* [features, padded to `wide`; moments] of the chunk's splats, NULL before the first use */
    Vec behind[BLOCKS];        /* S above */
    Vec dots[BATCH], powers[BATCH];
    Vec basis[LANES];          /* 1, x, y, xx, xy, yy of each pixel, from the middle of the block */
    float sums[BATCH][LANES];  /* of `powers` times `basis` */
    int next_row, end_row;
    const int32_t *pair_ids;   /* of the tile's list */
} GradientWorkspace;

/* Floats of a pixel's gradient, rounded up to whole vectors. */
INLINE int wide(const Frame *f) { return max_int(f->stride, LANES); }

static int reserve_gradient(Frame *f, int threads) {
    Context *context = f->context;
    const size_t count = f->call->count, pixels = TILE * TILE;
    int complete = 1;
    complete &= (f->rects = reserve(&context->rects, count * sizeof(Rect))) != NULL;
    complete &= (f->first_pairs = reserve(&context->first_pairs, count * sizeof(int32_t))) != NULL;
    complete &= (f->moments = reserve(&context->moments, count * MOMENTS * sizeof(float))) != NULL;
    for (int t = 0; t < threads; t++) {
        complete &= reserve(&context->threads[t].workspace, sizeof(GradientWorkspace)) != NULL;
        complete &= reserve(&context->threads[t].sums, sizeof(float) * pixels * (wide(f) + f->stride)) != NULL;
    }
    f->row_size = wide(f) + MOMENTS;
    return complete;
}

static void plan_gradient(Frame *f) {
    const int64_t most = ROW_MEMORY / (f->row_size * (int64_t)sizeof(float)), longest = plan_bands(f, most);
    const int64_t rows = longest <= most || longest < MAX_TILE_ROWS ? longest : most > MAX_TILE_ROWS ? most : MAX_TILE_ROWS;
    f->row_capacity = (int)rows + f->threads * ROWS_AT_ONCE;
    f->pair_ids = reserve(&f->context->pairs, sizeof(int32_t) * (size_t)longest);
    f->pair_rows = reserve(&f->context->pair_rows, sizeof(int32_t) * (size_t)longest);
    f->row_memory = reserve(&f->context->rows, sizeof(float) * (size_t)f->row_capacity * f->row_size);
    if (!f->pair_ids || !f->pair_rows || !f->row_memory) report(f, OUT_OF_MEMORY);
}

/* Gives every splat's pairs of the band their places, in the order of the Gaussians. */
static void number_pairs(Frame *f, int thread, Rect band) {
    const int begin = share_begin(f->call->count, thread, f->threads);
    const int end = share_begin(f->call->count, thread + 1, f->threads);
    int32_t pairs = 0, first = 0;
    for (int i = begin; i < end; i++) {
        f->first_pairs[i] = pairs;
        pairs += tiles_in(common_tiles(f->rects[i], band));
    }
    f->band_pairs[thread] = pairs;
    sync_threads(f);
    for (int t = 0; t < thread; t++) first += f->band_pairs[t];
    for (int i = begin; i < end; i++) f->first_pairs[i] += first;
    memset(f->pair_rows + first, 0, sizeof(int32_t) * pairs);
    sync_threads(f);
}

/* ---- a tile ---- */

static void start_basis(GradientWorkspace *g) {
    for (int i = 0; i < LANES; i++) {
        const float x = i % BLOCK_WIDTH - 0.5f * (BLOCK_WIDTH - 1), y = i / BLOCK_WIDTH - 0.5f * (BLOCK_HEIGHT - 1);
        const float values[6] = {1.0f, x, y, x * x, x * y, y * y};
        for (int k = 0; k < LANES; k++) g->basis[i][k] = k < 6 ? values[k] : 0.0f;
    }
}

/* The gradients of the tile's pixels, block by block: `rows` [pixel, wide], `columns` [block, channel, pixel]; and what
 * is behind all splats. */
static void load_pixels(const Frame *f, const Tile *tile, GradientWorkspace *g, float *rows, float *columns) {
    const GradientCall *call = f->gradient;
    const int channels = f->call->channels, size = wide(f), stride = f->stride;
    for (int b = 0; b < BLOCKS; b++) {
        float *block = rows + (size_t)b * LANES * size;
        for (int i = 0; i < LANES; i++) {
            const int x = b % 4 * BLOCK_WIDTH + i % BLOCK_WIDTH, y = b / 4 * BLOCK_HEIGHT + i / BLOCK_WIDTH;
            const int inside = x < tile->width && y < tile->height;
            const size_t pixel = inside ? (size_t)(tile->y + y) * f->call->width + tile->x + x : 0;
            memset(block + i * size, 0, size * sizeof(float));
            if (inside && call->to_image)
                memcpy(block + i * size, call->to_image + pixel * channels, channels * sizeof(float));
            const float to_alpha = inside && call->to_alpha ? call->to_alpha[pixel] : 0.0f;
            g->behind[b][i] = -to_alpha * g->blending.transmittance[b][i];
        }
        float *transposed = columns + (size_t)b * LANES * stride;
        for (int c = 0; c < stride; c++)
            for (int i = 0; i < LANES; i++) transposed[c * LANES + i] = block[i * size + c];
    }
}

/* Blends a block's listed splats and appends a record of each that counts; returns the new number of records. */
static int record_block(Workspace *w, int b, Record *records, uint16_t *recorded, int count) {
    const Vec x = block_x(w, b), y = block_y(w, b);
    Vec transmittance = w->transmittance[b];
    Mask alive = w->alive[b];
    int any_alive = 1;
    for (int q = 0; q < w->list_length[b] && any_alive; q++) {
        const int j = w->list[b][q];
        const Vec before = transmittance;
        Vec uncapped, weight;
        Mask used;
        any_alive = composite(&w->splats[j], x, y, &transmittance, &alive, &uncapped, &weight, &used);
        records[count] = (Record){before, vec_keep(used, uncapped)};
        recorded[count] = (uint16_t)j;
        count += mask_any(used);
    }
    w->transmittance[b] = transmittance;
    w->alive[b] = alive;
    return count;
}

/* Blends the tile and keeps records, chunk by chunk and block by block: those of block b of chunk c begin at
 * `segments[c * BLOCKS + b]`. Returns the number of chunks; 0 where nothing counts or there is no memory. */
static int record_tile(Frame *f, const Tile *tile, Workspace *w, ThreadBuffers *own) {
    int32_t *segments = reserve(&own->segments, sizeof(int32_t) * ((tile->length / CHUNK + 1) * (size_t)BLOCKS + 1));
    int count = 0, chunks = 0, any_alive = 1;
    start_tile(w, tile);
    for (int first = 0; first < tile->length && any_alive; first += CHUNK, chunks++) {
        const int n = min_int(CHUNK, tile->length - first);
        load_chunk(f, tile, first, n, w);
        find_reached_blocks(w, n);
        list_splats_by_block(w, n);
        any_alive = 0;
        for (int b = 0; b < BLOCKS; b++) {
            const size_t most = (size_t)count + CHUNK;
            Record *records = extend(&own->records, count * sizeof(Record), most * sizeof(Record));
            uint16_t *recorded = extend(&own->recorded_splats, count * sizeof(uint16_t), most * sizeof(uint16_t));
            if (!segments || !records || !recorded) {
                report(f, OUT_OF_MEMORY);
                return 0;
            }
            segments[chunks * BLOCKS + b] = count;
            if (!mask_any(w->alive[b])) continue;
            count = record_block(w, b, records, recorded, count);
            any_alive |= mask_any(w->alive[b]);
        }
        segments[(chunks + 1) * BLOCKS] = count;
    }
    return count ? chunks : 0;
}

/* The row of the chunk's splat j, which is `pair` in the band. */
static float *row_of(Frame *f, GradientWorkspace *g, int j, int32_t pair) {
    if (g->rows[j]) return g->rows[j];
    if (g->next_row == g->end_row) {
        const int taken = __atomic_fetch_add(&f->next_row, ROWS_AT_ONCE, __ATOMIC_RELAXED);
        if (taken > f->row_capacity - ROWS_AT_ONCE) {
            report(f, OUT_OF_MEMORY);
            g->next_row = g->end_row = 0;
            return g->rows[j] = f->row_memory; /* any: the result is given up */
        }
        g->next_row = taken;
        g->end_row = taken + ROWS_AT_ONCE;
    }
    f->pair_rows[pair] = g->next_row + 1;
    g->rows[j] = f->row_memory + (size_t)g->next_row++ * f->row_size;
    return memset(g->rows[j], 0, f->row_size * sizeof(float));
}

/* dots[splat] = features[splat] . gradient, at each pixel of a block; `columns` [channel, pixel]. */
static void dot_features(const float *columns, int stride, const float *const *features, int splats, Vec *dots) {
    const int together = LANES == 16 ? 8 : 4;
    for (int first = 0; first < splats; first += together) {
        const float *f[8];
        Vec sum[8];
        for (int q = 0; q < together; q++) {
            f[q] = features[min_int(first + q, splats - 1)];
            sum[q] = vec(0.0f);
        }
        for (int c = 0; c < stride; c++) {
            const Vec gradient = *(const Vec *)(columns + c * LANES);
            for (int q = 0; q < together; q++) sum[q] += gradient * f[q][c];
        }
        for (int q = 0; q < together; q++) dots[first + q] = sum[q];
    }
}

/* rows[splat] += sum over the block's pixels of weights[splat, pixel] * gradient[pixel], for `vectors` vectors of
 * channels, `together` splats at a time so that sums stay in registers; `padding` takes what has no splat. */
INLINE void add_to_rows(float *const *rows, int offset, const Vec *weights, int splats, const float *gradient, int size,
                        float *padding, const int vectors, const int together) {
    for (int first = 0; first < splats; first += together) {
        float *row[8];
        const float *weight[8];
        Vec sum[8][4];
        for (int q = 0; q < together; q++) {
            const int some = first + q < splats;
            row[q] = some ? rows[first + q] + offset : padding;
            weight[q] = (const float *)&weights[some ? first + q : first];
            for (int v = 0; v < vectors; v++) sum[q][v] = *(VecUnaligned *)(row[q] + v * LANES);
        }
        for (int p = 0; p < LANES; p++)
            for (int v = 0; v < vectors; v++) {
                const Vec pixel = *(const VecUnaligned *)(gradient + (size_t)p * size + v * LANES);
                for (int q = 0; q < together; q++) sum[q][v] += weight[q][p] * pixel;
            }
        for (int q = 0; q < together; q++)
            for (int v = 0; v < vectors; v++) *(VecUnaligned *)(row[q] + v * LANES) = sum[q][v];
    }
}

static void add_feature_gradients(Frame *f, const Workspace *w, float *const *rows, int splats, const float *gradient) {
    const int size = wide(f);
    float padding[32];
    memset(padding, 0, sizeof padding);
    for (int c = 0; c < size; c += 32) {
        if (size - c >= 32)
            add_to_rows(rows, c, w->weights, splats, gradient + c, size, padding, 32 / LANES, LANES == 16 ? 8 : 2);
        else if (size - c >= 16)
            add_to_rows(rows, c, w->weights, splats, gradient + c, size, padding, 16 / LANES, LANES == 16 ? 8 : 4);
        else
            add_to_rows(rows, c, w->weights, splats, gradient + c, size, padding, 1, 8);
    }
}

/* Adds the block's moments of `powers`, which `basis` takes about the block's middle, about the splats' centers. */
static void add_moments(Frame *f, GradientWorkspace *g, int b, const uint16_t *splats, float *const *rows, int n) {
    const float middle_x = b % 4 * BLOCK_WIDTH + 0.5f * BLOCK_WIDTH, middle_y = b / 4 * BLOCK_HEIGHT + 0.5f * BLOCK_HEIGHT;
    float *sums[BATCH], padding[LANES];
    memset(g->sums, 0, sizeof(float) * LANES * n);
    memset(padding, 0, sizeof padding);
    for (int q = 0; q < n; q++) sums[q] = g->sums[q];
    add_to_rows(sums, 0, g->powers, n, (const float *)g->basis, LANES, padding, 1, 8);
    for (int q = 0; q < n; q++) {
        const float x = g->blending.x[splats[q]] - middle_x, y = g->blending.y[splats[q]] - middle_y, *s = sums[q];
        float *moments = rows[q] + wide(f);
        const float to_x = x * s[0] - s[1], to_y = y * s[0] - s[2];
        moments[0] += s[0];
        moments[1] += to_x;
        moments[2] += to_y;
        moments[3] += x * (to_x - s[1]) + s[3];
        moments[4] += x * to_y - y * s[1] + s[4];
        moments[5] += y * (to_y - s[2]) + s[5];
    }
}

/* Back to front through records `begin` to `end`, all of one block of the chunk in the workspace. */
static void gradient_block(Frame *f, GradientWorkspace *g, int b, const Record *records, const uint16_t *recorded,
                           int begin, int end, const int32_t *pair_ids, const float *rows_of_pixels,
                           const float *columns_of_pixels) {
    Workspace *w = &g->blending;
    Vec behind = g->behind[b];
    for (int last = end, first; last > begin; last = first) {
        first = max_int(begin, last - BATCH);
        const int n = last - first;
        const uint16_t *splats = recorded + first;
        const float *features[BATCH];
        float *rows[BATCH];
        for (int q = 0; q < n; q++) {
            features[q] = w->features[splats[q]];
            rows[q] = row_of(f, g, splats[q], pair_ids[splats[q]]);
        }
        dot_features(columns_of_pixels, f->stride, features, n, g->dots);
        for (int q = n - 1; q >= 0; q--) {
            const Record r = records[first + q];
            const Vec alpha = vec_min(r.alpha, vec(MAX_ALPHA)), weight = r.transmittance * alpha;
            g->powers[q] = r.alpha * (r.transmittance * g->dots[q] - behind / (vec(1.0f) - alpha));
            behind += weight * g->dots[q];
            w->weights[q] = weight;
        }
        add_feature_gradients(f, w, rows, n, rows_of_pixels);
        add_moments(f, g, b, splats, rows, n);
    }
    g->behind[b] = behind;
}

static void gradient_tile(Frame *f, const Tile *tile, GradientWorkspace *g, ThreadBuffers *own, float *pixels) {
    Workspace *w = &g->blending;
    const int chunks = record_tile(f, tile, w, own);
    if (!chunks) return;
    float *rows = pixels, *columns = pixels + (size_t)TILE * TILE * wide(f);
    load_pixels(f, tile, g, rows, columns);
    const Record *records = reserve(&own->records, 0);
    const uint16_t *recorded = reserve(&own->recorded_splats, 0);
    const int32_t *segments = reserve(&own->segments, 0);
    for (int c = chunks - 1; c >= 0; c--) {
        const int first = c * CHUNK, n = min_int(CHUNK, tile->length - first);
        const int32_t *segment = segments + c * BLOCKS;
        if (segment[BLOCKS] == segment[0]) continue;
        if (c != chunks - 1) load_chunk(f, tile, first, n, w);
        memset(g->rows, 0, sizeof g->rows);
        for (int b = 0; b < BLOCKS; b++)
            gradient_block(f, g, b, records, recorded, segment[b], segment[b + 1],
                           f->pair_ids + tile->first + first, rows + (size_t)b * LANES * wide(f),
                           columns + (size_t)b * LANES * f->stride);
    }
}

static void gradient_band(Frame *f, int thread, Rect band) {
    ThreadBuffers *own = &f->context->threads[thread];
    GradientWorkspace *g = reserve(&own->workspace, 0);
    float *pixels = reserve(&own->sums, 0);
    g->next_row = g->end_row = 0;
    start_basis(g);
    for (Tile tile; take_tile(f, band, &tile);) gradient_tile(f, &tile, g, own, pixels);
}

/* ---- after the tiles ---- */

/* Adds the rows of a splat's pairs, `count` of them from `pair_rows` on, to `features` and `moments`. */
static void gather_splat(const Frame *f, const int32_t *pair_rows, int count, float *features, float *moments) {
    const int channels = f->call->channels;
    for (int k = 0; k < count; k++) {
        if (!pair_rows[k]) continue;
        const float *row = f->row_memory + (size_t)(pair_rows[k] - 1) * f->row_size;
        for (int c = 0; c < channels; c++) features[c] += row[c];
        for (int c = 0; c < MOMENTS; c++) moments[c] += row[wide(f) + c];
    }
}

static void gather_rows(Frame *f, int thread, Rect band, int is_first) {
    const int channels = f->call->channels, end = share_begin(f->call->count, thread + 1, f->threads);
    for (int i = share_begin(f->call->count, thread, f->threads); i < end; i++) {
        float *features = f->gradient->to_features + (size_t)i * channels, *moments = f->moments + (size_t)i * MOMENTS;
        if (is_first) {
            memset(features, 0, channels * sizeof(float));
            memset(moments, 0, MOMENTS * sizeof(float));
        }
        gather_splat(f, f->pair_rows + f->first_pairs[i], tiles_in(common_tiles(f->rects[i], band)), features, moments);
    }
}

#endif
