/* 3D Gaussian splatting on a CPU: EWA projection (Zwicker et al. 2002) and front-to-back blending in 16-pixel tiles as
 * in 3D Gaussian Splatting (arXiv 2308.04079), for any number of feature channels.
 *
 * All threads walk through the same phases with a barrier between them:
 *   project   view-space depth, conic and covered tiles of every Gaussian; what covers no tile is dropped
 *   sort      one stable radix sort of the survivors by the bits of their depth
 *   bin       counting scatter of the sorted splats into per-tile lists, a band of tile rows at a time
 *   blend     a tile at a time: per block of pixels a list of the splats that reach it, transmittance in registers,
 *             then a small dense product weights x features
 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "simd.h"
#include "threads.h"

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

#define TILE 16
#define MAX_THREADS 64
#define GROUP 64               /* Gaussians projected together, small enough for the first-level cache */
#define CHUNK 512              /* splats of a tile looked at together */
#define BATCH 32               /* splats of a block whose weights are computed before their features are added */
#define BLOCK_WIDTH 4          /* a block is one vector of pixels: 4x4 or 4x2 */
#define BLOCK_HEIGHT (LANES / BLOCK_WIDTH)
#define BLOCK_ROWS (TILE / BLOCK_HEIGHT)
#define BLOCKS (TILE * TILE / LANES)
#define MAX_DIGIT_BITS 11
#define MAX_LIST (1 << 25)     /* splat-tile pairs held at once (128 MB), however large the splats are */

#define NEAR_PLANE 0.2f
#define BLUR 0.3f              /* px^2 added to the diagonal of the projected covariance */
#define MAX_ALPHA 0.99f
#define MIN_TRANSMITTANCE 1e-4f
#define LOG2_E 1.44269504f
#define LN_2 0.69314718f
#define LOG2_255 7.99435344f   /* contributions under 1/255 are skipped */

enum { BAD_MEANS = 1, BAD_COVARIANCES = 2, BAD_OPACITIES = 4, BAD_FEATURES = 8, OUT_OF_MEMORY = 16 };

typedef struct {
    const float *means;       /* [count, 3] */
    const float *covariances; /* [count, 6] upper triangle: xx, xy, xz, yy, yz, zz */
    const float *opacities;   /* [count] */
    const float *features;    /* [count, channels] */
    const float *background;  /* NULL, [channels] or [height, width, channels] */
    float *image;             /* [height, width, channels] */
    float *alpha;             /* [height, width] */
    float view[12];           /* [3, 4] row-major world-to-view, x right, y down, z away */
    float focal;              /* pixels */
    int32_t count, channels, width, height, background_is_image, threads;
} RenderCall;

/* log2 of the alpha at a pixel: xx*dx^2 + xy*dx*dy + yy*dy^2 + log2(opacity). */
typedef struct {
    float x, y, xx, xy, yy, log2_opacity;
    float reach_x, reach_y; /* half extents of the box outside which alpha is under 1/255 */
} Splat;

typedef struct {
    uint32_t depth; /* bits of a positive float: they sort like the number */
    uint16_t x0, y0, x1, y1; /* covered tiles, end exclusive */
    uint32_t index;
} Entry;

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
    void *memory;
    size_t size;
} Buffer;

/* Scratch memory that one caller reuses from frame to frame. */
typedef struct {
    Buffer splats, entries, sorted, digits, tile_counts, tile_ends, band_rows, lists, features;
    Buffer workspaces[MAX_THREADS], sums[MAX_THREADS];
} Context;

typedef struct {
    const RenderCall *call;
    Context *context;
    Splat *splats;
    Entry *entries, *sorted;
    const float *features; /* [count, stride] */
    int32_t *digits;       /* [threads, 1 << MAX_DIGIT_BITS] */
    int32_t *tile_counts;  /* [threads, tiles] */
    int32_t *tile_ends;    /* [tiles] end of a tile's list within its band */
    int32_t *band_rows;    /* [bands + 1] first tile row of each band */
    int32_t *lists;
    int stride;            /* channels rounded up to what the inner loops take */
    int columns, rows, bands, next_tile, status, threads;
    int visible[MAX_THREADS];
    uint32_t nearest[MAX_THREADS], farthest[MAX_THREADS];
    Barrier barrier;
} Frame;

