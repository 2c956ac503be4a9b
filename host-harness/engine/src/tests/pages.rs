//! The pages over HTTP: who sees what, how one signs in, what a form needs, and that
//! nothing of a secret gets out.

use super::fake::SERVER;
use super::services::{Host, TOKEN};
use crate::tokens::{Role, issue};
use regex::Regex;
use std::time::Duration;
use ureq::Agent;
use url::{Url, form_urlencoded};

/// A browser of the tests: keeps cookies, follows no redirect by itself.
struct Browser<'h> {
    host: &'h Host,
    agent: Agent,
    cookies: Vec<(String, String)>,
}

struct Shown {
    status: u16,
    location: Option<String>,
    text: String,
    headers: Vec<(String, String)>,
}

impl Shown {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }

    /// The value of a hidden field.
    fn field(&self, name: &str) -> String {
        let field = Regex::new(&format!(r#"name="{name}" value="([^"]*)""#)).unwrap();
        let found = field.captures(&self.text);
        found.unwrap_or_else(|| panic!("no field {name} in {}", self.text))[1].to_owned()
    }
}

impl<'h> Browser<'h> {
    fn new(host: &'h Host) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(20)))
            .build();
        Self {
            host,
            agent: agent.into(),
            cookies: Vec::new(),
        }
    }

    /// A browser of somebody who has signed in with this token.
    fn signed_in(host: &'h Host, token: &str) -> Self {
        let mut browser = Self::new(host);
        let shown = browser.sign_in(token, "");
        assert_eq!(shown.status, 303, "{}", shown.text);
        browser
    }

    fn sign_in(&mut self, token: &str, back: &str) -> Shown {
        let form = self.get(&format!("/sign-in?back={back}"));
        assert_eq!(form.status, 200, "{}", form.text);
        let fields = [
            ("form_key", form.field("form_key")),
            ("back", form.field("back")),
            ("token", token.to_owned()),
        ];
        self.post("/sign-in", &fields)
    }

    fn cookie(&self) -> String {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        cookies.collect::<Vec<_>>().join("; ")
    }

    fn get(&mut self, path: &str) -> Shown {
        let request = self.agent.get(self.host.api(path));
        let response = request.header("Cookie", self.cookie()).call();
        self.take(response.unwrap())
    }

    fn post(&mut self, path: &str, fields: &[(&str, String)]) -> Shown {
        self.post_from("same-origin", path, fields)
    }

    fn post_from(&mut self, site: &str, path: &str, fields: &[(&str, String)]) -> Shown {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self.agent.post(self.host.api(path));
        let response = request
            .header("Cookie", self.cookie())
            .header("Sec-Fetch-Site", site)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .send(body);
        self.take(response.unwrap())
    }

    fn take(&mut self, mut response: ureq::http::Response<ureq::Body>) -> Shown {
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()));
        let headers: Vec<(String, String)> = headers.collect();
        for (_, cookie) in headers.iter().filter(|(name, _)| name == "set-cookie") {
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(kept, _)| kept != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        let location = headers.iter().find(|(name, _)| name == "location");
        Shown {
            status: response.status().as_u16(),
            location: location.map(|(_, value)| value.clone()),
            text: response.body_mut().read_to_string().unwrap(),
            headers,
        }
    }
}

fn host_with_a_run() -> Host {
    let host = Host::start();
    host.link();
    assert_eq!(host.deliver("1"), 200);
    host.wait_for("/project/KEY/applications/app/runs", |runs| {
        runs.as_array().is_some_and(|runs| !runs.is_empty())
    });
    host
}

fn token_of(host: &Host, role: &Role) -> String {
    let engine = host.running().engine();
    let issued = issue(&engine.store, role, "test", None, engine.now()).unwrap();
    issued.token.expose().to_owned()
}

const RUN: &str = "/project/KEY/application/app/run/1";

#[test]
fn a_link_of_a_build_status_leads_over_the_sign_in_page_to_the_run() {
    let host = host_with_a_run();
    let mut browser = Browser::new(&host);
    let sent = browser.get(RUN);
    assert_eq!(sent.status, 303);
    let to_sign_in = sent.location.unwrap();
    let from = Url::parse(&host.api(RUN)).unwrap();
    let form = from.join(&to_sign_in).unwrap();
    assert_eq!(form.path(), "/sign-in");
    let back = form.query_pairs().next().unwrap().1.into_owned();
    let signed_in = browser.sign_in(TOKEN, &back);
    assert_eq!(form.join(&signed_in.location.unwrap()).unwrap(), from);
    let run = browser.get(RUN);
    assert_eq!(run.status, 200, "{}", run.text);
    for fact in ["Run 1", "main", "ws/app", &super::hash('a'), "Waiting"] {
        assert!(run.text.contains(fact), "{fact} is missing in {}", run.text);
    }
    // Who is signed in is sent on at once.
    assert_eq!(browser.get(&format!("/sign-in?back={back}")).status, 303);
}

