//! The provider of the made-up service: its entry and its webhooks.

use crate::client::Client;
use crate::defect::Defect;
use crate::world::{World, locked};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use vcs_provider_interface::prelude::*;

/// A provider without a library; the configuration is the number of its world.
pub(crate) struct Model;

static WORLDS: Mutex<BTreeMap<u64, Arc<World>>> = Mutex::new(BTreeMap::new());

/// Makes a world reachable by its number.
pub(crate) fn open(number: u64, world: &Arc<World>) {
    locked(&WORLDS).insert(number, Arc::clone(world));
}

pub(crate) fn close(number: u64) {
    locked(&WORLDS).remove(&number);
}

pub(crate) const CAPABILITIES: &[&str] = &[
    "workspaces",
    "repos",
    "forks",
    "branches",
    "tags",
    "commits",
    "commits_between_refs",
    "changed_files",
    "pull_requests",
    "search_pull_request",
    "pull_request_comments",
    "list_statuses",
    "list_content",
    "get_content",
    "get_archive",
    "repo_by_fullname",
    "branch",
    "create_branch",
    "delete_branch",
    "tag",
    "create_tag",
    "commit",
    "pull_request",
    "pull_request_create",
    "pull_request_update",
    "pull_request_merge",
    "pull_request_decline",
    "pull_request_approve",
    "pull_request_unapprove",
    "pull_request_comment_create",
    "pull_request_comment_update",
    "pull_request_comment_delete",
    "hooks",
    "create_hook",
    "update_hook",
    "get_hook",
    "delete_hook",
    "reconcile_hook",
    "poll_events",
    "set_status",
    "create_insight_report",
    "checkout_credentials",
    "check_connection",
    "webhooks_info",
    "polling_info",
    "parse_webhook",
    "webhook_signatures",
];

impl Provider for Model {
    fn info() -> ProviderInfo {
        ProviderInfo::new("model", "Model", "1.0.0").with_capabilities(CAPABILITIES.iter().copied())
    }

    fn new_server(config_toml: &str, host: Arc<dyn HostServices>) -> Result<Box<dyn VcsServer>> {
        let world = config_toml
            .parse()
            .ok()
            .and_then(|number: u64| locked(&WORLDS).get(&number).cloned())
            .ok_or_else(|| VcsError::new(ErrorKind::CONFIG, "no world of this number"))?;
        Ok(Box::new(Server { world, host }))
    }
}

struct Server {
    world: Arc<World>,
    host: Arc<dyn HostServices>,
}

impl VcsServer for Server {
    fn authorized_client(&self, credential: Credential) -> Result<Box<dyn AuthorizedClient>> {
        let mut message = format!("a client for a credential of kind {}", credential.kind);
        if self.world.has(Defect::SecretInLog) {
            let secret = credential.secret.as_ref().map_or("", Secret::expose);
            message = format!("{message} {secret}");
        }
        self.host.log(LogRecord {
            level: LogLevel::DEBUG,
            target: "model".to_owned(),
            message,
            ..Default::default()
        });
        Ok(Box::new(Client {
            world: Arc::clone(&self.world),
            credential,
        }))
    }

    fn webhooks_info(
        &self,
        _context: &dyn CallContext,
        _request: WebhooksInfoRequest,
    ) -> Result<WebhooksInfo> {
        Ok(WebhooksInfo {
            supported: !self.world.has(Defect::WebhooksDenied),
            proof: WebhookProof::hmac("X-Signature", "sha256", "sha256="),
            default_events: vec!["push".to_owned()],
            events: vec!["push".to_owned()],
            ..Default::default()
        })
    }

    fn polling_info(
        &self,
        _context: &dyn CallContext,
        _request: ServerInfoRequest,
    ) -> Result<PollingInfo> {
        Ok(PollingInfo {
            supported: true,
            disabled: false,
            min_interval_seconds: 60,
            ..Default::default()
        })
    }

    fn parse_webhook(
        &self,
        _context: &dyn CallContext,
        request: WebhookRequest,
    ) -> Result<Delivery> {
        let header = |name: &str| {
            let same = |key: &str| {
                if self.world.has(Defect::HeaderCaseMatters) {
                    key == name
                } else {
                    key.eq_ignore_ascii_case(name)
                }
            };
            let found = request.headers.iter().find(|(key, _)| same(key));
            found.map(|(_, value)| value.as_str())
        };
        let invalid = |message: &str| VcsError::new(ErrorKind::INVALID_INPUT, message);
        let key = header("X-Event").ok_or_else(|| invalid("the event header is missing"));
        if self.world.has(Defect::BodyReadBeforeSignature) && request.secret.is_some() {
            changes(&request.body.0).ok_or_else(|| invalid("the body cannot be read"))?;
        }
        let verified = match &request.secret {
            Some(secret) => {
                self.verify(header("X-Signature"), &request.body.0, secret)?;
                true
            }
            None => false,
        };
        let mut delivery = Delivery {
            event_key: key?.to_owned(),
            verified,
            ..Default::default()
        };
        if delivery.event_key != "push" {
            if self.world.has(Defect::UnknownEventFails) {
                return Err(invalid("the event is not known"));
            }
            return Ok(delivery);
        }
        match changes(&request.body.0) {
            Some(count) => delivery.events = vec![Event::default(); count],
            None if self.world.has(Defect::GarbageIsNoEvent) => {}
            None => return Err(invalid("the body cannot be read")),
        }
        Ok(delivery)
    }
}

impl Server {
    fn verify(&self, signature: Option<&str>, body: &[u8], secret: &Secret) -> Result<()> {
        let refused = |message: &str| Err(VcsError::new(ErrorKind::UNAUTHENTICATED, message));
        let Some(signature) = signature else {
            if self.world.has(Defect::MissingSignatureTaken) {
                return Ok(());
            }
            return refused("the delivery is not signed");
        };
        let right = crate::dialect()
            .headers_of("", body, Some(secret))
            .iter()
            .any(|(name, value)| name == "X-Signature" && value == signature);
        if right || self.world.has(Defect::SignatureNotCompared) {
            return Ok(());
        }
        refused("the delivery is not signed with this key")
    }
}

/// How many changes a push holds.
fn changes(body: &[u8]) -> Option<usize> {
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    let changes = document.get("push")?.get("changes")?.as_array()?;
    Some(changes.len())
}
