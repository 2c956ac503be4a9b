//! Workspaces and repositories: of the API as typed objects, of deliveries as JSON.

use super::tree::Json;
use super::{Links, null_as_empty, pointer, present_object};
use crate::pages::ListItem;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use ureq::http::Uri;
use vcs_provider_interface::prelude::{
    EventRepository, Repository as RepositoryRecord, Visibility, Workspace as WorkspaceRecord,
};

/// A workspace.
#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self")]
pub(crate) struct Workspace {
    pub(crate) uuid: Option<String>,
    pub(crate) slug: Option<String>,
    pub(crate) name: Option<String>,
}

/// A workspace together with what the account is in it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WorkspaceMembership {
    pub(crate) administrator: Option<bool>,
    #[serde(deserialize_with = "present_object")]
    pub(crate) workspace: Option<Workspace>,
}

/// The fields of [`WorkspaceMembership`].
macro_rules! workspace_membership_fields {
    ($at:literal) => {
        concat!(
            $at,
            "administrator,",
            $at,
            "workspace.uuid,",
            $at,
            "workspace.slug,",
            $at,
            "workspace.name"
        )
    };
}
pub(crate) use workspace_membership_fields;

impl ListItem for WorkspaceMembership {
    fn id(&self) -> Option<&str> {
        self.workspace.as_ref()?.uuid.as_deref()
    }
}

impl Workspace {
    /// The workspace as the interface has it.
    pub(crate) fn into_record(self, administrator: Option<bool>) -> WorkspaceRecord {
        let slug = self.slug.unwrap_or_default();
        WorkspaceRecord {
            id: self.uuid.unwrap_or_default(),
            name: self
                .name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| slug.clone()),
            slug,
            administrator,
            ..Default::default()
        }
    }
}

/// A repository.
#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self")]
pub(crate) struct Repository {
    pub(crate) uuid: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) slug: Option<String>,
    pub(crate) full_name: Option<String>,
    pub(crate) is_private: Option<bool>,
    pub(crate) mainbranch: Option<Named>,
    pub(crate) parent: Option<Parent>,
    pub(crate) links: Option<RepositoryLinks>,
}

/// Something of which only the name counts.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: Option<String>,
}

/// A repository of which only the main branch was asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self")]
pub(crate) struct MainBranchOnly {
    /// Tells the response of an empty repository from one of something else.
    uuid: Option<String>,
    /// The outer is whether it was named at all, the inner whether it is null.
    #[serde(default, deserialize_with = "present_object")]
    mainbranch: Option<Option<Named>>,
}

impl MainBranchOnly {
    /// The name of the main branch; `None` in an empty repository.
    pub(crate) fn name(self) -> Option<String> {
        self.mainbranch.flatten()?.name
    }
}

/// Writes `Deserialize` for a type that is told by one of several fields, each
/// of which may be missing, but not all.
macro_rules! told_by {
    ($object:ty, $($field:ident)|+) => {
        impl<'de> Deserialize<'de> for $object {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let object = <$object>::deserialize(deserializer)?;
                if $(object.$field.is_none())&&+ {
                    return Err(D::Error::custom(concat!(
                        "missing field ", $("`", stringify!($field), "` "),+
                    )));
                }
                Ok(object)
            }
        }
    };
}

told_by!(Workspace, uuid | slug);
told_by!(Repository, uuid | full_name | links);
told_by!(MainBranchOnly, uuid | mainbranch);

/// The repository that another was forked from.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Parent {
    pub(crate) full_name: Option<String>,
}

/// The links of a repository.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RepositoryLinks {
    pub(crate) html: Option<super::Link>,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(crate) clone: Vec<CloneLink>,
}

/// An address to clone from.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CloneLink {
    pub(crate) name: Option<String>,
    pub(crate) href: Option<String>,
}

/// The fields of [`Repository`].
macro_rules! repository_fields {
    ($at:literal) => {
        concat!(
            $at,
            "uuid,",
            $at,
            "name,",
            $at,
            "slug,",
            $at,
            "full_name,",
            $at,
            "is_private,",
            $at,
            "mainbranch.name,",
            $at,
            "parent.full_name,",
            $at,
            "links.html.href,",
            $at,
            "links.clone"
        )
    };
}
pub(crate) use repository_fields;

impl ListItem for Repository {
    fn id(&self) -> Option<&str> {
        self.uuid.as_deref()
    }
}

