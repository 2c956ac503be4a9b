//! OAuth 2.0: the page on which a person allows access, and the token endpoint.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use url::Url;

use crate::api::auth::read_basic;
use crate::api::call::{BodyKind, Call, Route};
use crate::model::errors::{ApiError, RouteResult};
use crate::model::oauth::{Grant, Rejection, ScopeField};
use crate::model::permissions::{CredentialKind, all_scopes};
use crate::model::response::Response;
use crate::model::tokens::{Credential, Secret, Visibility};
use crate::model::user::User;
use crate::sync::lock;

const AUTHORIZE: &str = "/site/oauth2/authorize";
const ACCESS_TOKEN: &str = "/site/oauth2/access_token";

/// What a client may put into the address of the page. Those of proof keys are
/// known and not looked at.
const AUTHORIZE_PARAMETERS: [&str; 8] = [
    "client_id",
    "response_type",
    "redirect_uri",
    "state",
    "scope",
    "code_challenge",
    "code_challenge_method",
    "prompt",
];

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get(AUTHORIZE, show_page).query(&AUTHORIZE_PARAMETERS),
        Route::post(AUTHORIZE, decide)
            .query(&AUTHORIZE_PARAMETERS)
            .body(BodyKind::Any),
        Route::post(ACCESS_TOKEN, access_token).body(BodyKind::Any),
    ]
}

/// A request for access that was found to be in order.
struct Consent {
    /// Where the person is sent afterwards.
    callback: Url,
    /// The `redirect_uri`, if the client named one.
    redirect_uri: Option<String>,
    state: Option<String>,
    code_flow: bool,
}

impl Consent {
    /// Reads the parameters; an error is a page, since a wrong client or callback
    /// must never be redirected to.
    fn read(call: &Call, parameters: &[(String, String)]) -> Result<Self, ApiError> {
        let value = |name: &str| {
            parameters
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let settings = &call.mock.settings;
        if value("client_id").as_deref() != Some(&settings.client_id) {
            return Err(error_page(
                "Invalid client_id",
                "No OAuth consumer has this key.",
            ));
        }
        let redirect_uri = value("redirect_uri");
        let registered = &settings.callback_urls;
        let callback = match &redirect_uri {
            Some(given) => registered.iter().find(|known| *known == given),
            None => registered.first(),
        };
        let callback = callback
            .and_then(|callback| Url::parse(callback).ok())
            .ok_or_else(|| {
                error_page(
                    "Invalid redirect_uri",
                    "The address is not the callback that is set on the OAuth consumer.",
                )
            })?;
        Ok(Self {
            callback,
            redirect_uri,
            state: value("state"),
            code_flow: value("response_type").as_deref() == Some("code"),
        })
    }

    /// Back to the client, with what came of it.
    fn redirect(mut self, outcome: &[(&str, &str)]) -> Response {
        {
            let mut query = self.callback.query_pairs_mut();
            query.extend_pairs(outcome);
            if let Some(state) = &self.state {
                query.append_pair("state", state);
            }
        }
        Response::empty(302).with_header("location", self.callback)
    }
}

fn error_page(title: &str, text: &str) -> ApiError {
    ApiError::from_response(Response::html(
        400,
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<p>{text}</p>\n</body>\n</html>\n"
        ),
    ))
}

