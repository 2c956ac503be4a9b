//! The JSON of the vcs service: field names and forms of CDS v0.53, whose own
//! client decodes it.
//!
//! The interface's records have names of their own; here, at the edge, they are
//! given those of CDS. Facts that CDS has no field for follow under the
//! interface's names, which its client passes over. Forms: a `time` is RFC 3339
//! text and left out where it is not known; `authorTimestamp` is milliseconds.

use jiff::Timestamp as Instant;
use serde::Serialize;
use utoipa::ToSchema;
use vcs_provider_interface::records::{
    Author, Branch, Commit, Content, Hook, PollingInfo, PullRequest, PullRequestEnd, Release,
    Repository, SignatureState, Status, Tag, Timestamp, WebhooksInfo,
};

/// A record in the form of CDS.
pub(super) trait IntoCds {
    type Cds: Serialize;

    fn into_cds(self) -> Self::Cds;
}

impl<T: IntoCds> IntoCds for Vec<T> {
    type Cds = Vec<T::Cds>;

    fn into_cds(self) -> Self::Cds {
        self.into_iter().map(T::into_cds).collect()
    }
}

/// RFC 3339 in UTC; `None` beyond the years that can be written.
fn rfc_3339(time: Option<Timestamp>) -> Option<String> {
    Instant::from_millisecond(time?)
        .ok()
        .map(|time| time.to_string())
}

/// `VCSAuthor`
#[derive(Serialize, Default, ToSchema)]
pub(super) struct CdsAuthor {
    name: String,
    #[serde(rename = "displayName")]
    display_name: String,
    #[serde(rename = "emailAddress")]
    email_address: String,
    avatar: String,
    slug: String,
    id: String,
}

impl IntoCds for Author {
    type Cds = CdsAuthor;

    fn into_cds(self) -> CdsAuthor {
        CdsAuthor {
            slug: self.name.clone(),
            name: self.name,
            display_name: self.display_name,
            email_address: self.email,
            avatar: self.avatar,
            id: self.id,
        }
    }
}

/// `VCSRepo`
#[derive(Serialize, ToSchema)]
pub(super) struct CdsRepo {
    id: String,
    name: String,
    slug: String,
    fullname: String,
    url: String,
    http_url: String,
    ssh_url: String,
    default_branch: Option<String>,
    visibility: Option<String>,
    parent: Option<String>,
}

impl IntoCds for Repository {
    type Cds = CdsRepo;

    fn into_cds(self) -> CdsRepo {
        CdsRepo {
            id: self.id,
            name: self.name,
            slug: self.slug,
            fullname: self.fullname,
            url: self.url,
            http_url: self.http_url,
            ssh_url: self.ssh_url,
            default_branch: self.default_branch,
            visibility: self.visibility.map(|seen| seen.to_string()),
            parent: self.parent,
        }
    }
}

/// `VCSBranch`
#[derive(Serialize, Default, ToSchema)]
pub(super) struct CdsBranch {
    id: String,
    display_id: String,
    latest_commit: String,
    default: bool,
    parents: Vec<String>,
}

impl IntoCds for Branch {
    type Cds = CdsBranch;

    fn into_cds(self) -> CdsBranch {
        CdsBranch {
            id: self.id,
            display_id: self.display_id,
            latest_commit: self.latest_commit,
            default: self.default == Some(true),
            parents: self.parents,
        }
    }
}

/// `VCSTag`
#[derive(Serialize, ToSchema)]
pub(super) struct CdsTag {
    tag: String,
    sha: String,
    message: String,
    tagger: CdsAuthor,
    hash: String,
}

impl IntoCds for Tag {
    type Cds = CdsTag;

    fn into_cds(self) -> CdsTag {
        CdsTag {
            tag: self.tag,
            sha: self.sha,
            message: self.message,
            tagger: self.tagger.into_cds(),
            hash: self.hash,
        }
    }
}

/// `VCSCommit`
#[derive(Serialize, Default, ToSchema)]
pub(super) struct CdsCommit {
    id: String,
    author: CdsAuthor,
    committer: CdsAuthor,
    #[serde(rename = "authorTimestamp")]
    author_timestamp: i64,
    message: String,
    url: String,
    verified: bool,
    signature: String,
    parents: Vec<String>,
}

impl IntoCds for Commit {
    type Cds = CdsCommit;

    fn into_cds(self) -> CdsCommit {
        CdsCommit {
            id: self.id,
            author: self.author.into_cds(),
            committer: self.committer.map(Author::into_cds).unwrap_or_default(),
            author_timestamp: self.author_timestamp.unwrap_or_default(),
            message: self.message,
            url: self.url,
            verified: self.signature == Some(SignatureState::VALID),
            signature: self
                .signature
                .map(|state| state.to_string())
                .unwrap_or_default(),
            parents: self.parents,
        }
    }
}

/// `VCSPushEvent`, here one side of a pull request.
#[derive(Serialize, ToSchema)]
pub(super) struct CdsPushEvent {
    repo: String,
    branch: CdsBranch,
    commit: CdsCommit,
    clone_url: String,
}

impl IntoCds for PullRequestEnd {
    type Cds = CdsPushEvent;

    fn into_cds(self) -> CdsPushEvent {
        CdsPushEvent {
            repo: self.repo.unwrap_or_default(),
            commit: CdsCommit {
                id: self.branch.latest_commit.clone(),
                ..CdsCommit::default()
            },
            branch: self.branch.into_cds(),
            clone_url: self.clone_url,
        }
    }
}

