#include "server/thread_name.h"

#include <pthread.h>

namespace cairn::server {

void name_this_thread(const std::string& name) { pthread_setname_np(pthread_self(), name.c_str()); }

}  // namespace cairn::server
