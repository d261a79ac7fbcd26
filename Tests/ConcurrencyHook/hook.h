#ifndef LACUNA_CONCURRENCY_HOOK_H
#define LACUNA_CONCURRENCY_HOOK_H

/* A variable of Swift's runtime. Declared here, the linker finds it where the runtime is a library and where it is inside
   the executable; dlsym finds only the former. */
extern void *swift_task_enqueueGlobal_hook;

/* A function, because Swift takes no variable of C for safe beside other threads. */
static inline void **lacuna_enqueue_hook(void) { return &swift_task_enqueueGlobal_hook; }

#endif
