//! Rules about secrets and about errors as people see them.

use super::super::context::TestContext;
use super::super::methods::{METHODS, Method, RequestValues, SERVER_METHODS};
use super::super::rule::Rule;
use super::super::verdict::{Cases, Expect, Failure, Verdict, ensure};
use base64::Engine as _;
use vcs_provider_interface::context::CallContext;
use vcs_provider_interface::error::{ErrorKind, VcsError};
use vcs_provider_interface::provider::AuthorizedClient;
use vcs_provider_interface::records::*;
use vcs_provider_interface::secret::Secret;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "checkout.addresses",
        title: "clone addresses hold no user and no secret",
        asserts: "checkout_credentials gives an address without user and password; the secret \
                  stands in its own field only.",
        needs: &["checkout_credentials"],
        check: clone_addresses_are_clean,
    },
    Rule {
        id: "secrets.errors",
        title: "no secret stands in an error or an answer",
        asserts: "Every method is called with a canary credential and a canary signing key; the \
                  target's own secrets are looked for as well. Neither an error in any of its \
                  forms nor the Debug form of an answer holds one, plain, percent-encoded or as \
                  Basic credentials.",
        needs: &[],
        check: no_secret_in_errors,
    },
    Rule {
        id: "secrets.logs",
        title: "no secret stands in a log line",
        asserts: "Every method is called with canary secrets; no log line of the whole run, at \
                  any level, holds one of them or one of the target's.",
        needs: &[],
        check: no_secret_in_logs,
    },
    Rule {
        id: "errors.sensible",
        title: "an error has a known kind and a message for people",
        asserts: "The errors of all methods about an unknown repository name a kind of the \
                  interface, hold a message, no web page and no line break before their end; what \
                  cannot be found is not worth another try.",
        needs: &[],
        check: errors_are_sensible,
    },
];

/// Secrets that stand nowhere else, so that finding one proves a leak.
struct Canary {
    user: String,
    password: Secret,
    token: Secret,
    hook: Secret,
}

impl Canary {
    fn new(test: &TestContext<'_>) -> Self {
        let unique = |what: &str| test.unique(what).replace('-', "");
        Self {
            user: format!("{}@example.org", unique("user")),
            password: Secret::new(unique("canarypassword")),
            token: Secret::new(unique("canarytoken")),
            hook: Secret::new(unique("canaryhookkey")),
        }
    }

    /// What must stand nowhere, with a name for the report that tells nothing.
    fn traces(&self, test: &TestContext<'_>) -> Vec<(String, String)> {
        let mut traces = Vec::new();
        for (name, secret) in [
            ("the canary password", &self.password),
            ("the canary token", &self.token),
            ("the canary signing key", &self.hook),
        ] {
            traces.push((name.to_owned(), secret.expose().to_owned()));
        }
        let pair = format!("{}:{}", self.user, self.password.expose());
        traces.push((
            "the canary Basic credentials".to_owned(),
            base64::engine::general_purpose::STANDARD.encode(pair),
        ));
        for (index, secret) in test.target.secrets.iter().enumerate() {
            // Shorter ones are found by chance.
            if secret.len() < 4 {
                continue;
            }
            let name = format!("the target's secret {}", index + 1);
            let encoded = percent_encoding::utf8_percent_encode(
                secret.expose(),
                percent_encoding::NON_ALPHANUMERIC,
            )
            .to_string();
            traces.push((name.clone(), secret.expose().to_owned()));
            if encoded != secret.expose() {
                traces.push((name, encoded));
            }
        }
        traces
    }

    fn credentials(&self) -> [Credential; 2] {
        [
            Credential::basic(self.user.clone(), self.password.clone()),
            Credential::access_token(self.token.clone()),
        ]
    }

    fn target(&self, test: &TestContext<'_>) -> RequestValues {
        RequestValues {
            hook_secret: self.hook.clone(),
            ..RequestValues::missing(&test.target.missing_repo)
        }
    }
}

fn holds<'a>(text: &str, traces: &'a [(String, String)]) -> Option<&'a str> {
    traces
        .iter()
        .find(|(_, trace)| text.contains(trace.as_str()))
        .map(|(name, _)| name.as_str())
}

/// Calls methods that cannot change anything with the canary secrets and hands
/// each answer, in the forms in which it could be shown, to `judge`.
fn call_with_canary(test: &TestContext<'_>, canary: &Canary, mut judge: impl FnMut(&str, &str)) {
    let target = canary.target(test);
    let mut call = |client: &dyn AuthorizedClient, method: &Method| {
        let context = test.context();
        let context: &dyn CallContext = &context;
        match (method.call)(test.server, client, context, &target) {
            Ok(answer) => judge(method.name, &answer),
            Err(error) => judge(method.name, &forms(&error)),
        }
    };
    for method in METHODS.iter().chain(SERVER_METHODS) {
        if test.can(method.name) {
            call(test.client, method);
        }
    }
    // With a refused credential a few calls are enough: they all go one way.
    let few = [
        "check_connection",
        "repo_by_fullname",
        "branches",
        "reconcile_hook",
    ];
    let mut refused = Vec::new();
    for credential in canary.credentials() {
        match test.server.authorized_client(credential) {
            Ok(client) => {
                for method in METHODS.iter().filter(|method| few.contains(&method.name)) {
                    if test.can(method.name) {
                        call(client.as_ref(), method);
                    }
                }
            }
            Err(error) => refused.push(error),
        }
    }
    for error in refused {
        judge("authorized_client", &forms(&error));
    }
    let garbage = WebhookRequest {
        headers: vec![("Authorization".to_owned(), canary.token.expose().to_owned())],
        body: vcs_provider_interface::value::Bytes(
            format!("{{\"token\": \"{}\"", canary.password.expose()).into_bytes(),
        ),
        secret: Some(canary.hook.clone()),
        ..Default::default()
    };
    if test.can("parse_webhook") {
        match test.server.parse_webhook(&test.context(), garbage) {
            Ok(delivery) => judge("parse_webhook", &format!("{delivery:?}")),
            Err(error) => judge("parse_webhook", &forms(&error)),
        }
    }
}

