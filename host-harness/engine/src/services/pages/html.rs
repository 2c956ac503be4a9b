//! What all pages have in common: the frame, the headers, tables, states, times.

use super::super::response::status_of;
use super::viewer::Viewer;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};
use vcs_provider_interface::error::{ErrorKind, VcsError};

/// What a browser is told of a page: nothing of it runs, is framed or is kept.
const FIXED_HEADERS: [(header::HeaderName, &str); 6] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    // Forms would have no origin with a stricter one.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        header::HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// The frame of a page.
pub(super) struct Frame<'p> {
    pub(super) title: &'p str,
    /// The way up to the engine's root.
    pub(super) root: &'p str,
    /// Who looks; `None` for pages that everybody may see.
    pub(super) viewer: Option<&'p Viewer>,
    /// The pages above this one: their titles, and their addresses below the root.
    pub(super) above: Vec<(String, String)>,
    /// Where forms may lead besides the engine: the services' consent pages.
    pub(super) form_targets: Vec<String>,
    pub(super) status: StatusCode,
}

impl<'p> Frame<'p> {
    /// The frame of a page for somebody who signed in.
    pub(super) fn of(title: &'p str, root: &'p str, viewer: &'p Viewer) -> Self {
        Self {
            viewer: Some(viewer),
            ..Self::open(title, root)
        }
    }

    /// The frame of a page for everybody.
    pub(super) fn open(title: &'p str, root: &'p str) -> Self {
        Self {
            title,
            root,
            viewer: None,
            above: Vec::new(),
            form_targets: Vec::new(),
            status: StatusCode::OK,
        }
    }

    /// The page.
    pub(super) fn with(self, content: &Markup) -> Response {
        let policy = format!(
            "default-src 'none'; style-src 'self'; form-action 'self'{}; base-uri 'none'; \
             frame-ancestors 'none'",
            self.form_targets
                .iter()
                .map(|target| format!(" {target}"))
                .collect::<String>()
        );
        let text = self.around(content).into_string();
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        for (name, value) in FIXED_HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }

    fn around(&self, content: &Markup) -> Markup {
        let root = self.root;
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) " · engine" }
                    link rel="stylesheet" href={ (root) "style.css" };
                    link rel="icon" href="data:,";
                }
                body {
                    a.skip href="#content" { "Skip to the content" }
                    header {
                        a.name href=(root) { "engine" }
                        @if let Some(viewer) = self.viewer {
                            (self.navigation(viewer))
                            form.who method="post" action={ (root) "sign-out" } {
                                (form_key(viewer))
                                span { (viewer.in_words()) }
                                button.plain type="submit" { "Sign out" }
                            }
                        }
                    }
                    main #content tabindex="-1" {
                        @if !self.above.is_empty() {
                            nav.crumbs aria-label="Pages above this one" {
                                ol {
                                    @for (title, address) in &self.above {
                                        li { a href={ (root) (address) } { (title) } }
                                    }
                                }
                            }
                        }
                        h1 { (self.title) }
                        (content)
                    }
                    footer { "version " (env!("CARGO_PKG_VERSION")) }
                }
            }
        }
    }

    fn navigation(&self, viewer: &Viewer) -> Markup {
        html! {
            nav aria-label="Main" {
                @if viewer.may_read("/mon/deliveries/rejected", &[]) {
                    a href={ (self.root) "deliveries" } { "Deliveries" }
                }
            }
        }
    }
}

/// The field that proves that a form came from a page of the engine.
pub(super) fn form_key(viewer: &Viewer) -> Markup {
    html! { input type="hidden" name="form_key" value=(viewer.form_key.expose()); }
}

/// A table, or a sentence that there is nothing to list. On narrow screens a row
/// becomes a block, so the roles of the cells are said.
pub(super) fn table(heads: &[&str], rows: &[Vec<Markup>], nothing: &str) -> Markup {
    html! {
        @if rows.is_empty() {
            p.quiet { (nothing) }
        } @else {
            table role="table" {
                thead role="rowgroup" {
                    tr role="row" {
                        @for head in heads { th role="columnheader" scope="col" { (head) } }
                    }
                }
                tbody role="rowgroup" {
                    @for row in rows {
                        tr role="row" {
                            @for (cell, head) in row.iter().zip(heads) {
                                td role="cell" data-head=(head) { div { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A list of names and values.
pub(super) fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! {
        dl {
            @for (name, value) in rows {
                dt { (name) }
                dd { (value) }
            }
        }
    }
}

/// How something is, with a colour that is never the only sign.
pub(super) fn state(word: &str) -> Markup {
    let colour = match word {
        "Success" | "ok" | "ready" | "sent" | "handled" | "connected" | "serving" => "good",
        "Fail" | "failing" | "rejected" | "parked" | "not ready" | "no plugin" | "poisoned" => {
            "bad"
        }
        "Building" | "Waiting" | "pending" | "resting" | "rate limited" | "draining" => "busy",
        _ => "quiet",
    };
    html! { span class={ "state " (colour) } { (word) } }
}

/// A moment, in UTC.
pub(super) fn time(milliseconds: i64) -> Markup {
    let Ok(time) = Timestamp::from_millisecond(milliseconds) else {
        return html! { "–" };
    };
    let machine = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let people = time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! { time datetime=(machine) { (people) } }
}

/// A moment that may not have come.
pub(super) fn time_or_dash(milliseconds: Option<i64>) -> Markup {
    milliseconds.map_or_else(|| html! { "–" }, time)
}

/// A commit, short.
pub(super) fn commit(hash: &str) -> Markup {
    let short: String = hash.chars().take(12).collect();
    html! { code { (short) } }
}

/// Links to the next and the newest page of a list.
pub(super) fn paging(what: &str, older: Option<String>, is_newest: bool) -> Markup {
    html! {
        @if older.is_some() || !is_newest {
            nav.paging aria-label={ "Pages of " (what) } {
                @if !is_newest { a href="?" { "Newest " (what) } }
                @if let Some(older) = older { a rel="next" href=(older) { "Older " (what) } }
            }
        }
    }
}

/// A page that says in one sentence what is wrong and in another what to do.
pub(super) fn problem(
    frame: Frame<'_>,
    status: StatusCode,
    sentence: &str,
    way_out: &Markup,
) -> Response {
    let frame = Frame { status, ..frame };
    frame.with(&html! {
        div.notice.bad {
            p { (sentence) }
            p { (way_out) }
        }
    })
}

/// A page for what could not be shown or done.
pub(super) fn failure(frame: Frame<'_>, error: &VcsError) -> Response {
    let root = frame.root;
    let way_out = match error.kind {
        ErrorKind::NOT_FOUND => html! {
            "It may have been removed. " a href=(root) { "To the overview" } "."
        },
        _ => {
            html! { "Try again, or look into the engine's log. " a href=(root) { "To the overview" } "." }
        }
    };
    problem(frame, status_of(error.kind), &error.message, &way_out)
}
