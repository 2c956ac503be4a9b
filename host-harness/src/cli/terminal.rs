//! Whether a person reads along, and how much room there is.

use rustix::termios::tcgetwinsize;
use std::io::IsTerminal;

/// Whether both outputs go to a terminal, so that a person reads them.
pub(super) fn is_a_person_there() -> bool {
    std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}

/// The columns of the terminal that standard output goes to; `None` where it goes
/// elsewhere or the terminal does not say.
pub(super) fn columns() -> Option<usize> {
    let output = std::io::stdout();
    if !output.is_terminal() {
        return None;
    }
    let size = tcgetwinsize(&output).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
