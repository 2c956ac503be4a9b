//! Request budgets per credential and group of resources.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::model::response::Response;
use crate::sync::lock;

/// How many requests a credential may make in a window, per group of resources.
///
/// Bitbucket Cloud allows 1,000 an hour for repositories and for webhooks. The
/// mock counts only when it is told a budget, so that tests with many requests
/// do not run into it unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in one window.
    pub requests: u32,
    /// Length of the window on the mock's clock.
    pub window: Duration,
}

impl RateLimit {
    /// So many requests an hour.
    #[must_use]
    pub fn per_hour(requests: u32) -> Self {
        Self {
            requests,
            window: Duration::from_secs(3600),
        }
    }
}

/// Where a budget stands after one more request.
pub(crate) struct QuotaStatus {
    limit: RateLimit,
    resource: &'static str,
    used: u32,
    left_in_window: Duration,
}

impl QuotaStatus {
    /// Whether the request is one too many.
    pub(crate) fn exceeded(&self) -> bool {
        self.used > self.limit.requests
    }

    /// The headers that tell the client.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let near = self.used.saturating_mul(5) >= self.limit.requests.saturating_mul(4);
        vec![
            (
                "x-ratelimit-limit".to_owned(),
                format!(
                    "{0}, {0};w={1}",
                    self.limit.requests,
                    self.limit.window.as_secs()
                ),
            ),
            ("x-ratelimit-resource".to_owned(), self.resource.to_owned()),
            ("x-ratelimit-nearlimit".to_owned(), near.to_string()),
            (
                "x-ratelimit-reset".to_owned(),
                self.left_in_window.as_secs().max(1).to_string(),
            ),
        ]
    }
}

/// The response to a request over budget: plain text, no `Retry-After`.
pub(crate) fn exceeded() -> Response {
    Response::text(429, "Rate limit for this resource has been exceeded")
}

/// When a window began and how many requests it has seen.
type Window = (Duration, u32);

/// Counts requests.
pub(crate) struct RateLimiter {
    limit: Mutex<Option<RateLimit>>,
    windows: Mutex<HashMap<(String, &'static str), Window>>,
}

impl RateLimiter {
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        Self {
            limit: Mutex::new(limit),
            windows: Mutex::default(),
        }
    }

    /// Sets or lifts the budget; counting starts anew.
    pub(crate) fn set(&self, limit: Option<RateLimit>) {
        *lock(&self.limit) = limit;
        lock(&self.windows).clear();
    }

    /// Counts one request of `who` against the budget of the route's group.
    pub(crate) fn count(&self, who: &str, template: &str, now: Duration) -> Option<QuotaStatus> {
        let limit = (*lock(&self.limit))?;
        let resource = resource_of(template);
        let mut windows = lock(&self.windows);
        let window = windows
            .entry((who.to_owned(), resource))
            .or_insert((now, 0));
        if now.saturating_sub(window.0) >= limit.window {
            *window = (now, 0);
        }
        window.1 = window.1.saturating_add(1);
        Some(QuotaStatus {
            limit,
            resource,
            used: window.1,
            left_in_window: (window.0 + limit.window).saturating_sub(now),
        })
    }
}

/// The group of resources a route is counted under.
fn resource_of(template: &str) -> &'static str {
    if template.contains("/hooks") {
        "api-webhooks"
    } else if template.contains("/src/") {
        "api-raw-files"
    } else if template.starts_with("/2.0/repositories") {
        "api-repositories"
    } else {
        "api-other"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_per_credential_and_resource_and_comes_back() {
        let limiter = RateLimiter::new(Some(RateLimit::per_hour(1)));
        let exceeded = |who, template, seconds| {
            limiter
                .count(who, template, Duration::from_secs(seconds))
                .is_some_and(|quota| quota.exceeded())
        };
        let repositories = "/2.0/repositories/{workspace}";
        assert!(!exceeded("a", repositories, 0));
        assert!(exceeded("a", repositories, 1));
        assert!(!exceeded("b", repositories, 1));
        assert!(!exceeded("a", "/2.0/x/hooks", 1));
        assert!(!exceeded("a", repositories, 3600));
    }
}
