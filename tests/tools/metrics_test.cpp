// `ringbolt metrics`: what is served, to whom, and that what stands on it (document, alerts, dashboard) names what there is.
#include "command.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <system_error>

namespace ringbolt::command::test {
namespace {

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(std::string(RINGBOLT_SOURCE_DIR "/") + path).rdbuf();
  EXPECT_FALSE(text.str().empty()) << path;
  return text.str();
}

std::set<std::string> names_in(const std::string& text, const std::string& pattern) {
  const std::regex name(pattern);
  std::set<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) names.insert((*at)[1]);
  return names;
}

// Asks for /metrics as a scrape does, and reads to the end.
std::string scrape(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::system_error(errno, std::generic_category(), "connect");
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    throw std::system_error(errno, std::generic_category(), "send");
  std::string answer;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(got));
  ::close(fd);
  return answer;
}

class MetricsTest : public CommandTest {
 protected:
  void SetUp() override {
    const Result result = box.run({"metrics", "--once"});
    if (contains(result.err, "was built without metrics")) GTEST_SKIP() << "the command was built without prometheus-cpp";
  }

  // The value of that one time series.
  static std::string value(const std::string& text, const std::string& series) {
    for (const std::string& line : lines_of(text)) {
      if (line.starts_with(series + " ")) return line.substr(series.size() + 1);
    }
    return "not there";
  }
  // A ring on which everything has a value: a journal, a consumer with a name, and one without.
  std::string everything() {
    box.run_ok({"pub", "all", "--journal", box.disk() + "/all.journal"}, numbers(1, 10));
    box.run_ok({"tail", "all", "--as", "billing", "--count", "4"});
    return box.run_ok({"metrics", "all", "--once"});
  }
  [[nodiscard]] std::pair<Process, int> serve() const {
    Process server = box.start({"metrics", "--listen", "127.0.0.1:0"});
    server.wait_for_error_text("/metrics\n");
    std::smatch port;
    EXPECT_TRUE(std::regex_search(server.error_text(), port, std::regex("serves http://127\\.0\\.0\\.1:([0-9]+)/metrics")));
    const int number = std::stoi(port[1]);
    return {std::move(server), number};
  }
  [[nodiscard]] bool has(const std::string& program) const {
    return box.run({"-c", "command -v " + program + " > /dev/null"}, "", {.program = {"sh"}}).status == 0;
  }
};

TEST_F(MetricsTest, AreThoseOfTheDocument) {
  const std::string text = everything();
  EXPECT_EQ(names_in(content_of("docs/cli.md"), "\n\\| `(ringbolt_[a-z_]+)` \\|"), names_in(text, "# TYPE (\\w+) "));
}

TEST_F(MetricsTest, SayWhatStatSays) {
  const std::string text = everything();
  const Json stat = box.stat("all");
  EXPECT_EQ(value(text, "ringbolt_ring_up{ring=\"all\"}"), "1");
  EXPECT_EQ(value(text, "ringbolt_events_published_total{ring=\"all\"}"), "10");
  EXPECT_EQ(value(text, "ringbolt_bytes_published_total{ring=\"all\"}"), stat["published_bytes"].dump());
  EXPECT_EQ(value(text, "ringbolt_newest_sequence{ring=\"all\"}"), "10");
  EXPECT_EQ(value(text, "ringbolt_publisher_up{ring=\"all\"}"), "0");
  EXPECT_EQ(value(text, "ringbolt_publishers_total{ring=\"all\"}"), "1");
  EXPECT_EQ(value(text, "ringbolt_consumer_lag_events{ring=\"all\",consumer=\"billing\"}"), "6");
  EXPECT_EQ(value(text, "ringbolt_consumer_committed_sequence{ring=\"all\",consumer=\"billing\"}"), "4");
  EXPECT_EQ(value(text, "ringbolt_consumer_up{ring=\"all\",consumer=\"billing\"}"), "0");
  EXPECT_EQ(value(text, "ringbolt_journal_written_sequence{ring=\"all\"}"), "10");
  for (const char* state : {"running", "stalled", "away", "detached"}) {
    EXPECT_EQ(value(text, std::string("ringbolt_journal_state{ring=\"all\",state=\"") + state + "\"}"),
              stat["journal"]["state"] == state ? "1" : "0");
  }
}

