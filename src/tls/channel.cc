#include "tls/channel.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <climits>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "tls/openssl.h"

namespace cairn::tls {
namespace {

// What a web browser or curl shows of somebody who forgot the s.
constexpr std::string_view kNotHttps =
    "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
constexpr char kFirstOfHandshake = '\x16';  // RFC 8446 5.1

bool is_letter(char c) { return c >= 'A' && c <= 'Z'; }  // as every method of HTTP begins, and its answers

class Secure final : public net::Channel,
                     private net::Channel::User,
                     public std::enable_shared_from_this<Secure> {
 public:
  Secure(boost::asio::io_context& io, std::shared_ptr<net::Channel> plain, Parameters parameters);
  ~Secure() override {
    leave();
    SSL_free(ssl_);
  }
  Secure(const Secure&) = delete;
  Secure& operator=(const Secure&) = delete;

  void start(std::weak_ptr<net::Channel::User> user) override;
  void read() override;
  bool write(std::string_view bytes) override;
  void half_close() override;
  void close() override;
  bool open() const override { return open_; }
  bool ready() const override { return ready_; }
  std::string_view common_name() const override { return common_name_; }
  std::optional<Time> stuck_since() const override;
  Duration round_trip() override { return plain_->round_trip(); }

 private:
  std::span<char> room() override;
  void on_bytes(std::size_t count) override;
  void on_written() override;
  void on_end(const End& end) override;

  void shake_hands();
  bool learn_name();
  bool is_tls(char first);
  void shaken();
  void deliver();
  bool encrypt();
  bool flush();
  void keep_user();
  void refuse(const std::string& what);
  void leave();
  void finish(const End& end);

  boost::asio::io_context& io_;
  const std::shared_ptr<net::Channel> plain_;
  const Parameters parameters_;
  SSL* const ssl_;
  BIO* const in_;        // what has arrived, encrypted; ssl_ owns both
  BIO* const out_;       // what is to be sent, encrypted
  std::string sending_;  // taken from out_, until plain_ has taken it
  std::weak_ptr<net::Channel::User> user_;
  std::shared_ptr<net::Channel::User> kept_user_;  // while something is under way for it
  std::span<char> room_;                           // that plain_ reads into: the user's
  std::string_view unwritten_;                     // not encrypted yet
  Time began_{};
  boost::asio::steady_timer deadline_;  // of the handshake
  std::optional<Handshakes::Place> place_;
  std::string unbelieved_;  // why the other side's certificate is
  std::string common_name_;
  bool ready_ = false;    // both sides know each other
  bool reading_ = false;  // the user has asked for bytes
  bool delivering_ = false;
  bool hungry_ = true;    // nothing more can be decrypted before more arrives
  bool writing_ = false;  // the user waits for on_written
  bool busy_ = false;     // plain_ has sending_
  bool half_closing_ = false;
  bool first_ = true;   // nothing has arrived yet
  bool heard_ = false;  // something that was meant for the user has
  bool open_ = true;
};

Secure::Secure(boost::asio::io_context& io, std::shared_ptr<net::Channel> plain, Parameters parameters)
    : io_(io),
      plain_(std::move(plain)),
      parameters_(std::move(parameters)),
      ssl_(SSL_new(parameters_.context->native())),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())),
      deadline_(io) {
  CHECK(ssl_ != nullptr && in_ != nullptr && out_ != nullptr);
  BIO_set_mem_eof_return(in_, -1);  // empty is "not yet", not the end
  SSL_set_bio(ssl_, in_, out_);
  SSL_set_app_data(ssl_, &unbelieved_);
  if (parameters_.context->role() == Role::server) {
    SSL_set_accept_state(ssl_);
    return;
  }
  SSL_set_connect_state(ssl_);
  const auto& protocols = parameters_.protocols;
  SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(protocols.data()),
                      static_cast<unsigned>(protocols.size()));
  const std::string& name = parameters_.server_name;
  if (name.empty()) return;
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), name.c_str()) == 1) return;
  ERR_clear_error();  // it is no address
  SSL_set1_host(ssl_, name.c_str());
  SSL_set_tlsext_host_name(ssl_, name.c_str());
}

