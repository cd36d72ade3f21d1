// What a thread is called in top -H and in /proc/PID/task/*/comm. The loop's keeps the name of the program,
// because that is the process's, too.
#pragma once

#include <string>

namespace cairn::server {

void name_this_thread(const std::string& name);  // at most 15 characters

}  // namespace cairn::server