/// Every form in which an error could be shown.
fn forms(error: &VcsError) -> String {
    let json = serde_json::to_string(error).unwrap_or_default();
    format!("{error}\n{error:?}\n{json}")
}

/// `secrets.errors`
pub fn no_secret_in_errors(test: &TestContext<'_>) -> Verdict {
    let canary = Canary::new(test);
    let traces = canary.traces(test);
    let mut cases = Cases::default();
    call_with_canary(test, &canary, |method, shown| {
        let found = holds(shown, &traces);
        cases.add(ensure(found.is_none(), || {
            format!("{method}: its answer shows {}", found.unwrap_or_default())
        }));
    });
    if test.can("checkout_credentials") {
        let request = CheckoutRequest {
            repo: test.target.repo.clone(),
            ..Default::default()
        };
        let shown = match test.client.checkout_credentials(&test.context(), request) {
            Ok(credentials) => format!(
                "{credentials:?}{}",
                serde_json::to_string(&credentials).unwrap_or_default()
            ),
            Err(error) => forms(&error),
        };
        let found = holds(&shown, &traces);
        cases.add(ensure(found.is_none(), || {
            format!(
                "checkout_credentials: its answer shows {}",
                found.unwrap_or_default()
            )
        }));
    }
    cases.verdict("nothing was answered")
}

/// `secrets.logs`
pub fn no_secret_in_logs(test: &TestContext<'_>) -> Verdict {
    let canary = Canary::new(test);
    let traces = canary.traces(test);
    call_with_canary(test, &canary, |_, _| {});
    let mut cases = Cases::default();
    for record in test.target.host.logs() {
        let found = holds(&format!("{record:?}"), &traces);
        cases.add(ensure(found.is_none(), || {
            format!(
                "a log line of {:?} at level {} shows {}",
                record.target,
                record.level,
                found.unwrap_or_default()
            )
        }));
    }
    cases.verdict("the provider logged nothing")
}

/// `checkout.addresses`
pub fn clone_addresses_are_clean(test: &TestContext<'_>) -> Verdict {
    let request = CheckoutRequest {
        repo: test.target.repo.clone(),
        ..Default::default()
    };
    let credentials = test
        .client
        .checkout_credentials(&test.context(), request)
        .works("checkout_credentials")?;
    ensure(
        !(credentials.http_url.is_empty() && credentials.ssh_url.is_empty()),
        || "there is no address to clone from".to_owned(),
    )?;
    let authority = credentials
        .http_url
        .split_once("://")
        .map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    ensure(!authority.contains('@'), || {
        "the clone address holds a user".to_owned()
    })?;
    let mut secrets: Vec<&str> = test.target.secrets.iter().map(Secret::expose).collect();
    secrets.extend(credentials.secret.as_ref().map(Secret::expose));
    let leaks = |text: &str| {
        secrets
            .iter()
            .any(|secret| secret.len() >= 4 && text.contains(secret))
    };
    ensure(
        !leaks(&credentials.http_url) && !leaks(&credentials.ssh_url),
        || "a clone address holds a secret".to_owned(),
    )
}

/// `errors.sensible`
pub fn errors_are_sensible(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    let target = RequestValues::missing(&test.target.missing_repo);
    for method in METHODS.iter().chain(SERVER_METHODS) {
        let answer = (method.call)(test.server, test.client, &test.context(), &target);
        if let Err(error) = answer {
            cases.add(error_is_sensible(method.name, &error));
        }
    }
    cases.verdict("no method answered with an error")
}

fn error_is_sensible(method: &str, error: &VcsError) -> Verdict {
    let message = error.message.trim();
    let problem = if error.kind.name().is_none() {
        "is of no kind that the interface names"
    } else if message.is_empty() {
        "has no message"
    } else if message.to_lowercase().contains("<html") || message.contains("<!DOCTYPE") {
        "shows a web page"
    } else if message.contains('\n') {
        "has a message of several lines"
    } else if error.kind == ErrorKind::NOT_FOUND && error.retryable {
        "is NotFound and yet worth another try"
    } else if error.kind == ErrorKind::INTERNAL {
        "is Internal: a defect of the provider"
    } else {
        return Ok(());
    };
    Err(Failure::failed(format!(
        "{method}: the error {problem}: {error}"
    )))
}
