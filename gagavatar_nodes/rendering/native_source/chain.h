/* From what the pixels say of the splats back to the Gaussians: the projection's chain rule. */
#ifndef GAGAVATAR_CHAIN_H
#define GAGAVATAR_CHAIN_H

#include "gradient.h"

typedef struct {
    double xx, xy, yy;
} Symmetric;

/* d loss / d projected covariance, whose inverse `k` is: K Q K / 2 for Q the second moments. `xy` is that of the one
 * number that stands at both places. */
static Symmetric to_projected(Symmetric k, const float *moments) {
    const double qxx = moments[3], qxy = moments[4], qyy = moments[5];
    const double ax = k.xx * qxx + k.xy * qxy, ay = k.xx * qxy + k.xy * qyy;
    const double bx = k.xy * qxx + k.yy * qxy, by = k.xy * qxy + k.yy * qyy;
    return (Symmetric){0.5 * (ax * k.xx + ay * k.xy), ax * k.xy + ay * k.yy, 0.5 * (bx * k.xy + by * k.yy)};
}

/* Gradients of one Gaussian from its moments, in double precision: an ill-shaped splat's inverse magnifies rounding.
 * Beyond the margin of the field of view they follow the published backward pass, which lets neither x nor y act on the
 * Jacobian, and z as if x and y went with it. */
static void chain_gaussian(const RenderCall *call, int i, const float *moments, float *to_mean, float *to_covariance,
                           float *to_opacity) {
    const float *v = call->view, *m = call->means + 3 * (size_t)i, *s = call->covariances + 6 * (size_t)i;
    const double focal = call->focal;
    const double limit[2] = {FIELD_MARGIN * 0.5 * call->width / focal, FIELD_MARGIN * 0.5 * call->height / focal};
    double p[3];
    for (int k = 0; k < 3; k++)
        p[k] = (double)v[4 * k] * m[0] + (double)v[4 * k + 1] * m[1] + (double)v[4 * k + 2] * m[2] + v[4 * k + 3];
    const double z = p[2], scale = focal / z;
    double slope[2], held[2], rows[2][3], sigma[2][3]; /* rows of J R, and those times the covariance */
    for (int k = 0; k < 2; k++) {
        slope[k] = p[k] / z;
        held[k] = slope[k] < -limit[k] ? -limit[k] : slope[k] > limit[k] ? limit[k] : slope[k];
        for (int j = 0; j < 3; j++) rows[k][j] = scale * (v[4 * k + j] - held[k] * v[8 + j]);
        const double x = rows[k][0], y = rows[k][1], w = rows[k][2];
        sigma[k][0] = s[0] * x + s[1] * y + s[2] * w;
        sigma[k][1] = s[1] * x + s[3] * y + s[4] * w;
        sigma[k][2] = s[2] * x + s[4] * y + s[5] * w;
    }
    const double *a = rows[0], *b = rows[1];
    const double xx = a[0] * sigma[0][0] + a[1] * sigma[0][1] + a[2] * sigma[0][2] + BLUR;
    const double xy = a[0] * sigma[1][0] + a[1] * sigma[1][1] + a[2] * sigma[1][2];
    const double yy = b[0] * sigma[1][0] + b[1] * sigma[1][1] + b[2] * sigma[1][2] + BLUR;
    const double inverse = 1.0 / (xx * yy - xy * xy);
    const Symmetric k = {yy * inverse, -xy * inverse, xx * inverse}, g = to_projected(k, moments);

    const double to_center[2] = {-(k.xx * moments[1] + k.xy * moments[2]), -(k.xy * moments[1] + k.yy * moments[2])};
    double to_point[3] = {0.0, 0.0, 0.0};
    for (int axis = 0; axis < 2; axis++) {
        const double own = axis == 0 ? g.xx : g.yy;
        double along = 0.0, across = 0.0; /* of the scale's and the bend's row of the rotation */
        for (int j = 0; j < 3; j++) {
            const double to_row = 2.0 * own * sigma[axis][j] + g.xy * sigma[1 - axis][j];
            along += to_row * v[4 * axis + j];
            across += to_row * v[8 + j];
        }
        const int inside = held[axis] == slope[axis];
        to_point[axis] += scale * to_center[axis] - (inside ? across * scale / z : 0.0);
        to_point[2] += (2.0 * held[axis] * across - along - slope[axis] * z * to_center[axis]) * scale / z;
    }
    for (int j = 0; j < 3; j++)
        to_mean[j] = (float)(v[j] * to_point[0] + v[4 + j] * to_point[1] + v[8 + j] * to_point[2]);
    const int upper[6][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}};
    for (int e = 0; e < 6; e++) {
        const int r = upper[e][0], c = upper[e][1];
        const double value = g.xx * a[r] * a[c] + 0.5 * g.xy * (a[r] * b[c] + a[c] * b[r]) + g.yy * b[r] * b[c];
        to_covariance[e] = (float)(r == c ? value : 2.0 * value);
    }
    *to_opacity = moments[0] / call->opacities[i];
}

static void chain_to_gaussians(Frame *f, int thread) {
    const GradientCall *call = f->gradient;
    const int end = share_begin(f->call->count, thread + 1, f->threads);
    for (int i = share_begin(f->call->count, thread, f->threads); i < end; i++) {
        float *to_mean = call->to_means + 3 * (size_t)i, *to_covariance = call->to_covariances + 6 * (size_t)i;
        if (tiles_in(f->rects[i])) {
            chain_gaussian(f->call, i, f->moments + (size_t)i * MOMENTS, to_mean, to_covariance, call->to_opacities + i);
            continue;
        }
        memset(to_mean, 0, 3 * sizeof(float));
        memset(to_covariance, 0, 6 * sizeof(float));
        call->to_opacities[i] = 0.0f;
    }
}

#endif
