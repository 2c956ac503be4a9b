//! The client of the made-up service: each method in the words of the
//! interface; what takes more than a few lines stands in `answers`.

use crate::answers;
use crate::defect::Defect;
use crate::history::MAIN;
use crate::pages::{push, stream};
use crate::world::{Place, READABLE, Repo, TOKEN, World, locked, not_found};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use vcs_provider_interface::prelude::*;

pub(crate) struct Client {
    pub(crate) world: Arc<World>,
    pub(crate) credential: Credential,
}

impl Client {
    /// The first request of a call.
    fn begin(&self, context: &dyn CallContext) -> Result<()> {
        self.world.request(context, Place::First)?;
        if self.credential.kind == CredentialKind::CONFIGURED {
            return Ok(());
        }
        let mut message = "the service does not accept the credential".to_owned();
        if self.world.has(Defect::SecretInError) {
            let secret = self.credential.secret.as_ref().map_or("", Secret::expose);
            message = format!("{message} {secret}");
        }
        Err(VcsError::new(ErrorKind::UNAUTHENTICATED, message))
    }

    /// A call about a repository.
    fn on<T>(
        &self,
        context: &dyn CallContext,
        repo: &str,
        work: impl FnOnce(&mut Repo) -> Result<T>,
    ) -> Result<T> {
        self.begin(context)?;
        self.world.with(repo, work)
    }
}

fn invalid<T>(message: &str) -> Result<T> {
    Err(VcsError::new(ErrorKind::INVALID_INPUT, message))
}

fn exists<T>(what: &str) -> Result<T> {
    Err(VcsError::new(
        ErrorKind::ALREADY_EXISTS,
        format!("{what} exists"),
    ))
}

impl AuthorizedClient for Client {
    fn workspaces(
        &self,
        context: &dyn CallContext,
        request: WorkspacesRequest,
        sink: &mut dyn PageSink<Workspace>,
    ) -> Result<()> {
        self.begin(context)?;
        let team = Workspace {
            id: "1".to_owned(),
            slug: "team".to_owned(),
            ..Default::default()
        };
        push(&self.world, context, vec![team], request.limit, sink)
    }

    fn repos(
        &self,
        context: &dyn CallContext,
        request: RepositoriesRequest,
        sink: &mut dyn PageSink<Repository>,
    ) -> Result<()> {
        self.begin(context)?;
        let repos = self.world.repo_names().into_iter();
        let repos = repos.map(|name| answers::repository(&self.world, &name, None));
        push(&self.world, context, repos.collect(), request.limit, sink)
    }

    fn forks(
        &self,
        context: &dyn CallContext,
        request: ForksRequest,
        sink: &mut dyn PageSink<Repository>,
    ) -> Result<()> {
        self.on(context, &request.repo, |_| Ok(()))?;
        let mut forks = vec![
            answers::repository(&self.world, "team/fork1", None),
            answers::repository(&self.world, "team/fork2", None),
        ];
        if self.world.has(Defect::ItemTwice) {
            forks.push(forks[0].clone());
        }
        push(&self.world, context, forks, request.limit, sink)
    }

    fn branches(
        &self,
        context: &dyn CallContext,
        request: BranchesRequest,
        sink: &mut dyn PageSink<Branch>,
    ) -> Result<()> {
        if self.world.has(Defect::ThreadLeftBehind) {
            self.world.leave_thread();
        }
        let found = self.on(context, &request.repo, |repo| {
            answers::branches(&self.world, repo, &request)
        });
        let branches = match found {
            Err(error)
                if error.kind == ErrorKind::NOT_FOUND
                    && self.world.has(Defect::UnknownRepositoryIsEmpty) =>
            {
                Vec::new()
            }
            found => found?,
        };
        push(&self.world, context, branches, request.limit, sink)
    }

    fn tags(
        &self,
        context: &dyn CallContext,
        request: TagsRequest,
        sink: &mut dyn PageSink<Tag>,
    ) -> Result<()> {
        let mut tags = self.on(context, &request.repo, |repo| {
            let tags = repo.tags.iter();
            Ok(tags
                .map(|(name, tag)| answers::tag(name, tag))
                .collect::<Vec<_>>())
        })?;
        if let Some(filter) = request
            .filter
            .filter(|_| !self.world.has(Defect::TagFilterIgnored))
        {
            tags.retain(|tag| tag.tag.contains(&filter));
        }
        if self.world.has(Defect::TagMissing) {
            tags.retain(|tag| tag.tag != "v3");
        }
        if self.world.has(Defect::OrderChanges) && self.world.other_turn() {
            tags.reverse();
        }
        if self.world.has(Defect::CallsDisturbEachOther) && self.world.is_disturbed() {
            tags.reverse();
        }
        push(&self.world, context, tags, request.limit, sink)
    }

