//! A walk through every operation there is.

use serde_json::{Value, json};

use super::support::{Client, Sandbox};
use crate::MockBitbucket;
use crate::api::routes;

/// Routes that are not the API's.
pub(super) fn is_outside(template: &str) -> bool {
    !template.starts_with("/2.0/")
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
        let response = self.client.send(method, path, None).expect("a response");
        assert!(
            response.status < 400,
            "{method} {path}: {} {}",
            response.status,
            response.text
        );
        response.header("location").to_owned()
    }

    /// Uses every operation.
    pub(super) fn everything(&self) {
        self.repositories_and_refs();
        self.statuses_and_hooks();
        self.pull_requests();
        self.sources_and_files();
        self.insights();
        self.administration();
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
            .expect("a response");
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
fn every_operation_is_used_and_succeeds() {
    let tour = Tour::new();
    tour.everything();
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
}
