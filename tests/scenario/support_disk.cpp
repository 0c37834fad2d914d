#include "scenario/support_disk.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbolt/ipc/descriptor.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace ringbolt::scenario {
namespace {

using ipc::Descriptor;

constexpr unsigned long kExt4Shutdown = _IOR('X', 125, __u32);
constexpr int kAttempts = 10'000;  // of what others may be in the way of, with a breath after each

std::string with_reason(const std::string& what) { return what + ": " + std::strerror(errno); }

bool knows_ext4() {
  std::ifstream systems("/proc/filesystems");
  for (std::string word; systems >> word;) {
    if (word == "ext4") return true;
  }
  return false;
}

std::string mkfs_path() {
  for (const char* const path : {"/sbin/mkfs.ext4", "/usr/sbin/mkfs.ext4"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

// A loop device over the file; it goes when it is closed and not mounted any more.
Descriptor attach_loop(const std::string& image, std::string& device) {
  const Descriptor file(::open(image.c_str(), O_RDWR | O_CLOEXEC));
  const Descriptor control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!file || !control) fail(with_reason("cannot open " + image + " or the loop devices"));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) fail(with_reason("no loop device is free"));
    device = "/dev/loop" + std::to_string(number);
    Descriptor loop(::open(device.c_str(), O_RDWR | O_CLOEXEC));
    loop_config config{};
    config.fd = static_cast<__u32>(file.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (loop && ::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (errno != EBUSY) fail(with_reason("cannot use " + device + " for " + image));
    breathe();  // somebody else took it
  }
  fail("no loop device stays free");
}

Descriptor open_root(const std::string& path) {
  Descriptor root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) fail(with_reason("cannot open " + path));
  return root;
}

// A process that thaws the file system when the other end of the pipe is closed, also by a death of the test.
int start_thawer(const std::string& path) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("no pipe for the thawer");
  const pid_t first = ::fork();
  if (first == 0) {
    ::setsid();
    if (::fork() != 0) ::_exit(0);
    ::close(ends[1]);
    const int root = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char byte = 0;
    while (::read(ends[0], &byte, 1) < 0) {
    }
    ::ioctl(root, FITHAW, 0);
    ::_exit(0);
  }
  ::close(ends[0]);
  if (first < 0 || ::waitpid(first, nullptr, 0) != first) fail("no process for the thawer");
  return ends[1];
}

}  // namespace

std::string enter_own_mounts() {
  if (::geteuid() != 0) return "only root can mount a file system";
  if (!knows_ext4()) return "the kernel has no ext4";
  if (mkfs_path().empty()) return "mkfs.ext4 is not installed";
  const Descriptor control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  const int number = control ? ::ioctl(control.get(), LOOP_CTL_GET_FREE) : -1;
  if (number < 0) return with_reason("no loop device");
  const std::string device = "/dev/loop" + std::to_string(number);
  if (!Descriptor(::open(device.c_str(), O_RDWR | O_CLOEXEC))) return with_reason("cannot open " + device);
  if (::unshare(CLONE_NEWNS) != 0) return with_reason("no right to mounts of its own");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return with_reason("cannot make mounts private");
  return {};
}

void make_empty_disk(const std::string& image, std::uint64_t bytes) {
  const Descriptor file(::open(image.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) fail(with_reason("cannot make " + image));
}

void make_ext4(const std::string& image) {
  const std::string program = mkfs_path();
  const pid_t child = ::fork();
  if (child == 0) {
    // Everything is written now: nothing of the file system's own comes later, among what a test counts.
    ::execl(program.c_str(), "mkfs.ext4", "-q", "-F", "-b", "4096", "-N", "512", "-m", "0", "-J", "size=4", "-E",
            "nodiscard,lazy_itable_init=0,lazy_journal_init=0", image.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) fail("mkfs.ext4 failed on " + image);
}

FileSystem::FileSystem(std::string image, std::string path) : image_(std::move(image)), path_(std::move(path)) {
  ::mkdir(path_.c_str(), 0700);
  mount();
}

FileSystem::~FileSystem() {
  if (thaw_pipe_ >= 0) ::close(thaw_pipe_);
  if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
}

void FileSystem::mount() {
  std::string device;
  const Descriptor loop = attach_loop(image_, device);
  if (::mount(device.c_str(), path_.c_str(), "ext4", 0, "") != 0)
    fail(with_reason("cannot mount " + device + ", which is " + image_));
  mounted_ = true;
}

void FileSystem::unmount() {
  for (int attempt = 0; ::umount2(path_.c_str(), 0) != 0; ++attempt) {
    if (errno != EBUSY || attempt == kAttempts) fail(with_reason("cannot unmount " + path_));
    breathe();
  }
  mounted_ = false;
}

void FileSystem::sync() const {
  if (::syncfs(open_root(path_).get()) != 0) fail(with_reason("cannot sync " + path_));
}

void FileSystem::cut_power(Lost lost) const {
  const auto flags = static_cast<__u32>(lost);
  if (::ioctl(open_root(path_).get(), kExt4Shutdown, &flags) != 0) fail(with_reason("cannot shut down " + path_));
}

void FileSystem::freeze() {
  thaw_pipe_ = start_thawer(path_);
  if (::ioctl(open_root(path_).get(), FIFREEZE, 0) != 0) fail(with_reason("cannot freeze " + path_));
}

void FileSystem::thaw() {
  if (::ioctl(open_root(path_).get(), FITHAW, 0) != 0) fail(with_reason("cannot thaw " + path_));
  ::close(std::exchange(thaw_pipe_, -1));
}

}  // namespace ringbolt::scenario