    fn commits(
        &self,
        context: &dyn CallContext,
        request: CommitsRequest,
        sink: &mut dyn PageSink<Commit>,
    ) -> Result<()> {
        let commits = self.on(context, &request.repo, |repo| {
            answers::commits(&self.world, repo, &request)
        })?;
        push(&self.world, context, commits, request.limit, sink)
    }

    fn commits_between_refs(
        &self,
        context: &dyn CallContext,
        request: CommitsBetweenRefsRequest,
        sink: &mut dyn PageSink<Commit>,
    ) -> Result<()> {
        let commits = self.on(context, &request.repo, |repo| {
            answers::between(&self.world, repo, &request.base, &request.head)
        })?;
        push(&self.world, context, commits, request.limit, sink)
    }

    fn changed_files(
        &self,
        context: &dyn CallContext,
        request: ChangedFilesRequest,
        sink: &mut dyn PageSink<ChangedFile>,
    ) -> Result<()> {
        let files = self.on(context, &request.repo, |repo| {
            answers::changed_files(&self.world, repo, &request.base, &request.head)
        })?;
        push(&self.world, context, files, request.limit, sink)
    }

    fn pull_requests(
        &self,
        context: &dyn CallContext,
        request: PullRequestsRequest,
        sink: &mut dyn PageSink<PullRequest>,
    ) -> Result<()> {
        let found = self.on(context, &request.repo, |repo| {
            let mut found = repo.pull_requests.clone();
            found.retain(|pull_request| {
                (request.states.is_empty() || request.states.contains(&pull_request.state))
                    && request
                        .source_branch
                        .as_ref()
                        .is_none_or(|name| *name == pull_request.head.branch.display_id)
            });
            Ok(found)
        })?;
        push(&self.world, context, found, request.limit, sink)
    }

    fn search_pull_request(
        &self,
        context: &dyn CallContext,
        request: SearchPullRequestRequest,
        sink: &mut dyn PageSink<PullRequest>,
    ) -> Result<()> {
        let found = self.on(context, &request.repo, |repo| {
            let mut found = repo.pull_requests.clone();
            found.retain(|pull_request| {
                let is_wanted = request.states.is_empty()
                    || request.states.contains(&pull_request.state)
                    || self.world.has(Defect::SearchIgnoresStates);
                is_wanted && pull_request.head.branch.latest_commit == request.commit
            });
            Ok(found)
        })?;
        push(&self.world, context, found, None, sink)
    }

    fn pull_request_comments(
        &self,
        context: &dyn CallContext,
        request: CommentsRequest,
        sink: &mut dyn PageSink<Comment>,
    ) -> Result<()> {
        let comments = self.on(context, &request.repo, |repo| {
            answers::pull_request(repo, request.pull_request)?;
            let comments = repo.comments.iter();
            Ok(comments
                .filter(|(number, _)| *number == request.pull_request)
                .map(|(_, comment)| comment.clone())
                .collect())
        })?;
        push(&self.world, context, comments, request.limit, sink)
    }

    fn list_statuses(
        &self,
        context: &dyn CallContext,
        request: StatusesRequest,
        sink: &mut dyn PageSink<Status>,
    ) -> Result<()> {
        let statuses = self.on(context, &request.repo, |repo| {
            let statuses = repo.statuses.iter();
            Ok(statuses
                .filter(|status| status.commit == request.commit)
                .cloned()
                .collect())
        })?;
        push(&self.world, context, statuses, request.limit, sink)
    }

    fn list_content(
        &self,
        context: &dyn CallContext,
        request: ListContentRequest,
        sink: &mut dyn PageSink<Content>,
    ) -> Result<()> {
        let entries = self.on(context, &request.repo, |repo| {
            answers::folder(&self.world, repo, &request)
        })?;
        push(&self.world, context, entries, request.limit, sink)
    }

    fn get_content(
        &self,
        context: &dyn CallContext,
        request: GetContentRequest,
        sink: &mut dyn ByteSink,
    ) -> Result<StreamedContent> {
        let (hash, bytes) = self.on(context, &request.repo, |repo| {
            let commit = answers::resolve(&self.world, repo, request.reference.as_deref())?;
            let bytes = commit.tree.get(&request.path);
            let bytes = bytes.ok_or_else(|| not_found(format_args!("file {:?}", request.path)))?;
            Ok((commit.hash.clone(), bytes.clone()))
        })?;
        stream(&self.world, &bytes, &hash, sink)
    }

