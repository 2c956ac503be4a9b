//! A service and its provider in one, in memory: what the engine's tests talk to.

use crate::servers::Servers;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use vcs_provider_interface::prelude::*;

/// The name of the server in tests.
pub(crate) const SERVER: &str = "cloud";

/// What the service is asked to do wrong next.
pub(crate) type Failures = VecDeque<VcsError>;

/// A service that records what it was asked.
#[derive(Default)]
pub(crate) struct FakeService {
    pub(crate) branches: Mutex<BTreeMap<String, String>>,
    pub(crate) hooks: Mutex<Vec<HookRequest>>,
    pub(crate) statuses: Mutex<Vec<StatusRequest>>,
    pub(crate) polled: Mutex<VecDeque<Vec<Event>>>,
    pub(crate) cursors: Mutex<Vec<Option<String>>>,
    pub(crate) failures: Mutex<Failures>,
    succeed_first: AtomicBool,
    pub(crate) webhooks: Mutex<WebhooksInfo>,
    pub(crate) credentials: Mutex<Vec<Credential>>,
    pub(crate) completed: AtomicU64,
    pub(crate) reloads: AtomicU64,
    pub(crate) served: AtomicBool,
    pub(crate) comments: Mutex<Vec<Comment>>,
    /// The repositories that the credential does not see.
    pub(crate) hidden: Mutex<Vec<String>>,
    /// What stands before the last segment of hook addresses at the service.
    pub(crate) webhook_proxy: Mutex<Option<String>>,
    /// While set, `repos` waits until it is cancelled, and says so.
    pub(crate) hanging: AtomicBool,
    /// The shortest time between two looks at a workspace; `None` if it has none.
    pub(crate) look_interval: Mutex<Option<u64>>,
    /// The looks that were taken.
    pub(crate) looks: Mutex<Vec<PollRepositoriesRequest>>,
    /// What the next look finds changed.
    pub(crate) changed: Mutex<Vec<String>>,
    /// Requests that looks and polls took.
    pub(crate) poll_requests: AtomicU64,
    /// Requests that a look takes.
    pub(crate) look_requests: AtomicU64,
    pub(crate) cancelled: Mutex<Option<mpsc::Sender<()>>>,
}

impl FakeService {
    pub(crate) fn new() -> Arc<Self> {
        let service = Self::default();
        service.served.store(true, Ordering::Release);
        service.look_requests.store(1, Ordering::Release);
        *service.webhooks.lock().unwrap() = WebhooksInfo {
            supported: true,
            default_events: vec!["repo:push".to_owned()],
            proof: WebhookProof::hmac("X-Hub-Signature", "sha256", "sha256="),
            ..WebhooksInfo::default()
        };
        Arc::new(service)
    }

    pub(crate) fn fail_next(&self, error: VcsError) {
        self.failures.lock().unwrap().push_back(error);
    }

    /// The next call succeeds, the one after it does not.
    pub(crate) fn fail_next_but_one(&self, error: VcsError) {
        self.succeed_first.store(true, Ordering::Release);
        self.fail_next(error);
    }

    fn delivered_url(&self, url: &str) -> String {
        let last = url.rsplit('/').next().unwrap_or_default();
        match &*self.webhook_proxy.lock().unwrap() {
            Some(proxy) => format!("{proxy}{last}"),
            None => url.to_owned(),
        }
    }

