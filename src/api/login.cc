#include "api/login.h"

#include <memory>
#include <utility>

#include "api/passwords.h"
#include "etcd/reasons.h"

namespace cairn::api {
namespace {

using Done = std::function<void(Result<std::uint64_t>)>;

class Looked final : public node::ReadResponder {
 public:
  Looked(const Config& config, Guard& member, Login login, Done done)
      : config_(config), member_(member), login_(std::move(login)), done_(std::move(done)) {}
  ~Looked() override { wipe(&login_.password); }
  Looked(const Looked&) = delete;
  Looked& operator=(const Looked&) = delete;

  void ready(const mvcc::View& view) override {
    if (!view.auth().enabled) return done_(fail(Reason::auth_not_enabled));
    if (config_.passwords == nullptr)
      return done_(
          fail(Code::unimplemented, "cairn: this member was started without a way to check passwords"));
    const mvcc::User* const user = view.auth().user(login_.user);
    const bool has_password = user != nullptr && !user->password_hash.empty();
    const std::uint64_t revision = has_password ? user->password_revision : 0;
    if (!usable_password(login_.password)) wipe(&login_.password);  // nobody's: none such was ever taken
    const auto then = [&member = member_, whose = member_.current(), revision, done = done_](bool is_right) {
      const Guard::Scope scope(member, whose);
      if (is_right && revision != 0) return done(revision);
      done(fail(Reason::auth_failed));
    };
    const std::string hash = has_password ? user->password_hash : "";
    if (!check_password(config_, std::move(login_.password), hash, then))
      done_(fail(Reason::passwords_waiting, {static_cast<std::int64_t>(config_.passwords->waiting_max())}));
  }
  void failed(Error error) override { done_(tl::unexpected(std::move(error))); }

 private:
  const Config& config_;
  Guard& member_;
  Login login_;
  const Done done_;
};

}  // namespace

void check_login(const Config& config, Guard& member, Time deadline, Login login, Done done) {
  member.read({.serializable = false,
               .deadline = deadline,
               .responder = std::make_unique<Looked>(config, member, std::move(login), std::move(done))});
}

}  // namespace cairn::api
