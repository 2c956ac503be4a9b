//! The mock against the official description, where that is at hand beside the
//! checkout.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::description::ApiDescription;
use super::support::{Client, Sandbox};
use crate::api::call::Access;
use crate::api::routes;
use crate::{MockBitbucket, RecordedExchange};

fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared")
}

/// The description; without it the test says so and passes.
fn description() -> Option<ApiDescription> {
    let path = shared().join("api/bitbucket-cloud-swagger.json");
    if !path.exists() {
        println!("skipped: the official description is not beside this checkout");
        return None;
    }
    Some(ApiDescription::read(&path).expect("a description"))
}

/// Routes that are not the API's.
fn is_outside(template: &str) -> bool {
    !template.starts_with("/2.0/")
}

fn sorted(scopes: &[impl AsRef<str>]) -> Vec<String> {
    let mut scopes: Vec<String> = scopes.iter().map(|one| one.as_ref().to_owned()).collect();
    scopes.sort();
    scopes
}

#[test]
fn every_route_is_described_and_asks_for_the_described_scopes() {
    let Some(description) = description() else {
        return;
    };
    let mut wrong = Vec::new();
    for route in routes::all() {
        let (method, template) = (route.method.as_str(), route.template);
        if is_outside(template) {
            continue;
        }
        if !description.knows(method, template) {
            wrong.push(format!("{method} {template}: not described"));
            continue;
        }
        let described = description.scopes(method, template);
        let (oauth, api_token) = match route.access {
            Access::Anybody => (Vec::new(), Vec::new()),
            Access::Scopes(needed) | Access::Account(needed) => {
                (sorted(needed.oauth), sorted(needed.api_token))
            }
        };
        if oauth != sorted(&described.oauth) || api_token != sorted(&described.api_token) {
            wrong.push(format!(
                "{method} {template}: {oauth:?} {api_token:?}, described {described:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

pub(super) const APP: &str = "/repositories/team/app";

/// Uses every operation there is, as a well-behaved client would.
pub(super) struct Tour {
    pub(super) sandbox: Sandbox,
    pub(super) mock: MockBitbucket,
    pub(super) client: Client,
}

impl Tour {
    pub(super) fn new() -> Self {
        let sandbox = Sandbox::new();
        for branch in ["one", "two", "three"] {
            sandbox.git(&["checkout", "--quiet", "-b", branch, "main"]);
            std::fs::write(sandbox.path().join(branch), "content\n").expect("a file");
            sandbox.git(&["add", "."]);
            sandbox.commit(branch);
        }
        sandbox.git(&["checkout", "--quiet", "main"]);
        sandbox.git(&["tag", "--annotate", "--message", "first", "v1"]);
        let mock = MockBitbucket::builder()
            .repo("team/app", sandbox.path())
            .start()
            .expect("a mock");
        mock.add_user("Robin", "robin@example.com");
        let client = Client::new(&mock);
        Self {
            sandbox,
            mock,
            client,
        }
    }

    pub(super) fn get(&self, path: &str) -> Value {
        let response = self.client.get(path);
        assert!(
            response.status < 400,
            "GET {path}: {} {}",
            response.status,
            response.text
        );
        serde_json::from_str(&response.text).unwrap_or(Value::Null)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Value {
        let response = self.client.post(path, body);
        assert!(
            response.status < 400,
            "POST {path}: {} {}",
            response.status,
            response.text
        );
        serde_json::from_str(&response.text).unwrap_or(Value::Null)
    }

    pub(super) fn put(&self, path: &str, body: &Value) {
        let response = self.client.put(path, body);
        assert!(
            response.status < 400,
            "PUT {path}: {} {}",
            response.status,
            response.text
        );
    }

    pub(super) fn act(&self, method: &str, path: &str) -> String {
        let response = self.client.send(method, path, None).expect("an answer");
        assert!(
            response.status < 400,
            "{method} {path}: {} {}",
            response.status,
            response.text
        );
        response.header("location").to_owned()
    }

    fn repositories_and_refs(&self) {
        let main = self.sandbox.hash("main");
        for path in [
            "/user",
            "/user/workspaces",
            "/user/workspaces/team/permissions/repositories",
            "/workspaces/team",
            "/repositories/team",
            APP,
            "/hook_events",
            "/hook_events/repository",
        ] {
            self.get(path);
        }
        for kind in [
            "refs",
            "refs/branches",
            "refs/branches/one",
            "refs/tags",
            "refs/tags/v1",
        ] {
            self.get(&format!("{APP}/{kind}"));
        }
        let target = json!({ "hash": main });
        self.post(
            &format!("{APP}/refs/branches"),
            &json!({ "name": "new", "target": target }),
        );
        self.post(
            &format!("{APP}/refs/tags"),
            &json!({ "name": "v2", "target": target, "message": "m" }),
        );
        self.act("DELETE", &format!("{APP}/refs/branches/new"));
        self.act("DELETE", &format!("{APP}/refs/tags/v2"));
        self.get(&format!("{APP}/commit/{main}"));
        self.get(&format!("{APP}/commits?include=one&exclude=main"));
        self.get(&format!("{APP}/commits/one"));
        for path in ["commits", "commits/one"] {
            self.act("POST", &format!("{APP}/{path}"));
        }
        self.get(&format!("{APP}/forks"));
        self.post(
            &format!("{APP}/forks"),
            &json!({ "name": "copy", "workspace": { "slug": "team" } }),
        );
    }

    fn statuses_and_hooks(&self) {
        let main = self.sandbox.hash("main");
        let statuses = format!("{APP}/commit/{main}/statuses");
        let status = json!({
            "key": "ci",
            "state": "INPROGRESS",
            "name": "CI",
            "url": "https://ci.example.com/1",
            "refname": "main",
        });
        self.post(&format!("{statuses}/build"), &status);
        self.post(&format!("{statuses}/build"), &status);
        self.put(
            &format!("{statuses}/build/ci"),
            &json!({ "state": "SUCCESSFUL" }),
        );
        self.get(&statuses);
        self.get(&format!("{statuses}/build/ci"));
        let hooks = format!("{APP}/hooks");
        let hook = json!({
            "description": "ci",
            "url": "https://ci.example.com/hook",
            "active": true,
            "events": ["repo:push"],
            "secret": "0123456789",
        });
        let made = self.post(&hooks, &hook);
        let uuid = made["uuid"]
            .as_str()
            .expect("a uuid")
            .replace('{', "%7B")
            .replace('}', "%7D");
        self.get(&hooks);
        self.get(&format!("{hooks}/{uuid}"));
        self.put(&format!("{hooks}/{uuid}"), &hook);
        self.act("DELETE", &format!("{hooks}/{uuid}"));
    }

    fn pull_requests(&self) {
        let all = format!("{APP}/pullrequests");
        let robin = self
            .mock
            .user_uuid("robin@example.com")
            .expect("an account");
        for branch in ["one", "two", "three"] {
            self.post(
                &all,
                &json!({
                    "title": branch,
                    "description": "d",
                    "source": { "branch": { "name": branch } },
                    "destination": { "branch": { "name": "main" } },
                    "reviewers": [{ "uuid": robin }],
                    "close_source_branch": false,
                }),
            );
        }
        self.mock
            .add_default_reviewer("team/app", "robin@example.com", false)
            .expect("a reviewer");
        self.get(&format!("{APP}/effective-default-reviewers"));
        self.get(&format!("{all}?state=OPEN&pagelen=50"));
        let one = format!("{all}/1");
        self.put(
            &one,
            &json!({ "title": "better", "reviewers": [{ "uuid": robin }] }),
        );
        for verdict in ["approve", "request-changes"] {
            self.act("POST", &format!("{one}/{verdict}"));
            self.act("DELETE", &format!("{one}/{verdict}"));
        }
        self.act("POST", &format!("{one}/approve"));
        self.comments(&one);
        self.get(&one);
        for part in ["activity", "commits", "statuses"] {
            self.get(&format!("{one}/{part}"));
        }
        for part in ["diff", "diffstat"] {
            let location = self.act("GET", &format!("{one}/{part}"));
            self.get(&location);
        }
        let head = self.sandbox.hash("one");
        self.get(&format!("{APP}/commit/{head}/pullrequests"));
        let merge = json!({ "type": "merge", "message": "m", "merge_strategy": "squash" });
        self.post(&format!("{one}/merge"), &merge);
        let response = self.client.post(
            &format!("{all}/2/merge?async=true"),
            &json!({ "type": "merge" }),
        );
        let task = response.header("location").to_owned();
        while self.get(&task)["task_status"] == "PENDING" {}
        self.act("POST", &format!("{all}/3/decline"));
        self.get(&format!(
            "{all}?state=MERGED&state=DECLINED&state=SUPERSEDED"
        ));
    }

    fn comments(&self, pull_request: &str) {
        let comments = format!("{pull_request}/comments");
        let made = self.post(
            &comments,
            &json!({ "content": { "raw": "text" }, "inline": { "path": "one", "to": 1 } }),
        );
        let id = made["id"].as_u64().expect("an id");
        let reply = self.post(
            &comments,
            &json!({ "content": { "raw": "re" }, "parent": { "id": id } }),
        );
        self.put(
            &format!("{comments}/{id}"),
            &json!({ "content": { "raw": "new" } }),
        );
        self.act("POST", &format!("{comments}/{id}/resolve"));
        self.get(&format!("{comments}/{id}"));
        self.act("DELETE", &format!("{comments}/{id}/resolve"));
        self.act("DELETE", &format!("{comments}/{}", reply["id"]));
        self.get(&comments);
    }

    fn sources_and_files(&self) {
        let main = self.sandbox.hash("main");
        self.act("GET", &format!("{APP}/src"));
        self.get(&format!("{APP}/src/{main}/?max_depth=2"));
        self.get(&format!("{APP}/src/{main}/one?format=meta"));
        self.get(&format!("{APP}/src/{main}/one"));
        self.get(&format!("{APP}/diffstat/one..three"));
        self.get(&format!("{APP}/diff/one..three"));
        self.get(&format!("{APP}/merge-base/one..three"));
        let form = "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"f\"\r\n\r\nx\r\n--b--\r\n";
        let downloads = format!("{APP}/downloads");
        let uploaded = self
            .client
            .send(
                "POST",
                &downloads,
                Some(("multipart/form-data; boundary=b", form.as_bytes())),
            )
            .expect("an answer");
        assert_eq!(uploaded.status, 201);
        self.get(&downloads);
        self.act("GET", &format!("{downloads}/f"));
        self.act("DELETE", &format!("{downloads}/f"));
    }

    fn insights(&self) {
        let main = self.sandbox.hash("main");
        let report = format!("{APP}/commit/{main}/reports/ci");
        self.put(
            &report,
            &json!({
                "title": "t",
                "details": "d",
                "report_type": "COVERAGE",
                "result": "PASSED",
                "data": [{ "title": "lines", "type": "PERCENTAGE", "value": 93.5 }],
            }),
        );
        let annotation = json!({
            "external_id": "a",
            "title": "t",
            "annotation_type": "CODE_SMELL",
            "summary": "s",
            "path": "one",
            "line": 1,
        });
        self.post(&format!("{report}/annotations"), &json!([annotation]));
        self.put(&format!("{report}/annotations/a"), &annotation);
        for path in ["", "/annotations", "/annotations/a"] {
            self.get(&format!("{report}{path}"));
        }
        self.get(&format!("{APP}/commit/{main}/reports"));
        self.act("DELETE", &format!("{report}/annotations/a"));
        self.act("DELETE", &report);
    }
}

#[test]
fn every_operation_is_used_and_answers_as_described() {
    let Some(description) = description() else {
        return;
    };
    let tour = Tour::new();
    tour.repositories_and_refs();
    tour.statuses_and_hooks();
    tour.pull_requests();
    tour.sources_and_files();
    tour.insights();
    tour.administration();
    let exchanges = tour.mock.requests();
    let unused: Vec<String> = routes::all()
        .iter()
        .filter(|route| !is_outside(route.template))
        .filter(|route| {
            !exchanges
                .iter()
                .any(|one| one.method == route.method.as_str() && one.route == route.template)
        })
        .map(|route| format!("{} {}", route.method, route.template))
        .collect();
    assert!(unused.is_empty(), "not used: {}", unused.join("\n"));
    let mut wrong = Vec::new();
    for exchange in &exchanges {
        for violation in description.answer_violations(exchange) {
            wrong.push(format!("{exchange:?}: {violation}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A recorded answer, as the mock would have kept it.
fn answered(route: &str, body: Vec<u8>) -> RecordedExchange {
    RecordedExchange {
        faulted: false,
        number: 1,
        connection: 1,
        method: "GET".into(),
        path: String::new(),
        query: String::new(),
        route: route.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        status: 200,
        response_headers: vec![("content-type".into(), "application/json".into())],
        response_body: body,
        started: Duration::ZERO,
        duration: Duration::ZERO,
    }
}

/// The checks themselves are held against answers of the real service: a rule
/// that those break would be a rule of our own making.
#[test]
fn recorded_answers_of_the_real_service_pass_the_same_checks() {
    let Some(description) = description() else {
        return;
    };
    let directory = shared().join("fixtures/api");
    if !directory.exists() {
        println!("skipped: recorded answers are not beside this checkout");
        return;
    }
    let repository = "/2.0/repositories/{workspace}/{repo_slug}";
    let mut wrong = Vec::new();
    let mut checked = 0;
    for entry in std::fs::read_dir(directory).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let route = match name.split_once("test-repos-") {
            Some((_, rest)) if rest.starts_with("pullrequests_") => "/pullrequests",
            Some((_, "pullrequests-1.json" | "pullrequests-2.json")) => {
                "/pullrequests/{pull_request_id}"
            }
            Some((_, rest)) if rest.starts_with("refs-branches_") => "/refs/branches",
            Some((_, rest)) if rest.starts_with("refs-branches-") => "/refs/branches/{name}",
            Some((_, rest)) if rest.starts_with("refs-tags_") => "/refs/tags",
            Some((_, rest)) if rest.starts_with("refs-tags-") => "/refs/tags/{name}",
            Some((_, rest)) if rest.starts_with("diffstat") => "/diffstat/{spec*}",
            Some((_, rest)) if rest.starts_with("commits_") => "/commits",
            Some((_, rest)) if rest.starts_with("hooks_") => "/hooks",
            _ => continue,
        };
        checked += 1;
        let body = std::fs::read(&path).expect("a recording");
        let exchange = answered(&format!("{repository}{route}"), body);
        for violation in description.answer_violations(&exchange) {
            wrong.push(format!("{name}: {violation}"));
        }
    }
    assert!(checked >= 10, "only {checked} recordings were recognised");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
