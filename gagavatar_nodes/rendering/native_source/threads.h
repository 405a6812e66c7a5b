/* The little that the rasterizer needs of threads: start, join, a spinning barrier. POSIX and Win32. */
#ifndef GAGAVATAR_THREADS_H
#define GAGAVATAR_THREADS_H

#include <stdint.h>
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
typedef HANDLE Thread;
#define THREAD_FUNCTION(name, argument) static DWORD WINAPI name(LPVOID argument)
#define THREAD_RETURN return 0
static int thread_start(Thread *t, LPTHREAD_START_ROUTINE run, void *argument) {
    *t = CreateThread(NULL, 0, run, argument, 0, NULL);
    return *t != NULL;
}
static void thread_join(Thread t) {
    WaitForSingleObject(t, INFINITE);
    CloseHandle(t);
}
static void thread_yield(void) { SwitchToThread(); }
#else
#include <pthread.h>
#include <sched.h>
typedef pthread_t Thread;
#define THREAD_FUNCTION(name, argument) static void *name(void *argument)
#define THREAD_RETURN return NULL
static int thread_start(Thread *t, void *(*run)(void *), void *argument) {
    return pthread_create(t, NULL, run, argument) == 0;
}
static void thread_join(Thread t) { pthread_join(t, NULL); }
static void thread_yield(void) { sched_yield(); }
#endif

static inline void cpu_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

typedef struct {
    int32_t arrived, generation;
} Barrier;

/* Phases last well under a millisecond, less than it takes to put a thread to sleep and wake it: spin, then yield. */
static void barrier_wait(Barrier *b, int threads) {
    if (threads == 1) return;
    int32_t generation = __atomic_load_n(&b->generation, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&b->arrived, 1, __ATOMIC_ACQ_REL) == threads) {
        __atomic_store_n(&b->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&b->generation, generation + 1, __ATOMIC_RELEASE);
        return;
    }
    for (int spins = 0; __atomic_load_n(&b->generation, __ATOMIC_ACQUIRE) == generation; spins++) {
        if (spins < 4096) cpu_pause();
        else thread_yield();
    }
}

#endif