typedef struct {
    Frame *frame;
    int index;
} Worker;

static void *reserve(Buffer *b, size_t size) {
    const size_t alignment = 64;
    if (b->size < size + alignment) {
        free(b->memory);
        b->size = size + size / 4 + alignment;
        b->memory = malloc(b->size);
        if (!b->memory) b->size = 0;
    }
    if (!b->memory) return NULL;
    return (void *)(((uintptr_t)b->memory + alignment - 1) & ~(uintptr_t)(alignment - 1));
}

static void sync_threads(Frame *f) { barrier_wait(&f->barrier, f->threads); }

static void report(Frame *f, int problem) {
    if (problem) __atomic_fetch_or(&f->status, problem, __ATOMIC_RELAXED);
}

static int share_begin(int n, int thread, int threads) { return (int)((int64_t)n * thread / threads); }

INLINE int min_int(int a, int b) { return a < b ? a : b; }
INLINE float min_float(float a, float b) { return a < b ? a : b; }
INLINE float max_float(float a, float b) { return a > b ? a : b; }
/* Not-a-number becomes `low`. */
INLINE float clamp(float x, float low, float high) { return min_float(max_float(x, low), high); }
INLINE int not_finite(float x) { return x - x != 0.0f; }

/* ---- project ---- */

typedef struct {
    float x[GROUP], y[GROUP], depth[GROUP], xx[GROUP], xy[GROUP], yy[GROUP], log2_opacity[GROUP];
    float reach_x[GROUP], reach_y[GROUP];
    int32_t x0[GROUP], y0[GROUP], x1[GROUP], y1[GROUP];
} Projection;

/* EWA projection of `n` Gaussians from `first` on, equations 29 and 31 of Zwicker et al.; returns problems found. */
static int project_group(const RenderCall *call, int first, int n, Projection *out) {
    const float *v = call->view, focal = call->focal;
    const float center_x = 0.5f * call->width, center_y = 0.5f * call->height;
    /* Beyond 1.3 times the field of view the linearization is held fixed. */
    const float limit_x = 1.3f * center_x / focal, limit_y = 1.3f * center_y / focal;
    const float *means = call->means + 3 * (size_t)first;
    const float *covariances = call->covariances + 6 * (size_t)first;
    const float *opacities = call->opacities + first;
    int bad_mean = 0, bad_covariance = 0, bad_opacity = 0;
    for (int j = 0; j < n; j++) {
        const float *m = means + 3 * j, *s = covariances + 6 * j;
        float px = m[0], py = m[1], pz = m[2], opacity = opacities[j];
        float cxx = s[0], cxy = s[1], cxz = s[2], cyy = s[3], cyz = s[4], czz = s[5];
        bad_mean |= not_finite(px) | not_finite(py) | not_finite(pz);
        bad_covariance |= not_finite(cxx) | not_finite(cxy) | not_finite(cxz);
        bad_covariance |= not_finite(cyy) | not_finite(cyz) | not_finite(czz);
        bad_opacity |= not_finite(opacity);
        float view_x = v[0] * px + v[1] * py + v[2] * pz + v[3];
        float view_y = v[4] * px + v[5] * py + v[6] * pz + v[7];
        float depth = v[8] * px + v[9] * py + v[10] * pz + v[11];
        float inverse = 1.0f / (depth > NEAR_PLANE ? depth : 1.0f);
        float slope_x = view_x * inverse, slope_y = view_y * inverse, scale = focal * inverse;
        float bend_x = -scale * clamp(slope_x, -limit_x, limit_x), bend_y = -scale * clamp(slope_y, -limit_y, limit_y);
        /* Rows of J R: the Jacobian of the projection times the view rotation. */
        float ax = scale * v[0] + bend_x * v[8], ay = scale * v[1] + bend_x * v[9], az = scale * v[2] + bend_x * v[10];
        float bx = scale * v[4] + bend_y * v[8], by = scale * v[5] + bend_y * v[9], bz = scale * v[6] + bend_y * v[10];
        float sax = cxx * ax + cxy * ay + cxz * az, sbx = cxx * bx + cxy * by + cxz * bz;
        float say = cxy * ax + cyy * ay + cyz * az, sby = cxy * bx + cyy * by + cyz * bz;
        float saz = cxz * ax + cyz * ay + czz * az, sbz = cxz * bx + cyz * by + czz * bz;
        out->x[j] = focal * slope_x + center_x;
        out->y[j] = focal * slope_y + center_y;
        out->depth[j] = depth;
        out->xx[j] = ax * sax + ay * say + az * saz + BLUR;
        out->xy[j] = ax * sbx + ay * sby + az * sbz;
        out->yy[j] = bx * sbx + by * sby + bz * sbz + BLUR;
        out->log2_opacity[j] = scalar_log2(opacity > 1e-30f ? opacity : 1e-30f);
    }
    return (bad_mean ? BAD_MEANS : 0) | (bad_covariance ? BAD_COVARIANCES : 0) | (bad_opacity ? BAD_OPACITIES : 0);
}

