//! Every operation of the provider once, each with what it needs around it.
//!
//! A test that has to say something of all operations goes through this list;
//! [`operations`] is checked to be complete.

mod changes;
mod pull_requests;
mod reads;

use crate::bitbucket::{Bitbucket, REPO, config_for, server_of};
use crate::host::RecordingHost;
use crate::sandbox::GitSandbox;
use mock_bitbucket::{Behaviour, MockBitbucket};
use std::sync::OnceLock;
use std::time::Duration;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

/// The longest that one operation may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Where the hook of the repository delivers.
pub const HOOK_URL: &str = "https://ci.example.com/hooks/1";

/// Whether an operation leaves the service as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Reads,
    /// It changes something.
    Changes,
}

/// One operation.
#[derive(Clone, Copy)]
pub struct Operation {
    /// The name of the method.
    pub method: &'static str,
    /// Whether it changes something.
    pub effect: Effect,
    /// Calls it; what is right of the answer, as text.
    pub run: fn(&World, &dyn AuthorizedClient) -> Result<String>,
    /// What the service holds of it afterwards, as text.
    pub state: fn(&World) -> String,
}

impl Operation {
    const fn reads(
        method: &'static str,
        run: fn(&World, &dyn AuthorizedClient) -> Result<String>,
    ) -> Self {
        Self {
            method,
            effect: Effect::Reads,
            run,
            state: |_| String::new(),
        }
    }

    const fn changes(
        method: &'static str,
        run: fn(&World, &dyn AuthorizedClient) -> Result<String>,
        state: fn(&World) -> String,
    ) -> Self {
        Self {
            method,
            effect: Effect::Changes,
            run,
            state,
        }
    }

    /// A service as this operation needs it.
    #[must_use]
    pub fn world(&self) -> World {
        World::new(self.effect)
    }
}

/// All operations, each once.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let mut all = reads::operations();
    all.extend(changes::operations());
    all.extend(pull_requests::operations());
    all
}

/// A mocked service with something of everything.
pub struct World {
    /// The service.
    pub bitbucket: Bitbucket,
    /// An open pull request.
    pub pull_request: u64,
    /// Its comment.
    pub comment: String,
    /// The id of the repository's hook.
    pub hook: String,
    /// Where polling begins.
    cursor: Option<String>,
}

impl World {
    fn new(effect: Effect) -> Self {
        static TEMPLATE: OnceLock<GitSandbox> = OnceLock::new();
        let git = TEMPLATE.get_or_init(template).copy();
        let config = "backoffMilliseconds = 1\nrequestTimeoutSeconds = 5\n";
        let bitbucket = Bitbucket::with(git, MockBitbucket::builder(), config);
        bitbucket.mock.set_behaviour(Behaviour {
            merge_polls: 0,
            ..Behaviour::default()
        });
        let mut world = Self {
            bitbucket,
            pull_request: 0,
            comment: String::new(),
            hook: String::new(),
            cursor: None,
        };
        if let Err(error) = world.fill(effect) {
            panic!("the service cannot be prepared: {error}");
        }
        world.bitbucket.mock.clear_requests();
        world
    }

    fn fill(&mut self, effect: Effect) -> Result<()> {
        let mock = &self.bitbucket.mock;
        let opened = mock.open_pull_request(REPO, "One", "feature/one", "main");
        self.pull_request = opened.map_err(|error| failed(&error))?;
        let client = self.bitbucket.client();
        let comment = CreateCommentRequest {
            repo: repo(),
            pull_request: self.pull_request,
            text: "Why?".to_owned(),
            ..CreateCommentRequest::default()
        };
        self.comment = client.pull_request_comment_create(&context(), comment)?.id;
        self.hook = client.create_hook(&context(), hook())?.id;
        if effect == Effect::Reads {
            mock.add_workspace("robin", false);
            mock.fork(REPO, "robin").map_err(|error| failed(&error))?;
            let commit = self.bitbucket.git.hash("main");
            client.set_status(&context(), status(&commit))?;
            let request = PollEventsRequest {
                repo: repo(),
                ..PollEventsRequest::default()
            };
            self.cursor = Some(client.poll_events(&context(), request)?.cursor);
            let target = self.bitbucket.git.hash("main");
            self.bitbucket
                .git
                .git(&["update-ref", "refs/heads/polled", &target]);
        }
        Ok(())
    }

    /// A client of a server that has just been made, so that nothing is
    /// remembered from other calls.
    ///
    /// # Panics
    /// If the credential is refused.
    #[must_use]
    pub fn client(&self, credential: Credential) -> Box<dyn AuthorizedClient> {
        let config = format!(
            "{}\nbackoffMilliseconds = 1\nrequestTimeoutSeconds = 5\n",
            config_for(&self.bitbucket.mock)
        );
        let server = server_of(&config, &RecordingHost::new());
        match server.authorized_client(credential) {
            Ok(client) => client,
            Err(error) => panic!("{error}"),
        }
    }

    /// Calls an operation with the mock's full API token.
    ///
    /// # Errors
    /// Those of the operation.
    pub fn run(&self, operation: &Operation) -> Result<String> {
        let client = self.client(Credential::configured());
        (operation.run)(self, &*client).map(|text| self.stable(&text))
    }

    /// A text without what differs from run to run: the port of the mock.
    fn stable(&self, text: &str) -> String {
        let address = self.bitbucket.mock.address();
        text.replace(&address.to_string(), "mock")
            .replace(&address.port().to_string(), "port")
    }
}

/// The git repository that every world begins with.
fn template() -> GitSandbox {
    let git = GitSandbox::small();
    git.git(&["switch", "--quiet", "--create", "feature/two"]);
    git.write("src/two.rs", "pub fn two() {}\n");
    git.commit_all("Two");
    git.git(&["switch", "--quiet", "main"]);
    git.packed()
}

fn failed(error: &dyn std::fmt::Display) -> VcsError {
    VcsError::new(ErrorKind::INTERNAL, error.to_string())
}

fn repo() -> String {
    REPO.to_owned()
}

fn context() -> HostCallContext {
    HostCallContext::new("scenario").with_time_limit(LIMIT)
}

fn hook() -> HookRequest {
    HookRequest {
        repo: repo(),
        name: "ci".to_owned(),
        url: HOOK_URL.to_owned(),
        events: vec!["repo:push".to_owned()],
        secret: Some(Secret::from("key")),
        ..HookRequest::default()
    }
}

fn status(commit: &str) -> StatusRequest {
    StatusRequest {
        repo: repo(),
        commit: commit.to_owned(),
        key: "build".to_owned(),
        state: BuildState::SUCCESS,
        url: "https://ci.example.com/builds/1".to_owned(),
        description: "Done".to_owned(),
        ..StatusRequest::default()
    }
}

fn listed<T>(
    list: impl FnOnce(&mut dyn PageSink<T>) -> Result<()>,
    shown: impl Fn(&T) -> String,
) -> Result<String> {
    let lines: Vec<String> = collect(list)?.iter().map(shown).collect();
    Ok(lines.join("\n"))
}
