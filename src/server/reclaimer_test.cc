// The steps in which a removed file's room is given back.
#include "server/reclaimer.h"

#include <gtest/gtest.h>

#include <future>

namespace cairn::server {
namespace {

constexpr std::uint64_t kStep = 7;
constexpr Reclaimer::Limits kLimits = {.files_max = 1, .step_bytes = kStep, .rest_per_work = 9};

// Notes what is done to it; tells when it is closed.
class NotingFile final : public io::File {
 public:
  NotingFile(std::uint64_t size, std::vector<std::uint64_t>* sizes, std::promise<void>* closed)
      : size_(size), sizes_(sizes), closed_(closed) {}
  ~NotingFile() override { closed_->set_value(); }
  Status write_at(std::uint64_t, std::span<const std::byte>) override { return fail(Code::internal, "no"); }
  Result<std::size_t> read_at(std::uint64_t, std::span<std::byte>) override { return 0; }
  Status truncate(std::uint64_t size_bytes) override {
    if (fails) return fail(Code::internal, "broken");
    if (sizes_ != nullptr) sizes_->push_back(size_bytes);
    return {};
  }
  Status sync() override { return {}; }
  Result<std::uint64_t> size() override { return size_; }

  bool fails = false;

 private:
  const std::uint64_t size_;
  std::vector<std::uint64_t>* const sizes_;
  std::promise<void>* const closed_;
};

Pace::Clock no_time() {
  return {.now = [] { return Time{}; }, .sleep = [](Duration) {}};
}

TEST(Reclaimer, FreesAFileStepByStepAndClosesIt) {
  std::vector<std::uint64_t> sizes;
  std::promise<void> closed;
  Reclaimer reclaimer(no_time(), kLimits);
  reclaimer.take(std::make_unique<NotingFile>(2 * kStep + 5, &sizes, &closed));
  closed.get_future().wait();
  EXPECT_EQ(sizes, (std::vector<std::uint64_t>{kStep + 5, 5, 0}));
}

TEST(Reclaimer, AFileThatCannotBeShortenedIsClosed) {
  std::vector<std::uint64_t> sizes;
  std::promise<void> closed;
  Reclaimer reclaimer(no_time(), kLimits);
  auto file = std::make_unique<NotingFile>(9 * kStep, &sizes, &closed);
  file->fails = true;
  reclaimer.take(std::move(file));
  closed.get_future().wait();
  EXPECT_TRUE(sizes.empty());
}

TEST(Reclaimer, StopsInTheMiddleAndClosesWhatIsLeft) {
  constexpr std::uint64_t kEndless = std::uint64_t{1} << 62;
  std::promise<void> closed, other_closed, resting;
  Time now;
  auto reclaimer =
      std::make_unique<Reclaimer>(Pace::Clock{.now = [&now] { return now += std::chrono::seconds(1); },
                                              .sleep =
                                                  [&, told = false](Duration) mutable {
                                                    if (!std::exchange(told, true)) resting.set_value();
                                                  }});
  reclaimer->take(std::make_unique<NotingFile>(kEndless, nullptr, &closed));
  reclaimer->take(std::make_unique<NotingFile>(kEndless, nullptr, &other_closed));
  resting.get_future().wait();
  reclaimer.reset();
  closed.get_future().wait();
  other_closed.get_future().wait();
}

TEST(Reclaimer, OneFileTooManyIsFreedAtOnce) {
  std::vector<std::uint64_t> sizes;
  std::promise<void> resting, go_on;
  std::vector<std::promise<void>> closed(1 + 2);
  Time now;
  Reclaimer reclaimer({.now = [&now] { return now += std::chrono::seconds(1); },
                       .sleep =
                           [&, told = false](Duration) mutable {
                             if (std::exchange(told, true)) return;
                             resting.set_value();
                             go_on.get_future().wait();
                           }},
                      kLimits);
  reclaimer.take(std::make_unique<NotingFile>(2 * kStep, &sizes, &closed[0]));
  resting.get_future().wait();  // the first is being worked on, the queue is empty
  for (std::size_t i = 1; i < closed.size(); ++i)
    reclaimer.take(std::make_unique<NotingFile>(1, &sizes, &closed[i]));
  auto last = closed.back().get_future();
  EXPECT_EQ(last.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_EQ(closed[1].get_future().wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  go_on.set_value();
}

}  // namespace
}  // namespace cairn::server
