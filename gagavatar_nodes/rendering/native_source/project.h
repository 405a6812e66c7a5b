/* View-space depth, conic and covered tiles of every Gaussian; what covers no tile is dropped. */
#ifndef GAGAVATAR_PROJECT_H
#define GAGAVATAR_PROJECT_H

#include "frame.h"

#define GROUP 64 /* Gaussians projected together, small enough for the first-level cache */

typedef struct {
    float x[GROUP], y[GROUP], depth[GROUP], xx[GROUP], xy[GROUP], yy[GROUP], log2_opacity[GROUP];
    float reach_x[GROUP], reach_y[GROUP];
    int32_t x0[GROUP], y0[GROUP], x1[GROUP], y1[GROUP];
} Projection;

/* EWA projection of `n` Gaussians from `first` on, equations 29 and 31 of Zwicker et al.; returns problems found. */
static int project_group(const RenderCall *call, int first, int n, Projection *out) {
    const float *v = call->view, focal = call->focal;
    const float center_x = 0.5f * call->width, center_y = 0.5f * call->height;
    const float limit_x = FIELD_MARGIN * center_x / focal, limit_y = FIELD_MARGIN * center_y / focal;
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
    int64_t pairs = 0;
    Entry *entry = f->entries + begin;
    Projection p;
    for (int first = begin; first < end; first += GROUP) {
        const int n = min_int(GROUP, end - first);
        report(f, project_group(call, first, n, &p));
        cover_tiles(f, n, &p);
        for (int j = 0; j < n; j++) {
            const int i = first + j, seen = p.x0[j] < p.x1[j] && p.y0[j] < p.y1[j];
            const Rect tiles = {p.x0[j], p.y0[j], p.x1[j], p.y1[j]};
            if (f->rects) f->rects[i] = seen ? tiles : (Rect){0, 0, 0, 0};
            if (!seen) continue;
            f->splats[i] = (Splat){p.x[j],  p.y[j],            p.xx[j],      p.xy[j],
                                   p.yy[j], p.log2_opacity[j], p.reach_x[j], p.reach_y[j]};
            uint32_t depth;
            memcpy(&depth, &p.depth[j], 4);
            nearest = depth < nearest ? depth : nearest;
            farthest = depth > farthest ? depth : farthest;
            *entry++ = (Entry){depth, tiles, i};
            pairs += tiles_in(tiles);
            if (pad) pad_features(f, i);
        }
    }
    f->visible[thread] = (int)(entry - (f->entries + begin));
    f->pairs[thread] = pairs;
    f->nearest[thread] = nearest;
    f->farthest[thread] = farthest;
}

#endif
