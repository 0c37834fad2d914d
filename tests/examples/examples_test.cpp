// The examples do what their first lines say: they are run as a reader would run them.
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <ringbolt/ringbolt.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace {

// A process with its standard output in a file, ended by the kernel if it hangs.
class Program {
 public:
  Program(const std::filesystem::path& directory, const std::vector<std::string>& words)
      : output_(directory / (words[0] + words.back() + ".out")) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::alarm(60);
    static_cast<void>(std::freopen(output_.c_str(), "w", stdout));
    static_cast<void>(std::freopen((output_.string() + ".err").c_str(), "w", stderr));
    std::vector<std::string> copies = words;
    copies[0] = std::filesystem::path(RINGBOLT_EXAMPLES_DIR) / words[0];
    std::vector<char*> arguments;
    for (std::string& word : copies) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  // What it printed, once it has ended well.
  std::string finish() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << output_ << ": status " << status << ": " << read(output_.string() + ".err");
    return read(output_);
  }

 private:
  static std::string read(const std::filesystem::path& path) {
    std::string text;
    if (std::FILE* file = std::fopen(path.c_str(), "r")) {
      std::array<char, 4096> buffer{};
      while (const std::size_t bytes = std::fread(buffer.data(), 1, buffer.size(), file)) text.append(buffer.data(), bytes);
      std::fclose(file);
    }
    return text;
  }

  std::filesystem::path output_;
  pid_t pid_ = -1;
};

class Examples : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/dev/shm/ringbolt-examples-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    ::setenv("RINGBOLT_DIR", directory_.c_str(), 1);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
};

TEST_F(Examples, PublishAndConsumeAgreeOnEveryOrder) {
  EXPECT_EQ(Program(directory_, {"publish", "orders", "1000"}).finish(), "published up to 1000\n");
  // Prices are 100 + id % 7, ten of each: 1000 orders, turnover 10 * (100000 + sum of id % 7).
  std::uint64_t remainders = 0;
  for (std::uint64_t id = 1; id <= 1000; ++id) remainders += id % 7;
  EXPECT_EQ(Program(directory_, {"consume", "orders", "billing"}).finish(),
            "billing: 1000 orders, turnover " + std::to_string(10 * (100'000 + remainders)) + ".00\n");
  EXPECT_EQ(Program(directory_, {"consume", "orders", "billing"}).finish(),
            "billing: 0 orders, turnover 0.00\n");  // it resumes
}

TEST_F(Examples, ShippingSeesWhatRiskAndAuditAreDoneWith) {
  EXPECT_EQ(Program(directory_, {"publish", "orders", "10"}).finish(), "published up to 10\n");
  EXPECT_EQ(Program(directory_, {"fan_out", "orders", "risk"}).finish(), "risk: 10 events, 240 bytes\n");
  EXPECT_EQ(Program(directory_, {"fan_out", "orders", "audit"}).finish(), "audit: 10 events, 240 bytes\n");
  Program shipping(directory_, {"fan_out", "orders", "shipping"});
  EXPECT_EQ(shipping.finish(), "shipping: 10 events, 240 bytes\n");
}

// It is there first, and sleeps between the orders.
TEST_F(Examples, OnAsioItIsWokenByOrdersAndByItsClock) {
  if (!std::filesystem::exists(std::filesystem::path(RINGBOLT_EXAMPLES_DIR) / "asio"))
    GTEST_SKIP() << "this compiler and this Boost.Asio have no coroutines together";
  auto publisher = ringbolt::Publisher::open("orders", {.capacity_bytes = 1 << 20});
  Program asio(directory_, {"asio", "orders", "stock"});
  for (std::uint64_t id = 1; id <= 50; ++id) {
    struct Order {
      std::uint64_t id;
      double price;
      std::uint32_t quantity;
      std::uint32_t reserved;
    };
    publisher.publish(Order{id, 100.0, 3, 0});
    ::usleep(1'000);
  }
  publisher.close();
  EXPECT_EQ(asio.finish(), "stock: 150 pieces\n");
}

TEST_F(Examples, AConsumerThatIsThereFirstGetsEverythingAsItHappens) {
  EXPECT_EQ(Program(directory_, {"publish", "orders", "0"}).finish(), "published up to 0\n");
  EXPECT_EQ(Program(directory_, {"fan_out", "orders", "risk"}).finish(), "risk: 0 events, 0 bytes\n");  // closed and empty
}

}  // namespace