/* Conics and covered tiles. Tiles are those of the published rasterizer (a square of 3 sigma of the longer axis, cut at
 * tile edges) without those where alpha stays under 1/255. */
static void cover_tiles(const Frame *f, int n, Projection *p) {
    const float columns = (float)f->columns, rows = (float)f->rows;
    for (int j = 0; j < n; j++) {
        float x = p->x[j], y = p->y[j], xx = p->xx[j], xy = p->xy[j], yy = p->yy[j];
        float determinant = xx * yy - xy * xy, log2_peak = p->log2_opacity[j] + LOG2_255;
        int seen = (p->depth[j] > NEAR_PLANE) & (determinant > 0.0f) & (determinant < 1e37f) & (log2_peak >= 0.0f);
        float middle = 0.5f * (xx + yy);
        float radius = ceilf(3.0f * sqrtf(middle + sqrtf(max_float(0.1f, middle * middle - determinant))));
        float spread = 2.0f * LN_2 * max_float(log2_peak, 0.0f); /* alpha >= 1/255 within sqrt(spread) sigma */
        float reach_x = sqrtf(spread * xx) + 1e-3f, reach_y = sqrtf(spread * yy) + 1e-3f;
        float left = max_float(truncf((x - 0.5f - radius) / TILE), floorf((x - 0.5f - reach_x) / TILE));
        float top = max_float(truncf((y - 0.5f - radius) / TILE), floorf((y - 0.5f - reach_y) / TILE));
        float right = min_float(truncf((x + 14.5f + radius) / TILE), floorf((x - 0.5f + reach_x) / TILE) + 1.0f);
        float bottom = min_float(truncf((y + 14.5f + radius) / TILE), floorf((y - 0.5f + reach_y) / TILE) + 1.0f);
        p->x0[j] = (int32_t)clamp(left, 0.0f, columns);
        p->y0[j] = (int32_t)clamp(top, 0.0f, rows);
        p->x1[j] = seen ? (int32_t)clamp(right, 0.0f, columns) : 0;
        p->y1[j] = seen ? (int32_t)clamp(bottom, 0.0f, rows) : 0;
        float k = 0.5f * LOG2_E / determinant;
        p->xx[j] = -k * yy;
        p->xy[j] = 2.0f * k * xy;
        p->yy[j] = -k * xx;
        p->reach_x[j] = reach_x;
        p->reach_y[j] = reach_y;
    }
}

static void pad_features(const Frame *f, int index) {
    const RenderCall *call = f->call;
    float *padded = (float *)f->features + (size_t)index * f->stride;
    memcpy(padded, call->features + (size_t)index * call->channels, call->channels * sizeof(float));
    memset(padded + call->channels, 0, (f->stride - call->channels) * sizeof(float));
}

