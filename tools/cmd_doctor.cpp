// `ringbolt doctor`: what is wrong with rings, their journals and the machine, what to do about it, and with --fix the part of
// that which cannot hurt.
#include <ringbolt/ipc/admin.hpp>

#include <fmt/color.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "commands.hpp"
#include "doctor.hpp"
#include "json.hpp"
#include "output.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

constexpr std::uint64_t kReadAtOnce = std::uint64_t{1} << 30;  // of a journal, where no ring was asked for by name

struct Seen {
  std::vector<Finding> findings;
  std::size_t rings = 0;
};

void add(std::vector<Finding>& to, std::vector<Finding> findings) {
  to.insert(to.end(), std::make_move_iterator(findings.begin()), std::make_move_iterator(findings.end()));
}

Seen look_at_one(const DoctorCommand& command, const MachineFacts& machine) {
  const RingFacts ring = gather_ring(command.ring, std::numeric_limits<std::uint64_t>::max());
  return {find_in_ring(ring, machine), 1};
}

Seen look_at_all(const MachineFacts& machine) {
  const DirectoryFacts directory = gather_directory(ring_parent_directory());
  Seen seen;
  add(seen.findings, find_in_directory(directory, machine.user));
  for (const std::string& name : list_rings()) {
    try {
      add(seen.findings, find_in_ring(gather_ring(name, kReadAtOnce), machine));
      ++seen.rings;
    } catch (const Error& error) {
      if (error.code() != Code::not_found) throw;  // somebody has just removed it
    }
  }
  add(seen.findings, find_in_machine(machine, directory));
  return seen;
}

std::string level_text(Level level) {
  const std::string word = fmt::format("{:<5}", level_word(level));
  if (!stdout_has_color() || level == Level::note) return word;
  const auto color = level == Level::wrong ? fmt::terminal_color::red : fmt::terminal_color::yellow;
  return fmt::format(fmt::fg(color) | fmt::emphasis::bold, "{}", word);
}

std::string finding_text(const Finding& finding, const std::string& mended, const std::string& why_not) {
  std::string text = level_text(finding.level) + "  ";
  if (!finding.ring.empty()) text += finding.ring + ": ";
  text += finding.what + "\n";
  if (!mended.empty()) return text + "       fixed: " + mended + "\n";
  text += "       " + finding.advice + "\n";
  if (!why_not.empty()) text += "       not fixed: " + why_not + "\n";
  return text;
}

void say_how_many(const Seen& seen, std::size_t left) {
  const std::string looked = seen.rings == 1 ? "1 ring" : fmt::format("{} rings", seen.rings);
  const auto notes = std::ranges::count(seen.findings, Level::note, &Finding::level);
  const std::string beside =
      notes == 0 ? "" : fmt::format(", {}", counted(static_cast<std::uint64_t>(notes), "note", "notes"));
  say("looked at {}: {}{}", looked, left == 0 ? "nothing is wrong" : counted(left, "finding", "findings"), beside);
}

}  // namespace

Exit doctor(const DoctorCommand& command) {
  const MachineFacts machine = gather_machine(command.root);
  Seen seen = command.ring.empty() ? look_at_all(machine) : look_at_one(command, machine);
  std::ranges::stable_sort(seen.findings, {}, &Finding::level);
  std::size_t left = 0;
  std::string text;
  std::vector<std::string> released;  // rings whose gates were: one release is for all of a ring's dead
  for (const Finding& finding : seen.findings) {
    std::string mended;
    std::string why_not;
    const bool gates = finding.mend == Mend::release_gates;
    if (command.fix && gates && std::ranges::find(released, finding.ring) != released.end()) {
      mended = "released with the others";
    } else if (command.fix && finding.mend != Mend::none) {
      mended = mend(finding, why_not);
      if (gates && !mended.empty()) released.push_back(finding.ring);
    }
    if (mended.empty() && finding.level != Level::note) ++left;
    text += command.json ? doctor_json(finding, mended) : finding_text(finding, mended, why_not);
  }
  print(text);
  if (!command.json) say_how_many(seen, left);
  return left == 0 ? kDone : kNotSo;
}

}  // namespace ringbolt::command