#[test]
fn pages_show_what_there_is_and_link_to_one_another() {
    let host = host_with_a_run();
    let mut browser = Browser::signed_in(&host, TOKEN);
    let mut open = vec!["/".to_owned()];
    let mut seen: Vec<String> = Vec::new();
    let link = Regex::new(r##"href="([^"#:]+)""##).unwrap();
    while let Some(path) = open.pop() {
        let shown = browser.get(&path);
        assert_eq!(shown.status, 200, "{path}: {}", shown.text);
        let base = Url::parse(&host.api(&path)).unwrap();
        for found in link.captures_iter(&shown.text) {
            let target = base.join(&found[1]).unwrap().path().to_owned();
            if !seen.contains(&target) && !open.contains(&target) {
                open.push(target);
            }
        }
        seen.push(path);
    }
    for page in [
        "/",
        "/deliveries",
        "/project/KEY",
        "/project/KEY/application/app",
        RUN,
    ] {
        assert!(seen.contains(&page.to_owned()), "{page} is not in {seen:?}");
    }
    let application = browser.get("/project/KEY/application/app").text;
    for heading in ["Runs", "Events", "Statuses and comments", "Clean-ups"] {
        assert!(
            application.contains(&format!("<h2>{heading}</h2>")),
            "{heading}"
        );
    }
    assert!(application.contains("branch:main"), "{application}");
}

#[test]
fn pages_are_strict_with_browsers() {
    let host = Host::start();
    let mut browser = Browser::signed_in(&host, TOKEN);
    for path in ["/", "/project/KEY", "/sign-in", "/consent/denied"] {
        let mut stranger = Browser::new(&host);
        let shown = if path == "/sign-in" {
            stranger.get(path)
        } else {
            browser.get(path)
        };
        let policy = shown.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self';"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(shown.header("cache-control"), "no-store");
        assert_eq!(shown.header("x-content-type-options"), "nosniff");
        for forbidden in ["<script", " style=", " onclick", "javascript:"] {
            assert!(!shown.text.contains(forbidden), "{path}: {forbidden}");
        }
    }
    let policy = browser.get("/project/KEY");
    let policy = policy.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' https://service.example;"),
        "{policy}"
    );
}

#[test]
fn neither_a_page_nor_a_cookie_nor_an_address_holds_the_token() {
    let host = host_with_a_run();
    let issued = token_of(&host, &Role::Admin);
    for token in [TOKEN, &issued] {
        let mut browser = Browser::signed_in(&host, token);
        let digest = hex::encode(crate::random::digest(token));
        for path in ["/", "/project/KEY", RUN, "/deliveries"] {
            let shown = browser.get(path);
            assert!(!shown.text.contains(token) && !shown.text.contains(&digest));
        }
        let cookie = browser.cookie();
        assert!(!cookie.contains(token) && !cookie.contains(&digest));
    }
}

#[test]
fn a_wrong_token_is_said_to_be_wrong_and_a_revoked_one_ends_the_session() {
    let host = Host::start();
    let mut browser = Browser::new(&host);
    let wrong = browser.sign_in("a-token-of-somebody-else", "");
    assert_eq!(wrong.status, 401);
    assert!(wrong.text.contains("opens nothing"), "{}", wrong.text);
    assert!(!wrong.text.contains("somebody-else"));
    assert_eq!(browser.get("/").status, 303);
    let engine = host.running().engine();
    let issued = issue(&engine.store, &Role::Monitor, "m", None, engine.now()).unwrap();
    let mut browser = Browser::signed_in(&host, issued.token.expose());
    assert_eq!(browser.get("/").status, 200);
    engine.store.revoke_token(&issued.id, engine.now()).unwrap();
    assert_eq!(browser.get("/").status, 303);
}

