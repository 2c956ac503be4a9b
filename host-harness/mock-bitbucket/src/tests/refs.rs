//! Repositories, branches and tags.

use serde_json::json;

use super::support::{Client, Sandbox, mock_with};
use crate::model::links::segment;

const BRANCHES: &str = "/repositories/team/app/refs/branches";
const TAGS: &str = "/repositories/team/app/refs/tags";

#[test]
fn a_repository_is_found_by_slug_in_any_case_and_by_uuid_in_both_places() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let repository = client.get("/repositories/team/app").json();
    assert_eq!(repository["mainbranch"]["name"], "main");
    assert_eq!(repository["slug"], "app");
    let https = repository["links"]["clone"][0]["href"]
        .as_str()
        .unwrap_or_default();
    assert!(
        https.contains('@') && https.ends_with("/team/app.git"),
        "{https}"
    );
    let uuid = segment(repository["uuid"].as_str().unwrap_or_default());
    assert!(uuid.starts_with("%7B"));
    let workspace = client.get("/workspaces/team").json();
    let workspace = segment(workspace["uuid"].as_str().unwrap_or_default());
    for path in [
        "TEAM/App".to_owned(),
        format!("team/{uuid}"),
        format!("{workspace}/{uuid}"),
    ] {
        let same = client.get(&format!("/repositories/{path}"));
        assert_eq!(same.json()["uuid"], repository["uuid"], "{path}");
    }
    assert_eq!(client.get("/repositories/team/none").status, 404);
    assert_eq!(client.get("/repositories/none/app").status, 404);
}

#[test]
fn a_renamed_repository_redirects_within_the_origin() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let uuid = client.get("/repositories/team/app").json()["uuid"].clone();
    mock.rename_repository("team/app", "other/new-app")
        .expect("a repository");
    let moved = client.get("/repositories/team/app/refs/branches?pagelen=5&q=name+%7E+%22m%22");
    assert_eq!(moved.status, 301);
    let location = moved.header("location").to_owned();
    assert!(location.starts_with(mock.api_url()), "{location}");
    assert_eq!(client.get(&location).names(), ["main"]);
    assert_eq!(
        client.get("/repositories/other/new-app").json()["uuid"],
        uuid
    );
}

#[test]
fn workspaces_and_repositories_are_listed_filtered_and_sorted() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    mock.add_repository("team/lib", sandbox.path())
        .expect("a repository");
    mock.add_workspace("guests", false);
    let client = Client::new(&mock);
    assert_eq!(
        client.get("/user/workspaces").strings("/workspace/slug"),
        ["team", "guests"]
    );
    assert_eq!(
        client
            .get("/user/workspaces?administrator=false")
            .strings("/workspace/slug"),
        ["guests"]
    );
    assert_eq!(
        client
            .get("/repositories/team?sort=-name&role=member")
            .names(),
        ["lib", "app"]
    );
    assert_eq!(
        client.get("/repositories/team?q=name%3D%22lib%22").names(),
        ["lib"]
    );
    assert_eq!(client.get("/repositories/team?role=boss").status, 400);
    assert_eq!(client.get("/repositories/team?q=name").status, 400);
    let permissions =
        client.get("/user/workspaces/team/permissions/repositories?q=repository.name%3D%22app%22");
    assert_eq!(permissions.strings("/repository/full_name"), ["team/app"]);
    assert_eq!(permissions.strings("/permission"), ["admin"]);
}

#[test]
fn public_repositories_need_no_login_and_forbidden_ones_are_only_listed() {
    let sandbox = Sandbox::new();
    let mock = mock_with(&sandbox);
    let nobody = Client::with(&mock, super::support::As::Nobody);
    assert_eq!(nobody.get("/repositories/team/app").status, 401);
    mock.set_private("team/app", false).expect("a repository");
    assert_eq!(nobody.get("/repositories/team/app").status, 200);
    assert_eq!(nobody.get("/repositories/team").status, 401);
    mock.forbid_repository("team/app").expect("a repository");
    let client = Client::new(&mock);
    assert_eq!(client.get("/repositories/team").names(), ["app"]);
    assert_eq!(client.get(BRANCHES).status, 403);
}

#[test]
fn an_empty_repository_has_empty_lists_and_no_main_branch() {
    let sandbox = Sandbox::empty();
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    assert!(client.get("/repositories/team/app").json()["mainbranch"].is_null());
    for path in [BRANCHES, TAGS, "/repositories/team/app/commits"] {
        let list = client.get(path);
        assert_eq!(
            (list.status, list.json()["values"].clone()),
            (200, json!([]))
        );
    }
}

