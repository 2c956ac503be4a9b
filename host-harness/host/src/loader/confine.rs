//! What a plugin's process may not do, on Linux.
//!
//! Landlock leaves it the files that every program needs to resolve names and to
//! check certificates, read-only, and nothing of the engine: no store, no key,
//! no configuration. seccomp takes away what starts programs and looks into
//! other processes. Limits bound its memory and files. Nothing of that can be
//! undone by the process, and all of it stands before the plugin is loaded.

use super::error::{LoadError, Reason};
use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, RestrictionStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What every provider may read: libraries, names of hosts, certificates, zones.
const READABLE: &[&str] = &[
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/run/systemd/resolve",
    "/dev/null",
    "/dev/urandom",
];

/// How a plugin's process is confined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// The memory for data in bytes; 512 MiB by default.
    pub memory: u64,
    /// How many files and sockets may be open; 512 by default.
    pub open_files: u64,
    /// Further files and directories that it may read, such as a file of
    /// certificates.
    pub readable: Vec<PathBuf>,
    /// Whether a kernel that lacks a part is an error, or only shown in health.
    pub required: bool,
}

impl Default for Confinement {
    fn default() -> Self {
        Self {
            memory: 512 * 1024 * 1024,
            open_files: 512,
            readable: Vec::new(),
            required: false,
        }
    }
}

/// Confines this process; to be called while it has one thread. Returns what
/// holds, in words for health.
pub(crate) fn apply(confinement: &Confinement, library: &Path) -> Result<Vec<String>, String> {
    let mut holds = Vec::new();
    limit(Resource::Data, confinement.memory)?;
    limit(Resource::Nofile, confinement.open_files)?;
    limit(Resource::Core, 0)?;
    holds.push(format!("memory {} MiB", confinement.memory / 1024 / 1024));
    holds.push(format!("{} open files", confinement.open_files));
    let parts: [(&str, Result<String, String>); 2] = [
        ("landlock", restrict_files(confinement, library)),
        ("seccomp", restrict_calls()),
    ];
    for (part, outcome) in parts {
        match outcome {
            Ok(what) => holds.push(what),
            Err(error) if confinement.required => return Err(format!("{part}: {error}")),
            Err(error) => holds.push(format!("not {part}: {error}")),
        }
    }
    Ok(holds)
}

/// The rejection of a plugin that cannot be confined.
pub(crate) fn failed(plugin: &Path, what: &str) -> LoadError {
    LoadError::new(Reason::ConfinementFailed, plugin)
        .expected("a kernel that can confine it")
        .found(what)
}

fn limit(resource: Resource, most: u64) -> Result<(), String> {
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(resource, limit).map_err(|error| format!("{resource:?}: {error}"))
}

fn restrict_files(confinement: &Confinement, library: &Path) -> Result<String, String> {
    let restricted = || -> Result<RestrictionStatus, landlock::RulesetError> {
        let all = AccessFs::from_all(ABI::V4);
        // A copy in memory has no path below which it could be found.
        let library = (!library.starts_with("/proc")).then_some(library);
        let readable = READABLE.iter().map(Path::new).chain(library);
        let readable = readable.chain(confinement.readable.iter().map(PathBuf::as_path));
        // Paths that are not there are left out.
        let rules = path_beneath_rules(readable, AccessFs::from_read(ABI::V4));
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .create()?
            .add_rules(rules)?
            .restrict_self()
    };
    let status = restricted().map_err(|error| error.to_string())?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok("landlock".to_owned()),
        RulesetStatus::PartiallyEnforced => Ok("landlock, as far as this kernel can".to_owned()),
        RulesetStatus::NotEnforced => Err("this kernel has none".to_owned()),
    }
}

/// No programs, no other processes, no looking into any.
fn restrict_calls() -> Result<String, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let always = Vec::new();
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_kill,
        libc::SYS_mount,
        libc::SYS_bpf,
        libc::SYS_keyctl,
        libc::SYS_io_uring_setup,
        libc::SYS_userfaultfd,
        libc::SYS_unshare,
        libc::SYS_setns,
    ]
    .into_iter()
    .map(|call| (call, always.clone()))
    .collect();
    #[cfg(target_arch = "x86_64")]
    for call in [libc::SYS_fork, libc::SYS_vfork] {
        rules.insert(call, Vec::new());
    }
    // Threads may be made, processes may not.
    let thread = libc::CLONE_THREAD as u64;
    let no_thread = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(thread),
        0,
    )
    .and_then(|condition| SeccompRule::new(vec![condition]))
    .map_err(|error| words(&error))?;
    rules.insert(libc::SYS_clone, vec![no_thread]);
    let architecture = std::env::consts::ARCH
        .try_into()
        .map_err(|error: seccompiler::BackendError| words(&error))?;
    let denied = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, architecture)
        .map_err(|error| words(&error))?;
    // Its flags stand in memory, where a filter cannot look: the C library then
    // uses the call above.
    let absent = [(libc::SYS_clone3, Vec::new())].into_iter().collect();
    let no_clone3 = SeccompAction::Errno(libc::ENOSYS as u32);
    let second = SeccompFilter::new(absent, SeccompAction::Allow, no_clone3, architecture)
        .map_err(|error| words(&error))?;
    for filter in [filter, second] {
        let program: BpfProgram = filter
            .try_into()
            .map_err(|error: seccompiler::BackendError| words(&error))?;
        seccompiler::apply_filter(&program).map_err(|error| words(&error))?;
    }
    Ok("seccomp".to_owned())
}
