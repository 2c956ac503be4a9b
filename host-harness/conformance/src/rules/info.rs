//! Rules about what a provider says of itself.

use super::super::context::TestContext;
use super::super::methods::{METHODS, Method, Nature, RequestValues, SERVER_METHODS};
use super::super::rule::Rule;
use super::super::verdict::{Cases, Expect, Failure, Verdict, ensure};
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::info::{INTERFACE_VERSION, PANIC_STRATEGY};
use vcs_provider_interface::records::*;

/// Capabilities that are no methods. The interface lets providers name
/// features; those that engines ask for are listed here, so that a misspelt
/// method name is not taken for a feature.
pub const FEATURES: &[&str] = &["webhook_signatures"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "info.consistent",
        title: "what the provider says of itself is complete and consistent",
        asserts: "Type, name and version are set, the type is a word for a configuration file; \
                  the interface is of the same major version and panics unwind; each capability \
                  is a method or a known feature and is named once.",
        needs: &[],
        check: info_is_consistent,
    },
    Rule {
        id: "info.webhooks-and-polling",
        title: "what the server says of webhooks and polling agrees with the capabilities",
        asserts: "webhooks_info says that webhooks are supported exactly if parse_webhook and \
                  create_hook are capabilities, and that deliveries are signed exactly if \
                  webhook_signatures is one; polling_info likewise with poll_events, and names an \
                  interval above zero.",
        needs: &[],
        check: webhooks_and_polling_agree,
    },
    Rule {
        id: "capabilities.absent",
        title: "a method that is no capability answers Unsupported",
        asserts: "An engine relies on the capabilities to know what it may offer. A method that \
                  works but is not named is never used.",
        needs: &[],
        check: absent_methods_are_unsupported,
    },
    Rule {
        id: "capabilities.present",
        title: "a method that is a capability never answers Unsupported",
        asserts: "Each capability that is a method is called, about a repository that does not \
                  exist.",
        needs: &[],
        check: present_methods_answer,
    },
    Rule {
        id: "connection.checked",
        title: "check_connection says what the credential is and sees",
        asserts: "The check succeeds with the target's credential and repository and names the \
                  kind of credential.",
        needs: &["check_connection"],
        check: connection_is_checked,
    },
];

/// `info.consistent`
pub fn info_is_consistent(test: &TestContext<'_>) -> Verdict {
    let info = test.info;
    let mut cases = Cases::default();
    for (what, text) in [
        ("display_name", &info.display_name),
        ("version", &info.version),
        ("target", &info.target),
        ("compiler", &info.compiler),
    ] {
        cases.add(ensure(!text.trim().is_empty(), || {
            format!("the provider's {what} is empty")
        }));
    }
    let is_word = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
    };
    cases.add(ensure(is_word(&info.provider_type), || {
        format!(
            "the provider type {:?} is not a word of lower-case letters, digits, - and _",
            info.provider_type
        )
    }));
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    cases.add(ensure(
        major(&info.interface_version) == major(INTERFACE_VERSION),
        || {
            format!(
                "the provider was built with interface {}, the host with {INTERFACE_VERSION}",
                info.interface_version
            )
        },
    ));
    cases.add(ensure(info.panic_strategy == PANIC_STRATEGY, || {
        format!(
            "a panic of the provider does {:?}, it has to {PANIC_STRATEGY:?}",
            info.panic_strategy
        )
    }));
    for (index, capability) in info.capabilities.iter().enumerate() {
        let name = capability.name.as_str();
        cases.add(ensure(
            !info.capabilities[..index]
                .iter()
                .any(|earlier| earlier.name == name),
            || format!("the capability {name:?} is named twice"),
        ));
        cases.add(ensure(is_known(name), || {
            format!("the capability {name:?} is neither a method nor a known feature")
        }));
    }
    cases.verdict("nothing to compare")
}

fn is_known(capability: &str) -> bool {
    all_methods().any(|method| method.name == capability) || FEATURES.contains(&capability)
}

fn all_methods() -> impl Iterator<Item = &'static Method> {
    METHODS.iter().chain(SERVER_METHODS)
}