fn show_page(call: &Call) -> RouteResult {
    let consent = Consent::read(call, &call.query)?;
    if !consent.code_flow {
        return Ok(consent.redirect(&[("error", "unsupported_response_type")]));
    }
    let hidden: String = call
        .query
        .iter()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">\n",
                escape(name),
                escape(value)
            )
        })
        .collect();
    let accounts: String = lock(&call.mock.state)
        .users
        .iter()
        .map(|user| {
            format!(
                "<option value=\"{}\">{}</option>\n",
                escape(&user.email),
                escape(&user.display_name)
            )
        })
        .collect();
    Ok(Response::html(
        200,
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Confirm access to your account</title></head>\n<body>\n<h1>Confirm access to your account</h1>\n<p>An application asks for these permissions: {}</p>\n<form method=\"post\" action=\"{AUTHORIZE}\">\n{hidden}<label>Account <select name=\"account\">\n{accounts}</select></label>\n<button type=\"submit\" name=\"action\" value=\"allow\">Grant access</button>\n<button type=\"submit\" name=\"action\" value=\"deny\">Cancel</button>\n</form>\n</body>\n</html>\n",
            escape(&scopes(call).join(" ")),
        ),
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn decide(call: &Call) -> RouteResult {
    let mut parameters = call.form();
    let form = |name: &str| {
        parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    let (action, account) = (form("action"), form("account"));
    parameters.extend(call.query.iter().cloned());
    let consent = Consent::read(call, &parameters)?;
    if !consent.code_flow {
        return Ok(consent.redirect(&[("error", "unsupported_response_type")]));
    }
    match action.as_deref() {
        Some("allow") => {
            let user = account_of(call, account.as_deref())?;
            let code = lock(&call.mock.oauth).issue_code(
                user,
                consent.redirect_uri.clone(),
                call.mock.clock.now(),
            );
            lock(&call.mock.tokens).register_secret(&code);
            Ok(consent.redirect(&[("code", &code)]))
        }
        Some("deny") => Ok(consent.redirect(&[
            ("error", "access_denied"),
            ("error_description", "The request was denied."),
        ])),
        _ => Err(error_page("Bad request", "Choose to allow or to deny.")),
    }
}

fn account_of(call: &Call, email: Option<&str>) -> Result<Arc<User>, ApiError> {
    let state = lock(&call.mock.state);
    match email {
        Some(email) => state.user_by_email(email),
        None => state.users.first().map(Arc::clone),
    }
    .ok_or_else(|| error_page("Bad request", "There is no such account."))
}

/// The scopes of the consumer.
fn scopes(call: &Call) -> Vec<String> {
    lock(&call.mock.oauth)
        .policy
        .scopes
        .clone()
        .unwrap_or_else(|| all_scopes(CredentialKind::OAuth))
}

fn access_token(call: &Call) -> RouteResult {
    authenticate_client(call)?;
    let is_form = call.header("content-type").is_some_and(|kind| {
        kind.split(';').next().map(str::trim) == Some("application/x-www-form-urlencoded")
    });
    if !is_form {
        return Err(reject("invalid_request", "The body has to be a form."));
    }
    let form = call.form();
    let value = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    if value("client_secret").is_some() {
        return Err(reject(
            "invalid_request",
            "The client authenticates by HTTP Basic and not in the body.",
        ));
    }
    let required = |name: &str| {
        value(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| reject("invalid_request", &format!("Required parameter: {name}")))
    };
    let now = call.mock.clock.now();
    match required("grant_type")? {
        "authorization_code" => {
            lock(&call.mock.oauth).counts.code_exchanges += 1;
            let code = required("code")?;
            let grant = lock(&call.mock.oauth).exchange(code, value("redirect_uri"), now);
            Ok(token_response(call, grant.map_err(rejected)?))
        }
        "refresh_token" => {
            lock(&call.mock.oauth).counts.refreshes += 1;
            let token = required("refresh_token")?;
            let grant = lock(&call.mock.oauth).refresh(token, now);
            Ok(token_response(call, grant.map_err(rejected)?))
        }
        "client_credentials" => {
            let mut oauth = lock(&call.mock.oauth);
            oauth.counts.client_credentials += 1;
            oauth.check_lock(now).map_err(rejected)?;
            drop(oauth);
            // The token is that of the consumer itself, not of a person.
            let user = Arc::new(User::sample("OAuth consumer", "consumer@app.invalid"));
            Ok(Response::ok(Value::Object(pair(call, user, None)))
                .with_header("cache-control", "no-store"))
        }
        _ => Err(reject(
            "unsupported_grant_type",
            "Use authorization_code, refresh_token or client_credentials.",
        )),
    }
}

/// The client, by HTTP Basic and in no other way.
fn authenticate_client(call: &Call) -> Result<(), ApiError> {
    let settings = &call.mock.settings;
    let given = call.header("authorization").and_then(read_basic);
    if given
        .is_some_and(|(id, secret)| id == settings.client_id && secret == settings.client_secret)
    {
        return Ok(());
    }
    Err(ApiError::from_response(
        Response::json(
            401,
            json!({
                "error": "invalid_client",
                "error_description": "Unknown OAuth client, or its credentials are wrong.",
            }),
        )
        .with_header("www-authenticate", "Basic realm=\"OAuth\"")
        .with_header("cache-control", "no-store"),
    ))
}

fn rejected(rejection: Rejection) -> ApiError {
    match rejection {
        Rejection::InvalidGrant(text) => reject("invalid_grant", text),
        Rejection::UnauthorizedClient(text) => reject("unauthorized_client", text),
    }
}

fn reject(error: &str, description: &str) -> ApiError {
    ApiError::from_response(
        Response::json(
            400,
            json!({ "error": error, "error_description": description }),
        )
        .with_header("cache-control", "no-store"),
    )
}

fn token_response(call: &Call, grant: Grant) -> Response {
    let pair = pair(call, grant.user, Some(&grant.refresh_token));
    Response::ok(Value::Object(pair)).with_header("cache-control", "no-store")
}

/// A new access token, and what is told about it.
fn pair(call: &Call, user: Arc<User>, refresh_token: Option<&str>) -> Map<String, Value> {
    let scopes = scopes(call);
    let mut oauth = lock(&call.mock.oauth);
    let token = call.mock.ids.text(oauth.policy.access_token_length);
    let lifetime = oauth.policy.access_lifetime;
    oauth.note_access_token(&token);
    let mut response = Map::new();
    response.insert("access_token".into(), json!(token));
    response.insert("token_type".into(), json!("bearer"));
    response.insert("expires_in".into(), json!(lifetime.as_secs()));
    match oauth.policy.scope_field {
        ScopeField::Scope => response.insert("scope".into(), json!(scopes.join(" "))),
        ScopeField::Scopes => response.insert("scopes".into(), json!(scopes.join(" "))),
        ScopeField::Absent => None,
    };
    drop(oauth);
    let mut tokens = lock(&call.mock.tokens);
    if let Some(refresh_token) = refresh_token {
        response.insert("refresh_token".into(), json!(refresh_token));
        tokens.register_secret(refresh_token);
    }
    tokens.add(Credential {
        kind: CredentialKind::OAuth,
        secret: Secret::new(token),
        scopes,
        expires_at: Some(call.mock.clock.now() + lifetime),
        visibility: Visibility::Everything,
        user,
    });
    response
}
