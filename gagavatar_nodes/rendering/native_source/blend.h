/* Blending a tile: per block of pixels a list of the splats that reach it, transmittance in registers. */
#ifndef GAGAVATAR_BLEND_H
#define GAGAVATAR_BLEND_H

#include "bin.h"

#define CHUNK 512              /* splats of a tile looked at together */
#define BATCH 32               /* splats of a block whose weights are computed before their features are added */
#define BLOCK_WIDTH 4          /* a block is one vector of pixels: 4x4 or 4x2 */
#define BLOCK_HEIGHT (LANES / BLOCK_WIDTH)
#define BLOCK_ROWS (TILE / BLOCK_HEIGHT)
#define BLOCKS (TILE * TILE / LANES)

typedef struct {
    Splat splats[CHUNK];
    const float *features[CHUNK];
    float x[CHUNK], y[CHUNK], reach_x[CHUNK], reach_y[CHUNK];
    uint32_t reached[CHUNK]; /* bit b: the splat reaches block b */
    uint16_t list[BLOCKS][CHUNK];
    int list_length[BLOCKS];
    Vec transmittance[BLOCKS];
    Mask alive[BLOCKS]; /* pixels inside the image that have not stopped */
    Vec weights[BATCH];
    Vec pixel_x, pixel_y; /* pixel centers of block 0 */
} Workspace;


typedef struct {
    int x, y, width, height; /* pixels; tiles at the right and bottom edge are cut */
    const int32_t *list;
    int first, length; /* where the list begins in `lists` */
} Tile;

static Tile tile_at(const Frame *f, Rect band, int column, int row) {
    const int tile = row * f->columns + column;
    const int first = row == band.y0 && column == band.x0 ? 0 : f->tile_ends[tile - 1];
    return (Tile){column * TILE, row * TILE, min_int(TILE, f->call->width - column * TILE),
                  min_int(TILE, f->call->height - row * TILE), f->lists + first, first, f->tile_ends[tile] - first};
}

/* The next tile of a band that nobody has taken; 0 when there is none. Tiles are handed out in strips of four rows,
 * column by column: neighbors share most of their splats. */
static int take_tile(Frame *f, Rect band, Tile *tile) {
    const int strip = 4, columns = band.x1 - band.x0, i = __atomic_fetch_add(&f->next_tile, 1, __ATOMIC_RELAXED);
    if (i >= tiles_in(band)) return 0;
    const int strip_row = i / (strip * columns) * strip, within = i - strip_row * columns;
    const int height = min_int(strip, band.y1 - band.y0 - strip_row);
    *tile = tile_at(f, band, band.x0 + within / height, band.y0 + strip_row + within % height);
    return 1;
}

INLINE Vec block_x(const Workspace *w, int b) { return w->pixel_x + (float)(b % 4 * BLOCK_WIDTH); }
INLINE Vec block_y(const Workspace *w, int b) { return w->pixel_y + (float)(b / 4 * BLOCK_HEIGHT); }

static void start_tile(Workspace *w, const Tile *tile) {
    for (int i = 0; i < LANES; i++) {
        w->pixel_x[i] = (float)(i % BLOCK_WIDTH) + 0.5f;
        w->pixel_y[i] = (float)(i / BLOCK_WIDTH) + 0.5f;
    }
    for (int b = 0; b < BLOCKS; b++) {
        w->transmittance[b] = vec(1.0f);
        w->alive[b] = (block_x(w, b) < vec((float)tile->width)) & (block_y(w, b) < vec((float)tile->height));
    }
}

/* Copies the splats out of the scattered arrays, with positions relative to the tile. */
static void load_chunk(const Frame *f, const Tile *tile, int first, int n, Workspace *w) {
    const int lookahead = 12;
    for (int j = 0; j < n; j++) {
        const size_t ahead = tile->list[min_int(first + j + lookahead, tile->length - 1)], i = tile->list[first + j];
        __builtin_prefetch(f->splats + ahead);
        for (int c = 0; c < f->stride; c += 16) __builtin_prefetch(f->features + ahead * f->stride + c);
        Splat s = f->splats[i];
        s.x -= (float)tile->x;
        s.y -= (float)tile->y;
        w->splats[j] = s;
        w->features[j] = f->features + i * f->stride;
        w->x[j] = s.x;
        w->y[j] = s.y;
        w->reach_x[j] = s.reach_x;
        w->reach_y[j] = s.reach_y;
    }
}

