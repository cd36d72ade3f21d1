#include "server/service_manager.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>

namespace cairn::server {
namespace {

constexpr std::int64_t kSelf = 4711;

// Whom the member tells: a socket in a folder, or in the abstract namespace.
class Listener {
 public:
  explicit Listener(bool abstract) {
    char folder[] = "/tmp/cairn-manager-XXXXXX";
    EXPECT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    name_ = (abstract ? "@" : "") + folder_ + "/socket";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (abstract) address.sun_path[0] = '\0';
    const std::size_t size = offsetof(sockaddr_un, sun_path) + name_.size() + (abstract ? 0 : 1);
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)), 0);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() {
    ::close(socket_);
    std::filesystem::remove_all(folder_);
  }
  const std::string& name() const { return name_; }
  std::string heard() const {  // "": nothing
    char text[4096];
    const ssize_t size = ::recv(socket_, text, sizeof(text), MSG_DONTWAIT);
    return size < 0 ? "" : std::string(text, static_cast<std::size_t>(size));
  }

 private:
  std::string folder_, name_;
  int socket_ = -1;
};

TEST(ServiceManager, IsToldInItsOwnWordsAtAFileAndAtAnAbstractName) {
  for (const bool abstract : {false, true}) {
    const Listener listener(abstract);
    auto manager = ServiceManager::named_in({{"NOTIFY_SOCKET", listener.name()}}, kSelf);
    ASSERT_TRUE(manager) << manager.error().message;
    EXPECT_TRUE(manager->listens());
    manager->say("reads its log");
    EXPECT_EQ(listener.heard(), "STATUS=reads its log") << listener.name();
    manager->ready("serves\nclients");
    EXPECT_EQ(listener.heard(), "READY=1\nSTATUS=serves clients") << "one line is one assignment";
    manager->reloading(Time(std::chrono::milliseconds(7)));
    EXPECT_EQ(listener.heard(), "RELOADING=1\nMONOTONIC_USEC=7000\nSTATUS=reads its settings again");
    manager->alive();
    EXPECT_EQ(listener.heard(), "WATCHDOG=1");
    manager->stopping("stops");
    EXPECT_EQ(listener.heard(), "STOPPING=1\nSTATUS=stops");
  }
}

TEST(ServiceManager, HearsAStatusOnceUntilItChanges) {
  const Listener listener(false);
  auto manager = ServiceManager::named_in({{"NOTIFY_SOCKET", listener.name()}}, kSelf);
  ASSERT_TRUE(manager) << manager.error().message;
  manager->say("leads");
  manager->say("leads");
  manager->say("follows n2");
  EXPECT_EQ(listener.heard(), "STATUS=leads");
  EXPECT_EQ(listener.heard(), "STATUS=follows n2");
  EXPECT_EQ(listener.heard(), "");
}

TEST(ServiceManager, IsNobodyWhenTheEnvironmentNamesNone) {
  auto manager = ServiceManager::named_in({{"WATCHDOG_USEC", "nonsense"}}, kSelf);
  ASSERT_TRUE(manager) << manager.error().message;
  EXPECT_FALSE(manager->listens());
  EXPECT_FALSE(manager->watchdog());
  manager->ready("serves");  // to nobody
}

TEST(ServiceManager, LimitsCutAStatus) {
  const Listener listener(false);
  auto manager =
      ServiceManager::named_in({{"NOTIFY_SOCKET", listener.name()}}, kSelf, {.status_bytes_max = 4});
  ASSERT_TRUE(manager) << manager.error().message;
  manager->say("abcdef");
  EXPECT_EQ(listener.heard(), "STATUS=abcd");
}

TEST(ServiceManager, LimitsPatienceWithWhoDoesNotRead) {
  const Listener listener(false);
  auto manager = ServiceManager::named_in({{"NOTIFY_SOCKET", listener.name()}}, kSelf,
                                          {.patience = std::chrono::milliseconds(1)});
  ASSERT_TRUE(manager) << manager.error().message;
  for (int i = 0; i < 10'000; ++i) manager->alive();  // more than any queue of the kernel takes
  manager->ready("serves");
  manager->say("leads");
  std::string last;
  for (std::string heard = listener.heard(); !heard.empty(); heard = listener.heard()) last = heard;
  EXPECT_EQ(last, "WATCHDOG=1") << "nobody waited longer";
  manager->say("leads");
  EXPECT_EQ(listener.heard(), "STATUS=leads") << "what was not taken is said again";
}

TEST(ServiceManager, SaysHowOftenItWantsASignOfLife) {
  const Listener listener(false);
  Environment environment{{"NOTIFY_SOCKET", listener.name()}, {"WATCHDOG_USEC", "3000000"}};
  const auto asked = [&] { return ServiceManager::named_in(environment, kSelf)->watchdog(); };
  EXPECT_EQ(asked(), Duration(std::chrono::seconds(3)));
  environment["WATCHDOG_PID"] = "4711";
  EXPECT_EQ(asked(), Duration(std::chrono::seconds(3)));
  environment["WATCHDOG_PID"] = "12";
  EXPECT_EQ(asked(), std::nullopt) << "it is asked of another process";
}

TEST(ServiceManager, IsRefusedWhenItsNameOrNumbersAreNotUnderstood) {
  const Environment bad[] = {
      {{"NOTIFY_SOCKET", "vsock:2:9999"}},
      {{"NOTIFY_SOCKET", "/" + std::string(200, 'x')}},
      {{"NOTIFY_SOCKET", "/run/x"}, {"WATCHDOG_USEC", "soon"}},
      {{"NOTIFY_SOCKET", "/run/x"}, {"WATCHDOG_USEC", "0"}},
      {{"NOTIFY_SOCKET", "/run/x"}, {"WATCHDOG_USEC", "3000000"}, {"WATCHDOG_PID", "12x"}},
  };
  for (const Environment& environment : bad) {
    const auto manager = ServiceManager::named_in(environment, kSelf);
    ASSERT_FALSE(manager) << environment.rbegin()->second;
    EXPECT_NE(manager.error().message.find("unset it"), std::string::npos) << manager.error().message;
  }
}

}  // namespace
}  // namespace cairn::server
