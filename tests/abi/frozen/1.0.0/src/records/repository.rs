//! Workspaces, repositories, accounts, branches and tags.

use super::Timestamp;
use crate::abi::record;
use crate::open_enum::open_enum;

open_enum! {
    /// The order of a list of branches.
    pub enum BranchSort {
        /// By name, ascending.
        NAME = 0 => "name",
        /// By name, descending.
        NAME_DESCENDING = 1 => "-name",
        /// By the date of the last commit, newest first.
        LATEST_FIRST = 2 => "latest",
    }
}

open_enum! {
    /// Who sees a repository.
    pub enum Visibility {
        /// Members only.
        PRIVATE = 0 => "private",
        /// Everybody who has an account at the service.
        INTERNAL = 1 => "internal",
        /// Everybody.
        PUBLIC = 2 => "public",
    }
}

record! {
    /// Which workspaces to list: all that the credential sees.
    pub struct WorkspacesRequest / WorkspacesRequestAbi {
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// A group of repositories with an owner.
    pub struct Workspace / WorkspaceAbi {
        /// The service's unchangeable id.
        pub id: String,
        /// The short name of addresses.
        pub slug: String,
        /// The name for people.
        pub name: String,
        /// The group above it by its short name, where groups are nested.
        pub parent: Option<String>,
        /// Whether the credential administers it, where known.
        pub administrator: Option<bool>,
    }

    /// Which repositories to list.
    pub struct RepositoriesRequest / RepositoriesRequestAbi {
        /// Only of this workspace; otherwise of all that the credential sees.
        pub workspace: Option<String>,
        /// Only names that contain this text.
        pub filter: Option<String>,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// A request about one repository.
    pub struct RepositoryRequest / RepositoryRequestAbi {
        /// The full name.
        pub repo: String,
    }

    /// Which forks to list.
    pub struct ForksRequest / ForksRequestAbi {
        /// The full name of the repository that was forked.
        pub repo: String,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// A repository.
    pub struct Repository / RepositoryAbi {
        /// The service's unchangeable id: the identity, names may change.
        pub id: String,
        /// The name for people.
        pub name: String,
        /// The short name of addresses.
        pub slug: String,
        /// `workspace/slug`: what other calls take as `repo`.
        pub fullname: String,
        /// The web page.
        pub url: String,
        /// The clone address over HTTPS, without a user name.
        pub http_url: String,
        /// The clone address over SSH.
        pub ssh_url: String,
        /// The main branch; `None` in an empty repository.
        pub default_branch: Option<String>,
        /// Who sees it, where known.
        pub visibility: Option<Visibility>,
        /// Whether it can only be read, where known.
        pub archived: Option<bool>,
        /// The repository it was forked from, if it is a fork.
        pub parent: Option<String>,
    }

    /// A person or machine account. Only the facts that the service gave:
    /// an account may have no id (anonymous), a commit's author no account.
    pub struct Author / AuthorAbi {
        /// The service's unchangeable id; empty where there is no account.
        pub id: String,
        /// The short name; not unique on every service.
        pub name: String,
        /// The name for people.
        pub display_name: String,
        /// The e-mail address of a commit's author.
        pub email: String,
        /// The address of the picture.
        pub avatar: String,
    }

    /// Which branches to list.
    pub struct BranchesRequest / BranchesRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// Only names that contain this text.
        pub filter: Option<String>,
        /// The order.
        pub sort: BranchSort,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// A request about one branch.
    pub struct BranchRequest / BranchRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The bare name; `None` asks for the main branch.
        pub name: Option<String>,
    }

    /// A branch to create.
    pub struct CreateBranchRequest / CreateBranchRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The bare name.
        pub name: String,
        /// The full hash of the commit it starts at.
        pub target: String,
    }

    /// A branch to delete.
    pub struct DeleteBranchRequest / DeleteBranchRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The bare name.
        pub name: String,
    }

    /// A branch.
    pub struct Branch / BranchAbi {
        /// The full ref name, `refs/heads/…`.
        pub id: String,
        /// The bare name.
        pub display_id: String,
        /// The full hash of its last commit.
        pub latest_commit: String,
        /// Whether it is the repository's main branch, where known.
        pub default: Option<bool>,
        /// Whether it is protected against pushes or deletion, where known.
        pub protected: Option<bool>,
        /// The hashes of the last commit's parents.
        pub parents: Vec<String>,
    }

    /// Which tags to list.
    pub struct TagsRequest / TagsRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// Only names that contain this text.
        pub filter: Option<String>,
        /// Stop after this many.
        pub limit: Option<u64>,
    }

    /// A request about one tag.
    pub struct TagRequest / TagRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The bare name.
        pub name: String,
    }

    /// A tag to create.
    pub struct CreateTagRequest / CreateTagRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The bare name.
        pub name: String,
        /// The full hash of the commit.
        pub target: String,
        /// The message of an annotated tag.
        pub message: Option<String>,
    }

    /// A tag.
    pub struct Tag / TagAbi {
        /// The bare name.
        pub tag: String,
        /// The hash of the tagged commit.
        pub hash: String,
        /// The hash of the tag itself where the service gives it, otherwise of the commit.
        pub sha: String,
        /// The message; empty for a light tag.
        pub message: String,
        /// Who made it; the commit's author for a light tag.
        pub tagger: Author,
        /// When it was made; the commit's time for a light tag.
        pub timestamp: Option<Timestamp>,
        /// Whether it is an annotated tag, where known.
        pub annotated: Option<bool>,
    }
}
