/* The functions of terms (builder/cells/term.py, builder/cells/plan/derivative.py) on single numbers, in single precision.

   Each is a straight line of arithmetic and choices, so that a C compiler makes one instruction of several
   numbers at once; only pow, log and erf are left to the C library. What is no number stays none. */

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Says of the loop that follows that no step of it reads what another wrote. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif

/* Windows exports what is said to be. */
#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED
#endif

/* 2 to the k, for k from -126 to 127: the exponent's bits of a float. Unsigned, so that any k gives a number. */
static inline float two_to(int32_t k) {
    const uint32_t bits = (uint32_t)(k + 127) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* e^x = 2^n e^r with |r| <= ln 2 / 2: n by rounding, ln 2 in two parts (Cody and Waite), e^r by the polynomial of
   the Cephes library's expf (Moshier). In two factors 2^n reaches from the denormal numbers to infinity. */
static inline float f_exp(float x) {
    const float rounding = 12582912.0f; /* 3 * 2^22: what is added to it loses its fraction */
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    const float sum = x * 1.44269504f + rounding;
    const float n = sum - rounding;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    const float e = p * r * r + r + 1.0f;
    uint32_t bits; /* those of n are the last of the sum; NaN could not be converted */
    memcpy(&bits, &sum, sizeof bits);
    const int32_t k = (int32_t)(bits - 0x4B400000u), half = k / 2;
    return e * two_to(half) * two_to(k - half);
}

static inline float f_add(float a, float b) { return a + b; }
static inline float f_subtract(float a, float b) { return a - b; }
static inline float f_multiply(float a, float b) { return a * b; }
static inline float f_divide(float a, float b) { return a / b; }
static inline float f_power(float a, float b) { return powf(a, b); }
static inline float f_negative(float a) { return -a; }
static inline float f_addcmul(float a, float b, float c) { return a + b * c; }
static inline float f_subcmul(float a, float b, float c) { return a - b * c; }
static inline float f_lerp(float a, float b, float z) {
    const float d = b - a;
    return z < 0.5f ? a + z * d : b - d * (1.0f - z);
}
static inline float f_minimum(float a, float b) { return a < b || a != a ? a : b; }
static inline float f_maximum(float a, float b) { return a > b || a != a ? a : b; }
static inline float f_identity(float a) { return a; }
static inline float f_sigmoid(float a) { return 1.0f / (1.0f + f_exp(-a)); }
static inline float f_tanh(float a) { return 2.0f / (1.0f + f_exp(-2.0f * a)) - 1.0f; } /* within 2e-7 */
static inline float f_relu(float a) { return a < 0.0f ? 0.0f : a; }
static inline float f_log(float a) { return logf(a); }
static inline float f_sqrt(float a) { return sqrtf(a); }
static inline float f_abs(float a) { return fabsf(a); }
static inline float f_softplus(float a) { return a > 20.0f ? a : log1pf(f_exp(a)); }
static inline float f_softsign(float a) { return a / (1.0f + fabsf(a)); }
static inline float f_elu(float a) { return a > 0.0f ? a : f_exp(a) - 1.0f; }
static inline float f_silu(float a) { return a / (1.0f + f_exp(-a)); }
static inline float f_gelu(float a) { return 0.5f * a * (1.0f + erff(a * 0.70710678f)); }
static inline float f_hardsigmoid(float a) {
    const float b = a + 3.0f;
    return (b < 0.0f ? 0.0f : b > 6.0f ? 6.0f : b) / 6.0f;
}
static inline float f_hardtanh(float a) { return a < -1.0f ? -1.0f : a > 1.0f ? 1.0f : a; }

/* What only derivatives are made of. Of a function's backward rule: the adjoint, then what it goes by. */
static inline float f_sign(float a) { return a > 0.0f ? 1.0f : a < 0.0f ? -1.0f : 0.0f; }
static inline float f_heaviside(float a) { return a == 0.0f ? 0.5f : a > 0.0f ? 1.0f : 0.0f; }
static inline float f_xlogy(float a, float b) { return a == 0.0f && b == b ? 0.0f : a * logf(b); }
static inline float f_sigmoid_backward(float g, float y) { return g * (1.0f - y) * y; }
static inline float f_tanh_backward(float g, float y) { return g * (1.0f - y * y); }
static inline float f_relu_backward(float g, float y) { return y <= 0.0f ? 0.0f : g; }
static inline float f_elu_backward(float g, float y) { return y <= 0.0f ? g * (y + 1.0f) : g; }
static inline float f_softplus_backward(float g, float a) { return a > 20.0f ? g : g * f_sigmoid(a); }
static inline float f_silu_backward(float g, float a) {
    const float s = f_sigmoid(a);
    return g * s * (1.0f + a * (1.0f - s));
}
static inline float f_gelu_backward(float g, float a) {
    const float below = 0.5f * (1.0f + erff(a * 0.70710678f));
    return g * (below + a * 0.39894228f * f_exp(-0.5f * a * a));
}
static inline float f_hardsigmoid_backward(float g, float a) { return a > -3.0f && a < 3.0f ? g / 6.0f : 0.0f; }
static inline float f_hardtanh_backward(float g, float a) { return a <= -1.0f || a >= 1.0f ? 0.0f : g; }