impl Repository {
    /// The repository as the interface has it.
    pub(crate) fn into_record(self) -> RepositoryRecord {
        let fullname = self.full_name.unwrap_or_default();
        let slug = self
            .slug
            .filter(|slug| !slug.is_empty())
            .or_else(|| fullname.split_once('/').map(|(_, slug)| slug.to_owned()))
            .unwrap_or_default();
        let links = self.links.unwrap_or_default();
        RepositoryRecord {
            id: self.uuid.unwrap_or_default(),
            name: self
                .name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| slug.clone()),
            slug,
            fullname,
            http_url: clone_address(&links.clone, "https"),
            ssh_url: clone_address(&links.clone, "ssh"),
            url: Links::html(Some(Links {
                html: links.html,
                avatar: None,
            })),
            default_branch: self.mainbranch.and_then(|branch| branch.name),
            visibility: self.is_private.map(|is_private| {
                if is_private {
                    Visibility::PRIVATE
                } else {
                    Visibility::PUBLIC
                }
            }),
            parent: self.parent.and_then(|parent| parent.full_name),
            ..Default::default()
        }
    }
}

/// The clone address of a protocol; the one over HTTPS without its user.
fn clone_address(links: &[CloneLink], protocol: &str) -> String {
    let href = links
        .iter()
        .find(|link| link.name.as_deref() == Some(protocol))
        .and_then(|link| link.href.as_deref())
        .unwrap_or_default();
    if protocol == "ssh" {
        return href.to_owned();
    }
    without_user(href)
}

fn without_user(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let host = authority.rsplit('@').next().unwrap_or(authority);
            format!("{scheme}://{host}{path}")
        }
        None => address.to_owned(),
    }
}

/// Reads the repository of a delivery. `None` if it can be told neither by its
/// uuid nor by its full name.
///
/// A delivery leaves out the slug; where even `full_name` is missing, the
/// address of the web page ends with it.
pub(crate) fn event_repository(value: &Json<'_>) -> Option<EventRepository> {
    let id = pointer::text_or_empty(value, "/uuid");
    let url = pointer::text_or_empty(value, "/links/html/href");
    let fullname = pointer::text(value, "/full_name")
        .map(str::to_owned)
        .or_else(|| named_by_links(value.get("links")?))
        .unwrap_or_default();
    if id.is_empty() && fullname.is_empty() {
        return None;
    }
    let name = pointer::text(value, "/name")
        .or_else(|| fullname.rsplit('/').next())
        .unwrap_or_default()
        .to_owned();
    Some(EventRepository {
        id,
        name,
        fullname,
        url,
        old_fullname: None,
        ..Default::default()
    })
}

/// The full name at the end of a repository's links.
pub(crate) fn named_by_links(links: &Json<'_>) -> Option<String> {
    ["/html/href", "/self/href"]
        .iter()
        .find_map(|pointer| last_two_segments(pointer::text(links, pointer)?))
}

fn last_two_segments(address: &str) -> Option<String> {
    let address: Uri = address.parse().ok()?;
    address.authority()?;
    let segments: Vec<&str> = address
        .path()
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    match segments.as_slice() {
        [.., workspace, slug] => Some(format!("{workspace}/{slug}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree as json;

    /// Situation `user-in-clone-address`.
    #[test]
    fn the_user_is_stripped_from_the_clone_address() {
        assert_eq!(
            without_user("https://jo@bitbucket.org/team/repo.git"),
            "https://bitbucket.org/team/repo.git"
        );
        assert_eq!(
            without_user("https://jo:p@ss@bitbucket.org/team/a@b.git"),
            "https://bitbucket.org/team/a@b.git"
        );
        assert_eq!(without_user(""), "");
    }

    /// Situation `empty-repository`.
    #[test]
    fn an_empty_repository_has_no_main_branch() {
        let repository: Repository = serde_json::from_str(
            r#"{"uuid":"{1}","full_name":"team/repo","mainbranch":null,"links":{"clone":null}}"#,
        )
        .expect("the repository is read");
        let record = repository.into_record();
        assert_eq!(record.default_branch, None);
        assert_eq!(
            (record.slug.as_str(), record.name.as_str()),
            ("repo", "repo")
        );
        assert_eq!(record.http_url, "");
    }

    #[test]
    fn a_repository_without_full_name_is_named_by_its_page() {
        let read = event_repository(&json!({
            "uuid": "{r}", "links": { "html": { "href": "https://bitbucket.org/team/tool" } }
        }))
        .expect("a repository");
        assert_eq!(
            (&*read.fullname, &*read.name, &*read.id),
            ("team/tool", "tool", "{r}")
        );
        assert_eq!(event_repository(&json!({ "name": "tool" })), None);
        assert_eq!(event_repository(&json!(null)), None);
    }
}
