// lease: grant, revoke, keep alive, look at and list leases.
#include "client/lease.h"

#include <optional>
#include <ostream>

#include "cli/commands.h"
#include "cli/durations.h"
#include "cli/interrupts.h"
#include "cli/json.h"

namespace cairn::cli {
namespace {

using client::Lease;

Json lease_json(const Lease& lease) { return {{"id", lease.id}, {"ttl", lease.ttl.count()}}; }

// "ID  ttl 30s".
int print(const Context& context, const Lease& lease) {
  if (context.format == Format::json)
    context.out << lease_json(lease).dump() << "\n" << std::flush;
  else
    context.out << lease.id << "  ttl " << lease.ttl.count() << "s\n" << std::flush;
  return kExitOk;
}

int grant(const Context& context, const LeaseOptions& options) {
  const auto ttl = duration_of(options.what);
  if (!ttl)
    return report(context, kExitUsage, "lease grant: '" + options.what + "' is no TTL",
                  "write seconds, or a number with s, m, h or d: cairn lease grant 30s");
  client::Client client = context.connect();
  const auto granted = client.grant_lease(*ttl);
  return granted ? print(context, *granted) : report(context, granted.error());
}

int revoke(const Context& context, const LeaseOptions& options) {
  client::Client client = context.connect();
  const auto revoked = client.revoke_lease(options.what);
  if (!revoked) return report(context, revoked.error());
  if (context.format == Format::json)
    context.out << Json{{"revision", revoked->revision}}.dump() << "\n";
  else
    context.out << "revoked\n";
  return kExitOk;
}

int keep_alive(const Context& context, const LeaseOptions& options) {
  Interrupts interrupts;
  client::Client client = context.connect();
  for (;;) {
    const auto kept = client.keep_lease_alive(options.what);
    if (!kept) return report(context, kept.error());
    print(context, *kept);
    if (options.once || !context.out) return kExitOk;
    if (interrupts.wait(kept->ttl / 3) != 0) return kExitOk;
  }
}

int time_to_live(const Context& context, const LeaseOptions& options) {
  client::Client client = context.connect();
  const auto lease = client.lease(options.what, options.keys);
  if (!lease) return report(context, lease.error());
  if (context.format == Format::json) {
    Json json = lease_json(*lease);
    json["granted_ttl"] = lease->granted_ttl.count();
    if (options.keys) {
      json["keys"] = Json::array();
      for (const std::string& key : lease->keys) json["keys"].push_back(bytes_to_json(key));
    }
    context.out << json.dump() << "\n";
    return kExitOk;
  }
  context.out << lease->id << "  ttl " << lease->granted_ttl.count() << "s, " << lease->ttl.count()
              << "s left\n";
  for (const std::string& key : lease->keys) context.out << printable(key) << "\n";
  return kExitOk;
}

// One a line, as they come.
int list(const Context& context) {
  client::Client client = context.connect();
  for (std::string after;;) {
    const auto page = client.leases(after);
    if (!page) return report(context, page.error());
    for (const Lease& lease : page->leases) print(context, lease);
    if (!page->more || page->leases.empty()) return kExitOk;
    after = page->leases.back().id;
  }
}

}  // namespace

int lease(const Context& context, const LeaseOptions& options) {
  const bool is_list = options.action == "list";
  if (is_list != options.what.empty())
    return report(context, kExitUsage,
                  "lease " + options.action + (is_list ? " takes nothing more" : " needs to know which"),
                  "cairn help lease");
  if ((options.once && options.action != "keep-alive") || (options.keys && options.action != "timetolive"))
    return report(context, kExitUsage, "lease " + options.action + " has no such flag", "cairn help lease");
  if (is_list) return list(context);
  if (options.action == "grant") return grant(context, options);
  if (options.action == "revoke") return revoke(context, options);
  if (options.action == "keep-alive") return keep_alive(context, options);
  return time_to_live(context, options);
}

}  // namespace cairn::cli
