#include "cli/checks.h"

#include <algorithm>
#include <charconv>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

namespace cairn::cli {

CLI::Validator between(double low, double high) {
  return {[low, high](const std::string& text) {
            double value = 0;
            if (CLI::detail::lexical_cast(text, value) && value >= low && value <= high) return std::string();
            std::ostringstream why;
            why << std::setprecision(15) << "'" << text << "' is not a number from " << low << " to " << high;
            return why.str();
          },
          ""};
}

CLI::Validator one_of(std::initializer_list<std::string> list) {
  std::string name;
  for (const std::string& each : list) name += (name.empty() ? "" : "|") + each;
  return {[words = std::vector<std::string>(list)](const std::string& text) {
            if (std::find(words.begin(), words.end(), text) != words.end()) return std::string();
            std::string why = "'" + text + "' is none of";
            for (const std::string& each : words) why += (&each == &words.front() ? " " : ", ") + each;
            return why;
          },
          "", name};
}

CLI::Validator whole_number(std::int64_t least) {
  return {[least](const std::string& text) {
            std::int64_t value = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            if (error == std::errc() && end == text.data() + text.size() && value >= least)
              return std::string();
            return "'" + text + "' is not a whole number of " + std::to_string(least) + " or more" +
                   (error == std::errc::result_out_of_range ? ", of 63 bits" : "");
          },
          ""};
}

}  // namespace cairn::cli
