//! All lists of a provider behind one face, so that a rule about lists is
//! written once: items are compared by their JSON.

use super::context::TestContext;
use super::verdict::Failure;
use serde::Serialize;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::provider::AuthorizedClient;
use vcs_provider_interface::records::*;
use vcs_provider_interface::sink::{Flow, PageSink};

type Run = dyn Fn(
        &dyn AuthorizedClient,
        &dyn CallContext,
        Option<u64>,
        &mut dyn PageSink<String>,
    ) -> Result<()>
    + Send
    + Sync;

/// One list of the provider with a request that can be answered.
pub(super) struct List {
    /// The method.
    pub(super) name: &'static str,
    /// Whether its request has a limit.
    pub(super) limited: bool,
    run: Box<Run>,
}

impl List {
    /// Asks for the list.
    pub(super) fn run(
        &self,
        test: &TestContext<'_>,
        context: &dyn CallContext,
        limit: Option<u64>,
        sink: &mut dyn PageSink<String>,
    ) -> Result<()> {
        (self.run)(test.client, context, limit, sink)
    }

    /// The whole list, page by page.
    pub(super) fn pages(
        &self,
        test: &TestContext<'_>,
        limit: Option<u64>,
    ) -> Result<Vec<Vec<String>>> {
        let mut sink = WatchedSink::taking_all();
        self.run(test, &test.context(), limit, &mut sink)?;
        Ok(sink.pages)
    }

    /// The whole list.
    pub(super) fn all(&self, test: &TestContext<'_>, limit: Option<u64>) -> Result<Vec<String>> {
        Ok(self.pages(test, limit)?.concat())
    }
}

/// What a [`WatchedSink`] does after a page.
pub(super) enum Reply {
    /// Asks for more.
    More,
    /// Has enough.
    Stop,
    /// Fails.
    Fail(VcsError),
    /// Asks for more, though the call has to end now for another reason.
    MoreThoughOver,
}

/// Keeps what is pushed and notices pushes after the end.
pub(super) struct WatchedSink<'a> {
    /// The pages up to the end.
    pub(super) pages: Vec<Vec<String>>,
    /// How many pages came after the end.
    pub(super) late: u32,
    over: bool,
    reply: Box<dyn FnMut() -> Reply + 'a>,
}

impl<'a> WatchedSink<'a> {
    pub(super) fn replying(reply: impl FnMut() -> Reply + 'a) -> Self {
        Self {
            pages: Vec::new(),
            late: 0,
            over: false,
            reply: Box::new(reply),
        }
    }

    pub(super) fn taking_all() -> Self {
        Self::replying(|| Reply::More)
    }
}

impl PageSink<String> for WatchedSink<'_> {
    fn page(&mut self, items: Vec<String>, _total: Option<u64>) -> Result<Flow> {
        if self.over {
            self.late += 1;
            return Ok(Flow::STOP);
        }
        self.pages.push(items);
        let reply = (self.reply)();
        self.over = !matches!(reply, Reply::More);
        match reply {
            Reply::More | Reply::MoreThoughOver => Ok(Flow::CONTINUE),
            Reply::Stop => Ok(Flow::STOP),
            Reply::Fail(error) => Err(error),
        }
    }
}

struct AsText<'a>(&'a mut dyn PageSink<String>);

impl<T: Serialize> PageSink<T> for AsText<'_> {
    fn page(&mut self, items: Vec<T>, total: Option<u64>) -> Result<Flow> {
        let texts: serde_json::Result<Vec<String>> =
            items.iter().map(serde_json::to_string).collect();
        let texts = texts.map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))?;
        self.0.page(texts, total)
    }
}

macro_rules! list {
    ($name:ident, $request:expr) => {{
        let request = $request;
        List {
            name: stringify!($name),
            limited: true,
            run: Box::new(move |client, context, limit, sink| {
                let mut request = request.clone();
                request.limit = limit;
                client.$name(context, request, &mut AsText(sink))
            }),
        }
    }};
}

/// The lists that the provider has and for which the target gives a request.
pub(super) fn lists(test: &TestContext<'_>) -> Vec<List> {
    let repo = test.target.repo.clone();
    let owner = repo.rsplit_once('/').map(|(owner, _)| owner.to_owned());
    let mut lists = vec![
        list!(workspaces, WorkspacesRequest::default()),
        list!(
            repos,
            RepositoriesRequest {
                workspace: owner,
                ..Default::default()
            }
        ),
        list!(
            forks,
            ForksRequest {
                repo: repo.clone(),
                limit: None,
                ..Default::default()
            }
        ),
        list!(
            branches,
            BranchesRequest {
                repo: repo.clone(),
                ..Default::default()
            }
        ),
        list!(
            tags,
            TagsRequest {
                repo: repo.clone(),
                ..Default::default()
            }
        ),
        list!(
            commits,
            CommitsRequest {
                repo: repo.clone(),
                ..Default::default()
            }
        ),
        list!(
            pull_requests,
            PullRequestsRequest {
                repo: repo.clone(),
                ..Default::default()
            }
        ),
        list!(
            hooks,
            HooksRequest {
                repo: repo.clone(),
                ..Default::default()
            }
        ),
        list!(
            list_content,
            ListContentRequest {
                repo: repo.clone(),
                recursive: true,
                ..Default::default()
            }
        ),
    ];
    lists.extend(lists_about_commits(test, &repo).unwrap_or_default());
    lists.retain(|list| test.can(list.name));
    lists
}

/// The lists that need a commit of the repository.
fn lists_about_commits(
    test: &TestContext<'_>,
    repo: &str,
) -> std::result::Result<Vec<List>, Failure> {
    let head = test.head()?.to_owned();
    let mut lists = vec![
        list!(
            list_statuses,
            StatusesRequest {
                repo: repo.to_owned(),
                commit: head.clone(),
                limit: None,
                ..Default::default()
            }
        ),
        List {
            name: "search_pull_request",
            limited: false,
            run: {
                let request = SearchPullRequestRequest {
                    repo: repo.to_owned(),
                    commit: head.clone(),
                    states: Vec::new(),
                    ..Default::default()
                };
                Box::new(move |client, context, _limit, sink| {
                    client.search_pull_request(context, request.clone(), &mut AsText(sink))
                })
            },
        },
    ];
    if let Ok(base) = test.older() {
        lists.push(list!(
            commits_between_refs,
            CommitsBetweenRefsRequest {
                repo: repo.to_owned(),
                base: base.to_owned(),
                head: head.clone(),
                limit: None,
                ..Default::default()
            }
        ));
        lists.push(list!(
            changed_files,
            ChangedFilesRequest {
                repo: repo.to_owned(),
                base: base.to_owned(),
                head,
                limit: None,
                ..Default::default()
            }
        ));
    }
    Ok(lists)
}