/// `VCSPullRequest`
#[derive(Serialize, ToSchema)]
pub(super) struct CdsPullRequest {
    id: u64,
    change_id: String,
    url: String,
    user: CdsAuthor,
    head: CdsPushEvent,
    base: CdsPushEvent,
    title: String,
    merged: bool,
    closed: bool,
    revision: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<String>,
    merge_by: CdsAuthor,
    state: String,
    description: String,
    draft: Option<bool>,
    labels: Vec<String>,
    fetch_ref: Option<String>,
}

impl IntoCds for PullRequest {
    type Cds = CdsPullRequest;

    fn into_cds(self) -> CdsPullRequest {
        CdsPullRequest {
            id: self.id,
            // Gerrit's: other services have no second id.
            change_id: String::new(),
            url: self.url,
            user: self.user.map(Author::into_cds).unwrap_or_default(),
            revision: self.head.branch.latest_commit.clone(),
            head: self.head.into_cds(),
            base: self.base.into_cds(),
            title: self.title,
            merged: self.merged,
            closed: self.closed,
            updated: rfc_3339(self.updated),
            merge_by: self.merged_by.map(Author::into_cds).unwrap_or_default(),
            state: self.state.to_string(),
            description: self.description,
            draft: self.draft,
            labels: self.labels,
            fetch_ref: self.fetch_ref,
        }
    }
}

/// `VCSContent`
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CdsContent {
    name: String,
    is_directory: bool,
    is_file: bool,
    content: String,
    #[serde(rename = "path")]
    path: String,
    #[serde(rename = "size")]
    size: Option<u64>,
    /// How `Content` is encoded, where there is one.
    #[serde(rename = "encoding")]
    encoding: Option<&'static str>,
}

impl CdsContent {
    /// A file with its content in base 64.
    pub(super) fn of_file(path: String, base64: String, length: usize) -> Self {
        let name = path.rsplit('/').next().unwrap_or_default();
        Self {
            name: name.to_owned(),
            is_directory: false,
            is_file: true,
            content: base64,
            path,
            size: u64::try_from(length).ok(),
            encoding: Some("base64"),
        }
    }
}

impl IntoCds for Content {
    type Cds = CdsContent;

    fn into_cds(self) -> CdsContent {
        CdsContent {
            name: self.name,
            is_directory: self.is_directory,
            is_file: self.is_file,
            // A list holds no contents.
            content: String::new(),
            path: self.path,
            size: self.size,
            encoding: None,
        }
    }
}

/// `VCSHook`
#[derive(Serialize, ToSchema)]
pub(super) struct CdsHook {
    id: String,
    name: String,
    events: Vec<String>,
    method: &'static str,
    url: String,
    content_type: &'static str,
    body: String,
    disable: bool,
    insecure_ssl: bool,
}

impl IntoCds for Hook {
    type Cds = CdsHook;

    fn into_cds(self) -> CdsHook {
        CdsHook {
            id: self.id,
            name: self.name,
            events: self.events,
            method: "POST",
            url: self.url,
            content_type: "json",
            body: String::new(),
            disable: self.disable,
            insecure_ssl: self.insecure_ssl == Some(true),
        }
    }
}

/// `VCSCommitStatus`
#[derive(Serialize, ToSchema)]
pub(super) struct CdsCommitStatus {
    r#ref: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    state: String,
    description: String,
    key: String,
    name: String,
    url: String,
    service_state: String,
}

impl IntoCds for Status {
    type Cds = CdsCommitStatus;

    fn into_cds(self) -> CdsCommitStatus {
        CdsCommitStatus {
            r#ref: self.commit,
            created_at: rfc_3339(self.created_at),
            state: self.state.to_string(),
            description: self.description,
            key: self.key,
            name: self.name,
            url: self.url,
            service_state: self.service_state,
        }
    }
}

/// `VCSRelease`
#[derive(Serialize, ToSchema)]
pub(super) struct CdsRelease {
    id: i64,
    upload_url: String,
}

impl IntoCds for Release {
    type Cds = CdsRelease;

    fn into_cds(self) -> CdsRelease {
        CdsRelease {
            // CDS wants a number; zero where the service has none.
            id: self.id.parse().unwrap_or_default(),
            upload_url: self.upload_url,
        }
    }
}

/// The response of `/vcs/{name}/webhooks`.
#[derive(Serialize, ToSchema)]
pub(super) struct CdsWebhooks {
    webhooks_supported: bool,
    webhooks_disabled: bool,
    webhooks_creation_disabled: bool,
    webhooks_icon: String,
    gerrithook_disabled: bool,
    events: Vec<String>,
    default_events: Vec<String>,
}

impl IntoCds for WebhooksInfo {
    type Cds = CdsWebhooks;

    fn into_cds(self) -> CdsWebhooks {
        CdsWebhooks {
            webhooks_supported: self.supported,
            webhooks_disabled: self.disabled,
            webhooks_creation_disabled: self.creation_disabled,
            webhooks_icon: self.icon,
            // Events of Gerrit come another way, which no provider here has.
            gerrithook_disabled: true,
            events: self.events,
            default_events: self.default_events,
        }
    }
}

/// The response of `/vcs/{name}/polling`.
#[derive(Serialize, ToSchema)]
pub(super) struct CdsPolling {
    polling_supported: bool,
    polling_disabled: bool,
    min_interval_seconds: u64,
}

impl IntoCds for PollingInfo {
    type Cds = CdsPolling;

    fn into_cds(self) -> CdsPolling {
        CdsPolling {
            polling_supported: self.supported,
            polling_disabled: self.disabled,
            min_interval_seconds: self.min_interval_seconds,
        }
    }
}

#[cfg(test)]
mod tests;
