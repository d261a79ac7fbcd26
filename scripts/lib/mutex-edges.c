// Tells ThreadSanitizer what Swift's Mutex orders on Linux.
//
// A Mutex that is free is taken by code that the compiler puts into the caller, where ThreadSanitizer sees it. One that has
// to be waited for is taken and given back by the two functions below, in a library that is not instrumented: what was
// written before and read after them would be reported as a race. Linked into a program, these come before the library's,
// call them, and note the order.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

// Synchronization._MutexHandle._lockSlow(UInt32) and _unlockSlow().
#define LOCK_SLOW $s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF
#define UNLOCK_SLOW $s15Synchronization12_MutexHandleV11_unlockSlowyyF
#define QUOTED(text) #text
#define NAME(symbol) QUOTED(symbol)

#define SWIFT_METHOD __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *

typedef SWIFT_METHOD void (*LockSlow)(uint32_t, SELF);
typedef SWIFT_METHOD void (*UnlockSlow)(SELF);

// Absent in programs that are built without ThreadSanitizer.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

static void *of_library(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) abort();
    return function;
}

SWIFT_METHOD void LOCK_SLOW(uint32_t thread, SELF mutex) {
    ((LockSlow)of_library(NAME(LOCK_SLOW)))(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT_METHOD void UNLOCK_SLOW(SELF mutex) {
    if (__tsan_release) __tsan_release(mutex);
    ((UnlockSlow)of_library(NAME(UNLOCK_SLOW)))(mutex);
}