void Secure::start(std::weak_ptr<net::Channel::User> user) {
  user_ = std::move(user);
  began_ = std::chrono::steady_clock::now();
  plain_->start(std::shared_ptr<net::Channel::User>(shared_from_this(), this));
  const std::weak_ptr<Secure> weak = weak_from_this();
  if (parameters_.among != nullptr)
    place_ = parameters_.among->enter([weak] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      self->place_.reset();
      self->refuse("too many handshakes are under way, and this was the oldest");
    });
  deadline_.expires_after(parameters_.limits.handshake_timeout);
  deadline_.async_wait([weak](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && !self->ready_) self->refuse("the handshake took too long");
  });
  shake_hands();
}

void Secure::leave() {
  deadline_.cancel();
  if (place_) parameters_.among->leave(*place_);
  place_.reset();
}

// The user lives as long as something is under way, as it does with a plain channel.
void Secure::keep_user() {
  const bool needed = open_ && (!ready_ || reading_ || writing_);
  if (needed != (kept_user_ != nullptr)) kept_user_ = needed ? user_.lock() : nullptr;
}

void Secure::shake_hands() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  if (done != 1 && SSL_get_error(ssl_, done) != SSL_ERROR_WANT_READ) {
    const std::string why = words_of_errors();
    return refuse(unbelieved_.empty() ? why : unbelieved_);
  }
  if (done == 1 && !learn_name()) return;
  flush();
  if (!open_) return;
  ready_ = done == 1;
  keep_user();
  if (!ready_) return plain_->read();
  shaken();
}

// Who has shown one without being asked has shown what nobody looked at.
bool Secure::learn_name() {
  if (!parameters_.context->options().demands_certificate) return true;
  const CertificatePtr shown(SSL_get1_peer_certificate(ssl_));
  if (shown == nullptr) return true;
  common_name_ = common_name_of(shown.get());
  const std::size_t bytes_max = parameters_.limits.common_name_bytes_max;
  if (common_name_.size() <= bytes_max) return true;
  refuse("the name in its certificate is longer than " + std::to_string(bytes_max) + " bytes");
  return false;
}

void Secure::shaken() {
  leave();
  hungry_ = false;
  if (parameters_.on_handshake) parameters_.on_handshake(nullptr);
  if (writing_ && encrypt()) {
    writing_ = false;
    if (const auto user = user_.lock()) user->on_written();
  }
  if (open_ && reading_) deliver();
}

// Told apart before OpenSSL looks at it, which knows few methods of HTTP, and none of HTTP/2.
bool Secure::is_tls(char first) {
  const bool is_server = parameters_.context->role() == Role::server;
  if (is_letter(first)) {
    if (is_server && !busy_) plain_->write(kNotHttps);
    refuse(is_server ? "it speaks plaintext, as of http instead of https"
                     : "it speaks plaintext: it is to be asked by http, or given a certificate");
    return false;
  }
  if (is_server && first != kFirstOfHandshake) {
    refuse("what it sends is no TLS");
    return false;
  }
  return true;
}

void Secure::refuse(const std::string& what) {
  if (!open_) return;
  flush();  // the alert that says so
  const std::string why = "no TLS with it: " + what;
  if (parameters_.on_handshake) parameters_.on_handshake(&why);
  finish({false, false, why, true});
}

std::span<char> Secure::room() {
  const auto user = user_.lock();
  CHECK(user != nullptr);  // keep_user
  return room_ = user->room();
}

void Secure::on_bytes(std::size_t count) {
  if (std::exchange(first_, false) && !is_tls(room_.front())) return;
  CHECK(BIO_write(in_, room_.data(), static_cast<int>(count)) == static_cast<int>(count));
  if (!ready_) return shake_hands();
  hungry_ = false;
  deliver();
}

void Secure::read() {
  if (reading_ || !open_) return;
  reading_ = true;
  keep_user();
  if (!ready_ || delivering_) return;  // it is delivered when it is there
  if (hungry_) return plain_->read();
  boost::asio::post(io_, [self = shared_from_this()] { self->deliver(); });
}

