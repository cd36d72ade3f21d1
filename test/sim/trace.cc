#include "sim/trace.h"

#include <bit>
#include <utility>

#include "base/check.h"

namespace cairn::sim {

void Trace::mix(std::uint64_t value) {
  hash_ = std::rotl(hash_ ^ value, 23) * 0x9e3779b97f4a7c15U;
  hash_ ^= hash_ >> 31;
}

void Trace::mix(const char* text) {
  for (; *text != '\0'; ++text) hash_ = (hash_ ^ static_cast<unsigned char>(*text)) * 0x100000001b3U;
}

void Trace::add(Time at, std::uint64_t member, const char* what, std::initializer_list<Field> fields,
                Text text) {
  CHECK(fields.size() <= kFields);
  Line& line = lines_[count_++ % kLines];
  line.at = at;
  line.member = member;
  line.what = what;
  line.text = std::move(text);
  mix(static_cast<std::uint64_t>(at.time_since_epoch().count()));
  mix(member);
  mix(what);
  line.fields = {};
  std::size_t i = 0;
  for (const Field& field : fields) {
    line.fields[i++] = field;
    mix(field.value);
  }
  if (live_ != nullptr) std::fprintf(live_, "%s\n", render(line).c_str());
}

std::string Trace::render(const Line& line) {
  std::array<char, 64> head{};
  const double seconds = std::chrono::duration<double>(line.at.time_since_epoch()).count() - 100.0;
  std::snprintf(head.data(), head.size(), "%12.6f  %*s", seconds, static_cast<int>(line.member * 4), "");
  std::string out = head.data();
  out += line.member == 0 ? "--" : "m" + std::to_string(line.member);
  out += " ";
  out += line.what;
  for (const Field& field : line.fields) {
    if (field.name == nullptr) break;
    out += std::string(" ") + field.name + "=" + std::to_string(field.value);
  }
  if (line.text) out += "  " + line.text();
  return out;
}

void Trace::print(std::FILE* out) const {
  for (std::size_t i = count_ < kLines ? 0 : count_ - kLines; i < count_; ++i) {
    std::fprintf(out, "%s\n", render(lines_[i % kLines]).c_str());
  }
}

}  // namespace cairn::sim
