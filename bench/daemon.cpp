#include "daemon.hpp"

#include "processes.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>

namespace ringbolt::bench {
namespace {

// Never destroyed: other processes of the benchmark, which end before this one, have a copy.
std::vector<std::unique_ptr<Peer>>& daemons() {
  static auto* all = new std::vector<std::unique_ptr<Peer>>();
  return *all;
}

[[noreturn]] void become(std::vector<std::string> words) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // it cleans up, also when we die
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int descriptor : {0, 1, 2}) dup2(nowhere, descriptor);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execvp(arguments.front(), arguments.data());
  throw std::runtime_error("cannot run " + words.front());
}

}  // namespace

void start_daemon(const std::vector<std::string>& words, const std::function<bool()>& ready) {
  daemons().push_back(std::make_unique<Peer>([&] { become(words); }));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!ready()) {
    if (std::chrono::steady_clock::now() > until) throw std::runtime_error(words.front() + " does not answer");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void end_daemons() noexcept {
  for (const auto& daemon : daemons()) daemon->end();
  daemons().clear();
}

}  // namespace ringbolt::bench
