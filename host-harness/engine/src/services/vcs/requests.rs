//! What callers of the vcs service send, with the names of CDS.

use serde::Deserialize;
use utoipa::ToSchema;
use vcs_provider_interface::records::{CreatePullRequestRequest, HookRequest, ReleaseRequest};
use vcs_provider_interface::secret::Secret;

/// `VCSArchiveRequest`
#[derive(Deserialize, ToSchema)]
pub(super) struct CdsArchiveRequest {
    /// A folder of the repository: no provider here cuts archives, so it is empty.
    #[serde(default)]
    #[schema(max_length = 0)]
    pub(super) path: String,
    /// `zip`, `tar.gz` or `tar.bz2`.
    #[schema(pattern = "^(zip|tar\\.gz|tar\\.bz2)$")]
    pub(super) format: String,
    /// A branch, tag or hash; the main branch without it.
    #[serde(default)]
    pub(super) commit: String,
}

/// A branch as CDS names it.
#[derive(Deserialize, ToSchema, Default)]
pub(super) struct CdsBranchName {
    #[serde(default)]
    pub(super) display_id: String,
}

/// One side of a pull request to create.
#[derive(Deserialize, ToSchema, Default)]
pub(super) struct CdsSide {
    /// The full name of the repository, for a fork.
    #[serde(default)]
    pub(super) repo: String,
    #[serde(default)]
    pub(super) branch: CdsBranchName,
}

/// `VCSPullRequest`, as far as a new one has it.
#[derive(Deserialize, ToSchema)]
pub(super) struct CdsNewPullRequest {
    title: String,
    /// What is to be merged.
    head: CdsSide,
    /// Into what; the main branch without it.
    #[serde(default)]
    base: CdsSide,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    draft: Option<bool>,
    #[serde(default)]
    labels: Vec<String>,
    /// The ids of the reviewers.
    #[serde(default)]
    reviewers: Vec<String>,
}

impl CdsNewPullRequest {
    pub(super) fn into_request(self, repo: String) -> CreatePullRequestRequest {
        let given = |text: String| (!text.is_empty()).then_some(text);
        CreatePullRequestRequest {
            title: self.title,
            description: self.description,
            source_branch: self.head.branch.display_id,
            source_repo: given(self.head.repo).filter(|source| *source != repo),
            destination_branch: given(self.base.branch.display_id),
            reviewers: self.reviewers,
            draft: self.draft,
            labels: self.labels,
            repo,
            ..Default::default()
        }
    }
}

/// `VCSPullRequestCommentRequest`
#[derive(Deserialize, ToSchema)]
pub(super) struct CdsCommentRequest {
    pub(super) message: String,
}

/// [`CdsCommentRequest`], where the address does not say the pull request.
#[derive(Deserialize, ToSchema)]
pub(super) struct CdsNumberedComment {
    /// The number of the pull request.
    #[schema(minimum = 0, maximum = 9007199254740991i64)]
    pub(super) id: u64,
    pub(super) message: String,
}

/// `VCSHook`, to create or to change.
#[derive(Deserialize, ToSchema)]
pub(super) struct CdsHookRequest {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    url: String,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    disable: bool,
    #[serde(default)]
    insecure_ssl: Option<bool>,
    /// What deliveries are signed with; without it a present one stays.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    secret: Option<Secret>,
}

impl CdsHookRequest {
    pub(super) fn into_request(self, repo: String, id: Option<String>) -> HookRequest {
        HookRequest {
            repo,
            id: id.or((!self.id.is_empty()).then_some(self.id)),
            name: self.name,
            url: self.url,
            events: self.events,
            disable: self.disable,
            secret: self.secret,
            insecure_ssl: self.insecure_ssl,
            ..Default::default()
        }
    }
}

/// A release to make.
#[derive(Deserialize, ToSchema)]
pub(super) struct CdsReleaseRequest {
    /// The name of the tag.
    tag: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    /// The commit of a new tag, in full.
    #[serde(default)]
    commit: Option<String>,
    #[serde(default)]
    prerelease: Option<bool>,
}

impl CdsReleaseRequest {
    pub(super) fn into_request(self, repo: String) -> ReleaseRequest {
        ReleaseRequest {
            repo,
            tag: self.tag,
            commit: self.commit,
            title: self.title,
            notes: self.description,
            prerelease: self.prerelease,
            ..Default::default()
        }
    }
}

/// What the service's consent page sent back.
#[derive(Deserialize, ToSchema)]
pub(super) struct CdsAuthorization {
    #[schema(value_type = String)]
    pub(super) state: Secret,
    #[schema(value_type = String)]
    pub(super) code: Secret,
}