    fn get_archive(
        &self,
        context: &dyn CallContext,
        request: GetArchiveRequest,
        sink: &mut dyn ByteSink,
    ) -> Result<StreamedContent> {
        let (hash, bytes) = self.on(context, &request.repo, |repo| {
            let commit = answers::resolve(&self.world, repo, request.reference.as_deref())?;
            let prefix = request.prefix.as_deref().unwrap_or("archive");
            Ok((
                commit.hash.clone(),
                answers::archive(&self.world, commit, prefix),
            ))
        })?;
        stream(&self.world, &bytes, &hash, sink)
    }

    fn repo_by_fullname(
        &self,
        context: &dyn CallContext,
        request: RepositoryRequest,
    ) -> Result<Repository> {
        self.on(context, &request.repo, |repo| {
            let main = repo.branches.contains_key(MAIN).then_some(MAIN);
            Ok(answers::repository(&self.world, &request.repo, main))
        })
    }

    fn branch(&self, context: &dyn CallContext, request: BranchRequest) -> Result<Branch> {
        if self.world.has(Defect::DescriptorLeftOpen) {
            let file = std::fs::File::open("/dev/null").unwrap();
            locked(&self.world.open_files).push(file);
        }
        self.on(context, &request.repo, |repo| {
            let name = request.name.as_deref().unwrap_or(MAIN);
            let hash = repo.branches.get(name);
            let hash = hash.ok_or_else(|| not_found(format_args!("branch {name:?}")))?;
            Ok(answers::branch(name, hash))
        })
    }

    fn create_branch(
        &self,
        context: &dyn CallContext,
        request: CreateBranchRequest,
    ) -> Result<Branch> {
        let mut name = request.name;
        if self.world.has(Defect::NamesDecodedOnceMore) {
            name = percent_encoding::percent_decode_str(&name)
                .decode_utf8_lossy()
                .into_owned();
        }
        self.on(context, &request.repo, |repo| {
            let overwrites = self.world.has(Defect::BranchOverwritten);
            if repo.branches.contains_key(&name) && !overwrites {
                return exists("the branch");
            }
            repo.branches.insert(name.clone(), request.target.clone());
            Ok(answers::branch(&name, &request.target))
        })
    }

    fn delete_branch(
        &self,
        context: &dyn CallContext,
        request: DeleteBranchRequest,
    ) -> Result<Done> {
        self.on(context, &request.repo, |repo| {
            let was = repo.branches.remove(&request.name);
            if was.is_none() && self.world.has(Defect::SecondBranchDeletionFails) {
                return Err(not_found("such branch"));
            }
            Ok(Done::default())
        })
    }

    fn tag(&self, context: &dyn CallContext, request: TagRequest) -> Result<Tag> {
        self.on(context, &request.repo, |repo| {
            let tag = repo.tags.get(&request.name);
            let tag = tag.ok_or_else(|| not_found(format_args!("tag {:?}", request.name)))?;
            let mut answer = answers::tag(&request.name, tag);
            if self.world.has(Defect::TagLookupGivesTagObject) {
                answer.hash.clone_from(&tag.object);
            }
            Ok(answer)
        })
    }

    fn create_tag(&self, context: &dyn CallContext, request: CreateTagRequest) -> Result<Tag> {
        self.on(context, &request.repo, |repo| {
            if repo.tags.contains_key(&request.name) && !self.world.has(Defect::TagOverwritten) {
                return exists("the tag");
            }
            let tag = crate::history::Tag {
                commit: request.target.clone(),
                object: request.target,
            };
            let answer = answers::tag(&request.name, &tag);
            repo.tags.insert(request.name, tag);
            Ok(answer)
        })
    }

    fn commit(&self, context: &dyn CallContext, request: CommitRequest) -> Result<Commit> {
        self.on(context, &request.repo, |_| {
            let found = self.world.history.commit(&request.hash);
            let found = found.ok_or_else(|| not_found("such commit"))?;
            let mut answer = answers::commit(found);
            if self.world.has(Defect::ShortHashKept) {
                answer.id = request.hash;
            }
            Ok(answer)
        })
    }

    fn pull_request(
        &self,
        context: &dyn CallContext,
        request: PullRequestRequest,
    ) -> Result<PullRequest> {
        self.on(context, &request.repo, |repo| {
            answers::pull_request(repo, request.id).map(|found| found.clone())
        })
    }

