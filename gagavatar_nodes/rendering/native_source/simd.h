/* Vectors of 32-bit lanes by the GCC/Clang vector extension: the compiler lowers them to AVX-512, AVX2, SSE or NEON. */
#ifndef GAGAVATAR_SIMD_H
#define GAGAVATAR_SIMD_H

#include <stdint.h>
#include <string.h>
#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define LANES 16
#else
#define LANES 8
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float Vec __attribute__((vector_size(LANES * 4), aligned(LANES * 4)));
typedef float VecUnaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint32_t Bits __attribute__((vector_size(LANES * 4), aligned(LANES * 4)));
typedef int32_t Mask __attribute__((vector_size(LANES * 4), aligned(LANES * 4))); /* a lane is 0 or -1 */

INLINE Vec vec(float x) { return (Vec){0} + x; }
INLINE Mask mask_all(void) { return (Mask){0} - 1; }
INLINE Vec vec_where(Mask m, Vec a, Vec b) { return (Vec)(((Mask)a & m) | ((Mask)b & ~m)); }
INLINE Vec vec_keep(Mask m, Vec a) { return (Vec)((Mask)a & m); }

INLINE Vec vec_min(Vec a, Vec b) {
#if LANES == 16
    return (Vec)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (Vec)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return vec_where(a < b, a, b);
#endif
}

INLINE int mask_any(Mask m) {
#if LANES == 16
    return _mm512_movepi32_mask((__m512i)m) != 0;
#elif defined(__AVX2__)
    return !_mm256_testz_si256((__m256i)m, (__m256i)m);
#else
    uint64_t words[LANES / 2], any = 0;
    memcpy(words, &m, sizeof words);
    for (int i = 0; i < LANES / 2; i++) any |= words[i];
    return any != 0;
#endif
}

/* 2^x for -100 < x <= 0, relative error under 3e-7: minimax polynomial on the fraction, exponent added to the bits. */
INLINE Vec vec_exp2(Vec x) {
#if LANES == 16
    Vec whole = (Vec)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT), f = x - whole;
#else
    const Vec round_magic = vec(12582912.0f); /* 1.5 * 2^23: adding it leaves the nearest integer in the low bits */
    Vec whole = x + round_magic, f = x - (whole - round_magic);
#endif
    Vec p = vec(1.3276472e-3f);
    p = p * f + vec(9.6755415e-3f);
    p = p * f + vec(5.5507133e-2f);
    p = p * f + vec(2.4022120e-1f);
    p = p * f + vec(6.9314697e-1f);
    p = p * f + vec(1.0f);
#if LANES == 16
    return (Vec)_mm512_scalef_ps((__m512)p, (__m512)whole);
#else
    /* Unsigned: the bits of `round_magic` leave the lane, as they should. */
    return (Vec)((Bits)p + ((Bits)whole << 23));
#endif
}

/* log2 of a positive normal number: exponent plus the atanh series of the mantissa. Vectorizes in a loop. */
INLINE float scalar_log2(float x) {
    int32_t bits, exponent;
    memcpy(&bits, &x, 4);
    exponent = (bits - 0x3f3504f3) >> 23; /* mantissa into sqrt(1/2)..sqrt(2) */
    bits -= exponent * (1 << 23);
    memcpy(&x, &bits, 4);
    float y = (x - 1.0f) / (x + 1.0f), y2 = y * y;
    float p = 0.3205989f;
    p = p * y2 + 0.41219858f;
    p = p * y2 + 0.57707802f;
    p = p * y2 + 0.96179669f;
    p = p * y2 + 2.88539008f;
    return p * y + (float)exponent;
}

#endif
