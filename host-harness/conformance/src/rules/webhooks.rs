//! Rules about reading deliveries. None of them asks the service.

use super::super::context::TestContext;
use super::super::rule::Rule;
use super::super::verdict::{Cases, Expect, Failure, Verdict, ensure};
use super::super::webhook_dialect::WebhookDialect;
use vcs_provider_interface::error::{ErrorKind, Result};
use vcs_provider_interface::records::*;
use vcs_provider_interface::secret::Secret;
use vcs_provider_interface::value::Bytes;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "webhook.read",
        title: "a delivery is read",
        asserts: "A known delivery without a key gives its event, unverified.",
        needs: &["parse_webhook"],
        check: delivery_is_read,
    },
    Rule {
        id: "webhook.garbage",
        title: "a body that cannot be read answers InvalidInput",
        asserts: "Empty, text, cut off, of the wrong shape, not UTF-8, deeply nested: an error, \
                  never a panic. So are deliveries without headers.",
        needs: &["parse_webhook"],
        check: garbage_is_invalid,
    },
    Rule {
        id: "webhook.signature",
        title: "with a key, only the right signature is taken",
        asserts: "Signed with the key, a delivery is verified; signed with another key, over \
                  another body, with no signature or with a mangled one it answers \
                  Unauthenticated, even if its body cannot be read.",
        needs: &["parse_webhook", "webhook_signatures"],
        check: only_right_signatures_are_taken,
    },
    Rule {
        id: "webhook.unknown-event",
        title: "an unknown event is no error",
        asserts: "It gives no events, with success, so that the service does not send it again.",
        needs: &["parse_webhook"],
        check: unknown_events_are_ignored,
    },
];

fn dialect<'a>(test: &'a TestContext<'_>) -> std::result::Result<&'a WebhookDialect, Failure> {
    test.target
        .webhooks
        .as_ref()
        .ok_or_else(|| Failure::skipped("how the service's deliveries look was not given"))
}

type Headers = Vec<(String, String)>;

fn parse(
    test: &TestContext<'_>,
    headers: Headers,
    body: &[u8],
    secret: Option<&Secret>,
) -> Result<Delivery> {
    let request = WebhookRequest {
        headers,
        body: Bytes(body.to_vec()),
        secret: secret.cloned(),
        ..Default::default()
    };
    test.server.parse_webhook(&test.context(), request)
}

/// `webhook.read`
pub fn delivery_is_read(test: &TestContext<'_>) -> Verdict {
    let dialect = dialect(test)?;
    let headers = dialect.headers_of(&dialect.known_event, dialect.known_body.as_bytes(), None);
    let upper = headers
        .iter()
        .map(|(name, value)| (name.to_uppercase(), value.clone()))
        .collect();
    for (how, headers) in [("", headers), (" with names in upper case", upper)] {
        let delivery = parse(test, headers, dialect.known_body.as_bytes(), None)
            .works(&format!("a known delivery{how}"))?;
        ensure(
            delivery.event_key == dialect.known_event
                && !delivery.events.is_empty()
                && !delivery.verified,
            || {
                format!(
                    "a known delivery{how} of {:?} is read as {:?} with {} events, verified = {}",
                    dialect.known_event,
                    delivery.event_key,
                    delivery.events.len(),
                    delivery.verified
                )
            },
        )?;
    }
    Ok(())
}

/// `webhook.garbage`
pub fn garbage_is_invalid(test: &TestContext<'_>) -> Verdict {
    let dialect = dialect(test)?;
    let nested = "[".repeat(20_000);
    let half = &dialect.known_body.as_bytes()[..dialect.known_body.len() / 2];
    let bodies: [(&str, &[u8]); 7] = [
        ("an empty body", b""),
        ("a text", b"no document of any kind"),
        ("a body that was cut off", half),
        ("a list instead of an object", b"[1, 2, 3]"),
        ("a number", b"42"),
        ("bytes that are no UTF-8", b"{\"push\": \"\xff\xfe\"}"),
        ("a deeply nested body", nested.as_bytes()),
    ];
    let mut cases = Cases::default();
    for (what, body) in bodies {
        let headers = dialect.headers_of(&dialect.known_event, body, None);
        cases.add(
            parse(test, headers, body, None)
                .fails_with(what, &[ErrorKind::INVALID_INPUT])
                .map(drop),
        );
    }
    cases.add(
        parse(test, Vec::new(), dialect.known_body.as_bytes(), None)
            .fails_with("a delivery without headers", &[ErrorKind::INVALID_INPUT])
            .map(drop),
    );
    cases.verdict("nothing to read")
}

/// `webhook.signature`
pub fn only_right_signatures_are_taken(test: &TestContext<'_>) -> Verdict {
    let dialect = dialect(test)?;
    let key = Secret::from("conformance-signing-key");
    let body = dialect.known_body.as_bytes();
    let event = dialect.known_event.as_str();
    let signed = dialect.headers_of(event, body, Some(&key));
    let delivery =
        parse(test, signed.clone(), body, Some(&key)).works("a delivery signed with the key")?;
    ensure(delivery.verified && !delivery.events.is_empty(), || {
        format!(
            "a delivery signed with the key: verified = {}, {} events",
            delivery.verified,
            delivery.events.len()
        )
    })?;
    let mut longer = body.to_vec();
    longer.push(b' ');
    let with_signature = |change: &dyn Fn(&str) -> String| {
        let mut headers = signed.clone();
        for (name, value) in &mut headers {
            if *name == dialect.signature_header {
                *value = change(value);
            }
        }
        headers
    };
    let other = dialect.headers_of(event, body, Some(&Secret::from("another key")));
    let refused: [(&str, Headers, &[u8]); 6] = [
        ("a delivery signed with another key", other, body),
        ("a delivery with another body", signed.clone(), &longer),
        (
            "a delivery without a signature",
            dialect.headers_of(event, body, None),
            body,
        ),
        (
            "a delivery with half a signature",
            with_signature(&|value| value[..value.len() - 32].to_owned()),
            body,
        ),
        (
            "a delivery with an empty signature",
            with_signature(&|_| String::new()),
            body,
        ),
        (
            "an unsigned text",
            dialect.headers_of(event, b"no document", None),
            b"no document",
        ),
    ];
    let mut cases = Cases::default();
    for (what, headers, body) in refused {
        cases.add(
            parse(test, headers, body, Some(&key))
                .fails_with(what, &[ErrorKind::UNAUTHENTICATED])
                .map(drop),
        );
    }
    cases.verdict("nothing to refuse")
}

/// `webhook.unknown-event`
pub fn unknown_events_are_ignored(test: &TestContext<'_>) -> Verdict {
    let dialect = dialect(test)?;
    let headers = dialect.headers_of(&dialect.unknown_event, b"{}", None);
    let delivery = parse(test, headers, b"{}", None).works("an unknown event")?;
    ensure(delivery.events.is_empty(), || {
        format!("an unknown event gives {} events", delivery.events.len())
    })
}