/// `info.webhooks-and-polling`
pub fn webhooks_and_polling_agree(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    cases.add(webhooks_agree(test));
    cases.add(polling_agrees(test));
    cases.verdict("the provider has neither `webhooks_info` nor `polling_info`")
}

/// The answer; a provider that has neither need not say so in this way.
fn answered<T>(result: Result<T>, method: &str) -> std::result::Result<T, Failure> {
    match result {
        Err(error) if error.kind == ErrorKind::UNSUPPORTED => Err(Failure::skipped(format!(
            "the provider does not have `{method}`"
        ))),
        result => result.works(method),
    }
}

fn webhooks_agree(test: &TestContext<'_>) -> Verdict {
    let info = test
        .server
        .webhooks_info(&test.context(), WebhooksInfoRequest::default());
    let info = answered(info, "webhooks_info")?;
    let can = test.can("parse_webhook") && test.can("create_hook");
    ensure(info.supported == can, || {
        format!(
            "webhooks_info says supported = {}, but parse_webhook and create_hook are {}",
            info.supported,
            if can {
                "capabilities"
            } else {
                "not both capabilities"
            }
        )
    })?;
    let signs = test.can("webhook_signatures");
    ensure(!info.supported || info.proof.is_proved() == signs, || {
        format!(
            "webhooks_info says that deliveries are proved by {}, but webhook_signatures is {}",
            info.proof.kind,
            if signs {
                "a capability"
            } else {
                "no capability"
            }
        )
    })?;
    let strange = info
        .default_events
        .iter()
        .find(|event| !info.events.contains(event));
    ensure(strange.is_none(), || {
        format!(
            "the default event {:?} is not among the events that webhooks_info lists",
            strange.map_or("", String::as_str)
        )
    })
}

fn polling_agrees(test: &TestContext<'_>) -> Verdict {
    let info = test
        .server
        .polling_info(&test.context(), ServerInfoRequest::default());
    let info = answered(info, "polling_info")?;
    let can = test.can("poll_events");
    ensure(info.supported == can, || {
        format!(
            "polling_info says supported = {}, but poll_events is {}",
            info.supported,
            if can { "a capability" } else { "no capability" }
        )
    })?;
    ensure(!info.supported || info.min_interval_seconds > 0, || {
        "polling_info names no interval between polls".to_owned()
    })
}

/// `capabilities.absent`
pub fn absent_methods_are_unsupported(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    let target = RequestValues::missing(&test.target.missing_repo);
    for method in all_methods() {
        if test.can(method.name) || method.nature == Nature::Information {
            continue;
        }
        let answer = (method.call)(test.server, test.client, &test.context(), &target);
        cases.add(match answer {
            Err(error) if error.kind == ErrorKind::UNSUPPORTED => Ok(()),
            Err(error) => Err(Failure::failed(format!(
                "{} is no capability, but answers {error}",
                method.name
            ))),
            Ok(_) => Err(Failure::failed(format!(
                "{} is no capability, but succeeds",
                method.name
            ))),
        });
    }
    cases.verdict("every method is a capability")
}

/// `capabilities.present`
pub fn present_methods_answer(test: &TestContext<'_>) -> Verdict {
    let mut cases = Cases::default();
    let target = RequestValues::missing(&test.target.missing_repo);
    for method in all_methods().filter(|method| test.can(method.name)) {
        let answer = (method.call)(test.server, test.client, &test.context(), &target);
        let unsupported = answer
            .err()
            .filter(|error| error.kind == ErrorKind::UNSUPPORTED);
        cases.add(ensure(unsupported.is_none(), || {
            format!("{} is a capability, but answers Unsupported", method.name)
        }));
    }
    cases.verdict("the provider has no capability")
}

/// `connection.checked`
pub fn connection_is_checked(test: &TestContext<'_>) -> Verdict {
    let request = ConnectionRequest {
        repo: Some(test.target.repo.clone()),
        ..Default::default()
    };
    let connection = test
        .client
        .check_connection(&test.context(), request)
        .works("check_connection")?;
    ensure(!connection.credential.trim().is_empty(), || {
        "check_connection does not name the kind of credential".to_owned()
    })
}