/* The thread's share of the Gaussians; the visible ones become entries from the start of its share on. */
static void project(Frame *f, int thread) {
    const RenderCall *call = f->call;
    const int begin = share_begin(call->count, thread, f->threads);
    const int end = share_begin(call->count, thread + 1, f->threads);
    const int pad = f->features != call->features;
    uint32_t nearest = UINT32_MAX, farthest = 0;
    Entry *entry = f->entries + begin;
    Projection p;
    for (int first = begin; first < end; first += GROUP) {
        const int n = min_int(GROUP, end - first);
        report(f, project_group(call, first, n, &p));
        cover_tiles(f, n, &p);
        for (int j = 0; j < n; j++) {
            if (p.x1[j] <= p.x0[j] || p.y1[j] <= p.y0[j]) continue;
            const int i = first + j;
            f->splats[i] = (Splat){p.x[j],  p.y[j],            p.xx[j],      p.xy[j],
                                   p.yy[j], p.log2_opacity[j], p.reach_x[j], p.reach_y[j]};
            uint32_t depth;
            memcpy(&depth, &p.depth[j], 4);
            nearest = depth < nearest ? depth : nearest;
            farthest = depth > farthest ? depth : farthest;
            *entry++ = (Entry){depth, p.x0[j], p.y0[j], p.x1[j], p.y1[j], i};
            if (pad) pad_features(f, i);
        }
    }
    f->visible[thread] = (int)(entry - (f->entries + begin));
    f->nearest[thread] = nearest;
    f->farthest[thread] = farthest;
}

/* ---- sort ---- */

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

/* ---- bin ---- */

static void count_tiles(Frame *f, int thread, const Entry *sorted, int count) {
    int32_t *counts = f->tile_counts + (size_t)thread * f->columns * f->rows;
    memset(counts, 0, sizeof(int32_t) * f->columns * f->rows);
    const int end = share_begin(count, thread + 1, f->threads);
    for (int i = share_begin(count, thread, f->threads); i < end; i++)
        for (int y = sorted[i].y0; y < sorted[i].y1; y++)
            for (int x = sorted[i].x0; x < sorted[i].x1; x++) counts[y * f->columns + x]++;
}

/* Turns the counts into list positions and groups tile rows into bands whose lists fit in memory. */
static void plan_bands(Frame *f) {
    const int tiles = f->columns * f->rows;
    int64_t position = 0, largest = 0;
    f->bands = 0;
    for (int row = 0; row < f->rows; row++) {
        int64_t row_total = 0;
        for (int t = 0; t < f->threads; t++)
            for (int x = 0; x < f->columns; x++) row_total += f->tile_counts[(size_t)t * tiles + row * f->columns + x];
        if (row == 0 || position + row_total > MAX_LIST) {
            f->band_rows[f->bands++] = row;
            position = 0;
        }
        if (position + row_total > INT32_MAX) {
            report(f, OUT_OF_MEMORY);
            return;
        }
        for (int tile = row * f->columns; tile < (row + 1) * f->columns; tile++) {
            for (int t = 0; t < f->threads; t++) {
                int32_t *slot = f->tile_counts + (size_t)t * tiles + tile, n = *slot;
                *slot = (int32_t)position;
                position += n;
            }
            f->tile_ends[tile] = (int32_t)position;
        }
        largest = position > largest ? position : largest;
    }
    f->band_rows[f->bands] = f->rows;
    f->lists = reserve(&f->context->lists, sizeof(int32_t) * (size_t)largest);
    if (!f->lists) report(f, OUT_OF_MEMORY);
}

static void fill_lists(Frame *f, int thread, const Entry *sorted, int count, int first_row, int last_row) {
    int32_t *positions = f->tile_counts + (size_t)thread * f->columns * f->rows, *lists = f->lists;
    const int end = share_begin(count, thread + 1, f->threads);
    for (int i = share_begin(count, thread, f->threads); i < end; i++) {
        const Entry e = sorted[i];
        const int y0 = e.y0 > first_row ? e.y0 : first_row, y1 = min_int(e.y1, last_row);
        for (int y = y0; y < y1; y++)
            for (int x = e.x0; x < e.x1; x++) lists[positions[y * f->columns + x]++] = (int32_t)e.index;
    }
}

