/* What the phases of a frame share: the call, the scratch memory, the lists. */
#ifndef GAGAVATAR_FRAME_H
#define GAGAVATAR_FRAME_H

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "simd.h"
#include "threads.h"

#define TILE 16
#define MAX_THREADS 64
#define MAX_DIGIT_BITS 11
#ifndef MAX_LIST
#define MAX_LIST (1 << 25)      /* splat-tile pairs held at once (128 MB), however large the splats are */
#endif
#define MAX_PAIRS (1LL << 33)   /* in all bands together: beyond this a frame would take minutes */

#define NEAR_PLANE 0.2f
#define FIELD_MARGIN 1.3f       /* beyond this multiple of the field of view the Jacobian is held fixed */
#define BLUR 0.3f               /* px^2 added to the diagonal of the projected covariance */
#define MAX_ALPHA 0.99f
#define MIN_TRANSMITTANCE 1e-4f
#define LOG2_E 1.44269504f
#define LN_2 0.69314718f
#define LOG2_255 7.99435344f    /* contributions under 1/255 are skipped */

enum { BAD_MEANS = 1, BAD_COVARIANCES = 2, BAD_OPACITIES = 4, BAD_FEATURES = 8, OUT_OF_MEMORY = 16, TOO_DENSE = 32 };

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

/* What a loss says of a frame on black, and what follows for the Gaussians. */
typedef struct {
    RenderCall frame;         /* its background, image and alpha are not used */
    const float *to_image;    /* NULL or [height, width, channels] d loss / d image */
    const float *to_alpha;    /* NULL or [height, width] d loss / d alpha */
    float *to_means, *to_covariances, *to_opacities, *to_features; /* shaped like the Gaussians */
} GradientCall;

/* log2 of the alpha at a pixel: xx*dx^2 + xy*dx*dy + yy*dy^2 + log2(opacity). */
typedef struct {
    float x, y, xx, xy, yy, log2_opacity;
    float reach_x, reach_y; /* half extents of the box outside which alpha is under 1/255 */
} Splat;

/* Tiles, end exclusive. */
typedef struct {
    uint16_t x0, y0, x1, y1;
} Rect;

typedef struct {
    uint32_t depth; /* bits of a positive float: they sort like the number */
    Rect tiles;
    uint32_t index;
} Entry;

typedef struct {
    void *memory;
    size_t size;
} Buffer;

/* Scratch memory of one thread. */
typedef struct {
    Buffer workspace, sums, records, recorded_splats, segments;
} ThreadBuffers;

/* Scratch memory that one caller reuses from frame to frame. */
typedef struct {
    Buffer splats, entries, sorted, digits, tile_counts, tile_ends, bands, lists, features;
    Buffer rects, first_pairs, pairs, pair_rows, rows, moments;
    ThreadBuffers threads[MAX_THREADS];
} Context;

typedef struct Frame {
    const RenderCall *call;
    const GradientCall *gradient; /* NULL where the frame is drawn */
    Context *context;
    void (*work)(struct Frame *, int thread);
    Splat *splats;
    Entry *entries, *sorted;
    const float *features; /* [count, stride] */
    int32_t *digits;       /* [threads, 1 << MAX_DIGIT_BITS] */
    int32_t *tile_counts;  /* [threads, tiles] */
    int32_t *tile_ends;    /* [tiles] end of a tile's list within its band */
    Rect *bands;           /* [band_count] groups of tiles that are listed together: whole rows, or part of one row */
    int32_t *lists;        /* splats of a band's tiles, front to back */
    int stride;            /* channels rounded up to what the inner loops take */
    int columns, rows, band_count, next_tile, status, threads;
    int64_t pairs[MAX_THREADS];
    int visible[MAX_THREADS];
    uint32_t nearest[MAX_THREADS], farthest[MAX_THREADS];
    Barrier barrier;

    /* For gradients alone; see gradient.h. */
    Rect *rects;           /* [count] tiles that each splat covers, empty where it is not seen */
    int32_t *first_pairs;  /* [count] where a splat's pairs begin in the band: one for each of its tiles, row by row */
    int32_t *pair_ids;     /* of the entries of `lists` */
    int32_t *pair_rows;    /* by pair: 1 + its row of `row_memory`, 0 for none */
    float *row_memory, *moments;
    int row_size, next_row, row_capacity;
    int band_pairs[MAX_THREADS];
} Frame;

typedef struct {
    Frame *frame;
    int index;
} Worker;

/* At least `size` bytes, aligned for vectors; contents are lost when the buffer grows. */
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

/* `reserve`, keeping the first `used` bytes. */
static void *extend(Buffer *b, size_t used, size_t size) {
    const size_t alignment = 64;
    if (b->size >= size + alignment) return reserve(b, size);
    Buffer larger = {NULL, 0};
    void *to = reserve(&larger, size + size / 2);
    if (to && used) memcpy(to, reserve(b, used), used);
    free(b->memory);
    *b = larger;
    return to;
}

static void sync_threads(Frame *f) { barrier_wait(&f->barrier, f->threads); }

static void report(Frame *f, int problem) {
    if (problem) __atomic_fetch_or(&f->status, problem, __ATOMIC_RELAXED);
}

static int share_begin(int n, int thread, int threads) { return (int)((int64_t)n * thread / threads); }

INLINE int min_int(int a, int b) { return a < b ? a : b; }
INLINE int max_int(int a, int b) { return a > b ? a : b; }
INLINE float min_float(float a, float b) { return a < b ? a : b; }
INLINE float max_float(float a, float b) { return a > b ? a : b; }
/* Not-a-number becomes `low`. */
INLINE float clamp(float x, float low, float high) { return min_float(max_float(x, low), high); }
INLINE int not_finite(float x) { return x - x != 0.0f; }

INLINE Rect common_tiles(Rect a, Rect b) {
    Rect r = {max_int(a.x0, b.x0), max_int(a.y0, b.y0), min_int(a.x1, b.x1), min_int(a.y1, b.y1)};
    if (r.x1 < r.x0) r.x1 = r.x0;
    if (r.y1 < r.y0) r.y1 = r.y0;
    return r;
}

INLINE int32_t tiles_in(Rect r) { return (int32_t)(r.x1 - r.x0) * (r.y1 - r.y0); }

#endif
