// Ctrl-C and SIGTERM as a flag that long runs look at between steps.
#pragma once

namespace matlora {

/// From now on the first SIGINT or SIGTERM only sets the flag; a second one ends the program.
void watch_interrupts();

/// The signal that came (SIGINT, SIGTERM), or 0.
int interrupt_signal();

}  // namespace matlora
