// The log that ships, as part of the binary, so that the command works wherever it is copied to.
#include "demo_log.hpp"

namespace ringbolt::demo {
namespace {

// Two pieces, because compilers need not take a literal of more than 65,536 characters.
constexpr std::string_view kInstall =
#include "sample/dpkg_install.inc"
    ;
constexpr std::string_view kUpgrade =
#include "sample/dpkg_upgrade.inc"
    ;

}  // namespace

std::string sample_log() { return std::string(kInstall).append(kUpgrade); }

}  // namespace ringbolt::demo
