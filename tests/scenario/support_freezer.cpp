#include "scenario/support_freezer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace ringbolt::scenario {
namespace {

struct Place {
  std::string directory;
  std::string home;  // of this process
  bool version_2 = false;
};

bool has(const std::string& list, const char* word) { return ("," + list + ",").find(word) != std::string::npos; }

// In the hierarchy that is mounted there, as /proc/self/cgroup says: its number, its controllers, and where we are in it.
std::string home_in(const std::string& directory, bool version_2) {
  std::ifstream lines("/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version_2 ? controllers.empty() : has(controllers, ",freezer,")) return directory + line.substr(second + 1);
  }
  return directory;
}

std::vector<Place> mounted() {
  std::vector<Place> places;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device;
    std::string directory;
    std::string type;
    std::string options;
    words >> device >> directory >> type >> options;
    const bool version_2 = type == "cgroup2";
    if (version_2 || (type == "cgroup" && has(options, ",freezer,")))
      places.push_back({directory, home_in(directory, version_2), version_2});
  }
  return places;
}

const char* switch_of(bool version_2) { return version_2 ? "/cgroup.freeze" : "/freezer.state"; }

// A freezer in the first hierarchy that lets us make one.
Place make(std::string& why_not) {
  why_not = "no cgroup hierarchy is mounted that has a freezer";
  for (const Place& place : mounted()) {
    std::string pattern = place.directory + "/ringbolt-test.XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
      why_not = "cannot make a cgroup in " + place.directory + ": " + std::strerror(errno);
      continue;
    }
    if (::access((pattern + switch_of(place.version_2)).c_str(), W_OK) == 0 &&
        ::access((place.home + "/cgroup.procs").c_str(), W_OK) == 0) {
      why_not.clear();
      return {pattern, place.home, place.version_2};
    }
    why_not = "the cgroups in " + place.directory + " have no freezer that we may use";
    ::rmdir(pattern.c_str());
  }
  return {};
}

bool write_to(const std::string& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return written;
}

}  // namespace

std::string Freezer::why_not() {
  std::string why;
  const Place place = make(why);
  if (why.empty()) ::rmdir(place.directory.c_str());
  return why;
}

// What is frozen cannot even be killed, so a process that outlives the test sees to it that nothing stays so.
Freezer::Freezer() {
  std::string why;
  const Place place = make(why);
  require(why.empty(), why);
  directory_ = place.directory;
  home_ = place.home;
  version_2_ = place.version_2;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("no pipe for the freezer");
  const pid_t first = ::fork();
  if (first == 0) {
    ::setsid();
    if (::fork() != 0) ::_exit(0);
    ::close(ends[1]);
    const int null = ::open("/dev/null", O_RDWR);
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, standard);
    char byte = 0;
    while (::read(ends[0], &byte, 1) < 0) {
    }
    for (int attempt = 0; attempt < 1'000 && ::rmdir(directory_.c_str()) != 0 && errno != ENOENT; ++attempt) {
      set(false);  // again while those in it die
      pass_ns(10'000'000);
    }
    ::_exit(0);
  }
  ::close(ends[0]);
  if (first < 0 || ::waitpid(first, nullptr, 0) != first) fail("no process to look after the freezer");
  janitor_pipe_ = ends[1];
}

Freezer::~Freezer() {
  set(false);
  ::close(janitor_pipe_);
}

bool Freezer::put_in(pid_t pid) const { return write_to(directory_ + "/cgroup.procs", std::to_string(pid)); }

void Freezer::take_out(pid_t pid) const { static_cast<void>(write_to(home_ + "/cgroup.procs", std::to_string(pid))); }

void Freezer::set(bool frozen) const {
  const char* const word = version_2_ ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED");
  static_cast<void>(write_to(directory_ + switch_of(version_2_), word));
}

bool Freezer::is(bool frozen) const {
  std::ifstream file(directory_ + (version_2_ ? "/cgroup.events" : "/freezer.state"));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const bool now = text.find(version_2_ ? "frozen 1" : "FROZEN") != std::string::npos;
  const bool then = text.find(version_2_ ? "frozen 0" : "THAWED") != std::string::npos;
  return frozen ? now : then;
}

void Freezer::freeze() const {
  set(true);
  Scene::await("the processes to freeze", [this] { return is(true); });
}

void Freezer::thaw() const {
  set(false);
  Scene::await("the processes to thaw", [this] { return is(false); });
}

}  // namespace ringbolt::scenario
