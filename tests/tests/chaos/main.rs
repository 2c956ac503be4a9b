//! What strangers, full disks, failing logs and silent services do to a running
//! engine, in a fixed order of random choices (`CHAOS_SEED=N` chooses another one).
//!
//! After each of them the same has to hold: nothing that was acknowledged is lost,
//! nothing is done twice, and the engine serves within seconds. `CHAOS=all` makes
//! every part longer.

mod clock;
mod disk;
mod echoes;
mod floods;
mod kills;
mod log;
mod needs_postgres;
mod plugins;
mod replays;
mod silence;
mod support;