    fn fail_if_asked(&self) -> Result<()> {
        if self.succeed_first.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        match self.failures.lock().unwrap().pop_front() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// The value of the signature's header for a body.
pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// The headers and the body of a delivery with these events.
pub(crate) fn delivery(
    secret: &str,
    id: &str,
    events: &[Event],
) -> (Vec<(String, String)>, Vec<u8>) {
    let body = serde_json::to_vec(events).unwrap();
    let headers = [
        ("X-Event-Key", "repo:push".to_owned()),
        ("X-Request-UUID", id.to_owned()),
        ("X-Hub-Signature", signature(secret, &body)),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    (headers.to_vec(), body)
}

/// The servers of a test's engine: one, of the fake service.
pub(crate) struct FakeServers(pub(crate) Arc<FakeService>);

impl Servers for FakeServers {
    fn names(&self) -> Vec<(String, String)> {
        vec![(SERVER.to_owned(), "fake".to_owned())]
    }

    fn server(&self, name: &str) -> Result<Arc<dyn VcsServer>> {
        if name == SERVER {
            return Ok(Arc::new(FakeServer(Arc::clone(&self.0))));
        }
        Err(VcsError::new(
            ErrorKind::NOT_FOUND,
            "there is no such server",
        ))
    }

    fn is_served(&self, _: &str) -> bool {
        self.0.served.load(Ordering::Acquire)
    }

    fn health(&self) -> Value {
        json!({ "reloads": self.0.reloads.load(Ordering::Acquire) })
    }

    fn reload(&self) -> Value {
        self.0.reloads.fetch_add(1, Ordering::AcqRel);
        json!({ "reloaded": true })
    }
}

struct FakeServer(Arc<FakeService>);

impl VcsServer for FakeServer {
    fn authorized_client(&self, credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        self.0.credentials.lock().unwrap().push(credential);
        Ok(Box::new(FakeClient(Arc::clone(&self.0))))
    }

    fn webhooks_info(
        &self,
        _: &dyn CallContext,
        request: WebhooksInfoRequest,
    ) -> Result<WebhooksInfo> {
        Ok(WebhooksInfo {
            hook_url: request.hook_url.map(|url| self.0.delivered_url(&url)),
            ..self.0.webhooks.lock().unwrap().clone()
        })
    }

    fn polling_info(&self, _: &dyn CallContext, _: ServerInfoRequest) -> Result<PollingInfo> {
        Ok(PollingInfo {
            supported: true,
            repositories_interval_seconds: *self.0.look_interval.lock().unwrap(),
            ..PollingInfo::default()
        })
    }

    fn authorize_redirect(
        &self,
        _: &dyn CallContext,
        request: AuthorizeRequest,
    ) -> Result<AuthorizeRedirect> {
        let state = crate::random::name().unwrap();
        Ok(AuthorizeRedirect {
            url: format!(
                "https://service.example/authorize?state={state}&redirect_uri={}",
                request.redirect_uri.unwrap_or_default()
            ),
            state: Some(Secret::new(state)),
            ..Default::default()
        })
    }

    fn authorize_token(
        &self,
        _: &dyn CallContext,
        request: AuthorizeTokenRequest,
    ) -> Result<Grant> {
        if request.code.as_ref().map(Secret::expose) != Some("good-code") {
            return Err(VcsError::new(
                ErrorKind::UNAUTHENTICATED,
                "the code was rejected",
            ));
        }
        Ok(Grant {
            access_token: Some(Secret::from("granted-access-token")),
            refresh_token: Some(Secret::from("granted-refresh-token")),
            scopes: vec!["repository".to_owned()],
            version: 1,
            ..Grant::default()
        })
    }

    fn parse_webhook(&self, _: &dyn CallContext, request: WebhookRequest) -> Result<Delivery> {
        let header = |wanted: &str| {
            let found = request
                .headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        let secret = request.secret.as_ref().unwrap();
        let expected = signature(secret.expose(), &request.body.0);
        if header("x-hub-signature") != Some(expected) {
            return Err(VcsError::new(ErrorKind::UNAUTHENTICATED, "wrong signature"));
        }
        let event_key = header("x-event-key").unwrap_or_default();
        let events = if event_key == "repo:push" {
            serde_json::from_slice(&request.body.0)
                .map_err(|error| VcsError::new(ErrorKind::INVALID_INPUT, error.to_string()))?
        } else {
            Vec::new()
        };
        Ok(Delivery {
            event_key,
            id: header("x-request-uuid"),
            verified: true,
            events,
            ..Delivery::default()
        })
    }
}

struct FakeClient(Arc<FakeService>);

impl AuthorizedClient for FakeClient {
    fn repos(
        &self,
        context: &dyn CallContext,
        _: RepositoriesRequest,
        sink: &mut dyn PageSink<Repository>,
    ) -> Result<()> {
        while self.0.hanging.load(Ordering::Acquire) {
            if context.is_cancelled() {
                let cancelled = self.0.cancelled.lock().unwrap().take();
                if let Some(cancelled) = cancelled {
                    cancelled.send(()).unwrap();
                }
                return Err(VcsError::new(ErrorKind::CANCELLED, "cancelled"));
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let repository = Repository {
            fullname: "ws/app".to_owned(),
            ..Repository::default()
        };
        sink.page(vec![repository], Some(1))?;
        Ok(())
    }

    fn repo_by_fullname(
        &self,
        _: &dyn CallContext,
        request: RepositoryRequest,
    ) -> Result<Repository> {
        self.0.fail_if_asked()?;
        if self.0.hidden.lock().unwrap().contains(&request.repo) {
            return Err(VcsError::new(ErrorKind::NOT_FOUND, "Repository not found"));
        }
        Ok(Repository {
            id: format!("{{{}}}", request.repo),
            fullname: request.repo,
            ..Repository::default()
        })
    }

    fn branch(&self, _: &dyn CallContext, request: BranchRequest) -> Result<Branch> {
        self.0.fail_if_asked()?;
        let name = request.name.unwrap_or_else(|| "main".to_owned());
        let branches = self.0.branches.lock().unwrap();
        let hash = branches
            .get(&name)
            .ok_or_else(|| VcsError::new(ErrorKind::NOT_FOUND, "there is no such branch"))?;
        Ok(Branch {
            id: format!("refs/heads/{name}"),
            latest_commit: hash.clone(),
            display_id: name,
            ..Branch::default()
        })
    }

    fn reconcile_hook(&self, _: &dyn CallContext, mut request: HookRequest) -> Result<Hook> {
        self.0.fail_if_asked()?;
        request.url = self.0.delivered_url(&request.url);
        let mut hooks = self.0.hooks.lock().unwrap();
        let action = match hooks.iter().position(|hook| hook.url == request.url) {
            Some(_) => "unchanged",
            None => {
                hooks.push(request.clone());
                "created"
            }
        };
        Ok(Hook {
            id: "{hook}".to_owned(),
            url: request.url,
            extra: Extra::from([("action", action)]),
            ..Hook::default()
        })
    }

    fn delete_hook(&self, _: &dyn CallContext, request: DeleteHookRequest) -> Result<Done> {
        self.0.fail_if_asked()?;
        let mut hooks = self.0.hooks.lock().unwrap();
        hooks.retain(|hook| Some(&hook.url) != request.url.as_ref());
        Ok(Done::changed())
    }

    fn poll_events(&self, _: &dyn CallContext, request: PollEventsRequest) -> Result<PolledEvents> {
        self.0.fail_if_asked()?;
        self.0.poll_requests.fetch_add(3, Ordering::AcqRel);
        let mut cursors = self.0.cursors.lock().unwrap();
        let is_first = request.cursor.is_none();
        cursors.push(request.cursor);
        let events = if is_first {
            Vec::new()
        } else {
            self.0
                .polled
                .lock()
                .unwrap()
                .pop_front()
                .unwrap_or_default()
        };
        Ok(PolledEvents {
            events,
            cursor: format!("cursor-{}", cursors.len()),
            requests: 3,
            ..Default::default()
        })
    }

    fn poll_repositories(
        &self,
        _: &dyn CallContext,
        request: PollRepositoriesRequest,
    ) -> Result<PolledRepositories> {
        self.0.fail_if_asked()?;
        let requests = self.0.look_requests.load(Ordering::Acquire);
        self.0.poll_requests.fetch_add(requests, Ordering::AcqRel);
        let changed = if request.cursor.is_some() {
            std::mem::take(&mut *self.0.changed.lock().unwrap())
        } else {
            Vec::new()
        };
        let named = |fullname: String| ChangedRepository {
            id: format!("{{{fullname}}}"),
            fullname,
            ..ChangedRepository::default()
        };
        let mut looks = self.0.looks.lock().unwrap();
        looks.push(request);
        Ok(PolledRepositories {
            changed: changed.into_iter().map(named).collect(),
            kinds: vec![
                EventKind::REF_CREATED,
                EventKind::REF_UPDATED,
                EventKind::REF_DELETED,
            ],
            cursor: format!("look-{}", looks.len()),
            requests,
            ..PolledRepositories::default()
        })
    }

    fn complete_event(&self, _: &dyn CallContext, request: CompleteEventRequest) -> Result<Event> {
        self.0.fail_if_asked()?;
        self.0.completed.fetch_add(1, Ordering::AcqRel);
        let mut event = request.event;
        if let Some(change) = &mut event.change {
            change.truncated = Some(false);
        }
        if let Some(pull_request) = &mut event.pull_request {
            let hash = &mut pull_request.head.branch.latest_commit;
            *hash = format!("{hash:0<40}");
        }
        Ok(event)
    }

    fn pull_request_comments(
        &self,
        _: &dyn CallContext,
        _: CommentsRequest,
        sink: &mut dyn PageSink<Comment>,
    ) -> Result<()> {
        let comments = self.0.comments.lock().unwrap().clone();
        sink.page(comments, None)?;
        Ok(())
    }

    fn pull_request_comment_create(
        &self,
        _: &dyn CallContext,
        request: CreateCommentRequest,
    ) -> Result<Comment> {
        let mut comments = self.0.comments.lock().unwrap();
        let comment = Comment {
            id: (comments.len() + 1).to_string(),
            text: request.text,
            ..Comment::default()
        };
        comments.push(comment.clone());
        // As if the response were lost.
        self.0.fail_if_asked()?;
        Ok(comment)
    }

    fn pull_request_comment_update(
        &self,
        _: &dyn CallContext,
        request: UpdateCommentRequest,
    ) -> Result<Comment> {
        self.0.fail_if_asked()?;
        let mut comments = self.0.comments.lock().unwrap();
        let found = comments.iter_mut().find(|comment| comment.id == request.id);
        let comment = found.unwrap();
        comment.text = request.text;
        Ok(comment.clone())
    }

    fn checkout_credentials(
        &self,
        _: &dyn CallContext,
        request: CheckoutRequest,
    ) -> Result<CheckoutCredentials> {
        Ok(CheckoutCredentials {
            http_url: format!("https://service.example/{}.git", request.repo),
            secret: Some(Secret::from("checkout-secret")),
            ..CheckoutCredentials::default()
        })
    }

    fn set_status(&self, _: &dyn CallContext, request: StatusRequest) -> Result<Status> {
        self.0.fail_if_asked()?;
        let status = Status {
            key: request.key.clone(),
            state: request.state,
            url: request.url.clone(),
            ..Status::default()
        };
        self.0.statuses.lock().unwrap().push(request);
        Ok(status)
    }
}