/* ---- blend ---- */

typedef struct {
    int x, y, width, height; /* pixels; tiles at the right and bottom edge are cut */
    const int32_t *list;
    int length;
} Tile;

static Tile tile_at(const Frame *f, int column, int row, int first_row) {
    const int tile = row * f->columns + column;
    const int begin = row == first_row && column == 0 ? 0 : f->tile_ends[tile - 1];
    return (Tile){column * TILE, row * TILE, min_int(TILE, f->call->width - column * TILE),
                  min_int(TILE, f->call->height - row * TILE), f->lists + begin, f->tile_ends[tile] - begin};
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
 * would bring it under the minimum. `*used` says where the splat counts; returns 0 once no pixel is alive. */
INLINE int composite(const Splat *s, Vec x, Vec y, Vec *transmittance, Mask *alive, Vec *weight, Mask *used) {
    Vec dx = vec(s->x) - x, dy = vec(s->y) - y;
    Vec log2_alpha = (s->xx * dx + s->xy * dy) * dx + (s->yy * dy * dy + s->log2_opacity);
    Mask counts = (log2_alpha >= vec(-LOG2_255)) & *alive;
    Vec alpha = vec_min(vec_exp2(vec_min(log2_alpha, vec(0.0f))), vec(MAX_ALPHA));
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
        Vec weight;
        Mask used;
        const int any_alive = composite(&w->splats[j], x, y, &transmittance, &alive, &weight, &used);
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
            Mask used;
            any_alive = composite(&w->splats[j], x, y, &transmittance, &alive, &w->weights[splats], &used);
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

static void store_tile(Frame *f, const Tile *tile, const Workspace *w, const float *sums) {
    const int narrow = f->stride <= 4;
    int problem = 0;
    for (int b = 0; b < BLOCKS; b++)
        for (int i = 0; i < LANES; i++) {
            const int x = b % 4 * BLOCK_WIDTH + i % BLOCK_WIDTH, y = b / 4 * BLOCK_HEIGHT + i / BLOCK_WIDTH;
            if (x >= tile->width || y >= tile->height) continue;
            const size_t pixel = (size_t)(tile->y + y) * f->call->width + tile->x + x;
            const float *block = sums + (size_t)b * LANES * f->stride, transmittance = w->transmittance[b][i];
            if (narrow) store_pixel(f, pixel, block + i, LANES, transmittance, &problem);
            else store_pixel(f, pixel, block + i * f->stride, 1, transmittance, &problem);
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

/* Tiles are handed out in strips of four rows, column by column: neighbors share most of their splats. */
static void blend_band(Frame *f, int thread, int first_row, int last_row) {
    const int strip = 4, tiles = (last_row - first_row) * f->columns;
    Workspace *w = reserve(&f->context->workspaces[thread], sizeof *w);
    float *sums = reserve(&f->context->sums[thread], sizeof(float) * TILE * TILE * f->stride);
    for (int i; (i = __atomic_fetch_add(&f->next_tile, 1, __ATOMIC_RELAXED)) < tiles;) {
        const int strip_row = i / (strip * f->columns) * strip, within = i - strip_row * f->columns;
        const int height = min_int(strip, last_row - first_row - strip_row);
        const Tile tile = tile_at(f, within / height, first_row + strip_row + within % height, first_row);
        blend_tile(f, &tile, w, sums);
    }
}

/* ---- a frame ---- */

static void work(Frame *f, int thread) {
    project(f, thread);
    sync_threads(f);
    if (f->status) return;
    int count;
    const Entry *sorted = sort_by_depth(f, thread, &count);
    count_tiles(f, thread, sorted, count);
    sync_threads(f);
    if (thread == 0) plan_bands(f);
    sync_threads(f);
    if (f->status) return;
    for (int band = 0; band < f->bands; band++) {
        const int first_row = f->band_rows[band], last_row = f->band_rows[band + 1];
        if (thread == 0) f->next_tile = 0;
        fill_lists(f, thread, sorted, count, first_row, last_row);
        sync_threads(f);
        blend_band(f, thread, first_row, last_row);
        sync_threads(f);
    }
}

/* A helper thread waits until it is known how many could be started. */
THREAD_FUNCTION(helper_main, argument) {
    Worker *worker = argument;
    while (!__atomic_load_n(&worker->frame->threads, __ATOMIC_ACQUIRE)) thread_yield();
    work(worker->frame, worker->index);
    THREAD_RETURN;
}

static int reserve_frame(Frame *f, int threads) {
    const RenderCall *call = f->call;
    Context *context = f->context;
    const size_t count = call->count, tiles = (size_t)f->columns * f->rows;
    int complete = 1;
    complete &= (f->splats = reserve(&context->splats, count * sizeof(Splat))) != NULL;
    complete &= (f->entries = reserve(&context->entries, count * sizeof(Entry))) != NULL;
    complete &= (f->sorted = reserve(&context->sorted, count * sizeof(Entry))) != NULL;
    complete &= (f->digits = reserve(&context->digits, (size_t)threads * sizeof(int32_t) << MAX_DIGIT_BITS)) != NULL;
    complete &= (f->tile_counts = reserve(&context->tile_counts, threads * tiles * sizeof(int32_t))) != NULL;
    complete &= (f->tile_ends = reserve(&context->tile_ends, tiles * sizeof(int32_t))) != NULL;
    complete &= (f->band_rows = reserve(&context->band_rows, (f->rows + 1) * sizeof(int32_t))) != NULL;
    for (int t = 0; t < threads; t++) {
        complete &= reserve(&context->workspaces[t], sizeof(Workspace)) != NULL;
        complete &= reserve(&context->sums[t], sizeof(float) * TILE * TILE * f->stride) != NULL;
    }
    f->features = call->features;
    if (f->stride != call->channels)
        complete &= (f->features = reserve(&context->features, count * f->stride * sizeof(float))) != NULL;
    return complete;
}

API void *raster_create(void) { return calloc(1, sizeof(Context)); }

API void raster_destroy(void *handle) {
    Context *c = handle;
    if (!c) return;
    Buffer *shared[] = {&c->splats,    &c->entries,   &c->sorted, &c->digits,  &c->tile_counts,
                        &c->tile_ends, &c->band_rows, &c->lists,  &c->features};
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) free(shared[i]->memory);
    for (int t = 0; t < MAX_THREADS; t++) {
        free(c->workspaces[t].memory);
        free(c->sums[t].memory);
    }
    free(c);
}

/* Renders one frame; 0, or the problems found as bits. A context serves one caller at a time. */
API int raster_render(void *context, const RenderCall *call) {
    const int threads = call->threads < 1 ? 1 : min_int(call->threads, MAX_THREADS);
    Frame f = {.call = call, .context = context};
    f.columns = (call->width + TILE - 1) / TILE;
    f.rows = (call->height + TILE - 1) / TILE;
    f.stride = call->channels == 3 ? 3 : call->channels <= 4 ? 4 : (call->channels + 15) & ~15;
    if (!reserve_frame(&f, threads)) return OUT_OF_MEMORY;
    Thread handles[MAX_THREADS];
    Worker helpers[MAX_THREADS];
    int started = 1;
    for (; started < threads; started++) {
        helpers[started] = (Worker){&f, started};
        if (!thread_start(&handles[started], helper_main, &helpers[started])) break;
    }
    __atomic_store_n(&f.threads, started, __ATOMIC_RELEASE);
    work(&f, 0);
    for (int t = 1; t < started; t++) thread_join(handles[t]);
    return f.status;
}

/* Number of the interface: the caller refuses a library of another one. */
API int raster_interface(void) { return 1; }

API int raster_lanes(void) { return LANES; }
