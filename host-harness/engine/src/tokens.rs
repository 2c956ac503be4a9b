//! Tokens of callers: what each role may do, how a token is made and recognised.
//!
//! A token is 256 random bits. The store keeps its SHA-256 digest only, so whoever
//! reads the store or a backup of it cannot call the engine. A token is looked up by
//! its digest: how long that takes says nothing about how much of a guess was right.
//!
//! | role | may |
//! |---|---|
//! | `admin` | everything |
//! | `project` | everything below `/project/KEY`, and calls to servers with that project's grant |
//! | `worker` | list, claim and read the runs of one project or of all, and what a run's token may |
//! | `monitor` | read the figures and states below `/mon` |
//! | `run` | read one run and its checkout, and report its state |

use crate::clock::later;
use crate::engine::Engine;
use crate::random;
use crate::store::{Store, StoredToken};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::secret::Secret;

/// What every token begins with, so that scanners for leaked secrets can find it.
pub const PREFIX: &str = "vcse_";

/// Characters of a token after the prefix: 32 bytes as base64.
const RANDOM_CHARACTERS: usize = 43;

/// How long the token of a run is good at most.
pub const RUN_TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest name of a token.
const LONGEST_NAME: usize = 200;

/// What the holder of a token may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// What belongs to one project.
    Project {
        /// The project's key.
        project: String,
    },
    /// The runs of one project, or of all.
    Worker {
        /// The project's key; `None` for all projects.
        project: Option<String>,
    },
    /// The figures and states, for reading.
    Monitor,
    /// One run.
    Run {
        /// The run.
        run: i64,
    },
}

impl Role {
    /// The role of this word.
    ///
    /// # Errors
    /// `InvalidInput` for another word, or if what the role is bound to is missing or
    /// too much.
    pub fn new(word: &str, project: Option<String>, run: Option<i64>) -> Result<Self> {
        let rejected = |message: String| Err(VcsError::new(ErrorKind::INVALID_INPUT, message));
        match (RoleWord::from_str(word)?, project, run) {
            (RoleWord::Admin, None, None) => Ok(Self::Admin),
            (RoleWord::Project, Some(project), None) => Ok(Self::Project { project }),
            (RoleWord::Worker, project, None) => Ok(Self::Worker { project }),
            (RoleWord::Run, None, Some(run)) => Ok(Self::Run { run }),
            (RoleWord::Monitor, None, None) => Ok(Self::Monitor),
            (RoleWord::Monitor, ..) => rejected("the role monitor is bound to nothing".to_owned()),
            (RoleWord::Admin, ..) => rejected("the role admin is bound to nothing".to_owned()),
            (RoleWord::Project, ..) => {
                rejected("the role project needs a project, and nothing else".to_owned())
            }
            (RoleWord::Worker, ..) => rejected("the role worker is bound to no run".to_owned()),
            (RoleWord::Run, ..) => {
                rejected("the role run needs a run, and nothing else".to_owned())
            }
        }
    }

    fn word(&self) -> RoleWord {
        match self {
            Self::Admin => RoleWord::Admin,
            Self::Project { .. } => RoleWord::Project,
            Self::Worker { .. } => RoleWord::Worker,
            Self::Monitor => RoleWord::Monitor,
            Self::Run { .. } => RoleWord::Run,
        }
    }

    fn project(&self) -> Option<&str> {
        match self {
            Self::Project { project } => Some(project),
            Self::Worker { project } => project.as_deref(),
            Self::Admin | Self::Monitor | Self::Run { .. } => None,
        }
    }

    fn run(&self) -> Option<i64> {
        match self {
            Self::Run { run } => Some(*run),
            _ => None,
        }
    }
}

/// The words for roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RoleWord {
    Admin,
    Project,
    Worker,
    Monitor,
    Run,
}

impl fmt::Display for RoleWord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Admin => "admin",
            Self::Project => "project",
            Self::Worker => "worker",
            Self::Monitor => "monitor",
            Self::Run => "run",
        })
    }
}

impl FromStr for RoleWord {
    type Err = VcsError;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "admin" => Ok(Self::Admin),
            "project" => Ok(Self::Project),
            "worker" => Ok(Self::Worker),
            "monitor" => Ok(Self::Monitor),
            "run" => Ok(Self::Run),
            _ => Err(VcsError::new(
                ErrorKind::INVALID_INPUT,
                format!("there is no role {word:?}; use admin, project, worker, monitor or run"),
            )),
        }
    }
}

/// A token that was just made. It cannot be shown again.
pub struct IssuedToken {
    /// The name for lists and for revoking.
    pub id: String,
    /// The token itself.
    pub token: Secret,
    /// When it ends, in milliseconds since 1970-01-01 UTC.
    pub expires_at: Option<i64>,
}

/// Makes a token.
///
/// # Errors
/// `InvalidInput` for a name that is too long or holds control characters; `NotFound`
/// for the token of a run that is not there; the store's.
pub fn issue(
    store: &Store,
    role: &Role,
    name: &str,
    life: Option<Duration>,
    now: i64,
) -> Result<IssuedToken> {
    if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(VcsError::new(
            ErrorKind::INVALID_INPUT,
            format!(
                "a token's name has at most {LONGEST_NAME} characters and no control characters"
            ),
        ));
    }
    let no_randomness =
        |error: random::NoRandomness| VcsError::new(ErrorKind::INTERNAL, error.to_string());
    let token = format!("{PREFIX}{}", random::name().map_err(no_randomness)?);
    let id = hex::encode(random::bytes::<6>().map_err(no_randomness)?);
    let expires_at = life.map(|life| later(now, life));
    let stored = StoredToken {
        id: id.clone(),
        name: name.to_owned(),
        role: role.word().to_string(),
        project: role.project().map(str::to_owned),
        run: role.run(),
        created_at: now,
        expires_at,
        revoked_at: None,
    };
    let token = Secret::new(token);
    store.add_token(random::digest(token.expose()), stored)?;
    Ok(IssuedToken {
        id,
        token,
        expires_at,
    })
}

