// /health, /livez, /readyz, /version, /metrics: for probes and scrapers, in etcd's shapes.
#include <algorithm>
#include <vector>

#include "api/alarm_name.h"
#include "api/json.h"
#include "api/rest.h"
#include "api/version.h"
#include "base/version.h"
#include "etcd/reasons.h"

namespace cairn::api {
namespace {

void respond_health(RestCall& rest, const std::string& reason) {
  (reason.empty() ? rest.config().metrics->health_successes : rest.config().metrics->health_failures).add();
  const Json body = {{"health", reason.empty() ? "true" : "false"}, {"reason", reason}};
  rest.respond(
      json_response(reason.empty() ? 200 : 503, body.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

// Runs `report(state, "")` when a read succeeds, `report(nullptr, reason)` when it does not.
class Probe final : public node::ReadResponder {
 public:
  using Report = std::function<void(RestCall&, const mvcc::View*, const std::string&)>;
  Probe(Rest rest, Report report) : rest_(std::move(rest)), report_(std::move(report)) {}
  void ready(const mvcc::View& view) override { report_(*rest_, &view, ""); }
  void failed(Error error) override { report_(*rest_, nullptr, error.message); }

 private:
  Rest rest_;
  Report report_;
};

void probe(const Rest& rest, bool serializable, Probe::Report report) {
  rest->member().read({.serializable = serializable,
                       .deadline = rest->member().now() + rest->config().request_timeout,
                       .responder = std::make_unique<Probe>(rest, std::move(report))});
}

// The checks of /livez or /readyz, one after the other; the answer tells of each, in etcd's shape.
class Checks final : public std::enable_shared_from_this<Checks> {
 public:
  using Reason = const std::string&;  // "" when all is well
  struct Check {
    std::string_view name;
    void (*run)(const Rest& rest, std::function<void(Reason)> done);
  };

  Checks(Rest rest, std::vector<Check> checks) : rest_(std::move(rest)), checks_(std::move(checks)) {}

  void run() {
    if (next_ == checks_.size()) return respond();
    const Check& check = checks_[next_++];
    check.run(rest_, [self = shared_from_this(), &check](Reason reason) {
      self->note(check.name, reason);
      self->run();
    });
  }

 private:
  void note(std::string_view name, Reason reason) {
    ok_ = ok_ && reason.empty();
    report_ += (reason.empty() ? "[+]" : "[-]") + std::string(name);
    report_ += reason.empty() ? " ok\n" : " failed: " + reason + "\n";
  }

  void respond() {
    std::string body = !ok_ || rest_->target().flag("verbose") ? report_ : "";
    if (ok_) body += "ok\n";
    rest_->respond(
        {.status = ok_ ? 200 : 503,
         .headers = {{"content-type", "text/plain; charset=utf-8"}, {"x-content-type-options", "nosniff"}},
         .body = std::move(body)});
  }

  Rest rest_;
  const std::vector<Check> checks_;
  std::size_t next_ = 0;
  bool ok_ = true;
  std::string report_;
};

using Done = std::function<void(Checks::Reason)>;

void check_read(const Rest& rest, bool serializable, Done done) {
  probe(rest, serializable,
        [done = std::move(done)](RestCall&, const mvcc::View*, Checks::Reason reason) { done(reason); });
}

bool is_excluded(const RestCall& rest, std::string_view name) {
  const auto& query = rest.target().query;
  return std::any_of(query.begin(), query.end(), [name](const auto& parameter) {
    return parameter.first == "exclude" && parameter.second == name;
  });
}

constexpr Checks::Check kDataCorruption = {
    "data_corruption", [](const Rest& rest, Done done) {
      probe(rest, true, [done = std::move(done)](RestCall&, const mvcc::View* view, Checks::Reason reason) {
        const bool corrupt = view != nullptr && std::any_of(view->alarms().begin(), view->alarms().end(),
                                                            [](const mvcc::Alarm& alarm) {
                                                              return alarm.kind == mvcc::AlarmKind::corrupt;
                                                            });
        done(corrupt ? "alarm activated: CORRUPT" : reason);
      });
    }};
constexpr Checks::Check kSerializableRead = {
    "serializable_read", [](const Rest& rest, Done done) { check_read(rest, true, std::move(done)); }};
constexpr Checks::Check kLinearizableRead = {"linearizable_read", [](const Rest& rest, Done done) {
                                               if (rest->member().brief().leader.v == 0)
                                                 return done("no leader");
                                               check_read(rest, false, std::move(done));
                                             }};
constexpr Checks::Check kNonLearner = {"non_learner", [](const Rest& rest, Done done) {
                                         const bool is_asked =
                                             rest->member().ask([done](const node::Replica& replica) {
                                               const std::string role = replica.status().role;
                                               const char* reason = "";
                                               if (role == "learner") reason = "local member is a learner";
                                               if (role == "non-member")
                                                 reason = "local member is not in the membership";
                                               return [done, reason] { done(reason); };
                                             });
                                         if (!is_asked) done("too many requests");
                                       }};

// All but those of ?exclude=, or the one that the path names.
void run_checks(const Rest& rest, std::string_view root, std::initializer_list<Checks::Check> all) {
  const std::string_view path = rest->target().path;
  const bool one = path.size() > root.size();
  std::vector<Checks::Check> chosen;
  for (const Checks::Check& check : all) {
    if (one ? path.substr(root.size() + 1) == check.name : !is_excluded(*rest, check.name))
      chosen.push_back(check);
  }
  if (one && chosen.empty())
    return rest->refuse(Problem{.status = 404,
                                .code = "no_such_check",
                                .title = "There is no such check",
                                .detail = rest->target().path,
                                .hint = std::string(root) + "?verbose lists them"});
  std::make_shared<Checks>(rest, std::move(chosen))->run();
}

}  // namespace

void rest_health(const Rest& rest) {
  const bool serializable = rest->target().flag("serializable");
  if (!serializable && rest->member().brief().leader.v == 0) return respond_health(*rest, "RAFT NO LEADER");
  probe(rest, serializable, [](RestCall& call, const mvcc::View* view, const std::string& error) {
    if (view == nullptr) return respond_health(call, "RANGE ERROR:" + error);
    for (const mvcc::Alarm& alarm : view->alarms())
      if (const std::string name = alarm_name(alarm.kind); !is_excluded(call, name))
        return respond_health(call, "ALARM " + name);
    respond_health(call, "");
  });
}

// Alive means: the loop turns and the local state answers. A member without a quorum is alive; restarting it
// for want of one would only make the quorum rarer.
void rest_livez(const Rest& rest) { run_checks(rest, "/livez", {kSerializableRead}); }

void rest_readyz(const Rest& rest) {
  run_checks(rest, "/readyz", {kDataCorruption, kSerializableRead, kLinearizableRead, kNonLearner});
}

void rest_version(const Rest& rest) {
  const Json body = {{"etcdserver", kEtcdServerVersion},
                     {"etcdcluster", kEtcdClusterVersion},
                     {"storage", kEtcdStorageVersion},
                     {"cairn", kVersion}};
  rest->respond(json_response(200, body.dump()));
}

void rest_metrics(const Rest& rest) {
  // Some values are read off the replica while rendering.
  const bool is_asked = rest->member().ask([rest](const node::Replica&) {
    return [rest, text = rest->config().metrics->registry.render()] {
      rest->respond(
          {.status = 200, .headers = {{"content-type", std::string(kMetricsContentType)}}, .body = text});
    };
  });
  if (!is_asked) rest->refuse(etcd::error_of(Reason::too_many_requests));
}

}  // namespace cairn::api
