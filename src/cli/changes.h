// Changes of keys as watch and history print them: a line each.
#pragma once

#include "cli/context.h"
#include "client/client.h"

namespace cairn::cli {

const char* type_of(const client::Change& change);  // put, delete
void print(const Context& context, const client::Change& change);

}  // namespace cairn::cli
