#include "server/tls_ports.h"

#include <algorithm>
#include <utility>

#include "observe/log.h"
#include "server/thread_name.h"

namespace cairn::server {
namespace {

// "10.0.0.1" of "10.0.0.1:4711".
std::string host_of(const std::string& with) { return with.substr(0, with.rfind(':')); }

// Without the names in it, which are chosen by who is refused.
std::string kind_of(const std::string& why) {
  const std::size_t begin = std::min(why.find('"'), why.size());
  const std::size_t end = std::min(why.rfind('"'), why.size());
  return why.substr(0, begin) + why.substr(end);
}

double seconds_of(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace

Result<std::unique_ptr<TlsPorts>> TlsPorts::open(const PortTls& clients, const PortTls& peers,
                                                 Metrics* metrics, const Limits& limits) {
  std::unique_ptr<TlsPorts> made(new TlsPorts(metrics, limits));
  if (clients.on) made->clients_ = TRY(made->open_port("client", tls::Role::server, clients.shown));
  if (peers.on) {
    made->peers_ = TRY(made->open_port("peer", tls::Role::server, peers.shown));
    made->dialed_ = TRY(made->open_port("peer-calls", tls::Role::client, peers.dialing));
  }
  return made;
}

Result<std::unique_ptr<TlsPorts::Port>> TlsPorts::open_port(const std::string& name, tls::Role role,
                                                            const tls::Options& options) {
  auto credentials = TRY(Credentials::open(role, options));
  const auto counter = [&](const char* of, const char* help, const char* outcome) -> Counter& {
    return metrics_.counter(of, help, {{"port", name}, {"outcome", outcome}});
  };
  constexpr char kHandshakes[] = "cairn_tls_handshakes_total", kReads[] = "cairn_tls_reads_total";
  constexpr char kHandshakesHelp[] = "handshakes of TLS", kReadsHelp[] = "certificates that were read again";
  Counter &done = counter(kHandshakes, kHandshakesHelp, "done"),
          &refused = counter(kHandshakes, kHandshakesHelp, "refused"),
          &used = counter(kReads, kReadsHelp, "used"), &unusable = counter(kReads, kReadsHelp, "unusable");
  std::unique_ptr<Port> port(new Port{name, std::move(credentials), done, refused, used, unusable});
  metrics_.gauge_from("cairn_tls_certificate_expiry_seconds",
                      "when the certificate ends, in seconds since 1970", {{"port", name}},
                      [of = port->credentials.get()] {
                        const auto expires = of->current()->expires();
                        return expires ? seconds_of(*expires) : 0;
                      });
  warn_of_expiry(*port);
  return port;
}

TlsPorts::~TlsPorts() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<tls::Handshakes> TlsPorts::handshakes_on(boost::asio::io_context& io) {
  const std::lock_guard lock(mutex_);
  auto& handshakes = handshakes_[&io];
  if (handshakes == nullptr) handshakes = std::make_shared<tls::Handshakes>(limits_.handshakes);
  return handshakes;
}

net::Layer TlsPorts::accepting(Port& port) {
  return [this, &port](boost::asio::io_context& io, std::shared_ptr<net::Channel> plain,
                       const std::string& with) {
    tls::Parameters parameters;
    parameters.context = port.credentials->current();
    parameters.among = handshakes_on(io);
    parameters.on_handshake = [this, &port, with](const std::string* why) {
      why == nullptr ? port.done.add() : refused(port, with, *why);
    };
    parameters.limits = limits_.channel;
    return tls::secure(io, std::move(plain), std::move(parameters));
  };
}

// What goes wrong there is said of the connection: why a member cannot be reached.
net::Layer TlsPorts::dialing(Port& port) {
  return [this, &port](boost::asio::io_context& io, std::shared_ptr<net::Channel> plain,
                       const std::string& with) {
    tls::Parameters parameters;
    parameters.context = port.credentials->current();
    parameters.server_name = with;
    parameters.on_handshake = [&port](const std::string* why) {
      (why == nullptr ? port.done : port.refused).add();
    };
    parameters.limits = limits_.channel;
    return tls::secure(io, std::move(plain), std::move(parameters));
  };
}

bool TlsPorts::is_due(const std::string& line, std::uint64_t* times) {
  const std::lock_guard lock(mutex_);
  const auto due = logged_.due(line, std::chrono::steady_clock::now());
  *times = due.value_or(0);
  return due.has_value();
}

void TlsPorts::refused(Port& port, const std::string& with, const std::string& why) {
  port.refused.add();
  std::uint64_t times = 0;
  if (!is_due(port.name + " " + host_of(with) + " " + kind_of(why), &times)) return;
  log_warn("a connection was refused", {{"port", port.name}, {"from", with}, {"why", why}, {"times", times}});
}

void TlsPorts::warn_of_expiry(const Port& port) {
  const auto expires = port.credentials->current()->expires();
  std::uint64_t times = 0;
  if (!expires) return;
  const auto left = std::chrono::floor<std::chrono::hours>(*expires - std::chrono::system_clock::now());
  if (left >= limits_.expiry_warned || !is_due("expiry " + port.name, &times)) return;
  const std::string file = port.credentials->current()->options().certificate_file;
  log_warn(left.count() >= 0 ? "a certificate ends soon" : "a certificate has ended: nobody believes it",
           {{"port", port.name},
            {"file", file},
            {"hours-left", left.count()},
            {"next", "replace it and its key: they are read again by themselves"}});
}

void TlsPorts::look_at(Port& port) {
  const Result<bool> looked = port.credentials->look();
  warn_of_expiry(port);
  if (looked && !*looked) return;
  const std::string file = port.credentials->current()->options().certificate_file;
  if (looked) {
    port.renewed.add();
    log_info("certificates have changed: connections that begin now go by them",
             {{"port", port.name}, {"file", file}});
    return;
  }
  port.not_renewed.add();
  std::uint64_t times = 0;
  if (is_due("unusable " + port.name, &times))
    log_warn("certificates have changed and cannot be used: those of before stay in force",
             {{"port", port.name},
              {"why", looked.error().message},
              {"times", times},
              {"next", "once all of their files fit together they are taken by themselves"}});
}

void TlsPorts::look() {
  for (const auto& port : {clients_.get(), peers_.get(), dialed_.get()})
    if (port != nullptr) look_at(*port);
}

void TlsPorts::start() {
  if (!clients_ && !peers_) return;
  thread_ = std::thread([this] { run(); });
}

void TlsPorts::run() {
  name_this_thread("certificates");
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, limits_.look_interval, [this] { return closed_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

}  // namespace cairn::server