    fn pull_request_create(
        &self,
        context: &dyn CallContext,
        request: CreatePullRequestRequest,
    ) -> Result<PullRequest> {
        let number = self.world.number();
        let overwrites = self.world.has(Defect::PullRequestOverwritten);
        self.on(context, &request.repo, |repo| {
            answers::create_pull_request(repo, &request, number, overwrites)
        })
    }

    fn pull_request_update(
        &self,
        context: &dyn CallContext,
        request: UpdatePullRequestRequest,
    ) -> Result<PullRequest> {
        self.on(context, &request.repo, |repo| {
            let found = answers::pull_request(repo, request.id)?;
            if let Some(title) = request.title {
                found.title = title;
            }
            match request.description {
                Some(text) => found.description = text,
                None if self.world.has(Defect::UpdateClearsText) => found.description.clear(),
                None => {}
            }
            Ok(found.clone())
        })
    }

    fn pull_request_merge(
        &self,
        context: &dyn CallContext,
        request: MergePullRequestRequest,
    ) -> Result<PullRequest> {
        self.on(context, &request.repo, |repo| {
            answers::merge_pull_request(&self.world, repo, &request)
        })
    }

    fn pull_request_decline(
        &self,
        context: &dyn CallContext,
        request: PullRequestRequest,
    ) -> Result<PullRequest> {
        self.on(context, &request.repo, |repo| {
            let found = answers::pull_request(repo, request.id)?;
            found.state = PullRequestState::DECLINED;
            found.closed = true;
            found.merged = self.world.has(Defect::DeclinedIsMerged);
            Ok(found.clone())
        })
    }

    fn pull_request_approve(
        &self,
        context: &dyn CallContext,
        request: PullRequestRequest,
    ) -> Result<Done> {
        self.on(context, &request.repo, |repo| {
            answers::pull_request(repo, request.id)?;
            if repo.approved.contains(&request.id) && self.world.has(Defect::SecondApprovalFails) {
                return Err(VcsError::new(ErrorKind::CONFLICT, "approved already"));
            }
            repo.approved.push(request.id);
            Ok(Done::default())
        })
    }

    fn pull_request_unapprove(
        &self,
        context: &dyn CallContext,
        request: PullRequestRequest,
    ) -> Result<Done> {
        self.on(context, &request.repo, |repo| {
            repo.approved.retain(|id| *id != request.id);
            Ok(Done::default())
        })
    }

    fn pull_request_comment_create(
        &self,
        context: &dyn CallContext,
        request: CreateCommentRequest,
    ) -> Result<Comment> {
        let comment = Comment {
            id: self.world.number().to_string(),
            text: request.text,
            ..Default::default()
        };
        self.on(context, &request.repo, |repo| {
            answers::pull_request(repo, request.pull_request)?;
            repo.comments.push((request.pull_request, comment.clone()));
            Ok(comment)
        })
    }

    fn pull_request_comment_update(
        &self,
        context: &dyn CallContext,
        request: UpdateCommentRequest,
    ) -> Result<Comment> {
        self.on(context, &request.repo, |repo| {
            let mut comments = repo.comments.iter_mut();
            let found = comments.find(|(_, comment)| comment.id == request.id);
            let (_, comment) = found.ok_or_else(|| not_found("such comment"))?;
            comment.text = request.text;
            Ok(comment.clone())
        })
    }

    fn pull_request_comment_delete(
        &self,
        context: &dyn CallContext,
        request: DeleteCommentRequest,
    ) -> Result<Done> {
        self.on(context, &request.repo, |repo| {
            let before = repo.comments.len();
            repo.comments
                .retain(|(_, comment)| comment.id != request.id);
            let gone = repo.comments.len() == before;
            if gone && self.world.has(Defect::SecondCommentDeletionFails) {
                return Err(not_found("such comment"));
            }
            Ok(Done::default())
        })
    }

    fn hooks(
        &self,
        context: &dyn CallContext,
        request: HooksRequest,
        sink: &mut dyn PageSink<Hook>,
    ) -> Result<()> {
        let hooks = self.on(context, &request.repo, |repo| {
            let mut hooks = repo.hooks.clone();
            if self.world.has(Defect::DeletedHookListed) {
                hooks.extend(repo.deleted_hooks.clone());
            }
            Ok(hooks)
        })?;
        push(&self.world, context, hooks, request.limit, sink)
    }

