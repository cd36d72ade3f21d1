// version.
#include "base/version.h"

#include <ostream>

#include "cli/commands.h"
#include "cli/json.h"

namespace cairn::cli {

int version(const Context& context) {
  if (context.format == Format::json)
    context.out << Json{{"version", kVersion}, {"api", "etcd v3, REST v1"}}.dump() << "\n";
  else
    context.out << "cairn " << kVersion << "\n";
  return kExitOk;
}

}  // namespace cairn::cli