TEST_F(MetricsTest, CountWhatIsLostAndWhoHoldsThePublisherUp) {
  box.run_ok({"create", "a", "--capacity", "64KiB"});
  box.run_ok({"pub", "a"}, numbers(1, 10));
  box.run_ok({"tail", "a", "--as", "slow", "--count", "1"});
  Process gate = box.start({"tail", "a", "--as", "gate", "--policy", "gate:20ms", "--raw"});
  box.wait_for_cursor("a", "gate", 10);
  gate.signal(SIGSTOP);
  box.run_ok({"pub", "a"}, numbers(11, 5'000));
  box.run_ok({"tail", "a", "--as", "slow", "--no-follow"});
  const std::string text = box.run_ok({"metrics", "--once"});
  const Json slow = box.consumer("a", "slow");
  const Json stopped = box.consumer("a", "gate");
  EXPECT_GT(slow["gap_events"], 0);
  EXPECT_EQ(value(text, "ringbolt_consumer_lost_events_total{ring=\"a\",consumer=\"slow\"}"), slow["gap_events"].dump());
  EXPECT_EQ(value(text, "ringbolt_consumer_gaps_total{ring=\"a\",consumer=\"slow\"}"), "1");
  EXPECT_EQ(value(text, "ringbolt_consumer_evictions_total{ring=\"a\",consumer=\"gate\"}"), "1");
  const double blocked = std::stod(value(text, "ringbolt_consumer_blocked_seconds_total{ring=\"a\",consumer=\"gate\"}"));
  EXPECT_NEAR(blocked, stopped["blocked_ns"].get<double>() / 1e9, 1e-6);
  EXPECT_GE(blocked, 0.02);
}

// Time series of one name must differ in a label.
TEST_F(MetricsTest, MakeOneOfConsumersWithoutAName) {
  box.run_ok({"pub", "a"}, numbers(1, 3));
  Process one = box.start({"tail", "a"});
  Process other = box.start({"tail", "a"});
  box.wait_for_consumers("a", 2);
  const std::string text = box.run_ok({"metrics", "--once"});
  EXPECT_EQ(value(text, "ringbolt_consumers{ring=\"a\"}"), "2");
  EXPECT_EQ(value(text, "ringbolt_consumer_up{ring=\"a\",consumer=\"(anonymous)\"}"), "1");
  std::set<std::string> series;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with('#')) continue;
    EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
}

TEST_F(MetricsTest, AreLookedUpAtEachScrape) {
  auto [server, port] = serve();
  const std::string nothing = scrape(port);
  EXPECT_TRUE(nothing.starts_with("HTTP/1.1 200 OK\r\n")) << nothing;
  EXPECT_TRUE(contains(nothing, "\nringbolt_build_info{version="));
  EXPECT_FALSE(contains(nothing, "ringbolt_ring_up"));
  box.run_ok({"create", "a"});
  Process pub = box.start({"pub", "a"});
  pub.write(numbers(1, 3));
  box.wait_until("a", [](const Json& stat) { return stat["newest_sequence"] == 3; });
  EXPECT_TRUE(contains(scrape(port), "\nringbolt_events_published_total{ring=\"a\"} 3"));
  EXPECT_TRUE(contains(scrape(port), "\nringbolt_publisher_up{ring=\"a\"} 1"));
  pub.signal(SIGKILL);
  pub.wait_for_end();
  EXPECT_TRUE(contains(scrape(port), "\nringbolt_publisher_up{ring=\"a\"} 0"));
  box.run_ok({"rm", "a"});
  EXPECT_FALSE(contains(scrape(port), "ring=\"a\""));
  server.signal(SIGTERM);
  EXPECT_EQ(server.finish().status, 128 + SIGTERM);
}

TEST_F(MetricsTest, SayWhereTheyCannotBeServed) {
  auto [server, port] = serve();
  const std::string taken = "127.0.0.1:" + std::to_string(port);
  const Result result = box.run({"metrics", "--listen", taken});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.err, "cannot listen on " + taken)) << result.err;
  for (const char* wrong : {"9464", ":9464", "127.0.0.1", "127.0.0.1:70000", "127.0.0.1:x"})
    EXPECT_EQ(box.run({"metrics", "--listen", wrong}).status, 2) << wrong;
}

TEST_F(MetricsTest, SayWhichRingCannotBeLookedAt) {
  box.run_ok({"pub", "orders"}, "x\n");
  const Result result = box.run({"metrics", "orders", "oders", "--once"});
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(value(result.out, "ringbolt_ring_up{ring=\"orders\"}"), "1");
  EXPECT_EQ(value(result.out, "ringbolt_ring_up{ring=\"oders\"}"), "0");
  EXPECT_TRUE(contains(result.err, "oders")) << result.err;
}

TEST_F(MetricsTest, PassPrometheusOwnCheck) {
  if (!has("promtool")) GTEST_SKIP() << "promtool is not installed";
  const Result check = box.run({"check", "metrics"}, everything(), {.program = {"promtool"}});
  EXPECT_EQ(check.status, 0);
  EXPECT_EQ(check.out + check.err, "");
  const std::string rules = RINGBOLT_SOURCE_DIR "/examples/prometheus/ringbolt.rules.yml";
  const Result rule_check = box.run({"check", "rules", rules}, "", {.program = {"promtool"}});
  EXPECT_EQ(rule_check.status, 0) << rule_check.out << rule_check.err;
}

TEST_F(MetricsTest, OfAlertsAndDashboardAreThere) {
  const std::set<std::string> there = names_in(everything(), "# TYPE (\\w+) ");
  const std::string rules = content_of("examples/prometheus/ringbolt.rules.yml");
  const std::string dashboard = content_of("examples/prometheus/ringbolt-dashboard.json");
  EXPECT_GE(Json::parse(dashboard)["panels"].size(), 8U);
  EXPECT_GE(names_in(rules, "- alert: (\\w+)").size(), 4U);
  const std::string used = R"(\b(ringbolt_[a-z_]+)[\s{)\[])";
  for (const std::string& text : {rules, dashboard}) {
    const std::set<std::string> names = names_in(text, used);
    EXPECT_GE(names.size(), 5U);
    for (const std::string& name : names) EXPECT_TRUE(there.contains(name)) << name;
  }
}

}  // namespace
}  // namespace ringbolt::command::test
