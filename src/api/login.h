// Whether a password is a user's: asked of the users as they are by now, and checked on the thread that does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "api/guard.h"
#include "base/result.h"
#include "base/time.h"

namespace cairn::api {

struct Login {
  std::string user;
  std::string password;
};

// `done`, later, in the scope of who asks: the revision of the password that it was, or why it is none. Who
// is not there takes as long to be refused as who is. Dropped when the member stops.
void check_login(const Config& config, Guard& member, Time deadline, Login login,
                 std::function<void(Result<std::uint64_t>)> done);

}  // namespace cairn::api
