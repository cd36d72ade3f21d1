// What jemalloc is told before main() runs; the environment variable MALLOC_CONF overrides it.
// Freed pages go back to the system by a thread of jemalloc's own, two seconds later. Without that thread
// they go back only while the program allocates: a member that is idle after a burst would keep what the
// burst took.
extern "C" {
extern const char* const malloc_conf;
const char* const malloc_conf = "background_thread:true,dirty_decay_ms:2000";
}
