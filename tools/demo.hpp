// `ringbolt demo`: the main job, live. `cli.cpp` adds it to the command's list beside the others.
#pragma once

namespace CLI {
class App;
}

namespace ringbolt::command {

// Adds the subcommand `demo`. Its callback throws CLI::RuntimeError with the exit status unless that is 0. Its footer is two
// examples, a line each, which `--help` prints first.
void add_demo(CLI::App& app);

}  // namespace ringbolt::command