#[test]
fn odd_names_are_found_by_their_encoded_form() {
    let sandbox = Sandbox::new();
    let names = [
        "feature/a/b",
        "100%",
        "a#b",
        "a&b=c",
        "$x@y,z",
        "it's",
        "say\"hi\"",
        "größe/ünï",
        "a+b",
        "semi;colon",
    ];
    for name in names {
        sandbox.git(&["branch", "--", name]);
        sandbox.git(&["tag", "--", name]);
    }
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    for name in names {
        let encoded = segment(name);
        for (list, kind) in [(BRANCHES, "branch"), (TAGS, "tag")] {
            let found = client.get(&format!("{list}/{encoded}"));
            assert_eq!(found.status, 200, "{name}");
            assert_eq!(found.json()["name"], name);
            assert_eq!(found.json()["type"], kind);
            let link = found.json()["links"]["self"]["href"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            assert_eq!(client.get(&link).json()["name"], name);
        }
    }
    assert_eq!(client.get(&format!("{BRANCHES}/main~0")).status, 404);
    assert_eq!(client.get(&format!("{BRANCHES}/HEAD")).status, 404);
}

#[test]
fn branches_come_in_numbered_pages_that_keep_the_parameters() {
    let sandbox = Sandbox::new();
    for number in 1..=11 {
        sandbox.git(&["branch", &format!("v{number}")]);
    }
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let first = client.get(&format!(
        "{BRANCHES}?pagelen=5&sort=name&q=name+%7E+%22V%22"
    ));
    assert_eq!(first.names(), ["v1", "v2", "v3", "v4", "v5"]);
    let json = first.json();
    assert_eq!(
        (
            json["size"].clone(),
            json["page"].clone(),
            json["pagelen"].clone()
        ),
        (json!(11), json!(1), json!(5))
    );
    assert!(json.get("previous").is_none());
    let second = client.get(json["next"].as_str().unwrap_or_default());
    assert_eq!(second.names(), ["v6", "v7", "v8", "v9", "v10"]);
    assert!(second.json()["previous"].is_string());
    let last = client.get(second.json()["next"].as_str().unwrap_or_default());
    assert_eq!(last.names(), ["v11"]);
    let descending = client.get(&format!("{BRANCHES}?pagelen=3&sort=-name"));
    assert_eq!(descending.names(), ["v11", "v10", "v9"]);
    let ascending = client.get(&format!("{BRANCHES}?pagelen=3&sort=name"));
    assert_eq!(ascending.names(), ["main", "v1", "v2"]);
    assert!(last.json().get("next").is_none());
    // git's own order knows no numbers.
    assert_eq!(
        client.get(&format!("{BRANCHES}?pagelen=4")).names(),
        ["main", "v1", "v10", "v11"]
    );
}

#[test]
fn branches_are_sorted_and_filtered_by_their_commits_as_well() {
    let sandbox = Sandbox::new();
    sandbox.git(&["checkout", "--quiet", "-b", "old"]);
    sandbox.git(&[
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "o",
        "--date",
        "2000-12-31T22:00:00+00:00",
    ]);
    let old = sandbox.hash("old");
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    assert_eq!(
        client.get(&format!("{BRANCHES}?sort=-target.date")).names(),
        ["main", "old"]
    );
    assert_eq!(
        client.get(&format!("{BRANCHES}?sort=target.date")).names(),
        ["old", "main"]
    );
    assert_eq!(
        client
            .get(&format!("{BRANCHES}?q=target.hash%3D%22{old}%22"))
            .names(),
        ["old"]
    );
    let branch = client.get(&format!("{BRANCHES}/old")).json();
    assert_eq!(branch["target"]["date"], "2000-12-31T22:00:00+00:00");
    assert_eq!(branch["target"]["author"]["raw"], "Ada <ada@example.com>");
    assert!(branch["target"]["committer"]["raw"].is_string());
}

#[test]
fn light_tags_have_nothing_but_their_target_and_annotations_are_followed_to_the_end() {
    let sandbox = Sandbox::new();
    let commit = sandbox.hash("HEAD");
    sandbox.git(&["tag", "light"]);
    sandbox.git(&["tag", "--annotate", "--message", "First release", "v1"]);
    sandbox.git(&[
        "tag",
        "--annotate",
        "--message",
        "About v1",
        "about-v1",
        "v1",
    ]);
    sandbox.git(&[
        "tag",
        "--annotate",
        "--message",
        "Twice",
        "about-about",
        "about-v1",
    ]);
    sandbox.git(&["tag", "tree", "HEAD^{tree}"]);
    sandbox.git(&["branch", "v1"]);
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let light = client.get(&format!("{TAGS}/light")).json();
    for field in ["tagger", "date", "message"] {
        assert_eq!(light.get(field), Some(&serde_json::Value::Null), "{field}");
    }
    assert_eq!(light["target"]["hash"], commit.as_str());
    let annotated = client.get(&format!("{TAGS}/v1")).json();
    assert_eq!(annotated["message"], "First release\n");
    assert_eq!(annotated["tagger"]["raw"], "Ada <ada@example.com>");
    assert_eq!(annotated["target"]["hash"], commit.as_str());
    let outer = client.get(&format!("{TAGS}/about-about")).json();
    assert_eq!(
        (outer["message"].clone(), outer["target"]["hash"].clone()),
        (json!("Twice\n"), json!(commit))
    );
    // A tag of something that is no commit cannot be shown.
    assert_eq!(
        client.get(TAGS).names(),
        ["about-about", "about-v1", "light", "v1"]
    );
    assert_eq!(client.get("/repositories/team/app/refs").json()["size"], 6);
}

#[test]
fn branches_are_created_and_deleted_but_not_the_main_one() {
    let sandbox = Sandbox::new();
    let hash = sandbox.hash("HEAD");
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let created = client.post(
        BRANCHES,
        &json!({ "name": "topic/x", "target": { "hash": &hash[..8] } }),
    );
    assert_eq!(created.status, 201);
    assert_eq!(created.json()["target"]["hash"], hash.as_str());
    assert_eq!(sandbox.hash("refs/heads/topic/x"), hash);
    let again = client.post(
        BRANCHES,
        &json!({ "name": "topic/x", "target": { "hash": hash } }),
    );
    assert_eq!(again.status, 400);
    assert_eq!(
        again.json()["error"]["data"]["key"],
        "BRANCH_ALREADY_EXISTS"
    );
    assert_eq!(client.delete(&format!("{BRANCHES}/topic%2Fx")).status, 204);
    assert_eq!(client.delete(&format!("{BRANCHES}/topic%2Fx")).status, 404);
    assert_eq!(client.delete(&format!("{BRANCHES}/main")).status, 400);
    for (body, field) in [
        (json!({ "target": { "hash": hash } }), "name"),
        (
            json!({ "name": "a..b", "target": { "hash": hash } }),
            "name",
        ),
        (json!({ "name": "a b", "target": { "hash": hash } }), "name"),
        (json!({ "name": 5, "target": { "hash": hash } }), "name"),
        (json!({ "name": "a" }), "target.hash"),
        (
            json!({ "name": "a", "target": { "hash": "f".repeat(40) } }),
            "target.hash",
        ),
        (
            json!({ "name": "a", "target": { "hash": hash }, "colour": 1 }),
            "colour",
        ),
    ] {
        let rejected = client.post(BRANCHES, &body);
        assert_eq!(rejected.status, 400, "{body}");
        assert!(
            rejected.json()["error"]["fields"][field].is_array(),
            "{body}"
        );
    }
}

#[test]
fn tags_are_created_with_an_annotation() {
    let sandbox = Sandbox::new();
    let hash = sandbox.hash("HEAD");
    let mock = mock_with(&sandbox);
    let client = Client::new(&mock);
    let created = client.post(
        TAGS,
        &json!({ "name": "v2", "target": { "hash": hash }, "message": "Second" }),
    );
    assert_eq!(created.status, 201);
    assert_eq!(created.json()["message"], "Second\n");
    assert_eq!(
        created.json()["tagger"]["user"]["display_name"],
        "Casey Builder"
    );
    assert_eq!(sandbox.git(&["cat-file", "-t", "refs/tags/v2"]), "tag");
    sandbox.git(&["fsck", "--strict"]);
    let silent = client.post(TAGS, &json!({ "name": "v3", "target": { "hash": hash } }));
    let message = silent.json()["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        message.contains("v3") && message.contains(&hash[..12]),
        "{message}"
    );
    assert_eq!(client.delete(&format!("{TAGS}/v2")).status, 204);
    assert_eq!(client.get(TAGS).names(), ["v3"]);
}
