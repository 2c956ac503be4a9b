//! Which fields the objects of the API have, whether or not a list shows them:
//! what `q` and `sort` may name.

/// Each type with its fields; what stands after a colon is the type of the field,
/// `*` for any field below it.
const TYPES: [(&str, &str); 17] = [
    (
        "account",
        "type uuid account_id account_status display_name nickname username created_on \
         has_2fa_enabled is_staff website location links:*",
    ),
    (
        "workspace",
        "type uuid slug name is_private is_personal is_privacy_enforced forking_mode \
         created_on updated_on links:*",
    ),
    (
        "project",
        "type uuid key name description is_private created_on updated_on \
         has_publicly_visible_repos owner:account workspace:workspace links:*",
    ),
    (
        "repository",
        "type uuid slug full_name name description scm website is_private fork_policy \
         created_on updated_on size language has_issues has_wiki owner:account \
         workspace:workspace project:project parent:repository mainbranch:ref \
         override_settings:* links:*",
    ),
    (
        "ref",
        "type name target:commit merge_strategies sync_strategies default_merge_strategy \
         tagger:author date message links:*",
    ),
    (
        "commit",
        "type hash date author:author committer:author message summary:* parents:commit \
         repository:repository participants:participant rendered:* properties:* links:*",
    ),
    ("author", "type raw user:account"),
    (
        "participant",
        "type user:account role approved state participated_on",
    ),
    ("endpoint", "repository:repository commit:commit branch:ref"),
    (
        "pullrequest",
        "type id title description summary:* rendered:* state draft queued author:account \
         source:endpoint destination:endpoint merge_commit:commit comment_count task_count \
         close_source_branch closed_by:account reason created_on updated_on \
         reviewers:account participants:participant links:*",
    ),
    (
        "comment",
        "type id created_on updated_on content:* user:account deleted pending parent:comment \
         inline:* pullrequest:pullrequest resolution:* links:*",
    ),
    (
        "status",
        "type uuid key refname url state name description created_on updated_on \
         commit:commit repository:repository links:*",
    ),
    (
        "file",
        "type path escaped_path size mimetype attributes commit:commit links:*",
    ),
    (
        "download",
        "type name size downloads created_on user:account links:*",
    ),
    (
        "repository_permission",
        "type permission user:account repository:repository",
    ),
    (
        "workspace_access",
        "type permission administrator user:account workspace:workspace",
    ),
    (
        "pipeline",
        "type uuid build_number creator:account repository:repository target:* trigger:* \
         state:* created_on completed_on build_seconds_used links:*",
    ),
];

/// Whether an object of this type has a field at a dotted path.
pub(crate) fn knows(kind: &str, path: &str) -> bool {
    let Some((_, fields)) = TYPES.iter().find(|(name, _)| *name == kind) else {
        return false;
    };
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    fields.split_ascii_whitespace().any(|field| {
        let (name, below) = field.split_once(':').unwrap_or((field, ""));
        name == first
            && match rest {
                None => true,
                Some(rest) => below == "*" || knows(below, rest),
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_known_at_any_depth_and_a_typo_is_not() {
        assert!(knows("pullrequest", "destination.repository.owner.uuid"));
        assert!(knows("pullrequest", "summary.raw"));
        assert!(knows("repository_permission", "repository.slug"));
        assert!(!knows("pullrequest", "destination.repo"));
        assert!(!knows("pullrequest", "titel"));
        assert!(!knows("pullrequest", "title.raw"));
    }

    #[test]
    fn every_type_that_is_named_is_there() {
        for (name, fields) in TYPES {
            for field in fields.split_ascii_whitespace() {
                let (_, below) = field.split_once(':').unwrap_or((field, "*"));
                let known = below == "*" || TYPES.iter().any(|(name, _)| *name == below);
                assert!(known, "{name}: {field}");
            }
        }
    }
}
