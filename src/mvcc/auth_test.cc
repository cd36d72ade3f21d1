// Users, roles and permissions as state: etcd's rules and texts, who may what, bounds, hashes, saving.
#include "mvcc/auth.h"

#include "base/prng.h"
#include "etcd/reasons.h"
#include "mvcc/commands.h"
#include "mvcc/harness_fixture.h"
#include "mvcc/storage.h"

namespace cairn::mvcc {
namespace {

constexpr std::string_view kAll("\0", 1);

struct Users {
  explicit Users(const Limits& limits = {}) : store(limits) {}
  explicit Users(std::unique_ptr<StateMachine> loaded) : store(std::move(loaded)) {}

  std::string apply(const command::Command& command) { return store.apply(in_name(command)).error; }
  command::Command in_name(command::Command command) const {
    if (caller.empty()) return command;
    command.mutable_caller()->set_user(caller);
    command.mutable_caller()->set_auth_revision(revision());
    return command;
  }
  std::string enable() {
    command::Command command;
    command.mutable_auth_enable();
    return apply(command);
  }
  std::string disable() {
    command::Command command;
    command.mutable_auth_disable();
    return apply(command);
  }
  std::string add(const std::string& user, const std::string& hash = "hash") {
    command::Command command;
    command.mutable_user_add()->set_name(user);
    command.mutable_user_add()->set_hashedpassword(hash);
    return apply(command);
  }
  std::string remove(const std::string& user) {
    command::Command command;
    command.mutable_user_delete()->set_name(user);
    return apply(command);
  }
  std::string change_password(const std::string& user, const std::string& hash) {
    command::Command command;
    command.mutable_user_change_password()->set_name(user);
    command.mutable_user_change_password()->set_hashedpassword(hash);
    return apply(command);
  }
  std::string grant(const std::string& user, const std::string& role) {
    command::Command command;
    command.mutable_user_grant_role()->set_user(user);
    command.mutable_user_grant_role()->set_role(role);
    return apply(command);
  }
  std::string revoke(const std::string& user, const std::string& role) {
    command::Command command;
    command.mutable_user_revoke_role()->set_name(user);
    command.mutable_user_revoke_role()->set_role(role);
    return apply(command);
  }
  std::string add_role(const std::string& role) {
    command::Command command;
    command.mutable_role_add()->set_name(role);
    return apply(command);
  }
  std::string remove_role(const std::string& role) {
    command::Command command;
    command.mutable_role_delete()->set_role(role);
    return apply(command);
  }
  std::string permit(const std::string& role, authpb::Permission::Type type, std::string_view key,
                     std::string_view end = {}) {
    command::Command command;
    command.mutable_role_grant_permission()->set_name(role);
    authpb::Permission* const permission = command.mutable_role_grant_permission()->mutable_perm();
    permission->set_permtype(type);
    permission->set_key(std::string(key));
    permission->set_range_end(std::string(end));
    return apply(command);
  }
  std::string forbid(const std::string& role, const std::string& key, const std::string& end = "") {
    command::Command command;
    command.mutable_role_revoke_permission()->set_role(role);
    command.mutable_role_revoke_permission()->set_key(key);
    command.mutable_role_revoke_permission()->set_range_end(end);
    return apply(command);
  }
  std::string log_in(const std::string& user, std::uint64_t password_revision, char token) {
    command::Command command;
    command.mutable_caller()->set_cluster(true);
    command.mutable_login()->set_user(user);
    command.mutable_login()->set_password_revision(password_revision);
    command.mutable_login()->set_token_hash(std::string(32, token));
    return store.apply(command).error;
  }
  std::string log_in(const std::string& user, char token) {
    return log_in(user, auth().user(user)->password_revision, token);
  }
  // root, and ann with the role "some"; not enabled yet.
  void populate() {
    EXPECT_EQ(add("root"), "");
    EXPECT_EQ(grant("root", "root"), "");
    EXPECT_EQ(add("ann"), "");
    EXPECT_EQ(add_role("some"), "");
    EXPECT_EQ(grant("ann", "some"), "");
  }
  void enable_as_root() {
    EXPECT_EQ(enable(), "");
    caller = "root";
  }
  const AuthState& auth() const { return *store.machine->auth(); }
  std::uint64_t revision() const { return auth().revision; }
  bool may(const std::string& user, bool writes, std::string_view key, std::string_view end = {}) const {
    const User& known = *auth().user(user);
    return writes ? auth().may_write(known, key_span(key, end)) : auth().may_read(known, key_span(key, end));
  }
  bool may_read(std::string_view key, std::string_view end = {}) const { return may("ann", false, key, end); }
  bool may_write(std::string_view key, std::string_view end = {}) const { return may("ann", true, key, end); }
  Status permits(const std::string& user, const etcd::Effects& effects) const {
    return store.view()->permits({Caller::Kind::user, user, revision()}, effects);
  }