impl Engine {
    /// Makes a token for one run: good for reading it and its checkout, and for
    /// reporting its state, for at most [`RUN_TOKEN_LIFE`]. It ends with the run's
    /// removal as well. Blocks.
    ///
    /// # Errors
    /// `NotFound` if there is no such run; the store's.
    pub fn issue_run_token(&self, run: i64) -> Result<IssuedToken> {
        let life = Some(RUN_TOKEN_LIFE);
        issue(&self.store, &Role::Run { run }, "", life, self.now())
    }
}

/// The role of whoever shows this token; `None` if nobody may get in with it.
///
/// # Errors
/// The store's.
pub fn role_of(store: &Store, shown: &str, now: i64) -> Result<Option<Role>> {
    if !is_well_formed(shown) {
        return Ok(None);
    }
    role_of_digest(store, random::digest(shown), now)
}

/// [`role_of`], for a token that is known by its digest only.
///
/// # Errors
/// The store's.
pub fn role_of_digest(store: &Store, digest: [u8; 32], now: i64) -> Result<Option<Role>> {
    let Some(stored) = store.token(digest)? else {
        return Ok(None);
    };
    let has_ended = stored.expires_at.is_some_and(|end| end <= now);
    if stored.revoked_at.is_some() || has_ended {
        return Ok(None);
    }
    // A role that this engine does not know opens nothing.
    Ok(Role::new(&stored.role, stored.project, stored.run).ok())
}

/// Whether a text can be one of these tokens at all; others cost no look-up.
#[must_use]
pub fn is_well_formed(shown: &str) -> bool {
    shown.strip_prefix(PREFIX).is_some_and(|random| {
        random.len() == RANDOM_CHARACTERS
            && random
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::store::tests::open_at(&directory.path().join("engine.sqlite"));
        (directory, store)
    }

    fn project() -> Role {
        Role::Project {
            project: "KEY".to_owned(),
        }
    }

    #[test]
    fn a_token_is_recognised_until_it_ends() {
        let (_directory, store) = store();
        let life = Some(Duration::from_secs(60));
        let issued = issue(&store, &project(), "ci", life, NOW).unwrap();
        let shown = issued.token.expose();
        assert_eq!(role_of(&store, shown, NOW).unwrap(), Some(project()));
        assert_eq!(role_of(&store, shown, NOW + 60_000).unwrap(), None);
    }

    #[test]
    fn a_revoked_token_opens_nothing_and_stays_listed() {
        let (_directory, store) = store();
        let issued = issue(&store, &Role::Admin, "old", None, NOW).unwrap();
        store.revoke_token(&issued.id, NOW + 1).unwrap();
        assert_eq!(
            role_of(&store, issued.token.expose(), NOW + 2).unwrap(),
            None
        );
        let listed = store.tokens().unwrap();
        assert_eq!(listed[0].revoked_at, Some(NOW + 1));
        store.revoke_token(&issued.id, NOW + 5).unwrap();
        assert_eq!(store.tokens().unwrap()[0].revoked_at, Some(NOW + 1));
        let error = VcsError::from(store.revoke_token("none", NOW).unwrap_err());
        assert_eq!(error.kind, ErrorKind::NOT_FOUND);
    }

    #[test]
    fn neither_the_token_nor_a_part_of_it_is_in_the_store() {
        let (directory, store) = store();
        let issued = issue(&store, &Role::Admin, "ci", None, NOW).unwrap();
        drop(store);
        let shown = issued.token.expose();
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for part in [&shown.as_bytes()[..16], &shown.as_bytes()[PREFIX.len()..]] {
                assert!(!bytes.windows(part.len()).any(|window| window == part));
            }
        }
    }

    #[test]
    fn what_is_no_token_is_nobody() {
        let (_directory, store) = store();
        let issued = issue(&store, &Role::Admin, "ci", None, NOW).unwrap();
        let shown = issued.token.expose();
        let other = format!("{}A", &shown[..shown.len() - 1]);
        let other = if other == shown {
            format!("{}B", &shown[..shown.len() - 1])
        } else {
            other
        };
        for guess in [
            "",
            "vcse_",
            "admin",
            &other,
            &shown[1..],
            &format!("{shown}x"),
        ] {
            assert_eq!(role_of(&store, guess, NOW).unwrap(), None, "{guess}");
        }
    }

    #[test]
    fn a_role_is_bound_to_what_it_needs_and_to_nothing_else() {
        let key = || Some("KEY".to_owned());
        assert!(Role::new("admin", None, None).is_ok());
        assert!(Role::new("admin", key(), None).is_err());
        assert!(Role::new("project", None, None).is_err());
        assert!(Role::new("worker", key(), None).is_ok());
        assert!(Role::new("run", None, None).is_err());
        assert!(Role::new("run", key(), Some(1)).is_err());
        let error = Role::new("root", None, None).unwrap_err();
        assert!(
            error
                .message
                .contains("admin, project, worker, monitor or run")
        );
    }

    #[test]
    fn the_token_of_a_run_needs_the_run() {
        let (_directory, store) = store();
        let error = issue(&store, &Role::Run { run: 7 }, "", None, NOW).err();
        assert_eq!(error.unwrap().kind, ErrorKind::NOT_FOUND);
    }
}
