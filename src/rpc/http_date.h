// The Date of an answer: IMF-fixdate of RFC 9110 5.6.7, "Sun, 06 Nov 1994 08:49:37 GMT".
#pragma once

#include <ctime>
#include <string>
#include <string_view>

namespace cairn::rpc {

std::string http_date(std::time_t when);
// Of the wall clock; made once a second for each thread. Valid until this thread asks again.
std::string_view http_date_now();

}  // namespace cairn::rpc
