// Does about a finding what its owner could do by hand and what cannot hurt: whoever lives is left alone.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/descriptor.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "doctor.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

std::string release(const Finding& finding, std::string& why) {
  if (release_dead_gates(finding.ring) != 0) return "released the gates of the dead";
  why = "somebody else was faster, or it lives again";
  return {};
}

std::string sweep(const Finding& finding, std::string& why) {
  const std::filesystem::path path(finding.path);
  sweep_leftovers(path.parent_path());
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return "removed it";
  why = "it cannot be removed, or somebody holds it again";
  return {};
}

// The descriptor is of the file itself, whatever its path leads to next; it must still be this user's.
std::string set_mode(const Finding& finding, std::string& why) {
  const ipc::Descriptor file(::open(finding.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) {
    why = std::strerror(errno);
  } else if (status.st_uid != ::geteuid() || S_ISLNK(status.st_mode)) {
    why = "it is not this user's any more";
  } else if (::chmod(fmt::format("/proc/self/fd/{}", file.get()).c_str(), finding.mode) != 0) {
    why = std::strerror(errno);
  } else {
    return fmt::format("set its mode to {:04o}", finding.mode);
  }
  return {};
}

}  // namespace

std::string mend(const Finding& finding, std::string& why) try {
  switch (finding.mend) {
    case Mend::release_gates: return release(finding, why);
    case Mend::sweep: return sweep(finding, why);
    case Mend::set_mode: return set_mode(finding, why);
    case Mend::none: break;
  }
  return {};
} catch (const Error& error) {
  why = error.what();
  return {};
}

}  // namespace ringbolt::command
