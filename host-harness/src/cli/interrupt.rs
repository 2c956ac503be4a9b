//! Ctrl-C and termination: the running call is cancelled; a second one ends the
//! process at once.

use super::exit;
use vcs_provider_interface::context::Cancellation;

/// A switch that the signals throw.
pub(super) fn cancellation() -> Cancellation {
    let cancellation = Cancellation::new();
    let switch = cancellation.clone();
    let watcher = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || watch(&switch));
    if let Err(error) = watcher {
        tracing::warn!(%error, "signals cannot be waited for; Ctrl-C ends the process at once");
    }
    cancellation
}

fn watch(switch: &Cancellation) {
    let waited = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .and_then(|runtime| {
            runtime.block_on(async {
                use tokio::signal::unix::{SignalKind, signal};
                let mut interrupted = signal(SignalKind::interrupt())?;
                let mut terminated = signal(SignalKind::terminate())?;
                // The terminal was closed.
                let mut hung_up = signal(SignalKind::hangup())?;
                for attempt in 0.. {
                    tokio::select! {
                        _ = interrupted.recv() => {}
                        _ = terminated.recv() => {}
                        _ = hung_up.recv() => {}
                    }
                    if attempt > 0 {
                        std::process::exit(exit::CANCELLED.code.into());
                    }
                    switch.cancel();
                }
                Ok(())
            })
        });
    if let Err(error) = waited {
        tracing::warn!(%error, "signals cannot be waited for; Ctrl-C ends the process at once");
    }
}
