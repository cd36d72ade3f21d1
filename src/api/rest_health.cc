// /health, /livez, /readyz, /version, /metrics: for probes and scrapers, in etcd's shapes.
#include "api/json.h"
#include "api/rest.h"
#include "api/version.h"
#include "base/version.h"

namespace cairn::api {
namespace {

void respond_health(RestCall& rest, const std::string& reason) {
  const Json body = {{"health", reason.empty() ? "true" : "false"}, {"reason", reason}};
  rest.respond(
      json_response(reason.empty() ? 200 : 503, body.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

void respond_check(RestCall& rest, std::string_view check, bool ok) {
  rpc::HttpResponse response{
      .status = ok ? 200 : 503, .headers = {{"content-type", "text/plain"}}, .body = ""};
  if (!ok || rest.target().flag("verbose"))
    response.body = std::string(ok ? "[+]" : "[-]") + std::string(check) + (ok ? " ok\n" : " failed\n");
  if (ok) response.body += "ok\n";
  rest.respond(std::move(response));
}

// Runs `report("")` when a read succeeds, `report(reason)` when it does not.
class Probe final : public node::ReadResponder {
 public:
  using Report = std::function<void(RestCall&, const std::string&)>;
  Probe(Rest rest, Report report) : rest_(std::move(rest)), report_(std::move(report)) {}
  void ready(const mvcc::View&) override { report_(*rest_, ""); }
  void failed(Error error) override { report_(*rest_, error.message); }

 private:
  Rest rest_;
  Report report_;
};

void probe(const Rest& rest, bool serializable, Probe::Report report) {
  rest->member().read({.serializable = serializable,
                       .deadline = rest->member().now() + rest->config().request_timeout,
                       .responder = std::make_unique<Probe>(rest, std::move(report))});
}

}  // namespace

void rest_health(const Rest& rest) {
  const bool serializable = rest->target().flag("serializable");
  if (!serializable && rest->member().brief().leader.v == 0) return respond_health(*rest, "RAFT NO LEADER");
  probe(rest, serializable, [](RestCall& call, const std::string& error) {
    respond_health(call, error.empty() ? "" : "RANGE ERROR:" + error);
  });
}

// Alive means: the loop turns and the local state answers. A member without a quorum is alive; restarting it
// for want of one would only make the quorum rarer.
void rest_livez(const Rest& rest) {
  probe(rest, true, [](RestCall& call, const std::string& error) {
    respond_check(call, "serializable_read", error.empty());
  });
}

void rest_readyz(const Rest& rest) {
  if (rest->member().status().role == "learner") return respond_check(*rest, "non_learner", false);
  if (rest->member().brief().leader.v == 0) return respond_check(*rest, "linearizable_read", false);
  probe(rest, false, [](RestCall& call, const std::string& error) {
    respond_check(call, "linearizable_read", error.empty());
  });
}

void rest_version(const Rest& rest) {
  const Json body = {{"etcdserver", kEtcdServerVersion},
                     {"etcdcluster", kEtcdClusterVersion},
                     {"storage", kEtcdStorageVersion},
                     {"cairn", kVersion}};
  rest->respond(json_response(200, body.dump()));
}

void rest_metrics(const Rest& rest) {
  if (!rest->config().metrics)
    return rest->refuse(Problem{.status = 404,
                                .code = "no_metrics",
                                .title = "This member keeps no metrics",
                                .detail = "",
                                .hint = ""});
  rest->respond({.status = 200,
                 .headers = {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}},
                 .body = rest->config().metrics()});
}

}  // namespace cairn::api
