//! The JSON of the vcs service: field names and forms of CDS v0.53, whose own
//! client decodes it.
//!
//! The interface's records have names of their own; here, at the edge, they are
//! given those of CDS. Facts that CDS has no field for follow under the
//! interface's names, which its client passes over. Forms: a `time` is RFC 3339
//! text and left out where it is not known; `authorTimestamp` is milliseconds.

use jiff::Timestamp as Instant;
use serde::Serialize;
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
#[derive(Serialize, Default)]
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
#[derive(Serialize)]
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
#[derive(Serialize, Default)]
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
#[derive(Serialize)]
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
#[derive(Serialize, Default)]
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
#[derive(Serialize)]
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
#[derive(Serialize)]
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
#[derive(Serialize)]
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
        }
    }
}

/// `VCSHook`
#[derive(Serialize)]
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
#[derive(Serialize)]
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
#[derive(Serialize)]
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
#[derive(Serialize)]
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
#[derive(Serialize)]
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
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// CDS's own field names and forms, record by record.
    const FORMS: &[(&str, &str)] = &[
        (
            "Repo",
            "id string, name string, slug string, fullname string, url string, http_url string, ssh_url string",
        ),
        (
            "Author",
            "name string, displayName string, emailAddress string, avatar string, slug string, id string",
        ),
        (
            "Commit",
            "id string, author Author, committer Author, authorTimestamp int, message string, url string, verified bool, signature string",
        ),
        (
            "Tag",
            "tag string, sha string, message string, tagger Author, hash string",
        ),
        (
            "Branch",
            "id string, display_id string, latest_commit string, default bool, parents []string",
        ),
        (
            "PullRequest",
            "id int, change_id string, url string, user Author, head PushEvent, base PushEvent, title string, merged bool, closed bool, revision string, updated time, merge_by Author, state string",
        ),
        (
            "Content",
            "Name string, IsDirectory bool, IsFile bool, Content string",
        ),
        (
            "PushEvent",
            "repo string, branch Branch, commit Commit, clone_url string",
        ),
        (
            "Hook",
            "id string, name string, events []string, method string, url string, content_type string, body string, disable bool, insecure_ssl bool",
        ),
        (
            "CommitStatus",
            "ref string, created_at time, state string, description string",
        ),
        ("Release", "id int, upload_url string"),
        (
            "Webhooks",
            "webhooks_supported bool, webhooks_disabled bool, webhooks_icon string, gerrithook_disabled bool, events []string",
        ),
        ("Polling", "polling_supported bool, polling_disabled bool"),
    ];

    fn has_form(value: &Value, form: &str, place: &str) {
        match form {
            "string" => assert!(value.is_string(), "{place}: {value}"),
            "bool" => assert!(value.is_boolean(), "{place}: {value}"),
            "int" => assert!(value.is_i64(), "{place}: {value}"),
            "[]string" => assert!(value.as_array().unwrap().iter().all(Value::is_string)),
            "time" => {
                let text = value.as_str().unwrap_or_else(|| panic!("{place}: {value}"));
                assert!(text.parse::<Instant>().is_ok(), "{place}: {text}");
            }
            record => check(record, value, place),
        }
    }

    fn check(record: &str, value: &Value, place: &str) {
        let (_, fields) = FORMS.iter().find(|(name, _)| *name == record).unwrap();
        let names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        for field in fields.split(", ") {
            let (name, form) = field.split_once(' ').unwrap();
            has_form(&value[name], form, &format!("{place}.{name}"));
            // Go matches names without regard to case: no second one may come near.
            let alike = names
                .iter()
                .filter(|other| other.eq_ignore_ascii_case(name));
            assert_eq!(alike.count(), 1, "{place}.{name}");
        }
    }

    fn cds<T: IntoCds>(record: &str, value: T) -> Value {
        let value = serde_json::to_value(value.into_cds()).unwrap();
        check(record, &value, record);
        value
    }

    #[test]
    fn every_record_has_the_names_and_forms_of_cds() {
        let author = Author {
            name: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            email: "ada@example.org".to_owned(),
            ..Author::default()
        };
        let shown = cds("Author", author.clone());
        assert_eq!(shown["emailAddress"], "ada@example.org");
        assert_eq!(shown["displayName"], "Ada");
        cds("Repo", Repository::default());
        cds("Tag", Tag::default());
        cds(
            "Branch",
            Branch {
                default: Some(true),
                ..Branch::default()
            },
        );
        let commit = Commit {
            author,
            author_timestamp: Some(1_700_000_000_000),
            signature: Some(SignatureState::VALID),
            ..Commit::default()
        };
        let shown = cds("Commit", commit);
        assert_eq!(shown["authorTimestamp"], 1_700_000_000_000_i64);
        assert_eq!(shown["verified"], true);
        let pull_request = PullRequest {
            id: 7,
            updated: Some(1_700_000_000_123),
            ..PullRequest::default()
        };
        let shown = cds("PullRequest", pull_request);
        assert_eq!(shown["updated"], "2023-11-14T22:13:20.123Z");
        assert_eq!(shown["state"], "open");
        cds("Content", Content::default());
        cds("Hook", Hook::default());
        let status = Status {
            created_at: Some(0),
            commit: "abc".to_owned(),
            ..Status::default()
        };
        assert_eq!(cds("CommitStatus", status)["ref"], "abc");
        let release = Release {
            id: "42".to_owned(),
            ..Release::default()
        };
        assert_eq!(cds("Release", release)["id"], 42);
        cds("Webhooks", WebhooksInfo::default());
        cds("Polling", PollingInfo::default());
    }

    #[test]
    fn a_time_that_is_not_known_is_left_out() {
        let shown = serde_json::to_value(PullRequest::default().into_cds()).unwrap();
        assert_eq!(shown.get("updated"), None);
        assert_eq!(json!(Vec::<Branch>::new().into_cds()), json!([]));
    }
}
