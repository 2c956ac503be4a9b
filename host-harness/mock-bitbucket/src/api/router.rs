//! The table of routes: which address is which operation, and what it takes.

use hyper::Method;

use crate::api::call::Route;
use crate::model::errors::ApiError;

/// A route and the parameters of a path that fits it.
pub(crate) struct Match {
    pub(crate) route: &'static Route,
    pub(crate) parameters: Vec<(&'static str, String)>,
}

/// All routes of the mock.
pub(crate) struct Router {
    routes: &'static [Route],
}

impl Router {
    /// A router over this table.
    pub(crate) fn new(routes: &'static [Route]) -> Self {
        Self { routes }
    }

    /// Finds the operation for a method and an encoded path. One slash at the
    /// end is not looked at, except where a template takes the rest.
    pub(crate) fn find(
        &self,
        method: &Method,
        path: &str,
        lenient: bool,
    ) -> Result<Match, ApiError> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let trimmed = match segments.as_slice() {
            [rest @ .., ""] => rest,
            all => all,
        };
        let mut allowed = Vec::new();
        for route in self.routes {
            let given = if route.takes_the_rest() {
                segments.as_slice()
            } else {
                trimmed
            };
            let Some(parameters) = route.fit(given, lenient) else {
                continue;
            };
            if route.method == *method || (route.method == Method::GET && *method == Method::HEAD) {
                return Ok(Match { route, parameters });
            }
            allowed.push(route.method.as_str());
        }
        if allowed.is_empty() {
            return Err(ApiError::no_api_here());
        }
        Err(
            ApiError::new(405, format!("Method \"{method}\" not allowed."))
                .with_header("allow", allowed.join(", ")),
        )
    }
}
