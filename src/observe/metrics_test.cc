#include "observe/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "observe/server_metrics.h"

namespace cairn {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  std::istringstream in(text);
  for (std::string each; std::getline(in, each);) {
    if (each == line) return true;
  }
  return false;
}

TEST(Metrics, CountersAndGaugesAreRendered) {
  Metrics metrics;
  metrics.counter("a_total", "Help of a.").add(3);
  metrics.gauge("b", "Help of b.", {{"peer", "n\"2"}}).set(-1.5);
  const std::string text = metrics.render();
  EXPECT_TRUE(has_line(text, "# HELP a_total Help of a.")) << text;
  EXPECT_TRUE(has_line(text, "# TYPE a_total counter"));
  EXPECT_TRUE(has_line(text, "a_total 3"));
  EXPECT_TRUE(has_line(text, "# TYPE b gauge"));
  EXPECT_TRUE(has_line(text, "b{peer=\"n\\\"2\"} -1.5")) << text;
}

TEST(Metrics, SameNameAndLabelsAreOneSeries) {
  Metrics metrics;
  Counter& first = metrics.counter("a_total", "a", {{"x", "1"}});
  EXPECT_EQ(&first, &metrics.counter("a_total", "a", {{"x", "1"}}));
  EXPECT_NE(&first, &metrics.counter("a_total", "a", {{"x", "2"}}));
}

TEST(Metrics, HistogramBucketsAreCumulativeAndHoldTheirBound) {
  Metrics metrics;
  Histogram& histogram = metrics.histogram("h_seconds", "h", {0.5, 1, 2});
  for (const double value : {0.25, 0.5, 0.75, 4.0}) histogram.observe(value);
  const std::string text = metrics.render();
  EXPECT_TRUE(has_line(text, "h_seconds_bucket{le=\"0.5\"} 2")) << text;
  EXPECT_TRUE(has_line(text, "h_seconds_bucket{le=\"1\"} 3"));
  EXPECT_TRUE(has_line(text, "h_seconds_bucket{le=\"2\"} 3"));
  EXPECT_TRUE(has_line(text, "h_seconds_bucket{le=\"+Inf\"} 4"));
  EXPECT_TRUE(has_line(text, "h_seconds_count 4"));
  EXPECT_TRUE(has_line(text, "h_seconds_sum 5.5"));
}

TEST(Metrics, ValuesKeptElsewhereAreReadWhenRendered) {
  Metrics metrics;
  double value = 1;
  metrics.gauge_from("g", "g", {}, [&] { return value; });
  metrics.counter_from("c_total", "c", {}, [&] { return value; });
  value = 7;
  const std::string text = metrics.render();
  EXPECT_TRUE(has_line(text, "g 7"));
  EXPECT_TRUE(has_line(text, "c_total 7"));
}

TEST(Metrics, SeriesThatComeAndGoAreThoseOfTheMoment) {
  Metrics metrics;
  std::vector<std::pair<Labels, double>> all = {{{{"To", "a"}}, 1}, {{{"To", "b"}}, 2}};
  metrics.counters_from("c_total", "c", [&] { return all; });
  EXPECT_TRUE(has_line(metrics.render(), "c_total{To=\"b\"} 2"));
  all.pop_back();
  const std::string text = metrics.render();
  EXPECT_TRUE(has_line(text, "# TYPE c_total counter")) << text;
  EXPECT_TRUE(has_line(text, "c_total{To=\"a\"} 1")) << text;
  EXPECT_EQ(text.find("To=\"b\""), std::string::npos) << text;
}

TEST(RestMetrics, CountByMethodAndStatusAndWhatWasSentOn) {
  Metrics metrics;
  RestMetrics rest(&metrics);
  rest.answered("GET", 200, std::chrono::milliseconds(2));
  rest.answered("PUT", 307, {});
  rest.answered("BREW", 405, {});
  rest.answered("GET", 99999, {});
  const std::string text = metrics.render();
  EXPECT_TRUE(has_line(text, "cairn_rest_requests_total{method=\"GET\",code=\"200\"} 1")) << text;
  EXPECT_TRUE(has_line(text, "cairn_rest_requests_total{method=\"PUT\",code=\"307\"} 1"));
  EXPECT_TRUE(has_line(text, "cairn_rest_requests_total{method=\"other\",code=\"405\"} 1"));
  EXPECT_TRUE(has_line(text, "cairn_rest_redirects_total 1"));
  EXPECT_TRUE(has_line(text, "cairn_rest_request_duration_seconds_count 4"));
}

TEST(Metrics, SeriesOfANameAreBounded) {
  Metrics metrics;
  for (std::size_t i = 0; i < kSeriesMax + 50; ++i)
    metrics.counter("a_total", "a", {{"x", std::to_string(i)}}).add();
  EXPECT_TRUE(has_line(metrics.render(), "a_total{x=\"other\"} 50"));
}

TEST(Metrics, NothingIsLostBetweenThreads) {
  Metrics metrics;
  Counter& counter = metrics.counter("a_total", "a");
  Histogram& histogram = metrics.histogram("h", "h", {1});
  const auto count = [&] {
    for (int i = 0; i < 10000; ++i) {
      counter.add();
      histogram.observe(1);
    }
  };
  std::thread one(count), two(count);
  one.join();
  two.join();
  EXPECT_EQ(counter.value(), 20000u);
  EXPECT_EQ(histogram.snapshot().cumulative.back(), 20000u);
  EXPECT_EQ(histogram.snapshot().sum, 20000.0);
}

TEST(Metrics, ProcessIsMeasured) {
  Metrics metrics;
  add_process_metrics(&metrics);
  const std::string text = metrics.render();
  const auto value = [&](const std::string& name) {
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos ? 0.0 : std::strtod(text.c_str() + at + name.size() + 2, nullptr);
  };
  EXPECT_GT(value("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(value("process_open_fds"), 2);
  EXPECT_GT(value("process_start_time_seconds"), 1e9);
}

// A whole member's metrics, as Prometheus' own checker reads them. It also lints: what it says about names
// that are etcd's is not ours to change, so only its exit code for unreadable text (1) counts, not the one
// for advice (3).
TEST(Metrics, PromtoolReadsThem) {
  if (std::system("command -v promtool > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "promtool (package prometheus) is missing";
  Metrics metrics;
  const ServerMetrics server(&metrics);
  server.wal_fsync_seconds.observe(0.001);
  add_process_metrics(&metrics);
  FILE* const promtool = ::popen("promtool check metrics > /dev/null 2>&1", "w");
  ASSERT_NE(promtool, nullptr);
  const std::string text = metrics.render();
  EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), promtool), text.size());
  const int status = ::pclose(promtool);
  EXPECT_TRUE(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3) << WEXITSTATUS(status);
}

}  // namespace
}  // namespace cairn
