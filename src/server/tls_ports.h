// TlsPorts: TLS of a member's two ports: their credentials, which a thread of its own looks after, the layers
// that connections are spoken through, and what is said and counted of handshakes. Owner: run(), where it
// outlives every connection. Threading: the layers are called on the threads that serve connections; all else
// on the one that constructs. Bounded: handshakes under way, on each of these threads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "net/channel.h"
#include "observe/metrics.h"
#include "server/config.h"
#include "server/credentials.h"
#include "server/once_a_minute.h"
#include "tls/channel.h"

namespace cairn::server {

class TlsPorts {
 public:
  struct Limits {
    Duration look_interval = std::chrono::seconds(1);  // at the files
    tls::Limits channel{};
    tls::Handshakes::Limits handshakes{};
    OnceAMinute::Limits logged{};
    std::chrono::hours expiry_warned = std::chrono::hours(24 * 7);  // so long before it
  };
  // Where a port speaks no TLS, its layers are null. Error: as Credentials::open.
  static Result<std::unique_ptr<TlsPorts>> open(const PortTls& clients, const PortTls& peers,
                                                Metrics* metrics, const Limits& limits);
  ~TlsPorts();
  TlsPorts(const TlsPorts&) = delete;
  TlsPorts& operator=(const TlsPorts&) = delete;

  net::Layer clients() { return clients_ ? accepting(*clients_) : nullptr; }
  net::Layer peers() { return peers_ ? accepting(*peers_) : nullptr; }
  net::Layer dialed() { return dialed_ ? dialing(*dialed_) : nullptr; }
  void start();  // looking
  void look();   // once

 private:
  struct Port {
    std::string name;
    std::unique_ptr<Credentials> credentials;
    Counter &done, &refused, &renewed, &not_renewed;
  };
  TlsPorts(Metrics* metrics, const Limits& limits) : metrics_(*metrics), limits_(limits) {}
  Result<std::unique_ptr<Port>> open_port(const std::string& name, tls::Role role,
                                          const tls::Options& options);
  net::Layer accepting(Port& port);
  net::Layer dialing(Port& port);
  std::shared_ptr<tls::Handshakes> handshakes_on(boost::asio::io_context& io);
  void refused(Port& port, const std::string& with, const std::string& why);
  void look_at(Port& port);
  void warn_of_expiry(const Port& port);
  bool is_due(const std::string& line, std::uint64_t* times);
  void run();

  Metrics& metrics_;
  const Limits limits_;
  std::unique_ptr<Port> clients_, peers_, dialed_;
  std::mutex mutex_;  // of what follows
  std::condition_variable wake_;
  bool closed_ = false;
  OnceAMinute logged_{limits_.logged};
  std::map<boost::asio::io_context*, std::shared_ptr<tls::Handshakes>> handshakes_;
  std::thread thread_;
};

}  // namespace cairn::server
