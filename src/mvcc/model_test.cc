// Random histories against the naive model: every answer byte for byte, views that must never change,
// replicas with different pasts that must agree.
#include <rapidcheck.h>

#include "base/prng.h"
#include "etcd/validate.h"
#include "mvcc/model_fixture.h"

namespace cairn::mvcc {
namespace {

// Turns random bytes into requests, so that shrinking the bytes shrinks the history.
class Dice {
 public:
  explicit Dice(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}
  bool done() const { return at_ >= bytes_.size(); }
  std::uint32_t below(std::uint32_t bound) { return done() ? 0 : bytes_[at_++] % bound; }
  bool flip() { return below(2) == 1; }

  std::string key() {
    static const char* const keys[] = {"a", "aa", "ab", "b", "ba", "c", "\x7f", "\xff"};
    return keys[below(8)];
  }
  std::string end() {
    switch (below(4)) {
      case 0:
        return "";
      case 1:
        return std::string(1, '\0');
      default:
        return key();
    }
  }
  std::int64_t revision(const Model& model) {
    return below(3) == 0
               ? static_cast<std::int64_t>(below(static_cast<std::uint32_t>(model.revision()) + 3)) - 1
               : 0;
  }

  pb::RangeRequest range(const Model& model) {
    pb::RangeRequest request = range_request(key(), end());
    request.set_revision(revision(model));
    request.set_limit(below(4));
    request.set_sort_order(static_cast<pb::RangeRequest::SortOrder>(below(3)));
    request.set_sort_target(static_cast<pb::RangeRequest::SortTarget>(below(5)));
    request.set_keys_only(below(4) == 0);
    request.set_count_only(below(6) == 0);
    if (below(4) == 0) request.set_min_mod_revision(below(8));
    if (below(4) == 0) request.set_max_mod_revision(below(8));
    if (below(4) == 0) request.set_min_create_revision(below(8));
    if (below(4) == 0) request.set_max_create_revision(below(8));
    return request;
  }
  pb::PutRequest put() {
    pb::PutRequest request = put_request(key(), std::string(below(3), 'v'));
    request.set_prev_kv(flip());
    if (below(5) == 0) {
      request.clear_value();
      request.set_ignore_value(true);
    }
    return request;
  }
  pb::DeleteRangeRequest erase() {
    pb::DeleteRangeRequest request = delete_request(key(), end());
    request.set_prev_kv(flip());
    return request;
  }
  pb::Compare compare() {
    pb::Compare request;
    request.set_key(key());
    if (below(3) == 0) request.set_range_end(end());
    request.set_result(static_cast<pb::Compare::CompareResult>(below(4)));
    request.set_target(static_cast<pb::Compare::CompareTarget>(below(5)));
    switch (request.target()) {
      case pb::Compare::VERSION:
        request.set_version(below(4));
        break;
      case pb::Compare::CREATE:
        request.set_create_revision(below(9));
        break;
      case pb::Compare::MOD:
        request.set_mod_revision(below(9));
        break;
      case pb::Compare::VALUE:
        request.set_value(std::string(below(3), 'v'));
        break;
      default:
        break;
    }
    return request;
  }
  pb::TxnRequest txn(const Model& model, int depth = 0) {
    pb::TxnRequest request;
    for (std::uint32_t i = below(3); i > 0; --i) *request.add_compare() = compare();
    for (std::uint32_t i = below(4); i > 0; --i) op(model, depth, request.add_success());
    for (std::uint32_t i = below(4); i > 0; --i) op(model, depth, request.add_failure());
    return request;
  }

 private:
  void op(const Model& model, int depth, pb::RequestOp* to) {
    switch (below(depth < 3 ? 5 : 3)) {
      case 0:
        *to->mutable_request_put() = put();
        break;
      case 1:
        *to->mutable_request_delete_range() = erase();
        break;
      case 2:
        *to->mutable_request_range() = range(model);
        break;
      default:
        *to->mutable_request_txn() = txn(model, depth + 1);
    }
  }

  std::vector<std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

void expect_same(const Outcome& outcome, const Model::Answer& answer) {
  RC_ASSERT(outcome.error == answer.error);
  RC_ASSERT(outcome.revision == answer.revision);
  RC_ASSERT(outcome.body == answer.body);  // K3, wherever a key-value is answered
}

struct Kept {
  std::shared_ptr<const View> view;
  std::string bytes;
  std::vector<std::string> changes;