/* For every splat of the chunk the bits of the blocks that its 1/255 box touches. */
static void find_reached_blocks(Workspace *w, int n) {
    for (int j = 0; j < n; j++) {
        float left = clamp((w->x[j] - w->reach_x[j] - 0.5f) / BLOCK_WIDTH, 0.0f, 4.0f);
        float right = clamp((w->x[j] + w->reach_x[j] - 0.5f) / BLOCK_WIDTH, -1.0f, 3.0f);
        float top = clamp((w->y[j] - w->reach_y[j] - 0.5f) / BLOCK_HEIGHT, 0.0f, (float)BLOCK_ROWS);
        float bottom = clamp((w->y[j] + w->reach_y[j] - 0.5f) / BLOCK_HEIGHT, -1.0f, BLOCK_ROWS - 1.0f);
        int32_t x0 = (int32_t)left, x1 = (int32_t)(right + 1.0f) - 1;
        int32_t y0 = (int32_t)top, y1 = (int32_t)(bottom + 1.0f) - 1;
        int reached = (x0 <= x1) & (y0 <= y1);
        uint32_t row_bits = (2u << (x1 & 3)) - (1u << (x0 & 3));
        uint32_t repeated = 0x11111111u >> ((28 - 4 * (y1 - y0)) & 31);
        w->reached[j] = reached ? (row_bits * repeated) << (4 * (y0 & 7)) : 0;
    }
}

/* Appends each splat to the lists of its blocks. Masks are transposed 32 splats at a time, so that a list grows by a
 * run of indices instead of waiting for its own last store. */
static void list_splats_by_block(Workspace *w, int n) {
    Mask lane;
    for (int i = 0; i < LANES; i++) lane[i] = i;
    memset(w->list_length, 0, sizeof w->list_length);
    for (int first = 0; first < n; first += 32) {
        const int m = min_int(32, n - first);
        Mask columns[BLOCKS / LANES] = {{0}};
        for (int j = 0; j < m; j++)
            for (int v = 0; v < BLOCKS / LANES; v++)
                columns[v] |= ((((Mask){0} + (int32_t)w->reached[first + j]) >> (lane + v * LANES)) & 1) << j;
        uint32_t splats_of_block[BLOCKS];
        memcpy(splats_of_block, columns, sizeof splats_of_block);
        for (int b = 0; b < BLOCKS; b++) {
            uint16_t *list = w->list[b];
            int length = w->list_length[b];
            for (uint32_t rest = splats_of_block[b]; rest; rest &= rest - 1)
                list[length++] = (uint16_t)(first + __builtin_ctz(rest));
            w->list_length[b] = length;
        }
    }
}

/* Weight of a splat at the pixels of a block, and the step of their transmittance. A pixel stops before the splat that
 * would bring it under the minimum. `*used` says where the splat counts: elsewhere the weight is zero, `*uncapped`, its
 * alpha before the cap, is anything. Returns 0 once no pixel is alive. */
INLINE int composite(const Splat *s, Vec x, Vec y, Vec *transmittance, Mask *alive, Vec *uncapped, Vec *weight,
                     Mask *used) {
    Vec dx = vec(s->x) - x, dy = vec(s->y) - y;
    Vec log2_alpha = (s->xx * dx + s->xy * dy) * dx + (s->yy * dy * dy + s->log2_opacity);
    Mask counts = (log2_alpha >= vec(-LOG2_255)) & *alive;
    *uncapped = vec_exp2(vec_min(log2_alpha, vec(0.0f)));
    Vec alpha = vec_min(*uncapped, vec(MAX_ALPHA));
    Vec w = *transmittance * vec_keep(counts, alpha), rest = *transmittance - w;
    Mask stops = (rest < vec(MIN_TRANSMITTANCE)) & counts;
    int any_alive = 1;
    if (__builtin_expect(mask_any(stops), 0)) {
        *alive &= ~stops;
        counts &= ~stops;
        w = vec_keep(~stops, w);
        rest = vec_where(stops, *transmittance, rest);
        any_alive = mask_any(*alive);
    }
    *transmittance = rest;
    *weight = w;
    *used = counts;
    return any_alive;
}

