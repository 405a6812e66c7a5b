/* 3D Gaussian splatting on a CPU: EWA projection (Zwicker et al. 2002) and front-to-back blending in 16-pixel tiles as
 * in 3D Gaussian Splatting (arXiv 2308.04079), for any number of feature channels, and the gradients of the result.
 *
 * All threads walk through the same phases with a barrier between them:
 *   project   view-space depth, conic and covered tiles of every Gaussian; what covers no tile is dropped
 *   sort      one stable radix sort of the survivors by the bits of their depth
 *   bin       counting scatter of the sorted splats into per-tile lists, a band of tiles at a time
 *   blend     a tile at a time: per block of pixels a list of the splats that reach it, transmittance in registers,
 *             then a small dense product weights x features
 * For gradients the last phase is another, and two follow:
 *   gradient  a tile at a time: blended again, then back to front what each splat did to the loss there
 *   gather    each splat's sum over its tiles, in their order: the same for any number of threads
 *   chain     from splats back to Gaussians
 */
#include "blend.h"
#include "chain.h"
#include "gradient.h"
#include "project.h"
#include "sort.h"

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

/* Visible splats by depth and how many a tile has; NULL where there is a problem. */
static const Entry *sort_and_count(Frame *f, int thread, int *count) {
    project(f, thread);
    sync_threads(f);
    int64_t pairs = 0;
    for (int t = 0; t < f->threads; t++) pairs += f->pairs[t];
    if (pairs > MAX_PAIRS) report(f, TOO_DENSE);
    if (f->status) return NULL;
    const Entry *sorted = sort_by_depth(f, thread, count);
    count_tiles(f, thread, sorted, *count);
    sync_threads(f);
    return sorted;
}

static void draw(Frame *f, int thread) {
    int count;
    const Entry *sorted = sort_and_count(f, thread, &count);
    if (!sorted) return;
    if (thread == 0) plan_bands(f, MAX_LIST);
    sync_threads(f);
    if (f->status) return;
    for (int b = 0; b < f->band_count; b++) {
        if (thread == 0) f->next_tile = 0;
        fill_lists(f, thread, sorted, count, f->bands[b]);
        sync_threads(f);
        blend_band(f, thread, f->bands[b]);
        sync_threads(f);
    }
}

static void differentiate(Frame *f, int thread) {
    int count;
    const Entry *sorted = sort_and_count(f, thread, &count);
    if (!sorted) return;
    if (thread == 0) plan_gradient(f);
    sync_threads(f);
    if (f->status) return;
    for (int b = 0; b < f->band_count; b++) {
        if (thread == 0) f->next_tile = f->next_row = 0;
        number_pairs(f, thread, f->bands[b]);
        fill_lists(f, thread, sorted, count, f->bands[b]);
        sync_threads(f);
        gradient_band(f, thread, f->bands[b]);
        sync_threads(f);
        gather_rows(f, thread, f->bands[b], b == 0);
        sync_threads(f);
    }
    chain_to_gaussians(f, thread);
}

/* A helper thread waits until it is known how many could be started. */
THREAD_FUNCTION(helper_main, argument) {
    Worker *worker = argument;
    while (!__atomic_load_n(&worker->frame->threads, __ATOMIC_ACQUIRE)) thread_yield();
    worker->frame->work(worker->frame, worker->index);
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
    complete &= (f->bands = reserve(&context->bands, tiles * sizeof(Rect))) != NULL;
    for (int t = 0; t < threads && !f->gradient; t++) {
        complete &= reserve(&context->threads[t].workspace, sizeof(Workspace)) != NULL;
        complete &= reserve(&context->threads[t].sums, sizeof(float) * TILE * TILE * f->stride) != NULL;
    }
    f->features = call->features;
    if (f->stride != call->channels)
        complete &= (f->features = reserve(&context->features, count * f->stride * sizeof(float))) != NULL;
    return complete && (!f->gradient || reserve_gradient(f, threads));
}

/* Runs `f->work` on all threads; 0, or the problems found as bits. */
static int run(Frame *f) {
    const RenderCall *call = f->call;
    const int threads = call->threads < 1 ? 1 : min_int(call->threads, MAX_THREADS);
    f->columns = (call->width + TILE - 1) / TILE;
    f->rows = (call->height + TILE - 1) / TILE;
    f->stride = call->channels == 3 ? 3 : call->channels <= 4 ? 4 : (call->channels + 15) & ~15;
    if (!reserve_frame(f, threads)) return OUT_OF_MEMORY;
    Thread handles[MAX_THREADS];
    Worker helpers[MAX_THREADS];
    int started = 1;
    for (; started < threads; started++) {
        helpers[started] = (Worker){f, started};
        if (!thread_start(&handles[started], helper_main, &helpers[started])) break;
    }
    __atomic_store_n(&f->threads, started, __ATOMIC_RELEASE);
    f->work(f, 0);
    for (int t = 1; t < started; t++) thread_join(handles[t]);
    return f->status;
}

API void *raster_create(void) { return calloc(1, sizeof(Context)); }

API void raster_destroy(void *handle) {
    Context *c = handle;
    if (!c) return;
    /* A context is buffers from end to end. */
    Buffer *buffers = handle;
    for (size_t i = 0; i < sizeof *c / sizeof *buffers; i++) free(buffers[i].memory);
    free(c);
}

/* Draws one frame; 0, or the problems found as bits. A context serves one caller at a time. */
API int raster_render(void *context, const RenderCall *call) {
    Frame f = {.call = call, .context = context, .work = draw};
    return run(&f);
}

/* Gradients of one frame on black; 0, or the problems found as bits, which leave the gradients undefined. */
API int raster_gradient(void *context, const GradientCall *call) {
    Frame f = {.call = &call->frame, .gradient = call, .context = context, .work = differentiate};
    return run(&f);
}

/* Number of the interface: the caller refuses a library of another one. */
API int raster_interface(void) { return 2; }

API int raster_lanes(void) { return LANES; }
