#include "node/guarded_view.h"

#include <utility>

#include "etcd/effects.h"
#include "etcd/validate.h"
#include "mvcc/changes.h"
#include "mvcc/commands.h"
#include "proto/rpc.pb.h"

namespace cairn::node {
namespace {

using etcd::Access;

class GuardedView final : public mvcc::View {
 public:
  GuardedView(std::shared_ptr<const mvcc::View> view, mvcc::OwnedCaller caller)
      : view_(std::move(view)), caller_(std::move(caller)) {}

  mvcc::Outcome range(etcd::Checked<etcdserverpb::RangeRequest> request) const override {
    const Status may = reads(*request);
    return may ? view_->range(request) : refused(may);
  }
  mvcc::Outcome page(etcd::Checked<etcdserverpb::RangeRequest> request) const override {
    const Status may = reads(*request);
    return may ? view_->page(request) : refused(may);
  }
  mvcc::Outcome txn(etcd::Checked<etcdserverpb::TxnRequest> request,
                    std::uint64_t answer_bytes_max) const override {
    const Status may = reads(*request);
    return may ? view_->txn(request, answer_bytes_max) : refused(may);
  }
  mvcc::RangeAnswer open_range(etcd::Checked<etcdserverpb::RangeRequest> request) const override {
    const Status may = reads(*request);
    return may ? view_->open_range(request) : mvcc::RangeAnswer{refused(may), nullptr};
  }
  mvcc::RangeAnswer hash_kv(std::int64_t revision) const override {
    const Status may = allows({{Access::admin, {}, {}}});
    return may ? view_->hash_kv(revision) : mvcc::RangeAnswer{refused(may), nullptr};
  }
  // Who asks for these has asked allows() before: they have no way to refuse.
  std::unique_ptr<LongMessage> etcd_file() const override { return view_->etcd_file(); }
  mvcc::Changes changes(mvcc::ChangePlace from) const override { return view_->changes(from); }
  Status save(ByteSink* sink) const override { return view_->save(sink); }

  void lease_keys(std::int64_t id, const std::function<bool(std::string_view)>& each) const override {
    if (allows({{Access::attached, {}, {}, id}})) view_->lease_keys(id, each);
  }
  Status permits(const mvcc::Caller& caller, const etcd::Effects& effects) const override {
    return view_->permits(caller, effects);
  }
  Status allows(const etcd::Effects& effects) const override {
    return view_->permits(caller_.view(), effects);
  }

  // Of no key: for every user.
  std::uint64_t applied_index() const override { return view_->applied_index(); }
  std::int64_t revision() const override { return view_->revision(); }
  std::int64_t compact_revision() const override { return view_->compact_revision(); }
  std::uint64_t key_count() const override { return view_->key_count(); }
  std::uint64_t size_bytes() const override { return view_->size_bytes(); }
  std::uint64_t size_in_use_bytes() const override { return view_->size_in_use_bytes(); }
  const mvcc::MemberMap& members() const override { return view_->members(); }
  const mvcc::AlarmList& alarms() const override { return view_->alarms(); }
  const mvcc::AuthState& auth() const override { return view_->auth(); }
  std::uint64_t state_hash() const override { return view_->state_hash(); }
  std::uint64_t lease_count() const override { return view_->lease_count(); }
  std::optional<mvcc::LeaseInfo> lease(std::int64_t id) const override { return view_->lease(id); }
  std::vector<mvcc::LeaseInfo> leases_after(std::optional<std::int64_t> after,
                                            std::size_t count_max) const override {
    return view_->leases_after(after, count_max);
  }
  std::uint64_t hash() const override { return view_->hash(); }

 private:
  template <class Request>
  Status reads(const Request& request) const {
    etcd::Effects effects;
    etcd::add_effects(request, &effects);
    return allows(effects);
  }
  mvcc::Outcome refused(const Status& why) const { return mvcc::refuse(why.error(), view_->revision()); }

  const std::shared_ptr<const mvcc::View> view_;
  const mvcc::OwnedCaller caller_;
};

}  // namespace

std::shared_ptr<const mvcc::View> guarded(std::shared_ptr<const mvcc::View> view, mvcc::OwnedCaller caller) {
  return std::make_shared<GuardedView>(std::move(view), std::move(caller));
}

WriteCheck::WriteCheck() : effects_(std::make_unique<mvcc::CommandEffects>()) {}
WriteCheck::~WriteCheck() = default;

Status WriteCheck::permits(const mvcc::Caller& caller, mvcc::CommandKind kind, std::string_view request,
                           const mvcc::AuthState& auth) {
  mvcc::CommandView command;
  command.kind = kind;
  command.request = request;
  return mvcc::permit(caller, TRY(effects_->of(command)), auth, nullptr);
}

}  // namespace cairn::node