void Secure::deliver() {
  if (delivering_) return;
  const auto user = user_.lock();
  delivering_ = true;
  while (open_ && reading_ && user != nullptr) {
    const std::span<char> room = user->room();
    ERR_clear_error();
    const int size =
        SSL_read(ssl_, room.data(), static_cast<int>(std::min<std::size_t>(room.size(), INT_MAX)));
    if (size > 0) {
      reading_ = false;
      heard_ = true;
      user->on_bytes(static_cast<std::size_t>(size));
      continue;
    }
    const int error = SSL_get_error(ssl_, size);
    if (error == SSL_ERROR_ZERO_RETURN) {
      finish({true, true, "End of file"});
    } else if (error == SSL_ERROR_WANT_READ) {
      hungry_ = true;
      flush();  // an answer to a change of keys
      if (BIO_ctrl_pending(out_) > parameters_.limits.owed_bytes_max)
        finish({false, false, "TLS: it asks for more than it takes"});
      else if (open_)
        plain_->read();
      break;
    } else {
      // In TLS 1.3 a client is through before the server has looked at its certificate.
      const bool unheard = !heard_ && is_about_certificates(ERR_peek_error());
      finish({unheard, false, (unheard ? "no TLS with it: " : "TLS: ") + words_of_errors(), unheard});
    }
  }
  delivering_ = false;
  keep_user();
}

bool Secure::write(std::string_view bytes) {
  CHECK(!writing_);
  if (!open_) return false;
  unwritten_ = bytes;
  if (ready_ && encrypt()) return true;
  writing_ = true;
  keep_user();
  return false;
}

// True: all that is unwritten has gone.
bool Secure::encrypt() {
  while (flush() && open_) {
    if (unwritten_.empty()) return true;
    const std::string_view piece = unwritten_.substr(0, parameters_.limits.piece_bytes);
    ERR_clear_error();
    if (SSL_write(ssl_, piece.data(), static_cast<int>(piece.size())) != static_cast<int>(piece.size())) {
      // Not from inside write(): the user is not ready for an end there.
      boost::asio::post(io_, [self = shared_from_this(), why = "TLS: " + words_of_errors()] {
        self->finish({false, false, why});
      });
      return false;
    }
    unwritten_.remove_prefix(piece.size());
  }
  return false;
}

// True: nothing that is encrypted waits.
bool Secure::flush() {
  while (!busy_ && open_) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out_, &bytes);
    if (size <= 0) {
      if (half_closing_) plain_->half_close();
      return true;
    }
    sending_.assign(bytes, static_cast<std::size_t>(size));
    (void)BIO_reset(out_);
    busy_ = !plain_->write(sending_);
  }
  return false;
}

void Secure::on_written() {
  busy_ = false;
  if (!writing_) {
    flush();
    return;
  }
  if (!ready_) {
    flush();
    return;
  }
  if (!encrypt()) return;
  writing_ = false;
  keep_user();
  if (const auto user = user_.lock()) user->on_written();
}

void Secure::half_close() {
  if (!open_ || half_closing_) return;
  if (ready_) SSL_shutdown(ssl_);
  half_closing_ = true;
  flush();
}

void Secure::close() {
  if (!open_) return;
  if (ready_ && !half_closing_) SSL_shutdown(ssl_);
  flush();  // that this is all; as far as it goes
  open_ = false;
  leave();
  unwritten_ = {};
  plain_->close();
  kept_user_.reset();
}

std::optional<Time> Secure::stuck_since() const {
  if (!writing_) return std::nullopt;
  if (const auto since = plain_->stuck_since()) return since;
  return ready_ ? std::nullopt : std::optional(began_);
}

// Without a word of TLS that this is all, it may have been cut short.
void Secure::on_end(const End& end) {
  if (!ready_) {
    const std::string why = "no TLS with it: " + end.why + " within the handshake";
    if (parameters_.on_handshake) parameters_.on_handshake(&why);
    return finish({end.by_other_side, false, why, true});
  }
  finish({end.by_other_side, false, end.why});
}

void Secure::finish(const End& end) {
  if (!open_) return;
  const auto user = user_.lock();
  close();
  if (user != nullptr) user->on_end(end);
}

}  // namespace

std::shared_ptr<net::Channel> secure(boost::asio::io_context& io, std::shared_ptr<net::Channel> plain,
                                     Parameters parameters) {
  return std::make_shared<Secure>(io, std::move(plain), std::move(parameters));
}

}  // namespace cairn::tls
