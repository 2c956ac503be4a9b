//! A running git: its output, its deadline, its end.

use super::GitError;
use std::io::Read;
use std::process::{Child, ChildStderr, ChildStdout, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// How often a running git is looked at for its deadline.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How long git may take to tidy up after it was asked to end.
const GRACE: Duration = Duration::from_secs(2);
/// The longest standard output that is kept.
const LONGEST_OUTPUT: u64 = 64 * 1024 * 1024;
/// The longest line of standard error that is kept.
const LONGEST_LINE: usize = 8 * 1024;

/// Waits for the end of git, handing on its lines and looking at the context.
pub(super) fn wait(
    child: &mut Child,
    context: &dyn CallContext,
    name: &str,
    lines: &Receiver<String>,
    take: &mut dyn FnMut(&str),
) -> Result<ExitStatus, GitError> {
    loop {
        match lines.recv_timeout(LOOK_INTERVAL) {
            Ok(line) => take(&line),
            Err(RecvTimeoutError::Timeout) => {}
            // Git closed its standard error: it has ended or is about to.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Err(error) = check(context, name) {
            end(child);
            return Err(error.into());
        }
    }
    child.wait().map_err(GitError::NotStarted)
}

/// Whether git may go on.
pub(super) fn check(context: &dyn CallContext, name: &str) -> Result<(), VcsError> {
    if context.is_cancelled() {
        let message = format!("git {name} was cancelled");
        return Err(VcsError::new(ErrorKind::CANCELLED, message));
    }
    if context.time_left() == Some(Duration::ZERO) {
        let message = format!("git {name} did not end before the deadline");
        return Err(VcsError::new(ErrorKind::TIMEOUT, message));
    }
    Ok(())
}

/// Ends git and its helpers: politely first, so that it removes its lock files.
fn end(child: &mut Child) {
    signal_group(child, rustix::process::Signal::TERM);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    signal_group(child, rustix::process::Signal::KILL);
    // It has ended by now; this only takes its status from the system.
    let _ = child.wait();
}

fn signal_group(child: &Child, signal: rustix::process::Signal) {
    let group = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // A group that is gone already needs no signal.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

/// Collects standard output beside the waiting.
pub(super) fn read_output(source: Option<ChildStdout>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(source) = source {
            // What arrived before a failure of the pipe is all there is.
            let _ = source.take(LONGEST_OUTPUT).read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Splits standard error into lines; progress overwrites its line by `\r`.
pub(super) fn read_lines(source: Option<ChildStderr>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let Some(mut source) = source else { return };
        let mut pending = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = source.read(&mut buffer) {
            for byte in &buffer[..count] {
                if matches!(byte, b'\n' | b'\r') {
                    if !send_line(&sender, &mut pending) {
                        return;
                    }
                } else if pending.len() < LONGEST_LINE {
                    pending.push(*byte);
                }
            }
        }
        send_line(&sender, &mut pending);
    });
    receiver
}

fn send_line(sender: &Sender<String>, pending: &mut Vec<u8>) -> bool {
    let line = String::from_utf8_lossy(pending).trim().to_owned();
    pending.clear();
    line.is_empty() || sender.send(line).is_ok()
}