#[test]
fn a_session_ends_by_signing_out_and_after_half_a_day() {
    let host = Host::start();
    let mut browser = Browser::signed_in(&host, TOKEN);
    let kept = browser.cookies.clone();
    let form_key = browser.get("/").field("form_key");
    let out = browser.post("/sign-out", &[("form_key", form_key)]);
    assert_eq!(out.status, 303);
    assert_eq!(browser.get("/").status, 303);
    browser.cookies = kept;
    assert_eq!(
        browser.get("/").status,
        303,
        "the old cookie still opens pages"
    );
    let mut browser = Browser::signed_in(&host, TOKEN);
    let advance = host.api("/mon/clock/advance");
    host.post(&advance, &serde_json::json!({ "seconds": 12 * 3600 - 60 }));
    assert_eq!(browser.get("/").status, 200);
    host.post(&advance, &serde_json::json!({ "seconds": 60 }));
    assert_eq!(browser.get("/").status, 303);
}

#[test]
fn a_cookie_that_was_changed_or_made_up_opens_nothing() {
    let host = Host::start();
    let mut browser = Browser::signed_in(&host, TOKEN);
    let session = browser.cookies.iter_mut();
    let session = session
        .into_iter()
        .find(|(name, _)| name == "vcs-engine-session");
    let value = &mut session.unwrap().1;
    let last = if value.ends_with('0') { "1" } else { "0" };
    value.replace_range(value.len() - 1.., last);
    assert_eq!(browser.get("/").status, 303);
    browser.cookies = vec![("vcs-engine-session".to_owned(), TOKEN.to_owned())];
    assert_eq!(browser.get("/").status, 303);
    let mut browser = Browser::signed_in(&host, TOKEN);
    // The API takes tokens only: no page of somebody else can call it.
    assert_eq!(browser.get("/applications").status, 401);
}

#[test]
fn a_form_of_another_site_does_nothing() {
    let host = Host::start();
    let mut browser = Browser::signed_in(&host, TOKEN);
    let own = [("form_key", browser.get("/project/KEY").field("form_key"))];
    let connect = format!("/project/KEY/connect/{SERVER}");
    for shown in [
        browser.post(&connect, &[]),
        browser.post(&connect, &[("form_key", "0".repeat(64))]),
        browser.post_from("cross-site", &connect, &own),
        browser.post_from("cross-site", "/sign-out", &own),
    ] {
        assert_eq!(shown.status, 403, "{}", shown.text);
    }
    assert_eq!(browser.get("/").status, 200);
    let own = browser.post(&connect, &own);
    assert_eq!(own.status, 303, "{}", own.text);
    assert!(
        own.location
            .unwrap()
            .starts_with("https://service.example/authorize?")
    );
    let mut stranger = Browser::new(&host);
    let form = stranger.get("/sign-in");
    let fields = [
        ("form_key", form.field("form_key")),
        ("token", TOKEN.to_owned()),
    ];
    stranger.cookies.clear();
    let signed_in = stranger.post("/sign-in", &fields);
    assert_eq!(signed_in.status, 401, "a form without its browser signs in");
}

#[test]
fn a_consent_begun_on_a_page_ends_on_it_and_leaves_no_code_in_its_address() {
    let host = Host::start();
    let mut browser = Browser::signed_in(&host, TOKEN);
    let page = browser.get("/project/KEY");
    assert!(page.text.contains("not connected"), "{}", page.text);
    let own = [("form_key", page.field("form_key"))];
    let begun = browser.post(&format!("/project/KEY/connect/{SERVER}"), &own);
    let consent = Url::parse(&begun.location.unwrap()).unwrap();
    let state = consent.query_pairs().find(|(name, _)| name == "state");
    let state = state.unwrap().1.into_owned();
    let callback = format!("/repositories_manager/oauth2/callback?state={state}&code=good-code");
    let ended = browser.get(&callback);
    assert_eq!(ended.status, 303);
    let address = Url::parse(&host.api("/repositories_manager/oauth2/callback")).unwrap();
    let address = address.join(&ended.location.unwrap()).unwrap();
    assert_eq!(address.path(), "/project/KEY");
    assert!(!address.as_str().contains(&state) && !address.as_str().contains("good-code"));
    for _ in 0..2 {
        let shown = browser.get(&format!("/project/KEY?{}", address.query().unwrap()));
        assert!(
            shown.text.contains("Connected: the engine may act"),
            "{}",
            shown.text
        );
        assert!(!shown.text.contains("granted-"));
    }
    // A claim in an address is not believed.
    let other = browser.get(&format!("/project/OTHER?connected={SERVER}"));
    assert!(!other.text.contains("Connected:"), "{}", other.text);
    let again = browser.get(&callback);
    assert_eq!(again.location.as_deref(), Some("../../consent/unknown"));
}