  explicit Kept(std::shared_ptr<const View> given)
      : view(std::move(given)), bytes(saved(*view)), changes(walk(*view, {view->compact_revision()})) {}
  bool unchanged() const {
    return saved(*view) == bytes && walk(*view, {view->compact_revision()}) == changes;
  }
};

// One history on two replicas: one keeps views around, the other is now and then replaced by what it has
// saved.
class RandomHistory {
 public:
  explicit RandomHistory(std::vector<std::uint8_t> bytes) : dice_(std::move(bytes)) {}

  void run() {
    while (!dice_.done()) {
      step();
      RC_ASSERT(first_.view()->revision() == model_.revision());  // K1
      RC_ASSERT(first_.view()->compact_revision() == model_.compact_revision());
    }
    for (const Kept& kept : kept_) RC_ASSERT(kept.unchanged());  // K2
    expect_changes({model_.compact_revision()});
    RC_ASSERT(saved(*first_.view()) == saved(*second_.view()));
    RC_ASSERT(first_.view()->hash() == second_.view()->hash());
  }

 private:
  template <class Request>
  Outcome both(const Request& request) {
    const Outcome one = first_.apply(request);
    const Outcome two = second_.apply(request);
    RC_ASSERT(one.body == two.body);
    RC_ASSERT(one.error == two.error);
    RC_ASSERT(first_.machine->state_hash() == second_.machine->state_hash());
    return one;
  }

  void expect_changes(ChangePlace from) {  // K4
    const std::vector<std::string> changes = model_.changes(from);
    RC_ASSERT(walk(*first_.view(), from) == changes);
    RC_ASSERT(walk(*second_.view(), from) == changes);
  }

  void step() {
    switch (dice_.below(11)) {
      case 0:
      case 1:
      case 2: {
        const auto request = dice_.put();
        expect_same(both(request), model_.put(request));
        break;
      }
      case 3: {
        const auto request = dice_.erase();
        expect_same(both(request), model_.erase(request));
        break;
      }
      case 4:
      case 5: {
        const auto request = dice_.txn(model_);
        const Status valid = etcd::validate(request);
        const Outcome outcome = both(request);
        if (valid)
          expect_same(outcome, model_.txn(request));
        else
          RC_ASSERT(outcome.error == valid.error().message);
        break;
      }
      case 6: {
        command::Command command;
        const std::int64_t revision =
            static_cast<std::int64_t>(dice_.below(static_cast<std::uint32_t>(model_.revision()) + 2)) - 1;
        command.mutable_compaction()->set_revision(revision);
        expect_same(both(command), model_.compact(revision));
        break;
      }
      case 7:
        if (kept_.size() > 3 && dice_.flip()) {
          RC_ASSERT(kept_.front().unchanged());
          kept_.erase(kept_.begin());
        }
        kept_.emplace_back(first_.view());
        break;
      case 8:
        second_ = Harness(loaded(saved(*second_.view()), 1 + dice_.below(50)));
        break;
      case 9: {
        const auto revisions = static_cast<std::uint32_t>(model_.revision()) + 3;
        expect_changes({static_cast<std::int64_t>(dice_.below(revisions)), dice_.below(3)});
        break;
      }
      default: {
        const auto request = dice_.range(model_);
        const Model::Answer answer = model_.range(request);
        expect_same(first_.range(request), answer);
        expect_same(second_.range(request), answer);
      }
    }
  }

  Dice dice_;
  Model model_;
  Harness first_, second_;
  std::vector<Kept> kept_;
};

TEST(Model, RandomHistoriesAgreeByteForByte) {
  EXPECT_TRUE(rc::check("state machine = model", [] {
    const auto size = *rc::gen::inRange(0, 1500);
    const auto bytes = *rc::gen::container<std::vector<std::uint8_t>>(static_cast<std::size_t>(size),
                                                                      rc::gen::arbitrary<std::uint8_t>());
    RandomHistory(bytes).run();
  }));
}

TEST(Model, LongHistoriesAgreeByteForByte) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng random(seed);
    std::vector<std::uint8_t> bytes(5000);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
    ASSERT_NO_THROW(RandomHistory(bytes).run()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cairn::mvcc
