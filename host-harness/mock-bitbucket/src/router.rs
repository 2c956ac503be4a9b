//! The table of routes: which address is which operation, and what it takes.

use hyper::Method;

use super::call::{Call, decode_segment};
use super::errors::{ApiError, Reply};
use super::pagination::Paging;
use super::routes;
use super::tokens::Permission;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody, without a credential; one that is sent is not looked at.
    Anybody,
    /// Callers with these scopes; for public repositories also without a credential.
    Scopes(Permission),
    /// Like `Scopes`, but access tokens are refused: they are nobody's account.
    Account(Permission),
}

/// What body a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// None; a body that comes is not looked at.
    None,
    /// `application/json`.
    Json,
    /// `application/json` or nothing.
    OptionalJson,
    /// `application/x-www-form-urlencoded` or nothing.
    OptionalForm,
    /// Whatever comes; the handler looks at it.
    Any,
}

/// What runs a route. Handlers are blocking: they run outside of the server's
/// event loop and may start git.
pub(crate) type Handler = fn(&Call) -> Reply;

/// One operation. Made with [`Route::new`] and narrowed by the methods after it.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// `/2.0/repositories/{workspace}/{repo_slug}`; a last `{name*}` takes the
    /// rest of the path, slashes and all.
    pub(crate) template: &'static str,
    pub(crate) access: Access,
    pub(crate) query: &'static [&'static str],
    pub(crate) paging: Paging,
    pub(crate) body: BodyKind,
    pub(crate) handler: Handler,
}

impl Route {
    /// A route that anybody may call, without parameters or body.
    pub(crate) fn new(method: Method, template: &'static str, handler: Handler) -> Self {
        Self {
            method,
            template,
            access: Access::Anybody,
            query: &[],
            paging: Paging::None,
            body: BodyKind::None,
            handler,
        }
    }

    /// A `GET` route.
    pub(crate) fn get(template: &'static str, handler: Handler) -> Self {
        Self::new(Method::GET, template, handler)
    }

    /// A `POST` route.
    pub(crate) fn post(template: &'static str, handler: Handler) -> Self {
        Self::new(Method::POST, template, handler)
    }

    /// A `PUT` route.
    pub(crate) fn put(template: &'static str, handler: Handler) -> Self {
        Self::new(Method::PUT, template, handler)
    }

    /// A `DELETE` route.
    pub(crate) fn delete(template: &'static str, handler: Handler) -> Self {
        Self::new(Method::DELETE, template, handler)
    }

    /// Asks for these scopes.
    pub(crate) fn scopes(mut self, permission: Permission) -> Self {
        self.access = Access::Scopes(permission);
        self
    }

    /// Asks for these scopes and for a credential of a person.
    pub(crate) fn account(mut self, permission: Permission) -> Self {
        self.access = Access::Account(permission);
        self
    }

    /// Takes these query parameters, besides `fields` and those of paging.
    pub(crate) fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
    }

    /// Answers numbered pages.
    pub(crate) fn numbered(mut self, default: usize, most: usize) -> Self {
        self.paging = Paging::Numbered { default, most };
        self
    }

    /// Answers pages with a cursor.
    pub(crate) fn cursor(mut self, default: usize, most: usize) -> Self {
        self.paging = Paging::Cursor { default, most };
        self
    }

    /// Takes a body.
    pub(crate) fn body(mut self, kind: BodyKind) -> Self {
        self.body = kind;
        self
    }

    /// The parameters of a path that fits the template, decoded.
    fn fit(&self, segments: &[&str]) -> Option<Vec<(&'static str, String)>> {
        let mut parameters = Vec::new();
        let mut given = segments.iter();
        for wanted in self.template.split('/').skip(1) {
            match wanted
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            {
                Some(name) => match name.strip_suffix('*') {
                    Some(name) => {
                        let first = given.next()?;
                        let mut rest = decode_segment(first)?;
                        for segment in given.by_ref() {
                            rest.push('/');
                            rest.push_str(&decode_segment(segment)?);
                        }
                        parameters.push((name, rest));
                    }
                    None => {
                        let value = decode_segment(given.next()?)?;
                        if value.is_empty() {
                            return None;
                        }
                        parameters.push((name, value));
                    }
                },
                None if *given.next()? == wanted => {}
                None => return None,
            }
        }
        given.next().is_none().then_some(parameters)
    }

    fn takes_the_rest(&self) -> bool {
        self.template.ends_with("*}")
    }

    /// Whether a query parameter is known here.
    pub(crate) fn knows(&self, parameter: &str) -> bool {
        parameter == "fields"
            || self.query.contains(&parameter)
            || (self.paging != Paging::None && matches!(parameter, "page" | "pagelen"))
    }
}

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
    /// The full table.
    pub(crate) fn new() -> Self {
        static ROUTES: std::sync::OnceLock<Vec<Route>> = std::sync::OnceLock::new();
        Self {
            routes: ROUTES.get_or_init(routes::all),
        }
    }

    /// Finds the operation for a method and an encoded path. One slash at the
    /// end is not looked at, except where a template takes the rest.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Result<Match, ApiError> {
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
            let Some(parameters) = route.fit(given) else {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_encoded_segment() {
        let router = Router::new();
        let encoded = router.find(
            &Method::GET,
            "/2.0/repositories/w/r/refs/branches/feature%2Fa%23b",
        );
        assert_eq!(
            encoded
                .ok()
                .and_then(|found| found.parameters.last().map(|last| last.1.clone())),
            Some("feature/a#b".to_owned())
        );
        let raw = router.find(
            &Method::GET,
            "/2.0/repositories/w/r/refs/branches/feature/a",
        );
        assert_eq!(raw.err().map(|error| error.into_answer().status), Some(404));
    }

    #[test]
    fn a_known_address_with_another_method_is_405() {
        let answer = Router::new()
            .find(&Method::PATCH, "/2.0/user")
            .err()
            .map(ApiError::into_answer);
        assert_eq!(answer.as_ref().map(|answer| answer.status), Some(405));
        assert!(answer.is_some_and(|answer| {
            answer
                .headers
                .contains(&("allow".to_owned(), "GET".to_owned()))
        }));
    }

    #[test]
    fn templates_are_unique() {
        let mut seen = std::collections::HashSet::new();
        for route in routes::all() {
            assert!(
                seen.insert((route.method.clone(), route.template)),
                "{} {} is there twice",
                route.method,
                route.template
            );
        }
    }
}
