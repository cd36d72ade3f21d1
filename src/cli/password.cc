#include "cli/password.h"

#include <termios.h>
#include <unistd.h>

#include <fstream>
#include <iostream>

namespace cairn::cli {
namespace {

// While it is there, a terminal does not show what is typed.
class Hidden {
 public:
  Hidden() : is_on_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (is_on_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  ~Hidden() {
    if (is_on_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Hidden(const Hidden&) = delete;
  Hidden& operator=(const Hidden&) = delete;

 private:
  termios before_{};
  const bool is_on_;
};

bool is_typed(const Context& context) { return &context.in == &std::cin && ::isatty(STDIN_FILENO) == 1; }

}  // namespace

Result<std::string> ask_password(const Context& context, const std::string& what) {
  std::string line;
  if (is_typed(context)) {
    const Hidden hidden;
    context.err << what << ": " << std::flush;
    std::getline(context.in, line);
    context.err << "\n";
  } else {
    std::getline(context.in, line);
  }
  if (!context.in && line.empty())
    return fail(Code::invalid_argument, "a password is expected on standard input: there is none");
  return line;
}

Result<std::string> password_in(const std::string& file) {
  std::ifstream from(file);
  std::string line;
  if (!from || (!std::getline(from, line) && line.empty()))
    return fail(Code::invalid_argument, "no password can be read from the file " + file);
  return line;
}

Result<std::string> new_password(const Context& context, const std::string& user, const std::string& file) {
  if (!file.empty()) return password_in(file);
  std::string once = TRY(ask_password(context, "new password of " + user));
  if (is_typed(context) && TRY(ask_password(context, "the same again")) != once)
    return fail(Code::invalid_argument, "the two passwords differ: nothing was changed");
  return once;
}

}  // namespace cairn::cli
