#include "cli/drill.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <ostream>

#include "cli/backups.h"
#include "cli/demo_cluster.h"
#include "cli/interrupts.h"
#include "cli/json.h"
#include "cli/logged_in.h"
#include "cli/own_program.h"
#include "cli/saving.h"
#include "client/endpoint.h"
#include "client/secure.h"
#include "proto/rpc.pb.h"
#include "rpc/client.h"

namespace cairn::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr char kRange[] = "/etcdserverpb.KV/Range";
constexpr char kHashKv[] = "/etcdserverpb.Maintenance/HashKV";
// Away from where people have members, and each process elsewhere: two that began with the same ports could
// both find them free, as nobody listens on them before the member is started.
constexpr int kFirstPort = 23790, kPlaces = 4000;
int first_port() { return kFirstPort + 2 * (getpid() % kPlaces); }

constexpr auto kStartTimeout = std::chrono::seconds(60);
constexpr auto kLookAgain = milliseconds(50);

struct Hash {
  std::uint32_t hash = 0;
  std::int64_t compact_revision = 0;
};

// What that endpoint answers to one call.
template <typename Response>
Result<Response> ask(const Context& context, const std::string& endpoint, const char* method,
                     const google::protobuf::MessageLite& request) {
  const auto address = client::parse_endpoint(endpoint);
  if (!address) return fail(Code::invalid_argument, endpoint + " is no endpoint");
  boost::asio::io_context loop;
  rpc::GrpcClient::Options transport;
  if (address->secure) transport.layer = TRY(client::layer_to("", context.tls, client::Http::two));
  rpc::GrpcClient client(loop, address->host, address->port, transport);
  const auto result = rpc::call_and_wait(loop, client, method, request.SerializeAsString(),
                                         logged_in(context, &loop, &client), context.timeout);
  client.close();
  if (result.code != Code::ok) return fail(result.code, result.status_message);
  Response response;
  if (!response.ParseFromString(result.message)) return fail(Code::data_loss, "what came is no answer");
  return response;
}

// Of everything up to that revision, as the member at this endpoint has it.
Result<Hash> hash_at(const Context& context, const std::string& endpoint, std::int64_t revision) {
  etcdserverpb::HashKVRequest request;
  request.set_revision(revision);
  const auto said = TRY(ask<etcdserverpb::HashKVResponse>(context, endpoint, kHashKv, request));
  return Hash{said.hash(), said.compact_revision()};
}

Result<std::uint64_t> keys_at(const Context& context, const std::string& endpoint, std::int64_t revision) {
  etcdserverpb::RangeRequest request;
  request.set_key(std::string(1, '\0'));
  request.set_range_end(std::string(1, '\0'));
  request.set_revision(revision);
  request.set_count_only(true);
  const auto said = TRY(ask<etcdserverpb::RangeResponse>(context, endpoint, kRange, request));
  return static_cast<std::uint64_t>(said.count());
}

// The settings of a member that lives on this machine are not those of one on trial.
void forget_settings() {
  std::vector<std::string> names;
  for (char** each = environ; *each != nullptr; ++each)
    if (const std::string_view entry = *each; entry.starts_with("CAIRN_") || entry.starts_with("ETCD_"))
      names.emplace_back(entry.substr(0, entry.find('=')));
  for (const std::string& name : names) unsetenv(name.c_str());
}

class Drill {
 public:
  Drill(const Context& context, RestoreOrder order)
      : context_(context), order_(std::move(order)), file_(order_.file) {}