/* Block with 3 or 4 channels: one vector of pixels a channel. */
INLINE void blend_narrow(Workspace *w, int b, Vec *sums, const int channels) {
    const Vec x = block_x(w, b), y = block_y(w, b);
    Vec transmittance = w->transmittance[b], sum[4];
    Mask alive = w->alive[b];
    for (int c = 0; c < channels; c++) sum[c] = sums[c];
    for (int q = 0; q < w->list_length[b]; q++) {
        const int j = w->list[b][q];
        const float *features = w->features[j];
        Vec uncapped, weight;
        Mask used;
        const int any_alive = composite(&w->splats[j], x, y, &transmittance, &alive, &uncapped, &weight, &used);
        for (int c = 0; c < channels; c++) sum[c] += weight * features[c];
        if (__builtin_expect(!any_alive, 0)) break;
    }
    for (int c = 0; c < channels; c++) sums[c] = sum[c];
    w->transmittance[b] = transmittance;
    w->alive[b] = alive;
}

/* sums[pixel, channel] += weights[splat, pixel] * features[splat, channel] for `vectors` vectors of channels. Sized so
 * that the partial sums of `pixels` pixels stay in registers. */
INLINE void add_features(float *sums, int stride, const float *const *features, const Vec *weights, int splats,
                         const int vectors, const int pixels) {
    for (int first = 0; first < LANES; first += pixels) {
        Vec sum[8][4];
        for (int p = 0; p < pixels; p++)
            for (int v = 0; v < vectors; v++) sum[p][v] = *(VecUnaligned *)(sums + (first + p) * stride + v * LANES);
        for (int q = 0; q < splats; q++) {
            const VecUnaligned *row = (const VecUnaligned *)features[q];
            const float *weight = (const float *)&weights[q] + first;
            Vec channels[4];
            for (int v = 0; v < vectors; v++) channels[v] = row[v];
            for (int p = 0; p < pixels; p++)
                for (int v = 0; v < vectors; v++) sum[p][v] += weight[p] * channels[v];
        }
        for (int p = 0; p < pixels; p++)
            for (int v = 0; v < vectors; v++) *(VecUnaligned *)(sums + (first + p) * stride + v * LANES) = sum[p][v];
    }
}

/* Block with any number of channels: weights of a batch of splats first, then 32 or 16 channels at a time. */
static void blend_wide(Workspace *w, int b, float *sums, const int stride) {
    const Vec x = block_x(w, b), y = block_y(w, b);
    const int length = w->list_length[b];
    Vec transmittance = w->transmittance[b];
    Mask alive = w->alive[b];
    int any_alive = 1;
    for (int first = 0; first < length && any_alive; first += BATCH) {
        const int last = min_int(first + BATCH, length);
        const float *features[BATCH];
        int splats = 0;
        for (int q = first; q < last && any_alive; q++) {
            const int j = w->list[b][q];
            Vec uncapped;
            Mask used;
            any_alive = composite(&w->splats[j], x, y, &transmittance, &alive, &uncapped, &w->weights[splats], &used);
            features[splats] = w->features[j];
            splats += mask_any(used);
        }
        for (int channel = 0; channel < stride; channel += 32) {
            if (stride - channel >= 32)
                add_features(sums + channel, stride, features, w->weights, splats, 32 / LANES, LANES == 16 ? 8 : 2);
            else
                add_features(sums + channel, stride, features, w->weights, splats, 16 / LANES, LANES == 16 ? 8 : 4);
            for (int q = 0; q < splats; q++) features[q] += 32;
        }
    }
    w->transmittance[b] = transmittance;
    w->alive[b] = alive;
}