    fn create_hook(&self, context: &dyn CallContext, request: HookRequest) -> Result<Hook> {
        let number = self.world.number();
        self.on(context, &request.repo, |repo| {
            Ok(answers::create_hook(repo, &request, number))
        })
    }

    fn update_hook(&self, context: &dyn CallContext, request: HookRequest) -> Result<Hook> {
        self.on(context, &request.repo, |repo| {
            let mut hooks = repo.hooks.iter_mut();
            let found = hooks.find(|hook| request.id.as_ref() == Some(&hook.id));
            let hook = found.ok_or_else(|| not_found("such hook"))?;
            hook.name = request.name;
            hook.disable = request.disable;
            if self.world.has(Defect::HookChangeDropsEvents) {
                hook.events.clear();
            }
            Ok(hook.clone())
        })
    }

    fn get_hook(&self, context: &dyn CallContext, request: GetHookRequest) -> Result<Hook> {
        self.on(context, &request.repo, |repo| {
            let slash_counts = self.world.has(Defect::SlashCounts);
            answers::hook(repo, &request.url, slash_counts)
                .map(|hook| hook.clone())
                .ok_or_else(|| not_found("such hook"))
        })
    }

    fn delete_hook(&self, context: &dyn CallContext, request: DeleteHookRequest) -> Result<Done> {
        self.on(context, &request.repo, |repo| {
            let (left, deleted): (Vec<Hook>, Vec<Hook>) = std::mem::take(&mut repo.hooks)
                .into_iter()
                .partition(|hook| {
                    request.id.as_ref() != Some(&hook.id) && request.url.as_ref() != Some(&hook.url)
                });
            repo.hooks = left;
            let gone = deleted.is_empty();
            repo.deleted_hooks.extend(deleted);
            if gone && self.world.has(Defect::SecondHookDeletionFails) {
                return Err(not_found("such hook"));
            }
            Ok(Done::default())
        })
    }

    fn reconcile_hook(&self, context: &dyn CallContext, request: HookRequest) -> Result<Hook> {
        let number = self.world.number();
        self.on(context, &request.repo, |repo| {
            Ok(answers::reconcile_hook(&self.world, repo, &request, number))
        })
    }

    fn poll_events(
        &self,
        context: &dyn CallContext,
        request: PollEventsRequest,
    ) -> Result<PolledEvents> {
        self.on(context, &request.repo, |repo| {
            answers::poll(&self.world, repo, &request)
        })
    }

    fn set_status(&self, context: &dyn CallContext, request: StatusRequest) -> Result<Status> {
        self.on(context, &request.repo, |repo| {
            Ok(answers::set_status(&self.world, repo, &request))
        })
    }

    fn create_insight_report(
        &self,
        context: &dyn CallContext,
        request: InsightReportRequest,
    ) -> Result<InsightReport> {
        self.on(context, &request.repo, |_| {
            let lost = u64::from(self.world.has(Defect::AnnotationsLost));
            Ok(InsightReport {
                id: request.id,
                annotations: request.annotations.len() as u64 - lost,
                ..Default::default()
            })
        })
    }

    fn checkout_credentials(
        &self,
        context: &dyn CallContext,
        request: CheckoutRequest,
    ) -> Result<CheckoutCredentials> {
        self.begin(context)?;
        let host = if self.world.has(Defect::UserInCheckoutAddress) {
            "user@model.example.org"
        } else {
            "model.example.org"
        };
        let username = if self.world.has(Defect::SecretInAnswer) {
            TOKEN
        } else {
            "token"
        };
        Ok(CheckoutCredentials {
            http_url: format!("https://{host}/{}.git", request.repo),
            ssh_url: format!("ssh://git@model.example.org/{}.git", request.repo),
            username: Some(username.to_owned()),
            secret: Some(Secret::from(TOKEN)),
            expires_at_ms: None,
            ..Default::default()
        })
    }

    fn check_connection(
        &self,
        context: &dyn CallContext,
        request: ConnectionRequest,
    ) -> Result<Connection> {
        self.begin(context)?;
        if request.repo.as_ref().is_some_and(|repo| repo != READABLE) {
            return invalid("the model checks one repository only");
        }
        let nameless = self.world.has(Defect::NamelessCredential);
        Ok(Connection {
            credential: if nameless { "" } else { "a token" }.to_owned(),
            rate_limit: RateLimit {
                requests_sent: self.world.requests.load(Ordering::Relaxed),
                ..Default::default()
            },
            ..Default::default()
        })
    }
}