  int run() {
    const auto facts = context_.backups->look(file_, false);
    if (!facts) return report(context_, exit_code_of_file(facts.error()), facts.error().message);
    facts_ = *facts;
    std::string folder = (std::filesystem::temp_directory_path() / "cairn-drill-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr)
      return report(context_, kExitLocalIo, "cannot make a folder like " + folder,
                    "TMPDIR names another place");
    const int code = run_in(folder);
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    return code;
  }

 private:
  int run_in(const std::string& folder) {
    DemoCluster cluster({.program = own_program(), .dir = folder, .nodes = 1, .first_port = first_port()});
    if (const Status prepared = cluster.prepare(); !prepared)
      return report(context_, kExitLocalIo, prepared.error().message);
    const DemoMember& member = cluster.members().front();
    const auto begun = steady_clock::now();
    order_.data_dir = folder + "/" + member.name;
    order_.name = member.name;
    order_.initial_cluster = member.name + "=" + member.peer_url;
    order_.initial_cluster_token = DemoCluster::kToken;
    order_.initial_advertise_peer_urls = member.peer_url;
    const auto restored = context_.backups->restore(order_);
    if (!restored)
      return report(context_, exit_code_of_file(restored.error()), restored.error().message,
                    restored.error().code == io::kFull ? "TMPDIR names a place with more room" : "");
    forget_settings();
    if (const Status started = cluster.start(); !started)
      return report(context_, kExitLocalIo, started.error().message);
    return compare(order_.archives.empty() ? facts_ : restored->facts, cluster, begun);
  }

  // Until it leads, as a cluster of one does soon.
  Status await_leader(DemoCluster& cluster, const std::string& endpoint) {
    client::Client client({.endpoints = {endpoint}, .timeout = context_.timeout, .user = context_.user});
    for (const auto end = steady_clock::now() + kStartTimeout; steady_clock::now() < end;) {
      if (const std::string ended = cluster.reap(nullptr, nullptr); !ended.empty())
        return fail(Code::unavailable, "the member that was started from it does not run: " + ended);
      const auto status = client.status(endpoint);
      if (status && status->role == "leader") return {};
      // It serves, and asks for the users of the backup: that does not change by itself.
      if (!status && status.error().reason == client::Reason::refused)
        return fail(Code::permission_denied, status.error().message);
      const int signal = interrupts_.wait(kLookAgain);
      if (signal == SIGINT || signal == SIGTERM) return fail(Code::cancelled, "interrupted");
    }
    return fail(Code::unavailable, "the member that was started from it does not serve");
  }

  int compare(const BackupFacts& facts, DemoCluster& cluster, steady_clock::time_point begun) {
    const std::string endpoint = cluster.members().front().client_url;
    if (const Status leads = await_leader(cluster, endpoint); !leads)
      return report(context_, leads.error().code == Code::cancelled ? kExitInterrupted : kExitNegative,
                    file_ + ": " + leads.error().message);
    const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun);
    // By now leases may have ended, and changed the newest revision.
    const auto keys = keys_at(context_, endpoint, facts.revision);
    if (!keys || *keys != facts.keys)
      return report(context_, kExitNegative,
                    file_ + " says revision " + std::to_string(facts.revision) + " with " +
                        std::to_string(facts.keys) + " keys, and what was restored " +
                        (keys ? "has " + std::to_string(*keys) : "says: " + keys.error().message));
    const auto own = hash_at(context_, endpoint, facts.revision);
    if (!own) return report(context_, kExitNegative, file_ + ": no hash: " + own.error().message);
    std::string with, why_not;
    const std::optional<bool> same = is_same_as_clusters(*own, facts.revision, &with, &why_not);
    if (same && !*same)
      return report(
          context_, kExitNegative,
          "at revision " + std::to_string(facts.revision) + " " + file_ + " is not what " + with + " has",
          "is that the cluster which it was taken of?", "backup_differs");
    say(facts, *own, took, with, why_not);
    return kExitOk;
  }

  // With the first of the endpoints that answers; nothing: with nobody, and why.
  std::optional<bool> is_same_as_clusters(const Hash& own, std::int64_t revision, std::string* with,
                                          std::string* why_not) {
    for (const std::string& endpoint : context_.endpoints) {
      const auto theirs = hash_at(context_, endpoint, revision);
      if (!theirs) {
        *why_not = endpoint + ": " + theirs.error().message;
        continue;
      }
      if (theirs->compact_revision != own.compact_revision) {
        *why_not = endpoint + " has been compacted since";
        return std::nullopt;
      }
      *with = endpoint;
      return theirs->hash == own.hash;
    }
    return std::nullopt;
  }

  void say(const BackupFacts& facts, const Hash& own, milliseconds took, const std::string& with,
           const std::string& why_not) {
    if (context_.format == Format::json) {
      context_.out << Json({{"file", file_},
                            {"revision", facts.revision},
                            {"keys", facts.keys},
                            {"hash", own.hash},
                            {"same_as", with.empty() ? Json() : Json(with)},
                            {"took_ms", took.count()}})
                          .dump()
                   << "\n";
      return;
    }
    context_.out << "good: a member started from " << file_ << " within " << took.count()
                 << " ms serves revision " << facts.revision << " with " << facts.keys
                 << " keys, as the file says";
    if (with.empty())
      context_.out << "; compared with no cluster: " << why_not << "\n";
    else
      context_.out << ", and the same hash as " << with << "\n";
  }

  const Context& context_;
  RestoreOrder order_;
  const std::string file_;
  BackupFacts facts_;
  Interrupts interrupts_;  // its folder has to go away
};

}  // namespace

int try_out(const Context& context, const RestoreOrder& order) { return Drill(context, order).run(); }

}  // namespace cairn::cli