static void store_pixel(const Frame *f, size_t pixel, const float *sums, int step, float transmittance, int *problem) {
    const RenderCall *call = f->call;
    const int channels = call->channels;
    float *image = call->image + pixel * channels;
    int bad = 0;
    for (int c = 0; c < channels; c++) {
        bad |= not_finite(sums[c * step]);
        image[c] = sums[c * step];
    }
    if (call->background) {
        const float *background = call->background + (call->background_is_image ? pixel * channels : 0);
        for (int c = 0; c < channels; c++) image[c] += transmittance * background[c];
    }
    call->alpha[pixel] = 1.0f - transmittance;
    if (bad) *problem = BAD_FEATURES;
}

/* A whole block of three channels on black, as most pictures have. */
static int store_colors(const Frame *f, size_t pixel, const float *sums, Vec transmittance) {
    const Vec *channel = (const Vec *)sums, alpha = vec(1.0f) - transmittance, zero = vec(0.0f);
    for (int row = 0; row < BLOCK_HEIGHT; row++, pixel += f->call->width)
        for (int i = 0; i < BLOCK_WIDTH; i++) {
            for (int c = 0; c < 3; c++)
                f->call->image[3 * (pixel + i) + c] = sums[c * LANES + row * BLOCK_WIDTH + i];
            f->call->alpha[pixel + i] = alpha[row * BLOCK_WIDTH + i];
        }
    return mask_any((channel[0] - channel[0] != zero) | (channel[1] - channel[1] != zero) |
                    (channel[2] - channel[2] != zero));
}

static void store_tile(Frame *f, const Tile *tile, const Workspace *w, const float *sums) {
    const int narrow = f->stride <= 4;
    const int plain = f->call->channels == 3 && !f->call->background && tile->width == TILE && tile->height == TILE;
    int problem = 0;
    for (int b = 0; b < BLOCKS; b++) {
        if (plain) {
            const int x = tile->x + b % 4 * BLOCK_WIDTH, y = tile->y + b / 4 * BLOCK_HEIGHT;
            const float *block = sums + (size_t)b * LANES * 3;
            if (store_colors(f, (size_t)y * f->call->width + x, block, w->transmittance[b])) problem = BAD_FEATURES;
            continue;
        }
        for (int i = 0; i < LANES; i++) {
            const int x = b % 4 * BLOCK_WIDTH + i % BLOCK_WIDTH, y = b / 4 * BLOCK_HEIGHT + i / BLOCK_WIDTH;
            if (x >= tile->width || y >= tile->height) continue;
            const size_t pixel = (size_t)(tile->y + y) * f->call->width + tile->x + x;
            const float *block = sums + (size_t)b * LANES * f->stride, transmittance = w->transmittance[b][i];
            if (narrow) store_pixel(f, pixel, block + i, LANES, transmittance, &problem);
            else store_pixel(f, pixel, block + i * f->stride, 1, transmittance, &problem);
        }
    }
    report(f, problem);
}

static void blend_tile(Frame *f, const Tile *tile, Workspace *w, float *sums) {
    start_tile(w, tile);
    memset(sums, 0, sizeof(float) * TILE * TILE * f->stride);
    int any_alive = 1;
    for (int first = 0; first < tile->length && any_alive; first += CHUNK) {
        const int n = min_int(CHUNK, tile->length - first);
        load_chunk(f, tile, first, n, w);
        find_reached_blocks(w, n);
        list_splats_by_block(w, n);
        any_alive = 0;
        for (int b = 0; b < BLOCKS; b++) {
            if (!mask_any(w->alive[b])) continue;
            float *block_sums = sums + (size_t)b * LANES * f->stride;
            if (f->stride == 3) blend_narrow(w, b, (Vec *)block_sums, 3);
            else if (f->stride == 4) blend_narrow(w, b, (Vec *)block_sums, 4);
            else blend_wide(w, b, block_sums, f->stride);
            any_alive |= mask_any(w->alive[b]);
        }
    }
    store_tile(f, tile, w, sums);
}

static void blend_band(Frame *f, int thread, Rect band) {
    ThreadBuffers *own = &f->context->threads[thread];
    Workspace *w = reserve(&own->workspace, sizeof *w);
    float *sums = reserve(&own->sums, sizeof(float) * TILE * TILE * f->stride);
    for (Tile tile; take_tile(f, band, &tile);) blend_tile(f, &tile, w, sums);
}

#endif