#[test]
fn a_consent_that_fails_ends_on_a_page_with_the_way_out() {
    let host = Host::start();
    let mut browser = Browser::signed_in(&host, TOKEN);
    for (with, word, status) in [
        ("error=access_denied", "denied", 403),
        ("error=%3Cscript%3E", "not-possible", 403),
        ("code=bad-code", "rejected", 400),
        ("", "no-code", 400),
    ] {
        let own = [("form_key", browser.get("/project/KEY").field("form_key"))];
        let begun = browser.post(&format!("/project/KEY/connect/{SERVER}"), &own);
        let begun = begun.location.unwrap();
        let state = begun
            .split_once("state=")
            .unwrap()
            .1
            .split('&')
            .next()
            .unwrap();
        let ended = browser.get(&format!(
            "/cdsapi/repositories_manager/oauth2/callback?state={state}&{with}"
        ));
        assert_eq!(ended.location, Some(format!("../../../consent/{word}")));
        let shown = Browser::new(&host).get(&format!("/consent/{word}"));
        assert_eq!(shown.status, status, "{word}");
        assert!(shown.text.contains("onnect"), "{word}: {}", shown.text);
    }
    assert_eq!(browser.get("/consent/anything").status, 404);
}

#[test]
fn each_role_sees_its_own_pages_and_no_more() {
    let host = host_with_a_run();
    let project = |key: &str| Role::Project {
        project: key.to_owned(),
    };
    let pages = [
        "/",
        "/deliveries",
        "/project/KEY",
        "/project/KEY/application/app",
        RUN,
    ];
    for (role, statuses) in [
        (Role::Admin, [200, 200, 200, 200, 200]),
        (project("KEY"), [200, 403, 200, 200, 200]),
        (project("OTHER"), [200, 403, 403, 403, 403]),
        (Role::Worker { project: None }, [200, 403, 403, 200, 200]),
        (Role::Monitor, [200, 200, 403, 403, 403]),
        (Role::Run { run: 1 }, [200, 403, 403, 403, 200]),
    ] {
        let mut browser = Browser::signed_in(&host, &token_of(&host, &role));
        let seen = pages.map(|page| browser.get(page).status);
        assert_eq!(seen, statuses, "{role:?}");
        let overview = browser.get("/").text;
        let sees_application =
            matches!(&role, Role::Admin | Role::Worker { .. }) || role == project("KEY");
        assert_eq!(overview.contains(">app</a>"), sees_application, "{role:?}");
        let sees_outbox = matches!(role, Role::Admin | Role::Monitor);
        assert_eq!(
            overview.contains("<h2>Outbox</h2>"),
            sees_outbox,
            "{role:?}"
        );
        let worker = matches!(role, Role::Worker { .. });
        let application = browser.get("/project/KEY/application/app").text;
        assert!(!worker || !application.contains("<h2>Events</h2>"));
    }
}

#[test]
fn long_lists_are_shown_a_page_at_a_time() {
    let host = Host::start();
    host.link();
    for number in 0..70 {
        assert_eq!(
            host.post(
                &host.api(&format!("/webhook/wrong-{number}")),
                &serde_json::json!({})
            )
            .0,
            404
        );
    }
    let mut browser = Browser::signed_in(&host, TOKEN);
    let first = browser.get("/deliveries").text;
    assert_eq!(first.matches("<code>wrong-").count(), 50);
    assert!(first.contains("href=\"?skip=50\""), "{first}");
    let second = browser.get("/deliveries?skip=50").text;
    assert_eq!(second.matches("<code>wrong-").count(), 20);
    assert!(!second.contains("rel=\"next\""));
}

#[test]
fn what_services_and_people_wrote_is_never_markup() {
    let host = Host::start();
    let mut browser = Browser::signed_in(&host, TOKEN);
    let shown = browser.get("/project/%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    assert_eq!(shown.status, 200);
    assert!(!shown.text.contains("<script"), "{}", shown.text);
    assert!(shown.text.contains("Project &lt;script&gt;"));
    let missing = browser.get("/project/KEY/application/%22%3E%3Cimg%20src=x%3E");
    assert_eq!(missing.status, 404);
    assert!(!missing.text.contains("<img"), "{}", missing.text);
}
