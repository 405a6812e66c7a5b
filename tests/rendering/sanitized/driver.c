/* Draws and differentiates scenes from a file, for the sanitizers to watch; prints the two results of each.
 * A scene: int32 count, channels, width, height, threads, background (0 none, 1 color, 2 picture); float focal, view[12],
 * then means, covariances, opacities, features, background, gradient of the image, gradient of alpha. */
#include <stdio.h>

#include "rasterizer.c"

/* Exactly as large as it must be, so that a step outside is seen. */
static float *read_floats(FILE *file, size_t count) {
    float *values = malloc(count * sizeof(float) + (count == 0));
    if (!values || fread(values, sizeof(float), count, file) != count) exit(2);
    return values;
}

static float *blank(size_t count) { return malloc(count * sizeof(float) + (count == 0)); }

int main(int argc, char **argv) {
    FILE *file = fopen(argv[argc - 1], "rb");
    int32_t head[6];
    if (!file) return 2;
    void *context = raster_create();
    while (fread(head, sizeof head, 1, file) == 1) {
        const size_t n = head[0], channels = head[1], pixels = (size_t)head[2] * head[3];
        RenderCall call = {.count = head[0], .channels = head[1], .width = head[2], .height = head[3], .threads = head[4]};
        float *view = read_floats(file, 13);
        call.focal = view[0];
        memcpy(call.view, view + 1, sizeof call.view);
        float *means = read_floats(file, 3 * n), *covariances = read_floats(file, 6 * n), *opacities = read_floats(file, n);
        float *features = read_floats(file, n * channels);
        float *background = head[5] ? read_floats(file, head[5] == 2 ? pixels * channels : channels) : NULL;
        float *to_image = read_floats(file, pixels * channels), *to_alpha = read_floats(file, pixels);
        float *image = blank(pixels * channels), *alpha = blank(pixels);
        float *results[4] = {blank(3 * n), blank(6 * n), blank(n), blank(n * channels)};
        call.means = means, call.covariances = covariances, call.opacities = opacities, call.features = features;
        call.background = background, call.background_is_image = head[5] == 2, call.image = image, call.alpha = alpha;
        const int drawn = raster_render(context, &call);
        const GradientCall gradient = {call, to_image, to_alpha, results[0], results[1], results[2], results[3]};
        printf("%d %d\n", drawn, raster_gradient(context, &gradient));
        float *given[] = {view, means, covariances, opacities, features, background, to_image, to_alpha, image, alpha};
        for (int i = 0; i < 10; i++) free(given[i]);
        for (int i = 0; i < 4; i++) free(results[i]);
    }
    raster_destroy(context);
    fclose(file);
    return 0;
}
