//! The page of deliveries: how many came, and why some were rejected.

use super::super::Shared;
use super::super::extract::Query;
use super::html::{Frame, facts, table, time};
use super::viewer::Viewer;
use crate::engine::Counter;
use axum::extract::{Extension, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

const ROOT: &str = "./";

/// Rejected deliveries on one page.
const ITEMS: usize = 50;

#[derive(Deserialize)]
pub(super) struct Options {
    /// How many come before this page's.
    #[serde(default)]
    skip: usize,
}

pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Query(options): Query<Options>,
) -> Response {
    let engine = &shared.engine;
    let counted = |counter| html! { (engine.counters.get(counter)) };
    let reasons: Vec<Vec<Markup>> = engine
        .rejections
        .counts()
        .into_iter()
        .map(|(reason, count)| vec![html! { (reason.replace('_', " ")) }, html! { (count) }])
        .collect();
    let latest = engine.rejections.latest();
    let rows: Vec<Vec<Markup>> = latest
        .iter()
        .skip(options.skip)
        .take(ITEMS)
        .map(|rejected| {
            vec![
                time(rejected.at),
                html! { code { (rejected.hook) "…" } },
                html! { (rejected.reason) },
            ]
        })
        .collect();
    let next = options.skip.saturating_add(ITEMS);
    Frame::of("Deliveries", ROOT, &viewer).with(&html! {
        p.quiet { "Since the engine started." }
        (facts(&[
            ("Accepted", counted(Counter::Accepted)),
            ("Seen before", counted(Counter::Repeated)),
            ("Rejected", counted(Counter::Rejected)),
            ("Failed here", counted(Counter::Failed)),
        ]))
        h2 { "Reasons for rejection" }
        (table(&["Reason", "Deliveries"], &reasons, "No delivery was rejected."))
        h2 { "Latest rejected deliveries" }
        (table(&["When", "Hook", "Reason"], &rows, "No delivery was rejected."))
        @if options.skip > 0 || next < latest.len() {
            nav.paging aria-label="Pages of rejected deliveries" {
                @if options.skip > 0 { a href="?" { "Latest deliveries" } }
                @if next < latest.len() { a rel="next" href={ "?skip=" (next) } { "Older deliveries" } }
            }
        }
    })
}