  Harness store;
  std::string caller{};
};

constexpr auto kRead = authpb::Permission::READ;
constexpr auto kWrite = authpb::Permission::WRITE;
constexpr auto kBoth = authpb::Permission::READWRITE;

TEST(KeySpans, AreMergedWhereTheyTouch) {
  KeySpans spans;
  const auto all = [&spans] {
    std::string text;
    for (const KeySpan& each : spans.all()) text += "[" + each.begin + "," + each.end + ")";
    return text;
  };
  spans.add({"c", "e"});
  spans.add({"g", "i"});
  spans.add({"a", "b"});
  EXPECT_EQ(all(), "[a,b)[c,e)[g,i)");
  spans.add({"e", "f"});
  EXPECT_EQ(all(), "[a,b)[c,f)[g,i)");
  spans.add({"b", "d"});
  EXPECT_EQ(all(), "[a,f)[g,i)");
  spans.add({"h", ""});
  EXPECT_EQ(all(), "[a,f)[g,)");
  spans.add({"x", "y"});
  EXPECT_EQ(all(), "[a,f)[g,)");
  spans.add({"", ""});
  EXPECT_EQ(all(), "[,)");
}

// Against one bit a key.
TEST(KeySpans, HoldWhatWasAdded) {
  Prng random(5);
  constexpr std::uint64_t kKeys = 24;
  for (int run = 0; run < 200; ++run) {
    KeySpans spans;
    std::vector<bool> model(kKeys + 1, false);
    const auto key = [](std::uint64_t at) { return std::string(1, static_cast<char>('a' + at)); };
    for (std::uint64_t i = random.below(6); i > 0; --i) {
      const std::uint64_t begin = random.below(kKeys), end = begin + 1 + random.below(kKeys - begin);
      const bool open = random.chance(1, 8);
      spans.add({key(begin), open ? "" : key(end)});
      for (std::uint64_t at = begin; at < (open ? kKeys + 1 : end); ++at) model[at] = true;
    }
    for (std::uint64_t at = 0; at <= kKeys; ++at) {
      const auto end = spans.end_at(key(at));
      ASSERT_EQ(end.has_value(), model[at]);
      if (!end) continue;
      std::uint64_t behind = at;
      while (behind <= kKeys && model[behind]) ++behind;
      EXPECT_EQ(*end, behind > kKeys && model[kKeys] ? "" : key(behind));
    }
    for (std::size_t i = 1; i < spans.all().size(); ++i)
      EXPECT_LT(spans.all()[i - 1].end, spans.all()[i].begin) << "they touch";
  }
}

TEST(Auth, IsChangedByEtcdsRules) {
  Users users;
  EXPECT_EQ(users.revision(), 1u);
  EXPECT_EQ(users.disable(), "") << "it is not enabled";
  EXPECT_EQ(users.enable(), "etcdserver: root user does not exist");
  EXPECT_EQ(users.add(""), "etcdserver: user name is empty");
  EXPECT_EQ(users.add("root"), "");
  EXPECT_EQ(users.add("root"), "etcdserver: user name already exists");
  EXPECT_EQ(users.enable(), "etcdserver: root user does not have root role");
  EXPECT_EQ(users.revision(), 2u);
  EXPECT_EQ(users.grant("ann", "some"), "etcdserver: user name not found");
  EXPECT_EQ(users.grant("root", "some"), "etcdserver: role name not found");
  EXPECT_EQ(users.grant("root", "root"), "") << "this role needs not be there";
  EXPECT_EQ(users.grant("root", "root"), "");
  EXPECT_EQ(users.revoke("ann", "some"), "etcdserver: user name not found");
  EXPECT_EQ(users.revoke("root", "some"), "etcdserver: role is not granted to the user");
  EXPECT_EQ(users.add_role(""), "etcdserver: role name is empty");
  EXPECT_EQ(users.add_role("some"), "");
  EXPECT_EQ(users.add_role("some"), "etcdserver: role name already exists");
  EXPECT_EQ(users.remove_role("none"), "etcdserver: role name not found");
  EXPECT_EQ(users.permit("none", kRead, "a"), "etcdserver: role name not found");
  EXPECT_EQ(users.permit("some", kRead, "b", "a"), "etcdserver: invalid auth management");
  EXPECT_EQ(users.permit("some", kRead, "a", "a"), "etcdserver: invalid auth management");
  EXPECT_EQ(users.permit("some", kRead, ""), "etcdserver: invalid auth management");
  EXPECT_EQ(users.permit("some", static_cast<authpb::Permission::Type>(3), "a"),
            "etcdserver: invalid auth management");
  command::Command nothing;
  nothing.mutable_role_grant_permission()->set_name("some");
  EXPECT_EQ(users.apply(nothing), "etcdserver: permission not given");
  EXPECT_EQ(users.forbid("none", "a"), "etcdserver: role name not found");
  EXPECT_EQ(users.forbid("some", "a"), "etcdserver: permission is not granted to the role");
  EXPECT_EQ(users.remove("ann"), "etcdserver: user name not found");
  EXPECT_EQ(users.change_password("ann", "x"), "etcdserver: user name not found");
  EXPECT_EQ(users.enable(), "");
}

TEST(Auth, OnceEnabledItStaysManageable) {
  Users users;
  users.populate();
  users.enable_as_root();
  EXPECT_EQ(users.enable(), "") << "it is";
  for (const std::string& refused :
       {users.remove("root"), users.revoke("root", "root"), users.remove_role("root")})
    EXPECT_EQ(refused, "etcdserver: invalid auth management");
  EXPECT_EQ(users.disable(), "");
  users.caller = "";
  EXPECT_EQ(users.remove("root"), "");
}

TEST(Auth, ARevisionGoesUpWithEachChangeAndWithNothingElse) {
  Users users;
  users.populate();
  std::uint64_t revision = users.revision();
  const auto changes = [&](const std::string& refused) {
    EXPECT_EQ(refused, "");
    EXPECT_EQ(users.revision(), ++revision);
  };
  changes(users.permit("some", kRead, "a"));
  changes(users.forbid("some", "a"));
  changes(users.change_password("ann", "other"));
  changes(users.revoke("ann", "some"));
  changes(users.grant("ann", "some"));
  changes(users.remove_role("some"));
  changes(users.enable());
  users.caller = "root";
  EXPECT_EQ(users.log_in("ann", 'a'), "");
  EXPECT_EQ(users.add("ann"), "etcdserver: user name already exists");
  EXPECT_EQ(users.revision(), revision);
  changes(users.remove("ann"));
  changes(users.disable());
}

TEST(Auth, ARoleThatGoesIsTakenFromAllWhoHaveIt) {
  Users users;
  users.populate();
  EXPECT_EQ(users.permit("some", kBoth, "a"), "");
  EXPECT_TRUE(users.may_write("a"));
  EXPECT_EQ(users.remove_role("some"), "");
  EXPECT_TRUE(users.auth().user("ann")->roles.empty());
  EXPECT_EQ(users.add_role("some"), "");
  EXPECT_FALSE(users.may_write("a"));
}

TEST(Auth, PermissionsOfAllRolesTogetherCoverARange) {
  Users users;
  users.populate();
  EXPECT_EQ(users.add_role("more"), "");
  EXPECT_EQ(users.grant("ann", "more"), "");
  EXPECT_FALSE(users.may_read("a"));
  EXPECT_EQ(users.permit("some", kRead, "a", "c"), "");
  EXPECT_EQ(users.permit("more", kBoth, "c", "e"), "");
  EXPECT_TRUE(users.may_read("a", "e"));
  EXPECT_FALSE(users.may_read("a", "e1"));
  EXPECT_FALSE(users.may_read("a", kAll)) << "without an end";
  EXPECT_FALSE(users.may_write("a"));
  EXPECT_TRUE(users.may_write("c", "e"));
  EXPECT_FALSE(users.may_write("b", "d"));
  EXPECT_TRUE(users.may_read("b", "b")) << "nothing, of a key that may be read";
  EXPECT_FALSE(users.may_read("x", "b"));
  EXPECT_EQ(users.permit("some", kWrite, "a", "c"), "");
  EXPECT_FALSE(users.may_read("a", "c")) << "the same range with another permission replaces it";
  EXPECT_EQ(users.permit("more", kBoth, kAll, kAll), "");
  EXPECT_TRUE(users.may_write("a", kAll));
  EXPECT_TRUE(users.may_read(kAll, kAll));
  EXPECT_EQ(users.forbid("more", std::string(kAll), std::string(kAll)), "");
  EXPECT_FALSE(users.may_read("a", kAll));
  EXPECT_TRUE(users.may("root", true, "anything", kAll));
}

TEST(Auth, ASingleKeyIsNoRangeFromItOn) {
  Users users;
  users.populate();
  EXPECT_EQ(users.permit("some", kRead, "k"), "");
  EXPECT_TRUE(users.may_read("k"));
  EXPECT_TRUE(users.may_read("k", std::string_view("k\0", 2)));
  EXPECT_FALSE(users.may_read("k", "l"));
  EXPECT_FALSE(users.may_read("k", kAll));
  EXPECT_FALSE(users.may_read("k0"));
}

TEST(Auth, WhoSaysNothingMayNothingOnceItIsEnabled) {
  Users users;
  users.populate();
  EXPECT_EQ(users.store.put("a", "1").code, Code::ok);
  EXPECT_EQ(users.enable(), "");
  EXPECT_EQ(users.store.put("a", "2").reason, Reason::user_empty);
  EXPECT_EQ(users.store.compact(1).reason, Reason::user_empty);
  EXPECT_EQ(users.add("eve"), "etcdserver: user name is empty");
  command::Command grant;
  grant.mutable_lease_grant()->set_id(7);
  grant.mutable_lease_grant()->set_ttl(10);
  EXPECT_EQ(users.store.apply(grant).reason, Reason::user_empty);
  users.caller = "ann";
  EXPECT_EQ(users.apply(grant), "") << "any user";
  EXPECT_EQ(users.add("eve"), "etcdserver: permission denied");
  EXPECT_EQ(users.disable(), "etcdserver: permission denied");
  command::Command login;
  login.mutable_login()->set_user("ann");
  EXPECT_EQ(users.apply(login), "etcdserver: permission denied") << "only members say who has logged in";
  users.caller = "nobody";
  EXPECT_EQ(users.apply(grant), "etcdserver: permission denied");
}

TEST(Auth, WhoWasLetInBeforeAChangeIsAskedAgain) {
  Users users;
  users.populate();
  EXPECT_EQ(users.permit("some", kBoth, "a"), "");
  users.enable_as_root();
  command::Command command;
  *command.mutable_put() = put_request("a", "1");
  command.mutable_caller()->set_user("ann");
  command.mutable_caller()->set_auth_revision(users.revision());
  EXPECT_EQ(users.store.apply(command).code, Code::ok);
  EXPECT_EQ(users.add_role("other"), "");
  EXPECT_EQ(users.store.apply(command).reason, Reason::auth_revision_old);
}

command::Command txn_command(const pb::TxnRequest& txn) {
  command::Command command;
  *command.mutable_txn() = txn;
  return command;
}

// CVE-2026-33343 and CVE-2026-44283: what stands inside counts as what stands outside.
TEST(Auth, IsAskedOfEveryEffectHoweverItIsWrapped) {
  Users users;
  users.populate();
  EXPECT_EQ(users.permit("some", kWrite, "w"), "");
  EXPECT_EQ(users.permit("some", kRead, "r"), "");
  users.enable_as_root();
  users.caller = "ann";
  const std::string denied = "etcdserver: permission denied";
  pb::TxnRequest txn;
  *txn.add_success()->mutable_request_put() = put_request("w", "1");
  EXPECT_EQ(users.apply(txn_command(txn)), "");
  pb::PutRequest with_previous = put_request("w", "2");
  with_previous.set_prev_kv(true);
  command::Command put;
  *put.mutable_put() = with_previous;
  EXPECT_EQ(users.apply(put), denied);
  pb::TxnRequest previous = txn;
  *previous.mutable_success(0)->mutable_request_put() = with_previous;
  EXPECT_EQ(users.apply(txn_command(previous)), denied);
  pb::TxnRequest nested;
  *nested.add_failure()->mutable_request_txn()->add_success()->mutable_request_txn() = txn;
  EXPECT_EQ(users.apply(txn_command(nested)), "");
  nested.mutable_failure(0)
      ->mutable_request_txn()
      ->mutable_success(0)
      ->mutable_request_txn()
      ->add_failure()
      ->mutable_request_delete_range()
      ->set_key("r");
  EXPECT_EQ(users.apply(txn_command(nested)), denied) << "on a branch that is not taken";
  pb::TxnRequest compared = txn;
  compared.add_compare()->set_key("r");
  EXPECT_EQ(users.apply(txn_command(compared)), "");
  compared.add_compare()->set_key("w");
  EXPECT_EQ(users.apply(txn_command(compared)), denied) << "which branch runs tells of the value";
  pb::TxnRequest read = txn;
  read.add_success()->mutable_request_range()->set_key("w");
  EXPECT_EQ(users.apply(txn_command(read)), denied);
}

TEST(Auth, ALeaseIsItsKeys) {
  Users users;
  users.populate();
  EXPECT_EQ(users.permit("some", kBoth, "a"), "");
  users.enable_as_root();
  command::Command grant;
  grant.mutable_lease_grant()->set_id(7);
  grant.mutable_lease_grant()->set_ttl(10);
  EXPECT_EQ(users.apply(grant), "");
  command::Command put;
  *put.mutable_put() = put_request("a", "1");
  put.mutable_put()->set_lease(7);
  command::Command revoke;
  revoke.mutable_lease_revoke()->set_id(7);
  users.caller = "ann";
  EXPECT_EQ(users.apply(put), "") << "all keys of it may be written";
  users.caller = "root";
  command::Command other = put;
  other.mutable_put()->set_key("b");
  EXPECT_EQ(users.apply(other), "");
  users.caller = "ann";
  EXPECT_EQ(users.apply(put), "etcdserver: permission denied");
  pb::TxnRequest txn;
  *txn.add_success()->mutable_request_put() = put.put();
  EXPECT_EQ(users.apply(txn_command(txn)), "etcdserver: permission denied");
  EXPECT_EQ(users.apply(revoke), "etcdserver: permission denied");
  using etcd::Access;
  EXPECT_FALSE(users.permits("ann", {{Access::attach, "", "", 7}}));
  EXPECT_FALSE(users.permits("ann", {{Access::attached, "", "", 7}}));
  EXPECT_TRUE(users.permits("ann", {{Access::attached, "", "", 8}})) << "there is none";
  EXPECT_TRUE(users.permits("root", {{Access::attached, "", "", 7}}));
  users.caller = "root";
  EXPECT_EQ(users.permit("some", kRead, "b"), "");
  EXPECT_TRUE(users.permits("ann", {{Access::attached, "", "", 7}}));
  EXPECT_FALSE(users.permits("ann", {{Access::attach, "", "", 7}}));
  EXPECT_EQ(users.apply(revoke), "");
}

TEST(Auth, TheClustersOwnIsNobodyElses) {
  Users users;
  users.populate();
  command::Command publish;
  publish.mutable_publish()->set_id(9);
  users.caller = "ann";
  EXPECT_EQ(users.apply(publish), "etcdserver: permission denied") << "even before it is enabled";
  users.caller = "";
  users.enable_as_root();
  EXPECT_EQ(users.apply(publish), "etcdserver: permission denied") << "not root's either";
  publish.mutable_caller()->set_cluster(true);
  EXPECT_NE(users.store.apply(publish).code, Code::permission_denied);
}

TEST(Logins, LastUntilTheirPasswordOrTheirUserGoes) {
  Users users;
  users.populate();
  EXPECT_EQ(users.log_in("ann", 'a'), "etcdserver: authentication is not enabled");
  users.enable_as_root();
  const auto count = [&users] { return users.auth().tokens->by_hash.size(); };
  EXPECT_EQ(users.log_in("ann", 'a'), "");
  EXPECT_EQ(users.log_in("root", 'r'), "");
  EXPECT_EQ(users.log_in("ann", 'b'), "");
  EXPECT_EQ(users.log_in("ann", 'a'), "etcdserver: authentication failed, invalid user ID or password");
  TokenHash hash;
  hash.fill('b');
  EXPECT_EQ(users.auth().tokens->find(hash)->user, "ann");
  const std::uint64_t before = users.auth().user("ann")->password_revision;
  EXPECT_EQ(users.change_password("ann", "new"), "");
  EXPECT_EQ(count(), 1u);
  EXPECT_EQ(users.log_in("ann", before, 'c'),
            "etcdserver: authentication failed, invalid user ID or password")
      << "the password that was checked is not hers any more";
  EXPECT_EQ(users.log_in("ann", 'c'), "");
  EXPECT_EQ(users.remove("ann"), "");
  EXPECT_EQ(count(), 1u);
  EXPECT_EQ(users.disable(), "");
  EXPECT_EQ(count(), 0u);
}

TEST(Logins, TheOldestMakeRoom) {
  Users users(Limits{.tokens_max = 3, .user_tokens_max = 2});
  users.populate();
  users.enable_as_root();
  const auto known = [&users] {
    std::string text;
    for (const Token& each : users.auth().tokens->by_hash) text += each.hash[0];
    return text;
  };
  for (const char token : {'z', 'y', 'x'}) EXPECT_EQ(users.log_in("ann", token), "");
  EXPECT_EQ(known(), "xy") << "her own";
  EXPECT_EQ(users.log_in("root", 'r'), "");
  EXPECT_EQ(users.log_in("root", 's'), "");
  EXPECT_EQ(known(), "rsx") << "of all";
}

TEST(Auth, IsBounded) {
  Users users(Limits{.users_max = 2,
                     .roles_max = 1,
                     .user_roles_max = 1,
                     .role_permissions_max = 2,
                     .auth_bytes_max = 60,
                     .auth_name_bytes_max = 5});
  EXPECT_EQ(users.add("ann", ""), "");
  EXPECT_EQ(users.add("bobby", ""), "");
  EXPECT_TRUE(users.add("eve").starts_with("cairn: 2 of these are there"));
  EXPECT_TRUE(users.remove("bobby").empty());
  EXPECT_EQ(users.add("longer"), "cairn: the name has 6 bytes, and 5 are the most: choose a shorter one");
  EXPECT_EQ(users.add_role("some"), "");
  EXPECT_TRUE(users.add_role("more").starts_with("cairn: 1 of these are there"));
  EXPECT_TRUE(users.add_role("longer").starts_with("cairn: the name has 6 bytes"));
  EXPECT_EQ(users.grant("ann", "some"), "");
  EXPECT_TRUE(users.grant("ann", "root").starts_with("cairn: 1 of these are there"));
  EXPECT_EQ(users.permit("some", kRead, "a"), "");
  EXPECT_EQ(users.permit("some", kRead, "b"), "");
  EXPECT_TRUE(users.permit("some", kRead, "c").starts_with("cairn: 2 of these are there"));
  EXPECT_EQ(users.permit("some", kWrite, "b"), "") << "in place of the one before";
  EXPECT_EQ(users.forbid("some", "b"), "");
  EXPECT_TRUE(
      users.permit("some", kRead, std::string(60, 'k')).starts_with("cairn: users and roles may take 60"));
  EXPECT_EQ(users.permit("some", kRead, std::string(40, 'k')), "");
}

TEST(Auth, HoldsNoPassword) {
  Users users;
  command::Command command;
  command.mutable_user_add()->set_name("ann");
  command.mutable_user_add()->set_password("secret");
  EXPECT_TRUE(users.apply(command).find("only its hash is logged") != std::string::npos);
  EXPECT_EQ(users.add("ann", ""), "");
  EXPECT_EQ(users.change_password("ann", "hash"), "");
  EXPECT_EQ(users.auth().user("ann")->password_hash, "") << "who was made to have none";
}

TEST(Auth, HashAndSavedStateFollowFromTheUsersAlone) {
  Users users, others;
  const std::uint64_t empty = Storage({}).state_hash();
  EXPECT_EQ(Users().store.machine->state_hash(), empty) << "as of versions that knew no users";
  users.populate();
  others.populate();
  EXPECT_EQ(users.store.machine->state_hash(), others.store.machine->state_hash());
  // At equal index, whatever it is that differs.
  const auto differ = [&](const std::string& one, const std::string& other) {
    EXPECT_EQ(one + other, "");
    EXPECT_NE(users.store.machine->state_hash(), others.store.machine->state_hash());
  };
  differ(users.change_password("ann", "one"), others.change_password("ann", "other"));
  differ(users.change_password("ann", "same"), others.revoke("ann", "some"));
  differ(users.permit("some", kRead, "k"), others.permit("some", kWrite, "k"));
  differ(users.add_role("more"), others.add("more"));
  EXPECT_EQ(users.permit("some", kBoth, "a", "c"), "");
  users.enable_as_root();
  EXPECT_EQ(users.log_in("ann", 'a'), "");
  EXPECT_EQ(users.log_in("root", 'r'), "");
  Users again(loaded(saved(*users.store.view()), 7));
  EXPECT_EQ(again.store.machine->state_hash(), users.store.machine->state_hash());
  EXPECT_EQ(saved(*again.store.view()), saved(*users.store.view()));
  EXPECT_TRUE(again.may_write("b"));
  EXPECT_FALSE(again.may_write("c"));
  for (Users* const each : {&users, &again}) {
    each->caller = "root";
    EXPECT_EQ(each->permit("some", kRead, "d"), "");
    EXPECT_EQ(each->change_password("ann", "new"), "");
    EXPECT_EQ(each->remove_role("some"), "");
  }
  EXPECT_EQ(again.store.machine->state_hash(), users.store.machine->state_hash());
}

// Whatever is flipped or cut: refused, or the same.
TEST(Auth, ASavedStateThatContradictsItselfIsRefused) {
  Users users;
  users.populate();
  EXPECT_EQ(users.permit("some", kBoth, "a"), "");
  users.enable_as_root();
  EXPECT_EQ(users.log_in("ann", 'a'), "");
  const std::string good = saved(*users.store.view());
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    StringSource source(bad);
    EXPECT_FALSE(StateMachine::load(&source).has_value()) << at;
  }
}

}  // namespace
}  // namespace cairn::mvcc
